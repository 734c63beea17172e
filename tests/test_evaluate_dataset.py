"""Data sets as they stand on disk, what is wrong with them, and halves of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import SeedQAError
from qa.evaluate.ask import Asked
from qa.evaluate.dataset import Dataset, Document, Query, Span, folds
from qa.evaluate.read import kind_of, read_dataset
from qa.evaluate.run import score_run
from qa.evaluate.squad import Answer, Article, File, Paragraph, Question, write_squad
from qa.evaluate.trec import named_as, read_qrels, read_run, write_run

CORPUS = """{"_id": "d1", "title": "Bridge", "text": "Built in 1902."}
{"_id": "d2", "text": "Frogs sing.", "metadata": {"url": "x"}}
{"_id": 3, "title": "Only a title", "text": ""}
"""
QUERIES = """{"_id": "q1", "text": "When was it built?"}
{"_id": "q2", "text": "Who sings?"}

{"_id": "q3", "text": "Not judged?"}
"""
HEADER = "query-id\tcorpus-id\tscore\n"
TEST = HEADER + "q1\td1\t2\nq1\td2\t0\nq2\td2\t1\nq2\t3\t-1\n"

SQUAD = {
    "version": "v2.0",
    "data": [
        {
            "title": "Bridges",
            "paragraphs": [
                {
                    "context": "Größe: the bridge was built in 1902.",
                    "qas": [
                        {"id": "a", "question": "When?", "answers": [{"text": "1902", "answer_start": 31}] * 2},
                        {
                            "id": "b",
                            "question": "By whom?",
                            "is_impossible": True,
                            "answers": [],
                            "plausible_answers": [{"text": "bridge", "answer_start": 11}],
                        },
                    ],
                }
            ],
        },
        {
            "title": "Frogs",
            "paragraphs": [
                {
                    "id": "pond.md",
                    "title": "Pond",
                    "context": "Frogs sing.",
                    "qas": [
                        {"question": "Who sings?", "answers": [{"text": "Frogs", "answer_start": 1}]},
                        {"question": "What do frogs do?", "answers": [{"text": "sing", "answer_start": 6}]},
                    ],
                }
            ],
        },
    ],
}


def beir(folder: Path, corpus: str = CORPUS, queries: str = QUERIES, **splits: str) -> Path:
    """Write a BEIR folder."""
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text(corpus, "utf-8")
    (folder / "queries.jsonl").write_text(queries, "utf-8")
    for name, text in splits.items():
        (folder / "qrels" / f"{name}.tsv").write_text(text, "utf-8")
    return folder


def squad(path: Path, content: Any = SQUAD) -> Path:
    """Write a SQuAD-style file."""
    path.write_text(json.dumps(content), "utf-8")
    return path


def test_a_beir_folder(tmp_path: Path) -> None:
    assert read_dataset(beir(tmp_path / "small", test=TEST)) == Dataset(
        name="small (test)",
        documents=(
            Document(id="d1", title="Bridge", text="Built in 1902."),
            Document(id="d2", text="Frogs sing."),
            Document(id="3", title="Only a title", text=""),
        ),
        queries=(
            Query(id="q1", text="When was it built?", relevant={"d1": 2}),
            Query(id="q2", text="Who sings?", relevant={"d2": 1}),
        ),
        notes=("left out 1 query without judgements in test.tsv",),
    )


def test_splits_of_a_beir_folder(tmp_path: Path) -> None:
    folder = beir(tmp_path / "several", dev="q3\td1\t1\n", test=TEST, train=HEADER + "q2\td2\t1\n")
    assert [query.id for query in read_dataset(folder).queries] == ["q1", "q2"]
    assert [query.id for query in read_dataset(folder, "dev").queries] == ["q3"]
    assert [query.id for query in read_dataset(folder, "train").queries] == ["q2"]
    (folder / "qrels" / "test.tsv").unlink()
    for split in (None, "other"):
        with pytest.raises(SeedQAError) as error:
            read_dataset(folder, split)
        named = split or "test"
        assert str(error.value) == f"{folder}/qrels has no split '{named}'; name one with --split: dev, train"
    (folder / "qrels" / "dev.tsv").unlink()
    assert [query.id for query in read_dataset(folder).queries] == ["q2"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "{}/qrels holds no judgements; expected a file such as qrels/test.tsv"),
        (
            {"test": HEADER + "q1\td9\t1\n"},
            "{0}/qrels/test.tsv, line 2, judges document 'd9', which is not in {0}/corpus.jsonl",
        ),
        (
            {"test": HEADER + "q9\td1\t1\n"},
            "{0}/qrels/test.tsv, line 2, judges query 'q9', which is not in {0}/queries.jsonl",
        ),
        (
            {"test": HEADER + "q1 d1 1\n"},
            "{0}/qrels/test.tsv, line 2, is 'q1 d1 1'; expected query, document and grade with tabs between",
        ),
        (
            {"test": HEADER + "q1\td1\t1\nq1\td1\t0\n"},
            "{0}/qrels/test.tsv, line 3, judges document 'd1' for query 'q1' a second time; keep one of the lines",
        ),
        (
            {"test": HEADER + "q1\td1\t0\n"},
            "{0} has no query with a relevant document, so there is nothing to measure",
        ),
        (
            {"test": TEST, "corpus": CORPUS + "{"},
            "{0}/corpus.jsonl, line 4, is not such a line of JSON (Input data was truncated); mend it",
        ),
        (
            {"test": TEST, "corpus": CORPUS + '{"_id": "d2", "text": "?"}'},
            "{0}/corpus.jsonl, line 4, has the id 'd2', expected one of its own",
        ),
        (
            {"test": TEST, "queries": '{"text": "?"}'},
            "{0}/queries.jsonl, line 1, is not such a line of JSON (Object missing required field `_id`); mend it",
        ),
    ],
)
def test_what_is_wrong_with_a_beir_folder(files: dict[str, str], message: str, tmp_path: Path) -> None:
    folder = beir(tmp_path / "broken", **files)
    with pytest.raises(SeedQAError) as error:
        read_dataset(folder)
    assert str(error.value) == message.format(folder)


def test_a_beir_folder_without_queries(tmp_path: Path) -> None:
    folder = beir(tmp_path / "none", test=TEST)
    (folder / "queries.jsonl").unlink()
    with pytest.raises(SeedQAError) as error:
        read_dataset(folder)
    assert str(error.value) == f"{folder}/queries.jsonl is not there; check the path"


def test_a_squad_file(tmp_path: Path) -> None:
    assert read_dataset(squad(tmp_path / "set.json")) == Dataset(
        name="set",
        documents=(
            Document(id="0000", text="Größe: the bridge was built in 1902.", group="Bridges"),
            Document(id="pond.md", title="Pond", text="Frogs sing.", group="Frogs"),
        ),
        queries=(
            Query(id="a", text="When?", relevant={"0000": 1}, answers=(Span(document="0000", start=31, end=35),)),
            Query(id="b", text="By whom?", relevant={}),
            Query(id="q00002", text="Who sings?", relevant={"pond.md": 1}),
            Query(
                id="q00003",
                text="What do frogs do?",
                relevant={"pond.md": 1},
                answers=(Span(document="pond.md", start=6, end=10),),
            ),
        ),
        notes=("left out 1 answer that does not stand at its answer_start",),
    )


def test_what_is_wrong_with_a_squad_file(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text('{"data": [\n{"title": "x",\n"paragraphs": [}]}', "utf-8")
    cases = [f"{path}, line 3, is not SQuAD-style JSON (JSON is malformed: invalid character (byte 41)); mend it"]
    found = [message_of(path)]
    squad(path, {"data": [{"paragraphs": [{"context": "x"}]}]})
    cases.append(
        f"{path} is not SQuAD-style JSON (Object missing required field `qas` - at `$.data[0].paragraphs[0]`); mend it"
    )
    found.append(message_of(path))
    one = {"id": "same", "context": "x", "qas": [{"id": "q", "question": "?", "answers": []}]}
    squad(path, {"data": [{"paragraphs": [one, {**one, "qas": []}]}]})
    cases.append(f"{path}: 1 ids are those of several paragraphs, first 'same'")
    found.append(message_of(path))
    squad(path, {"data": [{"paragraphs": [one]}]})
    cases.append(f"{path} has no query with a relevant document, so there is nothing to measure")
    found.append(message_of(path))
    path.write_bytes(b'{"data": "\xff"}')
    cases.append(f"{path} is not UTF-8 text (byte 10); save it as UTF-8")
    found.append(message_of(path))
    assert found == cases


def message_of(path: Path) -> str:
    with pytest.raises(SeedQAError) as error:
        read_dataset(path)
    return str(error.value)


def test_a_draft_is_told_apart_until_it_is_reviewed(tmp_path: Path) -> None:
    asked = [
        Question(id=str(number), question="Who?", answers=[Answer(text="Frogs", answer_start=0)], reviewed=done)
        for number, done in enumerate((False, True))
    ]
    draft = File(drafted=True, data=[Article(paragraphs=[Paragraph(id="p", context="Frogs sing.", qas=asked)])])
    path = tmp_path / "draft.json"
    write_squad(path, draft)
    found = read_dataset(path)
    assert found.drafted
    assert found.notes == (
        "1 question was drafted by rules and not reviewed by a person; made of the documents' own words, such "
        "questions flatter the index",
    )
    with pytest.raises(SeedQAError) as error:
        write_squad(path, draft)
    assert str(error.value) == f"{path} is there already and stays as it is; name another file"
    path.write_text(path.read_text("utf-8").replace('"reviewed": false', '"reviewed": true'), "utf-8")
    reviewed = read_dataset(path)
    assert (reviewed.drafted, reviewed.notes) == (True, ())


def test_formats_are_told_apart(tmp_path: Path) -> None:
    qrels, other = tmp_path / "qrels.txt", tmp_path / "notes.txt"
    qrels.write_text("q1 0 d1 1\n", "utf-8")
    other.write_text("Some words.\n", "utf-8")
    votes = tmp_path / "feedback.jsonl"
    votes.write_text("{}\n", "utf-8")
    kinds = [kind_of(path) for path in (beir(tmp_path / "b"), squad(tmp_path / "s.json"), qrels, votes)]
    assert kinds == ["beir", "squad", "qrels", "votes"]
    for path, message in (
        (other, f"{other} is no data set; expected a BEIR folder, SQuAD-style JSON, TREC qrels or feedback.jsonl"),
        (tmp_path / "gone", f"{tmp_path}/gone is not there; name a BEIR folder or a SQuAD-style JSON file"),
        (qrels, f"{qrels} holds no documents; expected a BEIR folder or SQuAD-style JSON"),
        (tmp_path, f"{tmp_path} has no corpus.jsonl; a BEIR folder holds corpus.jsonl, queries.jsonl and qrels/"),
    ):
        assert message_of(path) == message
    with pytest.raises(SeedQAError) as error:
        read_dataset(tmp_path / "s.json", "dev")
    assert str(error.value) == f"{tmp_path}/s.json is one file and has no splits; leave --split out"


def test_qrels_and_runs_of_trec(tmp_path: Path) -> None:
    qrels, run = tmp_path / "robust.qrels", tmp_path / "bm25.run"
    qrels.write_text("301 0 FT1 2\n301 0 FT2 0\n302 Q0 FT3 1\n", "utf-8")
    assert read_qrels(qrels).queries == (
        Query(id="301", text="301", relevant={"FT1": 2}),
        Query(id="302", text="302", relevant={"FT3": 1}),
    )
    run.write_text("301 Q0 FT1 1 0.5 x\n301 Q0 FT3 2 0.5 x\n301 Q0 FT2 9 1.5 x\n", "utf-8")
    expected = Asked(query="301", documents=(("FT2", 1.5), ("FT3", 0.5), ("FT1", 0.5)))
    assert read_run(run) == (expected,)
    for path, text, message in (
        (qrels, "301 0 FT1\n", "has 3 fields, expected 4: query, 0, document and grade"),
        (qrels, "301 0 FT1 yes\n", "has the grade 'yes', expected a whole number"),
        (
            qrels,
            "\n301 0 FT1 1\n301 0 FT2 1\n301 0 FT1 0\n",
            "judges document 'FT1' for query '301' a second time; keep one of the lines",
        ),
        (
            run,
            "\n301 Q0 FT1 1 2 x\n302 Q0 FT1 1 2 x\n301 Q0 FT1 2 1 x\n",
            "ranks document 'FT1' for query '301' a second time; keep one of the lines",
        ),
        (run, "301 Q0 FT1 1 x x\n", "has the score 'x', expected a number"),
        (run, "301 Q0 FT1 1 nan x\n", "has the score 'nan', expected a number"),
        (run, "\n301 Q0\n", "has 2 fields, expected 6: query, Q0, document, rank, score and tag"),
    ):
        path.write_text(text, "utf-8")
        with pytest.raises(SeedQAError) as error:
            read_qrels(path) if path is qrels else read_run(path)
        line = text.count("\n")
        assert str(error.value) == f"{path}, line {line}, {message}"
    run.write_text("\n", "utf-8")
    with pytest.raises(SeedQAError) as error:
        read_run(run)
    assert str(error.value) == f"{run} is empty; a run has lines of query, Q0, document, rank, score and tag"
    qrels.write_text("301 0 FT1 0\n", "utf-8")
    with pytest.raises(SeedQAError) as error:
        read_qrels(qrels)
    assert str(error.value) == f"{qrels} has no query with a relevant document, so there is nothing to measure"


def test_a_run_of_names_with_white_space_scores_the_same(tmp_path: Path) -> None:
    names = ("a fine\tbridge.md", "a_fine_mill.md", "a fine mill.md", "other")
    dataset = Dataset(
        name="spaces",
        documents=tuple(Document(id=name, text="x") for name in names),
        queries=(
            Query(id="q 1", text="Which bridge?", relevant={names[0]: 2, "only judged": 1}),
            Query(id="q2", text="Which mill?", relevant={names[1]: 1}),
        ),
    )
    asked = (
        Asked(query="q 1", documents=((names[3], 0.75), (names[0], 0.5), ("only judged", 0.25))),
        Asked(query="q2", documents=((names[1], 0.5),)),
    )
    file = tmp_path / "run.trec"
    file.write_text(write_run(asked, "x"), "utf-8")
    assert named_as(dataset, read_run(file)) == asked
    assert score_run(dataset, read_run(file)).report == score_run(dataset, asked).report


@given(st.lists(st.sampled_from([1.0, 0.5, 0.499999, -0.25]), max_size=100))
def test_a_run_that_was_written_reads_back_in_its_order(scores: list[float]) -> None:
    ranked = [(f"d{place}", score) for place, score in enumerate(sorted(scores, reverse=True))]
    text = write_run([Asked(query="q", documents=tuple(ranked))], "tag")
    fields = [line.split() for line in text.splitlines()]
    assert [row[2] for row in sorted(fields, key=lambda row: -float(row[4]))] == [ident for ident, _ in ranked]
    assert [abs(float(row[4]) - score) < 1e-6 for row, (_, score) in zip(fields, ranked, strict=True)] == [True] * len(
        ranked
    )


DOCUMENTS = tuple(Document(id=name, text="x", group=group) for name, group in zip("abcd", "BABC", strict=True))
SET = Dataset(
    name="set",
    documents=DOCUMENTS,
    queries=(
        Query(id="1", text="?", relevant={"a": 2, "b": 1}, answers=(Span(document="b", start=0, end=1),)),
        Query(id="2", text="?", relevant={"d": 1}),
        Query(id="3", text="?", relevant={}),
    ),
)


def test_halves_by_document_and_by_group() -> None:
    first, second = folds(SET, "near")
    assert [d.id for d in first.documents] == ["a", "c"]
    assert [d.id for d in second.documents] == ["b", "d"]
    assert [query.relevant for query in first.queries] == [{"a": 2}, {}, {}]
    assert [query.relevant for query in second.queries] == [{"b": 1}, {"d": 1}, {}]
    assert [query.answers for query in first.queries] == [(), (), ()]
    assert second.queries[0].answers == SET.queries[0].answers
    first, second = folds(SET, "far")  # groups A, B, C: A and C stay in the first
    assert ([d.id for d in first.documents], [d.id for d in second.documents]) == (["b", "d"], ["a", "c"])


def test_halves_that_can_not_be() -> None:
    ungrouped = Dataset(name="set", documents=(Document(id="a", text="x"), Document(id="b", text="y")), queries=())
    alone = Dataset(name="set", documents=DOCUMENTS[:1], queries=())
    for dataset, holdout, message in (
        (SET, "other", "holdout is 'other', expected near or far"),
        (ungrouped, "far", "set has no groups of documents, so none can be left out; use near"),
        (alone, "near", "set has fewer than two documents, so none can be left out"),
        (alone, "far", "set has fewer than two groups of documents, so none can be left out"),
    ):
        with pytest.raises(SeedQAError) as error:
            folds(dataset, holdout)
        assert str(error.value) == message
