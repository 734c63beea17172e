"""Bait for documents that lead out of themselves: a file that nobody may open and a port that nobody may call."""

from __future__ import annotations

import ctypes
import os
import select
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SECRET = "The password is herring."
_OPENED = 0x20
"""IN_OPEN of inotify(7)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bait:
    """What a hostile document would like to reach."""

    file: Path
    port: int
    _listener: socket.socket
    _watch: int
    """Tells of every opening of the file, also by libraries in C; −1 where the system has no such thing."""

    @property
    def url(self) -> str:
        """An address that this computer itself listens at."""
        return f"http://127.0.0.1:{self.port}/x"

    def taken(self) -> list[str]:
        """Return what was reached since the last look."""
        found = []
        if select.select([self._listener], [], [], 0)[0]:
            self._listener.accept()[0].close()
            found.append("the port was called")
        if self._watch >= 0 and select.select([self._watch], [], [], 0)[0]:
            os.read(self._watch, 4096)
            found.append("the file was opened")
        return found


@contextmanager
def laid_out(folder: Path) -> Iterator[Bait]:
    """Put a secret into ``folder`` and listen, to both of which documents may refer."""
    file = folder / "secret.txt"
    file.write_text(SECRET, "utf-8")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        watch = _watched(file)
        try:
            yield Bait(file=file, port=listener.getsockname()[1], _listener=listener, _watch=watch)
        finally:
            if watch >= 0:
                os.close(watch)


def _watched(file: Path) -> int:
    if sys.platform != "linux":
        return -1
    system = ctypes.CDLL(None, use_errno=True)
    watch = int(system.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
    assert watch >= 0
    assert system.inotify_add_watch(watch, os.fsencode(file), _OPENED) >= 0
    return watch
