"""From a question to ranked passages of one snapshot."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from index.encode import FloatArray
from index.errors import QuestionError
from index.manifest import Manifest
from index.opened import OpenSnapshot, Passages, Ranges, RowArray, ranges_of
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
    snapshot: OpenSnapshot,
    vector: FloatArray,
    terms: tuple[tuple[str, ...], ...],
    k: int,
    allowed: Ranges | None = None,
) -> list[Candidate]:
    """Return the ``k`` best passages, best first; ties go by passage id.

    ``terms`` are the question's, from ``index.analyse.question_terms``; ``allowed`` limits the search to
    some rows of passages.
    """
    asked = [term for variants in terms for term in variants]
    found = snapshot.candidates(vector, asked, max(DEPTH, 4 * k), k, allowed)
    if not len(found.rows):
        return []
    similarity = passage_similarity(found.cosines, found.starts, found.whole)
    weight = alpha(snapshot.manifest.encoder.cosine_std, PASSAGE_SPREAD)
    scores = fuse(similarity.tolist(), found.bm25.tolist(), weight)
    ends = np.append(found.starts[1:], len(found.cosines))
    return [
        Candidate(
            row=int(found.rows[at]),
            score=scores[at],
            bm25=float(found.bm25[at]),
            cosines=found.cosines[found.starts[at] : ends[at]],
        )
        for at in _best(snapshot.store, found.rows, scores, k)
    ]


def _best(store: Passages, rows: RowArray, scores: list[float], k: int) -> list[int]:
    """Return the places of the ``k`` highest scores, ties in the order of passage ids."""
    falling = sorted(scores, reverse=True)[: k + 1]
    places = [at for at, score in enumerate(scores) if score >= falling[:k][-1]]
    if len(set(falling)) == len(falling):
        return sorted(places, key=lambda at: -scores[at])
    ids = dict(zip(places, store.passage_ids([int(rows[at]) for at in places]), strict=True))
    return sorted(places, key=lambda at: (-scores[at], ids[at]))[:k]


def passages_of_documents(manifest: Manifest, documents: str | Sequence[str] | None) -> Ranges | None:
    """Return the rows of the passages that may answer, or nothing where all may.

    ``documents`` are paths or patterns; a document may answer under each of its names. Raises QuestionError where no
    document matches any of them.
    """
    if documents is None:
        return None
    patterns = [documents] if isinstance(documents, str) else list(documents)
    chosen = np.array(
        [
            any(fnmatch.fnmatchcase(path, pattern) for path in (d.path, *d.copies) for pattern in patterns)
            for d in manifest.documents
        ]
    )
    if not chosen.any():
        shown = ", ".join(patterns)
        shown = shown if len(shown) <= 200 else f"{shown[:200]}…"
        raise QuestionError(f"no document matches {shown}; qa status --documents lists them")
    ends = np.append(0, np.cumsum([d.passages for d in manifest.documents], dtype=np.int64))
    allowed: Ranges = ends[ranges_of(chosen)]
    return allowed
