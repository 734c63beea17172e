"""Counting the terms of passages in bounded memory, and writing the index that lexical.py reads.

Terms are counted until a run is full; it is sorted and set aside in a file (aside.py), and at the end the runs are
merged, some terms at a time. What lies in memory is one run or one such part, which is at least one whole term; beside
it four bytes for each passage, and eight for each different term of each run.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from heapq import merge
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.arrays import new_array
from index.aside import Aside
from index.lexical import MOST_FREQUENT, UNIT, IntArray, Postings, weight

RUN = 2**21
"""Postings that are counted before they are sorted and set aside."""

PART = 2**20
"""Postings that are merged at a time, unless a single term has more."""

_TERMS = 2**16
"""Terms that are merged at a time at most."""

_SLICE = 2**18
_READ = 2**14


class _Numbers(dict[str, int]):
    """Numbers terms as they come."""

    def __missing__(self, term: str) -> int:
        number = self[term] = len(self)
        return number


@dataclass(frozen=True, slots=True)
class _Run:
    """Sorted postings that were set aside: where they lie in the file."""

    terms: tuple[int, int]
    """Begin and end of the terms, in order, each with a line end."""
    sizes: NDArray[np.uint32]
    """Postings of each term."""
    passages: int
    frequencies: int


class Tally:
    """Counts the terms of passages. A context manager that lets go of what was set aside."""

    def __init__(self, folder: Path, passages: int) -> None:
        """Count for an index of ``passages`` passages; what memory does not hold goes into ``folder``, without name."""
        self._aside = Aside(folder)
        self._lengths = np.zeros(passages, dtype=np.uint32)
        self._runs: list[_Run] = []
        self._begin()

    def _begin(self) -> None:
        self._numbers = _Numbers()
        self._terms, self._frequencies = array("I"), array("H")
        self._passages, self._sizes = array("I"), array("I")

    def add(self, passage: int, terms: Iterable[str]) -> None:
        """Count the terms of a passage; passages come in ascending order, each once. No term holds a line end."""
        counted = Counter(terms)
        frequencies = [min(n, MOST_FREQUENT) for n in counted.values()]
        self._terms.extend(map(self._numbers.__getitem__, counted))
        self._frequencies.extend(frequencies)
        self._passages.append(passage)
        self._sizes.append(len(counted))
        self._lengths[passage] = sum(frequencies)
        if len(self._terms) >= RUN:
            self._flush()

    def take(self, counted: Postings, passages: IntArray) -> None:
        """Take over what an earlier index has counted: ``passages`` are the rows now of its postings, −1 to leave out.

        No passage may come both ways.
        """
        keep = passages >= 0
        ends = np.cumsum(counted.sizes)
        sizes = np.diff(np.concatenate(([0], np.append(0, np.cumsum(keep))[ends])))
        rows, frequencies = passages[keep], counted.frequency[keep]
        np.add.at(self._lengths, rows, frequencies)
        used = sizes > 0
        names = [term for term, wanted in zip(counted.terms, used.tolist(), strict=True) if wanted]
        if names:
            self._set_aside(names, sizes[used], rows, frequencies)

    def _flush(self) -> None:
        """Sort what was counted and set it aside."""
        if not self._terms:
            return
        names = sorted(self._numbers)
        places = np.empty(len(names), dtype=np.uint32)
        places[[self._numbers[name] for name in names]] = np.arange(len(names), dtype=np.uint32)
        terms = places[np.frombuffer(self._terms, dtype=np.uint32)]
        passages = np.repeat(np.frombuffer(self._passages, np.uint32), np.frombuffer(self._sizes, np.uint32))
        frequencies = np.frombuffer(self._frequencies, dtype=np.uint16)
        order = np.argsort(terms, kind="stable")  # passages came in order, and stay so within a term
        sizes = np.bincount(terms, minlength=len(names))
        self._set_aside(names, sizes, passages[order], frequencies[order])
        self._begin()

    def _set_aside(
        self, names: list[str], sizes: NDArray[Any], passages: NDArray[Any], frequencies: NDArray[Any]
    ) -> None:
        text = "".join(f"{name}\n" for name in names).encode()
        begin = self._aside.append(text)
        self._runs.append(
            _Run(
                (begin, begin + len(text)),
                sizes.astype(np.uint32),
                self._aside.append(passages.astype(np.uint32).data),
                self._aside.append(frequencies.astype(np.uint16).data),
            )
        )

    def write(self, folder: Path) -> int:
        """Write the index into the new folder ``folder``; return the number of its terms."""
        self._flush()
        folder.mkdir()
        numbers = [array("I") for _ in self._runs]
        with closing(sqlite3.connect(folder / "terms.sqlite", isolation_level=None)) as database:
            database.execute("PRAGMA journal_mode = OFF")
            database.execute("CREATE TABLE term (term TEXT PRIMARY KEY, row INTEGER NOT NULL) WITHOUT ROWID")
            database.execute("BEGIN")
            database.executemany("INSERT INTO term VALUES (?, ?)", self._numbered(numbers))
            database.execute("COMMIT")
        rows = [np.frombuffer(found, dtype=np.uint32) for found in numbers]
        starts = np.zeros(1 + max((int(found[-1]) + 1 for found in rows), default=0), dtype=np.int64)
        for run, found in zip(self._runs, rows, strict=True):
            starts[1:][found] += run.sizes
        np.cumsum(starts, out=starts)
        with new_array(folder / "starts.npy", "<i8", len(starts)) as file:
            file.write(starts)
        self._write_postings(folder, starts, rows)
        return len(starts) - 1

    def _numbered(self, numbers: list[array[int]]) -> Iterator[tuple[str, int]]:
        """Yield every different term with its row, in order; ``numbers`` get the rows of each run's terms."""
        last, row = "", -1
        for term, run in merge(*(self._names(at) for at in range(len(self._runs)))):
            if term != last or row < 0:
                last, row = term, row + 1
                yield term, row
            numbers[run].append(row)

    def _names(self, run: int) -> Iterator[tuple[str, int]]:
        """Yield the terms of a run, with its number; some are read at a time."""
        at, end = self._runs[run].terms
        rest = b""
        while at < end:
            data = self._aside.read(at, min(_READ, end - at))
            at += len(data)
            *whole, rest = (rest + data).split(b"\n")
            for name in whole:
                yield name.decode(), run

    def _write_postings(self, folder: Path, starts: IntArray, rows: list[NDArray[np.uint32]]) -> None:
        """Merge the runs: postings in the order of terms, those of one term in the order of passages."""
        count = int(starts[-1])
        average = float(self._lengths.sum(dtype=np.int64) / max(1, len(self._lengths)))
        places = [(0, 0)] * len(rows)
        with (
            new_array(folder / "passages.npy", "<u4", count) as passages,
            new_array(folder / "frequencies.npy", "<u2", count) as frequencies,
            new_array(folder / "weights.npy", "<u2", count) as weights,
        ):
            first = 0
            while first < len(starts) - 1:
                last = max(first + 1, int(np.searchsorted(starts, starts[first] + PART, side="right")) - 1)
                last = min(last, first + _TERMS)
                passage, frequency = self._part(first, last, rows, places)
                passages.write(passage)
                frequencies.write(frequency)
                for at in range(0, len(passage), _SLICE):
                    some = slice(at, at + _SLICE)
                    lengths = self._lengths[passage[some]].astype(np.int64)
                    weights.write(np.rint(weight(frequency[some].astype(np.int64), lengths, average) * UNIT))
                first = last

    def _part(
        self, first: int, last: int, rows: list[NDArray[np.uint32]], places: list[tuple[int, int]]
    ) -> tuple[NDArray[np.uint32], NDArray[np.uint16]]:
        """Return passages and frequencies of the terms from ``first`` to ``last``, at most _TERMS.

        ``places`` say how far the terms and the postings of each run are used up, and are moved on. Term, passage and
        frequency are sorted as one number: 16, 32 and 16 bits.
        """
        parts: list[NDArray[np.uint64]] = []
        for at, (run, mine) in enumerate(zip(self._runs, rows, strict=True)):
            begin, done = places[at]
            end = int(np.searchsorted(mine, np.uint32(last)))
            sizes = run.sizes[begin:end]
            size = int(sizes.sum(dtype=np.int64))
            places[at] = end, done + size
            part = np.repeat((mine[begin:end] - np.uint32(first)).astype(np.uint64) << np.uint64(48), sizes)
            passages = np.frombuffer(self._aside.read(run.passages + 4 * done, 4 * size), dtype=np.uint32)
            part |= passages.astype(np.uint64) << np.uint64(16)
            part |= np.frombuffer(self._aside.read(run.frequencies + 2 * done, 2 * size), dtype=np.uint16)
            parts.append(part)
        postings = np.concatenate(parts)
        del parts
        postings.sort()
        return (postings >> np.uint64(16)).astype(np.uint32), postings.astype(np.uint16)

    def __enter__(self) -> Tally:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._aside.close()


def write_lexical(folder: Path, passages: Iterable[Iterable[str]], count: int) -> None:
    """Write the index of ``count`` passages, given the terms of each, into the new folder ``folder``."""
    with Tally(folder.parent, count) as tally:
        for row, terms in enumerate(passages):
            tally.add(row, terms)
        tally.write(folder)
