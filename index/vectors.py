"""The vectors of all sentences, searched one and all. The only module that knows FAISS.

Vectors are kept in half precision: half the disk, memory and time of single precision, and no ranking on
the evaluation sets changes (docs/ranking.md).

FAISS's own writer can report success on a full disk and its reader trusts what it reads, so the index
is serialised to bytes that others write and hash (snapshot.py), and it is read only after that check.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from index.encode.protocol import FloatArray
from index.errors import SnapshotDamaged

# The wrappers that faiss adds in Python take keywords and arrays; its type stubs do not know them.
_parameters: Any = faiss.SearchParameters
_bitmap: Any = faiss.IDSelectorBitmap

# One thread a question: several questions share the cores, and the encoder's threads are not disturbed.
faiss.omp_set_num_threads(1)

PRECISION = "fp16"
_HALF = faiss.ScalarQuantizer.QT_fp16

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


class Vectors:
    """One row a sentence, memory-mapped, read-only and thread-safe."""

    def __init__(self, path: Path, count: int, dimension: int) -> None:
        """Map an index that ``serialise`` made and whose hash was checked.

        Raises SnapshotDamaged where it is of another kind or size than expected.
        """
        try:
            index: Any = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            raise SnapshotDamaged(f"{path} can't be read as vectors; rebuild the index: qa build") from error
        known = isinstance(index, faiss.IndexScalarQuantizer) and index.sq.qtype == _HALF
        if not known or (index.ntotal, index.d) != (count, dimension):
            raise SnapshotDamaged(
                f"{path} holds {index.ntotal} vectors of {index.d} numbers, expected {count} of {dimension}; "
                "rebuild the index: qa build"
            )
        self._index = index
        size = index.sa_code_size()
        codes = faiss.rev_swig_ptr(index.codes.data(), count * size) if count else np.zeros(0, np.uint8)
        self._codes: NDArray[np.uint8] = codes.reshape(count, size)  # mapped; lives as long as the index

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
        found = np.empty(len(rows), dtype=np.float32)
        if len(rows):  # a small index of these rows alone is quicker than taking them out in single precision
            few = _empty(self._index.d)
            few.add_sa_codes(self._codes[rows])
            values, places = few.search(vector[None, :], len(rows))
            found[places[0]] = values[0]
        return found

    def take(self, rows: RowArray) -> FloatArray:
        """Return a copy of ``rows``: shape (len(rows), dimension), float32."""
        if not len(rows):
            return np.zeros((0, self._index.d), dtype=np.float32)
        taken: FloatArray = self._index.reconstruct_batch(rows)
        return taken
