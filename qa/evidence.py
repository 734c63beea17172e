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
    asked = {term for variants in question for term in variants}
    average = sum(map(len, words)) / max(1, len(words))
    bm25 = np.zeros(len(words), dtype=np.float32)
    for row, terms in enumerate(words):
        frequencies = Counter(term for term in terms if term in asked)
        bm25[row] = sum(idf[term] * lexical.weight(tf, len(terms), average) for term, tf in frequencies.items())
    scores: list[float] = fuse(cosines, bm25, weight).tolist()
    return scores


def coverage(question: Terms, present: Collection[str], idf: Mapping[str, float]) -> float:
    """Return the share of a question's words that are ``present``, each weighed by its idf: 0 to 1."""
    weights = [min(idf[term] for term in variants) for variants in question]
    covered = [w for w, variants in zip(weights, question, strict=True) if any(t in present for t in variants)]
    return sum(covered) / sum(weights) if sum(weights) > 0 else 0.0
