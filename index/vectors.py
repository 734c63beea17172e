"""The vectors of all sentences, searched exactly. The only module that knows FAISS.

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

RowArray = NDArray[np.int64]
Mask = NDArray[np.bool_]


def serialise(vectors: FloatArray) -> bytes:
    """Return the bytes of an exact inner-product index over ``vectors``, shape (sentences, dimension)."""
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(np.ascontiguousarray(vectors, dtype=np.float32))
    return bytes(faiss.serialize_index(flat).tobytes())


class Vectors:
    """One row a sentence, memory-mapped, read-only and thread-safe."""

    def __init__(self, path: Path, count: int, dimension: int) -> None:
        """Map an index that ``serialise`` made and whose hash was checked.

        Raises SnapshotDamaged where it is of another kind or size than expected.
        """
        try:
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            raise SnapshotDamaged(f"{path} can't be read as vectors; rebuild the index: qa build") from error
        if not isinstance(index, faiss.IndexFlat) or (index.ntotal, index.d) != (count, dimension):
            raise SnapshotDamaged(
                f"{path} holds {index.ntotal} vectors of {index.d} numbers, expected {count} of {dimension}; "
                "rebuild the index: qa build"
            )
        self._index = index
        self._rows: FloatArray = faiss.rev_swig_ptr(index.get_xb(), count * dimension).reshape(count, dimension)

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
        """Return the exact cosine of ``vector`` with each of ``rows``: shape (len(rows),), float32."""
        cosines: FloatArray = self._rows[rows] @ vector
        return cosines

    def take(self, rows: RowArray) -> FloatArray:
        """Return a copy of ``rows``: shape (len(rows), dimension), float32."""
        taken: FloatArray = self._rows[rows]
        return taken
