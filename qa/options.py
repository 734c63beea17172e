"""Options and exit codes that several commands share, and the settings with the flags that were given above them."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from index.address import is_address
from index.errors import SeedQAError
from qa.config import Settings, read_settings

OK, ERROR, USAGE, NOT_FOUND, SOURCE_CHANGED, SOURCE_MISSING, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130
"""Exit codes."""


def path_type() -> click.Path:
    """Return the type of a path."""
    return click.Path(path_type=Path)


def index_type(name: str) -> Path | str:
    """Return the folder or the address of an index."""
    return name if is_address(name) else Path(name)


INDEX = click.option(
    "--index", type=index_type, metavar="DIR_OR_ADDRESS", help="Folder of the index, or milvus://host:port/name."
)
CACHE = click.option("--cache", type=path_type(), metavar="DIR", help="Folder of prepared encoders.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


def settings_with(**flags: Any) -> Settings:
    """Return the settings with the flags that were given above them."""
    return replace(read_settings(), **{name: value for name, value in flags.items() if value is not None})


def make_output_folder(folder: Path | None) -> None:
    """Make the folder of a report before the work whose result goes there; it may be there already.

    Raises SeedQAError where it is not a folder, or can't be made or written into.
    """
    if folder is None:
        return
    if folder.exists() and not folder.is_dir():
        raise SeedQAError(f"{folder} is a file, not a folder; name another folder: --out DIR")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):  # permissions alone do not tell, on a read-only disk for one
            pass
    except OSError as error:
        raise SeedQAError(f"{folder} can't be written ({error.strerror}); name another folder: --out DIR") from error
