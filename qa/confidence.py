"""How sure an answer is: a logistic function of three things that a reader can check.

    strength   = 0.0776 · closeness + 0.4 · in_passage + 0.2 · in_evidence
    confidence = 1 / (1 + exp(−(SCALE · strength + OFFSET)))

The weights within ``strength`` are those of cosine and coverage in the ranking's own study; SCALE and OFFSET
were fitted by benchmarks/fit_confidence.py. docs/confidence.md has the data, the fit and its error rates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

CLOSENESS, IN_PASSAGE, IN_EVIDENCE = 0.0776, 0.4, 0.2
SCALE, OFFSET = 12.0, -9.7

THRESHOLD = 0.2
"""Answers below this confidence are "not found"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRates:
    """What a threshold does to questions whose answer is known to be in an index or not; shares, 0 to 1."""

    threshold: float
    missed: float
    """Of answerable questions, those refused."""
    near: float
    """Of unanswerable questions on a topic that the index knows, those let through."""
    far: float
    """Of unanswerable questions on other topics, those let through."""


MEASURED = tuple(
    ErrorRates(threshold=threshold, missed=missed, near=near, far=far)
    for threshold, missed, near, far in (
        (0.05, 0.012, 0.441, 0.080),
        (0.1, 0.026, 0.329, 0.039),
        (0.2, 0.043, 0.203, 0.018),
        (0.3, 0.058, 0.164, 0.012),
        (0.4, 0.075, 0.133, 0.007),
        (0.5, 0.095, 0.097, 0.007),
        (0.6, 0.124, 0.072, 0.004),
        (0.7, 0.168, 0.044, 0.002),
        (0.8, 0.220, 0.029, 0.002),
        (0.9, 0.335, 0.010, 0.001),
    )
)
"""Measured on XQuAD by benchmarks/fit_confidence.py (docs/confidence.md), on 1,190 questions for each column."""


def error_rates(threshold: float) -> ErrorRates:
    """Return the measured rates at the threshold nearest to the one given."""
    return min(MEASURED, key=lambda rates: abs(rates.threshold - threshold))


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What the confidence in a passage rests on."""

    closeness: float
    """Cosine of the question and the nearest sentence, in standard deviations above that of unrelated ones."""
    in_passage: float
    """Share of the question's words in the passage, its title and headings, weighed by idf: 0 to 1."""
    in_evidence: float
    """The same for the evidence sentence alone."""


def strength(signals: Signals) -> float:
    """Return the weighted sum of the signals; higher is better, 0.8 is about even."""
    return CLOSENESS * signals.closeness + IN_PASSAGE * signals.in_passage + IN_EVIDENCE * signals.in_evidence


def confidence(signals: Signals) -> float:
    """Return the probability that the passage answers the question: 0 to 1."""
    return round(1 / (1 + math.exp(-(SCALE * strength(signals) + OFFSET))), 6)
