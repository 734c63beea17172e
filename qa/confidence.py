"""How sure an answer is: a logistic function of three things that a reader can check.

    strength   = 0.0776 · closeness + 0.4 · in_passage + 0.2 · in_evidence
    confidence = 1 / (1 + exp(−(SCALE · strength + OFFSET)))

The weights within ``strength`` were set by hand; SCALE, OFFSET and THRESHOLD come from benchmarks/fit_confidence.py,
which fits them on FAQs of Debian packages and never on the set whose error rates are shown. docs/confidence.md has
the data, the fit and the figures. An index can have values of its own (qa/calibration.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

CLOSENESS, IN_PASSAGE, IN_EVIDENCE = 0.0776, 0.4, 0.2

THRESHOLD = 0.3
"""Answers below this confidence are "not found"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The logistic function that turns strength into confidence."""

    scale: float
    """Above 0: the stronger, the surer."""
    offset: float

    def at(self, strength: float) -> float:
        """Return the confidence at a strength: 0 to 1, rising."""
        exponent = max(-700.0, min(700.0, -(self.scale * strength + self.offset)))  # exp overflows beyond
        return round(1 / (1 + math.exp(exponent)), 6)


SHIPPED = Curve(scale=8.5, offset=-6.9)
"""In force wherever an index has no calibration of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRates:
    """What a threshold does to questions whose answer is known to be in an index or not; shares, 0 to 1."""

    threshold: float
    missed: float
    """Of answerable questions, those refused."""
    near: float
    """Of unanswerable questions on a topic that the index knows, those let through."""
    far: float | None
    """Of unanswerable questions on other topics, those let through; nothing where that was not measured."""


MEASURED = tuple(
    ErrorRates(threshold=threshold, missed=missed, near=near, far=far)
    for threshold, missed, near, far in (
        (0.05, 0.003, 0.651, 0.233),
        (0.1, 0.010, 0.464, 0.087),
        (0.15, 0.018, 0.350, 0.050),
        (0.2, 0.029, 0.281, 0.027),
        (0.25, 0.040, 0.220, 0.019),
        (0.3, 0.047, 0.187, 0.014),
        (0.35, 0.059, 0.163, 0.012),
        (0.4, 0.071, 0.143, 0.008),
        (0.45, 0.077, 0.122, 0.008),
        (0.5, 0.100, 0.098, 0.008),
        (0.55, 0.119, 0.080, 0.005),
        (0.6, 0.144, 0.057, 0.003),
        (0.65, 0.173, 0.042, 0.003),
        (0.7, 0.203, 0.032, 0.003),
        (0.75, 0.241, 0.025, 0.001),
        (0.8, 0.301, 0.014, 0.001),
        (0.85, 0.387, 0.010, 0.000),
        (0.9, 0.500, 0.006, 0.000),
        (0.95, 0.669, 0.003, 0.000),
    )
)
"""Measured on XQuAD by benchmarks/fit_confidence.py (docs/confidence.md), on 1,190 questions for each column."""


def error_rates(threshold: float, measured: Sequence[ErrorRates] = MEASURED) -> ErrorRates:
    """Return the measured rates at the threshold nearest to the one given."""
    return min(measured, key=lambda rates: abs(rates.threshold - threshold))


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


def confidence(signals: Signals, curve: Curve = SHIPPED) -> float:
    """Return the probability that the passage answers the question: 0 to 1."""
    return curve.at(strength(signals))
