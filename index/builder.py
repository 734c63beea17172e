"""From a folder of documents to a snapshot in force."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import msgspec

from index.compress import write_all_candidates
from index.encode.protocol import Encoder
from index.engine import LOCAL, Engine
from index.errors import SeedQAError, SeedsError, SnapshotError
from index.gather import Gathered, gather
from index.intact import damaged_files
from index.journal import Journal
from index.layout import TEMPORARY, IndexPaths, SnapshotPaths, sync, write_synced
from index.load.limits import Limits
from index.load.walk import walk
from index.lock import lock
from index.manifest import AUTO, FORMAT, Counts, FileRecord, Manifest, SourceRecord, write_manifest
from index.postings import Tally
from index.prepare import Encoding, count_terms, recipe
from index.records import BuildReport, Document, Passage, Progress, SeedFile, Skipped, content_id, no_progress
from index.snapshot import (
    Snapshot,
    discard,
    load_manifest,
    open_current,
    publish,
    remove_leftovers,
    write_origin,
)
from index.spool import Entry, Spool
from index.store import write_store
from index.vectors import write_vectors

STAGES = ("scan", "load", "encode", "sort", "lexical", "write", "check", "publish")
"""The stages of a build, in order, as progress names them."""


def build(
    seeds: Path,
    index: Path,
    encoder: Encoder,
    progress: Progress = no_progress,
    limits: Limits | None = None,
    search: str = AUTO,
    engine: Engine = LOCAL,
) -> BuildReport:
    """Read the documents in ``seeds`` and put a snapshot of them in force in ``index``.

    Files are read in separate processes under ``limits``, so that a bad one affects no other, here or wherever
    ``engine`` has them; the snapshot does not depend on that. Unchanged documents and sentences keep the vectors of
    the previous snapshot. Whatever happens, the snapshot in force stays as it was until the new one is complete; what
    an interrupted build has read and encoded is used by the next one, which removes the rest that was left behind.

    ``search`` says how the nearest vectors will be found: by their number (``auto``), ``exact`` or ``compressed``.

    Raises SeedsError where there is nothing to index, BuildLocked while another build runs, and
    BuildError where the index can't be written.
    """
    started = time.monotonic()
    progress("scan", 0, 0)
    files, skipped = walk(seeds)
    bounds = limits or Limits()
    with begin(seeds, IndexPaths(index), encoder, progress, bounds, search, engine) as work:
        return work.run(work.read(files), skipped, started)


@contextmanager
def begin(
    seeds: Path,
    paths: IndexPaths,
    encoder: Encoder,
    progress: Progress,
    limits: Limits,
    search: str = AUTO,
    engine: Engine = LOCAL,
) -> Iterator[Building]:
    """Hold the lock of an index, its journal and the snapshot in force for one build."""
    with lock(paths, f"build of {seeds}"):
        remove_leftovers(paths)
        with (
            _previous(paths) or nullcontext() as previous,
            Journal(paths.journal) as journal,
            Spool(paths.snapshots, previous.store if previous else None) as spool,
        ):
            yield Building(seeds, paths, encoder, progress, limits, journal, previous, spool, search, engine)


def _previous(paths: IndexPaths) -> Snapshot | None:
    """Return the snapshot in force if it can be reused; a damaged one is only replaced."""
    try:
        return open_current(paths, thorough=True)  # else what a drive has altered would get a hash that fits
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
        spool: Spool,
        search: str,
        engine: Engine,
    ) -> None:
        self.spool = spool
        """Where the documents that are read lie until they are written."""
        self._seeds = seeds
        self._paths = paths
        self._encoder = encoder
        self._progress = progress
        self._limits = limits
        self._recipe = recipe(limits)
        self._journal = journal
        self._previous = previous
        self._search = search
        self._engine = engine

    def read(self, files: Sequence[SeedFile]) -> Gathered:
        """Return what ``files`` hold."""
        return gather(
            self._seeds, files, self._recipe, self._encoder, self._journal, self._limits, self._progress,
            self._previous, self.spool, self._engine,
        )  # fmt: skip

    def run(self, found: Gathered, left_out: Sequence[Skipped], started: float) -> BuildReport:
        """Build from what was ``found``; ``left_out`` are files that the walk has left out."""
        entries = found.entries
        skipped = tuple(sorted((*left_out, *found.skipped), key=lambda s: (s.source, s.reason)))
        if not entries:
            raise SeedsError(_nothing(self._seeds, skipped))
        ident = self._snapshot_id(found.sources, skipped)
        reused = sum(entry.sentences for entry in entries if entry.unchanged)
        target = self._paths.snapshot(ident)
        if not intact(target):
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
            documents=len(entries),
            passages=sum(entry.record.passages for entry in entries),
            sentences=sum(entry.sentences for entry in entries),
            reused=reused,
            seconds=round(time.monotonic() - started, 3),
            seeds=str(self._seeds.resolve()),
            found=len(entries) + len(skipped),
            skipped=skipped,
            notes=tuple(Skipped(source=e.record.path, reason=note) for e in entries for note in e.record.notes),
        )

    def _snapshot_id(self, sources: Sequence[SourceRecord], skipped: Sequence[Skipped]) -> str:
        """Return the id that seeds and settings decide."""
        return content_id(
            FORMAT,
            msgspec.json.encode(self._recipe, order="deterministic").decode(),
            self._encoder.info.fingerprint,
            self._search,
            json.dumps([(source.path, source.sha256) for source in sources]),
            json.dumps([(s.source, s.reason) for s in skipped]),
        )

    def _make(self, target: SnapshotPaths, found: Gathered) -> int:
        """Make a snapshot and put it in its place; return how many vectors of changed documents were known."""
        scratch = SnapshotPaths(target.root.with_name(target.root.name + TEMPORARY))
        try:
            known = self._write(scratch, target.root.name, found)
            self._progress("check", 0, 0)
            Snapshot(scratch, thorough=True).close()
            move_in(scratch, target)
        finally:
            discard(scratch.root)
        return known

    def _write(self, scratch: SnapshotPaths, ident: str, found: Gathered) -> int:
        """Write all files of a snapshot and bring them to disk, the manifest last; return as ``_make`` does."""
        entries, dimension = found.entries, self._encoder.info.dimension
        counts = Counts(
            documents=len(entries),
            passages=sum(entry.record.passages for entry in entries),
            sentences=sum(entry.sentences for entry in entries),
            terms=0,
        )
        scratch.root.mkdir()
        with Encoding(
            self.spool,
            entries,
            self._encoder,
            self._previous,
            self._journal,
            self._progress,
            scratch.root,
            self._engine.machines,
        ) as vectors:
            write_vectors(scratch.vectors, vectors.sentences(), counts.sentences, dimension)
            write_vectors(scratch.passage_vectors, vectors.passages(), counts.passages, dimension)
        sentence_search, passage_search = write_all_candidates(scratch, counts, dimension, self._search, self._progress)
        with Tally(scratch.root, counts.passages) as tally:
            count_terms(tally, self.spool, entries, self._previous, self._progress)
            terms = tally.write(scratch.lexical)
        self._progress("write", 0, len(entries))
        write_store(scratch, self._documents(entries), counts.passages)
        manifest = Manifest(
            format=FORMAT,
            id=ident,
            recipe=self._recipe,
            encoder=self._encoder.info,
            languages=tuple(sorted({entry.language for entry in entries})),
            counts=replace(counts, terms=terms),
            documents=tuple(entry.record for entry in entries),
            sources=found.sources,
            skipped=found.skipped,
            files=_synced_files(scratch.root),
            search=self._search,
            sentence_search=sentence_search,
            passage_search=passage_search,
        )
        write_origin(scratch, self._seeds)
        write_synced(scratch.manifest, write_manifest(manifest))
        sync(scratch.lexical)
        sync(scratch.root)
        return vectors.reused

    def _documents(self, entries: Sequence[Entry]) -> Iterator[tuple[Document, Sequence[Passage]]]:
        """Yield the documents of a snapshot in order, one after the other from where they lie."""
        for done, entry in enumerate(entries, 1):
            yield self.spool.load(entry)
            self._progress("write", done, len(entries))


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


def intact(paths: SnapshotPaths) -> bool:
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
