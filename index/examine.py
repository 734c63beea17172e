"""Examination of a whole index: every hash, count and format version of every snapshot."""

from __future__ import annotations

from collections.abc import Iterator

from index.errors import SeedQAError, SnapshotMissing
from index.intact import damaged_files
from index.layout import IndexPaths, SnapshotPaths
from index.opened import Finding
from index.snapshot import Snapshot, current_id, load_manifest, read_origin, snapshot_ids


def examine(index: IndexPaths) -> list[Finding]:
    """Check every hash, count and format version of every snapshot, and CURRENT; return what is wrong."""
    findings: list[Finding] = []
    try:
        current_id(index)
    except SnapshotMissing:
        raise
    except SeedQAError as error:
        findings.append(Finding(snapshot="CURRENT", problem=str(error)))
    for ident in snapshot_ids(index):
        paths = index.snapshot(ident)
        try:
            manifest = load_manifest(paths)
            read_origin(paths)
            broken = list(damaged_files(paths, manifest))
            findings.extend(Finding(snapshot=ident, problem=line) for line in broken)
            if not broken:
                findings.extend(Finding(snapshot=ident, problem=line) for line in _miscounts(paths))
        except SeedQAError as error:
            findings.append(Finding(snapshot=ident, problem=str(error)))
    return findings


def _miscounts(paths: SnapshotPaths) -> Iterator[str]:
    """Yield what does not add up between the parts of a snapshot whose files are intact."""
    with Snapshot(paths) as snapshot:
        counts, store = snapshot.manifest.counts, snapshot.store
        if (verdict := store.check()) != "ok":
            yield f"{paths.passages}: {verdict}"
        documents = [(d.path, d.sha256, d.passages) for d in store.documents]
        if documents != [(d.path, d.sha256, d.passages) for d in snapshot.manifest.documents]:
            yield f"{paths.passages} lists other documents than {paths.manifest}"
        sentences = sum(len(p.passage.sentences) for d in store.documents for p in store.passages_of(d))
        if sentences != counts.sentences:
            yield f"{paths.passages} holds {sentences} sentences, expected {counts.sentences}"
