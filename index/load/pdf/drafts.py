"""What the blocks of a paged document are made of: drafts, what most of the text looks like, and markers of lists."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from index.load.pdf.layout import Line

BULLET = re.compile(r"[•‣◦▪▫●○■□◆◇►▸▶➢➤✓✔∙·⁃‐–—*-](?=\s|$)")
_NUMBERED = re.compile(
    r"(?:\(?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{2,5})[.)]|\[\d{1,4}\]|\d{1,2}(?:\.\d{1,2}){1,4}\.?)(?=\s|$)"
)
_NOTE = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹]+\s*[^\W\d]|[∗†‡](?=\s?[^\W\d])")
"""The mark of a footnote."""
ENDED = re.compile(r"[.!?:;…。！？：；][\"'”’»)\]]*$")
SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’»)\]⁰¹²³⁴⁵⁶⁷⁸⁹]*$")


@dataclass(slots=True, kw_only=True)
class Draft:
    """A block in the making."""

    kind: str
    lines: list[Line] = field(default_factory=list)
    level: int = 0
    """Of a heading."""
    opens: bool = True
    """Whether a row is the first of its table."""
    cells: list[list[tuple[Line, int, int]]] = field(default_factory=list)
    """Of a table row: for each column the lines and ranges of their text that it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What most of a document looks like."""

    size: float
    mono: bool
    bold: bool
    leading: dict[float, float]
    """Distance between the lines of a paragraph, for each size of text."""

    def pitch(self, size: float) -> float:
        """Return the usual distance between lines of this size."""
        return self.leading.get(round(size), 1.2 * size)


def look_of(pages: Sequence[Sequence[Line]]) -> Look:
    """Measure what most of the text looks like."""
    sizes: Counter[float] = Counter()
    mono = bold = total = 0
    gaps: defaultdict[float, Counter[float]] = defaultdict(Counter)
    for lines in pages:
        for line in lines:
            weight = len(line.text)
            sizes[round(line.size, 1)] += weight
            total += weight
            mono += weight * line.mono
            bold += weight * line.bold
        for upper, lower in pairwise(lines):
            gap = lower.base - upper.base
            same = upper.region == lower.region and abs(upper.size - lower.size) < 0.05 * upper.size
            if same and 0.8 * upper.size < gap < 2.2 * upper.size:
                gaps[round(upper.size)][round(gap * 2) / 2] += 1
    leading = {size: _pitch(size, counts) for size, counts in gaps.items()}
    return Look(
        size=sizes.most_common(1)[0][0] if sizes else 10.0,
        mono=2 * mono > total,
        bold=2 * bold > total,
        leading=leading,
    )


def _pitch(size: float, counts: Counter[float]) -> float:
    """Return the commonest distance; with few to go by, one that is not larger than text is set with."""
    gap, times = counts.most_common(1)[0]
    return gap if times >= 3 or gap < 1.35 * size else 1.2 * size


def opens_item(text: str) -> bool:
    """Say whether a line begins with the marker of a list item."""
    return BULLET.match(text) is not None or _NUMBERED.match(text) is not None or _NOTE.match(text) is not None


def is_marker(text: str) -> bool:
    """Say whether text is nothing but a marker."""
    found = BULLET.match(text) or _NUMBERED.match(text)
    return found is not None and found.end() == len(text.rstrip())
