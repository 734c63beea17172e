"""Columns: parts a page into regions in the order in which a reader goes through them.

A gutter is a tall white strip with text on both sides. It parts columns where the file itself writes one side
after the other; where it goes to and fro between them line by line, the strip stands between the cells of a table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]

GUTTER = 0.85
"""Width of the narrowest gutter, in sizes of the text beside it."""
TALL = 3.0
"""Height of the lowest one, likewise."""
_ACROSS, _DOWN = 6, 3
"""Cells of the grid for one size of text."""
_TRIES = 12
_CELLS, _SIDE = 4_000_000, 30_000
"""Of the grid at most: text of one point on a page of a hundred inches is not worth looking at so closely."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The words of a page that read in one direction, in the order of its content; all arrays have n rows."""

    first: Indices
    last: Indices
    """Range of each word's letters, half-open."""
    left: Floats
    right: Floats
    base: Floats
    size: Floats

    def __len__(self) -> int:
        return len(self.left)


@dataclass(frozen=True, slots=True)
class _Gutter:
    x: float
    top: float
    bottom: float


def regions(words: Words, chosen: Indices) -> list[Indices]:
    """Return the ``chosen`` words of each region, regions in reading order."""
    found: list[Indices] = []
    waiting = [chosen] if len(chosen) else []
    while waiting:
        part = waiting.pop()
        split = _split(words, part) if len(part) > 7 else None
        if split is None:
            found.append(part)
        else:
            waiting += [piece for piece in reversed(split) if len(piece)]
    return found


def _split(words: Words, part: Indices) -> list[Indices] | None:
    """Return the words above, left of, right of and below the best gutter of a region, or None without one."""
    middle = words.base[part] - 0.3 * words.size[part]
    centre = (words.left[part] + words.right[part]) / 2
    for gutter in _gutters(words, part):
        span = _columns(words, part, gutter, middle, centre < gutter.x)
        if span is not None:
            top, bottom = _trimmed(part, span, middle, centre < gutter.x)
            above, below = middle < top, middle > bottom
            beside = ~above & ~below
            left = centre < gutter.x
            return [part[above], part[beside & left], part[beside & ~left], part[below]]
    return None


def _gutters(words: Words, part: Indices) -> Iterator[_Gutter]:
    """Yield white strips with text on both sides, those with most text beside them first."""
    em = float(np.median(words.size[part])) or 1.0
    left, right = words.left[part], words.right[part]
    top, bottom = words.base[part] - 0.7 * words.size[part], words.base[part] + 0.15 * words.size[part]
    x0, y0 = float(left.min()), float(top.min())
    wide, high = int((float(right.max()) - x0) / em * _ACROSS) + 1, int((float(bottom.max()) - y0) / em * _DOWN) + 1
    strip, least = round(GUTTER * _ACROSS), round(TALL * _DOWN * 0.6)
    if wide <= 2 * strip or high < least or wide * high > _CELLS or max(wide, high) > _SIDE:
        return
    ink = np.zeros((high, wide), bool)
    cells = np.stack([(left - x0) / em * _ACROSS, (right - x0) / em * _ACROSS, (top - y0) / em * _DOWN,
                      (bottom - y0) / em * _DOWN]).astype(int)  # fmt: skip
    for a, b, c, d in cells.T.tolist():
        ink[c : d + 1, a : b + 1] = True
    score, run = _strips(ink, strip)
    for _ in range(_TRIES):
        at = int(score.argmax())
        y, x = divmod(at, score.shape[1])
        if score[y, x] < least:
            return
        end = x + int(np.argmin(np.append(score[y, x:] == score[y, x], False)))
        first = y - int(run[y, x]) + 1
        yield _Gutter(
            x0 + ((x + end - 1) / 2 + strip / 2) * em / _ACROSS, y0 + first * em / _DOWN, y0 + (y + 1) * em / _DOWN
        )
        score[first : y + 1, max(0, x - strip) : end + strip] = 0


def _strips(ink: NDArray[np.bool_], strip: int) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Return for each cell where a white strip ends below: the rows with text on both sides of it, and its height.

    A strip is ``strip`` cells wide, beginning at the cell; elsewhere the first array is 0.
    """
    high, wide = ink.shape
    sums = np.zeros((high, wide + 1), np.int16)
    np.cumsum(ink, axis=1, dtype=np.int16, out=sums[:, 1:])
    white = sums[:, strip:] == sums[:, :-strip]
    both = white & (sums[:, :-strip] > 0) & (sums[:, -1:] > sums[:, strip:])
    run = np.zeros(white.shape, np.int16)
    score = np.zeros(white.shape, np.int16)
    for y in range(high):
        if y:
            np.add(run[y - 1], 1, out=run[y])
            np.add(score[y - 1], both[y], out=score[y])
        else:
            run[y], score[y] = 1, both[y]
        run[y] *= white[y]
        score[y] *= white[y]
    score[:-1][white[1:]] = 0
    return score, run


def _columns(
    words: Words, part: Indices, gutter: _Gutter, middle: Floats, left: NDArray[np.bool_]
) -> tuple[float, float] | None:
    """Return top and bottom of the columns of text that a gutter parts, or None where it parts a table's cells."""
    beside = (middle >= gutter.top) & (middle <= gutter.bottom)
    em = float(np.median(words.size[part[beside]])) or 1.0
    side, base, at = left[beside], words.base[part[beside]], middle[beside]
    # a table's row goes on behind the strip on the same line
    crossing = (side[1:] != side[:-1]) & (np.abs(np.diff(base)) < 0.5 * em)
    rows = np.sort(at[1:][crossing]).tolist()
    edges = [gutter.top - 0.5 * em, *rows, gutter.bottom + 0.5 * em]
    height, top = max((after - before, before) for before, after in pairwise(edges))
    span = top + 0.5 * em, top + height - 0.5 * em
    inner = beside & (middle >= span[0]) & (middle <= span[1])
    lefts, rights = part[inner & left], part[inner & ~left]
    lines = min(_lines(words, lefts), _lines(words, rights))
    if lines >= (4 if rows else 2):
        sides = left[inner]
        changes = int(np.count_nonzero(sides[1:] != sides[:-1]))
        if changes <= max(1, lines // 5) and min(_fill(words, one)[1] for one in (lefts, rights)) >= 5:
            return span
    lefts, rights = part[beside & left], part[beside & ~left]
    if min(_lines(words, lefts), _lines(words, rights)) < 6:
        return None
    # written line by line across both columns: told by lines that fill their width, as cells do not
    fills = [_fill(words, one) for one in (lefts, rights)]
    return (gutter.top, gutter.bottom) if all(fill > 0.8 and width > 14 for fill, width in fills) else None


def _lines(words: Words, part: Indices) -> int:
    if not len(part):
        return 0
    bases = np.sort(words.base[part])
    return 1 + int(np.count_nonzero(np.diff(bases) > 0.5 * float(np.median(words.size[part]))))


def _fill(words: Words, part: Indices) -> tuple[float, float]:
    """Return which share of a column's width its words cover, and the width in sizes of its text."""
    width = float(words.right[part].max() - words.left[part].min())
    em = float(np.median(words.size[part])) or 1.0
    covered = float((words.right[part] - words.left[part]).sum()) + 0.25 * em * len(part)
    return covered / max(1.0, width * _lines(words, part)), width / em


def _trimmed(part: Indices, span: tuple[float, float], middle: Floats, left: NDArray[np.bool_]) -> tuple[float, float]:
    """Return top and bottom of columns without what only happens to stand beside the ends of their gutter.

    Short lines above or below the columns leave the strip white too; the file writes them before or after both.
    """
    top, bottom = span
    beside = (middle >= top) & (middle <= bottom)
    lefts, rights = beside & left, beside & ~left
    lowest = min(float(middle[lefts].max()), float(middle[rights].max()))
    late = lefts & (middle > lowest + 0.5) & (part > int(np.median(part[rights])))
    if late.any():
        bottom = float(middle[late].min()) - 0.1
    highest = max(float(middle[lefts].min()), float(middle[rights].min()))
    early = rights & (middle < highest - 0.5) & (part < int(np.median(part[lefts])))
    if early.any():
        top = float(middle[early].max()) + 0.1
    return top, bottom
