"""What goes into a snapshot: documents read or taken over, their vectors and their terms."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from index import lexical
from index.analyse import ANALYSER, terms
from index.encode.protocol import Encoder, FloatArray
from index.language import detect_language
from index.load import extract
from index.load.decode import NotText
from index.manifest import Recipe
from index.records import Document, Passage, Progress, SeedFile, Skipped
from index.snapshot import Snapshot
from index.split import PASSAGE_TOKENS, SPLITTER, split
from index.store import StoredDocument
from index.vectors import PRECISION

_LIBRARIES = ("sentencex", "py3langid", "PyStemmer", "markdown-it-py", "mdit-py-plugins", "lxml", "charset-normalizer")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document of the new snapshot and where its vectors and term counts come from."""

    document: Document
    passages: tuple[Passage, ...]
    stored: StoredDocument | None = None
    """The same document in the previous snapshot, where it is unchanged."""


def recipe() -> Recipe:
    """Return how this version reads, splits and analyses documents."""
    return Recipe(
        splitter=SPLITTER,
        analyser=ANALYSER,
        passage_tokens=PASSAGE_TOKENS,
        k1=lexical.K1,
        b=lexical.B,
        vectors=PRECISION,
        libraries={name: version(name) for name in _LIBRARIES},
    )


def _reusable(previous: Snapshot | None, encoder: Encoder) -> dict[str, StoredDocument]:
    """Return the documents of the previous snapshot by path, if they would be made the same way today."""
    if previous is None:
        return {}
    made = previous.manifest
    if made.recipe != recipe() or made.encoder.fingerprint != encoder.info.fingerprint:
        return {}
    return {document.path: document for document in previous.store.documents}


def load(
    seeds: Path,
    files: Sequence[SeedFile],
    skipped: list[Skipped],
    encoder: Encoder,
    progress: Progress,
    previous: Snapshot | None,
) -> list[Loaded]:
    """Read and split each file; those without text join ``skipped`` with the reason."""
    known = _reusable(previous, encoder)
    loaded: list[Loaded] = []
    for done, file in enumerate(files):
        progress("load", done, len(files))
        try:
            data = (seeds / file.path).read_bytes()
        except OSError as error:
            skipped.append(Skipped(source=file.path, reason=f"can't be read ({error.strerror})"))
            continue
        digest = hashlib.sha256(data).hexdigest()
        stored = known.get(file.path)
        if previous is not None and stored is not None and stored.sha256 == digest:
            loaded.append(_unchanged(previous, stored))
            continue
        try:
            loaded.append(_read(file.path, data, digest, encoder))
        except NotText as error:
            skipped.append(Skipped(source=file.path, reason=str(error)))
        except Exception as error:
            reason = " ".join(f"its reader failed ({type(error).__name__}: {error})".split())[:300]
            skipped.append(Skipped(source=file.path, reason=reason.encode("utf-8", "replace").decode("utf-8")))
    progress("load", len(files), len(files))
    return loaded


def _unchanged(previous: Snapshot, stored: StoredDocument) -> Loaded:
    """Return a document as the previous snapshot holds it."""
    names = ("path", "sha256", "bytes", "format", "encoding", "language", "title", "notes")
    document = Document(
        **{name: getattr(stored, name) for name in names}, text=previous.store.document_text(stored.row)
    )
    return Loaded(document, tuple(p.passage for p in previous.store.passages_of(stored)), stored)


def _read(path: str, data: bytes, digest: str, encoder: Encoder) -> Loaded:
    """Return a document read from its bytes. Raises NotText where there is nothing to read."""
    name, encoding, found = extract(path, data)
    if not found.blocks:
        raise NotText("; ".join(("no text", *found.notes)))
    document = Document(
        path=path,
        sha256=digest,
        bytes=len(data),
        format=name,
        encoding=encoding,
        language=detect_language(found.text),
        title=found.title or Path(path).stem,
        text=found.text,
        notes=found.notes,
    )
    return Loaded(document, split(found, document.language, encoder.token_spans, encoder.info.sentence_tokens))


def find_vectors(
    loaded: Sequence[Loaded], encoder: Encoder, previous: Snapshot | None, progress: Progress
) -> tuple[FloatArray, int]:
    """Return the vector of every sentence, in order, and how many of changed documents' were found ready-made."""
    total = sum(len(p.sentences) for item in loaded for p in item.passages)
    vectors = np.zeros((total, encoder.info.dimension), dtype=np.float32)
    known = _known_sentences(loaded, encoder, previous)
    wanted: dict[str, list[int]] = {}
    row = kept = 0
    for item in loaded:
        size = sum(len(p.sentences) for p in item.passages)
        if item.stored is not None and previous is not None:
            first = int(previous.store.first_sentences[item.stored.first_passage])
            vectors[row : row + size] = previous.vectors.take(np.arange(first, first + size))
        else:
            for at, text in enumerate(_sentences(item)):
                wanted.setdefault(text, []).append(row + at)
        row += size
    for text in wanted.keys() & known.keys():
        rows = wanted.pop(text)
        kept += len(rows)
        assert previous is not None  # known is empty without it
        vectors[rows] = previous.vectors.take(np.array([known[text]]))
    fresh = list(wanted)
    for text, vector in zip(fresh, encoder.encode(fresh, progress), strict=True):
        vectors[wanted[text]] = vector
    return vectors, kept


def _sentences(item: Loaded) -> Iterator[str]:
    for passage in item.passages:
        for sentence in passage.sentences:
            yield item.document.text[sentence.start : sentence.end]


def _known_sentences(loaded: Sequence[Loaded], encoder: Encoder, previous: Snapshot | None) -> dict[str, int]:
    """Return the vector rows of sentences in documents of the previous snapshot that changed or went."""
    if previous is None or previous.manifest.encoder.fingerprint != encoder.info.fingerprint:
        return {}
    unchanged = {item.stored.row for item in loaded if item.stored}
    known: dict[str, int] = {}
    for document in previous.store.documents:
        if document.row in unchanged:
            continue
        for stored in previous.store.passages_of(document):
            for row, sentence in enumerate(stored.passage.sentences, stored.first_sentence):
                known[stored.sentence_text(sentence)] = row
    return known


def find_postings(loaded: Sequence[Loaded], previous: Snapshot | None, progress: Progress) -> lexical.Postings:
    """Return the term counts of every passage, taking those of unchanged documents from the previous snapshot."""
    progress("lexical", 0, 0)
    old_target = np.full(previous.manifest.counts.passages if previous else 0, -1, dtype=np.int64)
    new_target: list[int] = []
    counted: list[list[str]] = []
    row = 0
    for item in loaded:
        if item.stored is not None:
            first = item.stored.first_passage
            old_target[first : first + len(item.passages)] = np.arange(row, row + len(item.passages))
        else:
            counted.extend(_passage_terms(item.document, passage) for passage in item.passages)
            new_target.extend(range(row, row + len(item.passages)))
        row += len(item.passages)
    parts = [(lexical.count(counted), np.array(new_target, dtype=np.int64))]
    if previous is not None and (old_target >= 0).any():
        parts.append((previous.lexical.postings(), old_target))
    return lexical.merge(parts)


def _passage_terms(document: Document, passage: Passage) -> list[str]:
    """Return the terms of a passage, and once each those of its title and headings that it lacks."""
    own = terms(document.text[passage.start : passage.end], document.language)
    context = terms(" ".join((document.title, *passage.section)), document.language)
    return own + sorted(set(context) - set(own))
