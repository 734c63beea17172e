"""The workers of a cluster: whoever is free gets work, and what a lost one had is given to another.

Written on Ray's actors alone. Its own restarts would keep an actor to the node that died, and its task retries have
neither a deadline nor a bound on what is under way, so both are done here.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from index.errors import ClusterError

IN_FLIGHT = 2
"""Tasks that a worker has: one at work, one that waits for it."""
AHEAD = 4
"""Results a worker may be ahead of whoever takes them, in their order."""
WEIGHT = 512 * 2**20
"""Bytes of all tasks that may be under way."""
TRIES = 4
"""Workers that may be lost over one task before it is held to be the cause."""
STARTS = 3
"""Workers that may be lost in one place before it is given up."""
PATIENCE = 300.0
"""Seconds without any worker before the build gives up."""
_LOOK = 1.0
"""Seconds between two looks at the clock while nothing ends."""
_RECRUIT = 5.0
"""Seconds between two looks for new nodes."""
_ABSENT = "No module named 'index"
"""What Ray says of a node where our own code is missing, in whole or in part."""
_FAREWELL = 5.0
"""Seconds that workers have to end their reading processes."""


@contextmanager
def in_a_line() -> Iterator[None]:
    """Raise ClusterError for what Ray itself raises within: its head or its part of this machine is lost."""
    try:
        yield
    except RayError as error:
        raise ClusterError(
            f"the Ray cluster was lost ({_reason(error)}); what it has read and encoded is kept: run it again to go on"
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a worker can be: a node, or one GPU of it."""

    node: str
    """Ray's id of the node."""
    name: str
    """Its address, for people."""
    number: int
    """Of this place on its node, from 0."""
    cores: int
    gpus: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One call of a worker."""

    arguments: tuple[Any, ...]
    weight: int = 0
    """Bytes that it holds, about."""


@dataclass(eq=False, slots=True)
class _Worker:
    place: Place
    actor: Any
    joining: Any
    """What it says once it is ready; nothing from then on."""
    busy: int = 0


@dataclass(eq=False, slots=True)
class _Given:
    number: int
    task: Task
    lost: int = 0
    """Workers that were lost while they had it."""


class Pool:
    """Workers, one in each place of the cluster, those that join it later included."""

    def __init__(
        self,
        places: Callable[[], list[Place]],
        start: Callable[[Place], tuple[Any, Any]],
        tell: Callable[[str], None],
        deadline: float,
    ) -> None:
        """``places`` returns those there are now; ``start`` a new worker, and what it will say once it is ready.

        ``deadline`` is how many seconds are left for everything.
        """
        self._places = places
        self._start = start
        self._tell = tell
        self._seconds = deadline
        self._end = time.monotonic() + deadline
        self._workers: list[_Worker] = []
        self._starts: dict[Place, int] = {}
        self._why = "no node has a processor for it"
        """What became of the last worker that was lost or left out."""
        self._recruited = self._served = time.monotonic()

    @property
    def ready(self) -> int:
        """How many workers are ready."""
        return sum(worker.joining is None for worker in self._workers)

    def open(self) -> None:
        """Start the workers, and wait until one is ready. Raises ClusterError where none can be."""
        with in_a_line():
            self._recruit()
            while not self.ready:
                self._wait({})

    def map(self, method: str, tasks: Iterable[Task]) -> Iterator[Any]:
        """Yield what ``method`` of a worker returns for each task, in their order.

        Tasks are taken only as workers get free, and results are held only so far ahead; what is still under way is
        left to itself where the caller ends early. Raises ClusterError where all workers are lost, one task loses one
        after the other, or time is up.
        """
        running: dict[Any, tuple[_Given, _Worker]] = {}
        try:
            with in_a_line():
                yield from self._map(method, tasks, running)
        finally:
            for _, worker in running.values():
                worker.busy -= 1

    def _map(self, method: str, tasks: Iterable[Task], running: dict[Any, tuple[_Given, _Worker]]) -> Iterator[Any]:
        """Do as ``map`` does; ``running`` holds what is under way."""
        source = enumerate(tasks)
        following = next(source, None)
        again: deque[_Given] = deque()
        results: dict[int, Any] = {}
        at = 0
        while following is not None or again or running or results:
            while worker := self._free():
                if again:
                    given = again.popleft()
                elif following is not None and self._may_take(following, at, running):
                    given = _Given(*following)
                    following = next(source, None)
                else:
                    break
                running[getattr(worker.actor, method).remote(*given.task.arguments)] = given, worker
                worker.busy += 1
            if at in results:
                yield results.pop(at)
                at += 1
            else:
                for given, result in self._wait(running):
                    if result is None:
                        again.append(given)
                    else:
                        results[given.number] = result

    def _free(self) -> _Worker | None:
        """Return the worker with the least to do, if any has less than it may have."""
        ready = [worker for worker in self._workers if worker.joining is None and worker.busy < IN_FLIGHT]
        return min(ready, key=lambda worker: worker.busy, default=None)

    def _may_take(self, following: tuple[int, Task], at: int, running: dict[Any, tuple[_Given, _Worker]]) -> bool:
        """Tell whether one more task would still be within bounds."""
        number, task = following
        weight = sum(given.task.weight for given, _ in running.values())
        return number - at < AHEAD * max(self.ready, 1) and (not running or weight + task.weight <= WEIGHT)

    def _wait(self, running: dict[Any, tuple[_Given, _Worker]]) -> list[tuple[_Given, Any]]:
        """Wait until something ends, and return tasks with their results, or with None to be given again."""
        now = time.monotonic()
        if now > self._end:
            raise ClusterError(
                f"the build ran longer than {self._seconds:g} s on the cluster (--deadline); what it has read and "
                "encoded is kept: run it again to go on, with a longer --deadline"
            )
        if now - self._recruited > _RECRUIT:
            self._recruit()
        self._check_staffed(now)
        joining = {worker.joining: worker for worker in self._workers if worker.joining is not None}
        ended, _ = ray.wait([*running, *joining], num_returns=1, timeout=min(_LOOK, max(self._end - now, 0.01)))
        if not ended:
            return []
        [reference] = ended
        if reference in joining:
            self._welcome(joining[reference])
            return []
        given, worker = running[reference]
        try:
            result = ray.get(reference)
        except RayError as error:
            self._lose(worker, _reason(error))
            return self._given_back(running)
        del running[reference]
        worker.busy -= 1
        return [(given, result)]

    def _check_staffed(self, now: float) -> None:
        """Raise ClusterError where nobody is left to do the work."""
        if self.ready:
            self._served = now
        if not self._workers:
            raise ClusterError(
                f"no node of the Ray cluster can work on the build ({self._why}); what it has read and encoded is "
                "kept: mend that and run it again"
            )
        if now - self._served > PATIENCE:
            raise ClusterError(
                f"no node of the Ray cluster has begun to work within {PATIENCE:g} s; each has to have half a "
                "processor free (ray status)"
            )

    def _welcome(self, worker: _Worker) -> None:
        """Take a worker that has joined, or leave it out for what it says."""
        try:
            refusal = ray.get(worker.joining)
        except RayError as error:
            refusal = _reason(error)
            if _ABSENT not in refusal:
                self._lose(worker, refusal)
                return
            refusal = "it has no SeedQA, or another than this machine; install the same on both"
        if refusal:
            self._starts[worker.place] = STARTS
            self._lose(worker, refusal)
        else:
            worker.joining = None

    def _lose(self, worker: _Worker, why: str) -> None:
        """Do without a worker, and start another in its place unless that has cost too many."""
        ray.kill(worker.actor)
        self._workers.remove(worker)
        self._why = f"{worker.place.name}: {why}"
        self._recruit()
        if self._workers:  # else there is nobody left, which is an error that says why
            again = any(one.place == worker.place for one in self._workers)
            self._tell(f"{self._why}; {'another is started' if again else 'the others work on'}")

    def _given_back(self, running: dict[Any, tuple[_Given, _Worker]]) -> list[tuple[_Given, None]]:
        """Return what lost workers had."""
        back: list[tuple[_Given, None]] = []
        for reference, (given, worker) in list(running.items()):
            if worker not in self._workers:
                del running[reference]
                given.lost += 1
                if given.lost >= TRIES:
                    raise ClusterError(
                        f"{TRIES} workers of the Ray cluster were lost over the same work, the last at {self._why}; "
                        "build without a cluster to see why"
                    )
                back.append((given, None))
        return back

    def _recruit(self) -> None:
        """Start a worker in each place that has none, but for those that have lost too many."""
        self._recruited = time.monotonic()
        taken = {worker.place for worker in self._workers}
        for place in self._places():
            if place not in taken and self._starts.get(place, 0) < STARTS:
                self._starts[place] = self._starts.get(place, 0) + 1
                self._workers.append(_Worker(place, *self._start(place)))

    def close(self) -> None:
        """End the workers and all that they have started, as far as the cluster is still there."""
        with suppress(RayError):
            leaving = [worker.actor.leave.remote() for worker in self._workers if worker.joining is None]
            if leaving:
                ray.wait(leaving, num_returns=len(leaving), timeout=_FAREWELL)
        for worker in self._workers:
            with suppress(RayError):
                ray.kill(worker.actor)
        self._workers.clear()


def _reason(error: RayError) -> str:
    """Return one line of what Ray says went wrong."""
    if isinstance(error, RayTaskError):
        error = error.cause if error.cause is not None else error
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1][:300]}" if lines else type(error).__name__
