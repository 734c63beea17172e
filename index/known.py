"""Which texts an earlier snapshot has a vector of, by their digests: in bounded memory, however many there are."""

from __future__ import annotations

import hashlib
import mmap
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

RUN = 2**20
"""Texts that memory holds; so many at a time are sorted and go to disk."""

DIGEST = 16
"""Bytes of a digest; no two texts that anybody will see have the same."""

RowArray = NDArray[np.int64]
_Run = tuple[NDArray[np.uint64], NDArray[np.uint64], RowArray]
"""First and second halves of digests, sorted by the first, and the row of each."""


def digest(text: str) -> bytes:
    """Return what stands for a text."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=DIGEST).digest()


class Known:
    """Rows by digest. A context manager that lets go of what it has on disk."""

    def __init__(self, folder: Path) -> None:
        """Begin; what is too much for memory goes into files in ``folder``, without name."""
        self._folder = folder
        self._digests, self._rows = bytearray(), array("q")
        self._runs: list[_Run] = []
        self._files: list[IO[bytes]] = []

    def add(self, texts: Iterable[str], first: int) -> None:
        """Remember the rows of texts, which follow each other from ``first`` on."""
        for row, text in enumerate(texts, first):
            self._digests += digest(text)
            self._rows.append(row)
        if len(self._rows) >= RUN:
            self._write(self._sorted())
            self._digests, self._rows = bytearray(), array("q")

    def _sorted(self) -> _Run:
        halves = np.frombuffer(bytes(self._digests), dtype=np.uint64).reshape(-1, 2)
        order = np.argsort(halves[:, 0], kind="stable")
        return halves[order, 0], halves[order, 1], np.frombuffer(self._rows, dtype=np.int64)[order]

    def _write(self, run: _Run) -> None:
        file = TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed with the others
        self._files.append(file)
        for part in run:
            file.write(part.data)
        file.flush()
        whole: NDArray[Any] = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), dtype=np.uint64)
        count = len(run[0])
        self._runs.append((whole[:count], whole[count : 2 * count], whole[2 * count :].view(np.int64)))

    def find(self, digests: Sequence[bytes]) -> RowArray:
        """Return the row of each digest, or −1 where none is known: shape (len(digests),)."""
        if self._rows:
            self._runs.append(self._sorted())
            self._digests, self._rows = bytearray(), array("q")
        found = np.full(len(digests), -1, dtype=np.int64)
        halves = np.frombuffer(b"".join(digests), dtype=np.uint64).reshape(-1, 2)
        for first, second, rows in self._runs:
            at = np.minimum(np.searchsorted(first, halves[:, 0]), len(first) - 1)
            same = (first[at] == halves[:, 0]) & (second[at] == halves[:, 1])
            found[same] = rows[at[same]]
        return found

    def __enter__(self) -> Known:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runs.clear()
        for file in self._files:
            file.close()
