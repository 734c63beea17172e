"""Puts uploaded files into the folder of documents, where no file that is there is ever touched."""

from __future__ import annotations

import os
import secrets
import shutil
import unicodedata
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from index.errors import SeedsError
from index.layout import TEMPORARY, sync
from index.load.walk import MAX_BYTES
from index.records import Skipped

MAX_FILES = 200
"""Files that can be added at once."""

MAX_NAME = 200
"""Bytes of a file's name."""

_TAKEN = "a file of that name is there already; rename one of them"


def keep(
    folder: Path, files: Sequence[tuple[str, Path]], placing: AbstractContextManager[object]
) -> tuple[list[str], list[Skipped]]:
    """Copy files, each with the name that it is to have, into ``folder``; return the names added and those refused.

    A file is written beside its place under a hidden name, brought to disk and put there whole, while ``placing`` is
    held. Raises SeedsError where the folder can't be written: files added before stay, nothing is left of others.
    """
    added: list[str] = []
    refused: list[Skipped] = []
    for at, (name, path) in enumerate(files):
        reason = f"more than {MAX_FILES} files at once" if at >= MAX_FILES else _unfit(name, folder, path)
        if not reason and not _copy(path, folder / name, placing):
            reason = _TAKEN
        if reason:
            refused.append(Skipped(source=name[:MAX_NAME].encode("utf-8", "replace").decode(), reason=reason))
        else:
            added.append(name)
    return added, refused


def _unfit(name: str, folder: Path, path: Path) -> str:
    """Return why an uploaded file is not put into the folder, or an empty string."""
    if not name or name != Path(name).name or "\\" in name or name.startswith("."):
        return "its name is hidden or leads elsewhere; rename it"
    if any(unicodedata.category(character).startswith("C") for character in name):
        return "its name has control characters; rename it"
    if len(name.encode()) > MAX_NAME:
        return f"its name has more than {MAX_NAME} bytes; rename it"
    if _is_taken(folder / name):
        return _TAKEN
    if path.stat().st_size > MAX_BYTES:
        return f"larger than {MAX_BYTES // 2**20} MiB"
    return ""


def _is_taken(target: Path) -> bool:
    return target.exists() or target.is_symlink()


def _copy(path: Path, target: Path, placing: AbstractContextManager[object]) -> bool:
    """Copy a file to a place where there is none yet; return whether that was so. Raises SeedsError."""
    beside = target.with_name(f".{secrets.token_hex(8)}{TEMPORARY}")  # hidden: neither watched nor indexed
    try:
        with path.open("rb") as source, beside.open("xb") as copy:  # tempfile's would be for this user's eyes only
            shutil.copyfileobj(source, copy)
        sync(beside)
        with placing:
            _place(beside, target)
        sync(target.parent)
    except FileExistsError:
        return False
    except OSError as error:
        raise SeedsError(
            f"{target.parent} can't be written ({error.strerror}); check its permissions and space"
        ) from error
    finally:
        with suppress(OSError):
            beside.unlink()
    return True


def _place(beside: Path, target: Path) -> None:
    """Give a file its name. Raises FileExistsError where another has it, whoever came first."""
    try:
        os.link(beside, target)
    except FileExistsError:
        raise
    except OSError as error:  # a disk without hard links
        if _is_taken(target):
            raise FileExistsError(str(target)) from error
        os.replace(beside, target)
