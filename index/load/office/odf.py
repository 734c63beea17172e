"""OpenDocument texts and presentations: lists with their numbers, tables, notes and text boxes in reading order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from lxml import etree

from index.load.assemble import Assembly
from index.load.clean import one_line, running_words
from index.load.limits import Limits
from index.load.office.odfpackage import Package
from index.load.office.odfstyles import number_of, tag
from index.load.office.odftext import Flow, Inline, Paragraph, is_drawing
from index.load.office.rows import Cell, Row, add_table, span_of
from index.load.office.writing import Writing, reading_order
from index.records import Extract

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
        reader = _Reader(package, Writing(Assembly("paragraph"), limits))
        reader.blocks(package.body)
        return reader.finish()


def extract_odp(data: bytes, limits: Limits) -> Extract:
    """Read a presentation slide by slide: title, text from top to bottom and left to right, speaker's notes.

    Comments are left out. Hidden slides are read, and noted.
    Raises Unreadable where it is encrypted, damaged or no presentation.
    """
    with Package(data, limits, "presentation") as package:
        writing = Writing(Assembly("slide"), limits)
        reader = _Reader(package, writing)
        notes = writing.assembly.notes
        slides = package.body.findall(tag("draw:page"))
        hidden: list[str] = []
        for number, slide in enumerate(slides, 1):
            if number > limits.pages or writing.full:
                notes.append(f"left out the slides from {number} to {len(slides)}: too long")
                break
            if package.styles.hides_page(slide.get(tag("draw:style-name"), "")):
                hidden.append(str(number))
            reader.slide(slide, number)
        if hidden:
            notes.append(f"hidden, but read: slide{'s' * (len(hidden) > 1)} {', '.join(hidden)}")
        return reader.finish()


class _Reader:
    """Walks a document once, from top to bottom."""

    def __init__(self, package: Package, writing: Writing) -> None:
        self._package = package
        self._writing = writing
        self._flow = Flow(package, writing.left_out)

    def blocks(self, container: etree._Element) -> None:
        """Add all that flows through a container."""
        for item in self._flow.items(container):
            if self._writing.full:
                break
            if isinstance(item, Paragraph):
                self._paragraph(item)
            elif item.tag == tag("table:table"):
                self._table(item)
            else:
                self._drawings([item])
        self._writing.end_code()

    def _paragraph(self, paragraph: Paragraph) -> None:
        inline = Inline()
        self._flow.read(paragraph, inline)
        raw = "".join(inline.words)
        if paragraph.style.code and not paragraph.level:
            self._writing.code(raw)
        else:
            level = 0 if self._writing.slide else paragraph.level
            self._writing.paragraph(paragraph.marker, running_words(raw), level)
        self._hanging(inline)

    def _hanging(self, inline: Inline) -> None:
        """Add the notes and drawings of a paragraph after it."""
        if inline.notes or inline.drawings:
            self._writing.end_code()
        drawings = list(inline.drawings)
        for mark, body in inline.notes:
            hung = Inline()
            self._writing.aside(mark, self._flat(body, hung).words)
            drawings += hung.drawings
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
                self._writing.left_out["picture"] += 1
            else:
                continue
            return  # what follows stands in for it where it can't be shown

    def _object(self, element: etree._Element) -> None:
        """Add a chart's title and the table behind it."""
        root = self._package.object(element.get(tag("xlink:href"), ""))
        chart = None if root is None else root.find(f".//{tag('chart:chart')}")
        if chart is None:
            self._writing.left_out["object"] += 1
            return
        for title in chart.findall(tag("chart:title")):
            self._writing.paragraph("", running_words(" ".join(title.itertext())))
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
            if words := one_line("".join(inline.words)):
                parts.append(item.marker + words)
                strong = strong and inline.strong
        return Cell(words=" ".join(parts), strong=strong and bool(parts))

    def _table(self, table: etree._Element) -> None:
        self._writing.end_code()
        rows = list(_rows(table, names=False))
        if not self._writing.slide and self._is_layout([row for row, _ in rows]):
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
            number = self._writing.next() if words else self._writing.number
            found.append(Row(cells=cells, number=number, names=names))
        add_table(self._writing.assembly, found)
        self._hanging(aside)

    def _cells(
        self, row: etree._Element, above: dict[int, tuple[Cell, int]], aside: Inline
    ) -> dict[int, tuple[Cell, int]]:
        """Return the cells of a row by their column, each with the number of rows that it still reaches down."""
        found: dict[int, tuple[Cell, int]] = {}
        column = end = 0
        for element in row.iterchildren(tag("table:table-cell"), tag("table:covered-table-cell")):
            times = min(number_of(element, "table:number-columns-repeated", 1), _REPEATED)
            if element.tag == tag("table:table-cell"):
                cell = self._flat(element, aside)
                span = span_of(element.get(tag("table:number-columns-spanned")))
                down = number_of(element, "table:number-rows-spanned", 1) - 1
                for at in range(column, column + times):
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
        self._writing.slide = self._writing.number = number
        assembly = self._writing.assembly
        shapes = [one for one in slide if one.get(tag("presentation:placeholder")) != "true"]
        kinds = [one.get(tag("presentation:class"), "") for one in shapes]
        level = 1 if number == 1 and "subtitle" in kinds else 2
        assembly.sections.leave(level)
        for shape, kind in zip(shapes, kinds, strict=True):
            if kind == "title":
                hung = Inline()
                words = [self._flat(box, hung).words for box in shape.iter(tag("draw:text-box"))]
                assembly.heading(level, " ".join(words), number)
                self._hanging(hung)
        rest = (one for one, kind in zip(shapes, kinds, strict=True) if kind != "title")
        self._drawings(one for one in _in_order(rest) if is_drawing(one))
        self._writing.left_out["comment"] += len(slide.findall(tag("office:annotation")))
        self._speech(slide)

    def _speech(self, slide: etree._Element) -> None:
        """Add the notes of the one who speaks."""
        opening = "Notes: "
        boxes = (box for notes in slide.findall(tag("presentation:notes")) for box in notes.iter(tag("draw:text-box")))
        for item in (item for box in boxes for item in self._flow.items(box)):
            inline = Inline()
            if isinstance(item, Paragraph):
                self._flow.read(item, inline)
            if words := running_words("".join(inline.words)):
                self._writing.paragraph(opening, words)
                opening = ""

    def finish(self) -> Extract:
        """Return what was read, and say what was not."""
        found = self._writing.finish(self._package.facts)
        return replace(found, notes=(*found.notes, *self._package.notes))


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
    return reading_order(((*_corner(shape), shape) for shape in shapes), _BAND)


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
