"""What a reading process and its owner say to each other: a kind and a body, framed by its length."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO

import msgspec

from index.load.limits import Limits
from index.load.read import Begun, LeftOut, Reading

_HEAD = struct.Struct("<cQ")
_LONGEST = 2**32
"""Bytes of a message; no document within the limits needs as many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTask:
    """Read a file."""

    seeds: str
    """The folder in which it lies."""
    path: str
    """What it is called: relative to the seeds."""
    limits: Limits
    only: str = ""
    """Path of the one document that is wanted; all where it is empty."""
    done: tuple[str, ...] = ()
    """Paths of documents that are known already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawTask:
    """Draw a page of a PDF document."""

    seeds: str
    path: str
    document: str
    """The document's path; the same as ``path`` where it is the file itself."""
    limits: Limits
    number: int
    """From 1."""
    width: int
    """Of the picture, in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A page as PNG, and the sha256 of the document that it was drawn from."""

    png: bytes
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """All of a file has been gone through."""

    sha256: str
    bytes: int


Message = ReadTask | DrawTask | Begun | Reading | LeftOut | Picture | Finished

_KINDS: dict[bytes, type[Message]] = {
    b"T": ReadTask, b"D": DrawTask, b"B": Begun, b"R": Reading, b"L": LeftOut, b"P": Picture, b"F": Finished,
}  # fmt: skip
_NAMES = {kind: name for name, kind in _KINDS.items()}


def send(stream: IO[bytes], message: Message) -> None:
    """Write a message and send it off."""
    body = msgspec.msgpack.encode(message)
    stream.write(_HEAD.pack(_NAMES[type(message)], len(body)) + body)
    stream.flush()


def receive(stream: IO[bytes]) -> Message | None:
    """Return the next message, or nothing where the other side has gone or talks nonsense."""
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    name, size = _HEAD.unpack(head)
    if name not in _KINDS or size > _LONGEST:
        return None
    body = stream.read(size)
    try:
        return msgspec.msgpack.decode(body, type=_KINDS[name])
    except msgspec.MsgspecError:
        return None
