"""What a confidence does to questions whose answer is known to be there or not: pure functions over arrays.

Arrays of confidences have shape (questions,), float64, 0 to 1. Answerable questions are positives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.calibration import Interval
from qa.confidence import ErrorRates
from qa.evaluate.abstention import auroc

Values = NDArray[np.float64]
THRESHOLDS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
"""At which error rates are told, and among which a threshold is chosen."""
BINS = 10
RESAMPLED = 500
"""Times that questions are drawn anew for an interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Questions whose confidence lies in a tenth of the scale."""

    low: float
    high: float
    questions: int
    confidence: float | None
    """Mean; nothing where there is no question."""
    answerable: float | None
    """Share, with answerable and unanswerable questions given the same weight in all; nothing as above."""


def auroc_interval(positive: Values, negative: Values, groups: tuple[Sequence[str], Sequence[str]]) -> Interval | None:
    """Return the AUROC with the 2.5 and 97.5 percentiles of bootstraps that draw whole groups.

    ``groups`` has the group of each positive and of each negative: questions on one document, and both askings of
    one question, are not independent. The draws are the same every time. Nothing where either side is empty.
    """
    names = sorted({*groups[0], *groups[1]})
    number = {name: row for row, name in enumerate(names)}
    of_positive = np.array([number[name] for name in groups[0]], dtype=np.int64)
    of_negative = np.array([number[name] for name in groups[1]], dtype=np.int64)
    random = np.random.default_rng(0)
    found = []
    for _ in range(RESAMPLED):
        weights = np.bincount(random.integers(len(names), size=len(names)), minlength=len(names))
        above, below = np.repeat(positive, weights[of_positive]), np.repeat(negative, weights[of_negative])
        found.append(auroc(above.tolist(), below.tolist()))
    known = [value for value in found if value is not None]
    value = auroc(positive.tolist(), negative.tolist())
    if value is None or not known:
        return None
    low, high = np.percentile(known, (2.5, 97.5)).tolist()
    return Interval(value=round(value, 4), low=round(low, 4), high=round(high, 4))


def error_table(
    answered: Values, near: Values, far: Values | None, thresholds: Sequence[float] = THRESHOLDS
) -> tuple[ErrorRates, ...]:
    """Return what each threshold refuses and lets through; ``far`` may be missing."""
    return tuple(
        ErrorRates(
            threshold=threshold,
            missed=round(float((answered < threshold).mean()), 4),
            near=round(float((near >= threshold).mean()), 4),
            far=round(float((far >= threshold).mean()), 4) if far is not None and len(far) else None,
        )
        for threshold in thresholds
    )


def choose(table: Sequence[ErrorRates], refuse_at_most: float) -> ErrorRates | None:
    """Return the row with the fewest errors, missed and near added, of those that refuse no more than allowed.

    The lowest threshold wins a tie. Nothing where every row refuses more.
    """
    allowed = [rates for rates in table if rates.missed <= refuse_at_most]
    return min(allowed, key=lambda rates: (round(rates.missed + rates.near, 6), rates.threshold), default=None)


def reliability(answered: Values, unanswerable: Values) -> tuple[Bin, ...]:
    """Return ten bins of equal width, with both kinds of question weighed alike."""
    confidence = np.concatenate((answered, unanswerable))
    truth = np.concatenate((np.ones(len(answered)), np.zeros(len(unanswerable))))
    weights = np.where(truth > 0, 0.5 / max(1, len(answered)), 0.5 / max(1, len(unanswerable)))
    place = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    bins = []
    for at in range(BINS):
        here = place == at
        total = float(weights[here].sum())
        bins.append(
            Bin(
                low=at / BINS,
                high=(at + 1) / BINS,
                questions=int(here.sum()),
                confidence=round(float((weights * confidence)[here].sum() / total), 4) if total else None,
                answerable=round(float((weights * truth)[here].sum() / total), 4) if total else None,
            )
        )
    return tuple(bins)
