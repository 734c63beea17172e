"""Tables of RTF: rows of cells whose right edges alone tell which columns they cover."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

from index.load.assemble import Assembly
from index.load.office.rows import Cell, Row, add_table

_CLOSE = 60
"""Twentieths of a point within which two edges are the same."""


@dataclass(slots=True, kw_only=True)
class Definition:
    """How the cells of a row are laid out."""

    names: bool = False
    edges: list[int] = field(default_factory=list)
    """Right edge of each cell, in twentieths of a point."""
    merged: list[str] = field(default_factory=list)
    """Of each cell: ``left`` or ``above`` where it is one with the cell there."""
    next: str = ""
    """Of the cell that is being defined."""


class Table:
    """A table in the making."""

    def __init__(self) -> None:
        self.cells: list[Cell] = []
        """Of the row that is not finished."""
        self._rows: list[tuple[list[Cell], Definition, int]] = []

    def row(self, definition: Definition, number: int) -> None:
        """End a row, which stands at ``number``."""
        self._rows.append((self.cells, definition, number))
        self.cells = []

    def add_to(self, assembly: Assembly) -> None:
        """Add the table; one of a single column only arranges text, and is read as paragraphs."""
        if all(len(cells) < 2 for cells, _, _ in self._rows):
            for cells, _, number in self._rows:
                for cell in cells:
                    assembly.block("text", cell.words, number)
            return
        edges: list[int] = []
        for edge in sorted(edge for _, definition, _ in self._rows for edge in definition.edges):
            if not edges or edge - edges[-1] > _CLOSE:
                edges.append(edge)
        above: dict[int, Cell] = {}
        rows: list[Row] = []
        for cells, definition, number in self._rows:
            above = _placed(cells, definition, edges, above)
            rows.append(Row(cells=tuple(above.values()), number=number, names=definition.names))
        add_table(assembly, rows)


def _placed(cells: list[Cell], definition: Definition, edges: list[int], above: dict[int, Cell]) -> dict[int, Cell]:
    """Return the cells of a row by their first column; one that is merged with the cell above it says the same."""
    found: dict[int, Cell] = {}
    column = last = 0
    for at, cell in enumerate(cells):
        known = at < len(definition.edges)
        end = bisect_left(edges, definition.edges[at] - _CLOSE) + 1 if known else column + 1
        span = max(1, end - column)
        merged = definition.merged[at] if known else ""
        if merged == "left" and found:
            before = found[last]
            words = f"{before.words} {cell.words}".strip()
            found[last] = Cell(words=words, span=before.span + span, strong=before.strong)
        else:
            says = above[column].words if merged == "above" and column in above and not cell.words else cell.words
            found[column] = Cell(words=says, span=span, strong=cell.strong)
            last = column
        column += span
    return found
