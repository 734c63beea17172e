"""Boxes: characters of one line share one, and no box goes over two lines, columns or pages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from index.boxes import boxes_of
from index.records import Box, Location, Page, Places, joined

UNIT = 65_535 / 100
"""A hundredth of a page that is 100 points wide and high."""

Rectangle = tuple[float, float, float, float]
NOWHERE: Rectangle = (0, 0, 0, 0)


def page(number: int, start: int, *letters: Rectangle) -> Page:
    """Return a page of 100 by 100 points with a letter at each rectangle."""
    boxes = np.array([[round(part * UNIT) for part in letter] for letter in letters], dtype="<u2").tobytes()
    return Page(number=number, start=start, end=start + len(letters), width=100, height=100, boxes=boxes)


def word(left: float, top: float, letters: int) -> list[Rectangle]:
    """Return the rectangles of a word's letters, each 2 points wide and 4 high."""
    return [(left + 2 * at, top, left + 2 * at + 2, top + 4) for at in range(letters)]


@pytest.mark.parametrize(
    ("letters", "boxes"),
    [
        (word(10, 10, 3), [(10, 10, 16, 14)]),
        ([*word(10, 10, 3), NOWHERE, *word(17, 11, 2)], [(10, 10, 21, 15)]),
        ([*word(10, 10, 2), NOWHERE, *word(10, 16, 2)], [(10, 10, 14, 14), (10, 16, 14, 20)]),
        ([*word(10, 10, 2), NOWHERE, *word(60, 10, 2)], [(10, 10, 14, 14), (60, 10, 64, 14)]),
        ([NOWHERE, NOWHERE], []),
    ],
    ids=["a word", "two words of a line", "two lines", "two columns", "nothing that is on the page"],
)
def test_boxes_of_a_page(letters: Sequence[Rectangle], boxes: list[Rectangle]) -> None:
    found = boxes_of([page(3, 40, *letters)], 40, 40 + len(letters))
    assert [(b.page, b.left, b.top, b.right, b.bottom) for b in found] == [(3, *box) for box in boxes]


def test_a_range_over_two_pages_has_boxes_on_both() -> None:
    pages = [page(1, 0, *word(10, 90, 4)), page(2, 4, *word(10, 5, 4))]
    assert boxes_of(pages, 2, 6) == (
        Box(page=1, left=14, top=90, right=18, bottom=94),
        Box(page=2, left=10, top=5, right=14, bottom=9),
    )
    assert boxes_of(pages, 4, 4) == ()


CELLS = Places(
    unit="cell", offsets=(0, 5, 9, 20), numbers=(2, 2, 3, 7), columns=(1, 28, 1, 2), parts=((0, "Stock"), (20, "Sold"))
)


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (0, 4, "sheet Stock, cell A2"),
        (3, 10, "sheet Stock, cells A2:AB3"),
        (9, 12, "sheet Stock, cell A3"),
        (20, 21, "sheet Sold, cell B7"),
    ],
)
def test_where_a_range_of_a_sheet_stands(start: int, end: int, words: str) -> None:
    assert CELLS.locate(start, end).words == words
    assert CELLS.within(start, end).locate(start, end) == CELLS.locate(start, end)


def test_maps_of_ranges_join_to_the_map_of_all() -> None:
    both = joined([CELLS.within(0, 9), CELLS.within(9, 20), CELLS.within(20, 30)])
    for start in range(29):
        assert both.locate(start, start + 1) == CELLS.locate(start, start + 1)


@pytest.mark.parametrize(
    ("location", "words"),
    [
        (Location(unit="page", first=3, last=3), "page 3"),
        (Location(unit="page", first=3, last=4), "pages 3–4"),
        (Location(unit="chapter", first=2, last=2, part="The inn"), "chapter “The inn”"),
        (Location(unit="message", first=1, last=1, part="from Ann, 2024-03-01"), "message from Ann, 2024-03-01"),
    ],
)
def test_a_location_in_words(location: Location, words: str) -> None:
    assert location.words == words
