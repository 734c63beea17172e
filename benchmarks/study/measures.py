"""What a ranking is worth, question by question, and how sure a difference between two is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.study.passages import Cut
from benchmarks.study.sets import StudyQuestion, StudySet
from index.encode import FloatArray

RESAMPLES = 5_000
FigureArray = NDArray[np.float64]


def figures(found: StudySet, cut: Cut, scores: FloatArray) -> FigureArray:
    """Return the set's measure for each question, 0 to 1, from the scores of all passages."""
    scores = np.round(scores, 6)
    if found.measure == "recall@5":
        best = np.argsort(-scores, axis=1, kind="stable")[:, :5]
        return np.array([_recall(found, cut, q, row) for q, row in zip(found.questions, best, strict=True)])
    held, begins = np.unique(cut.document, return_index=True)
    by_document = np.maximum.reduceat(scores, begins, axis=1)
    best = held[np.argsort(-by_document, axis=1, kind="stable")[:, :10]]
    return np.array([_gain(found, q, row.tolist()) for q, row in zip(found.questions, best, strict=True)])


def _recall(found: StudySet, cut: Cut, question: StudyQuestion, rows: NDArray[np.int64]) -> float:
    """Return the share of the reference ranges' characters that the passages hold."""
    reference = {at for start, end in question.spans for at in range(start, end)}
    held: set[int] = set()
    for row in rows.tolist():
        if found.documents[int(cut.document[row])].id in question.relevant:
            passage = cut.passages[row]
            held.update(range(passage.start, passage.end))
    return len(reference & held) / len(reference)


def _gain(found: StudySet, question: StudyQuestion, rows: list[int]) -> float:
    """Return nDCG@10 with linear gains, as trec_eval does (Järvelin and Kekäläinen, 2002)."""
    gains = [question.relevant.get(found.documents[row].id, 0) for row in rows]
    ideal = sorted(question.relevant.values(), reverse=True)[:10]
    return _discounted(gains) / _discounted(ideal)


def _discounted(gains: list[int]) -> float:
    return float(sum(gain / np.log2(place + 1) for place, gain in enumerate(gains, 1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A mean and its difference to the default's on the same questions."""

    mean: float
    low: float
    high: float
    difference: float
    difference_low: float
    difference_high: float

    @property
    def verdict(self) -> str:
        """``better``, ``worse`` or nothing: whether the interval of the difference leaves 0 out."""
        return "better" if self.difference_low > 0 else "worse" if self.difference_high < 0 else ""


def compare(figure: FigureArray, default: FigureArray) -> Compared:
    """Return means with 95 % percentile bootstrap intervals over questions; the seed is fixed (Efron, 1979)."""
    count = len(figure)
    draws = np.random.default_rng(5).multinomial(count, np.full(count, 1 / count), size=RESAMPLES) / count
    low, high = np.percentile(draws @ figure, [2.5, 97.5])
    difference = figure - default
    difference_low, difference_high = np.percentile(draws @ difference, [2.5, 97.5])
    return Compared(
        mean=float(figure.mean()),
        low=float(low),
        high=float(high),
        difference=float(difference.mean()),
        difference_low=float(difference_low),
        difference_high=float(difference_high),
    )
