"""Tables row by row, so that every row makes sense alone."""

from __future__ import annotations

from collections.abc import Sequence

from index.load.assemble import LINE, PARAGRAPH, Assembly, Run
from index.load.limits import Limits
from index.load.tables.cells import WORDS, Cell
from index.load.tables.column_names import Columns, find_tables

LOOK = 20
"""Rows that are looked at before it is decided which of them, if any, holds the column names."""
_PROSE = 120
"""Characters from which on the only cell of a row is a paragraph."""


class Table:
    """Adds the rows of tables to an assembly, up to the limit on characters.

    Rows below column names read ``Name: value; Name: value``; without names, tabs stand between the cells. Of tables
    side by side, each has its own line.
    """

    def __init__(self, assembly: Assembly, limits: Limits, *, columns: bool, likely: bool = False) -> None:
        """``columns`` tells whether places have columns, ``likely`` whether the format mostly has column names."""
        self._assembly = assembly
        self._limits = limits
        self._columns = columns
        self._likely = likely
        self._waiting: list[tuple[int, Sequence[Cell]]] = []
        self._parts: list[_Part] = []
        self._wide = False
        self._before = PARAGRAPH
        self.last = 0
        """Number of the last row that was added."""
        self.full = False
        """True once a row had no room; it and all that follow are left out."""

    def row(self, number: int, cells: Sequence[Cell]) -> bool:
        """Add a row of at least one cell, from left to right, each with words in it; False if there is no more room."""
        if self._parts:
            self._put(number, cells)
        else:
            self._waiting.append((number, cells))
            if len(self._waiting) >= LOOK:
                self._begin()
        return not self.full

    def end(self) -> bool:
        """End a table, as an empty row or the end of the sheet does; False if there is no more room."""
        self._begin()
        self._parts, self._before = [], PARAGRAPH
        return not self.full

    def _begin(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        tables = find_tables([cells for _, cells in waiting], likely=self._likely)
        self._parts = [_Part(table, waiting[table.at][0]) for table in tables]
        self._wide = any(len(cells) > 1 for _, cells in waiting)
        for number, cells in waiting:
            self._put(number, cells)

    def _put(self, number: int, cells: Sequence[Cell]) -> None:
        if len(self._parts) == 1:
            self._put_part(number, cells, self._parts[0])
            return
        at = 0
        for part in self._parts:
            end = at
            while end < len(cells) and (cells[end][0] <= part.columns.last or part is self._parts[-1]):
                end += 1
            if end > at:
                self._put_part(number, cells[at:end], part)
            at = end

    def _put_part(self, number: int, cells: Sequence[Cell], part: _Part) -> None:
        if self.full:
            return
        kind, before, between = "row", self._before, "; "
        alone = len(cells) == 1 and cells[0][2] in WORDS
        names = part.names if number >= part.since else {}
        if names and all(part.heads.get(column) == words for column, words, _ in cells):
            kind, between = "header", "\t"
        elif not names:
            between = "\t"
            if alone and len(self._parts) == 1 and (self._wide or len(cells[0][1]) >= _PROSE):
                # a title or remark above a table, or a sheet of paragraphs
                kind, before = "text", PARAGRAPH
        elif not (alone and cells[0][0] == part.columns.first):
            cells = [(column, f"{names[column]}: {w}" if column in names else w, k) for column, w, k in cells]
        runs = self._runs(number, cells, between)
        if self._assembly.length + len(before) + sum(len(words) for words, _, _ in runs) > self._limits.characters:
            self.full = True
            return
        self._assembly.runs(kind, runs, before=before)
        self._before = PARAGRAPH if kind == "text" else LINE
        self.last = number

    def _runs(self, number: int, cells: Sequence[Cell], between: str) -> list[Run]:
        """Return each cell with its place; what stands between two cells belongs to the left one."""
        last = len(cells) - 1
        return [
            (words if i == last else words + between, number, column if self._columns else 0)
            for i, (column, words, _) in enumerate(cells)
        ]


class _Part:
    """One of the tables in hand: its names are in force from row ``since`` on."""

    def __init__(self, columns: Columns, since: int) -> None:
        self.columns = columns
        self.since = since
        self.heads = columns.heads
        self.names = columns.names
