"""Which sentence of a passage answers, and how far the words of a question are covered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from index import lexical
from qa.ranking import fuse

Terms = tuple[tuple[str, ...], ...]
"""For each word of a question, the terms that it may have in the index."""


def sentence_scores(
    cosines: Sequence[float],
    lengths: Sequence[int],
    found: Sequence[Sequence[str]],
    idf: Mapping[str, float],
    weight: float,
) -> list[float]:
    """Return the score of each sentence of a passage: cosine and BM25+, combined as for passages."""
    return fuse(cosines, sentence_bm25(lengths, found, idf), weight)


def sentence_bm25(lengths: Sequence[int], found: Sequence[Sequence[str]], idf: Mapping[str, float]) -> list[float]:
    """Return the BM25+ score of each sentence of a passage, higher is better.

    ``lengths``, in characters, are compared with the passage's mean; ``found`` are the question's terms in each
    sentence, as often as they occur.
    """
    average = sum(lengths) / max(1, len(lengths))
    return [
        sum(idf[term] * lexical.weight(terms.count(term), length, average) for term in dict.fromkeys(terms))
        for length, terms in zip(lengths, found, strict=True)
    ]


def coverage(question: Terms, present: AbstractSet[str], idf: Mapping[str, float]) -> float:
    """Return the share of a question's words that are ``present``, each weighed by its idf: 0 to 1."""
    total = covered = 0.0
    for variants in question:
        weight = min([idf[term] for term in variants])
        total += weight
        if not present.isdisjoint(variants):
            covered += weight
    return covered / total if total > 0 else 0.0
