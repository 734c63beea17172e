"""One writer at a time: the lock on an index, which names its holder."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import portalocker

from index.errors import BuildLocked
from index.layout import IndexPaths, replace_file


@contextmanager
def lock(paths: IndexPaths, purpose: str) -> Iterator[None]:
    """Hold the index's lock, which ends with the process whatever becomes of it.

    Raises BuildLocked, naming the holder, where another process has it.
    """
    paths.snapshots.mkdir(parents=True, exist_ok=True)
    try:
        with portalocker.Lock(paths.lock, mode="a", timeout=0, fail_when_locked=True):
            since = datetime.now(UTC).isoformat(timespec="seconds")
            holder = {"pid": os.getpid(), "host": platform.node(), "since": since, "purpose": purpose}
            replace_file(paths.holder, json.dumps(holder).encode())
            yield
    except portalocker.LockException as error:
        raise BuildLocked(
            f"{paths.root} is locked by {_holder(paths)}; wait until it ends, or end it, then try again"
        ) from error


def _holder(paths: IndexPaths) -> str:
    try:
        found = json.loads(paths.holder.read_text("utf-8"))
        return f"process {found['pid']} on {found['host']} since {found['since']} ({found['purpose']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
