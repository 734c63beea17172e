"""The candidates of a question in a snapshot on a server: its three lists, and our own exact scores of what is in one.

The server only has to find; what decides the order is computed here, from the same bytes and by the same functions as
for a folder. So the digits are the same, and an approximate index can only miss a candidate, never misjudge one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from index.encode.protocol import FloatArray
from index.errors import QuestionError
from index.lexical import UNIT, idf
from index.manifest import Counts
from index.milvus.blobs import Blobs
from index.milvus.client import Client
from index.milvus.generation import Generation
from index.milvus.rows import Scoring, TermRow, damaged, scoring_key, term_key, unpack, within
from index.opened import Found, Ranges, RowArray
from index.vectors import cosines

DEEPEST = 16_384
"""Rows that a server returns at most."""

REMEMBERED = 100_000
"""Terms that are not asked for again."""

STRETCHES = 1_000
"""Ranges of rows that a filter names at most."""

_NO_TERM = TermRow(number=0, passages=0)


class ServedSelection:
    """Searches the collections of one generation. Thread-safe."""

    def __init__(self, client: Client, generation: Generation, records: Blobs, counts: Counts, dimension: int) -> None:
        self._client = client
        self._generation = generation
        self._records = records
        self._passages = counts.passages
        self._code_size = 2 * dimension
        self._terms: dict[str, TermRow] = {}

    def terms(self, terms: Iterable[str]) -> list[TermRow]:
        """Return what is known of terms, in order; one that no passage has is in none."""
        asked = list(terms)
        if missing := list(dict.fromkeys(term for term in asked if term not in self._terms)):
            found = self._records.get([term_key(term) for term in missing])
            of = self._records.name
            rows = {t: unpack(found[k], TermRow, of) if (k := term_key(t)) in found else _NO_TERM for t in missing}
            if len(self._terms) < REMEMBERED:
                self._terms.update(rows)
            return [rows.get(term) or self._terms[term] for term in asked]
        return [self._terms[term] for term in asked]

    def idf(self, term: str) -> float:
        """Return the idf of a term; one that no passage has gets the highest there is."""
        (row,) = self.terms([term])
        return idf(self._passages, row.passages)

    def candidates(self, vector: FloatArray, terms: Sequence[str], depth: int, allowed: Ranges | None) -> Found:
        """Return the candidates, as OpenSnapshot says; an approximate index may miss some."""
        asked = [row for row in self.terms(terms) if row.passages]
        rows = self._rows(vector, asked, depth, allowed)
        keys = [scoring_key(row) for row in rows.tolist()]
        scoring = [self._scoring(data) for data in self._records.need(keys)]
        codes = [np.frombuffer(one.codes, dtype=np.uint8).reshape(-1, self._code_size) for one in scoring]
        if not codes:
            none = np.zeros(0, dtype=np.float32)
            return Found(rows=rows, bm25=none, cosines=none, starts=rows, whole=none)
        sizes = np.array([len(one) - 1 for one in codes])
        return Found(
            rows=rows,
            bm25=self._bm25(asked, scoring),
            cosines=cosines(vector, np.concatenate([one[:-1] for one in codes])),
            starts=np.append(0, np.cumsum(sizes)[:-1]),
            whole=cosines(vector, np.concatenate([one[-1:] for one in codes])),
        )

    def _scoring(self, data: bytes) -> Scoring:
        """Return what scores a passage. Raises SnapshotDamaged where its parts are not as long as they should be."""
        found = unpack(data, Scoring, self._records.name)
        codes, terms, weights = len(found.codes), len(found.terms), len(found.weights)
        if not codes or codes % self._code_size or weights % 2 or terms != 2 * weights:
            raise damaged(self._records.name)
        return found

    def _rows(self, vector: FloatArray, asked: Sequence[TermRow], depth: int, allowed: Ranges | None) -> RowArray:
        """Return the rows of passages that any of the three lists has, ascending; all, where they are no more."""
        ranges = np.array([[0, self._passages]]) if allowed is None else allowed
        if np.diff(ranges).sum() <= depth:
            return np.concatenate([np.arange(first, last) for first, last in ranges.tolist()])
        if depth > DEEPEST:
            raise QuestionError(
                f"as many passages as that can't be asked of a server; ask for {DEEPEST // 4:,} at most"
            )
        if len(ranges) > STRETCHES:
            raise QuestionError(
                f"the documents that match stand in {len(ranges):,} places of the index, a server takes {STRETCHES:,} "
                "at most; ask for folders, or for all documents"
            )
        search, of = self._client.search, self._generation
        found = {*search(of.sentences, "vector", vector, depth, within(allowed, "passage"), "passage")}
        found.update(search(of.passages, "vector", vector, depth, within(allowed, "row"), "row"))
        if asked:
            weights: dict[int, float] = {}
            for row in asked:
                weights[row.number] = weights.get(row.number, 0.0) + self._weight(row)
            found.update(search(of.passages, "words", weights, depth, within(allowed, "row"), "row"))
        return np.array(sorted(found), dtype=np.int64)

    def _weight(self, term: TermRow) -> float:
        return float(np.float32(idf(self._passages, term.passages)))

    def _bm25(self, asked: Sequence[TermRow], scoring: Sequence[Scoring]) -> FloatArray:
        """Return the BM25 score of each passage, added up in the order in which index.lexical does."""
        words = [one.words for one in scoring]
        owners = np.repeat(np.arange(len(scoring)), [len(terms) for terms, _ in words])
        terms = np.concatenate([terms for terms, _ in words])
        weights = np.concatenate([weights for _, weights in words])
        total = np.zeros(len(scoring), dtype=np.float32)
        for row in asked:
            places = np.flatnonzero(terms == row.number)
            total[owners[places]] += weights[places] * np.float32(idf(self._passages, row.passages) / UNIT)
        return total
