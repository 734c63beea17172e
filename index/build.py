"""From a folder of documents to a snapshot in force."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from index import lexical
from index.encode.protocol import Encoder, FloatArray
from index.errors import SeedQAError, SeedsError, SnapshotError
from index.layout import TEMPORARY, IndexPaths, SnapshotPaths, sync, write_synced
from index.load import walk
from index.lock import lock
from index.manifest import FORMAT, Counts, DocumentRecord, FileRecord, Manifest, write_manifest
from index.prepare import Loaded, find_postings, find_vectors, load, recipe
from index.records import BuildReport, Progress, SeedFile, Skipped, content_id, no_progress
from index.snapshot import (
    Snapshot,
    damaged_files,
    discard,
    load_manifest,
    open_current,
    publish,
    remove_leftovers,
    write_origin,
)
from index.store import write_store
from index.vectors import serialise

STAGES = ("scan", "load", "encode", "lexical", "write", "check", "publish")
"""The stages of a build, in order, as progress names them."""


def build(seeds: Path, index: Path, encoder: Encoder, progress: Progress = no_progress) -> BuildReport:
    """Read the documents in ``seeds`` and put a snapshot of them in force in ``index``.

    Unchanged documents and sentences keep the vectors of the previous snapshot. Whatever happens, the
    snapshot in force stays as it was until the new one is complete; what is left behind then is
    removed by the next build.

    Raises SeedsError where there is nothing to index, BuildLocked while another build runs, and
    BuildError where the index can't be written.
    """
    paths = IndexPaths(index)
    started = time.monotonic()
    progress("scan", 0, 0)
    files, skipped = walk(seeds)
    with lock(paths, f"build of {seeds}"):
        remove_leftovers(paths)
        previous = _previous(paths)
        try:
            return _build(seeds, paths, encoder, progress, started, files, skipped, previous)
        finally:
            if previous:
                previous.close()


def _previous(paths: IndexPaths) -> Snapshot | None:
    """Return the snapshot in force if it can be reused; a damaged one is only replaced."""
    try:
        return open_current(paths)
    except SnapshotError:
        return None


def _build(
    seeds: Path,
    paths: IndexPaths,
    encoder: Encoder,
    progress: Progress,
    started: float,
    files: Sequence[SeedFile],
    skipped: list[Skipped],
    previous: Snapshot | None,
) -> BuildReport:
    found = len(files) + len(skipped)
    loaded = load(seeds, files, skipped, encoder, progress, previous)
    if not loaded:
        raise SeedsError(_nothing(seeds, skipped))
    ident = _snapshot_id(encoder, loaded, skipped)
    reused = sum(len(p.sentences) for item in loaded if item.stored for p in item.passages)
    target = paths.snapshot(ident)
    if not _intact(target):
        vectors, kept = find_vectors(loaded, encoder, previous, progress)
        reused += kept
        postings = find_postings(loaded, previous, progress)
        scratch = SnapshotPaths(target.root.with_name(ident + TEMPORARY))
        try:
            _write(scratch, ident, seeds, encoder, loaded, skipped, vectors, postings, progress)
            progress("check", 0, 0)
            Snapshot(scratch).close()
            _move(scratch, target)
        finally:
            discard(scratch.root)
    else:
        write_origin(target, seeds)
        sync(paths.snapshots)
    progress("publish", 0, 0)
    before = previous.id if previous else ""
    publish(paths, ident)
    return BuildReport(
        snapshot=ident,
        previous=before,
        documents=len(loaded),
        passages=sum(len(item.passages) for item in loaded),
        sentences=sum(len(p.sentences) for item in loaded for p in item.passages),
        reused=reused,
        seconds=round(time.monotonic() - started, 3),
        seeds=str(seeds.resolve()),
        files=found,
        skipped=tuple(sorted(skipped, key=lambda s: s.source)),
        notes=tuple(Skipped(source=i.document.path, reason=note) for i in loaded for note in i.document.notes),
    )


def _nothing(seeds: Path, skipped: Sequence[Skipped]) -> str:
    first = f"; {skipped[0].source}: {skipped[0].reason}" if skipped else ""
    return f"nothing readable in {seeds}: {len(skipped)} skipped{first}; put text, Markdown or HTML files into it"


def _snapshot_id(encoder: Encoder, loaded: Sequence[Loaded], skipped: Sequence[Skipped]) -> str:
    """Return the id that seeds and settings decide."""
    sources = [(item.document.path, item.document.sha256) for item in loaded]
    left_out = sorted((s.source, s.reason) for s in skipped)
    made_with = msgspec.json.encode(recipe(), order="deterministic").decode()
    return content_id(FORMAT, made_with, encoder.info.fingerprint, json.dumps(sources), json.dumps(left_out))


def _intact(paths: SnapshotPaths) -> bool:
    """Tell whether a complete snapshot with this id exists already."""
    try:
        return not any(damaged_files(paths, load_manifest(paths)))
    except SeedQAError:
        return False


def _write(
    scratch: SnapshotPaths,
    ident: str,
    seeds: Path,
    encoder: Encoder,
    loaded: Sequence[Loaded],
    skipped: Sequence[Skipped],
    vectors: FloatArray,
    postings: lexical.Postings,
    progress: Progress,
) -> None:
    """Write all files of a snapshot and bring them to disk, the manifest last."""
    progress("write", 0, 0)
    scratch.root.mkdir()
    write_store(scratch.passages, ((item.document, item.passages) for item in loaded))
    write_synced(scratch.vectors, serialise(vectors))
    passages = sum(len(item.passages) for item in loaded)
    lexical.write_lexical(scratch.lexical, postings, passages)
    files: dict[str, FileRecord] = {}
    for path in sorted(scratch.root.rglob("*")):
        if path.is_file():
            sync(path)
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            files[path.relative_to(scratch.root).as_posix()] = FileRecord(bytes=path.stat().st_size, sha256=digest)
    manifest = Manifest(
        format=FORMAT,
        id=ident,
        recipe=recipe(),
        encoder=encoder.info,
        languages=tuple(sorted({item.document.language for item in loaded})),
        counts=Counts(documents=len(loaded), passages=passages, sentences=len(vectors), terms=len(postings.terms)),
        documents=tuple(
            DocumentRecord(
                path=item.document.path,
                title=item.document.title,
                sha256=item.document.sha256,
                bytes=item.document.bytes,
                passages=len(item.passages),
                notes=item.document.notes,
            )
            for item in loaded
        ),
        skipped=tuple(sorted(skipped, key=lambda s: s.source)),
        files=files,
    )
    write_origin(scratch, seeds)
    write_synced(scratch.manifest, write_manifest(manifest))
    sync(scratch.lexical)
    sync(scratch.root)


def _move(scratch: SnapshotPaths, target: SnapshotPaths) -> None:
    """Put a finished snapshot in its place; a damaged one of the same id makes way."""
    aside = target.root.with_name(f"{target.root.name}-damaged{TEMPORARY}")
    if target.root.exists():
        os.replace(target.root, aside)
    os.replace(scratch.root, target.root)
    sync(target.root.parent)
    shutil.rmtree(aside, ignore_errors=True)
