"""Reading on the nodes of a cluster: this machine sends the bytes of files, the nodes send back what they hold."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from index.load.limits import Limits
from index.load.read import LeftOut
from index.load.readers import Outcome
from index.load.walk import read_seed
from index.spread.pool import Pool, Task

GROUP_BYTES = 2**20
"""Bytes of files that are sent together."""
GROUP_FILES = 32


class SpreadReaders:
    """Reads files on the nodes, where each is read in a process with limits as it would be here."""

    def __init__(self, pool: Pool, limits: Limits) -> None:
        self._pool = pool
        self._limits = msgspec.to_builtins(limits)

    def read_all(self, seeds: Path, paths: Iterable[str]) -> Iterator[Outcome]:
        """Yield what became of each file, in the order of ``paths``, those ahead under way on all nodes."""
        sent: deque[list[str | Outcome]] = deque()
        for answers in self._pool.map("read", self._tasks(seeds, paths, sent)):
            read = iter(answers)
            for entry in sent.popleft():
                yield msgspec.msgpack.decode(next(read), type=Outcome) if isinstance(entry, str) else entry

    def _tasks(self, seeds: Path, paths: Iterable[str], sent: deque[list[str | Outcome]]) -> Iterator[Task]:
        """Yield files in groups; ``sent`` gets the paths of each, and what became of those that can't be sent."""
        entries: list[str | Outcome] = []
        files: list[tuple[str, bytes]] = []
        for path in paths:
            try:
                files.append((path, read_seed(seeds, path)))
                entries.append(path)
            except OSError as error:
                entries.append(_unreadable(path, error))
            weight = sum(len(data) for _, data in files)
            if weight >= GROUP_BYTES or len(entries) >= GROUP_FILES:
                sent.append(entries)
                yield Task(arguments=(self._limits, files), weight=weight)
                entries, files = [], []
        if entries:
            sent.append(entries)
            yield Task(arguments=(self._limits, files), weight=sum(len(data) for _, data in files))


def _unreadable(path: str, error: OSError) -> Outcome:
    left = LeftOut(path=path, reason=f"can't be read ({error.strerror})", passing=True)
    return Outcome(path=path, sha256="", bytes=0, readings=(), left_out=(left,))
