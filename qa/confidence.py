"""How sure an answer is: a logistic model of three things that a reader can check.

The weights were fitted by benchmarks/fit_confidence.py on questions asked with and without the passages
that answer them; docs/confidence.md has the data, the fit and the error rates of the threshold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What the confidence in a passage rests on."""

    closeness: float
    """Cosine of the question and the nearest sentence, in standard deviations above that of unrelated ones."""
    in_passage: float
    """Share of the question's words in the passage, its title and headings, weighed by idf: 0 to 1."""
    in_evidence: float
    """The same for the evidence sentence alone."""


BIAS = -6.0
CLOSENESS = 0.5
IN_PASSAGE = 2.5
IN_EVIDENCE = 1.2

THRESHOLD = 0.5
"""Answers below this confidence are "not found"."""


def confidence(signals: Signals) -> float:
    """Return the probability that the passage answers the question: 0 to 1."""
    logit = BIAS + CLOSENESS * signals.closeness + IN_PASSAGE * signals.in_passage + IN_EVIDENCE * signals.in_evidence
    return round(1 / (1 + math.exp(-logit)), 6)
