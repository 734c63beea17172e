"""What else goes into a snapshot: the vectors of its documents and their terms."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import PurePosixPath

import numpy as np

from index import lexical
from index.analyse import ANALYSER, terms
from index.encode.protocol import Encoder, FloatArray
from index.gather import Loaded
from index.journal import Journal
from index.load.formats import READER, ocr_installed
from index.load.limits import Limits
from index.manifest import Recipe
from index.records import Document, Passage, Progress
from index.snapshot import Snapshot
from index.split import PASSAGE_TOKENS, SPLITTER
from index.vectors import PRECISION, Vectors

BATCH = 2_048
"""Texts that a machine encodes before they are kept for a build that goes on: some seconds' work."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The vectors of a snapshot."""

    sentences: FloatArray
    """One row a sentence, in order."""
    passages: FloatArray
    """One row a passage, in order."""
    known: int
    """Sentences of changed documents whose vectors the previous snapshot had."""


def find_vectors(
    loaded: Sequence[Loaded],
    encoder: Encoder,
    previous: Snapshot | None,
    journal: Journal,
    progress: Progress,
    machines: int = 1,
) -> Found:
    """Return the vectors of every sentence and passage: those of the previous snapshot, or else encoded."""
    sentences = sum(len(p.sentences) for item in loaded for p in item.passages)
    passages = sum(len(item.passages) for item in loaded)
    vectors = np.zeros((sentences + passages, encoder.info.dimension), dtype=np.float32)
    wanted: dict[str, list[int]] = {}
    row, passage = 0, sentences
    for item in loaded:
        size = sum(len(p.sentences) for p in item.passages)
        if item.stored is not None and previous is not None:
            at = item.stored.first_passage
            first = int(previous.store.first_sentences[at])
            vectors[row : row + size] = previous.vectors.take(np.arange(first, first + size))
            whole = previous.passage_vectors.take(np.arange(at, at + len(item.passages)))
            vectors[passage : passage + len(item.passages)] = whole
        else:
            for place, text in enumerate(_sentences(item), row):
                wanted.setdefault(text, []).append(place)
            for place, part in enumerate(item.passages, passage):
                text = whole_text(item.document.title, item.document.path, part, item.document.text)
                wanted.setdefault(text, []).append(place)
        row += size
        passage += len(item.passages)
    kept = 0
    for text, vector in _known_vectors(wanted.keys(), loaded, encoder, previous):
        rows = wanted.pop(text)
        vectors[rows] = vector
        kept += sum(at < sentences for at in rows)
    for text, vector in _encoded(list(wanted), encoder, journal, progress, BATCH * machines):
        vectors[wanted[text]] = vector
    return Found(sentences=vectors[:sentences], passages=vectors[sentences:], known=kept)


def whole_text(title: str, path: str, passage: Passage, text: str) -> str:
    """Return what the vector of a passage is made of: title, headings and text; a file's name is no title.

    ``text`` is the document's. Where the model reads fewer tokens, the end is left out.
    """
    named = () if title == PurePosixPath(path).stem else (title,)
    return " ".join((*named, *passage.section, text[passage.start : passage.end]))


def _encoded(
    texts: Sequence[str], encoder: Encoder, journal: Journal, progress: Progress, block: int
) -> Iterator[tuple[str, FloatArray]]:
    """Yield each text with its vector: from the journal, or encoded in batches that go into the journal."""
    known = journal.vectors(encoder.info.fingerprint, texts)
    yield from known.items()
    missing = [text for text in texts if text not in known]
    for first in range(0, max(len(missing), 1), block):
        batch = missing[first : first + block]
        done = len(known) + first

        def advance(stage: str, at: int, _total: int, done: int = done) -> None:
            progress(stage, done + at, len(texts))

        encoded = encoder.encode(batch, advance)
        if len(missing) > block:
            journal.keep_vectors(encoder.info.fingerprint, batch, encoded)
        yield from zip(batch, encoded, strict=True)


def _sentences(item: Loaded) -> Iterator[str]:
    for passage in item.passages:
        for sentence in passage.sentences:
            yield item.document.text[sentence.start : sentence.end]


def _known_vectors(
    wanted: AbstractSet[str], loaded: Sequence[Loaded], encoder: Encoder, previous: Snapshot | None
) -> Iterator[tuple[str, FloatArray]]:
    """Yield those of ``wanted`` that documents of the previous snapshot have that changed or went, with vectors."""
    if previous is None or previous.manifest.encoder.fingerprint != encoder.info.fingerprint:
        return
    unchanged = {item.stored.row for item in loaded if item.stored}
    known: dict[str, tuple[Vectors, int]] = {}
    for document in previous.store.documents:
        if document.row in unchanged:
            continue
        text = previous.store.document_text(document.row)
        for stored in previous.store.passages_of(document):
            for row, sentence in enumerate(stored.passage.sentences, stored.first_sentence):
                known[stored.sentence_text(sentence)] = previous.vectors, row
            whole = whole_text(document.title, document.path, stored.passage, text)
            known[whole] = previous.passage_vectors, stored.row
    for text in known.keys() & wanted:
        vectors, row = known[text]
        yield text, vectors.take(np.array([row]))[0]


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
