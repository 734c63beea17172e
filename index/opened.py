"""What an index is to those who ask it, wherever it is kept: the protocols behind which a folder and a server stand.

The search of a store ends with candidates and all their scores, computed exactly; how these become ranked passages,
evidence, confidence and citations is the same code for every store (``qa``).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from index.encode.protocol import FloatArray
from index.layout import IndexPaths, SnapshotPaths
from index.manifest import Manifest, SourceRecord
from index.records import Page, Progress
from index.store import StoredDocument, StoredPassage

RowArray = NDArray[np.int64]
Mask = NDArray[np.bool_]

Ranges = NDArray[np.int64]
"""Rows from the first of each range up to the last, which is not in it: shape (ranges, 2), ascending, apart."""


def ranges_of(mask: Mask) -> Ranges:
    """Return the ranges in which a mask is true."""
    edges = np.diff(np.concatenate(([0], mask.astype(np.int8), [0])))
    return np.flatnonzero(edges).reshape(-1, 2)


def mask_of(ranges: Ranges, total: int) -> Mask:
    """Return a mask of ``total`` rows that is true within ranges."""
    mask: Mask = np.zeros(total, dtype=np.bool_)
    for first, last in ranges.tolist():
        mask[first:last] = True
    return mask


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """The candidates of one question with all that decides their order, each score as if it alone were looked at."""

    rows: RowArray
    """Of passages, ascending."""
    bm25: FloatArray
    """BM25+ of each: shape (rows,), float32, higher is better."""
    cosines: FloatArray
    """Cosine of each of their sentences, passage after passage: float32."""
    starts: RowArray
    """Where each passage's begin in ``cosines``: shape (rows,)."""
    whole: FloatArray
    """Cosine of each passage as a whole: shape (rows,), float32."""


class Passages(Protocol):
    """Documents, passages and pages of one snapshot. Thread-safe."""

    @property
    def documents(self) -> tuple[StoredDocument, ...]:
        """All documents, sorted by path; ``documents[row].row == row``."""
        ...

    def document(self, row: int, /) -> StoredDocument:
        """Return a document by its row."""
        ...

    def by_path(self, path: str) -> StoredDocument | None:
        """Return the document at a path, or nothing."""
        ...

    def document_text(self, row: int) -> str:
        """Return the extracted text of a document."""
        ...

    def passages(self, rows: Sequence[int]) -> list[StoredPassage]:
        """Return passages in the order of ``rows``."""
        ...

    def passage_ids(self, rows: Sequence[int]) -> list[str]:
        """Return the ids of passages in the order of ``rows``."""
        ...

    def passages_of(self, document: StoredDocument) -> Iterator[StoredPassage]:
        """Yield the passages of a document, in order."""
        ...

    def pages(self, document: int, start: int = 0, end: int = 2**62) -> tuple[Page, ...]:
        """Return the pages on which text of ``start`` to ``end`` stands, in order; none for most formats."""
        ...


class OpenSnapshot(Protocol):
    """One snapshot, open for questions. Thread-safe."""

    @property
    def manifest(self) -> Manifest:
        """What it holds and how it was made."""
        ...

    @property
    def store(self) -> Passages:
        """Its documents and passages."""
        ...

    @property
    def id(self) -> str:
        """Derived from seeds and settings."""
        ...

    @property
    def built(self) -> float:
        """When it was written, in seconds since the epoch."""
        ...

    @property
    def seeds(self) -> Path:
        """The folder that it was read from."""
        ...

    def source_of(self, document: str) -> SourceRecord | None:
        """Return the file that a document is or lies within, as it was read, or nothing where it is not known."""
        ...

    def idf(self, term: str) -> float:
        """Return the idf of a term; one that no passage has gets the highest there is."""
        ...

    def candidates(
        self, vector: FloatArray, terms: Sequence[str], depth: int, k: int, allowed: Ranges | None = None
    ) -> Found:
        """Return the passages that may be among the ``k`` best.

        They are the ``depth`` best of each of three lists, by sentence, as a whole and by words; all, where those are
        fewer than ``k``. A store that searches approximately may find fewer than there are. ``allowed`` are the rows
        of passages that may answer, where not all may.
        """
        ...

    def check(self) -> None:
        """Raise SnapshotDamaged where what is open was changed since."""
        ...

    def close(self) -> None:
        """Let go of it. It can't be used afterwards."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that an examination found wrong."""

    snapshot: str
    problem: str


class Catalog(Protocol):
    """An index: its snapshots, which of them is in force, and how that changes. Can be sent to another process."""

    @property
    def name(self) -> str:
        """The folder or the address, as messages and ``--index`` name it; without credentials."""
        ...

    @property
    def home(self) -> IndexPaths:
        """The folder for what stays on this computer: lock, journal, calibration, judgements, the latest build."""
        ...

    def stamp(self) -> Hashable:
        """Return what changes whenever another snapshot is put in force; never fails."""
        ...

    def current(self) -> str:
        """Return the id of the snapshot in force. Raises SnapshotMissing where there is none."""
        ...

    def ids(self) -> list[str]:
        """Return the ids of all snapshots, the most recently published first."""
        ...

    def manifest(self, ident: str) -> Manifest:
        """Return a snapshot's manifest, its checksum checked."""
        ...

    def origin(self, ident: str) -> Path:
        """Return the folder that a snapshot was read from."""
        ...

    def built(self, ident: str) -> float:
        """Return when a snapshot was written, in seconds since the epoch."""
        ...

    def published(self, ident: str) -> float:
        """Return when a snapshot was put in force, in seconds since the epoch."""
        ...

    def open(self) -> OpenSnapshot:
        """Open the snapshot in force."""
        ...

    def take(self, snapshot: SnapshotPaths, progress: Progress) -> None:
        """Put a copy of a snapshot in a folder in force, after every count and hash of the copy was checked."""
        ...

    def save(self, ident: str, folder: SnapshotPaths, progress: Progress) -> None:
        """Write the files of a snapshot into an empty folder, without checking or syncing them."""
        ...

    def restore(self, ident: str) -> str:
        """Put an earlier snapshot back in force; return the id of the one before, or an empty string."""
        ...

    def prune(self, keep: int) -> list[str]:
        """Remove all but the snapshot in force and the ``keep`` published before it; return the removed ids."""
        ...

    def examine(self) -> list[Finding]:
        """Check every hash and count of every snapshot; return what is wrong."""
        ...

    def close(self) -> None:
        """Let go of connections; whatever is asked next makes new ones."""
        ...
