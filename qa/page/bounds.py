"""How much may be asked for: at most in one call, and at once by all who ask."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from index.errors import Busy, QuestionError

MAX_PASSAGES = 100
MAX_PATTERNS, MAX_PATTERN = 100, 1000
"""Patterns of documents in one question, and characters of one."""

AT_ONCE = 2 * (os.cpu_count() or 1)
"""Questions and passages worked on at a time, however they are asked for."""
FILES_AT_ONCE = 2
"""The same for what reads files anew, verifications and pictures: one waits while the other is read."""
UNDER_WAY, WAITING = 12, 36
"""Calls that Gradio has at a time, and calls that wait, in front of it or in its own queue: about a second of work."""
WAIT_SECONDS = 10.0
"""How long one waits for its turn."""


class Turns:
    """Lets few enough work at a time. Thread-safe."""

    def __init__(self, at_once: int = 0) -> None:
        """``at_once`` is how many; 0 stands for AT_ONCE."""
        self._free = threading.BoundedSemaphore(at_once or AT_ONCE)

    @contextmanager
    def one(self) -> Iterator[None]:
        """Wait until there are few enough others at work. Not to be nested. Raises Busy where that lasts."""
        if not self._free.acquire(timeout=WAIT_SECONDS):
            raise Busy("the server is busy; try again in a moment")
        try:
            yield
        finally:
            self._free.release()


def check_size(k: int, patterns: Sequence[str]) -> None:
    """Raise QuestionError where more is asked for than one question may."""
    if isinstance(k, int) and k > MAX_PASSAGES:
        raise QuestionError(f"k is {k}, expected at most {MAX_PASSAGES}")
    if len(patterns) > MAX_PATTERNS:
        raise QuestionError(f"documents has {len(patterns):,} patterns, expected at most {MAX_PATTERNS}")
    if (longest := max(map(len, patterns), default=0)) > MAX_PATTERN:
        raise QuestionError(f"a pattern of documents has {longest:,} characters, expected at most {MAX_PATTERN:,}")


def check_whole(name: str, value: object, least: int, most: int) -> None:
    """Raise QuestionError where a value is no whole number within its bounds."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise QuestionError(f"{name} is {value!r}, expected a whole number from {least} to {most:,}")
