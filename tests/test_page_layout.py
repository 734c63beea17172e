"""Letters on a page become lines in reading order: pure functions, given letters whose places are made up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from index.load.pdf.layout import PageLines, lay_out
from index.load.pdf.letters import Font, Letters, Recognised

PLAIN, BOLD, MONO = Font(name="Serif"), Font(name="Serif-Bold", bold=True), Font(name="Mono", mono=True)
FONTS = (PLAIN, BOLD, MONO)


def placed(text: str, x: float, base: float, size: float = 10, font: int = 0) -> list[tuple[Recognised, int]]:
    """Return the words of ``text``, each letter half as wide as its size, the first one at ``x``."""
    words: list[tuple[Recognised, int]] = []
    at = x
    for word in text.split(" "):
        right = at + len(word) * size / 2
        if word:
            words.append(
                (
                    Recognised(text=word, left=at, top=base - 0.8 * size, right=right, bottom=base + 0.2 * size,
                               base=base, size=size),
                    font,
                )
            )  # fmt: skip
        at = right + size / 2
    return words


def letters_of(words: Sequence[tuple[Recognised, int]]) -> Letters:
    """Return a page of 600 by 800 points with those words in that order."""
    letters = Letters.recognised(600, 800, [word for word, _ in words])
    fonts = [font for word, font in words for _ in word.text]
    for row, font in enumerate(fonts):
        letters.fonts[row] = font
    return letters


def laid_out(*words: list[tuple[Recognised, int]]) -> PageLines:
    return lay_out(letters_of([word for line in words for word in line]), FONTS, 1)


def texts(page: PageLines) -> list[str]:
    return [line.text for line in page.lines]


def test_words_of_a_line_stand_from_left_to_right_in_whatever_order_they_were_written() -> None:
    page = laid_out(placed("second line", 50, 112), placed("three", 90, 100), placed("one two", 50, 100))
    assert texts(page) == ["one two three", "second line"]
    assert [(line.left, line.right, line.base) for line in page.lines] == [(50, 115, 100), (50, 105, 112)]


def test_boxes_of_a_line_begin_at_its_row() -> None:
    page = laid_out(placed("second", 50, 112), placed("a b", 50, 100))
    first, second = page.lines
    assert (first.at, second.at) == (0, 3)
    scale = np.array([600, 800, 600, 800]) / 65535
    assert page.boxes[first.at] * scale == pytest.approx([50, 92, 55, 102], abs=0.02)
    assert page.boxes[first.at + 1].tolist() == [0, 0, 0, 0]
    assert page.boxes[first.at + 2] * scale == pytest.approx([60, 92, 65, 102], abs=0.02)
    assert page.boxes[second.at] * scale == pytest.approx([50, 104, 55, 114], abs=0.02)


LEFT = ["the left column has lines that", "fill it from edge to edge and", "so it goes on to the very end"]
RIGHT = ["and the right one has its own", "that are to be read after all", "of the left ones were at last"]


def test_columns_are_read_one_after_the_other() -> None:
    page = laid_out(
        placed("A title over both of them", 150, 60, 14),
        *(placed(text, 50, 100 + 12 * row) for row, text in enumerate(LEFT)),
        *(placed(text, 250, 106 + 12 * row) for row, text in enumerate(RIGHT)),
        placed("and a last line that stands below the two columns on its own", 50, 180),
    )
    assert texts(page) == ["A title over both of them", *LEFT, *RIGHT,
                           "and a last line that stands below the two columns on its own"]  # fmt: skip
    assert len({line.region for line in page.lines}) == 4


def test_cells_of_a_table_stay_in_their_rows() -> None:
    cells = [
        ("Oslo", "709,000"),
        ("Bergen", "291,000"),
        ("Malmö", "362,000"),
        ("Turku", "201,000"),
        ("Aarhus", "300,000"),
    ]
    page = laid_out(
        *(
            placed(cell, 50 + 150 * column, 100 + 12 * row)
            for row, pair in enumerate(cells)
            for column, cell in enumerate(pair)
        )
    )
    assert texts(page) == [" ".join(pair) for pair in cells]
    first = page.lines[0]
    assert [first.text[begin:end] for begin, end, _, _ in first.cells] == ["Oslo", "709,000"]
    assert [(left, right) for _, _, left, right in first.cells] == [(50, 70), (200, 235)]


def test_columns_that_were_written_line_by_line_are_told_by_lines_that_fill_them() -> None:
    left, right = LEFT * 3, RIGHT * 3
    page = laid_out(
        *(
            placed(text, x, 100 + 12 * row)
            for row, pair in enumerate(zip(left, right, strict=True))
            for x, text in zip((50, 220), pair, strict=True)
        )
    )
    assert texts(page) == [*left, *right]


def test_raised_and_lowered_letters_belong_to_their_line() -> None:
    words = [*placed("So it is", 50, 100), *placed("12", 90, 96, 6), *placed("and H", 100, 100)]
    letters = letters_of([*words, *placed("2", 125, 102, 6), *placed("O too", 128, 100), *placed("the end", 50, 112)])
    letters.spaced[12:14] = False  # of the 2 and the O
    page = lay_out(letters, FONTS, 1)
    assert texts(page) == ["So it is¹² and H2O too", "the end"]


def test_what_reads_from_the_right_is_put_in_its_order() -> None:
    def leftward(word: str, right: float, base: float) -> list[tuple[Recognised, int]]:
        return [
            (Recognised(text=letter, left=right - 5 * at - 5, top=base - 8, right=right - 5 * at, bottom=base + 2,
                        base=base, size=10), 0)
            for at, letter in enumerate(word)
        ]  # fmt: skip

    words = (
        leftward("שלום", 200, 100)
        + leftward("לכל", 172, 100)
        + placed("PDF file", 110, 100)
        + leftward("הקוראים", 105, 100)
    )
    letters = letters_of(words)
    for row in (1, 2, 3, 5, 6, *range(15, 21)):
        letters.spaced[row] = False
    assert texts(lay_out(letters, FONTS, 1)) == ["שלום לכל PDF file הקוראים"]


def test_spaces_of_code_are_kept_by_their_width() -> None:
    page = laid_out(placed("x  = 1", 50, 100, font=2), placed("plain  words", 50, 112))
    assert texts(page) == ["x  = 1", "plain words"]
    assert [(line.mono, line.bold) for line in page.lines] == [(True, False), (False, False)]


def test_a_line_is_bold_when_nearly_all_of_it_is() -> None:
    page = laid_out(
        placed("A bold heading", 50, 100, font=1), placed("Note", 50, 130, font=1), placed("that this is not", 75, 130)
    )
    assert [(line.text, line.bold) for line in page.lines] == [
        ("A bold heading", True),
        ("Note that this is not", False),
    ]


def test_accents_that_are_printed_beside_their_letters() -> None:
    letters = letters_of(placed("Universite´", 50, 100))
    letters.boxes[-1] = letters.boxes[-2]
    assert texts(lay_out(letters, FONTS, 1)) == ["Université"]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0xFB03, "ffi"), (0xFEFB, "لا"), (0xF0B7, "•"), (0xD800, "\ufffd"),
        (0xA0, ""), (0x07, ""), (0xE123, ""), (0x200B, ""),
    ],
)  # fmt: skip
def test_what_a_letter_stands_for(code: int, text: str) -> None:
    letters = letters_of(placed("aXb", 50, 100))
    letters.codes[1] = code
    if not text:
        letters.boxes[2] = letters.boxes[1]  # what is not seen takes no room
    assert texts(lay_out(letters, FONTS, 1)) == [f"a{text}b"]


def test_a_character_beyond_the_first_plane_is_one() -> None:
    letters = letters_of(placed("a12b", 50, 100))
    letters.codes[1:3] = 0xD835, 0xDC65
    letters.boxes[1:3, 2] = letters.boxes[2, 2]
    assert texts(lay_out(letters, FONTS, 1)) == ["a𝑥b"]


def test_a_page_without_letters() -> None:
    page = lay_out(Letters.empty(600, 800), FONTS, 3)
    assert (page.number, page.lines, page.boxes.shape) == (3, [], (0, 4))
