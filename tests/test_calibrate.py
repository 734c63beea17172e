"""Fitting a calibration: questions drawn by rules, trials with the answer held out, the figures, and the verdict."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from index import build
from index.encode import Encoder
from index.layout import IndexPaths
from index.snapshot import open_current
from qa.calibrate.fit import BOUNDS, Fitted, fit, fit_curve
from qa.calibrate.measure import auroc_interval, choose, error_table, reliability
from qa.calibrate.questions import drawn_questions, other_words, question_of
from qa.calibrate.run import calibrate_labelled, calibration_of, votes_dataset
from qa.calibrate.trials import Asker, Trial, drawn_trials, labelled_trials
from qa.confidence import SHIPPED, ErrorRates, Signals, strength
from qa.evaluate.corpus import indexed
from qa.evaluate.dataset import Dataset, Document, Query
from qa.feedback import Judgement
from tests.fakes import HashEncoder

STATEMENT = "The old bridge carries two lanes across the river and opened in 1902 after long works."


def rarity(term: str) -> float:
    return float(len(term))


def test_a_question_lacks_its_answer_and_says_some_words_otherwise() -> None:
    others = {"old": "ancient", "bridge": "viaduct", "lanes": "tracks", "river": "stream", "works": "labour",
              "carries": "holds", "opened": "began", "long": "tedious", "across": "over"}  # fmt: skip
    question = question_of(STATEMENT, "en", rarity, others)
    words = question.rstrip("?").split()
    assert question == question_of(STATEMENT, "en", rarity, others)
    assert (words[:2], question[-1], "1902" in question) == (["How", "many"], "?", False)
    said = set(words[2:])
    kept = said & set(STATEMENT.rstrip(".").split()) - {"The", "the", "and", "in", "after"}
    exchanged = said & set(others.values())
    assert (len(kept) >= 4, len(exchanged) >= 2) == (True, True)
    assert {others[word] for word in kept & others.keys()} & exchanged == set()


@pytest.mark.parametrize(
    ("statement", "answer"),
    [
        ("The committee met in Geneva Old Town before the members voted on it.", "Geneva Old Town"),
        ("The committee met before the parliamentarians voted on it yesterday.", "parliamentarians"),
    ],
)
def test_the_answer_is_a_name_or_else_the_rarest_word(statement: str, answer: str) -> None:
    question = question_of(statement, "en", rarity, {})
    assert (question.startswith("What "), set(answer.split()) & set(question.rstrip("?").split())) == (True, set())


@pytest.mark.parametrize("statement", ["Too short.", "It is what it is, and so it is with us.", "word " * 50])
def test_what_says_too_little_or_too_much_is_not_asked(statement: str) -> None:
    assert question_of(statement, "en", rarity, {}) == ""


@given(st.text(max_size=200))
def test_any_text_gives_a_question_or_none(text: str) -> None:
    question = question_of(text, "en", rarity, {})
    assert not question or question.endswith("?")


def test_another_word_is_near_in_meaning_and_no_form_of_it(real_encoder: Encoder) -> None:
    stems = {"guarantee": "guarante", "guarantees": "guarante", "warranty": "warranti", "river": "river",
             "stream": "stream"}  # fmt: skip
    found = other_words(dict(sorted(stems.items())), real_encoder)
    assert (found["guarantee"], found["guarantees"], found["warranty"]) == ("warranty", "warranty", "guarantee")
    assert (found["river"], found["stream"]) == ("stream", "river")
    assert other_words({"alone": "alon"}, real_encoder) == {}


def test_drawn_questions_are_asked_with_their_passage_and_without(shipped_index: Path, real_encoder: Encoder) -> None:
    with open_current(IndexPaths(shipped_index)) as snapshot:
        drawn = drawn_questions(snapshot, real_encoder, 20)
        assert len({question.passage for question in drawn}) == len(drawn) == 20
        trials = drawn_trials(snapshot, real_encoder, 20)
        asker = Asker(snapshot, real_encoder)
        for question, trial in zip(drawn, trials, strict=True):
            first = snapshot.store.first_sentences[question.passage]
            assert first <= question.sentence < first + snapshot.store.sentence_counts[question.passage]
            assert (trial.question, [trial.answered]) == (question.text, asker.signals(question.text))
            assert trial.group == snapshot.store.document(int(snapshot.store.passage_documents[question.passage])).path
        nothing = np.zeros(len(snapshot.store.first_sentences), dtype=np.bool_)
        assert asker.signals("What is a snapshot?", (nothing,)) == [None]
        assert asker.signals("???", (None, nothing)) == [None, None]
    strengths = [[strength(s) for s in (t.answered, t.near, t.far) if s] for t in trials]
    means = np.mean([found for found in strengths if len(found) == 3], axis=0)
    assert means[0] - means[1] > 0.3
    assert means[1] >= means[2]


def test_a_passage_that_says_the_same_is_held_out_too(tmp_path: Path, real_encoder: Encoder) -> None:
    body = "The ferry to the northern island leaves the small harbour at seven every morning in summer."
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "a.txt").write_text(f"{body}\n\nTickets are sold on board by the crew.\n", "utf-8")
    (tmp_path / "seeds" / "b.txt").write_text(f"A notice on the pier says this.\n\n{body}\n", "utf-8")
    build(tmp_path / "seeds", tmp_path / "index", real_encoder)
    with open_current(IndexPaths(tmp_path / "index")) as snapshot:
        drawn = drawn_questions(snapshot, real_encoder, 10)
        trials = drawn_trials(snapshot, real_encoder, 10)
        asked_of = [question.sentence for question in drawn]
        spoken = [
            stored.sentence_text(s) for stored in snapshot.store.passages([0, 1]) for s in stored.passage.sentences
        ]
        near = [trial.near for trial, at in zip(trials, asked_of, strict=True) if spoken[at] == body]
    assert near
    assert near == [None] * len(near)


POND = "Frogs live in the pond behind the garden wall. They sing at night in spring."
ROSES = "Roses grow along the southern wall. They are cut back in March."
MILL = "The mill grinds rye for the bakers of the valley. Its wheel turns day and night."
LABELLED = Dataset(
    name="small",
    documents=(
        Document(id="pond", text=POND, group="garden"),
        Document(id="roses", text=ROSES, group="garden"),
        Document(id="mill", text=MILL, group="valley"),
        Document(id="dam", text="The dam holds the water of the valley back for the wheel.", group="valley"),
    ),
    queries=(
        Query(id="1", text="Where do frogs live?", relevant={"pond": 1}),
        Query(id="2", text="What does the mill grind?", relevant={"mill": 1}),
        Query(id="3", text="Who flew to the moon?", relevant={}),
    ),
)


def test_labelled_questions_are_held_out_by_document_and_by_group(tmp_path: Path, encoder: HashEncoder) -> None:
    indexed(LABELLED, tmp_path, encoder).close()
    with open_current(IndexPaths(tmp_path)) as snapshot:
        trials = labelled_trials(LABELLED, snapshot, encoder)
        asker = Asker(snapshot, encoder)
        names = [snapshot.store.document(int(row)).path for row in snapshot.store.passage_documents]

        def without(question: str, *left_out: str) -> Signals | None:
            return asker.signals(question, (np.array([name not in left_out for name in names]),))[0]

        frogs, mill, moon = (query.text for query in LABELLED.queries)
        assert trials == [
            Trial(question=frogs, group="garden", answered=without(frogs), near=without(frogs, "pond"),
                  far=without(frogs, "pond", "roses")),
            Trial(question=mill, group="valley", answered=without(mill), near=without(mill, "mill"),
                  far=without(mill, "mill", "dam")),
            Trial(question=moon, group="3", answered=None, near=without(moon), far=None),
        ]  # fmt: skip


def test_a_relevant_document_without_words_is_passed_over(tmp_path: Path, encoder: HashEncoder) -> None:
    empty = Document(id="empty", text=" ", group="nowhere")
    frogs = Query(id="1", text="Where do frogs live?", relevant={"pond": 1, "empty": 1})
    dataset = replace(LABELLED, documents=(*LABELLED.documents, empty), queries=(frogs,))
    indexed(dataset, tmp_path, encoder).close()
    with open_current(IndexPaths(tmp_path)) as snapshot:
        assert snapshot.store.by_path("empty") is None
        (trial,) = labelled_trials(dataset, snapshot, encoder)
        (expected,) = labelled_trials(replace(LABELLED, queries=LABELLED.queries[:1]), snapshot, encoder)
    assert trial == expected


def test_a_set_whose_documents_are_in_the_index_is_asked_of_it(tmp_path: Path, encoder: HashEncoder) -> None:
    (tmp_path / "seeds").mkdir()
    for name, text in (("pond", POND), ("roses", ROSES), ("mill", MILL)):
        (tmp_path / "seeds" / name).with_suffix(".txt").write_text(text, "utf-8")
    build(tmp_path / "seeds", tmp_path / "index", encoder)
    votes = votes_dataset(
        [
            Judgement(question="Where do frogs live?", useful=True, path="pond.txt", link="", evidence="",
                      quote_sha256="", snapshot="", at=""),
            Judgement(question="Who sings?", useful=False, path="mill.txt", link="", evidence="",
                      quote_sha256="", snapshot="", at=""),
        ]
    )  # fmt: skip
    with open_current(IndexPaths(tmp_path / "index")) as snapshot:
        report = calibrate_labelled(votes, snapshot, encoder, 0.1)
        assert (report.snapshot, report.fitted_on) == (snapshot.id, "the judgements of its readers")
        other = calibrate_labelled(LABELLED, snapshot, encoder, 0.1)
        assert (other.snapshot == snapshot.id, other.fitted.questions, other.fitted.unanswerable) == (False, 2, 3)
    verdict = "too few questions: 1 of the rarer kind, 50 are needed"
    assert (report.fitted.verdict, calibration_of(report, "2026")) == (verdict, None)


def test_error_rates_by_hand() -> None:
    answered, near, far = np.array([0.2, 0.5, 0.9, 0.9]), np.array([0.1, 0.5]), np.array([0.05])
    assert error_table(answered, near, far, (0.1, 0.5, 0.6)) == (
        ErrorRates(threshold=0.1, missed=0.0, near=1.0, far=0.0),
        ErrorRates(threshold=0.5, missed=0.25, near=0.5, far=0.0),
        ErrorRates(threshold=0.6, missed=0.5, near=0.0, far=0.0),
    )
    assert error_table(answered, near, np.array([]), (0.1,))[0].far is None


def test_the_threshold_has_the_fewest_errors_of_those_allowed() -> None:
    table = [
        ErrorRates(threshold=0.1, missed=0.0, near=0.6, far=0.1),
        ErrorRates(threshold=0.2, missed=0.05, near=0.3, far=0.1),
        ErrorRates(threshold=0.3, missed=0.1, near=0.25, far=0.1),
        ErrorRates(threshold=0.4, missed=0.2, near=0.0, far=0.0),
    ]
    assert choose(table, 0.1) == table[1]  # a tie goes to the lower
    assert choose(table, 0.2) == table[3]
    assert choose(table[1:], 0.01) is None


def test_reliability_agrees_with_scikit_learn() -> None:
    random = np.random.default_rng(3)
    answered, other = random.beta(4, 2, 500), random.beta(2, 5, 500)
    bins = [found for found in reliability(answered, other) if found.questions]
    truth = np.concatenate((np.ones(500), np.zeros(500)))
    shares, means = calibration_curve(truth, np.concatenate((answered, other)), n_bins=10)
    assert [found.answerable for found in bins] == pytest.approx(shares, abs=1e-4)
    assert [found.confidence for found in bins] == pytest.approx(means, abs=1e-4)
    assert sum(found.questions for found in bins) == 1000


def test_reliability_weighs_both_kinds_alike() -> None:
    bins = reliability(np.array([0.05]), np.array([0.05, 0.05, 0.95, 0.95]))
    assert (bins[0].questions, bins[0].answerable, bins[9].answerable, bins[5].answerable) == (3, 0.6667, 0.0, None)


def test_the_interval_draws_groups_and_holds_the_auroc_of_scikit_learn() -> None:
    random = np.random.default_rng(5)
    positive, negative = random.normal(1, 1, 200), random.normal(0, 1, 200)
    groups = [f"{at % 20}" for at in range(200)]
    found = auroc_interval(positive, negative, (groups, groups))
    truth = np.concatenate((np.ones(200), np.zeros(200)))
    assert found is not None
    assert found.value == round(float(roc_auc_score(truth, np.concatenate((positive, negative)))), 4)
    assert found.low < found.value < found.high
    assert auroc_interval(positive, np.array([]), (groups, [])) is None


def test_the_curve_is_that_of_scikit_learn() -> None:
    random = np.random.default_rng(7)
    positive, negative = random.normal(1.0, 0.3, 300), random.normal(0.5, 0.3, 100)
    curve = fit_curve(positive, negative)
    model = LogisticRegression(C=1e4, class_weight="balanced").fit(
        np.concatenate((positive, negative))[:, None], np.repeat([1, 0], [300, 100])
    )
    for at in (0.2, 0.7, 1.3):
        assert curve.at(at) == pytest.approx(model.predict_proba([[at]])[0, 1], abs=1e-3)


def signals(value: float) -> Signals:
    """Return signals of that strength."""
    return Signals(closeness=0.0, in_passage=value / 0.6, in_evidence=value / 0.6)


def made(count: int, gap: float, groups: int = 20) -> list[Trial]:
    random = np.random.default_rng(11)
    return [
        Trial(
            question=f"question {at}?",
            group=f"{at % groups}",
            answered=signals(0.6 + gap + random.normal(0, 0.15)),
            near=signals(0.6 + random.normal(0, 0.15)),
            far=signals(0.3 + random.normal(0, 0.1)),
        )
        for at in range(count)
    ]


def test_a_labelled_set_that_separates_gives_curve_and_threshold() -> None:
    found = fit(made(200, 0.5), "labelled")
    assert (found.verdict, found.questions, found.unanswerable) == ("", 200, 200)
    assert found.curve.scale > 10
    assert found.chosen is not None
    assert found.near is not None
    assert (found.chosen.missed <= 0.1, found.chosen.near < 0.1, found.near.low > 0.95) == (True, True, True)
    assert found.risk_coverage is not None
    assert math.isclose(found.risk_coverage.risk[-1], 0.5)


def test_drawn_questions_choose_a_threshold_within_bounds_and_leave_the_curve() -> None:
    for gap in (0.3, 0.5, 1.5):
        found = fit(made(200, gap), "drawn")
        assert found.curve == SHIPPED
        assert found.chosen is not None
        assert BOUNDS[0] <= found.chosen.threshold <= BOUNDS[1]


def test_figures_come_from_fits_that_have_not_seen_the_group() -> None:
    """One group whose answers look like everybody else's near misses: a fit with it would be surer of it."""
    odd = [Trial(question=f"odd {at}?", group="odd", answered=signals(0.5), near=signals(1.2), far=None)
           for at in range(60)]  # fmt: skip
    alone, mixed = fit(made(200, 0.5), "labelled"), fit([*made(200, 0.5), *odd], "labelled")
    assert alone.chosen is not None
    assert next(row.near for row in mixed.rates if row.threshold == 0.5) > 60 / 260 * 0.95
    assert mixed.curve.scale < alone.curve.scale


def test_questions_of_one_group_are_judged_by_fits_that_have_not_seen_them() -> None:
    trials = made(200, 0.5, groups=1)
    alone = [replace(trial, group=trial.question) for trial in trials]
    assert fit(trials, "labelled") == fit(alone, "labelled")


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (fit([], "drawn"), "too few questions: 0 of the rarer kind, 50 are needed"),
        (fit(made(49, 1.0), "labelled"), "too few questions: 49 of the rarer kind, 50 are needed"),
    ],
)
def test_few_questions_decide_nothing(found: Fitted, verdict: str) -> None:
    assert found.verdict == verdict


def test_what_does_not_separate_is_told() -> None:
    found = fit(made(200, 0.05), "labelled")
    assert found.near is not None
    low, value, high = found.near.low, found.near.value, found.near.high
    assert found.verdict == (
        f"not separable here: the near-topic AUROC is {value:.3f} (95 % interval {low:.3f} to {high:.3f}), "
        "and its interval must begin at 0.75 or above"
    )
    assert fit(made(200, 0.3), "labelled", 0.0).verdict.startswith("not separable here: ")
