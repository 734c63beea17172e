"""Owners of the reading processes: files go out to all cores, and a process that a file has spoilt is replaced."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType

import psutil

from index.load.formats import CONTAINERS
from index.load.limits import Limits, Unreadable
from index.load.messages import DrawTask, Finished, Message, Picture, ReadTask, receive, send
from index.load.read import Begun, LeftOut, Reading, out_of_memory

RESTARTS = 10
"""Documents of one archive that may spoil a process before the rest of it is left out."""
_LOOK = 0.1
"""Seconds between two looks at what a process uses."""
_STARTING = 10.0
"""Seconds more that a process has until its first word: it may have to start, on a busy machine."""
_AHEAD = 4
"""Files a process may be ahead of whoever takes what was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one file of the seeds."""

    path: str
    sha256: str
    """Of the file; empty where it could not be read."""
    bytes: int
    readings: tuple[Reading, ...]
    left_out: tuple[LeftOut, ...]


class _Worker:
    """One reading process, started when it is first needed, ended when it takes too long or too much."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._begun = 0.0
        self.verdict = ""
        """Why the answers to the last task broke off, or empty."""
        self.passing = False
        """That may be otherwise another time: the machine was busy, or somebody ended the process."""

    def ask(self, task: ReadTask | DrawTask) -> Iterator[Message]:
        """Yield the answers to a task; they break off where the process ended, and ``verdict`` says why."""
        if self._process is not None and self._process.poll() is not None:
            self.close()  # it died since the last task, which is no fault of this one
        process = self._process = self._process or _start()
        assert process.stdin is not None
        assert process.stdout is not None
        self.verdict, self.passing, self._begun = "", False, time.monotonic() + _STARTING
        done = threading.Event()
        watch = threading.Thread(
            target=self._watch, args=(process, task.limits, done), name="reader watch", daemon=True
        )
        watch.start()
        finished = False
        try:
            with suppress(BrokenPipeError):  # it died before it began: receive tells
                send(process.stdin, task)
            while (message := receive(process.stdout)) is not None:
                self._begun = time.monotonic()
                yield message
                if isinstance(message, Finished | Picture) or isinstance(task, DrawTask):
                    finished = True
                    return
        finally:
            done.set()
            watch.join()
            if not finished and not self.verdict:
                self.verdict, self.passing = _how(process), True
            if not finished or self.verdict:
                self.close()

    def _watch(self, process: subprocess.Popen[bytes], limits: Limits, done: threading.Event) -> None:
        """End the process when a document takes too long or too much memory."""
        while not done.wait(_LOOK):
            if time.monotonic() - self._begun > limits.seconds:
                self.verdict = f"takes longer than {limits.seconds:g} s to be read (setting read_seconds)"
                self.passing = True
            with suppress(psutil.Error):
                if psutil.Process(process.pid).memory_info().rss > limits.memory:
                    self.verdict, self.passing = out_of_memory(limits), False
            if self.verdict:
                process.kill()
                return

    def close(self) -> None:
        """End the process; the next task starts another."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()

    def end(self) -> None:
        """End the process from another thread, which makes the answers under way break off."""
        process = self._process
        if process is not None:
            process.kill()


def _start() -> subprocess.Popen[bytes]:
    root = str(Path(__file__).parents[2])
    paths = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "index.load.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": paths, "OMP_THREAD_LIMIT": "1"},  # a process has one core
    )


def _how(process: subprocess.Popen[bytes]) -> str:
    try:
        code = process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        return "its reader said what can't be understood"
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return f"its reader died ({how}), as a damaged or hostile file can make it"


@dataclass(slots=True)
class _Progress:
    """What is known so far of a file that is being read."""

    current: str
    readings: dict[str, Reading] = field(default_factory=dict)
    left_out: dict[tuple[str, str], LeftOut] = field(default_factory=dict)
    end: Finished | None = None

    def take(self, message: Message) -> None:
        if isinstance(message, Begun):
            self.current = message.path
        elif isinstance(message, Reading):
            self.readings[message.path] = message
        elif isinstance(message, LeftOut):
            self.left_out.setdefault((message.path, message.reason), message)
        elif isinstance(message, Finished):
            self.end = message

    def blame(self, worker: _Worker) -> None:
        """Leave out what a process was at when it ended, unless it had just done that."""
        read = self.readings.get(self.current)
        if read is None:
            self.take(LeftOut(path=self.current, reason=worker.verdict, passing=worker.passing))
        elif read.format in CONTAINERS:
            reason = f"what lies within it: {worker.verdict}"
            self.take(LeftOut(path=self.current, reason=reason, passing=worker.passing))

    @property
    def done(self) -> tuple[str, ...]:
        return (*self.readings, *(path for path, _ in self.left_out))


class Readers:
    """Reading processes, one a core, each under ``limits``. Thread-safe; a context manager that ends them."""

    def __init__(self, limits: Limits | None = None, workers: int = 0) -> None:
        """``workers`` is the number of processes; 0 stands for one a core."""
        self._limits = limits or Limits()
        self._count = workers or os.cpu_count() or 1
        self._free: SimpleQueue[_Worker] = SimpleQueue()
        self._closed = threading.Event()
        self._workers = [_Worker() for _ in range(self._count)]
        for worker in self._workers:
            self._free.put(worker)

    def read_all(self, seeds: Path, paths: Iterable[str]) -> Iterator[Outcome]:
        """Yield what became of each file, in the order of ``paths``, reading some ahead on all cores.

        Whoever stops taking them ends the processes: these readers read nothing more.
        """
        waiting: deque[Future[Outcome]] = deque()
        finished = False
        with ThreadPoolExecutor(self._count, thread_name_prefix="reader") as threads:
            try:
                for path in paths:
                    waiting.append(threads.submit(self.read_file, seeds, path))
                    if len(waiting) > _AHEAD * self._count:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
                finished = True
            finally:
                for future in waiting:
                    future.cancel()
                if not finished:
                    self._break_off()

    def read_file(self, seeds: Path, path: str) -> Outcome:
        """Return what became of a file and of all documents within it."""
        found = _Progress(current=path)
        worker = self._free.get()
        try:
            for _ in range(RESTARTS + 1):
                task = ReadTask(seeds=str(seeds), path=path, limits=self._limits, done=found.done)
                for message in worker.ask(task):
                    found.take(message)
                if found.end is not None or found.current in task.done or self._closed.is_set():
                    break
                found.blame(worker)
                if found.current == path and not found.readings:  # nothing came of it: there is nothing to go on from
                    break
            else:
                reason = f"{RESTARTS + 1} documents in it could not be read: not read on"
                found.take(LeftOut(path=path, reason=reason, passing=True))
        finally:
            self._free.put(worker)
        end = found.end or Finished(sha256="", bytes=0)
        return Outcome(
            path=path,
            sha256=end.sha256,
            bytes=end.bytes,
            readings=tuple(found.readings.values()),
            left_out=tuple(found.left_out.values()),
        )

    def read_document(self, seeds: Path, path: str, document: str, limits: Limits | None = None) -> Reading:
        """Return one document of the file ``path`` of the seeds; ``limits`` take the place of those of these readers.

        Raises Unreadable with the reason why it can't be read.
        """
        task = ReadTask(seeds=str(seeds), path=path, limits=limits or self._limits, only=document)
        answer = self._ask(task)
        assert isinstance(answer, Reading)
        return answer

    def draw_page(self, seeds: Path, path: str, document: str, number: int, width: int) -> Picture:
        """Return page ``number`` of a PDF document as a picture ``width`` pixels wide. Raises Unreadable."""
        task = DrawTask(seeds=str(seeds), path=path, document=document, limits=self._limits, number=number, width=width)
        answer = self._ask(task)
        assert isinstance(answer, Picture)
        return answer

    def _ask(self, task: ReadTask | DrawTask) -> Reading | Picture:
        try:
            worker = self._free.get(timeout=task.limits.seconds)
        except Empty as error:
            raise Unreadable("other documents are being read; try again in a moment", passing=True) from error
        try:
            if self._closed.is_set():
                raise Unreadable("the index is closed", passing=True)
            answers = list(worker.ask(task))
        finally:
            self._free.put(worker)
        for answer in answers:
            if isinstance(answer, Reading | Picture):
                return answer
            if isinstance(answer, LeftOut):
                raise Unreadable(answer.reason, passing=answer.passing)
        raise Unreadable(worker.verdict, passing=worker.passing)

    def _break_off(self) -> None:
        self._closed.set()
        for worker in self._workers:
            worker.end()

    def close(self) -> None:
        """End all processes, those at work too; nothing is read any more."""
        self._break_off()
        for worker in self._workers:
            worker.close()

    def __enter__(self) -> Readers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
