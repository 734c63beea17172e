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
