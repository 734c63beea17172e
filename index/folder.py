"""An index that is a folder on this computer."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path

from index.builder import intact, move_in
from index.errors import SnapshotDamaged, SnapshotError
from index.examine import examine
from index.intact import damaged_files
from index.layout import TEMPORARY, IndexPaths, SnapshotPaths, sync
from index.lock import lock
from index.manifest import Manifest
from index.opened import Catalog, Finding
from index.records import Progress
from index.snapshot import (
    Snapshot,
    current_id,
    discard,
    hold,
    load_manifest,
    open_current,
    prune,
    publish,
    read_origin,
    remove_leftovers,
    restore,
    snapshot_ids,
)

PIECE = 2**20
"""Bytes that are copied at once."""


@dataclass(frozen=True, slots=True)
class FolderCatalog:
    """The snapshots in a folder (index.opened.Catalog)."""

    home: IndexPaths

    @property
    def name(self) -> str:
        """The folder."""
        return str(self.home.root)

    def stamp(self) -> Hashable:
        """Return what changes whenever CURRENT is replaced, also while the clock stands still or is set back."""
        try:
            with self.home.current.open("rb") as file:
                found = os.fstat(file.fileno())
                return file.read(64), found.st_mtime_ns, found.st_ino
        except OSError:
            return b"", 0, 0

    def current(self) -> str:
        """Return the id of the snapshot in force."""
        return current_id(self.home)

    def ids(self) -> list[str]:
        """Return the ids of all snapshots, the most recently published first."""
        return snapshot_ids(self.home)

    def manifest(self, ident: str) -> Manifest:
        """Return a snapshot's manifest."""
        return load_manifest(self.home.snapshot(ident))

    def origin(self, ident: str) -> Path:
        """Return the folder that a snapshot was read from."""
        return read_origin(self.home.snapshot(ident))

    def built(self, ident: str) -> float:
        """Return when a snapshot's manifest was written."""
        return self.home.snapshot(ident).manifest.stat().st_mtime

    def published(self, ident: str) -> float:
        """Return when a snapshot was put in force: its folder's time says so."""
        return self.home.snapshot(ident).root.stat().st_mtime

    def open(self) -> Snapshot:
        """Open the snapshot in force."""
        return open_current(self.home)

    def take(self, snapshot: SnapshotPaths, progress: Progress) -> None:
        """Put a copy of a snapshot in another folder in force; one of this very folder is in force already.

        Raises SnapshotDamaged where the copy is not what its manifest says, and what ``lock`` raises.
        """
        source = FolderCatalog(IndexPaths(snapshot.root.parents[1]))
        if source.home.root.resolve() != self.home.root.resolve():
            receive(self.home, source, snapshot.root.name, progress)

    def save(self, ident: str, folder: SnapshotPaths, progress: Progress) -> None:
        """Write the files of a snapshot into an empty folder; no prune removes it meanwhile."""
        source = self.home.snapshot(ident)
        with hold(source):
            for done, name in enumerate(names := (*self.manifest(ident).files, "origin.json", "manifest.json")):
                progress("write", done, len(names))
                (folder.root / name).parent.mkdir(exist_ok=True)
                with (folder.root / name).open("wb") as file:
                    file.writelines(self._pieces(source.root / name))

    def _pieces(self, path: Path) -> Iterator[bytes]:
        """Yield what a file holds. Raises SnapshotDamaged where it can't be read, so that no target is blamed."""
        try:
            with path.open("rb") as file:
                while piece := file.read(PIECE):
                    yield piece
        except OSError as error:
            raise SnapshotDamaged(
                f"{path} can't be read ({error.strerror}); look at its index: qa doctor --index {self.name}"
            ) from error

    def restore(self, ident: str) -> str:
        """Put an earlier snapshot back in force; return the id of the one before."""
        with lock(self.home, f"restore of {ident[:16]}"):
            return restore(self.home, ident)

    def prune(self, keep: int) -> list[str]:
        """Remove older snapshots; return their ids."""
        self.current()
        with lock(self.home, "prune"):
            return prune(self.home, keep)

    def examine(self) -> list[Finding]:
        """Check every hash and count of every snapshot."""
        return examine(self.home)

    def close(self) -> None:
        """Nothing is held."""


def as_catalog(index: Path | Catalog) -> Catalog:
    """Return an index that may be given by its folder alone."""
    return FolderCatalog(IndexPaths(index)) if isinstance(index, Path) else index


def in_force(catalog: Catalog) -> str:
    """Return the id of the snapshot in force, or an empty string where there is none that can be used.

    Raises StoreError where a server does not tell.
    """
    try:
        return catalog.current()
    except (OSError, SnapshotError):
        return ""


def receive(home: IndexPaths, source: Catalog, ident: str, progress: Progress) -> None:
    """Put a snapshot of another index in force in a folder, after its files were checked as a reader would.

    One that is here already, intact, is only put in force: readers may hold it. Whatever fails leaves the snapshot in
    force as it was, and nothing half-written. Raises BuildError and BuildLocked
    as a build does, SnapshotDamaged where a file of the source can't be read or is not what its manifest says.
    """
    target = home.snapshot(ident)
    with lock(home, f"import of snapshot {ident}"):
        remove_leftovers(home)
        if not _is_whole(target):
            _fetch(target, source, ident, progress)
        publish(home, ident)


def _is_whole(paths: SnapshotPaths) -> bool:
    try:
        read_origin(paths)
    except SnapshotDamaged:
        return False
    return intact(paths)


def _fetch(target: SnapshotPaths, source: Catalog, ident: str, progress: Progress) -> None:
    """Copy a snapshot of another index to its place, once it was checked beside it."""
    scratch = SnapshotPaths(target.root.with_name(ident + TEMPORARY))
    try:
        scratch.root.mkdir()
        source.save(ident, scratch, progress)
        progress("check", 0, 0)
        for path in (*scratch.root.rglob("*"), scratch.root):
            sync(path)
        for line in damaged_files(scratch, load_manifest(scratch)):
            found = line.replace(f"{scratch.root}{os.sep}", f"{source.name}: ")
            raise SnapshotDamaged(f"{found}; look at its source: qa doctor --index {source.name}")
        Snapshot(scratch).close()
        read_origin(scratch)
        move_in(scratch, target)
    finally:
        discard(scratch.root)
