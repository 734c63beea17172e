"""XLS: the cells of each sheet as they are shown, with xlrd, which knows the number formats of Excel 2.0 to 2003."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

import xlrd
from xlrd.compdoc import CompDocError

from index.load.clean import counted, one_line
from index.load.limits import Unreadable
from index.load.tables.cellformat import Shown, formatter
from index.load.tables.cells import BOLD, OTHER, TEXT, Cell
from index.load.tables.workbook import Row, Sheet, Workbook

_DAMAGE = (
    xlrd.XLRDError,
    CompDocError,
    struct.error,
    ArithmeticError,
    AssertionError,
    AttributeError,
    IndexError,
    KeyError,
    TypeError,
    UnicodeError,
    ValueError,
)
"""What xlrd raises over damaged files: it follows what they say and checks little of it before."""

_HIDDEN, _VERY_HIDDEN = 1, 2
_BOLD = 600
"""The least weight of bold letters."""


def read_xls(data: bytes) -> Workbook:
    """Return a workbook. Raises Unreadable where it is damaged or encrypted."""
    try:
        book = xlrd.open_workbook(
            file_contents=data, logfile=io.StringIO(), formatting_info=True, ragged_rows=True, on_demand=True
        )
    except _DAMAGE as error:
        if "encrypted" in str(error):
            raise Unreadable("encrypted: save it without a password") from error
        raise Unreadable(f"damaged or truncated ({_said(error)})") from error
    notes: list[str] = []
    return Workbook(sheets=_sheets(book, notes), notes=notes)


def _sheets(book: xlrd.Book, notes: list[str]) -> Iterator[Sheet]:
    apart: list[str] = []
    formats = _Formats(book)
    for index in range(book.nsheets):
        try:
            sheet = book.sheet_by_index(index)
        except _DAMAGE as error:
            raise Unreadable(f"damaged: sheet {index + 1} of {book.nsheets} ({_said(error)})") from error
        name = one_line(sheet.name)
        if sheet.visibility == _VERY_HIDDEN:
            apart.append(name)
        else:
            yield Sheet(name=name, rows=_rows(sheet, formats), hidden=sheet.visibility == _HIDDEN)
        book.unload_sheet(index)
    if apart:
        notes.append(f"left out {counted(len(apart), 'sheet{s}')} that no one can unhide: {', '.join(apart)}")


def _rows(sheet: xlrd.sheet.Sheet, formats: _Formats) -> Iterator[Row]:
    for at in range(sheet.nrows):
        cells: list[Cell] = []
        for column in range(sheet.row_len(at)):
            kind = sheet.cell_type(at, column)
            if kind not in (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK):
                words, seen = formats.shown(kind, sheet.cell_value(at, column), sheet.cell_xf_index(at, column))
                if words:
                    cells.append((column + 1, words, seen))
        if cells:
            yield at + 1, cells


class _Formats:
    """What cells show in the styles of a workbook."""

    def __init__(self, book: xlrd.Book) -> None:
        self._book = book
        self._from_1904 = book.datemode == 1

    def shown(self, kind: int, value: str | float, style: int) -> Shown:
        """Return what a cell of xlrd's ``kind`` shows, and its own kind."""
        if kind == xlrd.XL_CELL_BOOLEAN:
            return ("TRUE" if value else "FALSE"), OTHER
        if kind == xlrd.XL_CELL_ERROR:
            return xlrd.error_text_from_code.get(value, "#ERROR"), OTHER
        code, bold = self._style(style)
        if isinstance(value, str):
            return one_line(value), BOLD if bold else TEXT
        return formatter(code, from_1904=self._from_1904)(value)

    def _style(self, number: int) -> tuple[str, bool]:
        """Return the number format of a style, and whether it is bold; a damaged file may have no such style."""
        book = self._book
        if not 0 <= number < len(book.xf_list):
            return "General", False
        style = book.xf_list[number]
        known = book.format_map.get(style.format_key)
        font = book.font_list[style.font_index] if 0 <= style.font_index < len(book.font_list) else None
        return (known and known.format_str) or "General", font is not None and bool(font.weight >= _BOLD or font.bold)


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
