"""Examination of a whole index: every hash, count and format version of every snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from index.compress import RECALL, measured_recall
from index.errors import SeedQAError, SnapshotMissing
from index.intact import damaged_files
from index.layout import IndexPaths, SnapshotPaths
from index.manifest import EXACT, SearchRecord
from index.opened import Finding
from index.snapshot import Snapshot, current_id, load_manifest, open_current, read_origin, snapshot_ids
from index.vectors import Vectors


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """How many of the hundred nearest vectors the snapshot in force finds."""

    of: str
    """``sentences`` or ``passages``."""
    search: SearchRecord
    """As the manifest states it."""
    found: float
    """As measured now, with other vectors for questions."""
    error: float
    """Standard error of that: it was measured with a hundred."""

    @property
    def problem(self) -> str:
        """What is wrong with it, in one line, or nothing."""
        if self.found + 2 * self.error >= RECALL:  # less may be the luck of the draw
            return ""
        return (
            f"{self.found:.3f} of the nearest {self.of} are found, expected {RECALL}; "
            "have all compared: qa build --search exact"
        )


def recalls(index: IndexPaths) -> list[Recall]:
    """Measure against exact search what share of the nearest the snapshot in force finds; takes a while if many."""
    with open_current(index) as snapshot:
        made = snapshot.manifest
        both = (
            ("sentences", snapshot.vectors, made.sentence_search),
            ("passages", snapshot.passage_vectors, made.passage_search),
        )
        return [_recall(of, vectors, how) for of, vectors, how in both]


def _recall(of: str, vectors: Vectors, how: SearchRecord) -> Recall:
    found, error = (1.0, 0.0) if how.kind == EXACT else measured_recall(vectors, seed=2)
    return Recall(of=of, search=how, found=round(found, 4), error=round(error, 4))


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
