"""What an evaluation found: measures with intervals, abstention, and a row for each question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from qa.answer import JsonRecord
from qa.evaluate.abstention import RiskCoverage, auroc, risk_coverage, share_below
from qa.evaluate.ask import Asked
from qa.evaluate.dataset import Dataset, Query, Span
from qa.evaluate.measures import DEPTH, interval, measure

EVIDENCE_HIT, ANSWER_HITS = "evidence hit@1", {"answer hit@1": 1, "answer hit@5": 5}
FORMAT = 1
"""Of a report's JSON; raised whenever an older one could no longer be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How one question fared."""

    query: str
    question: str
    answerable: bool
    rank: int
    """Of the first relevant document, from 1; 0 where none is among the first hundred."""
    values: Mapping[str, float] = field(default_factory=dict)
    """Each measure of it, none where no document answers."""
    confidence: float | None
    found: bool | None
    """None for rankings that know neither."""
    expected: str
    """Id of a relevant document, of the highest grade; empty where no document answers."""
    first: str
    """Id of the document that came first; empty where nothing was found."""
    evidence: str
    """The sentence marked in the first passage; empty for rankings without."""
    trouble: str
    """Why it could not be asked, or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """The mean of a measure over its questions, with the bootstrap interval of 95 %."""

    mean: float
    low: float | None
    high: float | None
    """None where a single question tells nothing of the spread."""
    questions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Abstention:
    """How well "not found" separates questions that the documents answer from others."""

    holdout: str
    """``near`` or ``far``; empty for the questions as the set has them."""
    answerable: int
    unanswerable: int
    auroc: float | None
    """Of the confidence, mean over both halves of a holdout; None where either kind of question is missing."""
    threshold: float
    refused: float | None
    """Share of answerable questions below the threshold."""
    let_through: float | None
    """Share of unanswerable questions not below it; None where there are none."""
    curve: RiskCoverage
    """An answer is wrong where its first document is not relevant, and to every unanswerable question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One measure of two runs on the same questions."""

    measure: str
    mean: float
    other: float
    """Mean of the earlier run."""
    difference: float
    """Above 0 where this run is better."""
    low: float | None
    high: float | None
    """Bootstrap interval of the difference, 95 %."""
    p: float
    """Chance of so large a difference, either way, if the two runs were interchangeable on every question."""
    wins: int
    ties: int
    losses: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(JsonRecord):
    """One evaluation of one data set."""

    format: int = FORMAT
    dataset: str
    drafted: bool
    """The questions were drafted by rules; a note tells how many of them nobody has reviewed."""
    ranking: str
    """``default``, another one of the command's, or ``run`` for one that was only scored."""
    model: str
    """With precision and backend; empty for a run that was only scored, and for words alone."""
    snapshot: str
    """Of the index asked; empty without one."""
    documents: int
    questions: int
    unanswerable: int
    """Of these, those that no document answers; the measures are means over the others."""
    measures: Mapping[str, Mean]
    abstention: tuple[Abstention, ...]
    """Empty for rankings without confidence."""
    notes: tuple[str, ...]
    rows: tuple[Row, ...]
    """The worst first."""
    compared: tuple[Comparison, ...] = ()
    """With an earlier run on the same questions."""


def rows_of(dataset: Dataset, asked: Sequence[Asked]) -> tuple[Row, ...]:
    """Return a row for each query, the worst first: by nDCG, then rank, then confidence; the refused before others.

    An unanswerable question is the worse, the higher its confidence. ``asked`` may be in any order and lack some.
    """
    by_query = {one.query: one for one in asked}
    rankings = {one.query: [ident for ident, _ in one.documents] for one in asked}
    values = measure(dataset.queries, rankings)
    rows = [_row(query, by_query.get(query.id, Asked(query=query.id)), values) for query in dataset.queries]
    return tuple(sorted(rows, key=_goodness))


def _row(query: Query, asked: Asked, values: Mapping[str, Mapping[str, float]]) -> Row:
    places = [at for at, (ident, _) in enumerate(asked.documents[:DEPTH], 1) if ident in query.relevant]
    return Row(
        query=query.id,
        question=query.text,
        answerable=bool(query.relevant),
        rank=places[0] if places else 0,
        values={**values.get(query.id, {}), **_spoken(query, asked)},
        confidence=asked.confidence,
        found=asked.found,
        expected=max(query.relevant, key=lambda ident: query.relevant[ident], default=""),
        first=asked.documents[0][0] if asked.documents else "",
        evidence=asked.passages[0].evidence if asked.passages else "",
        trouble=asked.trouble,
    )


def _spoken(query: Query, asked: Asked) -> dict[str, float]:
    """Return whether evidence and passages hold the beginning of an answer, where the set says where that is."""
    if not query.answers or asked.confidence is None:
        return {}
    best = asked.passages[:1]
    evidence = any(_holds(s, p.document, p.evidence_start, p.evidence_end) for p in best for s in query.answers)
    hits = {
        name: any(_holds(s, p.document, p.start, p.end) for p in asked.passages[:k] for s in query.answers)
        for name, k in ANSWER_HITS.items()
    }
    return {EVIDENCE_HIT: float(evidence), **{name: float(hit) for name, hit in hits.items()}}


def _holds(answer: Span, document: str, start: int, end: int) -> bool:
    return answer.document == document and start <= answer.start < end


def _goodness(row: Row) -> tuple[float, float, bool, float, str]:
    confidence = row.confidence or 0.0
    if not row.answerable:
        return 1 - confidence, 0.0, not row.found, 1 - confidence, row.query
    return row.values["nDCG@10"], 1 / row.rank if row.rank else 0.0, bool(row.found), confidence, row.query


def means_of(rows: Sequence[Row]) -> dict[str, Mean]:
    """Return the mean of each measure over the rows that have it."""
    columns: dict[str, list[float]] = {}
    for row in sorted(rows, key=lambda row: row.query):  # the interval must not depend on how rows are sorted
        for name, value in row.values.items():
            columns.setdefault(name, []).append(value)
    means = {}
    for name, values in columns.items():
        low, high = interval(values) or (None, None)
        means[name] = Mean(mean=sum(values) / len(values), low=low, high=high, questions=len(values))
    return means


def abstention_of(halves: Sequence[tuple[Dataset, Sequence[Asked]]], threshold: float, holdout: str = "") -> Abstention:
    """Return what the confidence is worth on one data set, or on both halves of a holdout taken together.

    Every query of a half has been asked of it and has a confidence; there is at least one.
    """
    yes: list[float] = []
    no: list[float] = []
    right: list[bool] = []
    areas: list[float | None] = []
    for dataset, asked in halves:
        by_query = {one.query: one for one in asked}
        pairs = [(query, by_query[query.id]) for query in dataset.queries]
        answered = [one.confidence or 0.0 for query, one in pairs if query.relevant]
        other = [one.confidence or 0.0 for query, one in pairs if not query.relevant]
        areas.append(auroc(answered, other))
        right += [one.documents[:1] != () and one.documents[0][0] in q.relevant for q, one in pairs if q.relevant]
        yes += answered
        no += other
    known = [area for area in areas if area is not None]
    below = share_below(no, threshold)
    return Abstention(
        holdout=holdout,
        answerable=len(yes),
        unanswerable=len(no),
        auroc=sum(known) / len(known) if known else None,
        threshold=threshold,
        refused=share_below(yes, threshold),
        let_through=None if below is None else 1 - below,
        curve=risk_coverage([*yes, *no], [*right, *[False] * len(no)]),
    )
