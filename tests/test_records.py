"""The records of an answer: JSON and back, never changed, and what the packages export."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pkgutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import index
import index.encode
import qa
from index import records
from index.records import UNITS, Box, Location, Places
from qa.answer import Answer, Citation, Context, DocumentStatus, JsonRecord, Result, Verification
from tests.fakes import HashEncoder

TEXT = st.text(max_size=30) | st.sampled_from(
    (
        "\0",
        "\x7f\x85\u2028\u2029",
        "\ufeff",
        "\U0010ffff",
        "\ufffe",
        "e\u0301",
        "👩‍👧",
        "\u202eabc",
        '"\\/\n',
        "</script>",
    )
)
NUMBER = st.integers(0, 2**53)
FLOAT = st.floats(allow_nan=False, allow_infinity=False)
HITS = st.lists(st.tuples(NUMBER, NUMBER), max_size=3).map(tuple)
LOCATIONS = st.builds(Location, unit=st.sampled_from(UNITS), first=NUMBER, last=NUMBER, part=TEXT, cells=TEXT)
BOXES = st.lists(st.builds(Box, page=NUMBER, left=FLOAT, top=FLOAT, right=FLOAT, bottom=FLOAT), max_size=2).map(tuple)
CITATIONS = st.builds(
    Citation,
    title=TEXT,
    source=TEXT,
    sha256=TEXT,
    section=st.lists(TEXT, max_size=3).map(tuple),
    location=LOCATIONS,
    evidence_location=LOCATIONS,
    start=NUMBER,
    end=NUMBER,
    quote=TEXT,
    evidence_start=NUMBER,
    evidence_end=NUMBER,
    link=TEXT,
    author=TEXT,
    date=TEXT,
    copies=st.lists(TEXT, max_size=2).map(tuple),
    boxes=BOXES,
    evidence_boxes=BOXES,
)
RESULTS = st.builds(
    Result,
    rank=NUMBER,
    score=FLOAT,
    confidence=FLOAT,
    cosine=FLOAT,
    closeness=FLOAT,
    bm25=FLOAT,
    coverage=FLOAT,
    evidence_coverage=FLOAT,
    hits=HITS,
    citation=CITATIONS,
)
ANSWERS = st.builds(
    Answer,
    question=TEXT,
    found=st.booleans(),
    confidence=FLOAT,
    threshold=FLOAT,
    snapshot=TEXT,
    results=st.lists(RESULTS, max_size=3).map(tuple),
    notes=st.lists(TEXT, max_size=2).map(tuple),
)
VERIFICATIONS = st.builds(Verification, status=TEXT, source=TEXT, detail=TEXT, link=TEXT)
CONTEXTS = st.builds(Context, citation=st.none() | CITATIONS, hits=HITS, length=NUMBER, text_start=NUMBER)
DOCUMENTS = st.builds(DocumentStatus, bytes=NUMBER, passages=NUMBER)
ANY = st.one_of(CITATIONS, RESULTS, ANSWERS, VERIFICATIONS, CONTEXTS, DOCUMENTS)


@given(ANY, st.integers(0, 4))
def test_json_and_back(record: JsonRecord, indent: int) -> None:
    written = record.to_json(indent=indent)
    assert type(record).from_json(written) == record
    assert type(record).from_json(written.encode()) == record
    assert json.loads(written) == json.loads(json.dumps(record.to_dict()))


def test_the_answer_to_a_question_that_is_not_valid_unicode(tmp_path: Path) -> None:
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "a.txt").write_text("A tree grows from a seed.", "utf-8")
    index.build(tmp_path / "seeds", tmp_path / "index", HashEncoder())
    with qa.Index(tmp_path / "index", tmp_path, encoder=HashEncoder()) as opened:
        answer = opened.search("tree \ud800 seed")
    assert answer.question == "tree ? seed"
    assert Answer.from_json(answer.to_json()) == answer


@pytest.mark.parametrize(
    "data", ["", "{", "{}", "[]", "null", '{"status": 1, "source": "", "detail": "", "link": ""}', b"\xff"]
)
def test_anything_else_is_refused(data: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message is the JSON library's
        Verification.from_json(data)


CITATION = Citation(
    title="T",
    source="a/b.md",
    sha256="ab",
    section=("One", "Two"),
    location=Location(unit="line", first=3, last=4),
    evidence_location=Location(unit="line", first=3, last=4),
    start=100,
    end=118,
    quote="First. The second.",
    evidence_start=107,
    evidence_end=118,
    link="seedqa:…",
)


def test_what_a_citation_says_of_itself() -> None:
    assert CITATION.evidence == "The second."
    assert (CITATION.heading, CITATION.place) == ("T › One › Two", "a/b.md, lines 3–4")
    assert (
        dataclasses.replace(CITATION, location=Location(unit="line", first=3, last=3), section=()).place
        == "a/b.md, line 3"
    )


def test_as_json_it_reads() -> None:
    assert json.loads(CITATION.to_json()) == {
        "title": "T",
        "source": "a/b.md",
        "sha256": "ab",
        "section": ["One", "Two"],
        "location": {"unit": "line", "first": 3, "last": 4, "part": "", "cells": ""},
        "evidence_location": {"unit": "line", "first": 3, "last": 4, "part": "", "cells": ""},
        "start": 100,
        "end": 118,
        "quote": "First. The second.",
        "evidence_start": 107,
        "evidence_end": 118,
        "link": "seedqa:…",
        "author": "",
        "date": "",
        "copies": [],
        "boxes": [],
        "evidence_boxes": [],
    }


@pytest.mark.parametrize("kind", [Answer, Citation, Result, Verification])
def test_answers_are_frozen_slotted_and_take_keywords_only(kind: type[Any]) -> None:
    record = kind(**{field.name: None for field in dataclasses.fields(kind)})
    for field in dataclasses.fields(kind):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, field.name, "other")
    assert not hasattr(record, "__dict__")
    with pytest.raises(TypeError):
        kind(*(None for _ in dataclasses.fields(kind)))


def test_every_record_of_the_index_is_frozen() -> None:
    kinds = [kind for kind in vars(records).values() if dataclasses.is_dataclass(kind) and isinstance(kind, type)]
    assert len(kinds) == 12
    for kind in kinds:
        record = kind(**{field.name: None for field in dataclasses.fields(kind)})
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, dataclasses.fields(kind)[0].name, "other")


def test_ids_follow_from_content() -> None:
    assert records.content_id("a", 1) == hashlib.sha256(b"a\x001").hexdigest()[:16]
    assert records.content_id("a1") != records.content_id("a", 1)
    assert records.passage_id("d", 0, 12) != records.passage_id("d", 0, 1)


@pytest.mark.parametrize("package", [index, qa, index.encode])
def test_all_is_what_is_exported(package: ModuleType) -> None:
    modules = {name for _, name, _ in pkgutil.iter_modules(package.__path__)}
    public = {name for name in dir(package) if not name.startswith("_")}
    shadowed = {name for name in modules & public if isinstance(getattr(package, name), ModuleType)}
    exported: list[str] = package.__all__
    assert exported == sorted(exported)
    assert set(exported) == public - shadowed


def test_what_lies_in_two_parts_is_located_in_either() -> None:
    whole = Places(
        unit="cell", offsets=(0, 5, 10), numbers=(1, 2, 3), columns=(1, 1, 1), parts=((0, "a"), (5, ""), (10, "c"))
    )
    part = whole.within(2, 8)
    assert part.parts == ((2, "a"), (5, ""))
    for start, end in ((2, 3), (2, 8), (5, 6), (7, 8)):
        assert part.locate(start, end) == whole.locate(start, end)
