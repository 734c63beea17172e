"""XLSX: the cells of each sheet as they are shown, read as a stream, so that a sheet costs what it holds.

Source: ECMA-376 part 1, 18. Of the libraries, calamine knows no number formats and takes memory for every cell that
a sheet spans, and openpyxl takes longer and stumbles over what it does not expect.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from operator import itemgetter

from lxml import etree

from index.load.clean import counted, one_line
from index.load.limits import Unreadable
from index.load.parts import Parts, links, local, office_facts, whole
from index.load.tables.cellformat import BUILT_IN, Shown, formatter
from index.load.tables.cells import BOLD, DATE, NUMBER, OTHER, TEXT, Cell
from index.load.tables.workbook import MAX_COLUMNS, Row, Sheet, Workbook

_DIGITS = "0123456789"
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_COMMENTS = re.compile(r"xl/(?:comments[^/]*|comments/[^/]+)\.xml", re.IGNORECASE)
_PARTS = (
    (re.compile(r"xl/media/[^/]+", re.IGNORECASE), "picture{s}"),
    (re.compile(r"xl/charts/chart[^/]*\.xml", re.IGNORECASE), "chart{s}"),
)


def read_xlsx(parts: Parts) -> Workbook:
    """Return the workbook in an archive. Raises Unreadable where it is damaged."""
    main = next((path for kind, path in links(parts, "").values() if kind == "officeDocument"), "xl/workbook.xml")
    root = parts.root(main)
    if root is None:
        raise Unreadable(f"damaged: {main} is missing")
    book = _Book(parts, main, root)
    return Workbook(sheets=book.sheets(), facts=office_facts(parts), notes=book.notes)


class _Book:
    """Hands out the sheets of a workbook, and knows what they share: strings and styles."""

    def __init__(self, parts: Parts, main: str, root: etree._Element) -> None:
        self.notes: list[str] = []
        self._parts = parts
        self._root = root
        self._links = links(parts, main)
        self._unknown = 0
        properties = next(root.iter("{*}workbookPr"), None)
        self._from_1904 = properties is not None and properties.get("date1904") in ("1", "true")
        self._styles = self._read_styles()
        self._strings: list[str] | None = None

    def _path(self, kind: str) -> str:
        return next((path for found, path in self._links.values() if found == kind), "")

    def sheets(self) -> Iterator[Sheet]:
        """Yield the sheets in the workbook's order, but those that no one can unhide."""
        apart: list[str] = []
        charts: list[str] = []
        for entry in self._root.iter("{*}sheet"):
            name = one_line(entry.get("name", ""))
            link = next((value for key, value in entry.items() if key.rpartition("}")[2] == "id"), "")
            kind, path = self._links.get(link, ("", ""))
            state = entry.get("state", "visible")
            if kind == "chartsheet":
                charts.append(name)
            elif kind == "worksheet" and state == "veryHidden":
                apart.append(name)
            elif kind == "worksheet":
                yield Sheet(name=name, rows=self._rows(path), hidden=state == "hidden")
        if apart:
            self.notes.append(f"left out {counted(len(apart), 'sheet{s}')} that no one can unhide: {', '.join(apart)}")
        if charts:
            self.notes.append(f"left out {counted(len(charts), 'chart sheet{s}')}: {', '.join(charts)}")
        self._note_rest()

    def _note_rest(self) -> None:
        if self._unknown:
            formulas = counted(self._unknown, "formula{s} without a stored value")
            self.notes.append(f"left out {formulas}: save it in a spreadsheet program")
        for pattern, what in _PARTS:
            if count := sum(pattern.fullmatch(name) is not None for name in self._parts):
                self.notes.append(f"left out {counted(count, what)}")
        paths = [name for name in self._parts if _COMMENTS.fullmatch(name)]
        if comments := sum(1 for path in paths for _ in self._parts.elements(path, "comment")):
            self.notes.append(f"left out {counted(comments, 'comment{s}')}")

    def _read_styles(self) -> list[tuple[Callable[[float], Shown], bool]]:
        """Return for each style of cells what shows its numbers, and whether it is bold."""
        root = self._parts.root(self._path("styles")) if self._path("styles") else None
        if root is None:
            return []
        codes = dict(BUILT_IN)
        for entry in root.iter("{*}numFmt"):
            if entry.get("numFmtId", "").isdigit():
                codes[int(entry.get("numFmtId", ""))] = entry.get("formatCode", "General")
        bold = [
            any(local(part) == "b" and part.get("val") not in ("0", "false") for part in font)
            for font in root.iterfind("{*}fonts/{*}font")
        ]
        styles = []
        for style in root.iterfind("{*}cellXfs/{*}xf"):
            number, font = (whole(style.get(name)) for name in ("numFmtId", "fontId"))
            show = formatter(codes.get(number, "General"), from_1904=self._from_1904)
            styles.append((show, font < len(bold) and bold[font]))
        return styles

    def _shared(self) -> list[str]:
        """Return the strings that cells name by number, without the readings beside East Asian words."""
        if self._strings is None:
            path = self._path("sharedStrings")
            there = path in self._parts
            self._strings = [_words(item) for item in self._parts.elements(path, "si")] if there else []
        return self._strings

    def _rows(self, path: str) -> Iterator[Row]:
        number = 0
        strings = self._shared()
        for row in self._parts.elements(path, "row"):
            number = whole(row.get("r")) or number + 1
            cells: list[Cell] = []
            column = 0
            for element in row:
                column = _column(element.get("r", "").rstrip(_DIGITS)) or column + 1
                if cell := self._cell(element, strings):
                    cells.append((column, *cell))
            if cells:
                cells.sort(key=itemgetter(0))  # as they are in every file that no one has tampered with
                yield number, cells

    def _cell(self, element: etree._Element, strings: list[str]) -> Shown | None:
        """Return what a cell shows and its kind, None where that is nothing."""
        raw = ""
        formula = False
        kind = element.get("t", "n")
        for part in element:
            tag = part.tag
            if tag.endswith("}v"):
                raw = part.text or ""
            elif tag.endswith("}is"):
                raw = _words(part)
            elif tag.endswith("}f"):
                formula = True
        if not raw:
            self._unknown += formula and kind != "str"
            return None
        style = whole(element.get("s"))
        show, bold = self._styles[style] if style < len(self._styles) else (formatter("General"), False)
        if kind == "s":
            at = whole(raw, len(strings))
            raw = strings[at] if at < len(strings) else ""
        if kind in ("s", "str", "inlineStr"):
            words = raw if kind == "s" else one_line(_unescaped(raw))
            return (words, BOLD if bold else TEXT) if words else None
        return _shown(raw, kind, show)


def _shown(raw: str, kind: str, show: Callable[[float], Shown]) -> Shown | None:
    """Return what a cell shows that holds no string."""
    if kind == "b":
        return ("TRUE" if raw.strip() in ("1", "true") else "FALSE"), OTHER
    if kind == "d":
        return raw.strip().replace("T", " ").removesuffix(" 00:00:00"), DATE
    if kind == "e":
        return one_line(raw), OTHER
    try:
        shown = show(float(raw))
    except ValueError:
        return (one_line(raw), NUMBER) if one_line(raw) else None
    return shown if shown[0] else None


def _words(item: etree._Element) -> str:
    """Return the words of a string, whose parts may be set differently."""
    words: list[str] = []
    for part in item:
        name = local(part)
        if name == "t":
            words.append(part.text or "")
        elif name == "r":
            words += [text.text or "" for text in part if local(text) == "t"]
    return one_line(_unescaped("".join(words)))


def _unescaped(words: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found.group(1), 16)), words) if "_x" in words else words


@lru_cache(maxsize=MAX_COLUMNS)
def _column(letters: str) -> int:
    """Return the number of the column that ``letters`` name, as BC, 0 where they name none."""
    column = 0
    for letter in letters.upper():
        if not "A" <= letter <= "Z":
            return 0
        column = column * 26 + ord(letter) - ord("A") + 1
    return column if column <= MAX_COLUMNS else 0
