"""The files of a snapshot, checked against its manifest and held open, so that what was checked is what is read."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from io import BufferedReader
from pathlib import Path

from index import remembered
from index.errors import SnapshotDamaged
from index.layout import SnapshotPaths
from index.manifest import FileRecord, Manifest
from index.remembered import Seen, Stamp, read_verified, settled, stamp_of, write_verified

REBUILD = "rebuild the index: qa build"


def _problem(path: Path, file: BufferedReader, record: FileRecord) -> str:
    """Return why an open file is not the one of the manifest, or an empty string."""
    size = os.fstat(file.fileno()).st_size
    if size != record.bytes:
        return f"{path} has {size} bytes, expected {record.bytes}"
    file.seek(0)
    found = hashlib.file_digest(file, "sha256").hexdigest()
    return "" if found == record.sha256 else f"{path} has sha256 {found[:16]}…, expected {record.sha256[:16]}…"


def damaged_files(paths: SnapshotPaths, manifest: Manifest) -> Iterator[str]:
    """Yield one line for each file whose size or sha256 is not what the manifest says."""
    for name, record in manifest.files.items():
        path = paths.root / name
        try:
            with path.open("rb") as file:
                problem = _problem(path, file, record)
        except OSError as error:
            problem = f"{path} can't be read ({error.strerror})"
        if problem:
            yield problem


class IntactFiles:
    """All files of a snapshot that its manifest lists, open and of the right sha256. Thread-safe."""

    def __init__(self, paths: SnapshotPaths, manifest: Manifest, *, thorough: bool = True) -> None:
        """Open and check each file. Raises SnapshotDamaged where one is missing or another than expected.

        Unless it shall be ``thorough``, a large file is not read that was found intact before and that nobody has
        touched since then (remembered.py).
        """
        self._root = paths.root
        known = read_verified(paths)
        self._remembered = {} if thorough else known
        self._seen: dict[str, Seen] = {}
        self._records = manifest.files
        self._files: dict[str, BufferedReader] = {}
        self._stamps: dict[str, Stamp] = {}
        self._problems: dict[str, str] = {}
        self._lock = threading.Lock()
        self._open = ExitStack()
        try:
            for name, record in manifest.files.items():
                self._take(name, record)
        except BaseException:
            self._open.close()
            raise
        if self._seen and self._seen != known:
            write_verified(paths, self._seen)

    def _take(self, name: str, record: FileRecord) -> None:
        path = self._root / name
        try:
            file = self._files[name] = self._open.enter_context(path.open("rb"))
            stamp = self._stamps[name] = stamp_of(os.fstat(file.fileno()))
            seen = Seen(stamp=stamp, sha256=record.sha256)
            known = record.bytes >= remembered.LARGE and self._remembered.get(name) == seen
            steady = known or settled(stamp)
            problem = "" if known else _problem(path, file, record)
            if record.bytes >= remembered.LARGE and steady and stamp_of(os.fstat(file.fileno())) == stamp:
                self._seen[name] = seen
        except OSError as error:
            raise SnapshotDamaged(f"{path} can't be read ({error.strerror}); {REBUILD}") from error
        if problem:
            raise SnapshotDamaged(f"{problem}; {REBUILD}")

    def file(self, path: Path) -> BufferedReader:
        """Return the handle through which a file was checked. It stays open for as long as this is."""
        try:
            return self._files[path.relative_to(self._root).as_posix()]
        except KeyError as error:
            raise SnapshotDamaged(f"{path} is not in the manifest of its snapshot; {REBUILD}") from error

    def check_names(self) -> None:
        """Raise SnapshotDamaged unless what the names lead to is still what was checked.

        Called after libraries have opened the files by their names.
        """
        for name, stamp in self._stamps.items():
            path = self._root / name
            try:
                found = stamp_of(path.stat())
            except OSError as error:
                raise SnapshotDamaged(f"{path} can't be read ({error.strerror}); {REBUILD}") from error
            if found != stamp:
                raise SnapshotDamaged(f"{path} was changed while it was being opened; {REBUILD}")

    def check(self) -> None:
        """Raise SnapshotDamaged where a file was changed in its place since it was checked.

        Files may lose their names meanwhile: the handles keep what was opened. A file whose times alone have changed
        is hashed once more and stays in use. The manifest's own handle guards against a prune (snapshot.py).
        """
        if self._problems or any(
            stamp_of(os.fstat(f.fileno())) != self._stamps[name] for name, f in self._files.items()
        ):
            self._look_again()

    def _look_again(self) -> None:
        with self._lock:
            for name, file in self._files.items():
                stamp = stamp_of(os.fstat(file.fileno()))
                if stamp == self._stamps[name]:
                    continue
                path = self._root / name
                try:
                    problem = _problem(path, file, self._records[name])
                except OSError as error:
                    problem = f"{path} can't be read ({error.strerror})"
                self._problems.pop(name, None)
                if problem:
                    self._problems[name] = problem
                self._stamps[name] = stamp
            for problem in self._problems.values():
                raise SnapshotDamaged(f"{problem}: it was changed while it was in use; {REBUILD}")

    def close(self) -> None:
        """Let go of the handles."""
        self._open.close()
