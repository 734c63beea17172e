"""The documents of a build that are not held in memory: set aside as they were read, or still in the previous snapshot.

Memory holds an entry for each, some hundred bytes, whatever its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

import msgspec

from index.aside import Aside
from index.manifest import DocumentRecord
from index.records import Document, Passage
from index.store import Store, StoredDocument

_TAKEN_OVER = ("path", "sha256", "bytes", "format", "encoding", "language", "title", "author", "date", "notes")


@dataclass(frozen=True, slots=True)
class Entry:
    """A document of the new snapshot, without what lies elsewhere."""

    record: DocumentRecord
    language: str
    sentences: int
    at: int
    """Where it was set aside, or its row in the previous snapshot."""
    size: int
    """Bytes that were set aside; 0 for one of the previous snapshot, which is unchanged."""

    @property
    def unchanged(self) -> bool:
        """Whether vectors and terms are those of the previous snapshot."""
        return self.size == 0


class Spool:
    """Documents of a build, written once and read as often as needed. A context manager that lets go of them."""

    def __init__(self, folder: Path, previous: Store | None) -> None:
        """Begin; what is too much for memory goes into a file in ``folder``, without name."""
        self._aside = Aside(folder)
        self._previous = previous

    def add(self, document: Document, passages: Sequence[Passage]) -> Entry:
        """Set a document aside."""
        data = msgspec.msgpack.encode((document, passages))
        record = DocumentRecord(
            path=document.path,
            title=document.title,
            sha256=document.sha256,
            bytes=document.bytes,
            passages=len(passages),
            notes=document.notes,
            copies=document.copies,
        )
        sentences = sum(len(passage.sentences) for passage in passages)
        return Entry(record, document.language, sentences, self._aside.append(data), len(data))

    def keep(self, stored: StoredDocument) -> Entry:
        """Take over a document of the previous snapshot, but for its copies, which are told anew."""
        assert self._previous is not None
        record = DocumentRecord(
            path=stored.path,
            title=stored.title,
            sha256=stored.sha256,
            bytes=stored.bytes,
            passages=stored.passages,
            notes=stored.notes,
        )
        first, last = self._previous.sentence_range(stored)
        return Entry(record, stored.language, last - first, stored.row, 0)

    def load(self, entry: Entry) -> tuple[Document, tuple[Passage, ...]]:
        """Return a document and its passages."""
        if entry.unchanged:
            document, passages = self._unchanged(entry.at)
        else:
            data = self._aside.read(entry.at, entry.size)
            document, passages = msgspec.msgpack.decode(data, type=tuple[Document, tuple[Passage, ...]])
        return replace(document, copies=entry.record.copies), passages

    def stored(self, entry: Entry) -> StoredDocument:
        """Return an unchanged document as the previous snapshot holds it."""
        assert self._previous is not None
        return self._previous.document(entry.at)

    def _unchanged(self, row: int) -> tuple[Document, tuple[Passage, ...]]:
        assert self._previous is not None
        stored = self._previous.document(row)
        document = Document(
            **{name: getattr(stored, name) for name in _TAKEN_OVER},
            text=self._previous.document_text(row),
            pages=self._previous.pages(row),
        )
        return document, tuple(found.passage for found in self._previous.passages_of(stored))

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._aside.close()
