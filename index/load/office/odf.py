"""OpenDocument texts and presentations: lists with their numbers, tables, notes and text boxes in reading order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from lxml import etree

from index.load.assemble import Assembly
from index.load.clean import running_words, verbatim_words
from index.load.limits import Limits
from index.load.office.odfpackage import Package
from index.load.office.odfstyles import tag, whole
from index.load.office.odftext import Flow, Inline, Paragraph, is_drawing
from index.load.office.rows import Cell, Row, add_table
from index.records import Extract

_LEFT_OUT = {
    "picture": ("picture", "pictures"),
    "object": ("embedded object", "embedded objects"),
    "comment": ("comment", "comments"),
    "deleted": ("stretch of text that tracked changes delete", "stretches of text that tracked changes delete"),
    "hidden": ("stretch of hidden text", "stretches of hidden text"),
    "contents": ("line of the table of contents or an index", "lines of the table of contents or an index"),
}
_LENGTH = re.compile(r"(-?[0-9.]+)(cm|mm|in|pt|pc|px)")
_CENTIMETRES = {"cm": 1.0, "mm": 0.1, "in": 2.54, "pt": 2.54 / 72, "pc": 2.54 / 6, "px": 2.54 / 96}
_BAND = 1.0
"""Centimetres: shapes whose upper edges lie within them stand beside each other."""
_REPEATED = 1000
"""The most columns that a cell is taken to stand for; beyond, it only fills up an empty row."""


def extract_odt(data: bytes, limits: Limits) -> Extract:
    """Read a text document; places count its paragraphs and table rows with words.

    A footnote or endnote follows the paragraph that refers to it and stands at its place; so do text boxes, at
    places of their own. Headers and footers are left out, as are comments, deleted text and tables of contents.
    Raises Unreadable where it is encrypted, damaged or no text document.
    """
    with Package(data, limits, "text") as package:
        reader = _Reader(package, Assembly("paragraph"), limits)
        reader.blocks(package.body)
        return reader.finish()


def extract_odp(data: bytes, limits: Limits) -> Extract:
    """Read a presentation slide by slide: title, text from top to bottom and left to right, speaker's notes.

    Comments are left out. Hidden slides are read, and noted.
    Raises Unreadable where it is encrypted, damaged or no presentation.
    """
    with Package(data, limits, "presentation") as package:
        reader = _Reader(package, Assembly("slide"), limits)
        slides = package.body.findall(tag("draw:page"))
        hidden: list[str] = []
        for number, slide in enumerate(slides, 1):
            if number > limits.pages or reader.assembly.length >= limits.characters:
                reader.assembly.notes.append(f"left out the slides from {number} to {len(slides)}: too long")
                break
            if package.styles.hides_page(slide.get(tag("draw:style-name"), "")):
                hidden.append(str(number))
            reader.slide(slide, number)
        if hidden:
            reader.assembly.notes.append(f"hidden, but read: slide{'s' * (len(hidden) > 1)} {', '.join(hidden)}")
        return reader.finish()


class _Reader:
    """Walks a document once, from top to bottom."""

    def __init__(self, package: Package, assembly: Assembly, limits: Limits) -> None:
        self.assembly = assembly
        self._package = package
        self._limits = limits
        self._flow = Flow(package.styles, package.aside)
        self._slide = 0
        self._number = 0
        self._code: list[tuple[str, int, int]] = []

    def _next(self) -> int:
        """Return the number of a paragraph that is about to be added: its own, or that of its slide."""
        self._number = self._slide or self._number + 1
        return self._number

    def blocks(self, container: etree._Element) -> None:
        """Add all that flows through a container."""
        for item in self._flow.items(container):
            if self.assembly.length >= self._limits.characters:
                break
            if isinstance(item, Paragraph):
                self._paragraph(item)
            elif item.tag == tag("table:table"):
                self._table(item)
            else:
                self._drawings([item])
        self._flush()

    def _paragraph(self, paragraph: Paragraph) -> None:
        inline = Inline()
        self._flow.read(paragraph, inline)
        raw = "".join(inline.words)
        if paragraph.style.code and not paragraph.level:
            self._code.append((verbatim_words(raw) + "\n", self._next(), 0))
            self._hanging(inline)
            return
        self._flush()
        if words := running_words(raw):
            if paragraph.level and not self._slide:
                self.assembly.heading(min(paragraph.level, 6), paragraph.marker + words, self._next())
            else:
                self.assembly.block("text", paragraph.marker + words, self._next())
        self._hanging(inline)

    def _flush(self) -> None:
        """End a stretch of code: its paragraphs are its lines."""
        self.assembly.runs("code", self._code)
        self._code = []

    def _hanging(self, inline: Inline) -> None:
        """Add the notes and drawings of a paragraph after it."""
        if inline.notes or inline.drawings:
            self._flush()
        drawings = list(inline.drawings)
        for mark, body in inline.notes:
            aside = Inline()
            self.assembly.block("text", f"{mark} {self._flat(body, aside).words}".strip(), max(self._number, 1))
            drawings += aside.drawings
        self._drawings(drawings)

    def _drawings(self, drawings: Iterable[etree._Element]) -> None:
        """Add the text of frames and shapes, and count what else is in them."""
        for element in drawings:
            if element.tag == tag("draw:g"):
                self._drawings(_in_order(element))
            elif element.tag == tag("draw:frame"):
                self._frame(element)
            else:
                self.blocks(element)

    def _frame(self, frame: etree._Element) -> None:
        for element in frame:
            if element.tag == tag("draw:text-box"):
                self.blocks(element)
            elif element.tag == tag("table:table"):
                self._table(element)
            elif element.tag in (tag("draw:object"), tag("draw:object-ole"), tag("draw:plugin")):
                self._object(element)
            elif element.tag == tag("draw:image"):
                self._flow.left_out["picture"] += 1
            else:
                continue
            return  # what follows stands in for it where it can't be shown

    def _object(self, element: etree._Element) -> None:
        """Add a chart's title and the table behind it."""
        link = element.get(tag("xlink:href"), "")
        root = self._package.aside(f"{link}/content.xml") if link and "://" not in link else None
        chart = None if root is None else root.find(f".//{tag('chart:chart')}")
        if chart is None:
            self._flow.left_out["object"] += 1
            return
        for title in chart.findall(tag("chart:title")):
            self.assembly.block("text", running_words(" ".join(title.itertext())), self._next())
        for table in chart.findall(tag("table:table")):
            self._table(table)

    def _flat(self, container: etree._Element, aside: Inline) -> Cell:
        """Return what a cell or note says on one line; what hangs on it goes to ``aside``."""
        parts: list[str] = []
        strong = True
        for item in self._flow.items(container):
            if not isinstance(item, Paragraph):
                aside.drawings.append(item)
                continue
            inline = Inline(notes=aside.notes, drawings=aside.drawings)
            self._flow.read(item, inline)
            if words := " ".join(running_words("".join(inline.words)).split()):
                parts.append(item.marker + words)
                strong = strong and inline.strong
        return Cell(words=" ".join(parts), strong=strong and bool(parts))

    def _table(self, table: etree._Element) -> None:
        self._flush()
        rows = list(_rows(table, names=False))
        if not self._slide and self._is_layout([row for row, _ in rows]):
            for row, _ in rows:
                for cell in row.findall(tag("table:table-cell")):
                    self.blocks(cell)
            return
        aside = Inline()
        found: list[Row] = []
        above: dict[int, tuple[Cell, int]] = {}
        for row, names in rows:
            above = self._cells(row, above, aside)
            cells = tuple(cell for cell, _ in above.values())
            words = any(cell.words for cell in cells)
            found.append(Row(cells=cells, number=self._next() if words else self._number, names=names))
        add_table(self.assembly, found)
        self._hanging(aside)

    def _cells(
        self, row: etree._Element, above: dict[int, tuple[Cell, int]], aside: Inline
    ) -> dict[int, tuple[Cell, int]]:
        """Return the cells of a row by their column, each with the number of rows that it still reaches down."""
        found: dict[int, tuple[Cell, int]] = {}
        column = end = 0
        for element in row.iterchildren(tag("table:table-cell"), tag("table:covered-table-cell")):
            times = min(whole(element, "table:number-columns-repeated", 1), _REPEATED)
            if element.tag == tag("table:table-cell"):
                cell = self._flat(element, aside)
                span = max(1, whole(element, "table:number-columns-spanned", 1))
                for at in range(column, column + times):
                    down = whole(element, "table:number-rows-spanned", 1) - 1
                    found[at] = (replace(cell, span=span), down)
                end = column + times - 1 + span
            else:
                for at in range(max(column, end), column + times):
                    cell, down = above.get(at, (Cell(words=""), 0))
                    found[at] = (cell if down else Cell(words=""), max(0, down - 1))
                    end = max(end, at + found[at][0].span)
                    if end > at + 1:
                        break
            column += times
        return found

    def _is_layout(self, rows: list[etree._Element]) -> bool:
        """Say whether a table only arranges text on the page: its cells are then read one after the other."""
        grid = [row.findall(tag("table:table-cell")) for row in rows]
        if max(map(len, grid), default=0) < 2:
            return True
        cells = [cell for row in grid for cell in row]
        if len(grid) == 1 and any(len(cell.findall(tag("text:p"))) > 1 for cell in cells):
            return True
        return any(cell.find(tag("table:table")) is not None or cell.find(tag("text:h")) is not None for cell in cells)

    def slide(self, slide: etree._Element, number: int) -> None:
        """Add a slide, with its title for a heading, and the notes of the one who speaks."""
        self._slide = self._number = number
        shapes = [one for one in slide if one.get(tag("presentation:placeholder")) != "true"]
        kinds = [one.get(tag("presentation:class"), "") for one in shapes]
        level = 1 if number == 1 and "subtitle" in kinds else 2
        self.assembly.sections.leave(level)
        for shape, kind in zip(shapes, kinds, strict=True):
            if kind == "title":
                aside = Inline()
                words = [self._flat(box, aside).words for box in shape.iter(tag("draw:text-box"))]
                self.assembly.heading(level, " ".join(words), number)
                self._hanging(aside)
        rest = (one for one, kind in zip(shapes, kinds, strict=True) if kind != "title")
        self._drawings(one for one in _in_order(rest) if is_drawing(one))
        self._flow.left_out["comment"] += len(slide.findall(tag("office:annotation")))
        opening = "Notes: "
        for notes in slide.findall(tag("presentation:notes")):
            for item in (item for box in notes.iter(tag("draw:text-box")) for item in self._flow.items(box)):
                inline = Inline()
                if isinstance(item, Paragraph):
                    self._flow.read(item, inline)
                if words_of_notes := running_words("".join(inline.words)):
                    self.assembly.block("text", opening + words_of_notes, number)
                    opening = ""

    def finish(self) -> Extract:
        """Return what was read, and say what was not."""
        if not self._slide and self.assembly.length >= self._limits.characters:
            self.assembly.notes.append(f"left out what follows the first {self._limits.characters} characters")
        for kind, (one, several) in _LEFT_OUT.items():
            if count := self._flow.left_out[kind]:
                self.assembly.notes.append(f"left out {count} {one if count == 1 else several}")
        package = self._package
        self.assembly.notes += package.notes
        return self.assembly.finish(title=package.title, author=package.author, date=package.date)


def _rows(table: etree._Element, *, names: bool) -> Iterator[tuple[etree._Element, bool]]:
    """Yield the rows of a table, and whether each holds names of columns."""
    for element in table:
        if element.tag == tag("table:table-row"):
            yield element, names
        elif element.tag == tag("table:table-header-rows"):
            yield from _rows(element, names=True)
        elif element.tag in (tag("table:table-rows"), tag("table:table-row-group")):
            yield from _rows(element, names=names)


def _in_order(shapes: Iterable[etree._Element]) -> Iterator[etree._Element]:
    """Yield shapes from top to bottom, those beside each other from left to right."""
    rows: list[list[tuple[float, float, int, etree._Element]]] = []
    placed = ((*_corner(one), at, one) for at, one in enumerate(shapes) if isinstance(one.tag, str))
    for shape in sorted(placed, key=lambda one: one[:3]):
        if rows and shape[0] - rows[-1][0][0] < _BAND:
            rows[-1].append(shape)
        else:
            rows.append([shape])
    for row in rows:
        yield from (one[3] for one in sorted(row, key=lambda one: (one[1], one[2])))


def _corner(shape: etree._Element) -> tuple[float, float]:
    """Return top and left of a shape, or of the uppermost of a group, in centimetres."""
    if shape.tag == tag("draw:g"):
        return min(map(_corner, shape), default=(0.0, 0.0))
    return _centimetres(shape.get(tag("svg:y"), "")), _centimetres(shape.get(tag("svg:x"), ""))


def _centimetres(raw: str) -> float:
    found = _LENGTH.fullmatch(raw)
    try:
        return float(found.group(1)) * _CENTIMETRES[found.group(2)] if found else 0.0
    except ValueError:
        return 0.0
