"""The vectors of all sentences, searched one and all. The only module that knows FAISS.

Vectors are kept in half precision: half the disk, memory and time of single precision, and no ranking on
the evaluation sets changes (docs/ranking.md).

FAISS's own writer can report success on a full disk and its reader trusts what it reads, so the index
is serialised to bytes that others write and hash. It is read only after that check (intact.py), through the very handle
that was hashed, and only if it begins exactly as ``serialise`` begins an index of the expected number of rows.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any, BinaryIO

import faiss
import numpy as np
from numpy.typing import NDArray

from index.encode.protocol import FloatArray
from index.errors import SnapshotDamaged
from index.intact import REBUILD

# The wrappers that faiss adds in Python take keywords and arrays; its type stubs do not know them.
_parameters: Any = faiss.SearchParameters
_bitmap: Any = faiss.IDSelectorBitmap
_untyped: Any = faiss
_reader = _untyped.ZeroCopyIOReader

# One thread a question: several questions share the cores, and the encoder's threads are not disturbed.
faiss.omp_set_num_threads(1)

PRECISION = "fp16"
_HALF = faiss.ScalarQuantizer.QT_fp16

# What FAISS's reader may be told to make of a file; ours has no vector but the codes, which stay where they are mapped.
faiss.set_deserialization_vector_byte_limit(2**16)
faiss.set_deserialization_loop_limit(2**10)
faiss.set_deserialization_lattice_r2_limit(1)

RowArray = NDArray[np.int64]
Mask = NDArray[np.bool_]


def serialise(vectors: FloatArray) -> bytes:
    """Return the bytes of an inner-product index over ``vectors``, shape (sentences, dimension)."""
    index = _empty(vectors.shape[1])
    index.add(np.ascontiguousarray(vectors, dtype=np.float32))
    return bytes(faiss.serialize_index(index).tobytes())


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
    """One row a sentence, memory-mapped, read-only and thread-safe."""

    def __init__(self, path: Path, file: BinaryIO, count: int, dimension: int) -> None:
        """Map an index that ``serialise`` made, open as ``file``, whose hash was checked; ``path`` is its name.

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

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def nearest(self, vector: FloatArray, count: int, allowed: Mask | None = None) -> RowArray:
        """Return the rows with the highest cosine to ``vector``, best first, at most ``count`` of them."""
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
        return cosines(vector, self._codes[rows])

    def take(self, rows: RowArray) -> FloatArray:
        """Return a copy of ``rows``: shape (len(rows), dimension), float32."""
        if not len(rows):
            return np.zeros((0, self._index.d), dtype=np.float32)
        taken: FloatArray = self._index.reconstruct_batch(rows)
        return taken
