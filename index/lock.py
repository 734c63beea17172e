"""One writer at a time: the lock on an index, which names its holder."""

from __future__ import annotations

import errno
import json
import os
import platform
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import portalocker

from index.errors import BuildError, BuildLocked
from index.layout import IndexPaths, replace_file


@contextmanager
def _writing(paths: IndexPaths) -> Iterator[None]:
    """Turn a failed write into one line that says what still holds."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        full = isinstance(error, sqlite3.Error) or error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        why = getattr(error, "strerror", None) or str(error)
        remedy = "free some space and try again" if full else "check the folder's permissions"
        raise BuildError(
            f"the index in {paths.root} can't be written ({why}); the snapshot in force is unchanged; {remedy}"
        ) from error


@contextmanager
def lock(paths: IndexPaths, purpose: str) -> Iterator[None]:
    """Hold the index's lock, which ends with the process whatever becomes of it.

    Raises BuildLocked, naming the holder, where another process has it, and BuildError where the
    index can't be written, then or later.
    """
    try:
        with _writing(paths), _locked(paths):
            since = datetime.now(UTC).isoformat(timespec="seconds")
            holder = {"pid": os.getpid(), "host": platform.node(), "since": since, "purpose": purpose}
            replace_file(paths.holder, json.dumps(holder).encode())
            yield
    except portalocker.AlreadyLocked as error:
        raise BuildLocked(
            f"{paths.root} is locked by {_holder(paths)}; wait until it ends, or end it, then try again"
        ) from error
    except portalocker.LockException as error:
        raise BuildError(f"{paths.lock} can't be locked ({error}); keep the index on a local disk") from error


@contextmanager
def _locked(paths: IndexPaths) -> Iterator[None]:
    paths.snapshots.mkdir(parents=True, exist_ok=True)
    with portalocker.Lock(paths.lock, mode="a", timeout=0, fail_when_locked=True):
        yield


def _holder(paths: IndexPaths) -> str:
    try:
        found = json.loads(paths.holder.read_text("utf-8"))
        return f"process {found['pid']} on {found['host']} since {found['since']} ({found['purpose']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
