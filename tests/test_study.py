"""The pure parts of the ranking study: scores, measures and cuts, against the product and by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ir_measures import Qrel, ScoredDoc, calc_aggregate, nDCG

from benchmarks.study import fusions
from benchmarks.study.evidence import Passage, shipped, with_cues
from benchmarks.study.lab import Lab
from benchmarks.study.measures import Compared, compare, figures
from benchmarks.study.passages import Cut, cut
from benchmarks.study.report import Row, table
from benchmarks.study.sets import StudyQuestion, StudySet, of_dataset
from benchmarks.study.vectors import TextVectors
from benchmarks.study.words import Formula, Words, all_stems, our_terms, pairs, plain_words, unstemmed
from index import lexical
from index.postings import write_lexical
from qa.evaluate.dataset import Dataset, Document, Query
from tests.fakes import HashEncoder

TEXTS = (
    "The bridge was built in 1902. It carries two lanes. Engineers inspect the cables each spring.",
    "Roses grow by the wall. Frogs live in the pond. They sing at night.",
    "The mill grinds rye. The wheel of the mill turns slowly.",
)
DATASET = Dataset(
    name="small",
    documents=tuple(
        Document(id=name, title=title, text=text)
        for name, title, text in zip("abc", ("Bridges", "Garden", ""), TEXTS, strict=True)
    ),
    queries=(
        Query(id="1", text="When was the bridge built?", relevant={"a": 1}),
        Query(id="2", text="Which animals live in the garden?", relevant={"b": 2, "c": 1}),
        Query(id="3", text="Who lives on the moon?", relevant={}),
    ),
)


@pytest.fixture
def small() -> StudySet:
    return of_dataset(DATASET)


@pytest.fixture
def vectors(tmp_path: Path) -> TextVectors:
    return TextVectors(HashEncoder(), tmp_path)


def array(*rows: tuple[float, ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.array(rows, dtype=np.float32)


def test_fusions_by_hand() -> None:
    meaning, words = array((0.5, 0.2, -0.1)), array((0.0, 4.0, 1.0))
    expected = [0.8, 0.8 * 1.2 / 1.5 + 0.2, 0.8 * 0.9 / 1.5 + 0.2 / 4]
    assert fusions.theoretical(meaning, words, 0.8)[0].tolist() == pytest.approx(expected)
    assert fusions.least_most(meaning, words, 0.5)[0].tolist() == pytest.approx([0.5, 0.75, 0.125])
    assert fusions.ranks(words)[0].tolist() == [3, 1, 2]
    assert fusions.reciprocal(meaning, words, 2)[0].tolist() == pytest.approx([1 / 61, 1 / 62 + 1 / 61, 1 / 62])
    assert fusions.comb_mnz(meaning, words, 2)[0].tolist() == pytest.approx([1.0, 3.0, 0.25])
    centred = fusions.standard(meaning, words, 0.5)[0]
    assert float(centred.mean()) == pytest.approx(0, abs=1e-6)
    assert int(centred.argmax()) == 1


def test_the_words_score_as_the_product_scores_them(tmp_path: Path) -> None:
    counted = [our_terms(text) for text in TEXTS]
    asked = ["mill", "built", "pond", "nowhere"]
    write_lexical(tmp_path / "lexical", counted, len(TEXTS))
    opened = lexical.Lexical(tmp_path / "lexical", len(TEXTS))
    found = Words(counted)
    product, ours = opened.scores(asked), found.scores([asked], Formula())[0]
    assert [opened.idf(term) for term in asked] == pytest.approx([found.idf(term) for term in asked])
    assert ours.tolist() == pytest.approx(product.tolist(), abs=2 / lexical.UNIT)
    opened.close()


def test_the_other_formulas() -> None:
    once, long = array((1.0,)), array((20.0,))
    formulas = Formula(delta=0), Formula(delta=1), Formula(delta=0.5, inside=True)
    plain, plus, lower = (formula.weights(once, long, 10.0)[0, 0] for formula in formulas)
    assert float(plain) == pytest.approx(1.9 / (1 + 0.9 * 1.4))
    assert float(plus) == pytest.approx(1 + 1.9 / (1 + 0.9 * 1.4))
    assert float(lower) == pytest.approx((1 / 1.4 + 0.5) * 1.9 / (0.9 + 1 / 1.4 + 0.5))


def test_the_analysers() -> None:
    text = "The mills were grinding"
    assert our_terms(text) == ["mill", "were", "grind"]
    assert plain_words(text) == ["the", "mills", "were", "grinding"]
    assert unstemmed(text) == ["mills", "were", "grinding"]
    assert all_stems(text) == ["the", "mill", "were", "grind"]
    assert pairs(text) == ["mill were", "were grind"]


def test_terms_that_passages_share() -> None:
    found = Words([["a", "b", "c"], ["a", "b", "d"], ["a", "e"]])
    assert found.common([0, 1], 5, ["a"]) == ["b"]
    assert found.common([0, 1, 2], 5, []) == ["b", "a"]


def test_a_data_set_loses_only_questions_without_an_answer(small: StudySet) -> None:
    assert [(d.id, d.extract.title, d.extract.text) for d in small.documents] == [
        ("a", "Bridges", TEXTS[0]),
        ("b", "Garden", TEXTS[1]),
        ("c", "", TEXTS[2]),
    ]
    assert [question.text for question in small.questions] == [query.text for query in DATASET.queries[:2]]


def test_figures_agree_with_ir_measures(small: StudySet, vectors: TextVectors) -> None:
    scores = array((0.1, 0.9, 0.3), (0.2, 0.1, 0.7))
    ours = figures(small, cut(small, vectors, 256), scores)
    qrels = [Qrel(q.id, name, grade) for q in DATASET.queries[:2] for name, grade in q.relevant.items()]
    run = [
        ScoredDoc(q.id, name, float(score))
        for q, row in zip(DATASET.queries[:2], scores, strict=True)
        for name, score in zip("abc", row, strict=True)
    ]
    assert float(ours.mean()) == pytest.approx(calc_aggregate([nDCG @ 10], qrels, run)[nDCG @ 10])
    assert ours.tolist() == pytest.approx([0.5, (1 + 2 / 2) / (2 + 1 / math.log2(3))])


def test_recall_counts_characters_of_the_right_document_once(small: StudySet, vectors: TextVectors) -> None:
    spans = replace(
        small,
        measure="recall@5",
        questions=(
            StudyQuestion(text="bridge", relevant={"a": 1}, spans=((0, 29), (90, 94))),
            StudyQuestion(text="bridge", relevant={"b": 1}, spans=((0, 10),)),
        ),
    )
    made = cut(spans, vectors, 256)
    only_first = replace(made, passages=(replace(made.passages[0], start=4, end=29), *made.passages[1:]))
    assert figures(spans, only_first, np.zeros((2, 3), dtype=np.float32)).tolist() == [25 / 33, 1.0]


def test_a_bootstrap_says_better_worse_or_nothing() -> None:
    default = np.tile([0.0, 1.0], 100)
    better = compare(np.ones(200), default)
    assert (better.mean, better.difference, better.verdict) == (1.0, 0.5, "better")
    assert 0.4 < better.difference_low < 0.5 < better.difference_high < 0.6
    assert compare(default - 0.1, default).verdict == "worse"
    assert compare(default, default).verdict == ""
    assert compare(1 - default, default).verdict == ""


def sentences_of(made: Cut, row: int) -> list[str]:
    first = int(made.first[row])
    return list(made.sentences[first : first + int(made.sizes[row])])


def test_passages_repeat_the_end_of_the_one_before(small: StudySet, vectors: TextVectors) -> None:
    apart, repeated = cut(small, vectors, 8), cut(small, vectors, 14, overlap=6)
    assert sentences_of(apart, 1) == ["It carries two lanes."]
    assert [sentences_of(repeated, row) for row in range(3)] == [
        ["The bridge was built in 1902."],
        ["It carries two lanes."],
        ["It carries two lanes.", "Engineers inspect the cables each spring."],
    ]
    assert repeated.texts[2] == "It carries two lanes. Engineers inspect the cables each spring."


def test_windows_and_contexts(small: StudySet, vectors: TextVectors) -> None:
    made = cut(small, vectors, 256)
    assert made.windows(2)[:3] == [
        "The bridge was built in 1902. It carries two lanes.",
        "It carries two lanes. Engineers inspect the cables each spring.",
        "Engineers inspect the cables each spring.",
    ]
    assert made.contexts() == ["Bridges", "Garden", ""]


def test_a_lab_has_no_context_where_there_is_none(small: StudySet, vectors: TextVectors) -> None:
    lab = Lab(small, cut(small, vectors, 256), vectors)
    assert (lab.context_cosines()[:, 2] == -1).all()
    assert (lab.context_cosines()[:, :2] > -1).all()
    assert lab.fused().shape == (2, 3)
    assert float(lab.fused().max()) <= 1


def test_vectors_are_kept_between_runs(tmp_path: Path) -> None:
    first = TextVectors(HashEncoder(), tmp_path)
    made = first.of(["frogs live here", "roses grow", "frogs live here"])
    first.keep()
    kept = TextVectors(HashEncoder(), tmp_path).of(["roses grow", "frogs live here"])
    assert np.array_equal(made[0], made[2])
    assert kept == pytest.approx(made[[1, 0]], abs=1e-3)


def test_evidence_by_cues() -> None:
    passage = Passage(
        question="When was the bridge built?",
        asked=["bridg", "built"],
        sentences=["The bridge was built well.", "That was in 1902."],
        cosines=np.array([0.5, 0.5], dtype=np.float32),
        words=np.array([2.0, 0.0], dtype=np.float32),
        idf=lambda _: 1.0,
        weight=0.8,
    )
    assert shipped(passage).tolist() == pytest.approx([1.0, 0.8])
    assert with_cues(0.3)(passage).tolist() == pytest.approx([1.0, 1.1])
    assert with_cues(0.3)(replace(passage, question="Why?")).tolist() == pytest.approx([1.0, 0.8])


def test_the_table() -> None:
    whole = Compared(mean=0.9, low=0.88, high=0.92, difference=0, difference_low=0, difference_high=0)
    worse = replace(whole, mean=0.85, difference=-0.05, difference_low=-0.06, difference_high=-0.04)
    same = replace(whole, mean=0.905, difference=0.005, difference_low=-0.01, difference_high=0.02)
    rows = [
        Row(factor="default", name="as shipped", compared={"x": whole, "y": whole}),
        Row(factor="α", name="0.60", compared={"x": worse, "y": same}),
        Row(factor="α", name="0.70", compared={"x": same}),
    ]
    assert table(rows, ["x", "y"]) == (
        "| | | x | y |\n"
        "|---|---|---:|---:|\n"
        "| default | as shipped | 90.0 (88.0 to 92.0) | 90.0 (88.0 to 92.0) |\n"
        "| α | 0.60 | **−5.0 (−6.0 to −4.0)** | +0.5 (−1.0 to +2.0) |\n"
        "|  | 0.70 | +0.5 (−1.0 to +2.0) |  |\n"
    )
