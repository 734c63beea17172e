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

_ROOM = 2**29
"""Bytes of a mapped file that may count as memory of this process; a larger one is let go of before they are more."""

_AROUND = 2**16
"""Bytes that the system may map with one row that is looked at."""


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


def unhalved(codes: bytes, dimension: int) -> FloatArray:
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
    """One row a sentence, or a passage, memory-mapped, read-only and thread-safe."""

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
        self._mapped = mapped
        self._candidates = candidates
        self._touched = 0

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
        elif count * how.factor >= len(self):
            return self._exactly(vector, count, allowed)
        else:
            rows = lists.rows(vector, count * how.factor, how.probes, allowed)
        return rows[np.argsort(-self.cosines(vector, rows), kind="stable")[:count]]

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
            found[first : first + BLOCK] = cosines(vector, self._codes[some])
            self._touch(len(some))
        return found

    def take(self, rows: RowArray) -> FloatArray:
        """Return a copy of ``rows``: shape (len(rows), dimension), float32."""
        if not len(rows):
            return np.zeros((0, self._index.d), dtype=np.float32)
        taken: FloatArray = self._index.reconstruct_batch(rows)
        self._touch(len(rows))
        return taken

    def blocks(self) -> Iterator[FloatArray]:
        """Yield all vectors in order, some at a time: shape (at most BLOCK, dimension), float32."""
        for first in range(0, len(self), BLOCK):
            yield self.take(np.arange(first, min(first + BLOCK, len(self))))

    def _touch(self, rows: int) -> None:
        """Note that ``rows`` were looked at, and let go of all pages when these may be many; the system keeps them."""
        self._touched += rows
        if self._touched * _AROUND > _ROOM and len(self._mapped) > _ROOM and hasattr(mmap, "MADV_DONTNEED"):
            self._touched = 0
            self._mapped.madvise(mmap.MADV_DONTNEED)
