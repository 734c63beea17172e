"""Find the files of a seeds folder."""

from __future__ import annotations

import errno
import io
import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path

from index.errors import SeedsError
from index.records import SeedFile, Skipped

MAX_BYTES = 256 * 2**20

UNSAFE = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What stands in the name of no file that is read: it would end a line, command a terminal, or turn the letters of
what is printed around it. The last are bytes that are no text."""


def shown(name: str) -> str:
    """Return a name that may hold anything as one that can be shown."""
    return UNSAFE.sub("\N{REPLACEMENT CHARACTER}", name)


def open_seed(seeds: Path, path: str) -> io.BufferedReader:
    """Open a file of the seeds for reading, whatever its path has become since it was listed.

    A pipe or device in its place is not waited for, and a link put into its way leads nowhere outside of ``seeds``.
    Raises OSError where it is not there, no regular file, or lies outside.
    """
    root = seeds.resolve()
    where = _within(seeds / path, root)
    if not stat.S_ISREG(where.stat().st_mode):
        raise OSError(errno.EINVAL, "Not a regular file")
    number = _opened(root, where.relative_to(root).parts)
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):  # it was replaced meanwhile
            raise OSError(errno.EINVAL, "Not a regular file")
        return os.fdopen(number, "rb")
    except BaseException:
        os.close(number)
        raise


def _within(where: Path, root: Path) -> Path:
    """Return a path without links, which has to lie in ``root``."""
    try:
        resolved = where.resolve(strict=True)
    except RuntimeError as error:  # a loop of links, before Python 3.13
        raise OSError(errno.ELOOP, "Too many levels of symbolic links") from error
    if not resolved.is_relative_to(root):
        raise OSError(errno.EPERM, "Link out of the seeds folder")
    return resolved


def _opened(root: Path, parts: Sequence[str]) -> int:
    """Open a file step by step from ``root`` down, through folders alone: no link is followed, however late it came.

    Where the system can't open within an open folder, as Windows can't, the path has to do.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if os.open not in os.supports_dir_fd:
        return os.open(root.joinpath(*parts), flags)
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(parts[-1], flags | os.O_NOFOLLOW, dir_fd=folder)
    finally:
        os.close(folder)


def walk(seeds: Path) -> tuple[list[SeedFile], list[Skipped]]:
    """Return the files under ``seeds`` in sorted order, and those left out with the reason.

    Links to files inside the folder are followed; links that lead out of it and links to folders
    are not. Nothing is opened here, so pipes and devices can't hang the walk.

    Raises SeedsError where the folder is missing, no folder, unreadable or empty.
    """
    if not _is_unicode(str(seeds.absolute())):
        raise SeedsError(f"the path of the seeds folder {str(seeds)!r} is not valid Unicode; rename the folder")
    try:
        there = seeds.exists()
    except OSError as error:
        raise SeedsError(f"seeds folder {str(seeds)[:80]} can't be looked for ({error.strerror})") from error
    if not there:
        raise SeedsError(f"seeds folder {seeds} does not exist; name a folder of documents: qa build FOLDER")
    if not seeds.is_dir():
        raise SeedsError(f"seeds {seeds} is a file, expected a folder; put the file into a folder and name that")
    files: list[SeedFile] = []
    skipped: list[Skipped] = []
    root = seeds.resolve()
    try:
        os.listdir(root)
    except OSError as error:
        raise SeedsError(
            f"seeds folder {seeds} can't be read ({error.strerror}); give yourself permission to read it"
        ) from error

    def leave_out(path: Path, reason: str, end: str = "") -> None:
        name = path.relative_to(root).as_posix() + end
        skipped.append(Skipped(source=shown(name), reason=reason))

    def unreadable(error: OSError) -> None:
        leave_out(Path(str(error.filename)), f"folder can't be read ({error.strerror})", "/")

    for folder, names, leaves in os.walk(root, onerror=unreadable, followlinks=False):
        here = Path(folder)
        reasons = {name: _closed(here / name) for name in sorted(names)}
        for name, reason in reasons.items():
            if reason:
                leave_out(here / name, reason, "/")
        names[:] = [name for name, reason in reasons.items() if not reason]
        for name in sorted(leaves):
            reason, size = _look(here / name, root)
            if reason:
                leave_out(here / name, reason)
            else:
                files.append(SeedFile(path=(here / name).relative_to(root).as_posix(), bytes=size))
    if not files and not skipped:
        raise SeedsError(f"seeds folder {seeds} is empty; put documents into it")
    return sorted(files, key=lambda f: f.path), sorted(skipped, key=lambda s: s.source)


def _closed(folder: Path) -> str:
    """Return why a folder is not entered, or an empty string."""
    if folder.name.startswith("."):
        return "hidden folder"
    try:
        if folder.is_symlink() or folder.resolve() != folder:  # a junction is no link to Python 3.11
            return "link to a folder"
        if (folder / "build.lock").is_file() and (folder / "snapshots").is_dir():
            return "an index of SeedQA"
    except (OSError, RuntimeError) as error:  # such as a path longer than the system takes
        return f"folder can't be read ({getattr(error, 'strerror', None) or error})"
    return _odd_name(folder.name, "folder")


def _is_unicode(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _odd_name(name: str, what: str) -> str:
    if not _is_unicode(name):
        return f"{what} name is not valid Unicode"
    return f"{what} name holds control characters: rename it" if UNSAFE.search(name) else ""


def _look(path: Path, root: Path) -> tuple[str, int]:
    """Return why the file can't be a seed, or an empty string, and its size in bytes."""
    if path.name.startswith("."):
        return "hidden file", 0
    if odd := _odd_name(path.name, "file"):
        return odd, 0
    try:
        if path.is_symlink() and not path.resolve(strict=True).is_relative_to(root):
            return "link out of the seeds folder", 0
        found = path.stat()
    except (OSError, RuntimeError) as error:
        return f"can't be read ({getattr(error, 'strerror', None) or error})", 0
    if not stat.S_ISREG(found.st_mode):
        return "not a regular file", 0
    if found.st_size == 0:
        return "empty file", 0
    if found.st_size > MAX_BYTES:
        return f"larger than {MAX_BYTES // 2**20} MiB", 0
    return "", found.st_size
