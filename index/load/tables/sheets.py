"""Spreadsheets (XLSX, XLS and ODS): each sheet a section, each row a line that makes sense alone."""

from __future__ import annotations

import re
from itertools import chain

from index.load.assemble import Assembly
from index.load.limits import Limits, Unreadable
from index.load.ole import OLE
from index.load.parts import Parts
from index.load.tables.cells import WORDS
from index.load.tables.sheet_ods import read_ods
from index.load.tables.sheet_xls import read_xls
from index.load.tables.sheet_xlsx import read_xlsx
from index.load.tables.table import Table
from index.load.tables.workbook import Row, Sheet, Workbook
from index.records import Extract

_ZIP = b"PK"
_NO_NAME = re.compile(
    r"(?:sheet|tabelle|feuille?|hoja|foglio|planilha|folha|blad|ark|taul|arkusz|list|munka|лист|аркуш|シート|工作表)"
    r"[ _]?\d*",
    re.IGNORECASE,
)
"""What programs call a sheet that no one has named."""

_MAX_TITLE = 120


def extract_sheets(data: bytes, limits: Limits) -> Extract:
    """Read all sheets but those that no one can unhide; a hidden one is read, and the notes say so.

    A table's row of column names is found where it is unmistakable; its rows then read ``Name: value; Name: value``,
    else with tabs between their cells. Cells read as they are shown, dates as ISO 8601 writes them, formulas as
    their stored values. Raises Unreadable where the file is damaged, encrypted, or no spreadsheet.
    """
    if data.startswith(OLE):
        return _read(read_xls(data), limits)
    if not data.startswith(_ZIP):
        raise Unreadable("no spreadsheet of a kind that is read")
    with Parts(data, limits) as parts:
        return _read(read_ods(parts) if "content.xml" in parts else read_xlsx(parts), limits)


def _read(book: Workbook, limits: Limits) -> Extract:
    reader = _Reader(limits)
    for sheet in book.sheets:
        reader.sheet(sheet)
    return reader.finish(book)


class _Reader:
    """Puts the sheets of a workbook one below the other."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._assembly = Assembly("cell")
        self._table = Table(self._assembly, limits, columns=True)
        self._names: list[str] = []
        self._above = ""
        self._left_out: list[str] = []

    def sheet(self, sheet: Sheet) -> None:
        """Add a sheet; one without a cell that shows something is passed over."""
        first = next(sheet.rows, None)
        if first is None:
            return
        if self._table.full:
            self._left_out.append(sheet.name)
            return
        second = next(sheet.rows, None)
        if not self._names:
            self._above = _words_above(first, second)
        self._names.append(sheet.name)
        self._assembly.part(sheet.name)
        self._head(sheet.name, first)
        if sheet.hidden:
            self._assembly.notes.append(f"hidden sheet, read like the others: {sheet.name}")
        last = first[0]
        for number, cells in chain((first,), (second,) if second else (), sheet.rows):
            if number > last + 1:
                self._table.end()
            if not self._table.row(number, cells):
                break
            last = number
        if not self._table.end():
            self._assembly.notes.append(
                f"sheet {sheet.name}: rows after {self._table.last} left out: "
                f"more than {self._limits.characters:,} characters"
            )

    def _head(self, name: str, first: Row) -> None:
        self._assembly.sections.enter(1, name)
        # a workbook is not called like the first of its sheets: finish knows better
        self._assembly.sections.title = ""
        self._assembly.runs("heading", [(name, first[0], first[1][0][0])])

    def finish(self, book: Workbook) -> Extract:
        """Return the document, titled by its metadata, the words above its first table, or its only sheet."""
        notes = self._assembly.notes
        if self._left_out:
            notes.append(f"sheets left out: {', '.join(self._left_out)}")
        notes += book.notes
        only = self._names[0] if len(self._names) == 1 else ""
        named = "" if _NO_NAME.fullmatch(only) else only
        title = book.facts.title or self._above or named
        return self._assembly.finish(title=title, author=book.facts.author, date=book.facts.date)


def _words_above(row: Row, below: Row | None) -> str:
    """Return the words of the first row where they stand alone above something else, as a title does."""
    number, cells = row
    if below is None or (below[0] == number + 1 and len(below[1]) == 1):
        return ""
    _, words, kind = cells[0]
    return words if len(cells) == 1 and kind in WORDS and len(words) <= _MAX_TITLE else ""
