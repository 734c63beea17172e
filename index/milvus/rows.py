"""What the rows of a snapshot hold on a server, and under which names: written by one side, read by the other."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from index.encode.protocol import FloatArray
from index.errors import SnapshotDamaged
from index.opened import RowArray
from index.store import StoredDocument

MANIFEST, ORIGIN, BUILT, PUBLISHED = "manifest", "origin", "built", "published"
"""Names of blobs: the manifest and the folder of origin as the files have them, and two times since the epoch."""

WORDLESS = 0
"""Stands in a sparse vector that would be empty, which servers refuse; terms are numbered from 1."""

LARGEST = 2**30
"""Bytes of a record at most, once unpacked: no document's text is as long, and what is packed may claim any."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRow:
    """A document, and of each of its pages the range of text that stands on it."""

    document: StoredDocument
    pages: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """All that exact scores of a passage need."""

    codes: bytes
    """Vectors in half precision, as the files have them: of each sentence, then of the passage as a whole."""
    terms: bytes
    """Little-endian unsigned 32-bit numbers of its terms."""
    weights: bytes
    """Their BM25+ weights without idf, in 512ths: little-endian unsigned 16-bit numbers."""

    @property
    def words(self) -> tuple[NDArray[np.uint32], NDArray[np.uint16]]:
        """Terms and weights."""
        return np.frombuffer(self.terms, dtype="<u4"), np.frombuffer(self.weights, dtype="<u2")


@dataclass(frozen=True, slots=True, kw_only=True)
class TermRow:
    """A term."""

    number: int
    """From 1."""
    passages: int
    """How many have it."""


def codes(vectors: FloatArray) -> NDArray[np.uint8]:
    """Return vectors in half precision as bytes, one row each. Those of an index lose nothing: it holds no more."""
    return vectors.astype("<f2").view(np.uint8)


def document_key(row: int) -> str:
    """Return the name of a document."""
    return f"d{row}"


def text_key(row: int) -> str:
    """Return the name of a document's text."""
    return f"t{row}"


def page_key(row: int, at: int) -> str:
    """Return the name of a page of a document."""
    return f"g{row}.{at}"


def passage_key(row: int) -> str:
    """Return the name of a passage as it is shown."""
    return f"p{row}"


def scoring_key(row: int) -> str:
    """Return the name of what scores a passage."""
    return f"s{row}"


def term_key(term: str) -> str:
    """Return the name of a term, which may be of any length."""
    return f"w{hashlib.sha256(term.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def file_key(name: str) -> str:
    """Return the name of a file, in the collection of files."""
    return f"f{name}"


def pack(record: Any) -> bytes:
    """Return a record as bytes."""
    return zlib.compress(msgspec.msgpack.encode(record), 1)


def unpack(data: bytes, kind: type[T], where: str) -> T:
    """Return the record in bytes that ``pack`` made, which were read from ``where``.

    Raises SnapshotDamaged where they are others, or hold more than LARGEST bytes.
    """
    packed = zlib.decompressobj()
    try:
        plain = packed.decompress(data, LARGEST)
        if not packed.eof:
            raise damaged(where)
        return msgspec.msgpack.decode(plain, type=kind)
    except (zlib.error, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise damaged(where) from error


def damaged(where: str) -> SnapshotDamaged:
    """Return the error for a row that was altered."""
    return SnapshotDamaged(f"{where} holds a row that is not as it was written; build or import again")


def seconds_in(data: bytes, where: str) -> float:
    """Return the time in a blob, in seconds since the epoch. Raises SnapshotDamaged."""
    try:
        return float(data)
    except ValueError as error:
        raise damaged(where) from error


def within(ranges: RowArray | None, field: str) -> str:
    """Return a filter that lets rows through whose ``field`` is within ranges; all, where there are none given."""
    if ranges is None:
        return ""
    parts = (f"({field} >= {first} and {field} < {last})" for first, last in ranges.tolist())
    return " or ".join(parts)
