"""Which sentence of a passage answers, and how far the words of a question are covered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from index import lexical
from index.encode import FloatArray
from qa.ranking import fuse

Terms = tuple[tuple[str, ...], ...]
"""For each word of a question, the terms that it may have in the index."""


def sentence_scores(
    cosines: FloatArray, words: Sequence[Sequence[str]], question: Terms, idf: Mapping[str, float], weight: float
) -> list[float]:
    """Return the score of each sentence of a passage: cosine and BM25, combined as for passages.

    ``words`` are the terms of each sentence; sentence lengths are compared with the passage's mean.
    """
    lengths = np.array([len(terms) for terms in words], dtype=np.int64)
    average = float(lengths.mean()) if len(lengths) else 0.0
    bm25 = np.zeros(len(words), dtype=np.float32)
    for row, terms in enumerate(words):
        counts = Counter(terms)
        found = [(term, counts[term]) for variants in question for term in variants if term in counts]
        if found:
            frequencies = np.array([count for _, count in found], dtype=np.int64)
            parts = lexical.weights(frequencies, np.repeat(lengths[row], len(found)), average)
            bm25[row] = sum(idf[term] * float(part) for (term, _), part in zip(found, parts, strict=True))
    scores: list[float] = fuse(cosines, bm25, weight).tolist()
    return scores


def coverage(question: Terms, present: Collection[str], idf: Mapping[str, float]) -> float:
    """Return the share of a question's words that are ``present``, each weighed by its idf: 0 to 1."""
    weights = [min(idf[term] for term in variants) for variants in question]
    covered = [w for w, variants in zip(weights, question, strict=True) if any(t in present for t in variants)]
    return sum(covered) / sum(weights) if sum(weights) > 0 else 0.0
