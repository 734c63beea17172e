"""From a question to ranked passages of one snapshot."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.encode import FloatArray
from index.errors import QuestionError
from index.snapshot import Snapshot
from index.vectors import Mask
from qa.ranking import PASSAGE_SPREAD, alpha, fuse, passage_similarity

DEPTH = 50
"""Candidates taken from each list; deeper changes no ranking on the sets of docs/ranking.md."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A ranked passage."""

    row: int
    score: float
    """Combined score, at most 1; comparable within one question only."""
    bm25: float
    cosines: FloatArray
    """Cosine of the question with each of the passage's sentences."""


def rank(
    snapshot: Snapshot, vector: FloatArray, terms: tuple[tuple[str, ...], ...], k: int, allowed: Mask | None = None
) -> list[Candidate]:
    """Return the ``k`` best passages, best first; ties go by passage id.

    ``terms`` are the question's, from ``index.analyse.question_terms``; ``allowed`` limits the search to
    some passages (one flag each). Candidates come from three lists, of sentences, passages and
    words, and each gets all its scores exactly.
    """
    words = [term for variants in terms for term in variants]
    rows = _candidates(snapshot, vector, words, k, allowed)
    if not len(rows):
        return []
    bm25 = snapshot.lexical.scores_of(words, rows).tolist()
    sentences, starts = snapshot.store.sentence_rows(rows)
    cosines = snapshot.vectors.cosines(vector, sentences)
    similarity = passage_similarity(cosines, starts, snapshot.passage_vectors.cosines(vector, rows))
    weight = alpha(snapshot.manifest.encoder.cosine_std, PASSAGE_SPREAD)
    scores = fuse(similarity.tolist(), bm25, weight)
    ends = np.append(starts[1:], len(cosines))
    return [
        Candidate(
            row=int(rows[at]),
            score=scores[at],
            bm25=bm25[at],
            cosines=cosines[starts[at] : ends[at]],
        )
        for at in _best(snapshot, rows, scores, k)
    ]


def _candidates(
    snapshot: Snapshot, vector: FloatArray, words: Sequence[str], k: int, allowed: Mask | None
) -> NDArray[np.int64]:
    """Return the rows of passages that any of the three lists has, ascending; all, where those are fewer than asked."""
    total = snapshot.manifest.counts.passages
    depth = max(DEPTH, 4 * k)
    if depth < total:
        flags = None if allowed is None else np.repeat(allowed, snapshot.sentence_counts)
        nearest = snapshot.vectors.nearest(vector, depth, flags)
        by_sentence = np.searchsorted(snapshot.store.first_sentences, nearest, side="right") - 1
        as_whole = snapshot.passage_vectors.nearest(vector, depth, allowed)
        by_words = snapshot.lexical.best(words, depth, allowed)
        found = np.unique(np.concatenate((by_sentence, as_whole, by_words)))
        if len(found) >= k:
            return found
    return np.arange(total) if allowed is None else np.flatnonzero(allowed)


def _best(snapshot: Snapshot, rows: NDArray[np.int64], scores: list[float], k: int) -> list[int]:
    """Return the places of the ``k`` highest scores, ties in the order of passage ids."""
    falling = sorted(scores, reverse=True)[: k + 1]
    places = [at for at, score in enumerate(scores) if score >= falling[:k][-1]]
    if len(set(falling)) == len(falling):
        return sorted(places, key=lambda at: -scores[at])
    ids = dict(zip(places, snapshot.store.passage_ids([int(rows[at]) for at in places]), strict=True))
    return sorted(places, key=lambda at: (-scores[at], ids[at]))[:k]


def passages_of_documents(snapshot: Snapshot, documents: str | Sequence[str] | None) -> Mask | None:
    """Return a flag for each passage, of those that may answer, or nothing where all may.

    ``documents`` are paths or patterns; a document may answer under each of its names. Raises QuestionError where a
    pattern matches none.
    """
    if documents is None:
        return None
    patterns = [documents] if isinstance(documents, str) else list(documents)
    chosen = np.array(
        [
            any(fnmatch.fnmatchcase(path, pattern) for path in (d.path, *d.copies) for pattern in patterns)
            for d in snapshot.store.documents
        ]
    )
    if not chosen.any():
        shown = ", ".join(patterns)
        shown = shown if len(shown) <= 200 else f"{shown[:200]}…"
        raise QuestionError(f"no document matches {shown}; qa status --documents lists them")
    allowed: Mask = chosen[snapshot.store.passage_documents]
    return allowed
