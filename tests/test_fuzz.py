"""Documents, links and data sets that were tampered with, the same in every run; ``make fuzz`` tries other ones."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sentencex import get_sentence_boundaries

from benchmarks.fuzz.targets import Target, targets
from index import split as splitter
from index.errors import CitationError
from qa.citation import parse_link
from tests.hostile import ACTIONS, FINDINGS, TOKENS_OF_ALL, Edit, edited, examine, examples, nothing_touched, rounds

NUMBERS = st.integers(0, 2**20)
EDITS = st.lists(
    st.builds(
        Edit,
        action=st.sampled_from(ACTIONS),
        at=NUMBERS,
        length=st.one_of(st.integers(1, 8), st.integers(1, 4096)),
        other=NUMBERS,
        token=st.sampled_from(TOKENS_OF_ALL),
    ),
    min_size=1,
    max_size=6,
)
HEAVY = ("pdf", "docx", "pptx", "xlsx", "odt", "odp", "ods", "epub")
TARGETS = targets()
CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


def example_of(target: Target, part: int, edits: list[Edit]) -> bytes:
    return edited(target.examples[part % len(target.examples)], part, edits)


@pytest.mark.parametrize("name", sorted(examples()))
def test_a_document_that_was_tampered_with_is_read_or_refused(name: str) -> None:
    examine(name, examples()[name])  # loads what reading it takes
    usual = 40 if name.endswith(HEAVY) else 80

    @settings(max_examples=rounds(usual), derandomize=True, deadline=None, database=None, suppress_health_check=CHECKS)
    @given(st.integers(0, 2**16), EDITS)
    def tried(part: int, edits: list[Edit]) -> None:
        data = edited(examples()[name], part, edits)
        with nothing_touched():
            examine(name, data)

    tried()


@pytest.mark.parametrize("name", sorted(set(TARGETS) - set(examples())))
def test_whatever_else_strangers_write_is_read_or_refused(name: str) -> None:
    target = TARGETS[name]
    for example in target.examples:
        target.examine(example)

    @settings(max_examples=rounds(200), derandomize=True, deadline=None, database=None, suppress_health_check=CHECKS)
    @given(st.integers(0, 2**16), EDITS)
    def tried(part: int, edits: list[Edit]) -> None:
        target.examine(example_of(target, part, edits))

    tried()


def findings() -> list[tuple[str, Path]]:
    """Return target and file of everything that once broke something."""
    return [(path.name.partition("-")[2], path) for path in sorted(FINDINGS.iterdir()) if path.suffix != ".md"]


@pytest.mark.parametrize(("target", "path"), findings(), ids=[path.name for _, path in findings()])
def test_what_once_broke_something_breaks_nothing_any_more(target: str, path: Path) -> None:
    TARGETS[target].examine(path.read_bytes())


def test_every_finding_is_explained() -> None:
    told = (FINDINGS / "README.md").read_text("utf-8")
    assert [path.name for _, path in findings() if f"`{path.name}`" not in told] == []


@settings(max_examples=rounds(300), derandomize=True, deadline=None, database=None)
@given(st.text(), st.integers(0, 12), st.text(max_size=6))
def test_any_text_is_a_link_or_gives_one_kind_of_error(text: str, at: int, put: str) -> None:
    link = "seedqa:a/b.pdf?chars=1-9&evidence=2-5&source=0123456789abcdef&quote=0123456789abcdef"
    for tried in (text, f"seedqa:{text}{link[14:]}", link[: at * 7] + put + link[at * 7 :], f"{link}{text}"):
        try:
            found = parse_link(tried)
        except CitationError as error:
            assert "\n" not in str(error)  # noqa: PT017 - any error will do but one of several lines
        else:
            assert parse_link(str(found)) == found


@pytest.mark.skipif(os.name == "nt", reason="Windows passes no bytes that are not Unicode")
def test_a_link_with_bytes_that_are_no_text() -> None:
    link = "seedqa:\udcd1.txt?chars=1-9&evidence=2-5&source=0123456789abcdef&quote=0123456789abcdef"
    with pytest.raises(CitationError) as caught:
        parse_link(link)
    assert str(caught.value).startswith(r"'seedqa:\udcd1.txt?chars=1-9&evidence=2-5")


WORDS = st.sampled_from("Dr. U.S. cat! why? Yes. „so“ (and) 世界。 a,b ... `x` “Is it?” 3.14 - end.".split())


@settings(max_examples=rounds(60), derandomize=True, deadline=None, database=None)
@given(st.lists(WORDS, min_size=40, max_size=120), st.sampled_from(("en", "de", "ja")))
def test_sentences_of_long_text_end_where_those_of_short_text_do(words: list[str], language: str) -> None:
    """Text is searched in stretches; what is found in them is what is found in the whole."""
    body = " ".join(words)
    whole = [(found["start_index"], found["end_index"]) for found in get_sentence_boundaries(language, body)]
    longest = max(end - start for start, end in whole)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(splitter, "STRETCH", 2 * longest + 80)
        found = list(splitter._boundaries(body, language))
    assert found[0][0] == 0
    assert found[-1][1] == len(body)
    assert all(end == start for (_, end), (start, _) in pairwise(found))
    if not any(mark in body for mark in "„“”(`"):  # within those, what comes much later counts
        assert found == whole
