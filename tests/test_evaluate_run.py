"""Data sets indexed and asked with the real model, and what comes of drafts made from an index."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from index import build, load_encoder
from index.encode import DEFAULT_MODEL, Encoder
from index.encode.quiet import OFFLINE
from index.errors import SeedQAError, SeedsError
from index.layout import IndexPaths
from index.records import no_progress
from index.snapshot import Snapshot, current_id, open_current, snapshot_ids
from index.texts import Text, build_texts
from qa import Index, open_index
from qa.evaluate.ask import ask_product, ask_vectors
from qa.evaluate.corpus import indexed
from qa.evaluate.dataset import Dataset, Document, Query, Span
from qa.evaluate.read import read_dataset
from qa.evaluate.run import evaluate_dataset, evaluate_index, on_index
from qa.evaluate.squad import write_squad
from qa.evaluate.suggest import suggest
from tests.fakes import HashEncoder
from tests.test_evaluate_dataset import beir

TEXTS = {
    "tower": ("Towers", "A lighthouse is a tower that sends light to ships.\r\n\r\nThe first one burned wood."),
    "bees": ("Insects", "Bees make honey from nectar. 🐝 A hive holds forty thousand bees in summer."),
    "wasps": ("Insects", "  Wasps build nests of paper, which they chew from wood."),
    "tea": ("Drinks", "Tea came to Europe in 1610 on ships of the Dutch East India Company."),
    "coffee": ("Drinks", "Coffee beans are roasted before they are ground."),
    "title only/ä": ("The history of glass", ""),
}
QUESTIONS = {
    "What do bees make out of nectar?": ("bees", "honey"),
    "How many bees live in a hive?": ("bees", "forty thousand"),
    "When did tea reach Europe?": ("tea", "1610"),
    "What are the nests of wasps made of?": ("wasps", "paper"),
    "What is a lighthouse?": ("tower", "a tower that"),
}


def small_set() -> Dataset:
    queries = []
    for number, (text, (document, answer)) in enumerate(QUESTIONS.items()):
        start = TEXTS[document][1].index(answer)
        span = Span(document=document, start=start, end=start + len(answer))
        queries.append(Query(id=str(number), text=text, relevant={document: 1}, answers=(span,)))
    return Dataset(
        name="small",
        documents=tuple(Document(id=i, title=i, text=text, group=group) for i, (group, text) in TEXTS.items()),
        queries=(*queries, Query(id="9", text="Who painted the ceiling of the Sistine Chapel?", relevant={})),
    )


@pytest.fixture(scope="module")
def small(real_encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Index]]:
    """The small set's index, open."""
    folder = tmp_path_factory.mktemp("small")
    with indexed(small_set(), folder, real_encoder) as index:
        yield folder, index


def test_texts_enter_an_index_character_for_character(small: tuple[Path, Index]) -> None:
    with open_current(IndexPaths(small[0])) as snapshot:
        held = {d.path: (d.title, snapshot.store.document_text(d.row)) for d in snapshot.store.documents}
        for document in snapshot.store.documents:
            for stored in snapshot.store.passages_of(document):
                whole = held[document.path][1]
                assert whole[stored.passage.start : stored.passage.end] == stored.text
    expected = {name: (name, text or name) for name, (_, text) in TEXTS.items()}
    assert held == expected


def test_an_index_of_texts_is_taken_again_and_only_what_changed_is_encoded(tmp_path: Path) -> None:
    encoder = HashEncoder()
    texts = [Text(path=name, title=name, text=text) for name, (_, text) in TEXTS.items()]
    first = build_texts(texts, tmp_path / "set", tmp_path / "index", encoder)
    assert (first.documents, first.found, first.skipped) == (6, 6, ())
    encoder.encoded.clear()
    again = build_texts(reversed_(texts), tmp_path / "set", tmp_path / "index", encoder)
    assert (again.snapshot, encoder.encoded) == (first.snapshot, [])
    passage = "A lighthouse is a tower that sends light to ships. It is new."
    texts[0] = replace(texts[0], text=passage)
    changed = build_texts(texts, tmp_path / "set", tmp_path / "index", encoder)
    assert (changed.previous, encoder.encoded) == (first.snapshot, ["It is new.", passage])
    assert changed.snapshot != first.snapshot
    renamed = build_texts([replace(texts[0], title="New"), *texts[1:]], tmp_path / "set", tmp_path / "index", encoder)
    assert renamed.snapshot != changed.snapshot


def reversed_(texts: list[Text]) -> list[Text]:
    return list(reversed(texts))


def test_texts_of_the_same_words_stay_apart(tmp_path: Path) -> None:
    texts = [Text(path=name, text="Frogs sing.") for name in ("a", "b")]
    build_texts(texts, tmp_path, tmp_path / "index", HashEncoder())
    with open_index(tmp_path / "index", encoder=HashEncoder()) as index:
        assert {r.citation.source for r in index.search("Who sings?").results} == {"a", "b"}


def test_texts_that_can_not_be_indexed(tmp_path: Path) -> None:
    with pytest.raises(SeedsError) as error:
        build_texts([Text(path="a", text="x")] * 2, tmp_path, tmp_path / "index", HashEncoder())
    assert str(error.value) == "two texts are called 'a'; give each a name of its own"
    with pytest.raises(SeedsError) as error:
        build_texts([Text(path="a", text=" \n")], tmp_path / "set", tmp_path / "index", HashEncoder())
    assert str(error.value) == (f"nothing readable in {tmp_path}/set: 1 skipped; a: no text; put documents into it")


def test_the_product_on_a_small_set(small: tuple[Path, Index], real_encoder: Encoder, tmp_path: Path) -> None:
    outcome = evaluate_dataset(small_set(), tmp_path / "kept", real_encoder, holdout="near")
    report = outcome.report
    assert {name: (mean.mean, mean.questions) for name, mean in report.measures.items()} == dict.fromkeys(
        report.measures, (1.0, 5)
    )
    assert list(report.measures)[-3:] == ["evidence hit@1", "answer hit@1", "answer hit@5"]
    assert (report.documents, report.questions, report.unanswerable, report.ranking) == (6, 6, 1, "default")
    assert report.model == "all-MiniLM-L6-v2, int8 on openvino"
    whole, near = report.abstention
    assert (whole.holdout, whole.answerable, whole.unanswerable, whole.auroc) == ("", 5, 1, 1.0)
    assert (near.holdout, near.answerable, near.unanswerable) == ("near", 5, 7)
    assert whole.threshold == small[1].threshold
    # the index of all documents is in force again, and what the public search says is what was measured
    assert report.snapshot == current_id(IndexPaths(tmp_path / "kept")) == small[1].manifest.id
    answers = {query.id: small[1].search(query.text) for query in small_set().queries}
    for row, asked in zip(sorted(report.rows, key=lambda r: r.query), outcome.asked, strict=True):
        answer = answers[row.query]
        assert (row.confidence, row.found, row.first) == (
            answer.confidence, answer.found, answer.results[0].citation.source,
        )  # fmt: skip
        assert row.evidence == answer.results[0].citation.evidence
        assert asked.passages[0].evidence == row.evidence
        assert len(asked.documents) == len({ident for ident, _ in asked.documents}) == 6
    kept = snapshot_ids(IndexPaths(tmp_path / "kept"))
    assert len(kept) == 3
    again = evaluate_dataset(small_set(), tmp_path / "kept", real_encoder)
    assert again.report == replace(report, abstention=(whole,))
    assert again.asked == outcome.asked


def test_halves_take_their_vectors_from_the_index_of_all(tmp_path: Path) -> None:
    encoder = HashEncoder()
    whole = evaluate_dataset(small_set(), tmp_path, encoder).report.snapshot
    encoder.encoded.clear()
    near = evaluate_dataset(small_set(), tmp_path, encoder, holdout="near").report
    assert (near.snapshot, current_id(IndexPaths(tmp_path)), encoder.encoded) == (whole, whole, [])


def test_a_document_counts_where_its_best_passage_stands(real_encoder: Encoder, tmp_path: Path) -> None:
    long = "\n\n".join(f"Chapter {n}. " + "Bees make honey from nectar in a hive of wax. " * 20 for n in range(8))
    dataset = Dataset(
        name="long",
        documents=(Document(id="long", text=long), Document(id="short", text="A hive is made of wax by bees.")),
        queries=(Query(id="q", text="How do bees make honey?", relevant={"short": 1}),),
    )
    with indexed(dataset, tmp_path, real_encoder) as index:
        assert index.manifest.counts.passages > 8
        (asked,) = ask_product(index, dataset)
        first = [result.citation.source for result in index.search("How do bees make honey?", k=5).results]
    assert first == ["long"] * 5
    assert [ident for ident, _ in asked.documents] == ["long", "short"]


def test_one_side_of_the_ranking_alone(real_encoder: Encoder, tmp_path: Path) -> None:
    dataset = Dataset(
        name="sides",
        documents=(
            Document(id="meaning", text="The automobile runs on fuel."),
            Document(id="words", text="A car in a song is not a car that drives."),
            Document(id="neither", text="Bees make honey."),
        ),
        queries=(Query(id="q", text="Does a car need petrol?", relevant={"meaning": 1}),),
    )
    found = {
        ranking: evaluate_dataset(dataset, tmp_path / "index", real_encoder, ranking=ranking)
        for ranking in ("sentences", "words")
    }
    assert [ident for ident, _ in found["sentences"].asked[0].documents] == ["meaning", "words", "neither"]
    assert [ident for ident, _ in found["words"].asked[0].documents] == ["words"]
    assert found["words"].report.abstention == ()
    assert found["words"].report.rows[0].confidence is None
    vector = real_encoder.encode_question("Does a car need petrol?")
    expected = float(real_encoder.encode(["The automobile runs on fuel."], no_progress)[0] @ vector)
    assert found["sentences"].asked[0].documents[0][1] == pytest.approx(expected, abs=2e-3)  # kept in half precision


def test_vectors_are_those_that_the_field_reports(cache: Path, tmp_path: Path) -> None:
    """The plain model by itself: title and text in one vector, cut by the model, ranked by exact cosine."""
    os.environ.update(OFFLINE)
    from sentence_transformers import SentenceTransformer

    from index.encode.models import find_model

    long = "Honey keeps for years. " * 200
    lines = [f'{{"_id": "{i}", "title": "{g}", "text": "{t[:40].strip()}"}}'.replace("\r\n", " ")
             for i, (g, t) in TEXTS.items()]  # fmt: skip
    lines.append(f'{{"_id": "long", "title": "", "text": "{long}Bees make it from nectar."}}')
    questions = "\n".join(f'{{"_id": "{n}", "text": "{text}"}}' for n, text in enumerate(QUESTIONS))
    judged = "\n".join(f"{n}\t{document}\t1" for n, (document, _) in enumerate(QUESTIONS.values()))
    dataset = read_dataset(beir(tmp_path / "set", "\n".join(lines), questions, test=judged))
    encoder = load_encoder(DEFAULT_MODEL, cache, "torch")
    asked = ask_vectors(encoder, dataset)
    model = SentenceTransformer(str(find_model(DEFAULT_MODEL)), device="cpu", local_files_only=True)
    documents = model.encode([f"{d.title} {d.text}".strip() for d in dataset.documents], normalize_embeddings=True)
    for query, one in zip(dataset.queries, asked, strict=True):
        cosines = documents @ model.encode(query.text, normalize_embeddings=True)
        order = np.argsort(-cosines)
        assert [ident for ident, _ in one.documents] == [dataset.documents[at].id for at in order]
        assert [score for _, score in one.documents] == pytest.approx(cosines[order].tolist(), abs=1e-5)
    report = evaluate_dataset(dataset, tmp_path / "none", encoder, ranking="vectors").report
    assert (report.ranking, report.model) == ("vectors", "all-MiniLM-L6-v2, fp32 on torch")
    assert not (tmp_path / "none").exists()


def test_the_query_itself_is_no_result_unless_it_is_judged(real_encoder: Encoder) -> None:
    dataset = Dataset(
        name="arguments",
        documents=(Document(id="1", text="Bees make honey."), Document(id="2", text="Wasps make paper.")),
        queries=(
            Query(id="1", text="Bees make honey.", relevant={"2": 1}),
            Query(id="2", text="Wasps make paper.", relevant={"2": 1}),
        ),
    )
    found = [[ident for ident, _ in one.documents] for one in ask_vectors(real_encoder, dataset)]
    assert found == [["2"], ["2", "1"]]


def test_what_can_not_be_asked_scores_zero(small: tuple[Path, Index], real_encoder: Encoder, tmp_path: Path) -> None:
    asked = (
        Query(id="a", text="??", relevant={"tea": 1}),
        Query(id="b", text="When did tea come?", relevant={"tea": 1}),
    )
    report = evaluate_dataset(replace(small_set(), queries=asked), tmp_path / "index", real_encoder).report
    assert report.notes == ("1 question could not be asked and scores 0",)
    assert report.measures["hit@1"].mean == 0.5
    row = report.rows[0]
    assert (row.query, row.confidence, row.found) == ("a", 0.0, False)
    assert row.trouble == "the question '??' has no words; ask in a few words"


def test_what_makes_no_sense_is_told_at_once(built: Path, seeds: Path, encoder: HashEncoder) -> None:
    for ranking, holdout, message in (
        ("best", "", "ranking is 'best', expected one of default, vectors, sentences, words"),
        ("words", "near", "ranking words knows no confidence, so a holdout tells nothing; leave it out"),
        ("default", "", f"{built} holds the index of {seeds}, which would be replaced; name another folder"),
    ):
        with pytest.raises(SeedQAError) as error:
            evaluate_dataset(small_set(), built, encoder, ranking=ranking, holdout=holdout)
        assert str(error.value) == message
    assert len(snapshot_ids(IndexPaths(built))) == 1


def test_a_kept_index_is_that_of_one_data_set(tmp_path: Path) -> None:
    kept, encoder = tmp_path / "kept", HashEncoder()
    first = evaluate_dataset(small_set(), kept, encoder, origin=tmp_path / "one.json", holdout="near").report
    assert evaluate_dataset(small_set(), kept, encoder, origin=tmp_path / "x" / ".." / "one.json").report.snapshot == (
        first.snapshot
    )
    with pytest.raises(SeedQAError) as error:
        evaluate_dataset(small_set(), kept, encoder, origin=tmp_path / "two.json")
    assert str(error.value) == (
        f"{kept} holds the index of {tmp_path}/one.json, which would be replaced; name another folder"
    )
    assert current_id(IndexPaths(kept)) == first.snapshot


@pytest.fixture(scope="module")
def shipped_snapshot(shipped_index: Path) -> Iterator[Snapshot]:
    with open_current(IndexPaths(shipped_index)) as snapshot:
        yield snapshot


def test_a_set_on_an_index_at_hand(shipped: Index, shipped_snapshot: Snapshot) -> None:
    path = "handbook/questions.md"
    document = shipped_snapshot.store.by_path(path)
    assert document is not None
    text = shipped_snapshot.store.document_text(document.row)
    answer = "You need no GPU"
    start = text.index(answer)
    spans = (Span(document=path, start=start, end=start + len(answer)), Span(document=path, start=0, end=1))
    dataset = Dataset(
        name="own",
        documents=(Document(id=path, text="X" + text[1:]),),
        queries=(Query(id="q", text="Is a graphics card needed (GPU)?", relevant={path: 1}, answers=spans),),
    )
    bound = on_index(dataset, shipped_snapshot)
    assert bound.queries[0].answers == spans[:1]
    assert bound.notes == ("left out 1 answer that no longer stands at its place in the index",)
    report = evaluate_index(dataset, shipped, shipped_snapshot).report
    assert report.snapshot == shipped.manifest.id
    assert (report.rows[0].first, report.measures["evidence hit@1"].mean) == (path, 1.0)
    lost = replace(dataset, queries=(Query(id="q", text="?", relevant={"gone.md": 1}),))
    with pytest.raises(SeedQAError) as error:
        on_index(lost, shipped_snapshot)
    assert str(error.value) == (
        "1 of 1 documents of own are not in the index asked, first 'gone.md'; name another with --index, or see with "
        "qa status --documents what this one holds"
    )


def test_a_document_is_known_under_each_of_its_names(seeds: Path, tmp_path: Path, encoder: HashEncoder) -> None:
    (seeds / "other").mkdir()
    (seeds / "other" / "copy.txt").write_bytes((seeds / "bridge.txt").read_bytes())
    build(seeds, tmp_path / "index", encoder)
    dataset = Dataset(
        name="own",
        documents=(Document(id="other/copy.txt", text="The bridge"),),
        queries=(
            Query(
                id="q",
                text="When was the bridge built?",
                relevant={"other/copy.txt": 1},
                answers=(Span(document="other/copy.txt", start=0, end=10),),
            ),
        ),
    )
    with open_current(IndexPaths(tmp_path / "index")) as snapshot:
        (query,) = on_index(dataset, snapshot).queries
    assert (query.relevant, query.answers[0].document) == ({"bridge.txt": 1}, "bridge.txt")


STATEMENTS = {
    "bridge.md": (
        "# Tower Bridge\n\nTower Bridge was built in 1894. It was opened in June 1894 by the prince. "
        "Tower Bridge has two towers. A bascule is a part of a bridge that is lifted for ships.\n\n"
        "## Who operates the bascules?\n\nThe bridge master operates them.\n\n"
        "## Opening hours\n\nShips ask a day ahead.\n"
    ),
    "other.md": "# Other\n\nA bascule is a part of a scale, as it is used on farms. These are many words about it.\n",
    "plain.txt": "They said so. This is a sentence without a name. There were five of them.\n",
}
DRAFTED = [
    ("When was Tower Bridge built?", "1894"),
    ("How many towers does Tower Bridge have?", "two"),
    ("Who operates the bascules?", "The bridge master operates them."),
]


def test_a_draft_of_small_documents(tmp_path: Path, encoder: HashEncoder) -> None:
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    for name, text in STATEMENTS.items():
        (seeds / name).write_text(text, "utf-8")
    build(seeds, tmp_path / "index", encoder)
    with open_current(IndexPaths(tmp_path / "index")) as snapshot:
        found = suggest(snapshot.store)
        assert suggest(snapshot.store) == found
    assert (found.drafted, [article.paragraphs[0].id for article in found.data]) == (True, ["bridge.md"])
    (paragraph,) = found.data[0].paragraphs
    # "What is a bascule?" would be of two documents, so it is of none
    assert [(asked.question, asked.answers[0].text) for asked in paragraph.qas] == DRAFTED
    for asked in paragraph.qas:
        answer = asked.answers[0]
        assert paragraph.context.startswith(answer.text, answer.answer_start)
        assert asked.reviewed is False


def test_nothing_to_draft(tmp_path: Path, encoder: HashEncoder) -> None:
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "plain.txt").write_text(STATEMENTS["plain.txt"], "utf-8")
    build(tmp_path / "seeds", tmp_path / "index", encoder)
    with open_current(IndexPaths(tmp_path / "index")) as snapshot, pytest.raises(SeedQAError) as error:
        suggest(snapshot.store)
    assert str(error.value).startswith("no question could be drafted from these documents: ")


def test_a_draft_of_the_shipped_seeds_asks_what_they_answer(
    shipped: Index, shipped_snapshot: Snapshot, tmp_path: Path
) -> None:
    write_squad(tmp_path / "draft.json", suggest(shipped_snapshot.store))
    dataset = read_dataset(tmp_path / "draft.json")
    assert (dataset.drafted, len(dataset.queries) > 20, len(dataset.documents) > 5) == (True, True, True)
    assert all(query.answers for query in dataset.queries)
    report = evaluate_index(dataset, shipped, shipped_snapshot).report
    assert report.drafted
    assert report.measures["hit@1"].mean == 1.0
    assert report.measures["answer hit@5"].mean == 1.0
