"""Delimited text (CSV, TSV and their kin): each record a line that makes sense alone."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from index.load.assemble import Assembly
from index.load.clean import one_line
from index.load.decode import decode
from index.load.limits import Limits
from index.load.tables.cells import Cell
from index.load.tables.dialect import Dialect, find_dialect, kind_of, records_of
from index.load.tables.table import Table
from index.records import Extract

_MOST_LINES, _LEAST_LINES = 2_000, 100
"""Lines of the longest record; a quote that is still open then was never meant as one. Each such quote halves it."""
_LONGEST = 2**31 - 1
"""Characters of a value; the library's own limit is lower than what real files hold."""
_SHOWN = 5
"""Numbers that a note names."""


def extract_delimited(data: bytes, limits: Limits) -> Extract:
    """Read records as rows; the number of a row is the one that spreadsheet programs show.

    Delimiter, quotes and encoding are found out. Values stay as they are written. Raises Unreadable where the bytes
    are no text.
    """
    csv.field_size_limit(_LONGEST)
    text, encoding = decode(data)
    dialect = find_dialect(text)
    assembly = Assembly("row")
    table = Table(assembly, limits, columns=False, likely=True)
    stray: list[int] = []
    for number, record in _records(text, dialect, stray):
        cells = _cells(record)
        if cells and not table.row(number, cells):
            break
    if not table.end():
        assembly.notes.append(f"rows after {table.last} left out: more than {limits.characters:,} characters")
    if stray:
        more = f" and {len(stray) - _SHOWN} more" if len(stray) > _SHOWN else ""
        rows = ", ".join(map(str, stray[:_SHOWN])) + more
        assembly.notes.append(f"a quote that never ends, taken as it stands: row{'s' * (len(stray) > 1)} {rows}")
    return assembly.finish(encoding=encoding)


def _cells(record: list[str]) -> list[Cell]:
    cells: list[Cell] = []
    for column, raw in enumerate(record, 1):
        words = one_line(raw)
        if words:
            cells.append((column, words, kind_of(words)))
    return cells


class _EndlessError(Exception):
    """A record goes over more lines than any does."""


class _Lines:
    """The lines of a text; at most ``most`` of them until ``taken`` is set back to 0."""

    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream
        self.taken = 0
        self.most = _MOST_LINES

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.taken == self.most:
            raise _EndlessError
        line = self._stream.readline()
        if not line:
            raise StopIteration
        self.taken += 1
        return line


def _records(text: str, dialect: Dialect, stray: list[int]) -> Iterator[tuple[int, list[str]]]:
    """Yield the records with their numbers; those of which a quote never ends are also added to ``stray``.

    Such a quote would take the rest of the file for one value; its line is read again as if quotes meant nothing.
    """
    stream = io.StringIO(text, newline="")
    stream.seek(dialect.hint)
    lines = _Lines(stream)
    reader = records_of(lines, dialect.delimiter, dialect.escapes)
    number = 2 if dialect.hint else 1
    while True:
        begin, lines.taken = stream.tell(), 0
        try:
            record = next(reader, None)
            endless = lines.taken > 1 and stream.tell() == len(text) and _quotes(text, begin, dialect) % 2 == 1
        except _EndlessError:
            record, endless = [], True
        if record is None:
            return
        if endless:
            stray.append(number)
            lines.most = max(_LEAST_LINES, lines.most // 2)
            stream.seek(begin)
            record = stream.readline().split(dialect.delimiter or None, -1 if dialect.delimiter else 0)
            reader = records_of(lines, dialect.delimiter, dialect.escapes)
        yield number, record
        number += 1


def _quotes(text: str, begin: int, dialect: Dialect) -> int:
    return text.count('"', begin) - (text.count('\\"', begin) if dialect.escapes else 0)
