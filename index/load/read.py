"""A file in, its documents out: itself, or what an archive or mailbox holds, each read or left out with a reason."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

from index.load.archive import Member
from index.load.detect import detect, suspicious_name
from index.load.formats import CONTAINERS, FORMATS, extract, unpacker
from index.load.limits import Limits, Unreadable
from index.records import Extract


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Work on a document has begun: whatever goes wrong from here on is its fault."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A document that was read."""

    path: str
    sha256: str
    bytes: int
    format: str
    extract: Extract


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A document, or a part of an archive, that was not read, and why."""

    path: str
    reason: str
    passing: bool = False
    """It may be otherwise another time, so the next build tries again."""


Event = Begun | Reading | LeftOut


Tell = Callable[[Event], None]
"""Takes an event at once, while a document is still being read."""


def tell_nobody(event: Event) -> None:
    """Let an event pass."""


def read(
    path: str, data: bytes, limits: Limits, done: Collection[str] = (), tell: Tell = tell_nobody
) -> Iterator[Event]:
    """Yield what becomes of each document in a file of the seeds.

    Those in ``done`` are passed over, but for what lies within them. The event that begins an archive comes again
    before each of its members is unpacked; that of a document is told again before each page that takes long.
    """
    return _Walk(limits, done, tell).documents(path, data, 0)


def read_document(path: str, data: bytes, limits: Limits, tell: Tell = tell_nobody) -> Reading | LeftOut:
    """Return what becomes of one document, without what lies within it."""
    try:
        name = detect(path, data)
        if name not in FORMATS:
            raise Unreadable("holds documents, but is none itself")
        found = extract(name, data, limits, lambda: tell(Begun(path=path)))
    except Unreadable as error:
        return LeftOut(path=path, reason=str(error), passing=error.passing)
    except MemoryError:
        return LeftOut(path=path, reason=out_of_memory(limits))
    except RecursionError:
        return LeftOut(path=path, reason="nested too deeply to be read")
    except Exception as error:  # whatever a format's library stumbles over costs this document alone
        return LeftOut(path=path, reason=f"its reader failed ({type(error).__name__}: {error})")
    if odd := suspicious_name(path, name):
        found = replace(found, notes=(*found.notes, odd))
    digest = hashlib.sha256(data).hexdigest()
    return Reading(path=path, sha256=digest, bytes=len(data), format=name, extract=found)


def find_document(path: str, data: bytes, limits: Limits, wanted: str) -> bytes:
    """Return the bytes of the document called ``wanted`` in a file called ``path``: of itself or what lies within.

    Raises Unreadable where it is not there.
    """
    for _ in range(limits.depth + 1):
        if path == wanted:
            return data
        name = detect(path, data)
        members = unpacker(name)(data, limits) if name in CONTAINERS else iter(())
        for member in members:
            inner = f"{path}/{member.name}"
            if wanted == inner or wanted.startswith(f"{inner}/"):
                if member.reason:
                    raise Unreadable(member.reason)
                path, data = inner, member.data
                break
        else:
            break
    raise Unreadable(f"{wanted} is no longer in {path}")


class _Walk:
    """One way through a file and all that lies within it."""

    def __init__(self, limits: Limits, done: Collection[str], tell: Tell) -> None:
        self._limits = limits
        self._done = done
        self._tell = tell
        self._expanded = 0

    def documents(self, path: str, data: bytes, depth: int) -> Iterator[Event]:
        """Yield the events of one document and of those within it."""
        yield Begun(path=path)
        try:
            name = detect(path, data)
        except Unreadable as error:
            yield from self._leave_out(path, str(error))
            return
        if name in FORMATS and path not in self._done:
            yield read_document(path, data, self._limits, self._tell)
        if name in CONTAINERS:
            yield from self._members(path, name, data, depth + 1)

    def _members(self, path: str, name: str, data: bytes, depth: int) -> Iterator[Event]:
        empty = name not in FORMATS
        try:
            for member in unpacker(name)(data, self._limits):
                empty = False
                if depth > self._limits.depth:
                    within = f"lies within {self._limits.depth} archives, the most that are opened"
                    yield from self._leave_out(path if name not in FORMATS else f"{path}/{member.name}", within)
                    return
                yield from self._member(path, member, depth)
                if self._expanded > self._limits.expanded:
                    most = self._limits.expanded // 2**20
                    yield LeftOut(path=path, reason=f"unpacks to more than {most} MiB: the rest is left out")
                    return
                yield Begun(path=path)
            if empty:
                yield from self._leave_out(path, "holds no files")
        except Unreadable as error:
            yield LeftOut(path=path, reason=str(error))
        except MemoryError:
            yield LeftOut(path=path, reason=out_of_memory(self._limits))

    def _member(self, path: str, member: Member, depth: int) -> Iterator[Event]:
        inner = f"{path}/{member.name}"
        if member.reason:
            yield from self._leave_out(inner, member.reason)
            return
        self._expanded += len(member.data)
        if self._expanded <= self._limits.expanded:
            yield from self.documents(inner, member.data, depth)

    def _leave_out(self, path: str, reason: str) -> Iterator[LeftOut]:
        if path not in self._done:
            yield LeftOut(path=path, reason=reason)


def out_of_memory(limits: Limits) -> str:
    """Return the reason for a document that needs more memory than it may have."""
    return f"needs more than {limits.memory // 2**20} MiB of memory to be read (setting read_memory)"
