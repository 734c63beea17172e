"""Styles and lists of Word documents: what a paragraph is, and the number before it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from docx.oxml.ns import qn as _qn
from lxml import etree

from index.load.office.numbering import Counters, Level, numeral
from index.load.office.stylenames import heading_level, is_code, is_contents
from index.load.parts import whole

_NAMED_HEADER = re.compile(r"table (heading|header)s?")

_NO_OUTLINE = 9
"""The level in the outline of ordinary text; those of headings begin at 0."""
_STYLES = {
    "decimal": "1",
    "decimalZero": "01",
    "lowerLetter": "a",
    "upperLetter": "A",
    "lowerRoman": "i",
    "upperRoman": "I",
    "bullet": "-",
    "none": "",
}


@cache
def qn(name: str) -> str:
    """Return a name such as ``w:p`` as lxml writes it; python-docx takes it apart anew each time."""
    return _qn(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What a style makes of a paragraph."""

    heading: int = 0
    """Level from 1, that of a title as well; 0 for none."""
    contents: bool = False
    """A line of a table of contents."""
    code: bool = False
    strong: bool = False
    list: tuple[str, int] | None = None
    """Number of the list and level in it, from 0."""


def value(element: etree._Element | None, name: str = "w:val") -> str:
    """Return an attribute, or an empty string where the element or the attribute is missing."""
    return "" if element is None else str(element.get(qn(name), ""))


def switched_on(element: etree._Element | None) -> bool:
    """Say whether an element such as ``w:b`` is there and not taken back."""
    return element is not None and value(element) not in ("0", "false", "off", "none")


class Styles:
    """The styles of a document, each made up from those that it builds on."""

    def __init__(self, root: etree._Element | None) -> None:
        """``root`` is ``w:styles``, or None for a document without styles."""
        found = [] if root is None else root.findall(qn("w:style"))
        self._elements = {value(one, "w:styleId"): one for one in found}
        self._known: dict[str, Style] = {}
        paragraphs = [one for one in found if value(one, "w:type") == "paragraph"]
        self._default = next((value(one, "w:styleId") for one in paragraphs if value(one, "w:default") == "1"), "")

    def paragraph(self, name: str) -> Style:
        """Return what the style of the id ``name`` is, or the document's default where it is empty."""
        name = name or self._default
        if name not in self._known:
            self._known[name] = self._resolved(name)
        return self._known[name]

    def names_columns(self, name: str) -> bool:
        """Say whether a table style sets the first row apart."""
        return any(
            value(part, "w:type") == "firstRow" for one in self._chain(name) for part in one.iter(qn("w:tblStylePr"))
        )

    def strong(self, name: str) -> bool:
        """Say whether a style of characters is bold."""
        bold = self._first(name, "w:rPr/w:b")
        return switched_on(bold)

    def _chain(self, name: str) -> Iterator[etree._Element]:
        seen: set[str] = set()
        while name in self._elements and name not in seen:
            seen.add(name)
            yield self._elements[name]
            name = value(self._elements[name].find(qn("w:basedOn")))

    def _first(self, name: str, path: str) -> etree._Element | None:
        steps = "/".join(qn(step) for step in path.split("/"))
        return next((found for one in self._chain(name) if (found := one.find(steps)) is not None), None)

    def _resolved(self, name: str) -> Style:
        names = [value(one.find(qn("w:name"))).strip().casefold() for one in self._chain(name)]
        outline = self._first(name, "w:pPr/w:outlineLvl")
        number = self._first(name, "w:pPr/w:numPr/w:numId")
        level = value(self._first(name, "w:pPr/w:numPr/w:ilvl"))
        return Style(
            heading=next(filter(None, map(heading_level, names)), 0)
            if outline is None
            else outline_level(value(outline)),
            contents=any(map(is_contents, names)),
            code=any(map(is_code, names)),
            strong=switched_on(self._first(name, "w:rPr/w:b")) or any(_NAMED_HEADER.fullmatch(one) for one in names),
            list=(value(number), whole(level, -1)) if value(number) not in ("", "0") else None,
        )


def outline_level(raw: str) -> int:
    """Return the level of heading, from 1, that ``w:outlineLvl`` says, or 0 for ordinary text."""
    level = whole(raw, _NO_OUTLINE)
    return level + 1 if level < _NO_OUTLINE else 0


class Lists:
    """The lists of a document and the numbers reached in them."""

    def __init__(self, root: etree._Element | None) -> None:
        """``root`` is ``w:numbering``, or None for a document without lists."""
        self._counters = Counters()
        self._started: set[tuple[str, int]] = set()
        self._abstract = (
            {} if root is None else {value(a, "w:abstractNumId"): a for a in root.iter(qn("w:abstractNum"))}
        )
        self._numbers = {} if root is None else {value(n, "w:numId"): n for n in root.iter(qn("w:num"))}
        self._homes = {value(a.find(qn("w:styleLink"))): key for key, a in self._abstract.items()}
        self._levels: dict[str, tuple[str, dict[int, Level], dict[str, int], dict[int, int]]] = {}

    def marker(self, number: str, level: int, style: str) -> str:
        """Count an item and return its marker, such as ``2.1. `` or ``- ``.

        ``level`` is -1 where the level is that which the list keeps for the style of the id ``style``.
        """
        if number not in self._numbers:
            return ""
        if number not in self._levels:
            self._levels[number] = self._resolved(number)
        home, levels, styles, starts = self._levels[number]
        level = styles.get(style, 0) if level < 0 else level
        if level in starts and (number, level) not in self._started:
            self._counters.restart(home, level, starts[level])
        self._started.add((number, level))
        return self._counters.marker(home, level, levels)

    def _resolved(self, number: str) -> tuple[str, dict[int, Level], dict[str, int], dict[int, int]]:
        one = self._numbers[number]
        home = value(one.find(qn("w:abstractNumId")))
        linked = value(self._abstract[home].find(qn("w:numStyleLink"))) if home in self._abstract else ""
        home = self._homes.get(linked, home) if linked else home
        elements = {} if home not in self._abstract else dict(_by_level(self._abstract[home], "w:lvl"))
        starts: dict[int, int] = {}
        for at, override in _by_level(one, "w:lvlOverride"):
            own = override.find(qn("w:lvl"))
            if own is not None:
                elements[at] = own
            if (start := whole(value(override.find(qn("w:startOverride"))), -1)) >= 0:
                starts[at] = start
        styles = {value(e.find(qn("w:pStyle"))): at for at, e in elements.items() if e.find(qn("w:pStyle")) is not None}
        return home, {at: _level(element) for at, element in elements.items()}, styles, starts


def _by_level(parent: etree._Element, tag: str) -> Iterator[tuple[int, etree._Element]]:
    for element in parent.findall(qn(tag)):
        if (level := whole(value(element, "w:ilvl"), -1)) >= 0:
            yield level, element


def _level(element: etree._Element) -> Level:
    style = _STYLES.get(value(element.find(qn("w:numFmt"))), "1")
    pattern = value(element.find(qn("w:lvlText")))
    blank = style == "-" and not pattern.strip() and element.find(qn("w:lvlPicBulletId")) is None
    return Level(
        style="" if blank else style,  # a bullet that can't be seen only indents what goes on with an item
        pattern=pattern,
        start=whole(value(element.find(qn("w:start")))),
        plain=switched_on(element.find(qn("w:isLgl"))),
    )


def mark_of_note(kind: str, number: int) -> str:
    """Return the mark of a note as it stands in the text: ``[3]`` for a footnote, ``[iii]`` for an endnote."""
    return f"[{numeral(number, 'i' if kind == 'endnote' else '1')}]"
