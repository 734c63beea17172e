"""What a build sets aside because memory should not hold it: a file without a name, gone with the process."""

from __future__ import annotations

from pathlib import Path
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import IO, cast

IN_MEMORY = 2**24
"""Bytes that stay in memory; of more, all goes to disk."""


class Aside:
    """Bytes that are written once and read back in parts. A context manager that lets go of them."""

    def __init__(self, folder: Path) -> None:
        """Begin; what is too much for memory will go into a file in ``folder``, on the disk that the index is on."""
        beginning = SpooledTemporaryFile(max_size=IN_MEMORY, dir=str(folder))  # noqa: SIM115 - close() closes it
        self._file = cast("IO[bytes]", beginning)
        self._size = 0

    def append(self, data: bytes | memoryview) -> int:
        """Write at the end; return where that is."""
        at = self._file.seek(self._size)
        self._file.write(data)
        self._size += memoryview(data).nbytes
        return at

    def read(self, at: int, size: int) -> bytes:
        """Return ``size`` bytes from ``at`` on."""
        self._file.seek(at)
        return self._file.read(size)

    def close(self) -> None:
        """Throw everything away."""
        self._file.close()

    def __enter__(self) -> Aside:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
