"""How well an index finds the passages that readers judged useful.

A judged passage is recognised in a result of the same path by the hash of its quote, or else by its evidence
sentence within the result's quote, so that judgements outlive rebuilds that cut a document differently.

The measures are those of ir_measures (https://ir-measur.es): Success@1, Success@5, RR@10 and nDCG@10, each the
mean over all questions. A useful passage that is not among the results counts as missed, and a question with
no result scores 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ir_measures import RR, Measure, Success, evaluator, nDCG

from index.errors import SeedQAError
from qa.answer import Answer, Result
from qa.citation import quote_digest
from qa.feedback import Judgement

SHOWN = 5
"""Results that are looked at for passages judged not useful."""

_HIT_1, _HIT_5, _RR, _NDCG = Success @ 1, Success @ 5, RR @ 10, nDCG @ 10


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionRow:
    """How one question with a useful passage fared."""

    question: str
    rank: int
    """Of the first useful passage, from 1; 0 where none is among the results."""
    confidence: float
    found: bool
    path: str
    """Of that passage, or of the first one judged useful where none is among the results."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What judgements say of an index. Measures are 0 to 1, higher is better."""

    questions: int
    """With at least one passage judged useful; the measures are means over these."""
    judgements: int
    hit_at_1: float
    """Share of questions with a useful passage in first place."""
    hit_at_5: float
    """Share of questions with a useful passage among the first five."""
    mrr_at_10: float
    """Mean of 1 / rank of the first useful passage, 0 beyond rank 10."""
    ndcg_at_10: float
    """Mean normalised discounted cumulative gain of the first ten; all useful passages count alike."""
    refused: int
    """Questions answered "not found" although a passage was judged useful."""
    rejected_shown: int
    """Passages judged not useful that are still among the first five, also of questions without a useful one."""
    rows: tuple[QuestionRow, ...]
    """One for each question, the worst first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Marked:
    """An answer beside what was judged on its question."""

    question: str
    answer: Answer
    useful: tuple[Judgement, ...]
    marks: tuple[int | None, ...]
    """For each result: 1 for a useful passage, 0 for one judged not useful, None where nobody has judged."""

    @property
    def missed(self) -> int:
        """Useful passages that are not among the results."""
        hits = [result for result, mark in zip(self.answer.results, self.marks, strict=True) if mark]
        return len({(j.path, j.evidence) for j in self.useful if not any(_matches(result, j) for result in hits)})

    def row(self) -> QuestionRow:
        """Return what is reported of the question."""
        place = self.marks.index(1) if 1 in self.marks else -1
        return QuestionRow(
            question=self.question,
            rank=place + 1,
            confidence=self.answer.confidence,
            found=self.answer.found,
            path=self.useful[0].path if place < 0 else self.answer.results[place].citation.source,
        )


def evaluate(search: Callable[[str, int], Answer], judgements: Sequence[Judgement], k: int = 10) -> Evaluation:
    """Ask every judged question for its ``k`` best passages and measure where the judged ones stand.

    ``judgements`` are as ``Feedback.read`` returns them. A ``k`` below 10 limits the measures as well.
    Raises SeedQAError where no passage is judged useful, and what ``search`` raises.
    """
    given = [judgement for judgement in judgements if judgement.useful is not None]
    if not any(judgement.useful for judgement in given):
        raise SeedQAError("no passage is judged useful yet, so there is nothing to measure; mark some that are")
    marked = [
        _mark(question, search(question, k), [j for j in given if j.question == question])
        for question in dict.fromkeys(judgement.question for judgement in given)
    ]
    asked = [case for case in marked if case.useful]
    means = _measure(asked)
    return Evaluation(
        questions=len(asked),
        judgements=len(given),
        hit_at_1=means[_HIT_1],
        hit_at_5=means[_HIT_5],
        mrr_at_10=means[_RR],
        ndcg_at_10=means[_NDCG],
        refused=sum(not case.answer.found for case in asked),
        rejected_shown=sum(case.marks[:SHOWN].count(0) for case in marked),
        rows=tuple(sorted((case.row() for case in asked), key=_goodness)),
    )


def _mark(question: str, answer: Answer, judged: Sequence[Judgement]) -> _Marked:
    return _Marked(
        question=question,
        answer=answer,
        useful=tuple(judgement for judgement in judged if judgement.useful),
        marks=tuple(_standing(result, judged) for result in answer.results),
    )


def _standing(result: Result, judged: Sequence[Judgement]) -> int | None:
    """Return what was judged of a result; a judgement of this very quote counts before one of its evidence."""
    matching = [judgement for judgement in judged if _matches(result, judgement)]
    digest = quote_digest(result.citation.quote)
    deciding = [judgement for judgement in matching if judgement.quote_sha256 == digest] or matching
    return max((int(bool(judgement.useful)) for judgement in deciding), default=None)


def _matches(result: Result, judgement: Judgement) -> bool:
    citation = result.citation
    if citation.source != judgement.path:
        return False
    evidence = judgement.evidence.strip()
    return quote_digest(citation.quote) == judgement.quote_sha256 or (bool(evidence) and evidence in citation.quote)


def _measure(cases: Sequence[_Marked]) -> dict[Measure, float]:
    """Return the mean of each measure, by ir_measures: unjudged results and those judged not useful count as 0."""
    relevance: dict[str, dict[str, int]] = {}
    run: dict[str, dict[str, float]] = {}
    for number, case in enumerate(cases):
        size = len(case.marks)
        relevance[str(number)] = {
            **{f"rank {place}": mark for place, mark in enumerate(case.marks, 1) if mark is not None},
            **{f"missed {place}": 1 for place in range(case.missed)},
        }
        if size:  # falling scores, so that equal ones of the engine keep its order
            run[str(number)] = {f"rank {place}": float(size - place) for place in range(1, size + 1)}
    measures = evaluator([_HIT_1, _HIT_5, _RR, _NDCG], relevance)
    return {measure: float(value) for measure, value in measures.calc_aggregate(run).items()}


def _goodness(row: QuestionRow) -> tuple[float, bool, float]:
    return (1 / row.rank if row.rank else 0.0, row.found, row.confidence)
