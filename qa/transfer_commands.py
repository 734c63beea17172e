"""Commands that move a snapshot from one index to another, wherever these are kept."""

from __future__ import annotations

from pathlib import Path

import click

from index.address import is_address
from index.errors import SnapshotMissing
from index.folder import FolderCatalog, receive
from index.layout import IndexPaths
from index.manifest import Manifest
from index.opened import Catalog
from qa import show
from qa.catalogs import configured
from qa.options import INDEX, JSON, path_type, settings_with


@click.command("export")
@click.argument("folder", type=path_type())
@INDEX
@JSON
def export_command(folder: Path, index: Path | str | None, as_json: bool) -> None:
    """Copy the snapshot in force into the index in FOLDER, and put it in force there.

    Every count and hash is checked before. What FOLDER held stays as an earlier snapshot.
    """
    _folder(folder, "send one to", "qa import FOLDER")
    source = configured(settings_with(index=index))
    _apart(folder, source)
    if not IndexPaths(folder).snapshots.is_dir() and folder.is_dir() and any(folder.iterdir()):
        raise click.UsageError(f"{folder} holds other files and no index; name a new folder, or that of an index")
    ident = source.current()
    with show.progress(quiet=as_json) as progress:
        receive(IndexPaths(folder), source, ident, progress)
    _tell(FolderCatalog(IndexPaths(folder)).manifest(ident), str(folder), as_json)


@click.command("import")
@click.argument("folder", type=path_type())
@INDEX
@JSON
def import_command(folder: Path, index: Path | str | None, as_json: bool) -> None:
    """Copy the snapshot in force in the index in FOLDER into an index, and put it in force there.

    Every count and hash of the copy is checked before.
    """
    _folder(folder, "fetch one from", "qa export FOLDER")
    target = configured(settings_with(index=index))
    source = FolderCatalog(IndexPaths(folder))
    _apart(folder, target)
    try:
        ident = source.current()
    except SnapshotMissing as error:
        raise SnapshotMissing(f"no index in {folder}; name a folder that qa export or qa build has written") from error
    with show.progress(quiet=as_json) as progress:
        target.take(source.home.snapshot(ident), progress)
    _tell(source.manifest(ident), target.name, as_json)


def _apart(folder: Path, other: Catalog) -> None:
    if isinstance(other, FolderCatalog) and other.home.root.resolve() == folder.resolve():
        raise click.UsageError(f"{folder} is the index itself; name another folder, or another --index")


def _folder(folder: Path, what: str, command: str) -> None:
    if folder.is_file():
        raise click.UsageError(f"{folder} is a file; expected the folder of an index")
    if is_address(str(folder)):
        raise click.UsageError(f"FOLDER is an index in a folder; to {what} a server: {command} --index ADDRESS")


def _tell(manifest: Manifest, target: str, as_json: bool) -> None:
    """Say what was copied."""
    if as_json:
        show.json_line(
            {"index": target, "snapshot": manifest.id, "counts": manifest.counts, "files": len(manifest.files)}
        )
        return
    counts = manifest.counts
    show.line(
        f"Snapshot {manifest.id} is in force in {target}: {counts.documents} documents, {counts.passages} passages, "
        f"{counts.sentences} sentences; {len(manifest.files)} files of the same sha256."
    )


COMMANDS = (export_command, import_command)
