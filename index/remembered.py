"""Which large files of a snapshot were found intact, so that opening it need not read gigabytes again.

``verified.json`` of a snapshot has, of each large file whose sha256 was checked, that sha256 and what the file
system said of the file then: inode, size, times of the last change of its content and of anything at all. Whoever
writes to a file, puts another in its place or copies it changes one of these. It lies beside the snapshot's folder,
whose own time says when the snapshot was published. What nobody writes, a bit that flips on the drive, changes none:
``qa doctor``, builds and restores read everything.
"""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from dataclasses import dataclass, replace

import msgspec

from index.layout import SnapshotPaths, replace_file

LARGE = 64 * 2**20
"""Bytes from which on a file counts as large; smaller ones are read each time."""

SETTLED = 2.0
"""Seconds that the last change must be past: until the clock of a file system ticks, another leaves no trace."""

Stamp = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A file that was found intact."""

    stamp: Stamp
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verified:
    files: dict[str, Seen]
    checksum: str = ""
    """sha256 of this record with an empty checksum."""


def stamp_of(found: os.stat_result) -> Stamp:
    """Return what tells one content of a file from another without reading it."""
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def settled(stamp: Stamp) -> bool:
    """Tell whether any further change to a file will give it another stamp.

    Never so on Windows, where no time tells of changes that nobody can set back.
    """
    return os.name != "nt" and time.time_ns() - stamp[3] > SETTLED * 1e9


def read_verified(paths: SnapshotPaths) -> dict[str, Seen]:
    """Return the files that were found intact, by name; none where that can't be read."""
    try:
        data = paths.verified.read_bytes()
        record = msgspec.json.decode(data, type=_Verified)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return {}
    return record.files if _encoded(record.files) == data else {}


def write_verified(paths: SnapshotPaths, files: dict[str, Seen]) -> None:
    """Remember files that were found intact; where nothing can be written they are read again the next time."""
    with suppress(OSError):
        replace_file(paths.verified, _encoded(files))


def _encoded(files: dict[str, Seen]) -> bytes:
    blank = _Verified(files=files)
    digest = hashlib.sha256(msgspec.json.encode(blank, order="deterministic")).hexdigest()
    return msgspec.json.encode(replace(blank, checksum=digest), order="deterministic")
