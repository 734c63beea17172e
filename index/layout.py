"""Where things are on disk, and how files get there whole or not at all.

INDEX/
  CURRENT                  one line: the id of the snapshot in force, replaced atomically
  build.lock               held while a build or prune runs; holder.json says by whom
  snapshots/<id>/
    manifest.json          what the snapshot holds, with the sha256 of every other file
    origin.json            the folder that it was read from; may change
    passages.sqlite        documents, passages, ranges of sentences
    first_sentences.npy    row of the first sentence of each passage
    passage_documents.npy  row of the document of each passage
    vectors.faiss          one row a sentence
    passage_vectors.faiss  one row a passage, read as a whole with its title and headings
    lexical/               BM25+ postings
    candidates.faiss, passage_candidates.faiss   where to look for the nearest, where they are very many
  snapshots/<id>.verified.json   large files of it that were found intact, if there are any; may change or go
  unfinished.sqlite        what a build that was interrupted had done already
  feedback.jsonl           judgements of readers, with feedback.lock; no build reads or changes them
  calibration.json         confidence and threshold fitted for this index (qa calibrate); no build changes it
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

if sys.platform == "darwin":
    import fcntl

TEMPORARY = ".tmp"
"""Ending of what is not finished; a build removes leftovers before it begins."""


@dataclass(frozen=True, slots=True)
class SnapshotPaths:
    """The files of one snapshot."""

    root: Path

    @property
    def manifest(self) -> Path:
        """What the snapshot holds."""
        return self.root / "manifest.json"

    @property
    def origin(self) -> Path:
        """The folder that it was read from."""
        return self.root / "origin.json"

    @property
    def verified(self) -> Path:
        """Which large files were found intact."""
        return self.root.with_name(f"{self.root.name.removesuffix(TEMPORARY)}.verified.json")

    @property
    def passages(self) -> Path:
        """Documents, passages and ranges of sentences."""
        return self.root / "passages.sqlite"

    @property
    def first_sentences(self) -> Path:
        """Row of the first sentence of each passage."""
        return self.root / "first_sentences.npy"

    @property
    def passage_documents(self) -> Path:
        """Row of the document of each passage."""
        return self.root / "passage_documents.npy"

    @property
    def vectors(self) -> Path:
        """One vector a sentence."""
        return self.root / "vectors.faiss"

    @property
    def passage_vectors(self) -> Path:
        """One vector a passage."""
        return self.root / "passage_vectors.faiss"

    @property
    def candidates(self) -> Path:
        """Where to look for the nearest sentences, where they are very many."""
        return self.root / "candidates.faiss"

    @property
    def passage_candidates(self) -> Path:
        """The same for passages."""
        return self.root / "passage_candidates.faiss"

    @property
    def lexical(self) -> Path:
        """Folder of BM25 postings."""
        return self.root / "lexical"


@dataclass(frozen=True, slots=True)
class IndexPaths:
    """The files of an index."""

    root: Path

    @property
    def current(self) -> Path:
        """Names the snapshot in force."""
        return self.root / "CURRENT"

    @property
    def lock(self) -> Path:
        """Locked by whoever changes the index."""
        return self.root / "build.lock"

    @property
    def holder(self) -> Path:
        """Says who holds the lock."""
        return self.root / "holder.json"

    @property
    def journal(self) -> Path:
        """What an unfinished build has done already."""
        return self.root / "unfinished.sqlite"

    @property
    def calibration(self) -> Path:
        """Confidence and threshold that were fitted for this index."""
        return self.root / "calibration.json"

    @property
    def snapshots(self) -> Path:
        """Folder of all snapshots."""
        return self.root / "snapshots"

    def snapshot(self, ident: str) -> SnapshotPaths:
        """Return the files of the snapshot with an id."""
        return SnapshotPaths(self.snapshots / ident)


def sync(path: Path) -> None:
    """Ask the system to bring a file or folder to disk. Folders can't be synced on Windows: nothing is done."""
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        _flush(handle)
    finally:
        os.close(handle)


def _flush(handle: int) -> None:
    """Bring a file to the drive's own memory; on macOS fsync alone leaves it in the drive's cache."""
    if sys.platform == "darwin":
        fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
    else:
        os.fsync(handle)


@contextmanager
def synced(path: Path) -> Iterator[BinaryIO]:
    """Open a new file to be written; when the block ends well it is on disk to the last byte."""
    with path.open("wb") as file:
        yield file
        file.flush()
        _flush(file.fileno())


def write_synced(path: Path, *parts: bytes | memoryview) -> None:
    """Write a new file, part after part, and bring it to disk: the last byte is there when this returns."""
    with synced(path) as file:
        for part in parts:
            file.write(part)


def replace_file(path: Path, data: bytes) -> None:
    """Replace a file atomically: whoever reads it finds the old content or the new.

    Where that fails nothing is left beside it, as far as the disk allows.
    """
    beside = path.with_name(path.name + TEMPORARY)
    try:
        write_synced(beside, data)
        os.replace(beside, path)
    except OSError:
        with suppress(OSError):
            beside.unlink()
        raise
    sync(path.parent)
