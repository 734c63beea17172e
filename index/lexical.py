"""BM25+ over passages: an inverted index in plain arrays, memory-mapped.

The weight of a term in a passage is stored without its idf, rounded to 1/512, so that the same weights
can serve as sparse vectors elsewhere, with idf in the question's vector:

    weight(t, p) = δ + tf · (k1 + 1) / (tf + k1 · (1 − b + b · |p| / average |p|))
    idf(t)       = ln(1 + (N − df + 0.5) / (df + 0.5))

(Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009; δ from Lv and Zhai,
"Lower-Bounding Term Frequency Normalization", 2011; idf as in Lucene.)
"""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from index.encode.protocol import FloatArray
from index.errors import SnapshotDamaged
from index.layout import write_synced

K1 = 0.9
B = 0.4
DELTA = 1.0
UNIT = 512

REMEMBERED = 100_000
"""Terms whose places are remembered once asked for."""

_LOOKED_AT = 2**22
"""Postings looked at together."""

IntArray = NDArray[np.int64]


@overload
def weight(frequency: int, length: int, average: float) -> float: ...
@overload
def weight(frequency: IntArray, length: IntArray, average: float) -> NDArray[np.float64]: ...
def weight(frequency: Any, length: Any, average: float) -> Any:
    """Return the BM25+ weight, without idf, of one posting or of each of many: DELTA to DELTA + K1 + 1."""
    norm = K1 * (1 - B + B * length / max(average, 1e-9))
    return DELTA + frequency * (K1 + 1) / (frequency + norm)


def idf(passages: int, frequency: int) -> float:
    """Return the inverse document frequency of a term in ``frequency`` of ``passages`` passages."""
    return math.log(1 + (passages - frequency + 0.5) / (frequency + 0.5))


@dataclass(frozen=True, slots=True, kw_only=True)
class Postings:
    """Term frequencies by passage, in one of two orders: entries of one passage or of one term together."""

    terms: tuple[str, ...]
    """Sorted; ``term`` below is an offset into it."""
    passage: IntArray
    term: IntArray
    frequency: IntArray


def count(passages: Sequence[Iterable[str]]) -> Postings:
    """Count the terms of passages numbered from 0."""
    counted: list[Mapping[str, int]] = [Counter(words) for words in passages]
    terms = tuple(sorted({term for words in counted for term in words}))
    row = {term: at for at, term in enumerate(terms)}
    sizes = [len(words) for words in counted]
    return Postings(
        terms=terms,
        passage=np.repeat(np.arange(len(counted), dtype=np.int64), sizes),
        term=np.array([row[term] for words in counted for term in words], dtype=np.int64),
        frequency=np.array([min(n, 65535) for words in counted for n in words.values()], dtype=np.int64),
    )


def merge(parts: Sequence[tuple[Postings, IntArray]]) -> Postings:
    """Join postings, taking passage ``p`` of each part to ``target[p]``, or leaving it out where that is −1."""
    kept = []
    for postings, target in parts:
        keep = target[postings.passage] >= 0
        kept.append((postings, target[postings.passage[keep]], postings.term[keep], postings.frequency[keep]))
    used = {postings.terms[at] for postings, _, term, _ in kept for at in np.unique(term).tolist()}
    terms = tuple(sorted(used))
    row = {term: at for at, term in enumerate(terms)}
    passage, term, frequency = [], [], []
    for postings, passages, rows, frequencies in kept:
        moved = np.array([row.get(word, -1) for word in postings.terms] or [0], dtype=np.int64)
        passage.append(passages)
        term.append(moved[rows])
        frequency.append(frequencies)
    none = np.zeros(0, dtype=np.int64)
    return Postings(
        terms=terms,
        passage=np.concatenate([none, *passage]),
        term=np.concatenate([none, *term]),
        frequency=np.concatenate([none, *frequency]),
    )


def write_lexical(folder: Path, postings: Postings, passages: int) -> None:
    """Write the index of ``passages`` passages into the new folder ``folder``."""
    folder.mkdir()
    order = np.lexsort((postings.passage, postings.term))
    passage, term, frequency = postings.passage[order], postings.term[order], postings.frequency[order]
    length = np.bincount(passage, weights=frequency, minlength=passages)
    average = float(length.mean()) if passages else 0.0
    rounded = np.rint(weight(frequency, length[passage].astype(np.int64), average) * UNIT)
    starts = np.searchsorted(term, np.arange(len(postings.terms) + 1))
    _save(folder / "starts.npy", starts.astype(np.int64))
    _save(folder / "passages.npy", passage.astype(np.uint32))
    _save(folder / "frequencies.npy", frequency.astype(np.uint16))
    _save(folder / "weights.npy", rounded.astype(np.uint16))
    with closing(sqlite3.connect(folder / "terms.sqlite", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("CREATE TABLE term (term TEXT PRIMARY KEY, row INTEGER NOT NULL) WITHOUT ROWID")
        database.execute("BEGIN")
        database.executemany("INSERT INTO term VALUES (?, ?)", ((t, at) for at, t in enumerate(postings.terms)))
        database.execute("COMMIT")


def _save(path: Path, array: NDArray[Any]) -> None:
    """Write what ``numpy.save`` would, which does not tell when the disk is too full for the last of it."""
    head = BytesIO()
    np.lib.format.write_array_header_1_0(head, np.lib.format.header_data_from_array_1_0(array))
    write_synced(path, head.getvalue(), np.ascontiguousarray(array).data)


class Lexical:
    """BM25 over the passages of one snapshot. Read-only and thread-safe."""

    def __init__(self, folder: Path, passages: int) -> None:
        """Map an index that ``write_lexical`` made.

        Raises SnapshotDamaged where its parts do not fit each other.
        """
        names = ("starts", "passages", "frequencies", "weights")
        try:
            mapped = [np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in names]
            arrays = [array.view(np.ndarray) for array in mapped]  # plain views are quicker to cut
            uri = f"{(folder / 'terms.sqlite').resolve().as_uri()}?mode=ro&immutable=1"
            self._terms = sqlite3.connect(uri, uri=True, check_same_thread=False)
            (terms,) = self._terms.execute("SELECT count(*) FROM term").fetchone()
        except (ValueError, OSError, EOFError, sqlite3.Error) as error:
            raise SnapshotDamaged(f"{folder} can't be read ({error}); rebuild the index: qa build") from error
        self._starts, self._passages, self._frequencies, self._weights = arrays
        postings = int(self._starts[-1]) if len(self._starts) else -1
        fit = len(self._starts) == terms + 1 and {len(array) for array in arrays[1:]} == {postings}
        if not fit or int(self._passages.max(initial=0)) >= max(passages, 1):
            self._terms.close()
            raise SnapshotDamaged(f"{folder} holds arrays that do not fit each other; rebuild the index: qa build")
        self.count = passages
        self._ranges: dict[str, tuple[int, int]] = {}

    def close(self) -> None:
        """Close the table of terms."""
        self._terms.close()

    def _range(self, term: str) -> tuple[int, int]:
        """Return where the postings of a term stand; what was asked before is remembered."""
        known = self._ranges.get(term)
        if known is None:
            found = self._terms.execute("SELECT row FROM term WHERE term = ?", (term,)).fetchone()
            known = (0, 0) if found is None else (int(self._starts[found[0]]), int(self._starts[found[0] + 1]))
            if len(self._ranges) < REMEMBERED:
                self._ranges[term] = known
        return known

    def idf(self, term: str) -> float:
        """Return the idf of a term; one that no passage has gets the highest there is."""
        first, last = self._range(term)
        return idf(self.count, last - first)

    def scores(self, terms: Iterable[str]) -> FloatArray:
        """Return the BM25 score of every passage: shape (passages,), float32, higher is better."""
        total = np.zeros(self.count, dtype=np.float32)
        for term in terms:
            first, last = self._range(term)
            if last > first:
                scale = np.float32(idf(self.count, last - first) / UNIT)
                total[self._passages[first:last]] += self._weights[first:last] * scale
        return total

    def of_passages(self, first: int, last: int) -> tuple[IntArray, IntArray, NDArray[np.uint16]]:
        """Return what the passages from ``first`` up to ``last`` hold, for another store.

        Where each passage's entries begin, with their end: shape (last - first + 1,); then the row of each entry's
        term, ascending within a passage, and its weight in UNITs. Reads all postings once, little memory.
        """
        places = [np.zeros(0, dtype=np.int64)]
        for start in range(0, len(self._passages), _LOOKED_AT):
            part = self._passages[start : start + _LOOKED_AT]
            places.append(start + np.flatnonzero((part >= first) & (part < last)))
        found = np.concatenate(places)
        passages = self._passages[found]
        found = found[np.argsort(passages, kind="stable")]
        starts = np.append(0, np.cumsum(np.bincount(passages - np.uint32(first), minlength=last - first)))
        terms = np.searchsorted(self._starts, found, side="right") - 1
        return starts, terms, self._weights[found]

    def vocabulary(self) -> Iterator[tuple[str, int]]:
        """Yield each term with the number of passages that have it, in the order of rows."""
        for term, row in self._terms.execute("SELECT term, row FROM term ORDER BY term"):
            yield term, int(self._starts[row + 1] - self._starts[row])

    def postings(self) -> Postings:
        """Return everything that was counted, for a build that reuses it."""
        terms = tuple(term for (term,) in self._terms.execute("SELECT term FROM term ORDER BY row"))
        return Postings(
            terms=terms,
            passage=self._passages.astype(np.int64),
            term=np.repeat(np.arange(len(terms), dtype=np.int64), np.diff(self._starts)),
            frequency=self._frequencies.astype(np.int64),
        )
