"""Inverted lists of one-bit codes (FAISS's IndexIVFRaBitQ): where to look for the nearest vectors among very many.

They give candidates, whose cosines are then computed from the vectors themselves (vectors.py). A file has a head, the
centroids of the lists, the length of each list, and list after list its codes and its rows; compress.py writes it.
Codes and rows stay in the file, which is mapped.

FAISS's reader is called only where the head is exactly the one that an index of these sizes has and the lengths of
the lists add up to the size of the file.
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

KIND = "ivf-rabitq-1"
"""The kind, as the manifest names it: raised when the same vectors would be compressed otherwise."""

MOST_LISTS = 8_192
"""More would find the same with fewer codes, but sorting ten million vectors into them would take longer than
all else (docs/scale.md)."""

MOST_BYTES = MOST_LISTS * 4 * 4_096
"""Size of centroids at most: where vectors have more than 4,096 numbers, there are fewer lists."""

# What FAISS's reader may be told to make of a file: centroids; codes of vectors and lists stay where they are mapped.
faiss.set_deserialization_vector_byte_limit(MOST_BYTES)
faiss.set_deserialization_loop_limit(MOST_LISTS)
faiss.set_deserialization_lattice_r2_limit(1)

QUERY_BITS = 8
"""Precision of the question while codes are compared; 4 bits are no quicker."""

# The wrappers that faiss adds in Python take keywords and arrays; its type stubs do not know them.
_untyped: Any = faiss

RowArray = NDArray[np.int64]
Mask = NDArray[np.bool_]


def empty_lists(centroids: FloatArray) -> Any:
    """Return an index without rows whose lists have these ``centroids``: shape (lists, dimension), float32."""
    lists, dimension = centroids.shape
    middle: Any = faiss.IndexFlatIP(dimension)
    middle.add(np.ascontiguousarray(centroids, dtype=np.float32))
    index = _untyped.IndexIVFRaBitQ(middle, dimension, lists, faiss.METRIC_INNER_PRODUCT)
    index.train(np.zeros((1, dimension), dtype=np.float32))  # codes are of each list's own centroid: nothing to learn
    return index


def code_bytes(dimension: int) -> int:
    """Return the size of a code: a bit for each number of a vector, and two numbers in single precision."""
    return -(-dimension // 8) + 8


def head(count: int, lists: int, dimension: int) -> tuple[bytes, bytes]:
    """Return what stands in a file of ``count`` rows before the centroids, and between them and the lists' lengths."""
    data = bytearray(faiss.serialize_index(empty_lists(np.zeros((lists, dimension), dtype=np.float32))).tobytes())
    data[8:16] = count.to_bytes(8, "little")
    first = data.index(b"IxFI") + _MIDDLE_HEAD
    end = data.rindex(b"sprs")  # as the lengths of lists are written where most are empty; ours are written in full
    return bytes(data[:first]), bytes(data[first + 4 * lists * dimension : end]) + b"full" + lists.to_bytes(8, "little")


_MIDDLE_HEAD = 4 + 4 + 3 * 8 + 1 + 4 + 8
"""Bytes before the centroids, from the mark of their index: kind, dimension, rows and two unused, trained, metric,
length."""


class Candidates:
    """Rows that are probably near a vector. Memory-mapped, read-only and thread-safe."""

    def __init__(self, path: Path, file: BinaryIO, count: int, dimension: int, lists: int) -> None:
        """Map the lists that ``write_candidates`` made, open as ``file``, whose hash was checked; ``path`` is its name.

        Raises SnapshotDamaged where it is of another kind or size than expected: FAISS's reader is not called then.
        """
        self._path, self._count = path, count
        try:
            if not 1 <= lists <= min(count, MOST_LISTS):
                raise ValueError(f"{lists} lists")
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (ValueError, OSError) as error:  # empty, or not to be mapped
            raise SnapshotDamaged(f"{path} can't be read as candidates ({error}); {REBUILD}") from error
        whole = np.frombuffer(mapped, dtype=np.uint8)
        before, after = head(count, lists, dimension)
        lengths = len(before) + 4 * lists * dimension + len(after)
        codes = lengths + 8 * lists
        if (
            len(mapped) != codes + count * (code_bytes(dimension) + 8)
            or mapped[: len(before)] != before
            or mapped[lengths - len(after) : lengths] != after
            or sum(np.frombuffer(mapped[lengths:codes], dtype="<u8").tolist()) != count
        ):
            raise SnapshotDamaged(
                f"{path} does not hold candidates for {count} vectors of {dimension} numbers in {lists} lists; "
                f"{REBUILD}"
            )
        try:
            self._index: Any = faiss.read_index(_untyped.ZeroCopyIOReader(faiss.swig_ptr(whole), len(whole)))
        except RuntimeError as error:
            raise SnapshotDamaged(f"{path} can't be read as candidates ({error}); {REBUILD}") from error
        self._whole = whole  # keeps alive what FAISS looks at

    def best(
        self, vector: FloatArray, count: int, probes: int, allowed: Mask | None = None
    ) -> tuple[RowArray, FloatArray]:
        """Return ``count`` rows, or fewer, of the ``probes`` nearest lists that may be nearest to ``vector``.

        Beside them their cosines as the codes tell them, falling: shape (rows,), float32. Where only some rows are
        ``allowed``, more lists are looked into: so many that as many rows would be compared as otherwise if they lay
        everywhere, and all the others, too, where they do not.

        Raises SnapshotDamaged where the lists name a row that there is not.
        """
        parameters = _untyped.IVFRaBitQSearchParameters()
        parameters.qb, parameters.nprobe = QUERY_BITS, probes
        if allowed is not None:
            bits = np.packbits(allowed, bitorder="little")
            chosen = _untyped.IDSelectorBitmap(bits)
            parameters.sel = chosen
            parameters.nprobe = min(-(-probes * len(allowed) // max(int(allowed.sum()), 1)), self._index.nlist)
        estimates, found = self._index.search(vector[None, :], count, params=parameters)
        if allowed is not None and found[0, -1] < 0 and parameters.nprobe < self._index.nlist:
            parameters.nprobe = self._index.nlist
            estimates, found = self._index.search(vector[None, :], count, params=parameters)
        there = found[0] != -1  # which stands where there are no more
        rows: RowArray = found[0][there]
        wrong = rows[(rows < 0) | (rows >= self._count)]
        if len(wrong):
            raise SnapshotDamaged(f"{self._path} names vector {wrong[0]} of {self._count}; {REBUILD}")
        return rows, estimates[0][there]
