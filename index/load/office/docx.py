"""Word documents: paragraphs, lists with their numbers, tables, notes and text boxes in the order of the body."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import docx
from docx.exceptions import PythonDocxError
from lxml import etree

from index.load.assemble import Assembly
from index.load.clean import one_line, running_words
from index.load.limits import Limits, Unreadable
from index.load.office.package import DAMAGE, damage, open_package
from index.load.office.rows import Cell, Row, add_table, span_of
from index.load.office.wordstyles import Lists, Styles, outline_level, qn, switched_on, value
from index.load.office.wordtext import ALTERNATIVES, GONE, SHELLS, Inline, Inlines, chosen, is_prompt
from index.load.office.writing import Writing
from index.load.parts import Facts, parsed, whole
from index.records import Extract

_FIRST_ROW = re.compile(r"[0-9A-F]*[2367ABEF][0-9A-F]", re.IGNORECASE)
"""Of the flags of a table's look in hexadecimal digits, that of the first row, 0x0020, is set."""
_PARTS = ("styles", "numbering", "footnotes", "endnotes", "comments")
_AROUND = ("header", "footer")


def extract_docx(data: bytes, limits: Limits) -> Extract:
    """Read a Word document as if its tracked changes were accepted; places count paragraphs and table rows with words.

    A footnote or endnote follows the paragraph that refers to it and stands at its place; so do text boxes, at
    places of their own. Headers and footers are left out, as are comments and the table of contents.
    Raises Unreadable where it is encrypted, damaged or no Word document.
    """
    package = open_package(data, limits)
    opened = _opened(package.stream)
    reader = _Reader(opened, limits)
    reader.blocks(opened.body)
    return reader.finish(package.facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """What python-docx gives out: the body, and the parts around it by their kinds."""

    body: etree._Element
    parts: Mapping[str, etree._Element]
    around: tuple[etree._Element, ...]
    """Headers and footers of pages."""


def _opened(stream: io.BytesIO) -> _Opened:
    try:
        document = docx.Document(stream)
        body = document.element.find(qn("w:body"))
        links = [link for link in document.part.rels.values() if not link.is_external]
        raw = [(link.reltype.rpartition("/")[2], bytes(link.target_part.blob)) for link in links]
    except (*DAMAGE, PythonDocxError) as error:
        raise Unreadable(damage(error, "Word document")) from error
    if body is None:
        raise Unreadable("damaged: the Word document in it has no body")
    return _Opened(
        body=body,
        parts={kind: parsed(part, f"the part with its {kind}") for kind, part in raw if kind in _PARTS},
        around=tuple(parsed(part, f"a {kind} of pages") for kind, part in raw if kind in _AROUND),
    )


class _Reader:
    """Walks the body once, from top to bottom."""

    def __init__(self, opened: _Opened, limits: Limits) -> None:
        parts = opened.parts
        self._writing = Writing(Assembly("paragraph"), limits)
        self._styles = Styles(parts.get("styles"))
        self._lists = Lists(parts.get("numbering"))
        self._notes = {kind: _by_id(parts.get(f"{kind}s"), f"w:{kind}") for kind in ("footnote", "endnote")}
        self._left_out = self._writing.left_out
        self._inlines = Inlines(self._styles, self._left_out)
        comments = parts.get("comments")
        self._left_out["comment"] = 0 if comments is None else len(comments.findall(qn("w:comment")))
        self._writing.around = any("".join(part.itertext(qn("w:t"))).strip() for part in opened.around)
        self._open: Inline | None = None

    def blocks(self, container: etree._Element) -> None:
        """Add the paragraphs and tables of a body, table cell, text box or note."""
        for element in container:
            tag = element.tag
            if self._writing.full:
                return
            if tag == qn("w:p"):
                self._paragraph(element)
            elif tag == qn("w:tbl"):
                self._table(element)
            elif tag == ALTERNATIVES:
                self.blocks(chosen(element))
            elif tag in GONE:
                self._left_out["deleted"] += 1
            elif tag in SHELLS and not is_prompt(element):
                if _is_contents(element):
                    lines = ("".join(p.itertext(qn("w:t"))).strip() for p in element.iter(qn("w:p")))
                    self._left_out["contents"] += sum(1 for line in lines if line)
                else:
                    self.blocks(element)
            elif tag == qn("w:altChunk"):
                self._left_out["inserted"] += 1

    def _paragraph(self, paragraph: etree._Element) -> None:
        properties = paragraph.find(qn("w:pPr"))
        name = "" if properties is None else value(properties.find(qn("w:pStyle")))
        style = self._styles.paragraph(name)
        inline, self._open = self._open or Inline(), None
        self._inlines.read(paragraph, inline)
        if properties is not None and properties.find(f"{qn('w:rPr')}/{qn('w:del')}") is not None:
            self._open = inline  # its end is deleted: the next paragraph goes on with it
            return
        raw = "".join(inline.words)
        if style.code:
            self._writing.code(raw)
            self._hanging(inline)
            return
        words = running_words(raw)
        marker = self._marker(properties, name)
        if style.contents:
            self._left_out["contents"] += bool(words)
            words = ""
        self._writing.paragraph(marker, words, _outline(properties) or style.heading)
        self._hanging(inline)

    def _end_open(self) -> None:
        """Add a paragraph with which no other goes on after all."""
        inline, self._open = self._open, None
        if inline is not None:
            self._writing.paragraph("", running_words("".join(inline.words)))
            self._hanging(inline)

    def _marker(self, properties: etree._Element | None, name: str) -> str:
        listed = self._styles.paragraph(name).list
        own = None if properties is None else properties.find(qn("w:numPr"))
        if own is not None:
            number, level = value(own.find(qn("w:numId"))), value(own.find(qn("w:ilvl")))
            number = number or (listed[0] if listed else "")
            listed = (number, whole(level, listed[1] if listed else 0))
        return self._lists.marker(*listed, name) if listed and listed[0] != "0" else ""

    def _hanging(self, inline: Inline) -> None:
        """Add the notes and text boxes of a paragraph after it."""
        boxes = inline.boxes
        for kind, key, mark in inline.notes:
            note = self._notes[kind].get(key)
            if note is not None:
                hung = Inline()
                self._writing.aside(mark, self._flat(note, hung).words)
                boxes += hung.boxes
        for box in boxes:
            self.blocks(box)
            self._writing.end_code()

    def _flat(self, container: etree._Element, aside: Inline) -> Cell:
        """Return what a cell or note says on one line; what hangs on it goes to ``aside``."""
        parts: list[str] = []
        strong = True
        for paragraph in _inside(container, qn("w:p")):
            properties = paragraph.find(qn("w:pPr"))
            name = "" if properties is None else value(properties.find(qn("w:pStyle")))
            inline = Inline(notes=aside.notes, boxes=aside.boxes)
            self._inlines.read(paragraph, inline)
            words = one_line("".join(inline.words))
            marker = self._marker(properties, name)
            if words:
                parts.append(marker + words)
                strong = strong and (inline.strong or self._styles.paragraph(name).strong)
        return Cell(words=" ".join(parts), strong=strong and bool(parts))

    def _table(self, table: etree._Element) -> None:
        self._end_open()
        self._writing.end_code()
        deleted = f"{qn('w:trPr')}/{qn('w:del')}"
        rows = [row for row in _inside(table, qn("w:tr")) if row.find(deleted) is None]
        grid = [list(_inside(row, qn("w:tc"))) for row in rows]
        if self._is_layout(grid):
            for cell in (cell for cells in grid for cell in cells):
                self.blocks(cell)
                self._writing.end_code()
            return
        aside = Inline()
        found: list[Row] = []
        above: dict[int, Cell] = {}
        named = self._names_columns(table)
        for at, (row, cells) in enumerate(zip(rows, grid, strict=True)):
            above = self._cells(row, cells, above, aside)
            names = switched_on(row.find(f"{qn('w:trPr')}/{qn('w:tblHeader')}")) or (named and at == 0)
            one = Row(cells=tuple(above.values()), number=self._writing.number + 1, names=names)
            self._writing.number += bool(one.words)
            found.append(one)
        add_table(self._writing.assembly, found)
        self._hanging(aside)

    def _cells(
        self, row: etree._Element, cells: list[etree._Element], above: dict[int, Cell], aside: Inline
    ) -> dict[int, Cell]:
        """Return the cells of a row by their column; one that is merged with the cell above it says the same."""
        column = span_of(value(row.find(f"{qn('w:trPr')}/{qn('w:gridBefore')}")), 0)
        found = {0: Cell(words="", span=column)} if column else {}
        for element in cells:
            span = value(element.find(f"{qn('w:tcPr')}/{qn('w:gridSpan')}"))
            merge = element.find(f"{qn('w:tcPr')}/{qn('w:vMerge')}")
            cell = self._flat(element, aside)
            if merge is not None and value(merge) in ("", "continue") and column in above and not cell.words:
                cell = above[column]
            found[column] = replace(cell, span=span_of(span))
            column += found[column].span
        return found

    def _is_layout(self, grid: list[list[etree._Element]]) -> bool:
        """Say whether a table only arranges text on the page: its cells are then read one after the other."""
        if max(map(len, grid), default=0) < 2:
            return True
        cells = [cell for row in grid for cell in row]
        if len(grid) == 1 and any(len(cell.findall(qn("w:p"))) > 1 for cell in cells):
            return True
        for cell in cells:
            names = (value(p.find(f"{qn('w:pPr')}/{qn('w:pStyle')}")) for p in cell.findall(qn("w:p")))
            if cell.find(qn("w:tbl")) is not None or any(self._styles.paragraph(name).heading for name in names):
                return True
        return False

    def _names_columns(self, table: etree._Element) -> bool:
        """Say whether the table's style sets the first row apart, and the table lets it."""
        style = value(table.find(f"{qn('w:tblPr')}/{qn('w:tblStyle')}"))
        look = table.find(f"{qn('w:tblPr')}/{qn('w:tblLook')}")
        first = value(look, "w:firstRow") or _FIRST_ROW.fullmatch(value(look))
        return first not in (None, "0", "false", "off") and self._styles.names_columns(style)

    def finish(self, facts: Facts) -> Extract:
        """Return what was read, and say what was not."""
        self._end_open()
        return self._writing.finish(facts)


def _by_id(root: etree._Element | None, tag: str) -> dict[str, etree._Element]:
    return {} if root is None else {value(note, "w:id"): note for note in root.iter(qn(tag))}


def _inside(container: etree._Element, tag: str) -> Iterator[etree._Element]:
    """Yield the elements of a tag in a container, also those within others that a reader does not see."""
    for element in container:
        if element.tag == tag:
            yield element
        elif element.tag == ALTERNATIVES:
            yield from _inside(chosen(element), tag)
        elif element.tag in SHELLS and not is_prompt(element):
            yield from _inside(element, tag)


def _is_contents(element: etree._Element) -> bool:
    path = "/".join(map(qn, "w:sdtPr w:docPartObj w:docPartGallery".split()))
    return value(element.find(path)) == "Table of Contents"


def _outline(properties: etree._Element | None) -> int:
    """Return the level of heading that a paragraph claims for itself, or 0."""
    return 0 if properties is None else outline_level(value(properties.find(qn("w:outlineLvl"))))
