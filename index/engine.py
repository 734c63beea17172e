"""Who reads the files of a build: processes of this machine, or whatever else can be given the work (index.spread)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from index.load.limits import Limits
from index.load.readers import Outcome, Readers


class Reads(Protocol):
    """Reads files of the seeds."""

    def read_all(self, seeds: Path, paths: Iterable[str]) -> Iterator[Outcome]:
        """Yield what became of each file, in the order of ``paths``."""


class Engine(Protocol):
    """What a build works with beside its encoder. The result must not depend on it."""

    @property
    def machines(self) -> int:
        """How many machines encode: so much more is given to the encoder at once."""

    def readers(self, limits: Limits) -> AbstractContextManager[Reads]:
        """Return what reads files under ``limits``, to be ended by leaving it."""


class LocalEngine:
    """The processes of this machine."""

    machines = 1

    def readers(self, limits: Limits) -> Readers:
        """Return reading processes, one a core."""
        return Readers(limits)


LOCAL = LocalEngine()
