"""Builds that run beside the questions, each in a process of its own.

So they slow no answer down, give back all their memory, and can be ended at any point: index.build leaves the
snapshot in force as it is until the new one is complete.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path

from index.encode import Encoder, load_encoder
from index.errors import BuildError, BuildLocked, SeedQAError, SeedsError, SnapshotError, StoreError
from index.folder import as_catalog, in_force
from index.load.limits import Limits
from index.load.walk import walk
from index.lock import what_holds
from index.manifest import AUTO
from index.opened import Catalog
from index.records import BuildReport, Progress
from qa.answer import JsonRecord
from qa.catalogs import build_into, built_from
from qa.interrupts import without_interrupts
from qa.pace import Pace

Loader = Callable[[str, Path, str, Progress], Encoder]
"""Called in the build's process as ``load(model, cache, backend, progress)``; a function of a module."""

DONE, FAILED, CANCELLED = "done", "failed", "cancelled"

GRACE = 3.0
"""Seconds that a process has to end before it is ended without asking."""
INTERVAL = 0.05
"""Seconds between two reports of progress within a stage."""
NICENESS = 5

_SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildState(JsonRecord):
    """How far the latest build is, or what became of it."""

    number: int = 0
    """Builds started so far, so that a page can tell a new one."""
    running: bool = False
    stage: str = ""
    """The latest of index.builder.STAGES or ``prepare`` (the model, once); empty until the process is up."""
    done: int = 0
    total: int = 0
    """Of this stage; 0 where it is not known."""
    left: float = 0.0
    """Seconds that this stage takes yet, about; 0 where that is not known."""
    seconds: float = 0.0
    """Since it started, or how long it took."""
    outcome: str = ""
    """``done``, ``failed`` or ``cancelled``; empty before the first build and while one runs."""
    message: str = ""
    """What went wrong, in one line."""
    report: BuildReport | None = None
    """Of a build that is done."""
    seeds: str = ""
    """The folder that it reads."""


class _Run:
    """A build's process and what this side remembers of it."""

    def __init__(
        self, seeds: Path, settings: tuple[Catalog, Path, str, str, str, Limits, Loader], *, before: str, named: bool
    ) -> None:
        """Start the process. Raises BuildError."""
        self.before = before
        """Id of the snapshot in force at its start."""
        self.named = named
        """It reads a folder that was named for it alone."""
        self.started = time.monotonic()
        self.cancelled = False
        self.ended = threading.Event()
        self.words, speaker = _SPAWN.Pipe(duplex=False)
        self.process = _SPAWN.Process(target=work, args=(speaker, seeds, *settings), name="build", daemon=True)
        try:
            with without_interrupts():
                self.process.start()
        except OSError as error:
            self.words.close()
            raise BuildError(
                f"no process can be started for a build ({error.strerror}); nothing was changed; "
                "free some memory and try again"
            ) from error
        finally:
            speaker.close()  # so that the reader sees its end

    @property
    def seconds(self) -> float:
        """How long ago it started."""
        return round(time.monotonic() - self.started, 3)

    def end(self, *, forced: bool = False) -> None:
        """End the process and those that it has started, such as the preparation of a model."""
        if self.process.pid is not None and os.name != "nt":
            # there is no group before work() makes it; PermissionError is macOS's word for a group of the dead
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL if forced else signal.SIGTERM)
        if forced:
            self.process.kill()
        else:
            self.process.terminate()

    def close(self) -> str:
        """Let go of the process, which has ended; return how it did."""
        self.end(forced=True)  # unless it has not, or has left others running
        self.process.join()
        code = self.process.exitcode or 0
        self.process.close()
        self.words.close()
        known = -code in {item.value for item in signal.Signals}
        return signal.Signals(-code).name if known else f"exit code {code}"


class Rebuilder:
    """Builds an index in the background, one build at a time. Thread-safe."""

    def __init__(
        self,
        index: Path | Catalog,
        cache: Path,
        *,
        seeds: Path | None = None,
        model: str,
        backend: str,
        search: str = AUTO,
        limits: Limits | None = None,
        load: Loader = load_encoder,
        observe: Callable[[BuildState], None] = lambda _: None,
    ) -> None:
        """Read from ``seeds``, or where it is None from the folder that the snapshot in force was built from.

        ``model``, ``backend`` and ``search`` are for the first build: later ones keep to those of the snapshot
        in force. ``observe`` is told of the state when a build has begun and has ended; it must not ask this object.
        """
        self._catalog = as_catalog(index)
        self._cache, self._seeds = cache, seeds
        self._made_with = model, backend, search
        self._limits = limits or Limits()
        self._load, self._observe = load, observe
        self._lock = threading.Lock()
        self._run: _Run | None = None
        self._state = BuildState()
        self._closed = False

    def folder(self) -> Path:
        """Return the folder that the next build reads. Raises SeedsError where it is not known, and StoreError."""
        if (given := self._seeds) is not None:
            return given
        try:
            return built_from(self._catalog)
        except SnapshotError as error:
            raise SeedsError(
                f"the index in {self._catalog.name} does not say which documents it was built from; name their folder"
            ) from error

    def shown(self) -> Path:
        """Return the folder that a page shows: that of the next build, or else the one that the index names."""
        try:
            return self.folder()
        except SeedsError:
            return self._catalog.origin(self._catalog.current())

    @property
    def state(self) -> BuildState:
        """How far the latest build is, or what became of it."""
        with self._lock:
            if self._run is None or not self._state.running:
                return self._state
            return replace(self._state, seconds=self._run.seconds)

    def start(self, seeds: Path | None = None) -> BuildState:
        """Start a build; ``seeds`` is another folder to read, from now on if the build succeeds.

        Raises SeedsError where the folder can't be used, BuildLocked while a build of this object is running,
        StoreError where the server of the index does not say what is in force, as which the next is to be made,
        and BuildError after ``close`` or where no process can be started. Whatever else goes wrong is told by
        the state.
        """
        folder = self.folder() if seeds is None else seeds
        walk(folder)
        before, model, backend, search = self._in_force()
        settings = self._catalog, self._cache, model, backend, search, self._limits, self._load
        with self._lock:
            if self._closed:
                raise BuildError(f"the index in {self._catalog.name} is being closed; start again to rebuild it")
            if self._state.running:
                raise BuildLocked(f"the index in {self._catalog.name} is being built already; wait for it or cancel it")
            self._run = _Run(folder, settings, before=before, named=seeds is not None)
            self._state = BuildState(number=self._state.number + 1, running=True, seeds=str(folder))
            self._observe(self._state)
            threading.Thread(target=self._follow, args=(self._run,), name="build progress", daemon=True).start()
            return self._state

    def wait(self, timeout: float | None = None) -> BuildState:
        """Wait until no build is running, or for ``timeout`` seconds."""
        with self._lock:
            run = self._run
        if run is not None:
            run.ended.wait(timeout)
        return self.state

    def refresh(self) -> BuildState:
        """Take in changed documents: wait for a build under way, build, and return when that has ended.

        Raises what ``start`` raises, but for BuildLocked, and BuildError where the build failed. That it was
        cancelled is no error: somebody wanted it so.
        """
        while True:
            self.wait()
            try:
                self.start()
            except BuildLocked:  # somebody else was quicker, and may have read too early
                continue
            state = self.wait()
            if state.outcome == FAILED:
                raise BuildError(state.message)
            return state

    def cancel(self) -> BuildState:
        """End the build under way; the snapshot in force stays. Without one, nothing changes."""
        with self._lock:
            run = self._run
            if run is None or not self._state.running:
                return self._state
            run.cancelled = True
            run.end()
        if not run.ended.wait(GRACE):
            with self._lock:
                if not run.ended.is_set():
                    run.end(forced=True)
            run.ended.wait(GRACE)
        return self.state

    def close(self) -> None:
        """Cancel the build under way and start no other."""
        with self._lock:
            self._closed = True
        self.cancel()

    def _in_force(self) -> tuple[str, str, str, str]:
        """Return the id of the snapshot in force, and model, backend and way of searching for the next build."""
        ident = in_force(self._catalog)
        if ident:
            with suppress(SnapshotError):
                manifest = self._catalog.manifest(ident)
                return ident, manifest.encoder.model, manifest.encoder.backend, manifest.search
        return ident, *self._made_with

    def _follow(self, run: _Run) -> None:
        """Keep the state up to date with what a build's process says, until it has ended."""
        last: BuildReport | str | None = None
        pace = Pace()
        with suppress(EOFError, OSError):  # it has ended, perhaps in mid-word
            while True:
                word = run.words.recv()
                if isinstance(word, tuple):
                    stage, done, total = word
                    pace.tell(stage, done, total)
                    with self._lock:
                        self._state = replace(self._state, stage=stage, done=done, total=total, left=pace.left)
                else:
                    last = word
        wait([run.process.sentinel], GRACE)
        with self._lock:
            how = run.close()
            outcome, message = self._outcome(run, last, how)
            self._state = replace(
                self._state,
                running=False,
                left=0.0,
                seconds=run.seconds,
                outcome=outcome,
                message=message,
                report=None if isinstance(last, str) else last,
            )
            if outcome == DONE and run.named:
                self._seeds = None  # the snapshot in force names the folder now, and so does one that is restored
            self._observe(self._state)
            run.ended.set()

    def _outcome(self, run: _Run, last: BuildReport | str | None, how: str) -> tuple[str, str]:
        """Return the outcome of a build that has ended, and what went wrong in one line."""
        if last is not None:
            return (FAILED, last) if isinstance(last, str) else (DONE, "")
        try:
            now = in_force(self._catalog)
        except StoreError as error:
            changed, holds = False, f"which snapshot is in force is not known ({error})"
        else:
            changed, holds = now != run.before, what_holds(run.before, now)
        if run.cancelled:
            return CANCELLED, f"too late: {holds}" if changed else ""
        return FAILED, (
            f"the build's process died without a word ({how}); {holds}; "
            "try again, with more memory free if the system ended it"
        )


class _Speaker:
    """Tells the server how far a build is."""

    def __init__(self, words: Connection) -> None:
        self._words = words
        self._stage = ""
        self._said = 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if stage != self._stage or now - self._said >= INTERVAL:
            self._stage, self._said = stage, now
            self.say((stage, done, total))

    def say(self, word: tuple[str, int, int] | BuildReport | str) -> None:
        with suppress(BrokenPipeError):  # the server is gone: the build is still worth finishing
            self._words.send(word)


def work(
    words: Connection, seeds: Path, index: Catalog, cache: Path,
    model: str, backend: str, search: str, limits: Limits, load: Loader,
) -> None:  # fmt: skip
    """Build, in a process of its own: says how far it is and then its report, or what went wrong in one line."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if os.name != "nt":
        os.setpgid(0, 0)  # a group of its own, which is ended as a whole
        os.nice(NICENESS)  # questions come first
    speaker = _Speaker(words)
    try:
        speaker.say(build_into(index, seeds, load(model, cache, backend, speaker), speaker, limits, search))
    except SeedQAError as error:
        speaker.say(_one_line(str(error)))
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        speaker.say(_one_line(f"the build failed ({type(error).__name__}: {error}); the error output says where"))


def _one_line(text: str) -> str:
    return " ".join(text.split()).encode("utf-8", "replace").decode("utf-8")
