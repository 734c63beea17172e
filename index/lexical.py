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
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from index.arrays import open_array
from index.encode.protocol import FloatArray
from index.errors import SnapshotDamaged

K1 = 0.9
B = 0.4
DELTA = 1.0
UNIT = 512

MOST_FREQUENT = 65_535
"""How often a term is counted in one passage at most."""

REMEMBERED = 100_000
"""Terms whose places are remembered once asked for."""

BLOCK = 2**20
"""Postings that are taken over at a time."""

_HEAVIEST = math.ceil((DELTA + K1 + 1) * UNIT)
"""What no weight is above."""

_LOOKUP = 16
"""Postings that can be added up in the time that one takes to be looked up."""

_SURE = 1 - 1e-5

PARTS, SMALLEST, LARGEST = 8, 2**14, 2**18
"""Into so many parts are passages divided to be scored, unless these were smaller or larger than this; the scores of
the largest take a mebibyte."""

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
    """What was counted of some terms: entries of one term together, in the order of passages."""

    terms: tuple[str, ...]
    """Sorted."""
    sizes: IntArray
    """Entries of each term."""
    passage: NDArray[np.uint32]
    frequency: NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A term of a question that passages have."""

    first: int
    last: int
    """Where its postings stand."""
    scale: np.float32
    """Makes a weight a score."""

    @property
    def size(self) -> int:
        return self.last - self.first

    @property
    def most(self) -> float:
        """The highest score that it can give a passage."""
        return float(self.scale) * _HEAVIEST


class Lexical:
    """BM25 over the passages of one snapshot. Read-only and thread-safe."""

    def __init__(self, folder: Path, passages: int) -> None:
        """Map an index that ``index.postings`` wrote; nothing of its arrays is read.

        Raises SnapshotDamaged where its parts do not fit each other.
        """
        uri = f"{(folder / 'terms.sqlite').resolve().as_uri()}?mode=ro&immutable=1"
        with ExitStack() as opening:
            try:
                self._terms = opening.enter_context(closing(sqlite3.connect(uri, uri=True, check_same_thread=False)))
                last = self._terms.execute("SELECT row FROM term ORDER BY term DESC LIMIT 1").fetchone()
                self._starts: IntArray = open_array(folder / "starts.npy", "<i8")
                self._passages: NDArray[np.uint32] = open_array(folder / "passages.npy", "<u4")
                self._frequencies: NDArray[np.uint16] = open_array(folder / "frequencies.npy", "<u2")
                self._weights: NDArray[np.uint16] = open_array(folder / "weights.npy", "<u2")
            except (ValueError, OSError, sqlite3.Error) as error:
                raise SnapshotDamaged(f"{folder} can't be read ({error}); rebuild the index: qa build") from error
            terms = 0 if last is None else int(last[0]) + 1
            postings = int(self._starts[-1]) if len(self._starts) else -1
            sizes = {len(array) for array in (self._passages, self._frequencies, self._weights)}
            if len(self._starts) != terms + 1 or sizes != {postings}:
                raise SnapshotDamaged(f"{folder} holds arrays that do not fit each other; rebuild the index: qa build")
            opening.pop_all()
        self.count = passages
        self._part = min(max(passages // PARTS, SMALLEST), LARGEST)
        """Passages that are scored together."""
        self._ranges: dict[str, tuple[int, int]] = {}
        self._spare: list[FloatArray] = []
        """Arrays of a score for each passage of a part, all 0: as many as questions were asked at a time."""

    def close(self) -> None:
        """Close the table of terms."""
        self._terms.close()

    def _range(self, term: str) -> tuple[int, int]:
        """Return where the postings of a term stand; what was found before is remembered."""
        known = self._ranges.get(term)
        if known is None:
            found = self._terms.execute("SELECT row FROM term WHERE term = ?", (term,)).fetchone()
            if found is None:
                return 0, 0
            known = int(self._starts[found[0]]), int(self._starts[found[0] + 1])
            if len(self._ranges) < REMEMBERED:
                self._ranges[term] = known
        return known

    def idf(self, term: str) -> float:
        """Return the idf of a term; one that no passage has gets the highest there is."""
        first, last = self._range(term)
        return idf(self.count, last - first)

    def _asked(self, terms: Iterable[str]) -> list[_Asked]:
        ranges = [self._range(term) for term in terms]
        return [
            _Asked(first, last, np.float32(idf(self.count, last - first) / UNIT))
            for first, last in ranges
            if last > first
        ]

    def scores(self, terms: Iterable[str]) -> FloatArray:
        """Return the BM25 score of every passage: shape (passages,), float32, higher is better."""
        total = np.zeros(self.count, dtype=np.float32)
        for one in self._asked(terms):
            total[self._passages[one.first : one.last]] += self._weights[one.first : one.last] * one.scale
        return total

    def scores_of(self, terms: Iterable[str], rows: NDArray[Any]) -> FloatArray:
        """Return the BM25 scores of some passages, the very numbers that ``scores`` has: shape (len(rows),)."""
        total = np.zeros(len(rows), dtype=np.float32)
        wanted = rows.astype(np.uint32)
        for one in self._asked(terms):
            total += self._gains(one, wanted)
        return total

    def _gains(self, one: _Asked, rows: NDArray[np.uint32]) -> FloatArray:
        """Return what a term adds to the scores of ``rows``."""
        if not one.size:
            return np.zeros(len(rows), dtype=np.float32)
        passages = self._passages[one.first : one.last]
        at = np.minimum(np.searchsorted(passages, rows), one.size - 1)
        gains = self._weights[one.first : one.last][at] * one.scale
        return np.where(passages[at] == rows, gains, np.float32(0))

    def best(self, terms: Iterable[str], count: int, allowed: NDArray[np.bool_] | None = None) -> IntArray:
        """Return the passages with the ``count`` highest scores above 0, best first, ties in the order of rows.

        ``allowed`` leaves out the others (one flag each). The passages are those that ``scores`` would name, but not
        all postings are read: rare terms come first, and as soon as the others together can lift no further passage
        among the best, they are looked up for those at hand alone (MaxScore: Turtle and Flood, "Query Evaluation:
        Strategies and Optimizations", 1995). Passages are taken some at a time, so that their scores stay in the
        processor's cache; what the best of one part reach is known in the next. Of the first all postings are read.
        """
        named = tuple(terms)
        asked = sorted(self._asked(named), key=lambda one: one.size)
        rows, sums, floor = np.zeros(0, dtype=np.uint32), np.zeros(0, dtype=np.float32), 0.0
        if not asked or count < 1:
            return rows.astype(np.int64)
        edges = np.arange(0, self.count + self._part, self._part, dtype=np.uint32)
        bounds = np.array([one.first + np.searchsorted(self._passages[one.first : one.last], edges) for one in asked])
        rests = [sum(one.most for one in asked[at:]) for at in range(len(asked) + 1)]
        for begin, (starts, ends) in zip(edges.tolist(), pairwise(bounds.T.tolist()), strict=False):
            part = [_Asked(start, end, one.scale) for one, start, end in zip(asked, starts, ends, strict=True)]
            more, reached = self._best_of_part(part, rests, begin, floor, allowed)
            rows, sums = np.concatenate((rows, more)), np.concatenate((sums, reached))
            floor = _floor(sums, count)
            keep = sums >= floor
            rows, sums = rows[keep], sums[keep]
        scores = self.scores_of(named, rows)
        return rows[np.lexsort((rows, -scores))][:count].astype(np.int64)

    def _best_of_part(
        self,
        asked: Sequence[_Asked],
        rests: Sequence[float],
        begin: int,
        floor: float,
        allowed: NDArray[np.bool_] | None,
    ) -> tuple[NDArray[np.uint32], FloatArray]:
        """Return which passages of the part from ``begin`` on score at least ``floor``, ascending, and their scores.

        ``asked`` are the terms with their postings among these, the rarest of all passages first; ``rests`` say what
        each and those after it can give a passage together.
        """
        total = self._zeros()
        try:
            for at, rest in enumerate(rests):
                # Once the other terms can't reach the floor, what was not seen by now can't be among the best.
                if rest < floor or at == len(asked):
                    seen = total >= np.float32(floor - rest) if floor > rest else total > 0
                    if at == len(asked) or _LOOKUP * np.count_nonzero(seen) < sum(one.size for one in asked[at:]):
                        break
                one = asked[at]
                places = (self._passages[one.first : one.last] - np.uint32(begin)).astype(np.intp)
                gains = self._weights[one.first : one.last] * one.scale
                if allowed is not None:
                    keep = allowed[begin + places]
                    places, gains = places[keep], gains[keep]
                np.add.at(total, places, gains)  # half the time of +=, which takes out first and puts back then
            found = np.flatnonzero(seen)
            sums = total[found]
        finally:
            total.fill(0)
            self._spare.append(total)
        rows = (begin + found).astype(np.uint32)
        for one, rest in zip(asked[at:], rests[at + 1 :], strict=True):
            sums = sums + self._gains(one, rows)
            keep = sums >= np.float32(floor - rest)
            rows, sums = rows[keep], sums[keep]
        return rows, sums

    def _zeros(self) -> FloatArray:
        """Return an array of a 0 for each passage of a part."""
        try:
            return self._spare.pop()
        except IndexError:
            return np.zeros(self._part, dtype=np.float32)

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

    def blocks(self, size: int = BLOCK) -> Iterator[Postings]:
        """Yield everything that was counted, for a build that reuses it: some terms at a time.

        A block has at most ``size`` postings, unless a single term has more.
        """
        names = self._terms.execute("SELECT term FROM term ORDER BY term")
        first = 0
        while first < len(self._starts) - 1:
            begin = self._starts[first]
            last = max(first + 1, int(np.searchsorted(self._starts, begin + size, side="right")) - 1)
            end = self._starts[last]
            yield Postings(
                terms=tuple(name for (name,) in names.fetchmany(last - first)),
                sizes=np.diff(self._starts[first : last + 1]),
                passage=self._passages[begin:end],
                frequency=self._frequencies[begin:end],
            )
            first = last


def _floor(sums: FloatArray, count: int) -> float:
    """Return what a passage must be able to reach to be among the ``count`` best of those that have ``sums``.

    A little lower, since sums of single precision depend on their order.
    """
    return float(np.partition(sums, -count)[-count]) * _SURE if len(sums) >= count else 0.0
