"""From the letters of a page to its lines in reading order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from index.load.pdf.columns import Floats, Indices, Words, regions
from index.load.pdf.letters import Font, Letters

SPACE = 0.13
"""Gap between letters that parts words, in sizes of the font, where the page has no space character."""
WIDE = 1.1
"""Gap between words that may part the cells of a table, likewise."""
_RAISED = str.maketrans("0123456789+-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻")
_RAISABLE = re.compile(r"(?=.*\d)[\d+−,*∗†‡§-]+")
_ORDINALS = frozenset("st nd rd th er re e ème a o TM".split())
_FULL = 65535
_NUMBERED_LINES = 10
"""Lines of a page on which line numbers are looked for."""


@dataclass(slots=True, kw_only=True)
class Line:
    """A line of a region. Lengths are points in the direction of its text."""

    page: int
    """Index of its page."""
    region: int
    """Number of its region on the page."""
    text: str
    at: int
    """Row of the page's boxes at which those of ``text`` begin."""
    left: float
    right: float
    base: float
    size: float
    font: int
    bold: bool = False
    mono: bool = False
    partly_mono: bool = False
    """Whether it begins in a font of fixed width, and half of it is set so."""
    turned: bool = False
    """Whether it reads in another direction than the page."""
    cells: tuple[tuple[int, int, float, float], ...] = field(default=())
    """Where gaps are wide: range of ``text``, left and right of each stretch between them."""
    heading: int = 0
    """Level of the heading that the document's outline says it is, or 0."""
    group: int = 0
    """Lines of one heading have the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLines:
    """A page that was laid out."""

    number: int
    width: float
    height: float
    lines: list[Line]
    boxes: NDArray[np.uint16]
    """Shape (n, 4), as records.Page has them; the rows of a line begin at its ``at``."""
    numbered: bool = False
    """Whether its lines had numbers in the margin, which are left out."""


def lay_out(letters: Letters, fonts: Sequence[Font], number: int, *, numbered: bool = False) -> PageLines:
    """Return the lines of page ``number`` in reading order; text in other directions follows that of the most.

    ``numbered`` says that lines of the pages before have numbers in the margin.
    """
    letters = letters.readable()
    lines: list[Line] = []
    rows: list[int] = []
    found = False
    turns, counts = np.unique(letters.turns[letters.turns < 4], return_counts=True)
    for turn in sorted(turns.tolist(), key=lambda turn: -int(counts[turns == turn][0])):
        chosen = np.flatnonzero(letters.turns == turn)
        straight, place = len(chosen) == len(letters), chosen.tolist()
        page = _Page(letters.take(chosen), fonts, turn, number - 1, bool(lines), numbered)
        for line in page.lines(lines[-1].region + 1 if lines else 0):
            line.at = len(rows)
            rows += page.rows if straight else [place[row] if row >= 0 else -1 for row in page.rows]
            lines.append(line)
        found = found or page.numbered
    scale = np.array([letters.width, letters.height] * 2, np.float32)
    boxes = np.zeros((len(letters) + 1, 4), np.uint16)  # the last row is that of characters put in by us
    boxes[:-1] = np.rint(np.clip(letters.boxes / scale, 0, 1) * _FULL)
    return PageLines(
        number=number,
        width=letters.width,
        height=letters.height,
        lines=lines,
        boxes=boxes[np.array(rows, np.intp)] if rows else np.zeros((0, 4), np.uint16),
        numbered=found,
    )


class _Page:
    """The letters of a page that read in one direction, turned so that this is to the right."""

    def __init__(
        self, letters: Letters, fonts: Sequence[Font], turn: int, page: int, turned: bool, numbered: bool
    ) -> None:
        self._letters = letters
        self._text = letters.codes.astype("<u4").tobytes().decode("utf-32-le")
        self._bold = [font.bold for font in fonts]
        self._mono = [font.mono for font in fonts]
        self._page = page
        self._turned = turned
        self.numbered = numbered
        left, right = _extent(letters, turn)
        self._words = _words(letters, left, right)
        # plain lists: single elements of arrays are slow to get at
        self._spans: list[tuple[int, int]] = list(
            zip(self._words.first.tolist(), self._words.last.tolist(), strict=True)
        )
        self._left, self._right = self._words.left.tolist(), self._words.right.tolist()
        self._base, self._size = self._words.base.tolist(), self._words.size.tolist()
        self._font = letters.fonts[self._words.first].tolist() if len(letters) else []
        self._spaced = letters.spaced[self._words.first].tolist() if len(letters) else []
        self.rows: list[int] = []
        """Letters of the line last given, -1 for spaces."""

    def lines(self, first: int) -> Iterator[Line]:
        """Yield the lines, in regions numbered from ``first``; ``at`` is for the caller to set."""
        kept = np.setdiff1d(np.arange(len(self._words)), self._line_numbers(), assume_unique=True)
        for region, part in enumerate(regions(self._words, kept), first):
            for group in self._baselines(part):
                yield self._line(group, region)

    def _line_numbers(self) -> list[int]:
        """Return the words in a margin that number the lines of the page, as in a manuscript under review."""
        numbers = [w for w, (first, last) in enumerate(self._spans) if self._text[first:last].isdecimal()]
        least, self.numbered = (2 if self.numbered else _NUMBERED_LINES), False
        if len(numbers) < least:
            return []
        others = set(range(len(self._spans))).difference(numbers)
        edges = min((self._left[w] for w in others), default=0.0), max((self._right[w] for w in others), default=0.0)
        if sum(set(self._text[slice(*self._spans[w])]) == {"."} for w in others) > len(numbers):
            return []  # dots lead to them: a table of contents
        if least == _NUMBERED_LINES:
            least = max(least, len({round(self._base[w]) for w in others}) // 2)
        for margin in (
            [w for w in numbers if self._right[w] < edges[0] - 0.5 * self._size[w]],
            [w for w in numbers if self._left[w] > edges[1] + 0.8 * self._size[w]],
        ):
            margin.sort(key=self._base.__getitem__)
            values = [int(self._text[slice(*self._spans[w])][:9]) for w in margin]
            steps = [after - before for before, after in pairwise(values)]
            if len(margin) >= least and steps.count(1) > 0.8 * len(steps):
                self.numbered = True
                return margin
        return []

    def _line(self, group: list[int], region: int) -> Line:
        group = self._directed(sorted(group, key=self._left.__getitem__))
        weights: dict[tuple[float, int], int] = {}
        longest, base = 0, 0.0
        for word in group:
            first, last = self._spans[word]
            key = (round(self._size[word], 1), self._font[word])
            weights[key] = weights.get(key, 0) + last - first
            if last - first > longest:
                longest, base = last - first, self._base[word]
        size, font = max(weights, key=lambda key: (weights[key], key))
        total = sum(weights.values())
        bold = sum(n for (_, f), n in weights.items() if self._bold[f]) > 0.9 * total
        fixed = sum(n for (_, f), n in weights.items() if self._mono[f])
        mono = fixed > 0.9 * total
        text, cells = self._joined(group, base, size, mono)
        return Line(
            page=self._page,
            region=region,
            text=text,
            at=0,
            left=min(self._left[word] for word in group),
            right=max(self._right[word] for word in group),
            base=base,
            size=size,
            font=font,
            bold=bold,
            mono=mono,
            partly_mono=2 * fixed >= total and self._mono[self._font[group[0]]],
            turned=self._turned,
            cells=cells,
        )

    def _joined(
        self, group: list[int], base: float, size: float, mono: bool
    ) -> tuple[str, tuple[tuple[int, int, float, float], ...]]:
        """Return the words with spaces where they stand apart, and the stretches between wide gaps."""
        text: list[str] = []
        rows: list[int] = []
        cells: list[tuple[int, int, float, float]] = []
        begin, start, edge = 0, 0.0, 0.0
        for word in group:
            left, right = self._left[word], self._right[word]
            first, last = self._spans[word]
            letters = self._text[first:last]
            raised = self._size[word] < 0.85 * size and self._base[word] < base - 0.15 * size
            mark = raised and _RAISABLE.fullmatch(letters) is not None
            if text:
                gap = max(left - edge, start - right)
                wide = gap > WIDE * size
                if wide:
                    cells.append((begin, len(rows), start, edge))
                least = (2 if mark else 1) * SPACE * size  # a raised number belongs to the word before it
                hint = self._spaced[word] and gap > -0.3 * size and not mark and not (raised and letters in _ORDINALS)
                if gap > least or hint:
                    count = max(1, round(gap / (0.6 * size))) if mono else 1
                    text.append(" " * count)
                    rows += [-1] * count
                if wide:
                    begin, start, edge = len(rows), left, right
                start, edge = min(start, left), max(edge, right)
            else:
                start, edge = left, right
            text.append(letters.translate(_RAISED) if mark else letters)
            rows += range(first, last)
        if cells:
            cells.append((begin, len(rows), start, edge))
        self.rows = rows
        return "".join(text), tuple(cells)

    def _directed(self, group: list[int]) -> list[int]:
        """Return words that stand from left to right in the order in which they are read."""
        rights = [_reads_left(self._text[self._spans[word][0]]) for word in group]
        if not any(rights):
            return group
        if 2 * sum(rights) > len(group):
            group, rights = group[::-1], rights[::-1]
            return _turn_runs(group, [not right for right in rights])
        return _turn_runs(group, rights)

    def _baselines(self, part: Indices) -> list[list[int]]:
        """Return the words of a region line by line, what is raised or lowered with the line that it belongs to."""
        rows: list[list[int]] = []
        for word in sorted(part.tolist(), key=self._base.__getitem__):
            last = rows[-1][-1] if rows else word
            if rows and self._base[word] - self._base[last] <= 0.12 * min(self._size[word], self._size[last]):
                rows[-1].append(word)
            else:
                rows.append([word])
        lines: list[list[int]] = []
        for row in rows:
            if lines and self._same_line(lines[-1], row):
                lines[-1] += row
            else:
                lines.append(row)
        return lines

    def _same_line(self, upper: list[int], lower: list[int]) -> bool:
        """Say whether words a little lower stand on the same line to a reader: they overlap in height, not in width."""
        high, low = max(upper, key=self._letters_of), max(lower, key=self._letters_of)
        least = min(self._size[high], self._size[low])
        overlap = 0.7 * self._size[low] - (self._base[low] - self._base[high])
        if overlap < 0.25 * least:
            return False
        few = min(sum(map(self._letters_of, upper)), sum(map(self._letters_of, lower)))
        slack = (0.25 if few > 4 else 0.6) * least  # the raised A of LaTeX stands half over its L
        spans = [(self._left[w], self._right[w], 0) for w in upper] + [
            (self._left[w], self._right[w], 1) for w in lower
        ]
        spans.sort()
        return all(after[0] >= before[1] - slack or before[2] == after[2] for before, after in pairwise(spans))

    def _letters_of(self, word: int) -> int:
        first, last = self._spans[word]
        return last - first


def _turn_runs(group: list[int], chosen: list[bool]) -> list[int]:
    """Return ``group`` with each run of ``chosen`` members reversed."""
    out: list[int] = []
    run: list[int] = []
    for word, turn in zip(group, chosen, strict=True):
        if turn:
            run.append(word)
        else:
            out += [*reversed(run), word]
            run = []
    return out + run[::-1]


def _reads_left(letter: str) -> bool:
    return "\u0590" <= letter <= "\u08ff" or "\ufb1d" <= letter <= "\ufdff" or "\ufe70" <= letter <= "\ufefc"


def _extent(letters: Letters, turn: int) -> tuple[Floats, Floats]:
    """Return where each letter begins and ends in the direction of the text."""
    left, top, right, bottom = letters.boxes.T
    pairs = ((left, right), (top, bottom), (letters.width - right, letters.width - left),
             (letters.height - bottom, letters.height - top))  # fmt: skip
    return pairs[turn]


def _words(letters: Letters, left: Floats, right: Floats) -> Words:
    """Return the runs of letters between which there is neither white space nor a jump."""
    if not len(letters):
        none = np.zeros(0, np.float32)
        rows = np.zeros(0, np.intp)
        return Words(first=rows, last=rows, left=none, right=none, base=none, size=none)
    size, base, codes = letters.sizes, letters.base, letters.codes
    leftward = ((codes >= 0x590) & (codes < 0x900)) | ((codes >= 0xFB1D) & (codes < 0xFE00)) | (codes >= 0xFE70)
    leftward &= codes < 0xFEFD
    gap = left[1:] - right[:-1]
    backward = leftward[1:] | leftward[:-1]
    gap[backward] = (left[:-1] - right[1:])[backward]
    least = np.minimum(size[1:], size[:-1])
    ends = letters.spaced[1:] | (gap > SPACE * 1.5 * least) | (gap < -1.2 * np.maximum(size[1:], size[:-1]))
    ends |= (np.abs(np.diff(base)) > 0.05 * least) | (np.abs(np.diff(size)) > 0.05 * least)
    first = np.append(0, np.flatnonzero(ends) + 1)
    return Words(
        first=first,
        last=np.append(first[1:], len(letters)),
        left=np.minimum.reduceat(left, first),
        right=np.maximum.reduceat(right, first),
        base=base[first],
        size=size[first],
    )
