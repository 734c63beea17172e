"""The store of a snapshot: documents, passages and the ranges of their sentences.

passages.sqlite has them all; beside it lie two arrays that a question needs of all passages: first_sentences.npy, where
the sentences of each begin among those of all and, last, how many there are; and passage_documents.npy.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from index.arrays import new_array, open_array
from index.errors import SnapshotDamaged
from index.layout import SnapshotPaths
from index.records import Document, Page, Passage, Places, Sentence, passage_id

_SCHEMA = """
CREATE TABLE document (
    row INTEGER PRIMARY KEY, id TEXT NOT NULL, path TEXT NOT NULL UNIQUE, sha256 TEXT NOT NULL, bytes INTEGER NOT NULL,
    format TEXT NOT NULL, encoding TEXT NOT NULL, language TEXT NOT NULL, title TEXT NOT NULL, author TEXT NOT NULL,
    date TEXT NOT NULL, notes TEXT NOT NULL, copies TEXT NOT NULL, first_passage INTEGER NOT NULL,
    passages INTEGER NOT NULL, text TEXT NOT NULL);
CREATE TABLE passage (
    row INTEGER PRIMARY KEY, id TEXT NOT NULL, document INTEGER NOT NULL, start INTEGER NOT NULL,
    end INTEGER NOT NULL, section TEXT NOT NULL, places BLOB NOT NULL,
    first_sentence INTEGER NOT NULL, sentences BLOB NOT NULL, text TEXT NOT NULL);
CREATE TABLE page (
    document INTEGER NOT NULL, number INTEGER NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL,
    width REAL NOT NULL, height REAL NOT NULL, boxes BLOB NOT NULL, PRIMARY KEY (document, number)) WITHOUT ROWID;
"""
_PASSAGE = "row, id, document, start, end, section, places, first_sentence, sentences, text"
_DOCUMENT = (
    "row, id, path, sha256, bytes, format, encoding, language, title, author, date, notes, copies, first_passage, "
    "passages"
)
_PAGE = "number, start, end, width, height, boxes"

REMEMBERED = 4096
"""Documents that are not read from the database again."""

_REBUILD = "rebuild the index: qa build"

_AT_ONCE = 500
"""Rows asked for in one statement; SQLite limits how many values one may carry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDocument:
    """A document as the snapshot holds it, without its text."""

    row: int
    id: str
    path: str
    sha256: str
    bytes: int
    format: str
    encoding: str
    language: str
    title: str
    author: str
    date: str
    notes: tuple[str, ...]
    copies: tuple[str, ...]
    first_passage: int
    passages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPassage:
    """A passage with its own text; ranges are offsets into the document's text."""

    row: int
    id: str
    document: int
    first_sentence: int
    text: str
    passage: Passage

    def sentence_text(self, sentence: Sentence) -> str:
        """Return the text of one of the passage's sentences."""
        return self.text[sentence.start - self.passage.start : sentence.end - self.passage.start]


def write_store(paths: SnapshotPaths, documents: Iterable[tuple[Document, Sequence[Passage]]], passages: int) -> None:
    """Write the new files of a store of ``passages`` passages; one document is held at a time.

    Rows are numbered in the order given, sentences in the order of passages. Raises ValueError where there are more or
    fewer passages.
    """
    with (
        new_array(paths.first_sentences, "<i8", passages + 1) as firsts,
        new_array(paths.passage_documents, "<i8", passages) as owners,
        closing(sqlite3.connect(paths.passages, isolation_level=None)) as database,
    ):
        database.execute("PRAGMA journal_mode = OFF")
        database.executescript(_SCHEMA)
        database.execute("BEGIN")
        sentence = 0
        for row, (document, its) in enumerate(documents):
            sizes = np.array([len(passage.sentences) for passage in its], dtype=np.int64)
            first = sentence + np.cumsum(sizes) - sizes
            sentence += int(sizes.sum())
            _insert_document(database, row, document, firsts.count, len(its))
            _insert_passages(database, row, document, its, firsts.count, first.tolist())
            firsts.write(first)
            owners.write(np.full(len(its), row))
        firsts.write(np.array([sentence]))
        database.execute("COMMIT")


def _insert_passages(
    database: sqlite3.Connection,
    row: int,
    document: Document,
    passages: Sequence[Passage],
    first: int,
    sentences: Sequence[int],
) -> None:
    """Insert the passages of a document; ``first`` is the row of the first, ``sentences`` their first sentences."""
    ident = document.id
    database.executemany(
        f"INSERT INTO passage ({_PASSAGE}) VALUES ({', '.join('?' * 10)})",
        (
            (
                at, passage_id(ident, passage.start, passage.end), row, passage.start, passage.end,
                json.dumps(passage.section), msgspec.msgpack.encode(passage.places), sentence,
                _pack(passage.sentences), document.text[passage.start : passage.end],
            )
            for at, (passage, sentence) in enumerate(zip(passages, sentences, strict=True), first)
        ),
    )  # fmt: skip


def _insert_document(database: sqlite3.Connection, row: int, document: Document, first: int, passages: int) -> None:
    database.execute(
        f"INSERT INTO document ({_DOCUMENT}, text) VALUES ({', '.join('?' * 16)})",
        (
            row, document.id, document.path, document.sha256, document.bytes, document.format, document.encoding,
            document.language, document.title, document.author, document.date, json.dumps(document.notes),
            json.dumps(document.copies), first, passages, document.text,
        ),
    )  # fmt: skip
    database.executemany(
        f"INSERT INTO page (document, {_PAGE}) VALUES ({', '.join('?' * 7)})",
        ((row, p.number, p.start, p.end, p.width, p.height, zlib.compress(p.boxes)) for p in document.pages),
    )


def _pack(sentences: Sequence[Sentence]) -> bytes:
    """Return three little-endian 32-bit numbers a sentence: start, end, heading."""
    return np.array([(s.start, s.end, s.heading) for s in sentences], dtype="<u4").tobytes()


def _unpack(packed: bytes) -> tuple[Sentence, ...]:
    rows = np.frombuffer(packed, dtype="<u4").reshape(-1, 3).tolist()
    return tuple(Sentence(start=start, end=end, heading=bool(heading)) for start, end, heading in rows)


class Store:
    """The store of one snapshot, opened read-only. Thread-safe."""

    def __init__(self, paths: SnapshotPaths) -> None:
        """Open what ``write_store`` made and whose hashes were checked; of the passages nothing is read."""
        uri = f"{paths.passages.resolve().as_uri()}?mode=ro&immutable=1"
        at = paths.passages
        with ExitStack() as opening:
            try:
                self._database = opening.enter_context(closing(sqlite3.connect(uri, uri=True, check_same_thread=False)))
                last = self._database.execute("SELECT max(row) FROM passage").fetchone()[0]
                at = paths.first_sentences
                bounds: NDArray[np.int64] = open_array(at, "<i8")
                at = paths.passage_documents
                documents: NDArray[np.int64] = open_array(at, "<i8")
            except (sqlite3.Error, ValueError, OSError) as error:
                raise SnapshotDamaged(f"{at} can't be read ({error}); {_REBUILD}") from error
            if not len(bounds) - 1 == len(documents) == (0 if last is None else last + 1):
                raise SnapshotDamaged(f"{paths.passages} and the arrays beside it do not fit each other; {_REBUILD}")
            opening.pop_all()
        self._bounds = bounds
        self.first_sentences: NDArray[np.int64] = bounds[:-1]
        """Row of the first sentence of each passage: shape (passages,), ascending."""
        self.passage_documents: NDArray[np.int64] = documents
        """Row of the document of each passage: shape (passages,), ascending."""
        self.document = lru_cache(REMEMBERED)(self._read_document)
        """Returns a document by its row."""
        self._has_pages = lru_cache(REMEMBERED)(self._look_for_pages)

    def close(self) -> None:
        """Close the database and let go of the arrays, whose mappings hold handles."""
        self._database.close()
        self._bounds = self.first_sentences = self.passage_documents = np.zeros(0, dtype=np.int64)

    @cached_property
    def sentence_counts(self) -> NDArray[np.int64]:
        """Sentences of each passage: shape (passages,)."""
        return np.diff(self._bounds)

    def sentence_range(self, document: StoredDocument) -> tuple[int, int]:
        """Return the rows of the sentences of a document, half-open."""
        first = document.first_passage
        return int(self._bounds[first]), int(self._bounds[first + document.passages])

    def sentence_rows(self, passages: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows of the sentences of some passages, one after the other, and where each passage's begin."""
        first = self._bounds[passages]
        sizes = self._bounds[passages + 1] - first
        starts = np.cumsum(sizes) - sizes
        return np.repeat(first - starts, sizes) + np.arange(sizes.sum()), starts

    @cached_property
    def documents(self) -> tuple[StoredDocument, ...]:
        """All documents, sorted by path; ``documents[row].row == row``."""
        return tuple(self.each_document())

    def each_document(self) -> Iterator[StoredDocument]:
        """Yield all documents, sorted by path, without holding them."""
        return map(_document, self._database.execute(f"SELECT {_DOCUMENT} FROM document ORDER BY row"))

    def by_path(self, path: str) -> StoredDocument | None:
        """Return the document at a path, or nothing."""
        try:
            row = self._database.execute(f"SELECT {_DOCUMENT} FROM document WHERE path = ?", (path,)).fetchone()
        except UnicodeEncodeError:  # a lone surrogate, which no stored path has
            return None
        return None if row is None else _document(row)

    def _read_document(self, row: int) -> StoredDocument:
        return _document(self._database.execute(f"SELECT {_DOCUMENT} FROM document WHERE row = ?", (row,)).fetchone())

    def document_text(self, row: int) -> str:
        """Return the extracted text of a document."""
        return str(self._database.execute("SELECT text FROM document WHERE row = ?", (row,)).fetchone()[0])

    def passages(self, rows: Sequence[int]) -> list[StoredPassage]:
        """Return passages in the order of ``rows``."""
        by_row = {stored.row: stored for stored in map(_passage, self._select(_PASSAGE, rows))}
        return [by_row[row] for row in rows]

    def passage_ids(self, rows: Sequence[int]) -> list[str]:
        """Return the ids of passages in the order of ``rows``."""
        found = dict(self._select("row, id", rows))
        return [found[row] for row in rows]

    def _select(self, columns: str, rows: Sequence[int]) -> Iterator[tuple[Any, ...]]:
        for first in range(0, len(rows), _AT_ONCE):
            batch = list(rows[first : first + _AT_ONCE])
            marks = ", ".join("?" * len(batch))
            yield from self._database.execute(f"SELECT {columns} FROM passage WHERE row IN ({marks})", batch)

    def passages_of(self, document: StoredDocument) -> Iterator[StoredPassage]:
        """Yield the passages of a document, in order."""
        first, last = document.first_passage, document.first_passage + document.passages
        sql = f"SELECT {_PASSAGE} FROM passage WHERE row >= ? AND row < ? ORDER BY row"
        return map(_passage, self._database.execute(sql, (first, last)))

    def pages(self, document: int, start: int = 0, end: int = 2**62) -> tuple[Page, ...]:
        """Return the pages on which text of ``start`` to ``end`` stands, in order; none for most formats."""
        if not self._has_pages(document):
            return ()
        rows = self._database.execute(
            f"SELECT {_PAGE} FROM page WHERE document = ? AND start < ? AND end > ? ORDER BY number",
            (document, end, start),
        )
        return tuple(
            Page(number=n, start=s, end=e, width=width, height=height, boxes=zlib.decompress(boxes))
            for n, s, e, width, height, boxes in rows
        )

    def _look_for_pages(self, document: int) -> bool:
        sql = "SELECT EXISTS (SELECT 1 FROM page WHERE document = ?)"
        return bool(self._database.execute(sql, (document,)).fetchone()[0])

    def check(self) -> str:
        """Return what SQLite's own integrity check says: ``ok`` where all is well."""
        return str(self._database.execute("PRAGMA integrity_check").fetchone()[0])


def _document(row: tuple[Any, ...]) -> StoredDocument:
    names = _DOCUMENT.split(", ")
    fields = dict(zip(names, row, strict=True))
    return StoredDocument(**fields | {name: tuple(json.loads(fields[name])) for name in ("notes", "copies")})


def _passage(row: tuple[Any, ...]) -> StoredPassage:
    at, ident, document, start, end, section, places, first, sentences, text = row
    return StoredPassage(
        row=at, id=ident, document=document, first_sentence=first, text=text,
        passage=Passage(
            start=start, end=end, section=tuple(json.loads(section)), sentences=_unpack(sentences),
            places=msgspec.msgpack.decode(places, type=Places),
        ),
    )  # fmt: skip
