"""Which store an index is kept in, by the form of its name: a folder, or the address of a server."""

from __future__ import annotations

import hashlib
import importlib
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from index.address import is_address, parse_address
from index.builder import build as build_folder
from index.encode import Encoder
from index.engine import LOCAL, Engine
from index.errors import SeedsError, SnapshotError, SnapshotMissing, StoreError
from index.folder import FolderCatalog
from index.layout import IndexPaths
from index.load.limits import Limits
from index.manifest import AUTO
from index.opened import Catalog
from index.records import BuildReport, Progress
from qa.config import Settings

_EXTRA = ("pymilvus", "grpc")
"""What the extra brings."""


def catalog_of(index: str | Path, settings: Settings) -> Catalog:
    """Return the index of a name, a folder or an address; nothing is opened or reached yet.

    Raises SettingsError where the address is none, and StoreError where what speaks to its server is not installed.
    """
    if not is_address(str(index)):
        return FolderCatalog(IndexPaths(Path(index)))
    address = parse_address(str(index))
    try:
        made = importlib.import_module("index.milvus.catalog")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        raise StoreError(
            f"{address} is on a Milvus server, for which {error.name} is missing; pip install 'seedqa[milvus]'"
        ) from error
    home = IndexPaths(settings.workspace / _workspace(str(address)))
    found: Catalog = made.MilvusCatalog(
        address, home, token=settings.milvus_token, ca=settings.milvus_ca, index=settings.milvus_index
    )
    return found


def _workspace(address: str) -> str:
    """Return the name of an index's workspace: what can be read of the address, and a hash that tells it from others.

    Else names would meet that differ in case only, or in signs that no file may have.
    """
    readable = re.sub(r"[^\w.-]", "_", address.partition("://")[2])
    return f"{readable[:150]}-{hashlib.sha256(address.encode()).hexdigest()[:8]}"


def configured(settings: Settings) -> Catalog:
    """Return the index of the settings."""
    return catalog_of(settings.index, settings)


def built_from(catalog: Catalog) -> Path:
    """Return the folder that the next build reads where none is named, as this computer wrote it down.

    What a server says of it is not followed: whoever can write there could have any folder read and sent. Of a
    snapshot that is not here, the latest build that is speaks. Raises SeedsError where none is here, StoreError, and
    SnapshotError for an index in a folder.
    """
    if isinstance(catalog, FolderCatalog):
        return catalog.origin(catalog.current())
    here = FolderCatalog(catalog.home)
    for ident in (catalog.current, here.current):
        with suppress(SnapshotError):
            return here.origin(ident())
    raise SeedsError(
        f"no build of {catalog.name} lies on this computer to say which documents it reads; name their folder"
    )


def build_into(
    catalog: Catalog,
    seeds: Path,
    encoder: Encoder,
    progress: Progress,
    limits: Limits | None = None,
    search: str = AUTO,
    engine: Engine = LOCAL,
) -> BuildReport:
    """Build a snapshot of ``seeds`` on this computer and put it in force in an index, wherever that is.

    What ``index.build`` raises, and where the index is on a server StoreError and SnapshotDamaged: before anything is
    read, where the server can't be used; later the snapshot that was in force there still is, and the next build only
    has to send.
    """
    home = catalog.home
    before = ""
    if not isinstance(catalog, FolderCatalog):
        with suppress(SnapshotMissing):
            before = catalog.current()
    report = build_folder(seeds, home.root, encoder, progress, limits, search, engine)
    if isinstance(catalog, FolderCatalog):
        return report
    catalog.take(home.snapshot(report.snapshot), progress)
    return replace(report, previous=before)
