"""ODS: the cells of each sheet with the text that the file itself says they show.

Source: OpenDocument 1.3 part 3, 9.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from lxml import etree

from index.load.clean import counted, one_line
from index.load.parts import Parts, local, open_document_facts, refuse_encrypted, whole
from index.load.tables.cells import BOLD, DATE, NUMBER, OTHER, TEXT, Cell
from index.load.tables.workbook import MAX_COLUMNS, MAX_ROWS, Row, Sheet, Workbook

_CONTENT = "content.xml"
_KINDS = {"float": NUMBER, "percentage": NUMBER, "currency": NUMBER, "date": DATE, "time": DATE, "boolean": OTHER}
_SPACES = frozenset("s tab line-break p h".split())
_APART = frozenset("annotation frame custom-shape g ruby-text table".split())
_LEFT_OUT = (
    (re.compile(r"pictures/[^/]+", re.IGNORECASE), "picture{s}"),
    (re.compile(r"object [0-9]+/content\.xml", re.IGNORECASE), "chart{s} or other object{s}"),
)


def read_ods(parts: Parts) -> Workbook:
    """Return the workbook in an archive. Raises Unreadable where it is damaged or encrypted."""
    refuse_encrypted(parts)
    notes: list[str] = []
    facts = open_document_facts(parts.root("meta.xml"))
    return Workbook(sheets=_Reader(parts, notes).sheets(), facts=facts, notes=notes)


class _Reader:
    """Takes the sheets from one pass over the content."""

    def __init__(self, parts: Parts, notes: list[str]) -> None:
        self._parts = parts
        self._notes = notes
        self._bold: set[str] = set()
        self._hidden: set[str] = set()
        self._comments = 0

    def sheets(self) -> Iterator[Sheet]:
        """Yield the sheets, but the copies of other files' sheets that links keep."""
        for table, rows in groupby(self._rows(), key=lambda pair: pair[0]):
            name = one_line(_value(table, "name"))
            if "'#$" not in name:
                hidden = _value(table, "style-name") in self._hidden
                yield Sheet(name=name, rows=self._numbered(row for _, row in rows), hidden=hidden)
        if self._comments:
            self._notes.append(f"left out {counted(self._comments, 'comment{s}')}")
        for pattern, what in _LEFT_OUT:
            if count := sum(pattern.fullmatch(name) is not None for name in self._parts):
                self._notes.append(f"left out {counted(count, what)}")

    def _rows(self) -> Iterator[tuple[etree._Element, etree._Element]]:
        """Yield each row with its sheet."""
        for element in self._parts.elements(_CONTENT, "style", "table-row"):
            if local(element) == "style":
                self._learn(element)
                continue
            table = next((e for e in element.iterancestors("{*}table") if local(e.getparent()) == "spreadsheet"), None)
            if table is not None:
                yield table, element

    def _learn(self, style: etree._Element) -> None:
        name = _value(style, "name")
        for part in style:
            if local(part) == "text-properties" and _value(part, "font-weight") in ("bold", "700", "800", "900"):
                self._bold.add(name)
            if local(part) == "table-properties" and _value(part, "display") == "false":
                self._hidden.add(name)

    def _numbered(self, rows: Iterator[etree._Element]) -> Iterator[Row]:
        number = 1
        for row in rows:
            times = _times(row, "number-rows-repeated")
            cells = self._cells(row)
            if cells:
                for again in range(number, min(number + times, MAX_ROWS + 1)):
                    yield again, cells
            number += times

    def _cells(self, row: etree._Element) -> list[Cell]:
        cells: list[Cell] = []
        column = 1
        for element in row:
            times = _times(element, "number-columns-repeated")
            # a cell that another one covers shows nothing
            if local(element) == "table-cell" and len(element):
                words, kind = self._shown(element)
                if words:
                    last = min(column + times, MAX_COLUMNS + 1)
                    cells += [(at, words, kind) for at in range(column, last)]
            column += times
        return cells

    def _shown(self, cell: etree._Element) -> tuple[str, str]:
        kind = _KINDS.get(_value(cell, "value-type"), TEXT)
        self._comments += sum(local(part) == "annotation" for part in cell)
        if kind == DATE and (day := _value(cell, "date-value")):
            return day.replace("T", " ").removesuffix(" 00:00:00"), DATE
        words = one_line(_words(cell))
        if kind == TEXT and _value(cell, "style-name") in self._bold:
            kind = BOLD
        return words, kind


def _words(element: etree._Element) -> str:
    """Return the text in an element, without comments and drawings."""
    words: list[str] = []
    waiting: list[etree._Element | str] = [element]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            words.append(part)
            continue
        name = local(part)
        if not name or name in _APART:
            continue
        words += [" " if name in _SPACES else "", part.text or ""]
        for inner in reversed(part):
            waiting += [inner.tail or "", inner]
    return "".join(words)


def _value(element: etree._Element, name: str) -> str:
    """Return an attribute by its local name; office:value-type comes before newer programs' own."""
    return next((value for key, value in element.items() if key.endswith("}" + name)), "")


def _times(element: etree._Element, name: str) -> int:
    return max(1, whole(_value(element, name)))
