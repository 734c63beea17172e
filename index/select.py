"""The candidates of a question in a snapshot that is a folder: three lists, then every score of what is in one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from index.encode.protocol import FloatArray
from index.lexical import Lexical
from index.opened import Found, Mask, Ranges, RowArray, mask_of
from index.store import Store
from index.vectors import Vectors


class Selection:
    """Searches the arrays of one snapshot. Thread-safe, as these are."""

    def __init__(self, vectors: Vectors, passage_vectors: Vectors, lexical: Lexical, store: Store) -> None:
        self._vectors = vectors
        self._passage_vectors = passage_vectors
        self._lexical = lexical
        self._store = store

    def candidates(self, vector: FloatArray, terms: Sequence[str], depth: int, k: int, allowed: Ranges | None) -> Found:
        """Return the candidates, as OpenSnapshot says."""
        mask = None if allowed is None else mask_of(allowed, len(self._passage_vectors))
        rows = self._rows(vector, terms, depth, k, mask)
        sentences, starts = self._store.sentence_rows(rows)
        return Found(
            rows=rows,
            bm25=self._lexical.scores_of(terms, rows),
            cosines=self._vectors.cosines(vector, sentences),
            starts=starts,
            whole=self._passage_vectors.cosines(vector, rows),
        )

    def _rows(self, vector: FloatArray, terms: Sequence[str], depth: int, k: int, mask: Mask | None) -> RowArray:
        """Return the rows of passages that any of the three lists has, ascending; all, where those are too few."""
        total = len(self._passage_vectors)
        if depth < total:
            flags = None if mask is None else np.repeat(mask, self._store.sentence_counts)
            nearest = self._vectors.nearest(vector, depth, flags)
            by_sentence = np.searchsorted(self._store.first_sentences, nearest, side="right") - 1
            as_whole = self._passage_vectors.nearest(vector, depth, mask)
            by_words = self._lexical.best(terms, depth, mask)
            found = np.unique(np.concatenate((by_sentence, as_whole, by_words)))
            if len(found) >= k:
                return found
        return np.arange(total) if mask is None else np.flatnonzero(mask)
