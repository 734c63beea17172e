"""What the readers of spreadsheet formats share: sheets of cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from index.load.parts import Facts
from index.load.tables.cells import Cell

MAX_COLUMNS = 16_384
"""Of a sheet, in every program that writes them."""

MAX_ROWS = 1_048_576

Row = tuple[int, Sequence[Cell]]
"""A row's number and those of its cells that show something, from left to right; there is at least one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One sheet; ``rows`` come from top to bottom, and only once. Taking them may raise Unreadable."""

    name: str
    rows: Iterator[Row]
    hidden: bool = False


@dataclass(slots=True, kw_only=True)
class Workbook:
    """A spreadsheet document; each sheet is to be taken before the next."""

    sheets: Iterator[Sheet]
    facts: Facts = field(default_factory=Facts)
    notes: list[str] = field(default_factory=list)
    """What is left out; complete once all sheets are taken."""
