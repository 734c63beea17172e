"""Measures against second implementations: by hand, by scikit-learn, and by trying every case."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score, roc_auc_score

from index.errors import SeedQAError
from qa.evaluate.abstention import auroc, risk_coverage, share_below
from qa.evaluate.ask import Asked, Shown
from qa.evaluate.compare import compare, randomisation, read_report
from qa.evaluate.dataset import Dataset, Query, Span
from qa.evaluate.measures import MEASURES, interval, measure
from qa.evaluate.report import Comparison, Mean, Report, abstention_of, means_of, rows_of
from qa.evaluate.run import score_run

NAMES = [f"d{number}" for number in range(120)]


def query(ident: str, text: str = "?", **grades: int) -> Query:
    return Query(id=ident, text=text, relevant=grades)


def by_hand(grades: dict[str, int], ranking: Sequence[str]) -> dict[str, float]:
    """Return the measures of one query from their definitions."""
    gains = [grades.get(name, 0) for name in ranking]
    ideal = sorted(grades.values(), reverse=True)
    hits = [at for at, gain in enumerate(gains, 1) if gain]
    first = hits[0] if hits else math.inf

    def gained(values: Sequence[int]) -> float:
        return sum(value / math.log2(at + 1) for at, value in enumerate(values[:10], 1))

    return {
        "nDCG@10": gained(gains) / gained(ideal),
        "recall@10": sum(at <= 10 for at in hits) / len(grades),
        "recall@100": sum(at <= 100 for at in hits) / len(grades),
        "MRR@10": 1 / first if first <= 10 else 0.0,
        "hit@1": float(first == 1),
        "hit@5": float(first <= 5),
    }


@settings(deadline=None)  # the first case loads the library that counts
@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.sampled_from(NAMES), st.integers(1, 3), min_size=1, max_size=15),
            st.lists(st.sampled_from(NAMES), unique=True, max_size=120),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_ir_measures_agrees_with_the_definitions(cases: list[tuple[dict[str, int], list[str]]]) -> None:
    queries = [Query(id=str(row), text="?", relevant=grades) for row, (grades, _) in enumerate(cases)]
    found = measure(queries, {str(row): ranking for row, (_, ranking) in enumerate(cases)})
    for row, (grades, ranking) in enumerate(cases):
        assert found[str(row)] == pytest.approx(by_hand(grades, ranking[:100]), abs=1e-9)


@given(st.lists(st.integers(0, 3), min_size=11, max_size=30), st.randoms())
def test_ndcg_agrees_with_scikit_learn(grades: list[int], dice: object) -> None:
    if not any(grades):
        return
    judged = {f"d{at}": grade for at, grade in enumerate(grades) if grade}
    ranking = [f"d{at}" for at in range(len(grades))]
    found = measure([Query(id="q", text="?", relevant=judged)], {"q": ranking})
    expected = ndcg_score([grades], [list(range(len(grades), 0, -1))], k=10)
    assert found["q"]["nDCG@10"] == pytest.approx(expected, abs=1e-9)


def test_a_query_without_a_result_scores_zero_and_counts() -> None:
    nothing = dict.fromkeys(MEASURES, 0.0)
    queries = [query("a", d0=1), query("b", d0=1), query("c", d0=1), query("none")]
    found = measure(queries, {"a": ["d0"], "b": []})
    assert found == {"a": dict.fromkeys(MEASURES, 1.0), "b": nothing, "c": nothing}
    assert measure(queries, {}) == {"a": nothing, "b": nothing, "c": nothing}


CONFIDENCES = st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), min_size=1, max_size=30)


@given(CONFIDENCES, CONFIDENCES)
def test_auroc_agrees_with_scikit_learn(answerable: list[float], unanswerable: list[float]) -> None:
    truth = [1] * len(answerable) + [0] * len(unanswerable)
    assert auroc(answerable, unanswerable) == pytest.approx(roc_auc_score(truth, [*answerable, *unanswerable]))


def test_auroc_needs_both_kinds() -> None:
    assert (auroc([], [0.5]), auroc([0.5], [])) == (None, None)


def test_risk_and_coverage_by_hand() -> None:
    found = risk_coverage([0.9, 0.8, 0.8, 0.1], [True, False, True, False])
    assert found.coverage == (0.25, 0.75, 1.0)
    assert found.risk == pytest.approx((0, 1 / 3, 1 / 2))
    # equal confidences count with their mean error: 0, then half a mistake of two, one of three, two of four
    assert found.area == pytest.approx((0 + 0.5 / 2 + 1 / 3 + 2 / 4) / 4)


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.5, 0.9]), st.booleans()), min_size=1, max_size=6))
def test_the_area_is_the_mean_over_all_orders_of_equal_confidences(cases: list[tuple[float, bool]]) -> None:
    areas = []
    for order in itertools.permutations(range(len(cases))):
        if all(cases[a][0] >= cases[b][0] for a, b in itertools.pairwise(order)):
            wrong = np.cumsum([not cases[at][1] for at in order])
            areas.append(float(np.mean(wrong / np.arange(1, len(cases) + 1))))
    found = risk_coverage([confidence for confidence, _ in cases], [right for _, right in cases])
    assert found.area == pytest.approx(sum(areas) / len(areas))
    assert found.risk[-1] == pytest.approx(sum(not right for _, right in cases) / len(cases))


def test_the_share_below_a_threshold() -> None:
    assert (share_below([0.1, 0.2, 0.3], 0.2), share_below([], 0.2)) == (1 / 3, None)


def test_the_interval_of_a_mean() -> None:
    values = np.random.default_rng(7).random(400).tolist()
    found = interval(values)
    assert found == interval(values)
    assert found is not None
    error = np.std(values) / math.sqrt(len(values))
    assert found == pytest.approx((np.mean(values) - 1.96 * error, np.mean(values) + 1.96 * error), abs=0.2 * error)
    assert (interval([0.5]), interval([0.5, 0.5])) == (None, (0.5, 0.5))


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=9))
@settings(deadline=None)
def test_randomisation_of_few_questions_tries_every_exchange(pairs: list[tuple[float, float]]) -> None:
    differences = [first - second for first, second in pairs]
    observed = abs(sum(differences))
    sums = [
        abs(sum(sign * difference for sign, difference in zip(signs, differences, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(differences))
    ]
    expected = sum(value >= observed - 1e-12 for value in sums) / len(sums)
    assert randomisation([a for a, _ in pairs], [b for _, b in pairs]) == pytest.approx(expected)


def test_randomisation_of_many_questions() -> None:
    dice = np.random.default_rng(3)
    base = dice.random(300)
    assert randomisation((base + 0.1).tolist(), base.tolist()) <= 0.001
    assert randomisation((base + dice.normal(0, 0.2, 300)).tolist(), base.tolist()) > 0.05
    assert randomisation(base.tolist(), base.tolist()) == 1.0


def ranked(ident: str, *documents: str, confidence: float = 0.5) -> Asked:
    places = tuple((document, 1.0 - at / 100) for at, document in enumerate(documents))
    return Asked(query=ident, documents=places, confidence=confidence, found=confidence >= 0.2)


def test_rows_are_the_worst_first_and_say_why() -> None:
    dataset = Dataset(
        name="set",
        documents=(),
        queries=(
            query("right", "one?", x=1), query("second", "two?", x=1, y=2), query("missed", "three?", x=1),
            query("unasked", "four?", x=1), query("none", "five?"),
        ),
    )  # fmt: skip
    asked = [
        ranked("right", "x", "y"), ranked("second", "z", "x", "y"), ranked("missed", "z", confidence=0.1),
        ranked("none", "z", confidence=0.9),
    ]  # fmt: skip
    rows = rows_of(dataset, asked)
    assert [(r.query, r.rank, r.expected, r.first, r.confidence, r.found) for r in rows] == [
        ("unasked", 0, "x", "", None, None),
        ("missed", 0, "x", "z", 0.1, False),
        ("none", 0, "", "z", 0.9, True),
        ("second", 2, "y", "z", 0.5, True),
        ("right", 1, "x", "x", 0.5, True),
    ]
    assert rows[2].values == {}
    means = means_of(rows)
    assert (means["hit@1"].mean, means["hit@1"].questions) == (0.25, 4)
    assert means["MRR@10"].mean == pytest.approx(1.5 / 4)


def test_a_document_beyond_the_first_hundred_has_no_rank() -> None:
    dataset = Dataset(name="set", documents=(), queries=(query("a", d99=1), query("b", d100=1)))
    rows = rows_of(dataset, [ranked("a", *NAMES), ranked("b", *NAMES)])
    assert [(row.query, row.rank, row.values["recall@100"]) for row in rows] == [("b", 0, 0.0), ("a", 100, 1.0)]


def test_evidence_and_passages_are_right_where_an_answer_begins() -> None:
    def shown(document: str, start: int, evidence: int) -> Shown:
        return Shown(
            document=document, start=start, end=start + 40, evidence_start=evidence, evidence_end=evidence + 10,
            evidence="Frogs sing",
        )  # fmt: skip

    def values(answer: int, *passages: Shown) -> tuple[float, ...]:
        spans = (Span(document="x", start=answer, end=answer + 20), Span(document="x", start=900, end=901))
        dataset = Dataset(
            name="set", documents=(), queries=(Query(id="q", text="?", relevant={"x": 1}, answers=spans),)
        )
        asked = Asked(query="q", documents=(("x", 1.0),), confidence=0.5, found=True, passages=passages)
        (row,) = rows_of(dataset, [asked])
        return tuple(row.values[name] for name in ("evidence hit@1", "answer hit@1", "answer hit@5"))

    assert values(10, shown("x", 0, 10)) == (1, 1, 1)
    assert values(19, shown("x", 0, 10)) == (1, 1, 1)
    assert values(20, shown("x", 0, 10)) == (0, 1, 1)
    assert values(40, shown("x", 0, 10)) == (0, 0, 0)
    assert values(45, shown("x", 0, 10), shown("x", 40, 45)) == (0, 0, 1)
    assert values(10, shown("y", 0, 10)) == (0, 0, 0)
    assert values(10) == (0, 0, 0)


def test_abstention_takes_both_halves_together() -> None:
    def half(name: str, relevant: dict[str, int]) -> Dataset:
        queries = (Query(id="a", text="?", relevant=relevant), query("b", x=1), query("c"))
        return Dataset(name=name, documents=(), queries=queries)

    first = half("1", {"x": 1}), [ranked("a", "x", confidence=0.9), ranked("b", "z"), ranked("c", confidence=0.5)]
    second = half("2", {}), [ranked("a", "x", confidence=0.1), ranked("b", "x"), ranked("c", "x", confidence=0.3)]
    found = abstention_of([first, second], 0.4, "near")
    assert (found.holdout, found.answerable, found.unanswerable, found.threshold) == ("near", 3, 3, 0.4)
    assert found.auroc == ((1 + 0.5) / 2 + 1) / 2
    assert found.refused == 0.0
    assert found.let_through == pytest.approx(1 / 3)
    assert found.curve == risk_coverage([0.9, 0.5, 0.5, 0.5, 0.1, 0.3], [True, False, True, False, False, False])


def report(**rankings: str) -> Report:
    """Return the report of a run that ranks one document for each query."""
    dataset = Dataset(name="set", documents=(), queries=tuple(query(ident, x=1) for ident in rankings))
    return score_run(dataset, [ranked(ident, document) for ident, document in rankings.items()]).report


def test_two_runs_on_the_same_questions() -> None:
    here, there = report(a="x", b="x", c="z", d="x"), report(a="x", b="z", c="x", d="z")
    found = {one.measure: one for one in compare(here, there)}
    assert list(found) == list(MEASURES)
    low, high = interval([0.0, 1.0, -1.0, 1.0]) or (None, None)
    assert found["hit@1"] == Comparison(
        measure="hit@1", mean=0.75, other=0.5, difference=0.25, low=low, high=high, p=1.0, wins=2, ties=1, losses=1
    )


def test_two_runs_that_can_not_be_compared(tmp_path: Path) -> None:
    here = report(a="x", b="x")
    with pytest.raises(SeedQAError) as error:
        compare(here, report(a="x", c="x"))
    assert str(error.value) == (
        "the two runs were not asked the same: 2 questions are in one only, first 'b'; compare runs of one data set"
    )
    other = Dataset(name="set", documents=(), queries=(query("a", x=1), query("b", "Other?", x=1)))
    with pytest.raises(SeedQAError) as error:
        compare(here, score_run(other, []).report)
    assert str(error.value) == (
        "the two runs were not asked the same: 1 question has other words, first 'b'; compare runs of one data set"
    )
    path = tmp_path / "report.json"
    path.write_text(here.to_json(), "utf-8")
    assert read_report(path) == here
    path.write_text(replace(here, format=2).to_json(), "utf-8")
    with pytest.raises(SeedQAError) as error:
        read_report(path)
    assert str(error.value) == f"{path} has format 2, expected 1; evaluate that run again"
    path.write_text("[]", "utf-8")
    with pytest.raises(SeedQAError, match="is not a report that qa eval --json or --out wrote"):
        read_report(path)


def test_a_run_that_was_made_elsewhere() -> None:
    dataset = Dataset(name="set", documents=(), queries=(query("a", x=1), query("b", x=1)))
    found = score_run(dataset, [ranked("a", "x"), ranked("z", "x")]).report
    assert found.notes == (
        "1 question is not in the run and scores 0",
        "1 question of the run is not in the data set",
    )
    assert found.measures["hit@1"] == Mean(mean=0.5, low=0.0, high=1.0, questions=2)
    assert (found.ranking, found.model, found.snapshot, found.abstention) == ("run", "", "", ())
