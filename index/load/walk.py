"""Find the files of a seeds folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from index.errors import SeedsError
from index.records import SeedFile, Skipped

MAX_BYTES = 256 * 2**20


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
        skipped.append(Skipped(source=name.encode("utf-8", "replace").decode("utf-8"), reason=reason))

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
    if folder.is_symlink() or folder.resolve() != folder:  # a junction is no link to Python 3.11
        return "link to a folder"
    if (folder / "build.lock").is_file() and (folder / "snapshots").is_dir():
        return "an index of SeedQA"
    return "" if _is_unicode(folder.name) else "folder name is not valid Unicode"


def _is_unicode(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _look(path: Path, root: Path) -> tuple[str, int]:
    """Return why the file can't be a seed, or an empty string, and its size in bytes."""
    if path.name.startswith("."):
        return "hidden file", 0
    if not _is_unicode(path.name):
        return "file name is not valid Unicode", 0
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
