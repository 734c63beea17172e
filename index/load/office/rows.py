"""Tables of documents, whose cells may span columns: each row reads so that it makes sense alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from index.load.assemble import LINE, PARAGRAPH, Assembly
from index.load.parts import whole

MAX_NAME = 100
"""Characters of a column's name; a table with a longer one at its head has no names there, but text."""
_WIDEST = 1_000
"""Columns that a cell is taken to span at most; what says more is damaged, and would take memory for each."""


def span_of(raw: str | None, otherwise: int = 1) -> int:
    """Return how many columns a cell says that it spans."""
    return min(max(otherwise, whole(raw, otherwise)), _WIDEST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What a cell says, on one line, and how many columns it is wide."""

    words: str
    span: int = 1
    strong: bool = False
    """Set in bold, or in a style for column names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of a table; a cell that reaches down from the row above stands in both."""

    cells: tuple[Cell, ...]
    number: int = 0
    """Of the unit on which it stands."""
    names: bool = False
    """The document itself says that this row holds names of columns."""

    @property
    def words(self) -> tuple[str, ...]:
        """What the cells say, without those that say nothing."""
        return tuple(cell.words for cell in self.cells if cell.words)


def add_table(assembly: Assembly, rows: Sequence[Row]) -> None:
    """Add the rows of a table that have words; where column names are known, each as ``Name: value; Name: value``."""
    rows = [row for row in rows if row.words]
    heads = _heads(rows)
    names = _names(rows[:heads])
    before = PARAGRAPH
    for at, row in enumerate(rows):
        if at < heads:
            assembly.block("header", "\t".join(row.words), row.number, before=before)
        else:
            assembly.block("row", _sentence(row, names), row.number, before=before)
        before = LINE


def _heads(rows: Sequence[Row]) -> int:
    """Return how many rows at the top hold names: as the document says, or else one whose every cell is in bold."""
    heads = 0
    while heads < len(rows) and rows[heads].names:
        heads += 1
    if not heads and len(rows) > 1 and _stands_out(rows[0]) and not _stands_out(rows[1]):
        heads = 1
    names = [words for row in rows[:heads] for words in row.words]
    return 0 if heads == len(rows) or any(len(words) > MAX_NAME for words in names) else heads


def _stands_out(row: Row) -> bool:
    return len(row.words) > 1 and all(cell.strong for cell in row.cells if cell.words)


def _names(heads: Sequence[Row]) -> list[str]:
    """Return the name of each column; those of several rows are joined from top to bottom."""
    names: list[list[str]] = []
    for row in heads:
        at = 0
        for cell in row.cells:
            names += [[] for _ in range(at + cell.span - len(names))]
            for one in names[at : at + cell.span]:
                if cell.words and cell.words not in one:
                    one.append(cell.words)
            at += cell.span
    return [" ".join(parts).rstrip(":") for parts in names]


def _sentence(row: Row, names: Sequence[str]) -> str:
    if not names:
        return "\t".join(row.words)
    if len(row.words) == 1 and len(names) > 1 and row.cells[0].words and row.cells[0].span >= len(names):
        return row.words[0]  # a title over the rows below it
    parts: list[str] = []
    at = 0
    for cell in row.cells:
        name = names[at] if at < len(names) else ""
        if cell.words:
            parts.append(f"{name}: {cell.words}" if name else cell.words)
        at += cell.span
    return "; ".join(parts)
