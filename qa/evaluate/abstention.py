"""Whether the confidence tells questions that the documents answer from others: pure functions over arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskCoverage:
    """How often an answer is wrong when only the most confident ones are given.

    Where several have the same confidence they are given together, so the curve has one point for each confidence.
    """

    coverage: tuple[float, ...]
    """Share of questions answered, rising to 1."""
    risk: tuple[float, ...]
    """Share of these whose first document is not relevant."""
    area: float
    """Under the curve: mean risk over all numbers of answered questions, 0 to 1, lower is better."""


def auroc(answerable: Sequence[float], unanswerable: Sequence[float]) -> float | None:
    """Return the chance that an answerable question has the higher confidence, ties counted half.

    That is the area under the ROC curve, from the statistic of Mann and Whitney (1947) over the number of pairs;
    None where either side is empty.
    """
    if not answerable or not unanswerable:
        return None
    pairs = len(answerable) * len(unanswerable)
    return float(stats.mannwhitneyu(answerable, unanswerable, method="asymptotic").statistic) / pairs


def risk_coverage(confidences: Sequence[float], right: Sequence[bool]) -> RiskCoverage:
    """Return the risk-coverage curve of answers given in the order of their confidence; there is at least one.

    Among equal confidences every order is equally likely, so each counts with their mean error. (El-Yaniv and
    Wiener, "On the Foundations of Noise-free Selective Classification", 2010.)
    """
    confidence = np.asarray(confidences, dtype=np.float64)
    wrong: NDArray[np.float64] = 1.0 - np.asarray(right, dtype=np.float64)
    _, group = np.unique(-confidence, return_inverse=True)
    sizes = np.bincount(group)
    means = np.bincount(group, weights=wrong) / sizes
    given = np.arange(1, len(wrong) + 1)
    risks = np.cumsum(np.repeat(means, sizes)) / given
    ends = np.cumsum(sizes)
    return RiskCoverage(
        coverage=tuple((ends / len(wrong)).tolist()),
        risk=tuple(risks[ends - 1].tolist()),
        area=float(risks.mean()),
    )


def share_below(confidences: Sequence[float], threshold: float) -> float | None:
    """Return the share of questions refused at a threshold, None without questions."""
    return sum(value < threshold for value in confidences) / len(confidences) if confidences else None
