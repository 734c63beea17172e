"""One snapshot on a server, open for questions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from index.encode.protocol import FloatArray
from index.errors import SnapshotDamaged
from index.manifest import Manifest, SourceRecord, read_manifest, source_path
from index.milvus.blobs import Blobs
from index.milvus.client import Client
from index.milvus.generation import Generation
from index.milvus.passages import ServedPassages
from index.milvus.rows import BUILT, MANIFEST, ORIGIN, seconds_in
from index.milvus.select import ServedSelection
from index.opened import Found, Ranges


def read_head(records: Blobs, where: str) -> tuple[Manifest, Path, float]:
    """Return the manifest of a generation, the folder that it was read from, and when it was built.

    Raises SnapshotDamaged and SnapshotFormat as for a folder.
    """
    found = records.get([MANIFEST, ORIGIN, BUILT], latest=True)
    if len(found) < 3:
        raise SnapshotDamaged(f"{where} is not complete; build or import again")
    return (
        read_manifest(found[MANIFEST], where),
        Path(found[ORIGIN].decode("utf-8", "surrogateescape")),
        seconds_in(found[BUILT], where),
    )


class ServedSnapshot:
    """A generation of collections (index.opened.OpenSnapshot). Thread-safe."""

    def __init__(self, client: Client, generation: Generation) -> None:
        """Open it after checking the manifest and the count of every row that is searched.

        ``client`` is closed with it. Raises StoreError, SnapshotFormat or SnapshotDamaged.
        """
        self._client = client
        records = Blobs(client, generation.records)
        self.manifest, self.seeds, self.built = read_head(records, generation.records)
        counts = self.manifest.counts
        for name, rows in ((generation.sentences, counts.sentences), (generation.passages, counts.passages)):
            if (found := client.count(name)) != rows:
                raise SnapshotDamaged(f"{name} holds {found} rows, expected {rows}; build or import again")
        self.store = ServedPassages(records, self.manifest)
        self._selection = ServedSelection(client, generation, records, counts, self.manifest.encoder.dimension)

    @property
    def id(self) -> str:
        """Derived from seeds and settings."""
        return self.manifest.id

    @cached_property
    def _sources(self) -> dict[str, SourceRecord]:
        return {source.path: source for source in self.manifest.sources}

    def source_of(self, document: str) -> SourceRecord | None:
        """Return the file that a document is or lies within, as it was read, or nothing where it is not known."""
        return self._sources.get(source_path(document, self._sources))

    def idf(self, term: str) -> float:
        """Return the idf of a term; one that no passage has gets the highest there is."""
        return self._selection.idf(term)

    def candidates(
        self, vector: FloatArray, terms: Sequence[str], depth: int, k: int, allowed: Ranges | None = None
    ) -> Found:
        """Return the passages that may be among the ``k`` best, as OpenSnapshot says."""
        return self._selection.candidates(vector, terms, max(depth, k), allowed)

    def check(self) -> None:
        """Nothing is held that could change: rows are fetched for each question."""

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()
