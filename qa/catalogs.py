"""Which store an index is kept in, by the form of its name: a folder, or the address of a server."""

from __future__ import annotations

import importlib
import re
from dataclasses import replace
from pathlib import Path

from index.address import is_address, parse_address
from index.builder import build as build_folder
from index.encode import Encoder
from index.engine import LOCAL, Engine
from index.errors import SnapshotError, StoreError
from index.folder import FolderCatalog
from index.layout import IndexPaths
from index.load.limits import Limits
from index.manifest import AUTO
from index.opened import Catalog
from index.records import BuildReport, Progress
from qa.config import Settings


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
        raise StoreError(
            f"{address} is on a Milvus server, for which {error.name} is missing; pip install 'seedqa[milvus]'"
        ) from error
    home = IndexPaths(settings.workspace / re.sub(r"[^\w.-]", "_", str(address).partition("://")[2]))
    found: Catalog = made.MilvusCatalog(
        address, home, token=settings.milvus_token, ca=settings.milvus_ca, index=settings.milvus_index
    )
    return found


def configured(settings: Settings) -> Catalog:
    """Return the index of the settings."""
    return catalog_of(settings.index, settings)


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

    What ``index.build`` raises, and where the index is on a server StoreError; then the snapshot that was in force
    there still is, and the next build only has to send.
    """
    home = catalog.home
    report = build_folder(seeds, home.root, encoder, progress, limits, search, engine)
    if isinstance(catalog, FolderCatalog):
        return report
    try:
        before = catalog.current()
    except SnapshotError:
        before = ""
    catalog.take(home.snapshot(report.snapshot), progress)
    return replace(report, previous=before)
