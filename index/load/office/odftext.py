"""The text of OpenDocument files, as it flows through a document, a table cell or a text box."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from lxml import etree

from index.load.office.formula import MATHML, formula
from index.load.office.odfpackage import Package
from index.load.office.odfstyles import Lists, Place, Style, number_of, tag

_SPACES = re.compile(r"[ \t\r\n]+")
_UNSEEN = frozenset(map(tag, "svg:title svg:desc text:ruby-text text:hidden-text text:hidden-paragraph".split()))
_INDEXES = frozenset(
    map(
        tag,
        "text:table-of-content text:illustration-index text:table-index text:object-index text:user-index "
        "text:alphabetical-index".split(),
    )
)
_AROUND = frozenset(map(tag, "text:section text:index-body text:bibliography text:numbered-paragraph draw:a".split()))
_PARAGRAPHS = frozenset((tag("text:p"), tag("text:h")))
_DRAWINGS = f"{{{tag('draw:g')[1:].partition('}')[0]}}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """A paragraph or heading in the flow of text."""

    element: etree._Element
    style: Style
    marker: str = ""
    level: int = 0
    """Of a heading, from 1; 0 for none."""


@dataclass(slots=True, kw_only=True)
class Inline:
    """A paragraph taken apart."""

    words: list[str] = field(default_factory=list)
    strong: bool = True
    """All its words are set in bold."""
    notes: list[tuple[str, etree._Element]] = field(default_factory=list)
    """Mark and body of each footnote and endnote."""
    drawings: list[etree._Element] = field(default_factory=list)
    """Frames and shapes that hang on it."""


class Flow:
    """Follows text from top to bottom, counts list items on the way, and what is left out."""

    def __init__(self, package: Package, left_out: Counter[str]) -> None:
        self._left_out = left_out
        self._package = package
        self._styles = package.styles
        self._lists = Lists(package.styles)

    def items(self, container: etree._Element, place: Place | None = None) -> Iterator[Paragraph | etree._Element]:
        """Yield the paragraphs in a container, and its tables and drawings as the elements that they are."""
        for element in container:
            if element.tag in _PARAGRAPHS:
                yield self._paragraph(element, place)
                place = None  # only the first paragraph of a list item has its number
            elif element.tag == tag("text:list"):
                yield from self._list(element, place)
            elif element.tag == tag("table:table") or is_drawing(element):
                yield element
            elif element.tag in _AROUND:
                if element.get(tag("text:display")) == "none":
                    self._left_out["hidden"] += 1
                else:
                    yield from self.items(element)
            elif element.tag in _INDEXES:
                lines = element.iter(tag("text:p"), tag("text:h"))
                kind = "contents" if element.tag == tag("text:table-of-content") else "index"
                self._left_out[kind] += sum(1 for line in lines if "".join(line.itertext()).strip())
            elif element.tag == tag("text:tracked-changes"):
                self._left_out["deleted"] += sum(1 for _ in element.iter(tag("text:deletion")))

    def _list(self, element: etree._Element, above: Place | None) -> Iterator[Paragraph | etree._Element]:
        place = self._lists.enter(element, above)
        for item in element:
            if item.tag == tag("text:list-item"):
                yield from self._item(item, replace(place, start=number_of(item, "text:start-value", -1)))
            elif item.tag == tag("text:list-header"):
                yield from self._item(item, place, counted=False)

    def _item(
        self, item: etree._Element, place: Place, *, counted: bool = True
    ) -> Iterator[Paragraph | etree._Element]:
        for at, element in enumerate(item):
            if element.tag == tag("text:list"):
                yield from self._list(element, place)
            elif element.tag in _PARAGRAPHS:
                yield self._paragraph(element, place if counted and at == 0 else None)

    def _paragraph(self, element: etree._Element, place: Place | None) -> Paragraph:
        name = element.get(tag("text:style-name"), "")
        style = self._styles.of("paragraph", name)
        level = style.heading
        if element.tag == tag("text:h"):
            level = max(1, number_of(element, "text:outline-level", 1))
        marker = self._lists.marker(place, name) if place else ""
        if element.tag == tag("text:h") and not marker:
            marker = self._lists.outline(element, level)
        return Paragraph(element=element, style=style, marker=marker, level=level)

    def read(self, paragraph: Paragraph, into: Inline) -> None:
        """Add the words of a paragraph to ``into``."""
        if paragraph.style.hidden:
            self._left_out["hidden"] += 1
        else:
            self._inside(paragraph.element, into, strong=paragraph.style.strong)

    def _inside(self, parent: etree._Element, into: Inline, *, strong: bool) -> None:
        _say(parent.text, into, strong=strong)
        for element in parent:
            self._piece(element, into, strong=strong)
            _say(element.tail, into, strong=strong)

    def _piece(self, element: etree._Element, into: Inline, *, strong: bool) -> None:
        if element.tag == tag("text:s"):
            into.words.append(" " * min(number_of(element, "text:c", 1), 1000))
        elif element.tag == tag("text:tab"):
            into.words.append("\t")
        elif element.tag == tag("text:line-break"):
            into.words.append("\n")
        elif element.tag == tag("text:note"):
            self._note(element, into)
        elif element.tag == tag("office:annotation"):
            self._left_out["comment"] += 1
        elif words := self._formula(element):
            into.words.append(f" {words} ")
        elif is_drawing(element):
            into.drawings.append(element)
        elif element.tag == tag("text:span"):
            style = self._styles.of("text", element.get(tag("text:style-name"), ""))
            if style.hidden:
                self._left_out["hidden"] += 1
            else:
                self._inside(element, into, strong=strong or style.strong)
        elif element.tag not in _UNSEEN:
            self._inside(element, into, strong=strong)

    def _formula(self, frame: etree._Element) -> str:
        """Return the formula in a frame on one line, or nothing where there is none."""
        element = frame.find(tag("draw:object")) if frame.tag == tag("draw:frame") else None
        if element is None:
            return ""
        own = element.find(f"{MATHML}math")
        root = self._package.object(element.get(tag("xlink:href"), "")) if own is None else own
        return formula(root) if root is not None and root.tag == f"{MATHML}math" else ""

    def _note(self, element: etree._Element, into: Inline) -> None:
        mark = f"[{''.join(element.find(tag('text:note-citation')).itertext())}]" if _has_mark(element) else ""
        into.words.append(mark)
        body = element.find(tag("text:note-body"))
        if body is not None:
            into.notes.append((mark, body))


def _has_mark(note: etree._Element) -> bool:
    citation = note.find(tag("text:note-citation"))
    return citation is not None and bool("".join(citation.itertext()).strip())


def _say(raw: str | None, into: Inline, *, strong: bool) -> None:
    if raw:
        into.words.append(_SPACES.sub(" ", raw))
        into.strong = into.strong and (strong or not raw.strip())


def is_drawing(element: etree._Element) -> bool:
    """Say whether an element is a frame, shape or group of shapes."""
    return str(element.tag).startswith(_DRAWINGS) and element.tag != tag("draw:a")
