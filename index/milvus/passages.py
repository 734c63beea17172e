"""The documents and passages of a snapshot on a server."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache

from index.manifest import Manifest
from index.milvus.blobs import Blobs
from index.milvus.rows import DocumentRow, document_key, page_key, passage_key, text_key, unpack
from index.records import Page
from index.store import REMEMBERED, StoredDocument, StoredPassage

_AT_ONCE = 200
"""Records asked for together."""


class ServedPassages:
    """Reads records by their names (index.opened.Passages). Thread-safe."""

    def __init__(self, records: Blobs, manifest: Manifest) -> None:
        self._records = records
        self._paths = [document.path for document in manifest.documents]
        self._row = lru_cache(REMEMBERED)(self._read_row)

    def _read_row(self, row: int) -> DocumentRow:
        (data,) = self._records.need([document_key(row)])
        return unpack(data, DocumentRow, self._records.name)

    @cached_property
    def documents(self) -> tuple[StoredDocument, ...]:
        """All documents, sorted by path."""
        keys = [document_key(row) for row in range(len(self._paths))]
        parts = (keys[first : first + _AT_ONCE] for first in range(0, len(keys), _AT_ONCE))
        found = (data for part in parts for data in self._records.need(part))
        return tuple(unpack(data, DocumentRow, self._records.name).document for data in found)

    def document(self, row: int, /) -> StoredDocument:
        """Return a document by its row."""
        return self._row(row).document

    def by_path(self, path: str) -> StoredDocument | None:
        """Return the document at a path, or nothing."""
        at = bisect_right(self._paths, path) - 1
        return self.document(at) if at >= 0 and self._paths[at] == path else None

    def document_text(self, row: int) -> str:
        """Return the extracted text of a document."""
        (data,) = self._records.need([text_key(row)])
        return unpack(data, str, self._records.name)

    def passages(self, rows: Sequence[int]) -> list[StoredPassage]:
        """Return passages in the order of ``rows``."""
        found = self._records.need([passage_key(row) for row in rows])
        return [unpack(data, StoredPassage, self._records.name) for data in found]

    def passage_ids(self, rows: Sequence[int]) -> list[str]:
        """Return the ids of passages in the order of ``rows``."""
        return [stored.id for stored in self.passages(rows)]

    def passages_of(self, document: StoredDocument) -> Iterator[StoredPassage]:
        """Yield the passages of a document, in order."""
        end = document.first_passage + document.passages
        for first in range(document.first_passage, end, _AT_ONCE):
            yield from self.passages(range(first, min(first + _AT_ONCE, end)))

    def pages(self, document: int, start: int = 0, end: int = 2**62) -> tuple[Page, ...]:
        """Return the pages on which text of ``start`` to ``end`` stands, in order."""
        ranges = self._row(document).pages
        keys = [page_key(document, at) for at, (first, last) in enumerate(ranges) if first < end and last > start]
        return tuple(unpack(data, Page, self._records.name) for data in self._records.need(keys))
