"""What an unfinished build has done already, so that the next one goes on from there.

One SQLite file beside the snapshots: what each file of the seeds holds, and vectors of the texts of documents. It is a
cache that may be lost or thrown away at any time; a build that ends well removes it, and so does one that found the
disk full.
Each value stands behind a digest of itself and its key, so that one that a power cut or a failing disk has altered
counts as not kept.
"""

from __future__ import annotations

import errno
import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

_SCHEMA = """
CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value BLOB NOT NULL);
"""
_FULL = (errno.ENOSPC, errno.EDQUOT)
_DIGEST = 32
"""Bytes of a digest."""


class Journal:
    """Keeps values under keys that content decides. Used by one build at a time, under its lock."""

    def __init__(self, path: Path) -> None:
        """Go on with what the build that did not finish has left in ``path``, if there is any."""
        self._path = path
        self._database = self._open() if path.exists() else None
        self._last = self._last_row()
        """Row of the last value that an earlier build has kept."""

    def _last_row(self) -> int:
        if self._database is None:
            return 0
        try:
            return int(self._database.execute("SELECT max(rowid) FROM kept").fetchone()[0] or 0)
        except sqlite3.DatabaseError:
            self.remove()
            return 0

    def _open(self) -> sqlite3.Connection:
        try:
            return _connect(self._path)
        except sqlite3.DatabaseError:  # damaged: then there is nothing to go on from
            _remove(self._path)
            return _connect(self._path)

    def get(self, key: str) -> bytes | None:
        """Return what an earlier build has kept under a key, or nothing."""
        if self._database is None or not self._last:
            return None
        try:
            earlier = "SELECT value FROM kept WHERE key = ? AND rowid <= ?"
            row = self._database.execute(earlier, (key, self._last)).fetchone()
        except sqlite3.DatabaseError:
            self.remove()
            return None
        return _unsealed(key, row[0]) if row else None

    def keep(self, pairs: Iterable[tuple[str, bytes]]) -> None:
        """Keep values, all or none of them, from this moment on."""
        sealed = [(key, _digest(key, value) + value) for key, value in pairs]
        try:
            self._write(sealed)
        except sqlite3.OperationalError:  # the disk is full, or fails
            raise
        except sqlite3.DatabaseError:  # the file is damaged: begin another
            self.remove()
            self._write(sealed)

    def _write(self, sealed: Sequence[tuple[str, bytes]]) -> None:
        self._database = self._database or self._open()
        with self._database:
            self._database.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?)", sealed)

    def remove(self) -> None:
        """Throw everything away: the build has ended well, or what was kept is damaged."""
        self._close()
        _remove(self._path)

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and _lacks_space(error):
            self.remove()  # else what was kept would keep the disk full, and every further build from beginning
        else:
            self._close()


def _lacks_space(error: BaseException) -> bool:
    """Tell whether the disk is full, in the words of the system or of SQLite."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    return getattr(error, "sqlite_errorname", "") == "SQLITE_FULL"


def journal_key(*parts: str) -> str:
    """Return the key of what ``parts`` decide."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _digest(key: str, value: bytes) -> bytes:
    return hashlib.sha256(key.encode() + value).digest()


def _unsealed(key: str, kept: object) -> bytes | None:
    """Return a value without its digest, or nothing where the two do not fit."""
    if not isinstance(kept, bytes):
        return None
    digest, value = kept[:_DIGEST], kept[_DIGEST:]
    return value if digest == _digest(key, value) else None


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = OFF")  # a process may die at any time; after a power cut we begin again
        database.execute(_SCHEMA)
    except sqlite3.Error:
        database.close()
        raise
    return database


def _remove(path: Path) -> None:
    for end in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + end).unlink()
