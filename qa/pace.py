"""How fast a stage of a build goes, and how long it still takes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

WINDOW = 60.0
"""Seconds that the pace is taken over: documents differ, and so do minutes."""

SOONEST = 1.0
"""Seconds of work before anything is said of a pace."""


class Pace:
    """Follows the progress of one stage after the other."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Take time from ``clock``, in seconds."""
        self._clock = clock
        self._stage = ""
        self._told: deque[tuple[float, int]] = deque()
        self._total = 0

    def tell(self, stage: str, done: int, total: int) -> None:
        """Take what a build says of its progress (index.records.Progress)."""
        now = self._clock()
        if stage != self._stage or (self._told and done < self._told[-1][1]):
            self._stage = stage
            self._told.clear()
        self._total = total
        if len(self._told) > 1 and now - self._told[-2][0] < WINDOW / 60:
            self._told[-1] = now, done  # a second of work is one entry, however often it is told
        else:
            self._told.append((now, done))
        while len(self._told) > 2 and now - self._told[0][0] > WINDOW:
            self._told.popleft()

    @property
    def rate(self) -> float:
        """How many a second are done; 0 where that is not known yet."""
        if not self._told:
            return 0.0
        (begun, before), (now, done) = self._told[0], self._told[-1]
        return (done - before) / (now - begun) if now - begun >= SOONEST else 0.0

    @property
    def left(self) -> float:
        """Seconds that the stage still takes at this pace; 0 where that is not known."""
        rate = self.rate
        return round(max(self._total - self._told[-1][1], 0) / rate, 1) if rate and self._total else 0.0


def time_left(seconds: float) -> str:
    """Return a time in words, as exactly as such an estimate is: ``40 s``, ``3 min``, ``2 h 10 min``."""
    if seconds < 55:
        return f"{max(5, 5 * round(seconds / 5))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
