"""HTML: the main text with its headings, and the line of the file on which each word stands."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import replace

from lxml import etree, html

from index.load.clean import author_of, day_of
from index.load.decode import decode
from index.load.limits import Limits
from index.load.sections import Sections
from index.records import Block, Extract, Places

_UNSEEN = frozenset(
    "head script style noscript template svg math iframe object select option button textarea input canvas".split()
)
_AROUND = frozenset("nav footer aside".split())
_AROUND_ROLES = frozenset("navigation banner contentinfo search complementary menu menubar toolbar dialog".split())
_NOTES = frozenset("note doc-footnote doc-footnotes doc-endnote doc-endnotes".split())
"""Roles of what belongs to the text wherever it is set."""
_AROUND_NAMES = frozenset(
    "nav nav-panel navbar navigation menu sidebar breadcrumb breadcrumbs footer cookie cookies cookie-banner skip-link "
    "related toc".split()
)
_INLINE = frozenset(
    "a abbr b bdi bdo big cite code data del dfn em font i img ins kbd label mark meter q rp rt ruby s samp small "
    "span strike strong sub sup time tt u var wbr".split()
)
_HEADINGS = frozenset("h1 h2 h3 h4 h5 h6".split())
_SEEN = f"boolean(.//text()[normalize-space() and not({' or '.join(f'ancestor::{tag}' for tag in sorted(_UNSEEN))})])"
_AUTHOR = ("author", "dc.creator", "dcterms.creator", "citation_author")
_DATE = ("date", "dcterms.date", "dc.date", "article:published_time", "dcterms.created", "citation_date")
"""Names under which pages say by whom and when they were written, the best first."""
_LAST_LINE = 65535
"""libxml2 counts lines no further; beyond, ours count on from the last that it knew."""

_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"\S+")
_NEWLINE = re.compile(r"\r\n|\n|\r")


def extract_html(data: bytes, _limits: Limits) -> Extract:
    """Read a page in the encoding that it declares or is in. Raises Unreadable where it is no text."""
    text, encoding = decode(data, html=True)
    return replace(read_html(text), encoding=encoding)


def read_html(text: str) -> Extract:
    """Read what a person would: visible text in order, without navigation, footers and scripts.

    Where the page marks its main part (``main``, ``role=main``), only that is read. What was left
    out is counted in the notes. Table cells are separated by tabs, blocks by blank lines.
    """
    parser = html.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=False)
    clean = _NEWLINE.sub("\n", text).replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace")
    try:
        root = html.document_fromstring(clean, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError):  # nothing but white space or comments
        return Extract(text="", blocks=(), places=Places(unit="line", offsets=(0,), numbers=(1,)))
    main = root.xpath("//main | //*[@role='main']")
    reader = _Reader()
    reader.read(root, main[0] if len(main) == 1 and main[0].xpath(_SEEN) else root)
    reader.notes += depth_notes(parser)
    found = reader.finish(_SPACE.sub(" ", str(root.xpath("string(//head/title)"))).strip())
    said = {
        str(m.get("name") or m.get("property")).lower(): m.get("content") for m in root.iterfind(".//meta[@content]")
    }
    return replace(
        found,
        author=author_of(next((said[name] for name in _AUTHOR if name in said), "")),
        date=day_of(next((said[name] for name in _DATE if name in said), "")),
    )


def depth_notes(parser: html.HTMLParser) -> list[str]:
    """Return a note where a parser of HTML has left out what is nested too deeply, which it says nowhere else."""
    cut = any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log)
    return ["nested too deeply: what follows the 2048th level is not in the index"] if cut else []


class _Reader:
    """Walks a tree once, without recursion, so that no depth of nesting can break it."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._length = 0
        self._blocks: list[Block] = []
        self._offsets: list[int] = []
        self._numbers: list[int] = []
        self._sections = Sections()
        self._parts: list[tuple[str, int]] = []
        self._line = 1
        self._left_out = 0
        self.notes: list[str] = []
        self._inside = False
        self._hidden: etree._Element | None = None
        self._around = False
        self._row = 0
        self._pre = 0

    def read(self, root: html.HtmlElement, scope: html.HtmlElement) -> None:
        """Read everything inside ``scope``, and count the text around it."""
        for event, element in etree.iterwalk(root, events=("start", "end", "comment", "pi")):
            if event == "start":
                if element.sourceline and element.sourceline < _LAST_LINE:
                    self._line = element.sourceline
                self._inside = self._inside or element is scope
                self._enter(element)
                self._take(element.text)
            else:
                if event == "end":
                    self._leave(element)
                elif element.text:
                    self._line += len(_NEWLINE.findall(element.text))
                if element is scope:
                    self._flush("text")
                    self._inside = False
                if element is not root:
                    self._take(element.tail)

    def _enter(self, element: html.HtmlElement) -> None:
        if self._hidden is not None:
            return
        kind = _apart(element)
        if kind:
            self._hidden, self._around = element, kind == "around"
            if kind == "around" and not self._row:
                self._flush("text")
            elif not self._pre:
                self._parts.append((" ", self._line))
            return
        tag = element.tag
        if tag in ("td", "th") and self._row:
            self._parts.append(("\t", self._line))
        elif tag == "br":
            self._parts.append(("\n", self._line))
        elif tag not in _INLINE and not self._row:
            self._flush("text")
        self._row += tag == "tr"
        self._pre += tag == "pre"

    def _leave(self, element: html.HtmlElement) -> None:
        if self._hidden is not None:
            if element is self._hidden:
                self._hidden = None
            return
        tag = element.tag
        if tag == "tr":
            self._row -= 1
        if tag in _HEADINGS and not self._row:
            self._flush("heading", int(tag[1]))
        elif tag == "tr" and not self._row:
            self._flush("row" if element.find(".//td") is not None else "header")
        elif tag == "pre" and not self._row:
            self._flush("code")
        elif tag not in _INLINE and tag != "br" and not self._row:
            self._flush("text")
        elif tag not in _INLINE and self._row:
            self._parts.append((" ", self._line))
        self._pre -= tag == "pre"

    def _take(self, raw: str | None) -> None:
        if not raw:
            return
        if self._hidden is None and self._inside:
            # a tab between words is a space to a reader; one of ours stands between cells
            self._parts.append((raw if self._pre else raw.replace("\t", " "), self._line))
        elif self._hidden is None or self._around:
            self._left_out += len(_SPACE.sub(" ", raw).strip())
        self._line += len(_NEWLINE.findall(raw))

    def _flush(self, kind: str, level: int = 0) -> None:
        """Close the block in hand: normalise its white space and remember the line of each word."""
        parts, self._parts = self._parts, []
        words = _tidy(parts, keep=self._pre > 0)
        if not words:
            return
        body = "".join(space + word for space, word, _ in words)
        if level:
            self._sections.enter(level, _SPACE.sub(" ", body))
        start = self._length + (2 if self._length else 0)
        at = start
        for space, word, line in words:
            at += len(space)
            if not self._numbers or self._numbers[-1] != line:
                self._offsets.append(at)
                self._numbers.append(line)
            at += len(word)
        self._text.append(body)
        self._length = at
        self._blocks.append(Block(start=start, end=at, kind=kind, section=self._sections.path))

    def finish(self, named: str) -> Extract:
        """Return what was read, titled ``named`` or else by the first heading."""
        if self._left_out:
            self.notes.append(f"left out {self._left_out} characters of navigation or footer")
        return Extract(
            text="\n\n".join(self._text),
            blocks=tuple(self._sections.without_title(self._blocks)),
            places=Places(unit="line", offsets=tuple(self._offsets) or (0,), numbers=tuple(self._numbers) or (1,)),
            title=named or self._sections.title,
            notes=tuple(self.notes),
        )


def _apart(element: html.HtmlElement) -> str:
    """Say whether an element is ``unseen`` by a reader, ``around`` the main text, or neither."""
    if element.tag in _UNSEEN or "hidden" in element.attrib:
        return "unseen"
    role = (element.get("role") or "").lower()
    if role in _NOTES:
        return ""
    if element.tag in _AROUND or role in _AROUND_ROLES:
        return "around"
    if element.tag in ("html", "body", "main", "article"):
        return ""
    names = f"{element.get('class') or ''} {element.get('id') or ''}".lower().split()
    return "around" if _AROUND_NAMES.intersection(names) else ""


def _tidy(parts: list[tuple[str, int]], *, keep: bool) -> list[tuple[str, str, int]]:
    """Return ``(space before, word, line)`` for each word; ``keep`` leaves white space as it is."""
    raw = "".join(part for part, _ in parts)
    starts: list[int] = []
    lines: list[int] = []
    length = 0
    for part, line in parts:
        for at, number in [(0, line), *((n.end(), line + i) for i, n in enumerate(_NEWLINE.finditer(part), 1))]:
            starts.append(length + at)
            lines.append(number)
        length += len(part)
    words: list[tuple[str, str, int]] = []
    before = 0
    for found in _WORD.finditer(raw):
        gap = raw[before : found.start()]
        if not words:
            space = ""
        elif keep:
            space = gap
        else:
            space = "\t" if "\t" in gap else " "
        words.append((space, found.group(), lines[bisect_right(starts, found.start()) - 1]))
        before = found.end()
    return words
