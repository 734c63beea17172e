"""What else goes into a snapshot: the vectors of its documents and their terms."""

from __future__ import annotations

import hashlib
import platform
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from types import TracebackType

import numpy as np

from index import lexical
from index.analyse import ANALYSER, terms
from index.encode.protocol import Encoder, FloatArray
from index.journal import Journal, journal_key
from index.known import Known, digest
from index.load.formats import READER, ocr_installed
from index.load.limits import Limits
from index.manifest import Recipe
from index.postings import Tally
from index.records import Document, Passage, Progress
from index.snapshot import Snapshot
from index.split import PASSAGE_TOKENS, SPLITTER
from index.spool import Entry, Spool
from index.vectors import PRECISION, RowArray, Vectors, halved, unhalved

BATCH = 2_048
"""Texts that a machine encodes before they are kept for a build that goes on: some seconds' work."""

HELD = 4
"""Batches of texts, most of them known, that wait until there are enough to be encoded."""

RECENT = 2**14
"""Texts whose vectors are remembered, for those that are met again."""

_LIBRARIES = (
    "charset-normalizer", "lxml", "markdown-it-py", "mdit-py-plugins", "numpy", "py3langid", "pypdfium2", "PyStemmer",
    "python-docx", "python-pptx", "PyYAML", "sentencex", "webencodings", "xlrd",
)  # fmt: skip


def recipe(limits: Limits) -> Recipe:
    """Return how this version reads, splits and analyses documents."""
    return Recipe(
        reader=READER,
        splitter=SPLITTER,
        analyser=ANALYSER,
        passage_tokens=PASSAGE_TOKENS,
        k1=lexical.K1,
        b=lexical.B,
        delta=lexical.DELTA,
        vectors=PRECISION,
        libraries={"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}, **_optional()},
        limits=replace(limits, seconds=float(limits.seconds)),  # as it comes back from the manifest
    )


def _optional() -> dict[str, str]:
    """Return what is installed beside: once it is, pages that could not be read before can."""
    return {"pytesseract": version("pytesseract")} if ocr_installed() else {}


@dataclass(frozen=True, slots=True)
class _Taken:
    """Rows of the previous snapshot."""

    vectors: Vectors
    first: int
    last: int


@dataclass(slots=True)
class _Part:
    """Texts of one document, at most BATCH, and what is known of their vectors."""

    texts: list[str]
    digests: list[bytes]
    vectors: FloatArray
    missing: list[int]
    """Which of them are to be encoded."""


class Encoding:
    """The vectors of a new snapshot, block by block in the order of its rows.

    Each comes from the previous snapshot, from what an unfinished build has kept, or from the encoder. In memory are
    some thousand vectors at a time, and those of the texts met last. A context manager that lets go of what is on disk.
    """

    def __init__(
        self,
        spool: Spool,
        entries: Sequence[Entry],
        encoder: Encoder,
        previous: Snapshot | None,
        journal: Journal,
        progress: Progress,
        folder: Path,
        machines: int = 1,
    ) -> None:
        """Begin; what is too much for memory goes into files in ``folder``, without name.

        ``machines`` encode at a time: so many batches go to ``encoder`` together.
        """
        self._enough = BATCH * machines
        self._spool = spool
        self._entries = entries
        self._encoder = encoder
        fits = previous is not None and previous.manifest.encoder.fingerprint == encoder.info.fingerprint
        self._previous = previous if fits else None  # else it has no vector that could be taken
        self._journal = journal
        self._progress = progress
        self._fingerprint = encoder.info.fingerprint
        self._dimension = encoder.info.dimension
        self._total = sum(entry.sentences + entry.record.passages for entry in entries if not entry.unchanged)
        self._done = 0
        self._recent: dict[bytes, bytes] = {}
        self._known = Known(folder)
        self.reused = 0
        """Sentences of changed documents so far whose vectors were known or kept."""

    def sentences(self) -> Iterator[FloatArray]:
        """Yield the vectors of all sentences: shape (some, dimension), float32."""
        self._progress("encode", self._done, self._total)
        if self._total:
            self._remember_previous()
        counted = 0
        for block, reused in self._blocks(self._pieces(_sentences, self._taken_sentences)):
            counted += reused
            yield block
        self.reused = counted

    def passages(self) -> Iterator[FloatArray]:
        """Yield the vectors of all passages as wholes, likewise."""
        for block, _ in self._blocks(self._pieces(_wholes, self._taken_passages)):
            yield block

    def _remember_previous(self) -> None:
        """Note the texts of documents of the previous snapshot that changed or went."""
        previous = self._previous
        if previous is None:
            return
        unchanged = {entry.at for entry in self._entries if entry.unchanged}
        passages_from = previous.manifest.counts.sentences
        for document in previous.store.each_document():
            if document.row in unchanged:
                continue
            text = previous.store.document_text(document.row)
            for stored in previous.store.passages_of(document):
                self._known.add(map(stored.sentence_text, stored.passage.sentences), stored.first_sentence)
                whole = whole_text(document.title, document.path, stored.passage, text)
                self._known.add([whole], passages_from + stored.row)

    def _taken_sentences(self, entry: Entry) -> _Taken:
        assert self._previous is not None
        return _Taken(self._previous.vectors, *self._previous.store.sentence_range(self._spool.stored(entry)))

    def _taken_passages(self, entry: Entry) -> _Taken:
        assert self._previous is not None
        first = self._spool.stored(entry).first_passage
        return _Taken(self._previous.passage_vectors, first, first + entry.record.passages)

    def _pieces(
        self, texts: Callable[[Document, Sequence[Passage]], list[str]], taken: Callable[[Entry], _Taken]
    ) -> Iterator[_Taken | _Part]:
        for entry in self._entries:
            if entry.unchanged:
                yield taken(entry)
                continue
            whole = texts(*self._spool.load(entry))
            for first in range(0, len(whole), BATCH):
                yield self._part(whole[first : first + BATCH])

    def _part(self, texts: list[str]) -> _Part:
        """Return texts with the vectors that are known of them."""
        digests = [digest(text) for text in texts]
        kept = self._journal.get(self._key(digests))
        if kept is not None and len(kept) == 2 * self._dimension * len(texts):
            return _Part(texts, digests, unhalved(kept, self._dimension), [])
        vectors = np.zeros((len(texts), self._dimension), dtype=np.float32)
        rows = self._known.find(digests)
        if self._previous is not None:
            sentences = self._previous.manifest.counts.sentences
            for source, low, high in (
                (self._previous.vectors, 0, sentences),
                (self._previous.passage_vectors, sentences, 2**62),
            ):
                mine = np.flatnonzero((rows >= low) & (rows < high))
                vectors[mine] = source.take(rows[mine] - low)
        return _Part(texts, digests, vectors, np.flatnonzero(rows < 0).tolist())

    def _key(self, digests: Sequence[bytes]) -> str:
        return journal_key("vectors", self._fingerprint, hashlib.sha256(b"".join(digests)).hexdigest())

    def _blocks(self, pieces: Iterable[_Taken | _Part]) -> Iterator[tuple[FloatArray, int]]:
        """Yield the vectors of all pieces in order, and with each how many of its texts needed no encoder.

        Pieces wait until there are enough texts for the encoder: it is quickest with many.
        """
        waiting: list[_Taken | _Part] = []
        held = missing = 0
        for piece in pieces:
            waiting.append(piece)
            if isinstance(piece, _Part):
                held += len(piece.texts)
                missing += len(piece.missing)
            if missing >= self._enough or max(held, len(waiting)) >= HELD * self._enough or not held:
                yield from self._settled(waiting)
                waiting, held, missing = [], 0, 0
        yield from self._settled(waiting)

    def _settled(self, waiting: Sequence[_Taken | _Part]) -> Iterator[tuple[FloatArray, int]]:
        parts = [piece for piece in waiting if isinstance(piece, _Part)]
        self._encode([part for part in parts if part.missing])
        self._done += sum(len(part.texts) for part in parts)
        if parts:
            self._progress("encode", self._done, self._total)
        for piece in waiting:
            if isinstance(piece, _Part):
                yield piece.vectors, len(piece.texts) - len(piece.missing)
                continue
            for first in range(piece.first, piece.last, BATCH):
                yield piece.vectors.take(np.arange(first, min(first + BATCH, piece.last))), 0

    def _encode(self, parts: Sequence[_Part]) -> None:
        """Fill in what is missing, each text once, and keep it for a build that goes on."""
        wanted: dict[bytes, str] = {}
        for part in parts:
            wanted |= {part.digests[at]: part.texts[at] for at in part.missing if part.digests[at] not in self._recent}
        found = dict(self._recent)
        if wanted:
            encoded = halved(self._encoder.encode(list(wanted.values()), self._advance))
            size = 2 * self._dimension
            found |= {key: encoded[at * size : (at + 1) * size] for at, key in enumerate(wanted)}
        for part in parts:
            codes = b"".join(found[part.digests[at]] for at in part.missing)
            part.vectors[part.missing] = unhalved(codes, self._dimension)
        if self._total > BATCH:
            self._journal.keep((self._key(part.digests), halved(part.vectors)) for part in parts)
        self._recent = dict(list(found.items())[-RECENT:])

    def _advance(self, stage: str, done: int, _total: int) -> None:
        self._progress(stage, min(self._done + done, self._total), self._total)

    def __enter__(self) -> Encoding:
        self._known.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._known.__exit__(kind, error, trace)


def whole_text(title: str, path: str, passage: Passage, text: str) -> str:
    """Return what the vector of a passage is made of: title, headings and text; a file's name is no title.

    ``text`` is the document's. Where the model reads fewer tokens, the end is left out.
    """
    named = () if title == PurePosixPath(path).stem else (title,)
    return " ".join((*named, *passage.section, text[passage.start : passage.end]))


def _wholes(document: Document, passages: Sequence[Passage]) -> list[str]:
    return [whole_text(document.title, document.path, passage, document.text) for passage in passages]


def _sentences(document: Document, passages: Sequence[Passage]) -> list[str]:
    return [document.text[one.start : one.end] for passage in passages for one in passage.sentences]


def count_terms(
    tally: Tally, spool: Spool, entries: Sequence[Entry], previous: Snapshot | None, progress: Progress
) -> None:
    """Count the terms of every passage, taking those of unchanged documents from the previous snapshot."""
    old, new, sizes = array("q"), array("q"), array("q")
    row = 0
    for done, entry in enumerate(entries):
        progress("lexical", done, len(entries))
        if entry.unchanged:
            old.append(spool.stored(entry).first_passage)
            new.append(row)
            sizes.append(entry.record.passages)
        else:
            document, passages = spool.load(entry)
            for at, passage in enumerate(passages, row):
                tally.add(at, _passage_terms(document, passage))
        row += entry.record.passages
    if previous is not None and old:
        moved = _Moved(*(np.frombuffer(column, dtype=np.int64) for column in (old, new, sizes)))
        for block in previous.lexical.blocks():
            tally.take(block, moved.rows(block.passage.astype(np.int64)))
    progress("lexical", len(entries), len(entries))


class _Moved:
    """Where the passages of unchanged documents are now."""

    def __init__(self, old: RowArray, new: RowArray, sizes: RowArray) -> None:
        """Take the first passages of documents in the previous snapshot and in the new one, and their numbers."""
        order = np.argsort(old)
        self._old, self._new, self._sizes = old[order], new[order], sizes[order]

    def rows(self, passages: RowArray) -> RowArray:
        """Return the rows now of passages of the previous snapshot, −1 for those that went."""
        at = np.maximum(np.searchsorted(self._old, passages, side="right") - 1, 0)
        within = passages - self._old[at]
        return np.where((within >= 0) & (within < self._sizes[at]), self._new[at] + within, -1)


def _passage_terms(document: Document, passage: Passage) -> list[str]:
    """Return the terms of a passage, and once each those of its title and headings that it lacks."""
    own = terms(document.text[passage.start : passage.end], document.language)
    context = terms(" ".join((document.title, *passage.section)), document.language)
    return own + sorted(set(context) - set(own))
