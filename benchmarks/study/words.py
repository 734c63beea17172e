"""BM25+ and its kin, over all passages and questions at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from index import lexical
from index.analyse import question_terms, terms, words
from index.encode import FloatArray

_ALPHANUMERIC = re.compile(r"\w+")


def plain_words(text: str) -> list[str]:
    """Return the words of a text in lower case, none left out, none stemmed: what most stacks do."""
    return _ALPHANUMERIC.findall(text.lower())


def our_terms(text: str) -> list[str]:
    """Return the terms of the product's own analyser."""
    return terms(text, "en")


def our_question(text: str) -> list[str]:
    """Return the terms of a question by the product's own analyser."""
    return [term for variants in question_terms(text, ["en"]) for term in variants]


def unstemmed(text: str) -> list[str]:
    """Return the words that the analyser would stem."""
    kept = [word for word in words(text) if terms(word, "en")]
    return kept or words(text)


def all_stems(text: str) -> list[str]:
    """Return the stems of all words, stop words too."""
    return [terms(word, "en")[0] if terms(word, "en") else word for word in words(text)]


def pairs(text: str) -> list[str]:
    """Return the pairs of terms that follow each other."""
    found = our_terms(text)
    return [f"{a} {b}" for a, b in pairwise(found)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """How BM25 weighs a term in a passage."""

    k1: float = lexical.K1
    b: float = lexical.B
    delta: float = lexical.DELTA
    """Added to the weight of each posting: 0 in BM25, 1 in BM25+."""
    inside: bool = False
    """Whether δ is added to the normalised frequency instead, as in BM25L (Lv and Zhai, 2011: δ = 0.5)."""

    def weights(self, frequency: FloatArray, length: FloatArray, average: float) -> FloatArray:
        """Return the weight of each posting, without idf."""
        norm = 1 - self.b + self.b * length / max(average, 1e-9)
        counted = frequency / norm + (self.delta if self.inside else 0)
        weights = counted * (self.k1 + 1) / (self.k1 + counted) + (0 if self.inside else self.delta)
        return np.asarray(weights, dtype=np.float32)


class Words:
    """Counts of terms in passages, from which any formula gives scores."""

    def __init__(self, passages: Sequence[Sequence[str]]) -> None:
        self._row: dict[str, int] = {}
        columns = [[self._row.setdefault(term, len(self._row)) for term in found] for found in passages]
        ends = np.cumsum([0, *map(len, columns)])
        flat = np.array([term for found in columns for term in found], dtype=np.int64)
        shape = (len(passages), max(len(self._row), 1))
        self._counts = sparse.csr_matrix((np.ones(len(flat), dtype=np.float32), flat, ends), shape=shape)
        self._counts.sum_duplicates()
        self._terms = list(self._row)
        self._length = np.asarray(self._counts.sum(axis=1)).ravel()

    @cached_property
    def _idf(self) -> NDArray[np.float64]:
        """The idf of each term, as in index.lexical."""
        count = self._counts.shape[0]
        frequency = np.bincount(self._counts.indices, minlength=self._counts.shape[1])
        return np.asarray(np.log(1 + (count - frequency + 0.5) / (frequency + 0.5)))

    def idf(self, term: str) -> float:
        """Return the idf of a term; one that no passage has gets the highest there is."""
        row = self._row.get(term)
        return float(self._idf[row]) if row is not None else float(np.log(1 + (self._counts.shape[0] + 0.5) / 0.5))

    def scores(self, questions: Sequence[Sequence[str]], formula: Formula) -> FloatArray:
        """Return the score of each passage for each question: shape (questions, passages), higher is better."""
        rows = np.repeat(np.arange(self._counts.shape[0]), np.diff(self._counts.indptr))
        weighed = self._counts.copy()
        weighed.data = formula.weights(self._counts.data, self._length[rows], float(self._length.mean()))
        asked = sparse.lil_matrix((len(questions), self._counts.shape[1]), dtype=np.float32)
        for at, found in enumerate(questions):
            for term in set(found):
                if term in self._row:
                    asked[at, self._row[term]] = self._idf[self._row[term]]
        return np.asarray((asked.tocsr() @ weighed.T).toarray(), dtype=np.float32)

    def common(self, passages: Sequence[int], count: int, without: Sequence[str]) -> list[str]:
        """Return the terms that stand in at least two of the passages, rarest in the index first."""
        part = self._counts[list(passages)]
        shared = np.flatnonzero(np.bincount(part.indices, minlength=self._counts.shape[1]) >= 2)
        known = set(without)
        ordered = sorted(shared.tolist(), key=lambda row: -self._idf[row])
        return [term for row in ordered if (term := self._terms[row]) not in known][:count]


Analyser = Callable[[str], list[str]]
