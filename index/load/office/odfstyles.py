"""Styles and lists of OpenDocument files: what a paragraph is, and the number before it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from lxml import etree

from index.load.office.numbering import BULLET, Counters, Level
from index.load.office.stylenames import heading_level, is_code
from index.load.parts import whole

_NAMESPACE = "urn:oasis:names:tc:opendocument:xmlns:"
_PREFIXES = {
    "office": f"{_NAMESPACE}office:1.0",
    "style": f"{_NAMESPACE}style:1.0",
    "text": f"{_NAMESPACE}text:1.0",
    "table": f"{_NAMESPACE}table:1.0",
    "draw": f"{_NAMESPACE}drawing:1.0",
    "presentation": f"{_NAMESPACE}presentation:1.0",
    "chart": f"{_NAMESPACE}chart:1.0",
    "meta": f"{_NAMESPACE}meta:1.0",
    "manifest": f"{_NAMESPACE}manifest:1.0",
    "svg": f"{_NAMESPACE}svg-compatible:1.0",
    "fo": f"{_NAMESPACE}xsl-fo-compatible:1.0",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xlink": "http://www.w3.org/1999/xlink",
    "xml": "http://www.w3.org/XML/1998/namespace",
}
_LEVELS = 10
"""Of a list or of headings, at most."""
_ESCAPED = re.compile(r"_([0-9a-f]{2,4})_")


@cache
def tag(name: str) -> str:
    """Return a name such as ``text:p`` as lxml writes it."""
    prefix, _, local = name.partition(":")
    return f"{{{_PREFIXES[prefix]}}}{local}"


def number_of(element: etree._Element, name: str, otherwise: int) -> int:
    """Return an attribute that is a number, or ``otherwise``."""
    return whole(element.get(tag(name)), otherwise)


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What a style makes of a paragraph or a span."""

    heading: int = 0
    """Level from 1, that of a title as well; 0 for none."""
    code: bool = False
    strong: bool = False
    hidden: bool = False
    list: str = ""
    """Name of the list style that numbers paragraphs of this style."""


class Styles:
    """The styles of a document, each made up from those that it builds on."""

    def __init__(self, content: etree._Element, styles: etree._Element | None) -> None:
        """``content`` is the root of content.xml, ``styles`` that of styles.xml where there is one."""
        homes = [] if styles is None else styles.findall(tag("office:styles"))
        homes += content.findall(tag("office:automatic-styles"))
        self._elements: dict[tuple[str, str], etree._Element] = {}
        self.lists: dict[str, dict[int, Level]] = {}
        """The levels of each list style, from 0."""
        self.outline: dict[int, Level] = {}
        """The levels of headings."""
        for home in homes:
            for one in home.iter(tag("style:style")):
                self._elements[one.get(tag("style:family"), ""), one.get(tag("style:name"), "")] = one
            for one in home.iter(tag("text:list-style")):
                self.lists[one.get(tag("style:name"), "")] = dict(map(_level, one))
            for one in home.iter(tag("text:outline-style")):
                self.outline = dict(map(_level, one))
        self._known: dict[tuple[str, str], Style] = {}

    def of(self, family: str, name: str) -> Style:
        """Return what the style ``name`` of a family, such as ``paragraph`` or ``text``, is."""
        if (family, name) not in self._known:
            self._known[family, name] = self._resolved(family, name)
        return self._known[family, name]

    def hides_page(self, name: str) -> bool:
        """Say whether a slide of this style is left out of the show."""
        path = tag("style:drawing-page-properties")
        found = (one.find(path) for one in self._chain("drawing-page", name))
        return any(one is not None and one.get(tag("presentation:visibility")) == "hidden" for one in found)

    def _chain(self, family: str, name: str) -> Iterator[etree._Element]:
        seen: set[str] = set()
        while (family, name) in self._elements and name not in seen:
            seen.add(name)
            yield self._elements[family, name]
            name = self._elements[family, name].get(tag("style:parent-style-name"), "")

    def _resolved(self, family: str, name: str) -> Style:
        chain = list(self._chain(family, name))
        parents = [one.get(tag("style:parent-style-name"), "") for one in chain]
        names = [_shown_name(one) for one in (name, *parents)]
        marks = [mark for one in chain if (mark := one.find(tag("style:text-properties"))) is not None]
        weight = next((mark.get(tag("fo:font-weight")) for mark in marks if mark.get(tag("fo:font-weight"))), "normal")
        lists = (one.get(tag("style:list-style-name")) for one in chain)
        return Style(
            heading=next(filter(None, map(heading_level, names)), 0),
            code=any(map(is_code, names)),
            strong=weight in ("bold", "600", "700", "800", "900") or "table heading" in names,
            hidden=any(mark.get(tag("text:display")) == "none" for mark in marks),
            list=next((one for one in lists if one), ""),
        )


def _shown_name(name: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found.group(1), 16)), name).casefold()


def _level(element: etree._Element) -> tuple[int, Level]:
    at = min(number_of(element, "text:level", 1), _LEVELS)
    kind = etree.QName(element).localname
    if not kind.endswith(("-number", "outline-level-style")):
        return at - 1, Level(style="-")
    shown = number_of(element, "text:display-levels", 1)
    number = ".".join(f"%{one}" for one in range(max(1, at - shown + 1), at + 1))
    before, after = (element.get(tag(f"style:num-{name}"), "") for name in ("prefix", "suffix"))
    style = element.get(tag("style:num-format"), "")
    return at - 1, Level(
        style=style[:1],
        pattern=f"{before}{number}{after}" if style else "",
        start=number_of(element, "text:start-value", 1),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in a list a paragraph stands."""

    name: int
    """Of the list: those that go on with each other have the same."""
    style: str
    level: int
    """From 0."""
    start: int = -1
    """The number that the item is given, or -1."""


class Lists:
    """The lists of a document and the numbers reached in them."""

    def __init__(self, styles: Styles) -> None:
        self._styles = styles
        self._counters = Counters()
        self._last: dict[str, int] = {}
        self._named: dict[str | None, int] = {}
        self._count = 0

    def enter(self, element: etree._Element, above: Place | None) -> Place:
        """Return the place of the items of ``text:list``, which lies within an item at ``above`` or within none."""
        style = element.get(tag("text:style-name"), "") or (above.style if above else "")
        if above:
            return Place(name=above.name, style=style, level=above.level + 1)
        goes_on = self._named.get(element.get(tag("text:continue-list")))
        if goes_on is None and element.get(tag("text:continue-numbering")) == "true":
            goes_on = self._last.get(style)
        self._count += 1
        name = self._count if goes_on is None else goes_on
        self._last[style] = name
        if element.get(tag("xml:id")):
            self._named[element.get(tag("xml:id"))] = name
        return Place(name=name, style=style, level=0)

    def marker(self, place: Place, paragraph: str) -> str:
        """Count an item, whose first paragraph has the style ``paragraph``, and return its marker."""
        levels = self._styles.lists.get(place.style or self._styles.of("paragraph", paragraph).list)
        if levels is None:  # a list that no style describes
            return BULLET
        if place.start >= 0:
            self._counters.restart(place.name, place.level, place.start)
        return self._counters.marker(place.name, place.level, levels)

    def outline(self, heading: etree._Element, level: int) -> str:
        """Count a heading of ``level``, from 1, and return its number, where headings have any."""
        if heading.get(tag("text:is-list-header")) == "true":
            return ""
        if heading.get(tag("text:restart-numbering")) == "true":
            self._counters.restart("", level - 1, number_of(heading, "text:start-value", 1))
        return self._counters.marker("", level - 1, self._styles.outline)
