"""Workers for tests of the pool (tests/test_ray.py): Ray imports them by name in processes of its own."""

from __future__ import annotations

import os
import time
from pathlib import Path


class Spreader:
    """Returns what it is given, or does what its name says."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def join(self, refusal: str) -> str:
        """Return why it takes no part."""
        return refusal

    def leave(self) -> None:
        """Do nothing."""

    def double(self, number: int) -> int:
        """Return twice the number, the smaller the later."""
        time.sleep(0.02 * max(5 - number, 0))
        return 2 * number

    def die_once(self, number: int) -> int:
        """End the process at number 3, but only once."""
        mark = self._folder / "died"
        if number == 3 and not mark.exists():
            mark.touch()
            os._exit(1)
        return number

    def die(self, number: int) -> int:
        """End the process."""
        os._exit(1)

    def fail(self, number: int) -> int:
        """Raise an error."""
        raise OSError(28, "No space left on device")

    def linger(self, number: int) -> int:
        """Take long, but for number 0."""
        return self.sleep(number) if number else number

    def sleep(self, number: int) -> int:
        """Take long."""
        time.sleep(60)
        return number
