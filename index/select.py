"""The candidates of a question in a snapshot that is a folder: three lists, then every score of what is in one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from index.encode.protocol import FloatArray
from index.lexical import Lexical
from index.opened import Found, Mask, Ranges, RowArray, mask_of
from index.vectors import Vectors


class Selection:
    """Searches the arrays of one snapshot. Thread-safe, as these are."""

    def __init__(
        self,
        vectors: Vectors,
        passage_vectors: Vectors,
        lexical: Lexical,
        first_sentences: RowArray,
        sentence_counts: RowArray,
    ) -> None:
        self._vectors = vectors
        self._passage_vectors = passage_vectors
        self._lexical = lexical
        self._first_sentences = first_sentences
        self._sentence_counts = sentence_counts

    def candidates(self, vector: FloatArray, terms: Sequence[str], depth: int, k: int, allowed: Ranges | None) -> Found:
        """Return the candidates, as OpenSnapshot says."""
        mask = None if allowed is None else mask_of(allowed, len(self._first_sentences))
        bm25 = self._lexical.scores(terms)
        if mask is not None:
            bm25 = np.where(mask, bm25, np.float32(0))
        rows = self._rows(vector, bm25, depth, k, mask)
        sentences, starts = self._sentences(rows)
        return Found(
            rows=rows,
            bm25=bm25[rows],
            cosines=self._vectors.cosines(vector, sentences),
            starts=starts,
            whole=self._passage_vectors.cosines(vector, rows),
        )

    def _rows(self, vector: FloatArray, bm25: FloatArray, depth: int, k: int, mask: Mask | None) -> RowArray:
        """Return the rows of passages that any of the three lists has, ascending; all, where those are too few."""
        total = len(bm25)
        if depth < total:
            flags = None if mask is None else np.repeat(mask, self._sentence_counts)
            nearest = self._vectors.nearest(vector, depth, flags)
            by_sentence = np.searchsorted(self._first_sentences, nearest, side="right") - 1
            as_whole = self._passage_vectors.nearest(vector, depth, mask)
            by_words = np.argpartition(-bm25, depth)[:depth]
            found = np.unique(np.concatenate((by_sentence, as_whole, by_words[bm25[by_words] > 0])))
            if len(found) >= k:
                return found
        return np.arange(total) if mask is None else np.flatnonzero(mask)

    def _sentences(self, rows: RowArray) -> tuple[RowArray, RowArray]:
        """Return the sentence rows of passages one after the other, and where each passage's begin."""
        first = self._first_sentences[rows]
        sizes = self._sentence_counts[rows]
        starts = np.append(0, np.cumsum(sizes)[:-1]) if len(rows) else np.zeros(0, dtype=np.int64)
        return np.repeat(first - starts, sizes) + np.arange(sizes.sum()), starts
