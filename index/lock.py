"""One writer at a time: the lock on an index, which names its holder."""

from __future__ import annotations

import errno
import json
import os
import platform
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import portalocker

from index.errors import BuildError, BuildLocked, SnapshotError
from index.layout import IndexPaths, replace_file, sync
from index.snapshot import current_id

_SPACE = "free some space and try again"
_PERMISSIONS = "check the folder's permissions"
_DISK = "check the disk, and that it has space left, then try again"
_MEMORY = "end other programs and try again"

_REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), _SPACE),
    **dict.fromkeys((errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE), _DISK),
    **dict.fromkeys((errno.ENOMEM, errno.EAGAIN, errno.EMFILE, errno.ENFILE), _MEMORY),
}
"""By number of the system's error; permissions are behind most of the others."""

_SQLITE_REMEDIES = {
    "SQLITE_FULL": _SPACE,
    "SQLITE_READONLY": _PERMISSIONS,
    "SQLITE_CANTOPEN": _PERMISSIONS,
    "SQLITE_PERM": _PERMISSIONS,
    "SQLITE_NOMEM": _MEMORY,
}
"""By name of SQLite's error, without what follows the second underscore; the disk is behind the others."""


@contextmanager
def _writing(paths: IndexPaths) -> Iterator[None]:
    """Turn a failed write into one line that says what still holds."""
    before = in_force(paths)
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        why = getattr(error, "strerror", None) or str(error)
        held = what_holds(before, in_force(paths))
        raise BuildError(f"the index in {paths.root} can't be written ({why}); {held}; {_remedy(error)}") from error


def in_force(paths: IndexPaths) -> str:
    """Return the id of the snapshot in force, or an empty string without one."""
    try:
        return current_id(paths)
    except (OSError, SnapshotError):
        return ""


def what_holds(before: str, now: str) -> str:
    """Say which snapshot is in force after a failure, given what ``in_force`` was before it and is now."""
    if now == before:
        return "the snapshot in force is unchanged" if now else "no snapshot is in force"
    return f"snapshot {now} is in force already" if now else f"snapshot {before}, which was in force, can't be found"


def _remedy(error: OSError | sqlite3.Error) -> str:
    if isinstance(error, OSError):
        return _REMEDIES.get(error.errno or 0, _PERMISSIONS)
    kind = "_".join(getattr(error, "sqlite_errorname", "").split("_")[:2])
    return _SQLITE_REMEDIES.get(kind, _DISK)


@contextmanager
def lock(paths: IndexPaths, purpose: str) -> Iterator[None]:
    """Hold the index's lock, which ends with the process whatever becomes of it.

    Raises BuildLocked, naming the holder, where another process has it, and BuildError where the
    index can't be written, then or later.
    """
    try:
        with _writing(paths), _locked(paths):
            _name_holder(paths, purpose)
            yield
    except portalocker.AlreadyLocked as error:
        raise BuildLocked(
            f"{paths.root} is locked by {_holder(paths)}; wait until it ends, or end it, then try again"
        ) from error
    except portalocker.LockException as error:
        raise BuildError(f"{paths.lock} can't be locked ({error}); keep the index on a local disk") from error


def _name_holder(paths: IndexPaths, purpose: str) -> None:
    """Say who holds the lock; where not even that can be written, nobody is named: a prune may be what frees space."""
    since = datetime.now(UTC).isoformat(timespec="seconds")
    holder = {"pid": os.getpid(), "host": platform.node(), "since": since, "purpose": purpose}
    try:
        replace_file(paths.holder, json.dumps(holder).encode())
    except OSError:
        with suppress(OSError):
            paths.holder.unlink()  # rather than name the one before


@contextmanager
def _locked(paths: IndexPaths) -> Iterator[None]:
    _make_folders(paths.snapshots)
    with portalocker.Lock(paths.lock, mode="a", timeout=0, fail_when_locked=True):
        yield


def _make_folders(folder: Path) -> None:
    """Make a folder and those above it that are missing, and bring the names of new ones to disk."""
    if folder.exists() or folder == folder.parent:  # the top of a drive that is not there
        return
    _make_folders(folder.parent)
    folder.mkdir(exist_ok=True)
    sync(folder.parent)


def _holder(paths: IndexPaths) -> str:
    try:
        found = json.loads(paths.holder.read_text("utf-8"))
        return f"process {found['pid']} on {found['host']} since {found['since']} ({found['purpose']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
