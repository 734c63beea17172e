"""What the index holds, beside what is on disk now."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from index.errors import SeedsError
from index.load.walk import open_seed, walk
from index.manifest import DocumentRecord, Manifest, SourceRecord, source_path
from qa.answer import DocumentStatus

CURRENT, CHANGED, MISSING, NEW = "current", "changed", "missing", "new"


def document_statuses(manifest: Manifest, seeds: Path, built: float) -> tuple[DocumentStatus, ...]:
    """Return every document of a snapshot and every readable file that is not in it yet, sorted by path.

    A file is hashed only where its size is the same and it was touched after the snapshot was ``built`` (seconds
    since the epoch): whoever edits a file and sets its date back goes unnoticed here, not by ``verify``.
    """
    sources = {source.path: source for source in manifest.sources}
    found = [_status(d, sources[source_path(d.path, sources)], seeds, built) for d in manifest.documents]
    known = sources.keys() | {skipped.source for skipped in manifest.skipped}
    return tuple(sorted((*found, *_new(seeds, known)), key=lambda status: status.source))


def _status(document: DocumentRecord, source: SourceRecord, seeds: Path, built: float) -> DocumentStatus:
    path = seeds / source.path
    try:
        on_disk = path.stat()
        size, time_ns = on_disk.st_size, on_disk.st_mtime_ns
        changed = size != source.bytes or (
            on_disk.st_mtime >= built and _sha256(seeds, source.path, size, time_ns) != source.sha256
        )
        status, modified = CHANGED if changed else CURRENT, _utc(on_disk.st_mtime)
    except OSError:
        status, modified = MISSING, ""
    return DocumentStatus(
        source=document.path,
        title=document.title,
        status=status,
        bytes=document.bytes,
        passages=document.passages,
        modified=modified,
        sha256=document.sha256,
        notes=document.notes,
        copies=document.copies,
    )


def _new(seeds: Path, known: set[str]) -> Iterator[DocumentStatus]:
    try:
        files, _ = walk(seeds)
    except SeedsError:
        return  # the folder is gone: every document of it is listed as missing
    for file in files:
        if file.path in known:
            continue
        try:
            modified = _utc((seeds / file.path).stat().st_mtime)
        except OSError:
            continue  # gone again since the walk
        yield DocumentStatus(
            source=file.path, title="", status=NEW, bytes=file.bytes, passages=0, modified=modified, sha256="", notes=()
        )


@lru_cache(maxsize=100_000)
def _sha256(seeds: Path, source: str, _size: int, _modified: int) -> str:
    """Return the hash of a file, remembered for as long as its size and time of change stay."""
    with open_seed(seeds, source) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
