"""From a folder of documents to a snapshot in force."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec

from index import lexical
from index.encode.protocol import Encoder
from index.errors import SeedQAError, SeedsError, SnapshotError
from index.gather import Gathered, Loaded, gather
from index.intact import damaged_files
from index.journal import Journal
from index.layout import TEMPORARY, IndexPaths, SnapshotPaths, sync, write_synced
from index.load.limits import Limits
from index.load.walk import walk
from index.lock import lock
from index.manifest import FORMAT, Counts, DocumentRecord, FileRecord, Manifest, SourceRecord, write_manifest
from index.prepare import Found, find_postings, find_vectors, recipe
from index.records import BuildReport, Progress, SeedFile, Skipped, content_id, no_progress
from index.snapshot import (
    Snapshot,
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


def build(
    seeds: Path,
    index: Path,
    encoder: Encoder,
    progress: Progress = no_progress,
    limits: Limits | None = None,
) -> BuildReport:
    """Read the documents in ``seeds`` and put a snapshot of them in force in ``index``.

    Files are read in separate processes under ``limits``, so that a bad one affects no other. Unchanged
    documents and sentences keep the vectors of the previous snapshot. Whatever happens, the snapshot in force stays
    as it was until the new one is complete; what an interrupted build has read and encoded is used by the next one,
    which removes the rest that was left behind.

    Raises SeedsError where there is nothing to index, BuildLocked while another build runs, and
    BuildError where the index can't be written.
    """
    started = time.monotonic()
    progress("scan", 0, 0)
    files, skipped = walk(seeds)
    bounds = limits or Limits()
    with begin(seeds, IndexPaths(index), encoder, progress, bounds) as work:
        return work.run(work.read(files), skipped, started)


@contextmanager
def begin(seeds: Path, paths: IndexPaths, encoder: Encoder, progress: Progress, limits: Limits) -> Iterator[Building]:
    """Hold the lock of an index, its journal and the snapshot in force for one build."""
    with lock(paths, f"build of {seeds}"):
        remove_leftovers(paths)
        previous = _previous(paths)
        try:
            with Journal(paths.journal) as journal:
                yield Building(seeds, paths, encoder, progress, limits, journal, previous)
        finally:
            if previous:
                previous.close()


def _previous(paths: IndexPaths) -> Snapshot | None:
    """Return the snapshot in force if it can be reused; a damaged one is only replaced."""
    try:
        return open_current(paths)
    except SnapshotError:
        return None


class Building:
    """One build, under the lock of its index (``begin``)."""

    def __init__(
        self,
        seeds: Path,
        paths: IndexPaths,
        encoder: Encoder,
        progress: Progress,
        limits: Limits,
        journal: Journal,
        previous: Snapshot | None,
    ) -> None:
        self._seeds = seeds
        self._paths = paths
        self._encoder = encoder
        self._progress = progress
        self._limits = limits
        self._recipe = recipe(limits)
        self._journal = journal
        self._previous = previous

    def read(self, files: Sequence[SeedFile]) -> Gathered:
        """Return what ``files`` hold."""
        return gather(
            self._seeds, files, self._recipe, self._encoder, self._journal, self._limits, self._progress, self._previous
        )

    def run(self, found: Gathered, left_out: Sequence[Skipped], started: float) -> BuildReport:
        """Build from what was ``found``; ``left_out`` are files that the walk has left out."""
        loaded = found.loaded
        skipped = tuple(sorted((*left_out, *found.skipped), key=lambda s: (s.source, s.reason)))
        if not loaded:
            raise SeedsError(_nothing(self._seeds, skipped))
        ident = self._snapshot_id(found.sources, skipped)
        reused = sum(len(p.sentences) for item in loaded if item.stored for p in item.passages)
        target = self._paths.snapshot(ident)
        if not _intact(target):
            reused += self._make(target, replace(found, skipped=skipped))
        else:
            write_origin(target, self._seeds)
            sync(self._paths.snapshots)
        self._progress("publish", 0, 0)
        publish(self._paths, ident)
        self._journal.remove()
        return BuildReport(
            snapshot=ident,
            previous=self._previous.id if self._previous else "",
            documents=len(loaded),
            passages=sum(len(item.passages) for item in loaded),
            sentences=sum(len(p.sentences) for item in loaded for p in item.passages),
            reused=reused,
            seconds=round(time.monotonic() - started, 3),
            seeds=str(self._seeds.resolve()),
            found=len(loaded) + len(skipped),
            skipped=skipped,
            notes=tuple(Skipped(source=i.document.path, reason=note) for i in loaded for note in i.document.notes),
        )

    def _snapshot_id(self, sources: Sequence[SourceRecord], skipped: Sequence[Skipped]) -> str:
        """Return the id that seeds and settings decide."""
        return content_id(
            FORMAT,
            msgspec.json.encode(self._recipe, order="deterministic").decode(),
            self._encoder.info.fingerprint,
            json.dumps([(source.path, source.sha256) for source in sources]),
            json.dumps([(s.source, s.reason) for s in skipped]),
        )

    def _make(self, target: SnapshotPaths, found: Gathered) -> int:
        """Make a snapshot and put it in its place; return how many vectors of changed documents were known."""
        vectors = find_vectors(found.loaded, self._encoder, self._previous, self._journal, self._progress)
        postings = find_postings(found.loaded, self._previous, self._progress)
        scratch = SnapshotPaths(target.root.with_name(target.root.name + TEMPORARY))
        try:
            self._write(scratch, target.root.name, found, vectors, postings)
            self._progress("check", 0, 0)
            Snapshot(scratch).close()
            move_in(scratch, target)
        finally:
            discard(scratch.root)
        return vectors.known

    def _write(
        self, scratch: SnapshotPaths, ident: str, found: Gathered, vectors: Found, postings: lexical.Postings
    ) -> None:
        """Write all files of a snapshot and bring them to disk, the manifest last."""
        self._progress("write", 0, 0)
        scratch.root.mkdir()
        passages = sum(len(item.passages) for item in found.loaded)
        write_store(scratch.passages, ((item.document, item.passages) for item in found.loaded))
        write_synced(scratch.vectors, serialise(vectors.sentences))
        write_synced(scratch.passage_vectors, serialise(vectors.passages))
        lexical.write_lexical(scratch.lexical, postings, passages)
        manifest = Manifest(
            format=FORMAT,
            id=ident,
            recipe=self._recipe,
            encoder=self._encoder.info,
            languages=tuple(sorted({item.document.language for item in found.loaded})),
            counts=Counts(
                documents=len(found.loaded),
                passages=passages,
                sentences=len(vectors.sentences),
                terms=len(postings.terms),
            ),
            documents=tuple(_record(item) for item in found.loaded),
            sources=found.sources,
            skipped=found.skipped,
            files=_synced_files(scratch.root),
        )
        write_origin(scratch, self._seeds)
        write_synced(scratch.manifest, write_manifest(manifest))
        sync(scratch.lexical)
        sync(scratch.root)


def _record(item: Loaded) -> DocumentRecord:
    document = item.document
    return DocumentRecord(
        path=document.path,
        title=document.title,
        sha256=document.sha256,
        bytes=document.bytes,
        passages=len(item.passages),
        notes=document.notes,
        copies=document.copies,
    )


def _synced_files(root: Path) -> dict[str, FileRecord]:
    """Bring every file under ``root`` to disk and return their sizes and hashes by name."""
    files: dict[str, FileRecord] = {}
    for path in sorted(root.rglob("*")):
        if path.is_file():
            sync(path)
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            files[path.relative_to(root).as_posix()] = FileRecord(bytes=path.stat().st_size, sha256=digest)
    return files


def _nothing(seeds: Path, skipped: Sequence[Skipped]) -> str:
    first = f"; {skipped[0].source}: {skipped[0].reason}" if skipped else ""
    return f"nothing readable in {seeds}: {len(skipped)} skipped{first}; put documents into it"


def _intact(paths: SnapshotPaths) -> bool:
    """Tell whether a complete snapshot with this id exists already."""
    try:
        return not any(damaged_files(paths, load_manifest(paths)))
    except SeedQAError:
        return False


def move_in(scratch: SnapshotPaths, target: SnapshotPaths) -> None:
    """Put a finished snapshot in its place; a damaged one of the same id makes way.

    Until it is published it counts as older than all others, so that no restore without a name chooses it.
    """
    os.utime(scratch.root, ns=(0, 0))
    aside = target.root.with_name(f"{target.root.name}-damaged{TEMPORARY}")
    if target.root.exists():
        os.replace(target.root, aside)
    os.replace(scratch.root, target.root)
    sync(target.root.parent)
    shutil.rmtree(aside, ignore_errors=True)
