"""Measures of an index on judgements: counted by hand, by a second implementation, and with the real model."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index import build
from index.encode import Encoder
from index.errors import SeedQAError
from qa import Index, open_index
from qa.answer import Answer, Citation
from qa.citation import quote_digest
from qa.evaluate.votes import Evaluation, QuestionRow, evaluate
from qa.feedback import Feedback, Judgement, judgement
from tests.conftest import ROOT
from tests.test_export import answer_of, cite
from tests.test_feedback import NOON
from tests.test_search import KNOWN


def passage(name: str, path: str = "a.md") -> Citation:
    """Return a passage of three sentences, of which the middle one is evidence."""
    return cite(f"Before {name}. Here is {name}. After {name}.", f"Here is {name}.", path=path)


def judged(question: str, citation: Citation, *, useful: bool | None = True) -> Judgement:
    answer = answer_of(citation, question=question)
    return judgement(answer.question, answer.results[0].citation, useful, snapshot=answer.snapshot, at=NOON)


def engine(*answers: Answer) -> Callable[[str, int], Answer]:
    """Return a search that knows these answers, cut to k results."""
    known = {answer.question: answer for answer in answers}

    def search(question: str, k: int) -> Answer:
        return replace(known[question], results=known[question].results[:k])

    return search


def test_by_hand() -> None:
    a, b, c, d, e, f = map(passage, "abcdef")
    search = engine(
        answer_of(a, b, c, question="first?"),
        answer_of(d, b, a, question="third?", found=False),
        answer_of(question="nothing?", found=False),
        answer_of(a, b, c, d, e, f, question="sixth?"),
        answer_of(b, a, question="only rejected?"),
    )
    judgements = [
        judged("first?", a),
        judged("first?", b, useful=False),
        judged("third?", a),
        judged("third?", f),
        judged("nothing?", a),
        judged("sixth?", f),
        judged("sixth?", c, useful=None),
        judged("only rejected?", b, useful=False),
        judged("only rejected?", f, useful=False),
    ]
    found = evaluate(search, judgements)
    gains = (1, (1 / 2) / (1 + 1 / math.log2(3)), 0, 1 / math.log2(7))
    assert found.mrr_at_10 == pytest.approx((1 + 1 / 3 + 0 + 1 / 6) / 4)
    assert found.ndcg_at_10 == pytest.approx(sum(gains) / 4)
    assert found == Evaluation(
        questions=4,
        judgements=8,
        hit_at_1=1 / 4,
        hit_at_5=2 / 4,
        mrr_at_10=found.mrr_at_10,
        ndcg_at_10=found.ndcg_at_10,
        refused=2,
        rejected_shown=2,
        rows=(
            QuestionRow(question="nothing?", rank=0, confidence=0.1, found=False, path="a.md"),
            QuestionRow(question="sixth?", rank=6, confidence=0.9, found=True, path="a.md"),
            QuestionRow(question="third?", rank=3, confidence=0.1, found=False, path="a.md"),
            QuestionRow(question="first?", rank=1, confidence=0.9, found=True, path="a.md"),
        ),
    )


def test_only_k_results_count() -> None:
    search = engine(answer_of(*map(passage, "abc"), question="?"))
    for k, rank in ((1, 0), (2, 0), (3, 3), (10, 3)):
        assert evaluate(search, [judged("?", passage("c"))], k).rows[0].rank == rank
    assert evaluate(search, [judged("?", passage("c"))], 2).mrr_at_10 == 0


def test_beyond_the_tenth() -> None:
    search = engine(answer_of(*map(passage, "abcdefghijkl"), question="?"))
    found = evaluate(search, [judged("?", passage("k"))], 20)
    assert (found.hit_at_5, found.mrr_at_10, found.ndcg_at_10, found.rows[0].rank) == (0, 0, 0, 11)


@pytest.mark.parametrize("judgements", [[], [judged("?", passage("a"), useful=False)]])
def test_nothing_to_measure(judgements: Sequence[Judgement]) -> None:
    with pytest.raises(SeedQAError) as caught:
        evaluate(engine(), judgements)
    assert str(caught.value) == ("no passage is judged useful yet, so there is nothing to measure; mark some that are")


def ranks(results: Sequence[Citation], *judgements: Judgement) -> tuple[int, int]:
    """Return the rank of the useful passage and the count of rejected ones."""
    found = evaluate(engine(answer_of(*results, question="?")), judgements)
    return found.rows[0].rank, found.rejected_shown


def test_what_a_judgement_is_recognised_by() -> None:
    one = passage("one")
    useful = judged("?", one)
    longer = cite(f"New words. {one.quote}", one.evidence, path="a.md")
    elsewhere = passage("one", "b.md")
    other_evidence = cite(one.quote, "After one.", path="a.md")
    assert ranks([passage("x"), one], useful) == (2, 0)
    assert ranks([passage("x"), longer], useful) == (2, 0)
    assert ranks([passage("x"), other_evidence], useful) == (2, 0)
    assert ranks([elsewhere, one], useful) == (2, 0)
    assert ranks([elsewhere], useful) == (0, 0)
    assert ranks([passage("x")], replace(useful, evidence="")) == (0, 0)
    assert ranks([passage("x")], replace(useful, evidence=" \n")) == (0, 0)
    assert ranks([one], replace(useful, evidence="")) == (1, 0)


def test_a_passage_that_was_itself_judged_is_what_it_was_judged() -> None:
    one = passage("one")
    longer = cite(f"New words. {one.quote}", one.evidence, path="a.md")
    rejected = judged("?", longer, useful=False)
    assert ranks([longer, one], judged("?", one), rejected) == (2, 1)
    assert ranks([longer], judged("?", one), rejected) == (0, 1)
    two = passage("two")
    found = evaluate(engine(answer_of(two, longer, question="?")), [judged("?", two), judged("?", one), rejected])
    assert found.ndcg_at_10 == pytest.approx(1 / (1 + 1 / math.log2(3)))


def test_a_passage_judged_before_and_after_a_rebuild_is_one() -> None:
    one = passage("one")
    longer = cite(f"New words. {one.quote}", one.evidence, path="a.md")
    both = [judged("?", one), judged("?", longer)]
    for results, ndcg in (([longer], 1.0), ([passage("x"), longer], 1 / math.log2(3)), ([passage("x")], 0.0)):
        assert evaluate(engine(answer_of(*results, question="?")), both).ndcg_at_10 == pytest.approx(ndcg)
    two = passage("two")
    found = evaluate(engine(answer_of(two, question="?")), [*both, judged("?", two)])
    assert found.ndcg_at_10 == pytest.approx(1 / (1 + 1 / math.log2(3)))


def by_hand(useful: Sequence[int], results: Sequence[int]) -> tuple[float, float, float, float]:
    """Return the four measures of one question, from their definitions."""
    gains = [int(one in useful) for one in results[:10]]
    first = gains.index(1) + 1 if 1 in gains else 0
    best = sum(1 / math.log2(place + 1) for place in range(1, min(10, len(useful)) + 1))
    gained = sum(gain / math.log2(place + 1) for place, gain in enumerate(gains, 1))
    return (float(first == 1), float(0 < first <= 5), 1 / first if first else 0.0, gained / best)


CASES = st.lists(
    st.tuples(
        st.lists(st.integers(0, 19), unique=True, max_size=15),
        st.dictionaries(st.integers(0, 24), st.booleans(), max_size=14),
    ),
    min_size=1,
    max_size=6,
)


@settings(deadline=None)  # the first case loads the library that counts
@given(CASES, st.integers(1, 15))
def test_ir_measures_agrees_with_the_definitions(cases: list[tuple[list[int], dict[int, bool]]], k: int) -> None:
    answers, judgements, expected, rejected = [], [], [], 0
    for number, (results, verdicts) in enumerate(cases):
        question = f"question {number}?"
        # all results have the same score, so that only their order tells them apart
        answers.append(answer_of(*(passage(f"p{one}") for one in results), question=question))
        judgements += [judged(question, passage(f"p{one}"), useful=verdict) for one, verdict in verdicts.items()]
        useful = [one for one, verdict in verdicts.items() if verdict]
        rejected += sum(verdicts.get(one) is False for one in results[:k][:5])
        if useful:
            expected.append(by_hand(useful, results[:k]))
    if not expected:
        return
    found = evaluate(engine(*answers), judgements, k)
    means = [sum(column) / len(expected) for column in zip(*expected, strict=True)]
    assert [found.hit_at_1, found.hit_at_5, found.mrr_at_10, found.ndcg_at_10] == pytest.approx(means, abs=1e-9)
    assert (found.questions, found.judgements, found.rejected_shown) == (len(expected), len(judgements), rejected)
    assert len(found.rows) == found.questions
    order = [1 / row.rank if row.rank else 0 for row in found.rows]
    assert order == sorted(order)


def test_the_real_index_before_and_after_a_rebuild(shipped: Index, real_encoder: Encoder, tmp_path: Path) -> None:
    feedback = Feedback(tmp_path)
    for question, _, _ in KNOWN:
        answer = shipped.search(question)
        feedback.add(judgement(answer.question, answer.results[0].citation, True, snapshot=answer.snapshot, at=NOON))
    votes = feedback.read()
    found = evaluate(shipped.search, votes)
    assert (found.questions, found.judgements, found.refused, found.rejected_shown) == (len(KNOWN), len(KNOWN), 0, 0)
    assert (found.hit_at_1, found.hit_at_5, found.mrr_at_10, found.ndcg_at_10) == (1, 1, 1, 1)
    seeds = tmp_path / "seeds"
    shutil.copytree(ROOT / "seeds", seeds)
    changed = seeds / "civilizations/facts.txt"
    changed.write_text("Please note that this sheet was checked twice.\n\n" + changed.read_text("utf-8"), "utf-8")
    build(seeds, tmp_path / "index", real_encoder)
    with open_index(tmp_path / "index", encoder=real_encoder) as opened:
        quotes = {quote_digest(r.citation.quote) for vote in votes for r in opened.search(vote.question).results}
        again = evaluate(opened.search, votes)
    assert {vote.path for vote in votes if vote.quote_sha256 not in quotes} == {"civilizations/facts.txt"}
    assert (again.questions, again.hit_at_1, again.ndcg_at_10) == (len(KNOWN), 1, 1)
    assert [row.rank for row in again.rows] == [1] * len(KNOWN)
