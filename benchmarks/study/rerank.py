"""A cross-encoder on top of the default ranking, where one is named."""

from __future__ import annotations

import numpy as np

from benchmarks.study.lab import Lab
from index.encode import FloatArray

DEPTH = 10
"""Passages that the cross-encoder puts in order."""


def reranked(lab: Lab, model: str) -> FloatArray:
    """Return scores that put the best passages of the default in the order of a cross-encoder: a folder or a name."""
    from sentence_transformers import CrossEncoder

    loaded = CrossEncoder(model)
    scores = lab.fused().copy()
    best = np.argsort(-scores, axis=1, kind="stable")[:, :DEPTH]
    for row, passages in enumerate(best.tolist()):
        pairs = [(lab.questions[row], lab.cut.texts[passage]) for passage in passages]
        order = np.argsort(np.argsort(-np.asarray(loaded.predict(pairs, show_progress_bar=False))))
        scores[row, passages] = 2 + (DEPTH - order) / DEPTH  # above all that were not among the best
    return scores
