"""The files of a snapshot, checked against its manifest and held open, so that what was checked is what is read."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from io import BufferedReader
from pathlib import Path

from index.errors import SnapshotDamaged
from index.layout import SnapshotPaths
from index.manifest import FileRecord, Manifest

REBUILD = "rebuild the index: qa build"

_Stamp = tuple[int, int, int, int]


def _stamp(found: os.stat_result) -> _Stamp:
    """Return what tells one content of a file from another without reading it."""
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


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
    """All files of a snapshot but manifest and origin, open and of the right sha256. Thread-safe."""

    def __init__(self, paths: SnapshotPaths, manifest: Manifest) -> None:
        """Open and check each file. Raises SnapshotDamaged where one is missing or another than expected."""
        self._root = paths.root
        self._records = manifest.files
        self._files: dict[str, BufferedReader] = {}
        self._stamps: dict[str, _Stamp] = {}
        self._problems: dict[str, str] = {}
        self._lock = threading.Lock()
        self._open = ExitStack()
        try:
            for name, record in manifest.files.items():
                self._take(name, record)
        except BaseException:
            self._open.close()
            raise

    def _take(self, name: str, record: FileRecord) -> None:
        path = self._root / name
        try:
            file = self._files[name] = self._open.enter_context(path.open("rb"))
            self._stamps[name] = _stamp(os.fstat(file.fileno()))
            problem = _problem(path, file, record)
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
                found = _stamp(path.stat())
            except OSError as error:
                raise SnapshotDamaged(f"{path} can't be read ({error.strerror}); {REBUILD}") from error
            if found != stamp:
                raise SnapshotDamaged(f"{path} was changed while it was being opened; {REBUILD}")

    def check(self) -> None:
        """Raise SnapshotDamaged where a file was changed in its place since it was checked.

        Files may lose their names meanwhile: the handles keep what was opened. A file whose times alone have changed
        is hashed once more and stays in use. The manifest's own handle guards against a prune (snapshot.py).
        """
        if self._problems or any(_stamp(os.fstat(f.fileno())) != self._stamps[name] for name, f in self._files.items()):
            self._look_again()

    def _look_again(self) -> None:
        with self._lock:
            for name, file in self._files.items():
                stamp = _stamp(os.fstat(file.fileno()))
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
