"""Where the words of a question occur in a text."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.analyse import joined_spans, occurrences, terms

WANTED = {"bee", "hive", "s", "l", "école", "ecol", "蜜蜂"}
PIECES = (
    "bees",
    "Hive",
    "l'école",
    "’",
    "'",
    "dog's",
    "“hives”",
    "…",
    " ",
    " ",
    "—",
    "蜜蜂",
    "s",
    "L",
    "bee-hive",
    "ﬁ",
    "é",
    "E\u0301cole",
    "x蜜蜂y",
    "İ",
    "𝐁ees",
    "beesé",
)


@pytest.mark.parametrize(
    ("text", "language", "found"),
    [
        ("Bees fly to the hive.", "en", [("Bees", "bee"), ("hive", "hive")]),
        ("the dog's bees, s", "en", [("bees", "bee"), ("s", "s")]),
        ("“the dog’s bees” – s…", "en", [("bees", "bee"), ("s", "s")]),
        ("dans l’école", "fr", [("école", "ecol")]),
        ("养蜜蜂的人", "zh", [("蜜蜂", "蜜蜂")]),
        ("", "en", []),
    ],
)
def test_occurrences_name_their_terms(text: str, language: str, found: list[tuple[str, str]]) -> None:
    assert [(text[start:end], term) for start, end, term in occurrences(text, language, WANTED)] == found


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), st.sampled_from(["en", "fr", "zh"]))
def test_they_are_the_terms_that_the_index_counts(text: str, language: str) -> None:
    counted = Counter(term for term in terms(text, language) if term in WANTED)
    found = occurrences(text, language, WANTED)
    assert Counter(term for _, _, term in found) == counted
    assert [span[:2] for span in found] == sorted({span[:2] for span in found})
    for start, end, term in found:
        assert term in terms(text[start:end], language)


def test_overlapping_ranges_are_joined() -> None:
    assert joined_spans([(0, 2), (1, 3), (3, 5), (7, 8)]) == ((0, 3), (3, 5), (7, 8))
