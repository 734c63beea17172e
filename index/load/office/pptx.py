"""Presentations: the text of each slide in the order in which it is read, its tables and charts, and its notes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from lxml import etree
from pptx import Presentation
from pptx.enum.shapes import PP_PLACEHOLDER
from pptx.exc import PythonPptxError
from pptx.oxml.ns import qn
from pptx.presentation import Presentation as Slides
from pptx.shapes.base import BaseShape
from pptx.shapes.graphfrm import GraphicFrame
from pptx.shapes.group import GroupShape
from pptx.slide import Slide

from index.load.assemble import Assembly
from index.load.limits import Limits, Unreadable
from index.load.office.numbering import BULLET, numeral
from index.load.office.package import DAMAGE, damage, open_package
from index.load.office.rows import add_table
from index.load.office.slideparts import rows_of, rows_of_chart, title_of_chart, words_of, words_of_diagram
from index.load.office.writing import reading_order, what_is_left_out
from index.load.parts import Facts, parsed, whole
from index.records import Extract

_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}relIds"
_AROUND = (PP_PLACEHOLDER.DATE, PP_PLACEHOLDER.FOOTER, PP_PLACEHOLDER.HEADER, PP_PLACEHOLDER.SLIDE_NUMBER)
_TITLES = (PP_PLACEHOLDER.TITLE, PP_PLACEHOLDER.CENTER_TITLE, PP_PLACEHOLDER.VERTICAL_TITLE)
_BULLETS = tuple(map(qn, "a:buNone a:buChar a:buBlip a:buAutoNum".split()))
_AUTO = re.compile(r"(arabic|alphaLc|alphaUc|romanLc|romanUc)(Period|ParenR|ParenBoth|Plain)")
_AUTO_STYLES = {"arabic": "1", "alphaLc": "a", "alphaUc": "A", "romanLc": "i", "romanUc": "I"}
_AUTO_FORMS = {"Period": "{}. ", "ParenR": "{}) ", "ParenBoth": "({}) ", "Plain": "{} "}
_BANDS = 20
"""Shapes whose upper edges lie within this part of the slide's height stand beside each other."""
_BROKEN = (PythonPptxError, ValueError, AttributeError)
"""What python-pptx raises over elements that lack a part of their own, or are others than the schema demands."""
_PART, _SLIDE = 2, 3
"""Levels of the headings: a slide that opens a part of the talk, and any other."""


def extract_pptx(data: bytes, limits: Limits) -> Extract:
    """Read a presentation slide by slide: title, text from top to bottom and left to right, speaker's notes.

    Dates, footers and slide numbers are left out, as are comments. Hidden slides are read, and noted.
    Raises Unreadable where it is encrypted, damaged or no presentation.
    """
    package = open_package(data, limits)
    try:
        slides = Presentation(package.stream)
        names = [one.rId for one in slides.element.sldIdLst] if slides.element.sldIdLst is not None else []
    except (*DAMAGE, PythonPptxError) as error:
        raise Unreadable(damage(error, "presentation")) from error
    reader = _Reader(slides)
    for number, name in enumerate(names, 1):
        if number > limits.pages or reader.assembly.length >= limits.characters:
            reader.assembly.notes.append(f"left out the slides from {number} to {len(names)}: too long")
            break
        try:
            slide = slides.part.related_slide(name)
            layout = _Layout(slide)
        except (*DAMAGE, *_BROKEN):
            reader.assembly.notes.append(f"slide {number} is damaged and left out")
            continue
        try:
            reader.slide(slide, layout, number)
        except _BROKEN:
            reader.assembly.notes.append(f"slide {number} is damaged: what follows on it is left out")
    return reader.finish(package.facts)


class _Layout:
    """What a slide takes over from its layout and master: whether it opens a part, and its bullets."""

    def __init__(self, slide: Slide) -> None:
        layout = slide.slide_layout
        master = layout.slide_master
        self.opens = layout.element.get("type") in ("secHead", "title")
        self._layout = _placeholders(layout.element, "idx")
        self._master = _placeholders(master.element, "type")
        self._body = master.element.find(f"{qn('p:txStyles')}/{qn('p:bodyStyle')}")

    def styles(self, shape: BaseShape) -> list[etree._Element]:
        """Return the lists of paragraph styles that hold for a shape, nearest first."""
        bodies: list[etree._Element | None] = [shape.element]
        styles = []
        if shape.is_placeholder:
            bodies += [self._layout.get(str(shape.placeholder_format.idx)), self._master.get("body")]
            styles = [self._body]
        own = [body.find(f"{qn('p:txBody')}/{qn('a:lstStyle')}") for body in bodies if body is not None]
        return [style for style in (*own, *styles) if style is not None]


class _Reader:
    """Walks the slides from first to last."""

    def __init__(self, slides: Slides) -> None:
        self.assembly = Assembly("slide")
        self._band = max(1, (slides.slide_height or 6858000) // _BANDS)
        self._left_out: Counter[str] = Counter()
        self._hidden: list[int] = []
        self._number = 0
        self._layout: _Layout | None = None
        self._slide: Slide | None = None

    def slide(self, slide: Slide, layout: _Layout, number: int) -> None:
        """Add a slide, with its title for a heading, and the notes of the one who speaks."""
        self._number, self._layout, self._slide = number, layout, slide
        _unfold(slide.shapes.element)
        if slide.element.get("show") in ("0", "false"):
            self._hidden.append(number)
        level = _SLIDE if not layout.opens else 1 if number == 1 else _PART
        self.assembly.sections.leave(level)
        shapes = list(slide.shapes)
        titles = [one for one in shapes if _placeholder(one) in _TITLES]
        for shape in titles:
            words = " ".join(words for paragraph in _paragraphs(shape) if (words := words_of(paragraph)))
            self.assembly.heading(level, words, number)
        self._shapes(one for one in shapes if one not in titles)
        self._notes(slide)
        for rel in slide.part.rels.values():
            if rel.reltype.rpartition("/")[2] == "comments":
                self._left_out["comment"] += len(parsed(rel.target_part.blob, "a part with comments").findall("{*}cm"))

    def _shapes(self, shapes: Iterable[BaseShape]) -> None:
        placed = ((shape.top or 0, shape.left or 0, shape) for shape in shapes)
        for shape in reading_order(placed, self._band):
            if _placeholder(shape) in _AROUND:
                self._left_out["footer"] += any(map(words_of, _paragraphs(shape)))
            elif isinstance(shape, GroupShape):
                self._shapes(shape.shapes)
            elif isinstance(shape, GraphicFrame):
                self._frame(shape)
            elif shape.element.tag == qn("p:pic"):
                self._left_out["picture"] += 1
            else:
                self._text(shape)

    def _text(self, shape: BaseShape) -> None:
        styles = self._layout.styles(shape) if self._layout else []
        reached: dict[int, int] = {}
        for paragraph in _paragraphs(shape):
            words = words_of(paragraph)
            if words:
                self.assembly.block("text", _marker(paragraph, styles, reached) + words, self._number)

    def _frame(self, frame: GraphicFrame) -> None:
        if frame.has_table:
            for table in frame.element.iter(qn("a:tbl")):
                add_table(self.assembly, rows_of(table, self._number))
            return
        if frame.has_chart:
            self._chart(frame)
            return
        links = frame.element.find(f".//{_DIAGRAM}")
        if links is None or self._slide is None:
            self._left_out["object"] += 1
            return
        try:
            part = self._slide.part.related_part(links.get(qn("r:dm")))
        except KeyError:
            self._left_out["object"] += 1
            return
        for words in words_of_diagram(parsed(part.blob, "a diagram")):
            self.assembly.block("text", words, self._number)

    def _chart(self, frame: GraphicFrame) -> None:
        try:
            title, rows = title_of_chart(frame.chart), rows_of_chart(frame.chart, self._number)
        except (*DAMAGE, PythonPptxError):  # its part is missing, or of a kind that python-pptx doesn't know
            self._left_out["chart"] += 1
            return
        self.assembly.block("text", title, self._number)
        add_table(self.assembly, rows)

    def _notes(self, slide: Slide) -> None:
        frame = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
        opening = "Notes: "
        for paragraph in () if frame is None else frame._txBody.iter(qn("a:p")):
            if words := words_of(paragraph):
                self.assembly.block("text", opening + words, self._number)
                opening = ""

    def finish(self, facts: Facts) -> Extract:
        """Return what was read, and say what was not."""
        self.assembly.notes += what_is_left_out(self._left_out)
        if self._left_out["footer"]:
            self.assembly.notes.append("left out dates, footers and numbers of slides")
        if self._hidden:
            which = ", ".join(map(str, self._hidden))
            self.assembly.notes.append(f"hidden, but read: slide{'' if len(self._hidden) == 1 else 's'} {which}")
        return self.assembly.finish(title=facts.title, author=facts.author, date=facts.date)


def _unfold(tree: etree._Element) -> None:
    """Put the first version of shapes that come in several in their place: python-pptx passes over those."""
    for alternatives in list(tree.iter(f"{_MC}AlternateContent")):
        choice = alternatives.find(f"{_MC}Choice")
        parent = alternatives.getparent()
        if choice is not None and parent is not None:
            at = parent.index(alternatives)
            parent[at : at + 1] = list(choice)


def _placeholders(tree: etree._Element, key: str) -> dict[str, etree._Element]:
    """Return the placeholders of a layout or master by an attribute of theirs."""
    shapes = ((shape, shape.find(f".//{qn('p:ph')}")) for shape in tree.iter(qn("p:sp")))
    return {mark.get(key, "0"): shape for shape, mark in shapes if mark is not None}


def _placeholder(shape: BaseShape) -> PP_PLACEHOLDER | None:
    return shape.placeholder_format.type if shape.is_placeholder else None


def _paragraphs(shape: BaseShape) -> list[etree._Element]:
    body = shape.element.find(qn("p:txBody"))
    return [] if body is None else body.findall(qn("a:p"))


def _marker(paragraph: etree._Element, styles: list[etree._Element], reached: dict[int, int]) -> str:
    """Return the bullet or number before a paragraph; ``reached`` holds the numbers of each level so far."""
    properties = paragraph.find(qn("a:pPr"))
    level = whole(properties.get("lvl")) if properties is not None else 0
    holds = [properties, *(style.find(qn(f"a:lvl{level + 1}pPr")) for style in styles)]
    found = (one for holder in holds if holder is not None for one in holder if one.tag in _BULLETS)
    bullet = next(found, None)
    for deeper in [key for key in reached if key > level]:
        del reached[deeper]
    if bullet is None or bullet.tag != qn("a:buAutoNum"):
        reached.pop(level, None)
        return "" if bullet is None or bullet.tag == qn("a:buNone") else BULLET
    reached[level] = reached[level] + 1 if level in reached else whole(bullet.get("startAt"), 1)
    form = _AUTO.fullmatch(bullet.get("type", ""))
    style, shape = form.groups() if form else ("arabic", "Period")
    return _AUTO_FORMS[shape].format(numeral(reached[level], _AUTO_STYLES[style]))
