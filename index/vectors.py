"""The vectors of all sentences: searched one and all, or where they are very many by way of candidates.

Vectors are kept in half precision: half the disk, memory and time of single precision, and no ranking on
the evaluation sets changes (docs/ranking.md).

FAISS's own writer can report success on a full disk and its reader trusts what it reads, so the file of the index
is written here, block by block as vectors come. It is read only after its hash was checked (intact.py), through the
very handle that was hashed, and only if it begins exactly as ``write_vectors`` begins an index of the expected number
of rows.
"""

from __future__ import annotations

import mmap
import os
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import faiss
import numpy as np
from numpy.typing import NDArray

from index.candidates import Candidates, Mask, RowArray
from index.encode.protocol import FloatArray
from index.errors import SnapshotDamaged
from index.intact import REBUILD
from index.layout import synced
from index.manifest import SearchRecord

# The wrappers that faiss adds in Python take keywords and arrays; its type stubs do not know them.
_parameters: Any = faiss.SearchParameters
_bitmap: Any = faiss.IDSelectorBitmap
_untyped: Any = faiss
_reader = _untyped.ZeroCopyIOReader

# One thread for what the importing thread does; a single question is not spread over threads anyway.
faiss.omp_set_num_threads(1)

PRECISION = "fp16"
_HALF = faiss.ScalarQuantizer.QT_fp16

__all__ = ["Mask", "RowArray", "Vectors", "write_vectors"]

BLOCK = 16_384
"""Vectors taken out at once where all are wanted."""

FEW = 50_000
"""So many rows at most are compared one and all where only these are allowed; it takes some milliseconds."""

TRIED = 2
"""Candidates for each vector wanted that are compared in any case."""

DOUBT = 3.0
"""Standard deviations that the estimates of the other candidates are taken to be too low by (docs/scale.md)."""

TELLING = 30
"""Different estimates from which it can be told how far the others are off; with fewer, all candidates are compared."""

LARGE = 2**30
"""Bytes of a file from which single rows are read, not looked at where they are mapped: every row that is looked at
maps its neighbours, too, so that before long all of the file would count as memory of this process."""


def write_vectors(path: Path, blocks: Iterable[FloatArray], count: int, dimension: int) -> None:
    """Write an inner-product index over ``count`` vectors into the new file ``path`` and bring it to disk.

    ``blocks`` are their rows in order, some at a time: each of shape (any, dimension), float32. One of them is held.
    Raises ValueError where they are not ``count`` rows together, and OSError where the disk fails.
    """
    written = 0
    with synced(path) as file:
        file.write(_head(count, dimension))
        for block in blocks:
            file.write(halved(block))
            written += len(block)
        if written != count:
            raise ValueError(f"{path} was to hold {count} vectors, was given {written}")


def halved(vectors: FloatArray) -> bytes:
    """Return rows in half precision, as an index keeps them: 2 · dimension bytes each."""
    if not len(vectors):
        return b""
    return bytes(_empty(vectors.shape[1]).sa_encode(np.ascontiguousarray(vectors, dtype=np.float32)).data)


def unhalved(codes: bytes | NDArray[np.uint8], dimension: int) -> FloatArray:
    """Return the rows that ``halved`` gave: shape (any, dimension), float32. Halved again they are the same bytes."""
    rows: NDArray[np.uint8] = np.frombuffer(codes, dtype=np.uint8).reshape(-1, 2 * dimension)
    if not len(rows):
        return np.zeros((0, dimension), dtype=np.float32)
    found: FloatArray = _empty(dimension).sa_decode(rows)
    return found


def _empty(dimension: int) -> Any:
    """Return an index without rows."""
    return faiss.IndexScalarQuantizer(dimension, _HALF, faiss.METRIC_INNER_PRODUCT)


def _head(count: int, dimension: int) -> bytes:
    """Return what stands before the codes of an index of ``count`` rows: kind, sizes and settings."""
    head = bytearray(faiss.serialize_index(_empty(dimension)).tobytes())
    head[8:16] = count.to_bytes(8, "little")
    head[-8:] = (count * 2 * dimension).to_bytes(8, "little")
    return bytes(head)


def _first(rows: RowArray, scores: FloatArray, count: int) -> RowArray:
    """Return the ``count`` rows with the highest scores, ties by row."""
    return rows[np.lexsort((rows, -scores))[:count]]


def cosines(vector: FloatArray, codes: NDArray[np.uint8]) -> FloatArray:
    """Return the cosine of ``vector`` with each of ``codes``, vectors in half precision: shape (len(codes),), float32.

    Whoever holds the same codes gets the same digits.
    """
    found = np.empty(len(codes), dtype=np.float32)
    if len(codes):  # a small index of these rows alone is quicker than taking them out in single precision
        few = _empty(len(vector))
        few.add_sa_codes(codes)
        values, places = few.search(vector[None, :], len(codes))
        found[places[0]] = values[0]
    return found


class Vectors:
    """One row a sentence, or a passage, read-only and thread-safe. Memory-mapped, but single rows of a LARGE file."""

    def __init__(
        self,
        path: Path,
        file: BinaryIO,
        count: int,
        dimension: int,
        candidates: tuple[Candidates, SearchRecord] | None = None,
    ) -> None:
        """Map an index that ``write_vectors`` made, open as ``file``, whose hash was checked; ``path`` is its name.

        ``candidates`` say where to look first; without them all vectors are compared.

        Raises SnapshotDamaged where it is of another kind or size than expected: FAISS's reader is not called then.
        """
        head, size = _head(count, dimension), 2 * dimension
        try:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (ValueError, OSError) as error:  # empty, or not to be mapped
            raise SnapshotDamaged(f"{path} can't be read as vectors ({error}); {REBUILD}") from error
        if mapped[: len(head)] != head or len(mapped) != len(head) + count * size:
            raise SnapshotDamaged(
                f"{path} does not hold {count} vectors of {dimension} numbers in half precision; {REBUILD}"
            )
        whole = np.frombuffer(mapped, dtype=np.uint8)
        self._index: Any = faiss.read_index(_reader(faiss.swig_ptr(whole), len(whole)))
        self._codes: NDArray[np.uint8] = whole[len(head) :].reshape(count, size)  # keeps alive what FAISS looks at
        self._path, self._head = path, len(head)
        self._file: int | None = None
        if len(mapped) > LARGE and hasattr(os, "pread"):
            self._file = os.dup(file.fileno())
            weakref.finalize(self, os.close, self._file)
        self._candidates = candidates

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dimension(self) -> int:
        """Numbers of a vector."""
        return int(self._index.d)

    def nearest(self, vector: FloatArray, count: int, allowed: Mask | None = None) -> RowArray:
        """Return the rows with the highest cosine to ``vector``, best first, at most ``count`` of them.

        Only rows that are ``allowed``, where that is given: one flag each. Ties go to the lower row. By way of
        candidates a few of them may be missed (the manifest says how many), but none has another cosine than its own.
        """
        if self._candidates is None:
            return self._exactly(vector, count, allowed)
        return self.by_way_of(*self._candidates, vector, count, allowed)

    def by_way_of(
        self, lists: Candidates, how: SearchRecord, vector: FloatArray, count: int, allowed: Mask | None = None
    ) -> RowArray:
        """Return what ``nearest`` does, with other candidates than those that this was opened with."""
        if allowed is not None and np.count_nonzero(allowed) <= max(FEW, count * how.factor):
            rows: RowArray = np.flatnonzero(allowed)
            return _first(rows, self.cosines(vector, rows), count)
        if count * how.factor >= len(self):
            return self._exactly(vector, count, allowed)
        return self._refined(vector, *lists.best(vector, count * how.factor, how.probes, allowed), count)

    def _refined(self, vector: FloatArray, rows: RowArray, estimates: FloatArray, count: int) -> RowArray:
        """Return the ``count`` best of ``rows`` by their own cosines; ``estimates`` of these are falling.

        How far estimates are off is seen on the first. Of the rest only those are looked at that may be better.
        """
        tried = TRIED * count
        found = self.cosines(vector, rows[:tried])
        if tried < len(rows):
            _, different = np.unique(estimates[:tried], return_index=True)  # copies of one vector are off alike
            if len(different) >= TELLING:
                off = (estimates[:tried] - found)[different]
                bar = np.partition(found, -count)[-count] + off.mean() - DOUBT * off.std()
                rows = rows[: tried + np.count_nonzero(estimates[tried:] >= bar)]
            found = np.concatenate((found, self.cosines(vector, rows[tried:])))
        return _first(rows, found, count)

    def _exactly(self, vector: FloatArray, count: int, allowed: Mask | None) -> RowArray:
        """Compare all vectors."""
        count = min(count, len(self))
        parameters = None
        if allowed is not None:
            bits = np.packbits(allowed, bitorder="little")
            parameters = _parameters(sel=_bitmap(bits))
        _, rows = self._index.search(vector[None, :], count, params=parameters)
        found: RowArray = rows[0][rows[0] >= 0]
        return found

    def cosines(self, vector: FloatArray, rows: RowArray) -> FloatArray:
        """Return the cosine of ``vector`` with each of ``rows``: shape (len(rows),), float32."""
        found = np.empty(len(rows), dtype=np.float32)
        for first in range(0, len(rows), BLOCK):
            some = rows[first : first + BLOCK]
            found[first : first + BLOCK] = cosines(vector, self._taken(some))
        return found

    def take(self, rows: RowArray) -> FloatArray:
        """Return a copy of ``rows``: shape (len(rows), dimension), float32."""
        taken = np.empty((len(rows), self.dimension), dtype=np.float32)
        for first in range(0, len(rows), BLOCK):
            some = rows[first : first + BLOCK]
            taken[first : first + BLOCK] = unhalved(self._taken(some), self.dimension)
        return taken

    def blocks(self) -> Iterator[FloatArray]:
        """Yield all vectors in order, some at a time: shape (at most BLOCK, dimension), float32."""
        for first in range(0, len(self), BLOCK):
            yield self.take(np.arange(first, min(first + BLOCK, len(self))))

    def _taken(self, rows: RowArray) -> NDArray[np.uint8]:
        """Return the codes of ``rows``: shape (len(rows), 2 · dimension). Rows in sequence are read at once."""
        if self._file is None or not len(rows):
            return self._codes[rows]
        size = self._codes.shape[1]
        edges = np.concatenate(([0], np.flatnonzero(np.diff(rows) != 1) + 1, [len(rows)]))
        places = (self._head + rows[edges[:-1]] * size).tolist()
        sizes = (np.diff(edges) * size).tolist()
        try:
            found = b"".join([os.pread(self._file, many, place) for many, place in zip(sizes, places, strict=True)])
        except OSError as error:
            raise SnapshotDamaged(f"{self._path} can't be read ({error.strerror}); {REBUILD}") from error
        if len(found) != len(rows) * size:
            raise SnapshotDamaged(f"{self._path} ends before its last vector; {REBUILD}")
        return np.frombuffer(found, dtype=np.uint8).reshape(-1, size)
