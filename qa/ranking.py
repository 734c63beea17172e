"""How passages and sentences are scored: pure functions.

    parts(p) = (1 − MEAN) · max + MEAN · mean of the cosines of question and the sentences of p
    whole(p) = cosine of question and p as a whole, with its title and headings
    s(p)     = (1 − WHOLE) · parts(p) + WHOLE · whole(p)
    b(p)     = BM25+ of the question against p, its title and headings
    score(p) = α · (s(p) + 1) / (max s + 1) + (1 − α) · b(p) / max b

A convex combination with theoretical-minimum normalisation (Bruch, Gai and Ingber, "An Analysis of
Fusion Functions for Hybrid Retrieval", 2023). docs/ranking.md has the measurements.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from index.encode import FloatArray

MEAN = 0.2
"""Weight of a passage's mean sentence: of two passages with an equally near one, the one about it wins."""

WHOLE = 0.5
"""Weight of the passage as a whole: it knows what a sentence leaves to its neighbours."""

PASSAGE_SPREAD, SENTENCE_SPREAD = 0.4397, 0.3104
"""Set ``alpha`` for passages and for the sentences of one: 0.85 and 0.8 at the cosines of all-MiniLM-L6-v2."""

DECIMALS = 6
"""Scores are rounded to this many, so that sums taken in another order leave ties as ties."""


def alpha(cosine_std: float, spread: float) -> float:
    """Return the weight of meaning against words for a model whose unrelated cosines spread by ``cosine_std``.

    Compressed cosines differ little between good and bad passages and need the greater weight.
    """
    return spread / (spread + max(cosine_std, 1e-6))


def passage_similarity(cosines: FloatArray, starts: NDArray[np.int64], whole: FloatArray) -> FloatArray:
    """Return s(p) of passages from ``whole``, their own cosines, and ``cosines``, those of their sentences.

    Sentences stand in a row, each passage's from its place in ``starts`` on.
    """
    best = np.maximum.reduceat(cosines, starts)
    sizes = np.diff(np.append(starts, len(cosines)))
    mean = np.add.reduceat(cosines, starts) / sizes
    parts = (1 - MEAN) * best + MEAN * mean
    return np.asarray((1 - WHOLE) * parts + WHOLE * whole, dtype=np.float32)


def fuse(similarity: Sequence[float], bm25: Sequence[float], weight: float) -> list[float]:
    """Return the combined score of each candidate: at most 1, higher is better."""
    top_similarity, top_bm25 = max(similarity, default=0.0), max(bm25, default=0.0)
    by_meaning = weight / (top_similarity + 1) if top_similarity > -1 else 0.0
    by_words = (1 - weight) / top_bm25 if top_bm25 > 0 else 0.0
    return [
        round((near + 1) * by_meaning + said * by_words, DECIMALS) for near, said in zip(similarity, bm25, strict=True)
    ]
