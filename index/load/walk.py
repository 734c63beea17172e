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
    if not seeds.exists():
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

    def unreadable(error: OSError) -> None:
        where = Path(str(error.filename)).relative_to(root).as_posix()
        skipped.append(Skipped(path=where + "/", reason=f"folder can't be read ({error.strerror})"))

    for folder, names, leaves in os.walk(root, onerror=unreadable, followlinks=False):
        here = Path(folder)
        for name in sorted(names):
            path = (here / name).relative_to(root).as_posix() + "/"
            if name.startswith("."):
                skipped.append(Skipped(path=path, reason="hidden folder"))
            elif (here / name).is_symlink():
                skipped.append(Skipped(path=path, reason="link to a folder"))
        names[:] = sorted(n for n in names if not n.startswith(".") and not (here / n).is_symlink())
        for name in sorted(leaves):
            path = (here / name).relative_to(root).as_posix()
            reason, size = _look(here / name, root)
            if reason:
                skipped.append(Skipped(path=path, reason=reason))
            else:
                files.append(SeedFile(path=path, bytes=size))
    if not files and not skipped:
        raise SeedsError(f"seeds folder {seeds} is empty; put text, Markdown or HTML files into it")
    return sorted(files, key=lambda f: f.path), sorted(skipped, key=lambda s: s.path)


def _look(path: Path, root: Path) -> tuple[str, int]:
    """Return why the file can't be a seed, or an empty string, and its size in bytes."""
    if path.name.startswith("."):
        return "hidden file", 0
    try:
        path.name.encode("utf-8")
    except UnicodeEncodeError:
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
