"""Ways to join nearness in meaning with agreement in words: pure functions over (questions, passages)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from index.encode import FloatArray

RRF = 60
"""The constant of reciprocal rank fusion (Cormack, Clarke and Büttcher, 2009)."""


def theoretical(meaning: FloatArray, words: FloatArray, weight: float) -> FloatArray:
    """Return the convex combination over the least that each can be: −1 and 0 (Bruch, Gai and Ingber, 2023)."""
    nearness = (meaning + 1) / (_top(meaning) + 1)
    agreement = words / np.maximum(_top(words), 1e-9)
    return np.asarray(weight * nearness + (1 - weight) * agreement, dtype=np.float32)


def least_most(meaning: FloatArray, words: FloatArray, weight: float) -> FloatArray:
    """Return the convex combination of both, each brought to 0 to 1 by its least and most."""
    return weight * _scaled(meaning) + (1 - weight) * _scaled(words)


def standard(meaning: FloatArray, words: FloatArray, weight: float) -> FloatArray:
    """Return the convex combination of both, each in standard deviations above its mean."""
    return weight * _standard(meaning) + (1 - weight) * _standard(words)


def reciprocal(meaning: FloatArray, words: FloatArray, depth: int, constant: int = RRF) -> FloatArray:
    """Return reciprocal rank fusion of the ``depth`` best of both."""
    return _reciprocal(meaning, depth, constant) + _reciprocal(words, depth, constant)


def comb_mnz(meaning: FloatArray, words: FloatArray, depth: int) -> FloatArray:
    """Return the sum of both, scaled 0 to 1, times in how many of the lists of ``depth`` it is (Fox and Shaw, 1994)."""
    first, second = _among(meaning, depth), _among(words, depth)
    summed = first * _scaled(meaning) + second * _scaled(words)
    return np.asarray(summed * (first.astype(np.float32) + second), dtype=np.float32)


def ranks(scores: FloatArray) -> NDArray[np.int64]:
    """Return the rank of each passage, from 1; ties in the order of passages."""
    order = np.argsort(-scores, axis=1, kind="stable")
    found = np.empty_like(order)
    np.put_along_axis(found, order, np.arange(1, scores.shape[1] + 1)[None, :], axis=1)
    return found


def _reciprocal(scores: FloatArray, depth: int, constant: int) -> FloatArray:
    found = ranks(scores)
    return np.asarray(np.where(_among(scores, depth), 1 / (constant + found), 0), dtype=np.float32)


def _among(scores: FloatArray, depth: int) -> NDArray[np.bool_]:
    """Return which passages a list of ``depth`` would hold; without any word in common none by words."""
    return np.asarray((ranks(scores) <= depth) & (scores != 0))


def _top(scores: FloatArray) -> FloatArray:
    return np.asarray(scores.max(axis=1, keepdims=True), dtype=np.float32)


def _scaled(scores: FloatArray) -> FloatArray:
    least = scores.min(axis=1, keepdims=True)
    return np.asarray((scores - least) / np.maximum(_top(scores) - least, 1e-9), dtype=np.float32)


def _standard(scores: FloatArray) -> FloatArray:
    spread = np.maximum(scores.std(axis=1, keepdims=True), 1e-9)
    return np.asarray((scores - scores.mean(axis=1, keepdims=True)) / spread, dtype=np.float32)
