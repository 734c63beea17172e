"""A passage in its place, found again by its link after rebuilds that moved, renamed or removed it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import build
from index.errors import CitationError
from index.layout import IndexPaths
from index.snapshot import open_current
from qa import Citation, Index, open_index
from qa.citation import quote_digest
from qa.context import _locate, passage_context
from tests.conftest import TEXTS
from tests.fakes import HashEncoder


def cite(index: Path, encoder: HashEncoder, question: str) -> Citation:
    with open_index(index, encoder=encoder) as opened:
        return opened.search(question).results[0].citation


@pytest.mark.parametrize("name", TEXTS)
def test_every_passage_of_every_format_is_found_by_its_link(built: Path, encoder: HashEncoder, name: str) -> None:
    with open_index(built, encoder=encoder) as opened:
        results = opened.search("bridge frogs rye roses", k=9, documents=name).results
        assert results
        for result in results:
            context = opened.open_passage(result.citation.link)
            here = context.citation
            assert here is not None
            assert here == result.citation, "the citation is the one object, wherever it comes from"
            assert context.text[here.start - context.text_start : here.end - context.text_start] == here.quote
            assert (context.note, context.hits, context.length) == ("", (), len(context.text))


def test_the_window_is_cut_and_says_where_it_begins(built: Path, encoder: HashEncoder) -> None:
    link = cite(built, encoder, "Where do frogs live?").link
    with open_index(built, encoder=encoder) as opened:
        context = opened.open_passage(link, around=5)
    assert context.citation is not None
    assert context.text_start == context.citation.start - 5
    assert context.text == "ll.\n\n" + context.citation.quote + "\n"
    assert context.length == len(TEXTS["garden.md"])


def test_words_of_the_question_are_found_in_the_whole_window(built: Path, encoder: HashEncoder) -> None:
    link = cite(built, encoder, "Where do frogs live?").link
    with open_index(built, encoder=encoder) as opened:
        context = opened.open_passage(link, "the growing rose and a frog")
    words = [context.text[first - context.text_start : last - context.text_start] for first, last in context.hits]
    assert words == ["Roses", "grow", "Frogs"]


def test_a_passage_that_moved_is_found_by_its_words(built: Path, seeds: Path, encoder: HashEncoder) -> None:
    before = cite(built, encoder, "Where do frogs live?")
    (seeds / "garden.md").write_text("# Garden\n\nA new first paragraph.\n" + TEXTS["garden.md"][8:], "utf-8")
    build(seeds, built, encoder)
    with open_index(built, encoder=encoder) as opened:
        context = opened.open_passage(before.link)
    after = context.citation
    assert after is not None
    assert (after.quote, after.evidence, after.section) == (before.quote, before.evidence, before.section)
    assert after.start == before.start + 25
    assert (after.location.first, after.location.last) == (before.location.first + 3, before.location.last + 3)
    assert context.note == "the passage has moved within the document since it was cited"


def test_a_passage_within_another_now_is_found_too(built: Path, seeds: Path, encoder: HashEncoder) -> None:
    before = cite(built, encoder, "Where do frogs live?")
    text = TEXTS["garden.md"].replace("## Pond", "Herons came.\n\n## Pond").replace("at night.", "at night. So it was.")
    (seeds / "garden.md").write_text(text, "utf-8")
    build(seeds, built, encoder)
    with open_index(built, encoder=encoder) as opened:
        after = opened.open_passage(before.link).citation
    assert after is not None
    assert (after.quote, after.evidence) == (before.quote, before.evidence)


def test_a_renamed_document_is_known_by_its_content(built: Path, seeds: Path, encoder: HashEncoder) -> None:
    before = cite(built, encoder, "Where do frogs live?")
    (seeds / "garden.md").rename(seeds / "pond.md")
    build(seeds, built, encoder)
    with open_index(built, encoder=encoder) as opened:
        context = opened.open_passage(before.link)
        assert context.citation is not None
        assert opened.verify(context.citation).status == "verified"
    assert (context.source, context.citation.quote) == ("pond.md", before.quote)
    assert context.note == "garden.md is now pond.md, with the same content"


def test_words_that_are_gone_are_not_marked(built: Path, seeds: Path, encoder: HashEncoder) -> None:
    before = cite(built, encoder, "Where do frogs live?")
    (seeds / "garden.md").write_text("# Garden\n\nRoses grow by the wall. Nothing else does.\n", "utf-8")
    build(seeds, built, encoder)
    with open_index(built, encoder=encoder) as opened:
        context = opened.open_passage(before.link)
    assert context.citation is None
    assert context.note == "the quoted passage is no longer in this document, so nothing is marked"
    assert context.source == "garden.md"


def test_a_document_that_is_gone_says_so(built: Path, seeds: Path, encoder: HashEncoder) -> None:
    before = cite(built, encoder, "Where do frogs live?")
    (seeds / "garden.md").unlink()
    build(seeds, built, encoder)
    message = "^garden.md is not in the index any more; put the file back and rebuild to open it$"
    with open_index(built, encoder=encoder) as opened, pytest.raises(CitationError, match=message):
        opened.open_passage(before.link)


def test_a_context_survives_json(built: Path, encoder: HashEncoder) -> None:
    link = cite(built, encoder, "Where do frogs live?").link
    with open_current(IndexPaths(built)) as snapshot:
        context = passage_context(snapshot, link, "frogs")
    assert type(context).from_json(context.to_json()) == context


@given(st.text("ab \n", max_size=60), st.text("ab \n", min_size=1, max_size=8), st.text("ab \n", max_size=20))
def test_a_moved_quote_is_found_wherever_words_begin(before: str, inside: str, after: str) -> None:
    quote = f"a{inside}b"
    text = f"{before} {quote} {after}"
    found = _locate(text, 3, 3 + len(quote), quote_digest(quote))
    assert found is not None
    assert text[found : found + len(quote)] == quote


def test_known_questions_open_where_they_are_cited(shipped: Index) -> None:
    citation = shipped.search("What does exit code 3 mean?").results[0].citation
    assert shipped.open_passage(citation.link).citation == citation
