"""Immutable snapshots: opening, checking, publishing, restoring and pruning them."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import IO

import msgspec
import portalocker

from index.candidates import KIND, Candidates
from index.encode.protocol import FloatArray
from index.errors import SnapshotDamaged, SnapshotError, SnapshotMissing
from index.intact import REBUILD, IntactFiles
from index.layout import TEMPORARY, IndexPaths, SnapshotPaths, replace_file, sync
from index.lexical import Lexical
from index.manifest import EXACT, Manifest, SearchRecord, SourceRecord, read_manifest, source_path
from index.opened import Found, Ranges
from index.select import Selection
from index.store import Store
from index.vectors import Vectors

_ID = re.compile("[0-9a-f]{16}")
_TICK = 1000
"""Nanoseconds that a folder's time tells apart, also where it is coarse (NTFS: 100)."""


class Snapshot:
    """One snapshot, open for reading; while it is open no prune removes it. Thread-safe, a context manager."""

    def __init__(self, paths: SnapshotPaths, *, thorough: bool = False) -> None:
        """Open a snapshot after checking the size and sha256 of every file and the count of every row.

        Large files that were found intact before and that nobody has touched since are read again only where it shall
        be ``thorough``: for whoever makes something lasting of them.

        Raises SnapshotMissing, SnapshotFormat or SnapshotDamaged.
        """
        self.paths = paths
        self._open = ExitStack()
        self._manifest_file = self._open.enter_context(hold(paths))
        try:
            self.manifest = load_manifest(paths)
            counts = self.manifest.counts
            self._files = self._open.enter_context(closing(IntactFiles(paths, self.manifest, thorough=thorough)))
            self.store = self._open.enter_context(closing(Store(paths)))
            made = self.manifest
            self.vectors = self._vectors(paths.vectors, paths.candidates, counts.sentences, made.sentence_search)
            self.passage_vectors = self._vectors(
                paths.passage_vectors, paths.passage_candidates, counts.passages, made.passage_search
            )
            self.lexical = self._open.enter_context(closing(Lexical(paths.lexical, counts.passages)))
            if len(self.store.first_sentences) != counts.passages:
                raise SnapshotDamaged(
                    f"{paths.passages} holds {len(self.store.first_sentences)} passages, expected {counts.passages}; "
                    f"{REBUILD}"
                )
            self._selection = Selection(self.vectors, self.passage_vectors, self.lexical, self.store)
            self._files.check_names()
        except BaseException:
            self._open.close()
            raise

    def _vectors(self, path: Path, lists: Path, count: int, search: SearchRecord) -> Vectors:
        dimension = self.manifest.encoder.dimension
        found = None
        if search.kind != EXACT:
            if search.kind != KIND or not 1 <= search.probes <= search.lists or search.factor < 1:
                raise SnapshotDamaged(f"{self.paths.manifest} names no way of searching that is known; {REBUILD}")
            found = Candidates(lists, self._files.file(lists), count, dimension, search.lists), search
        return Vectors(path, self._files.file(path), count, dimension, found)

    def check(self) -> None:
        """Raise SnapshotDamaged where a file was changed since the snapshot was opened. Takes microseconds."""
        self._files.check()

    @property
    def built(self) -> float:
        """When the snapshot was written, in seconds since the epoch."""
        return os.fstat(self._manifest_file.fileno()).st_mtime

    @property
    def id(self) -> str:
        """Derived from seeds and settings."""
        return self.manifest.id

    @property
    def seeds(self) -> Path:
        """The folder that the snapshot was read from."""
        return read_origin(self.paths)

    @cached_property
    def _sources(self) -> dict[str, SourceRecord]:
        return {source.path: source for source in self.manifest.sources}

    def source_of(self, document: str) -> SourceRecord | None:
        """Return the file that a document is or lies within, as it was read, or nothing where it is not known."""
        return self._sources.get(source_path(document, self._sources))

    def idf(self, term: str) -> float:
        """Return the idf of a term; one that no passage has gets the highest there is."""
        return self.lexical.idf(term)

    def candidates(
        self, vector: FloatArray, terms: Sequence[str], depth: int, k: int, allowed: Ranges | None = None
    ) -> Found:
        """Return the passages that may be among the ``k`` best, as OpenSnapshot says."""
        return self._selection.candidates(vector, terms, depth, k, allowed)

    def close(self) -> None:
        """Let go of the files. The snapshot can't be used afterwards."""
        self._open.close()

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def hold(paths: SnapshotPaths) -> IO[bytes]:
    """Return the manifest's file with a shared lock on it, which tells a prune to stay away."""
    try:
        file = paths.manifest.open("rb")
    except FileNotFoundError as error:
        raise SnapshotMissing(f"snapshot {paths.root} is missing or half-written; {REBUILD}") from error
    except OSError as error:
        raise SnapshotError(f"{paths.manifest} can't be read ({error.strerror}); check its permissions") from error
    try:
        portalocker.lock(file, portalocker.LockFlags.SHARED | portalocker.LockFlags.NON_BLOCKING)
    except portalocker.AlreadyLocked as error:
        file.close()
        raise SnapshotMissing(f"snapshot {paths.root} is being removed; try again") from error
    except portalocker.LockException as error:
        file.close()
        raise SnapshotError(f"{paths.manifest} can't be locked ({error}); keep the index on a local disk") from error
    if not _is_at(file, paths.manifest):  # a prune took it away before it was locked
        file.close()
        raise SnapshotMissing(f"snapshot {paths.root} is being removed; try again")
    return file


def _is_at(file: IO[bytes], path: Path) -> bool:
    """Tell whether an open file is the one that a path leads to."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False


def load_manifest(paths: SnapshotPaths) -> Manifest:
    """Return a snapshot's manifest after checking its checksum and format version."""
    try:
        data = paths.manifest.read_bytes()
    except FileNotFoundError as error:
        raise SnapshotMissing(f"snapshot {paths.root} is missing or half-written; {REBUILD}") from error
    except OSError as error:
        raise SnapshotError(f"{paths.manifest} can't be read ({error.strerror}); check its permissions") from error
    manifest = read_manifest(data, str(paths.manifest))
    if manifest.id != paths.root.name.removesuffix(TEMPORARY):
        raise SnapshotDamaged(f"{paths.manifest} belongs to snapshot {manifest.id}; {REBUILD}")
    return manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class _Origin:
    seeds: str
    checksum: str
    """sha256 of the folder's name and the snapshot's id, so that the file of another snapshot is told apart."""


def _origin_checksum(paths: SnapshotPaths, seeds: str) -> str:
    ident = paths.root.name.removesuffix(TEMPORARY)
    return hashlib.sha256(f"{ident}\0{seeds}".encode("utf-8", "surrogateescape")).hexdigest()


def write_origin(paths: SnapshotPaths, seeds: Path) -> None:
    """Remember the folder that a snapshot was read from."""
    name = str(seeds.resolve())
    record = _Origin(seeds=name, checksum=_origin_checksum(paths, name))
    replace_file(paths.origin, msgspec.json.encode(record))


def read_origin(paths: SnapshotPaths) -> Path:
    """Return the folder that a snapshot was read from. Raises SnapshotDamaged."""
    try:
        data = paths.origin.read_bytes()
        record = msgspec.json.decode(data, type=_Origin)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SnapshotDamaged(f"{paths.origin} can't be read; {REBUILD}") from error
    if record.checksum != _origin_checksum(paths, record.seeds) or msgspec.json.encode(record) != data:
        raise SnapshotDamaged(f"{paths.origin} is damaged: its checksum does not fit; {REBUILD}")
    return Path(record.seeds)


def current_id(index: IndexPaths) -> str:
    """Return the id of the snapshot in force.

    Raises SnapshotMissing where there is no index, SnapshotDamaged where CURRENT is not a snapshot's id.
    """
    try:
        ident = index.current.read_bytes().decode("ascii", "replace").removesuffix("\n")
    except FileNotFoundError as error:
        raise SnapshotMissing(f"no index in {index.root}; build one: qa build FOLDER --index {index.root}") from error
    except OSError as error:
        raise SnapshotError(f"{index.current} can't be read ({error.strerror}); check its permissions") from error
    if not _ID.fullmatch(ident):
        raise SnapshotDamaged(f"{index.current} does not name a snapshot; {REBUILD}")
    if not os.access(index.snapshot(ident).root, os.F_OK):
        raise SnapshotDamaged(f"{index.current} names snapshot {ident}, which is not there; {REBUILD}")
    return ident


def open_current(index: IndexPaths, *, thorough: bool = False) -> Snapshot:
    """Open the snapshot in force; a build that replaces it meanwhile only makes this try again."""
    for _ in range(10):
        ident = current_id(index)
        try:
            return Snapshot(index.snapshot(ident), thorough=thorough)
        except SnapshotMissing:
            if current_id(index) == ident:
                raise
    raise SnapshotError(f"{index.root} is being rebuilt faster than it can be opened; try again")


def snapshot_ids(index: IndexPaths) -> list[str]:
    """Return the ids of all snapshots, the most recently published first."""
    times = _published(index)
    return sorted(times, key=lambda ident: (-times[ident], ident))


def _published(index: IndexPaths) -> dict[str, int]:
    """Return when each snapshot was last put in force, in nanoseconds: its folder's time says so."""
    try:
        with os.scandir(index.snapshots) as found:
            return {entry.name: entry.stat().st_mtime_ns for entry in found if _ID.fullmatch(entry.name)}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SnapshotError(f"{index.snapshots} can't be read ({error.strerror}); check its permissions") from error


def publish(index: IndexPaths, ident: str) -> None:
    """Put a complete snapshot in force: replaces CURRENT atomically. It becomes the first of ``snapshot_ids``."""
    latest = max(_published(index).values(), default=0)
    stamp = max(time.time_ns(), latest + _TICK)  # in order even within one tick, or after the clock was set back
    os.utime(index.snapshot(ident).root, ns=(stamp, stamp))
    replace_file(index.current, f"{ident}\n".encode())


def restore(index: IndexPaths, ident: str) -> str:
    """Put an older snapshot back in force; return the id of the one before, or an empty string without one.

    It is opened and checked as a reader would before anything changes. The caller holds the build lock.

    Raises SnapshotMissing, SnapshotFormat or SnapshotDamaged where it can't be used.
    """
    known = snapshot_ids(index)
    if ident not in known:
        there = f"expected one of {', '.join(known)}" if known else "build one: qa build FOLDER"
        raise SnapshotMissing(f"no snapshot {ident!r} in {index.root}; {there}")
    Snapshot(index.snapshot(ident), thorough=True).close()
    try:
        before = current_id(index)
    except SnapshotError:  # a broken CURRENT is just what this mends
        before = ""
    publish(index, ident)
    return before


def remove_leftovers(index: IndexPaths) -> None:
    """Remove what builds that died have left behind. The caller holds the build lock."""
    if index.snapshots.is_dir():
        for path in index.snapshots.glob(f"*{TEMPORARY}"):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):  # what can't be removed is in the way of its own name only
                    path.unlink()


def prune(index: IndexPaths, keep: int) -> list[str]:
    """Remove all but the snapshot in force and the ``keep`` published before it; return the removed ids.

    A snapshot that a reader holds stays. The caller holds the build lock.
    """
    remove_leftovers(index)
    current = current_id(index)
    others = [ident for ident in snapshot_ids(index) if ident != current]
    removed = []
    for ident in others[keep:]:
        root = index.snapshot(ident).root
        with _alone(index.snapshot(ident)) as free:
            if free:
                aside = root.with_name(ident + TEMPORARY)
                os.replace(root, aside)
                sync(index.snapshots)
                shutil.rmtree(aside)
                index.snapshot(ident).verified.unlink(missing_ok=True)
                removed.append(ident)
    return removed


@contextmanager
def _alone(paths: SnapshotPaths) -> Iterator[bool]:
    """Yield whether no reader holds the snapshot, and keep new readers out meanwhile."""
    try:
        file = paths.manifest.open("rb")
    except FileNotFoundError:
        yield True  # without a manifest nobody can read it
        return
    except OSError:
        yield False  # not to be told: then it stays
        return
    with file:
        try:
            portalocker.lock(file, portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING)
        except portalocker.LockException:
            yield False
            return
        if os.name == "nt":  # an open file can't be moved there
            file.close()
        yield True


def discard(path: Path) -> None:
    """Remove an unfinished folder; what can't be removed now is removed by the next build."""
    with suppress(OSError):
        shutil.rmtree(path)
