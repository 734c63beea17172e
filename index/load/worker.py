"""The process that reads documents: whatever a file does to it, it does to nothing else.

Started by index.load.readers, which says over its input what to read and hears over its output what came of it.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import BinaryIO, cast

from index.load.detect import detect
from index.load.limits import Limits, Unreadable
from index.load.messages import DrawTask, Finished, Message, Picture, ReadTask, receive, send
from index.load.read import Begun, LeftOut, find_document, out_of_memory, read, read_document
from index.load.walk import read_seed

if sys.platform != "win32":
    import resource

_OWN = 2**30
"""Bytes of address space that Python and its libraries take beside a document."""
_REASON = 300


def main() -> None:
    """Serve tasks until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the owner decides what Ctrl-C ends
    tasks, answers = _streams()
    while (task := receive(tasks)) is not None:
        assert isinstance(task, ReadTask | DrawTask)
        _bound_memory(task.limits)
        tell = partial(_tell, answers, task.limits)
        for message in _read(task, tell) if isinstance(task, ReadTask) else _draw(task):
            tell(message)


def _tell(answers: BinaryIO, limits: Limits, message: Message) -> None:
    """Send a message; whatever is read next has all its time before it."""
    _bound_time(limits)
    send(answers, _presentable(message))


def _streams() -> tuple[BinaryIO, BinaryIO]:
    """Return the streams of messages; what a library prints goes nowhere, above all not among the messages."""
    tasks, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    return tasks, answers


def _bound_memory(limits: Limits) -> None:
    """Make requests for too much memory fail here; elsewhere than on Linux the owner's watch is all there is."""
    if sys.platform == "linux":
        _bound(resource.RLIMIT_AS, limits.memory + _OWN)


def _bound(what: int, most: int) -> None:
    """Set a limit of the system, but none above what this user may have."""
    if sys.platform != "win32":
        hard = resource.getrlimit(what)[1]
        resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _bound_time(limits: Limits) -> None:
    """Let the system end this process if a document goes on for ever and the owner is no longer there to see it."""
    if sys.platform != "win32":
        used = resource.getrusage(resource.RUSAGE_SELF)
        _bound(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime + 2 * limits.seconds) + 5)


def _read(task: ReadTask, tell: Callable[[Message], None]) -> Iterator[Message]:
    yield Begun(path=task.path)
    try:
        data = read_seed(Path(task.seeds), task.path)
    except OSError as error:
        yield LeftOut(path=task.path, reason=f"can't be read ({error.strerror})", passing=True)
        yield Finished(sha256="", bytes=0)
        return
    digest = hashlib.sha256(data).hexdigest()
    if task.only:
        yield _read_only(task, data, tell)
    else:
        yield from read(task.path, data, task.limits, task.done, tell)
    yield Finished(sha256=digest, bytes=len(data))


def _read_only(task: ReadTask, data: bytes, tell: Callable[[Message], None]) -> Message:
    try:
        found = find_document(task.path, data, task.limits, task.only)
        return read_document(task.only, found, task.limits, tell)
    except Unreadable as error:
        return LeftOut(path=task.only, reason=str(error))
    except MemoryError:
        return LeftOut(path=task.only, reason=out_of_memory(task.limits))


def _draw(task: DrawTask) -> Iterator[Message]:
    try:
        data = find_document(task.path, read_seed(Path(task.seeds), task.path), task.limits, task.document)
        if detect(task.document, data) != "pdf":
            raise Unreadable("it is no PDF document, so it has no pages")
        render_page = import_module("index.load.pdf.document").render_page
        png = cast("bytes", render_page(data, task.number, task.width))
        yield Picture(png=png, sha256=hashlib.sha256(data).hexdigest())
    except Unreadable as error:
        yield LeftOut(path=task.document, reason=str(error))
    except MemoryError:
        yield LeftOut(path=task.document, reason=out_of_memory(task.limits))
    except OSError as error:
        yield LeftOut(path=task.document, reason=f"can't be read ({error.strerror})")


def _presentable(message: Message) -> Message:
    """Return a message whose reason is one line that any terminal and any file can take."""
    if not isinstance(message, LeftOut):
        return message
    reason = " ".join(message.reason.split())[:_REASON].encode("utf-8", "replace").decode("utf-8")
    return replace(message, reason=reason)


if __name__ == "__main__":
    main()
