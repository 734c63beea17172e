"""Every format from file to cited answer: the place is right, and found again in the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from index import build
from index.encode import Encoder
from index.layout import IndexPaths
from index.load.formats import CONTAINERS, FORMATS, reader, unpacker
from index.load.readers import Readers
from index.snapshot import open_current
from qa import Index, open_index
from qa.citation import make_link, verify_link
from tests.documents import KNOWN, Known


@pytest.fixture(scope="module")
def folder(real_encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a document of each format, and an index of it."""
    root = tmp_path_factory.mktemp("formats")
    (root / "seeds").mkdir()
    for known in KNOWN:
        (root / "seeds" / known.name).write_bytes(known.make())
    report = build(root / "seeds", root / "index", real_encoder)
    assert report.skipped == ()
    return root


@pytest.fixture(scope="module")
def opened(folder: Path, real_encoder: Encoder) -> Iterator[Index]:
    with open_index(folder / "index", encoder=real_encoder) as index:
        yield index


def test_every_reader_exists() -> None:
    assert [reader(name).__name__.partition("_")[0] for name in FORMATS] == ["extract"] * len(FORMATS)
    assert [unpacker(name).__name__.partition("_")[0] for name in CONTAINERS] == ["members"] * len(CONTAINERS)


def test_a_document_of_every_format_is_known(folder: Path) -> None:
    with open_current(IndexPaths(folder / "index")) as snapshot:
        assert {document.format for document in snapshot.store.documents} == set(FORMATS)


@pytest.mark.parametrize("known", KNOWN, ids=[known.name for known in KNOWN])
def test_the_answer_is_found_and_cited_with_its_place(opened: Index, known: Known) -> None:
    answer = opened.search(known.question, k=1)
    assert answer.found
    citation = answer.results[0].citation
    assert citation.source.partition("/")[0] == known.name
    assert known.answer in citation.evidence
    assert citation.where == known.place
    told = citation.section, citation.title, citation.author, citation.date
    assert told == (known.section, known.title, known.author, known.date)
    assert opened.verify(citation).status == "verified"
    assert opened.verify_answer(answer)[0].status == "verified"
    assert opened.open_passage(citation.link).citation == citation


def test_every_passage_is_its_text_and_is_found_again_in_the_file(folder: Path) -> None:
    seen: set[str] = set()
    with open_current(IndexPaths(folder / "index")) as snapshot, Readers(workers=1) as readers:
        for document in snapshot.store.documents:
            text = snapshot.store.document_text(document.row)
            for stored in snapshot.store.passages_of(document):
                passage = stored.passage
                assert text[passage.start : passage.end] == stored.text
                assert all(text[s.start : s.end] == stored.sentence_text(s) for s in passage.sentences)
                ranges = (passage.start, passage.end), (passage.start, passage.end)
                link = make_link(document.path, document.sha256, *ranges, stored.text)
                found = verify_link(link, folder / "seeds", readers)
                assert (found.status, found.detail) == (
                    "verified",
                    f"{document.path}, {passage.location.words}: the file is unchanged and says exactly what is quoted",
                )
                seen.add(document.format)
    assert seen == set(FORMATS)


def test_a_rebuild_takes_over_every_format(folder: Path, real_encoder: Encoder, tmp_path: Path) -> None:
    first = build(folder / "seeds", tmp_path / "index", real_encoder)
    (folder / "seeds" / "more.txt").write_text("One more sentence.", "utf-8")
    try:
        second = build(folder / "seeds", tmp_path / "index", real_encoder)
    finally:
        (folder / "seeds" / "more.txt").unlink()
    assert (second.documents, second.reused) == (first.documents + 1, first.sentences)
