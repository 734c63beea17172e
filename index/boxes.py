"""Where on its pages a range of a document's text stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from index.records import Box, Page

_WHOLE = 65_535
_DIGITS = 1
_GAP = 0.08
"""Part of a page's width that may lie between two characters of one box: more is another column or cell."""


def boxes_of(pages: Iterable[Page], start: int, end: int) -> tuple[Box, ...]:
    """Return the boxes of ``text[start:end]``, one for each piece of a line, in reading order.

    Characters that follow each other on one line share a box; those that are on no page have none.
    """
    return tuple(box for page in pages for box in _boxes(page, max(start, page.start), min(end, page.end)))


def _boxes(page: Page, start: int, end: int) -> Iterator[Box]:
    if start >= end:
        return
    found = np.frombuffer(page.boxes, dtype="<u2").reshape(-1, 4)[start - page.start : end - page.start]
    shown = found[found.any(axis=1)].astype(np.float64) / _WHOLE
    for line in _lines(shown):
        left, top = line[:, :2].min(axis=0)
        right, bottom = line[:, 2:].max(axis=0)
        yield Box(
            page=page.number,
            left=round(float(left) * page.width, _DIGITS),
            top=round(float(top) * page.height, _DIGITS),
            right=round(float(right) * page.width, _DIGITS),
            bottom=round(float(bottom) * page.height, _DIGITS),
        )


def _lines(boxes: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Cut boxes of shape (characters, 4) where the next one does not stand beside the one before it."""
    if len(boxes) == 0:
        return []
    before, after = boxes[:-1], boxes[1:]
    overlap = np.minimum(before[:, 3], after[:, 3]) - np.maximum(before[:, 1], after[:, 1])
    height = np.minimum(before[:, 3] - before[:, 1], after[:, 3] - after[:, 1])
    gap = after[:, 0] - before[:, 2]
    apart = (overlap < height / 2) | (after[:, 0] < before[:, 0]) | (gap > _GAP)
    return np.split(boxes, np.flatnonzero(apart) + 1)
