"""Headings of a paged document: from its outline, and by the look of their font."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from index.load.pdf.drafts import Draft, Look
from index.load.pdf.layout import Line

_NUMBER = re.compile(
    r"(?:chapter|appendix|part|section|kapitel|teil|anhang)?\s*"
    r"(?:\d+|[A-Z](?=[.\s])|[IVX]+(?=[.\s]))(?:\.\d+)*[.:]?\s+",
    re.IGNORECASE,
)
_ODD = re.compile(r"[\W_]+")
_CHAPTER = re.compile(
    r"(?:chapter|part|appendix|annex|kapitel|teil|anhang|chapitre|partie|annexe|capítulo|capitolo|глава|часть)(?:\s+\S{1,12})?",
    re.IGNORECASE,
)
_LETTER = re.compile(r"[^\W\d_]")
_RUN_ON = re.compile(r"[,;.:]$")
_CAPITALS = re.compile(
    r"(?:\d+(?:\.\d+)*|[IVX]+)\.?\s+\S"
    r"|(?:ABSTRACT|INTRODUCTION|SUMMARY|CONCLUSIONS?|REFERENCES|BIBLIOGRAPHY|APPENDIX|ACKNOWLEDGE?MENTS?)$"
)
_CAPTION = re.compile(r"(?:fig|tab|abb|listing|algorithm|scheme|box|exhibit)\w*\.?\s*\d", re.IGNORECASE)
_LONGEST = 500
"""Characters of a line in whose front a number is looked for; what is longer is no heading."""
_LARGE = 1.12
"""A heading by its size alone is this much larger than most of the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry of a document's outline."""

    level: int
    """From 1."""
    title: str
    page: int
    """Index of the page that it leads to."""


def bare(text: str) -> str:
    """Return the letters and digits of ``text`` alone, for comparing."""
    return _ODD.sub("", text.casefold())


def _unnumbered(text: str) -> str:
    return bare(text if len(text) > _LONGEST else _NUMBER.sub("", text, count=1))


def mark_outline(pages: Sequence[Sequence[Line]], entries: Sequence[Entry]) -> int:
    """Mark the lines that the outline names with the level of their entry; return how many entries were found."""
    found = 0
    plain: dict[int, list[str]] = {}
    for entry in entries:
        wanted = {bare(entry.title), _unnumbered(entry.title)} - {""}
        for page in (entry.page, entry.page + 1):
            if not 0 <= page < len(pages):
                continue
            if page not in plain:
                plain[page] = [bare(line.text) for line in pages[page]]
            span = _lines_of(plain[page], wanted, pages[page])
            if span:
                found += 1
                for at in span:
                    pages[page][at].heading, pages[page][at].group = min(entry.level, 6), found
                    plain[page][at] = ""
                break
    return found


def _lines_of(plain: Sequence[str], wanted: set[str], lines: Sequence[Line]) -> range:
    """Return the one to three lines that say what is ``wanted``, with or without a number before it."""
    for at, first in enumerate(plain):
        if not first:
            continue
        starts = {first, _unnumbered(lines[at].text)}
        for count in range(1, min(4, len(plain) - at + 1)):
            rest = "".join(plain[at + 1 : at + count])
            if any(start + rest in wanted for start in starts):
                return range(at, at + count)
            if not any(want.startswith(start + rest) for start in starts for want in wanted):
                break
    return range(0)


def with_headings(pages: Sequence[Sequence[Draft]], look: Look) -> list[list[Draft]]:
    """Return the blocks of each page, short ones in larger or bolder type made headings, each with a level."""
    known: defaultdict[tuple[float, bool], Counter[int]] = defaultdict(Counter)
    new: list[Draft] = []
    for draft in (draft for drafts in pages for draft in drafts):
        if draft.kind == "heading":
            known[_style(draft)][draft.level] += 1
        elif draft.kind == "text" and _looks_like_one(draft, look):
            new.append(draft)
    new = _without_title_page(new, pages)
    styles = {style: counts.most_common(1)[0][0] for style, counts in known.items()}
    for style in sorted({_style(draft) for draft in new} - set(styles), reverse=True):
        above = [level for other, level in styles.items() if other > style]
        styles[style] = min(6, max(above, default=0) + 1)
    for draft in new:
        draft.kind, draft.level = "heading", styles[_style(draft)]
    return [_merged(drafts) for drafts in pages]


def _without_title_page(new: Sequence[Draft], pages: Sequence[Sequence[Draft]]) -> list[Draft]:
    """Return the headings without authors, dates and the like.

    Those stand on the first page in type smaller than its title's, in a style that no later page has.
    """
    if len(pages) < 3 or not pages[0] or not new:
        return list(new)
    first = pages[0][0].lines[0].page
    later = {_style(draft) for draft in new if draft.lines[0].page != first}
    later |= {_style(draft) for drafts in pages for draft in drafts if draft.kind == "heading"}
    largest = max((_style(draft) for draft in new if draft.lines[0].page == first), default=(0.0, False))
    return [
        draft for draft in new if draft.lines[0].page != first or _style(draft) == largest or _style(draft) in later
    ]


def _merged(drafts: Sequence[Draft]) -> list[Draft]:
    """Return blocks with the word "Chapter" and its number put before the title that follows them."""
    out: list[Draft] = []
    for draft in drafts:
        before = out[-1] if out else None
        if before is not None and before.kind == draft.kind == "heading":
            text = " ".join(line.text for line in before.lines)
            if _CHAPTER.fullmatch(text) and before.lines[0].region == draft.lines[0].region:
                draft.lines = before.lines + draft.lines
                out.pop()
        out.append(draft)
    return out


def _style(draft: Draft) -> tuple[float, bool]:
    line = draft.lines[0]
    return round(line.size * 2) / 2, line.bold


def _looks_like_one(draft: Draft, look: Look) -> bool:
    text = " ".join(line.text for line in draft.lines)
    line = draft.lines[0]
    if len(draft.lines) > 3 or len(text) > 160 or line.turned or (line.mono and not look.mono):
        return False
    if len(_LETTER.findall(text)) < 3 or text[:1] in "•-–":
        return False
    if min(each.size for each in draft.lines) >= _LARGE * look.size:
        return True
    if _RUN_ON.search(text) or _CAPTION.match(text) or line.size < 0.85 * look.size:
        return False
    if len(draft.lines) <= 2 and all(each.bold for each in draft.lines) and not look.bold:
        return True
    return len(draft.lines) == 1 and text.isupper() and _CAPITALS.match(text) is not None
