"""Arrays on disk in NumPy's own format: written as they come, mapped where they are read.

NumPy's reader takes a header for a piece of Python; here it is compared with the one that we write.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from index.layout import synced


class ArrayFile:
    """A one-dimensional array that is being written."""

    def __init__(self, file: BinaryIO, dtype: str) -> None:
        self._file = file
        self._dtype = np.dtype(dtype)
        self.count = 0
        """Numbers written so far."""

    def write(self, block: NDArray[Any]) -> None:
        """Append the numbers of ``block``."""
        self._file.write(np.ascontiguousarray(block, dtype=self._dtype).data)
        self.count += len(block)


@contextmanager
def new_array(path: Path, dtype: str, count: int) -> Iterator[ArrayFile]:
    """Write an array of ``count`` numbers into the new file ``path``: the bytes that ``numpy.save`` would write.

    ``dtype`` is of the form ``<i8``. When the block ends well the file is on disk. Raises ValueError where other than
    ``count`` numbers were written, and OSError where the disk fails, which ``numpy.save`` does not always tell.
    """
    with synced(path) as file:
        file.write(_head(dtype, count))
        array = ArrayFile(file, dtype)
        yield array
        if array.count != count:
            raise ValueError(f"{path} was to hold {count} numbers, was given {array.count}")


def open_array(path: Path, dtype: str) -> NDArray[Any]:
    """Map the array in ``path``, read-only, of as many numbers as the file has room for.

    Raises ValueError where it is no array of ``dtype``, and OSError where it can't be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        room = size - len(_head(dtype, 0))
        count = room // np.dtype(dtype).itemsize
        head = _head(dtype, max(count, 0))
        if room < 0 or room % np.dtype(dtype).itemsize or file.read(len(head)) != head:
            raise ValueError(f"{path.name} is no array of {dtype}")
        if not count:
            return np.zeros(0, dtype=dtype)
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return np.frombuffer(mapped, dtype=dtype, offset=len(head))


def _head(dtype: str, count: int) -> bytes:
    """Return what stands before the numbers; as long for any count that a machine can hold."""
    head = BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": dtype, "fortran_order": False, "shape": (count,)})
    return head.getvalue()
