"""Word documents: paragraphs, lists with their numbers, tables, notes and text boxes in the order of the body."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import docx
from docx.document import Document
from docx.opc.rel import _Relationship
from lxml import etree

from index.load.assemble import Assembly
from index.load.clean import running_words, verbatim_words
from index.load.limits import Limits, Unreadable
from index.load.office.package import DAMAGE, damage, open_package, parse
from index.load.office.rows import Cell, Row, add_table
from index.load.office.wordstyles import Lists, Styles, qn, switched_on, value
from index.load.office.wordtext import ALTERNATIVES, GONE, SHELLS, Inline, Inlines, chosen, is_prompt
from index.records import Extract

_LEFT_OUT = {
    "picture": ("picture", "pictures"),
    "chart": ("chart", "charts"),
    "diagram": ("diagram", "diagrams"),
    "comment": ("comment", "comments"),
    "deleted": ("stretch of text that tracked changes delete", "stretches of text that tracked changes delete"),
    "hidden": ("stretch of hidden text", "stretches of hidden text"),
    "contents": ("line of the table of contents", "lines of the table of contents"),
    "inserted": ("inserted file", "inserted files"),
}
_WORD = re.compile(r"\w")


def extract_docx(data: bytes, limits: Limits) -> Extract:
    """Read a Word document as if its tracked changes were accepted; places count paragraphs and table rows with words.

    A footnote or endnote follows the paragraph that refers to it and stands at its place; so do text boxes, at
    places of their own. Headers and footers are left out, as are comments and the table of contents.
    Raises Unreadable where it is encrypted, damaged or no Word document.
    """
    package = open_package(data, limits)
    try:
        document = docx.Document(package.stream)
        body = document.element.find(qn("w:body"))
        reader = _Reader(document, limits)
    except DAMAGE as error:
        raise Unreadable(damage(error, "Word document")) from error
    if body is None:
        raise Unreadable("damaged: the Word document in it has no body")
    reader.blocks(body)
    reader.flush()
    return reader.finish(package.title, package.author, package.date)


class _Reader:
    """Walks the body once, from top to bottom."""

    def __init__(self, document: Document, limits: Limits) -> None:
        self._assembly = Assembly("paragraph")
        self._limits = limits
        parts = {rel.reltype.rpartition("/")[2]: rel.target_part.blob for rel in _inner(document)}
        self._styles = Styles(_root(parts.get("styles")))
        self._lists = Lists(_root(parts.get("numbering")))
        self._notes = {kind: _by_id(_root(parts.get(f"{kind}s")), f"w:{kind}") for kind in ("footnote", "endnote")}
        self._inlines = Inlines(self._styles)
        comments = _root(parts.get("comments"))
        self._inlines.left_out["comment"] = 0 if comments is None else len(comments.findall(qn("w:comment")))
        around = (rel for rel in _inner(document) if rel.reltype.endswith(("/header", "/footer")))
        self._around = any(_WORD.search("".join(parse(rel.target_part.blob).itertext(qn("w:t")))) for rel in around)
        self._number = 0
        self._open: Inline | None = None
        self._code: list[tuple[str, int, int]] = []

    def blocks(self, container: etree._Element) -> None:
        """Add the paragraphs and tables of a body, table cell, text box or note."""
        for element in container:
            tag = element.tag
            if self._assembly.length >= self._limits.characters:
                return
            if tag == qn("w:p"):
                self._paragraph(element)
            elif tag == qn("w:tbl"):
                self._table(element)
            elif tag == ALTERNATIVES:
                self.blocks(chosen(element))
            elif tag in GONE:
                self._inlines.left_out["deleted"] += 1
            elif tag in SHELLS and not is_prompt(element):
                if _is_contents(element):
                    lines = ("".join(p.itertext(qn("w:t"))).strip() for p in element.iter(qn("w:p")))
                    self._inlines.left_out["contents"] += sum(1 for line in lines if line)
                else:
                    self.blocks(element)
            elif tag == qn("w:altChunk"):
                self._inlines.left_out["inserted"] += 1

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
            self._number += 1
            self._code.append((verbatim_words(raw) + "\n", self._number, 0))
            return
        self.flush()
        words = running_words(raw)
        marker = self._marker(properties, name)
        if style.contents:
            self._inlines.left_out["contents"] += bool(words)
        elif words:
            self._number += 1
            level = _outline(properties) or style.heading
            if level:
                self._assembly.heading(min(level, 6), marker + words, self._number)
            else:
                self._assembly.block("text", marker + words, self._number)
        self._hanging(inline)

    def flush(self) -> None:
        """End a stretch of code: its paragraphs are its lines."""
        self._assembly.runs("code", self._code)
        self._code = []

    def _marker(self, properties: etree._Element | None, name: str) -> str:
        listed = self._styles.paragraph(name).list
        own = None if properties is None else properties.find(qn("w:numPr"))
        if own is not None:
            number, level = value(own.find(qn("w:numId"))), value(own.find(qn("w:ilvl")))
            number = number or (listed[0] if listed else "")
            listed = (number, int(level) if level.isdecimal() else listed[1] if listed else 0)
        return self._lists.marker(*listed, name) if listed and listed[0] != "0" else ""

    def _hanging(self, inline: Inline) -> None:
        """Add the notes and text boxes of a paragraph after it."""
        number = max(self._number, 1)
        boxes = inline.boxes
        for kind, key, mark in inline.notes:
            note = self._notes[kind].get(key)
            if note is not None:
                aside = Inline()
                self._assembly.block("text", f"{mark} {self._flat(note, aside).words}".strip(), number)
                boxes += aside.boxes
        for box in boxes:
            self.blocks(box)
            self.flush()

    def _flat(self, container: etree._Element, aside: Inline) -> Cell:
        """Return what a cell or note says on one line; what hangs on it goes to ``aside``."""
        parts: list[str] = []
        strong = True
        for paragraph in _inside(container, qn("w:p")):
            properties = paragraph.find(qn("w:pPr"))
            name = "" if properties is None else value(properties.find(qn("w:pStyle")))
            inline = Inline(notes=aside.notes, boxes=aside.boxes)
            self._inlines.read(paragraph, inline)
            words = " ".join(running_words("".join(inline.words)).split())
            marker = self._marker(properties, name)
            if words:
                parts.append(marker + words)
                strong = strong and (inline.strong or self._styles.paragraph(name).strong)
        return Cell(words=" ".join(parts), strong=strong and bool(parts))

    def _table(self, table: etree._Element) -> None:
        self.flush()
        deleted = f"{qn('w:trPr')}/{qn('w:del')}"
        rows = [row for row in _inside(table, qn("w:tr")) if row.find(deleted) is None]
        grid = [list(_inside(row, qn("w:tc"))) for row in rows]
        if self._is_layout(grid):
            for cell in (cell for cells in grid for cell in cells):
                self.blocks(cell)
                self.flush()
            return
        aside = Inline()
        found: list[Row] = []
        above: dict[int, Cell] = {}
        named = self._names_columns(table)
        for at, (row, cells) in enumerate(zip(rows, grid, strict=True)):
            above = self._cells(row, cells, above, aside)
            names = switched_on(row.find(f"{qn('w:trPr')}/{qn('w:tblHeader')}")) or (named and at == 0)
            one = Row(cells=tuple(above.values()), number=self._number + 1, names=names)
            self._number += bool(one.words)
            found.append(one)
        add_table(self._assembly, found)
        self._hanging(aside)

    def _cells(
        self, row: etree._Element, cells: list[etree._Element], above: dict[int, Cell], aside: Inline
    ) -> dict[int, Cell]:
        """Return the cells of a row by their column; one that is merged with the cell above it says the same."""
        before = value(row.find(f"{qn('w:trPr')}/{qn('w:gridBefore')}"))
        column = int(before) if before.isdecimal() else 0
        found = {0: Cell(words="", span=column)} if column else {}
        for element in cells:
            span = value(element.find(f"{qn('w:tcPr')}/{qn('w:gridSpan')}"))
            merge = element.find(f"{qn('w:tcPr')}/{qn('w:vMerge')}")
            cell = self._flat(element, aside)
            if merge is not None and value(merge) in ("", "continue") and column in above and not cell.words:
                cell = above[column]
            found[column] = replace(cell, span=max(1, int(span)) if span.isdecimal() else 1)
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
        first = value(look, "w:firstRow") or str(int(value(look) or "0", 16) >> 5 & 1)
        return first in ("1", "true", "on") and self._styles.names_columns(style)

    def finish(self, title: str, author: str, date: str) -> Extract:
        """Return what was read, and say what was not."""
        if self._assembly.length >= self._limits.characters:
            self._assembly.notes.append(f"left out what follows the first {self._limits.characters} characters")
        for kind, (one, several) in _LEFT_OUT.items():
            if count := self._inlines.left_out[kind]:
                self._assembly.notes.append(f"left out {count} {one if count == 1 else several}")
        if self._around:
            self._assembly.notes.append("left out headers and footers of pages")
        return self._assembly.finish(title=title, author=author, date=date)


def _inner(document: Document) -> list[_Relationship]:
    return [rel for rel in document.part.rels.values() if not rel.is_external]


def _root(part: bytes | None) -> etree._Element | None:
    return None if part is None else parse(part)


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
    level = "" if properties is None else value(properties.find(qn("w:outlineLvl")))
    return int(level) + 1 if level.isdecimal() and int(level) < 9 else 0
