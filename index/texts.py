"""Texts that are documents of their own without a file, such as those of a data set."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from index.builder import begin
from index.encode.protocol import Encoder
from index.errors import SeedsError
from index.gather import Gathered
from index.language import detect_language
from index.layout import IndexPaths
from index.load.limits import Limits
from index.load.plain import read_plain
from index.manifest import SourceRecord
from index.records import BuildReport, Document, Passage, Progress, Skipped, no_progress
from index.split import split
from index.spool import Entry, Spool


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A document as it stands: its text enters the index character for character."""

    path: str
    """What it is called in citations: any name that no other text has."""
    title: str = ""
    """Where it is empty, a first line that is set like a title serves, as in a text file."""
    text: str = field(repr=False)


def build_texts(
    texts: Collection[Text], origin: Path, index: Path, encoder: Encoder, progress: Progress = no_progress
) -> BuildReport:
    """Put a snapshot of ``texts`` in force in ``index``, in every other respect as ``build`` does.

    They are split as the reader of text files would; of a text without words, its title is the text. Texts of the
    same words stay documents of their own. ``origin`` is where they come from; their citations can't be verified,
    for no file stands behind them.

    Raises SeedsError where two have the same path or none has text, and what ``build`` raises.
    """
    started = time.monotonic()
    with begin(origin, IndexPaths(index), encoder, progress, Limits()) as work:
        return work.run(_gather(texts, encoder, progress, work.spool), (), started)


def _gather(texts: Collection[Text], encoder: Encoder, progress: Progress, spool: Spool) -> Gathered:
    entries: list[Entry] = []
    sources: list[SourceRecord] = []
    skipped: list[Skipped] = []
    for done, given in enumerate(sorted(texts, key=lambda text: text.path)):
        progress("load", done, len(texts))
        if sources and sources[-1].path == given.path:
            raise SeedsError(f"two texts are called {given.path!r}; give each a name of its own")
        document, passages, source = _load(given, encoder)
        sources.append(source)
        if passages:
            entries.append(spool.add(document, passages))
        else:
            skipped.append(Skipped(source=given.path, reason="no text"))
    progress("load", len(texts), len(texts))
    return Gathered(tuple(entries), tuple(sources), tuple(skipped))


def _load(given: Text, encoder: Encoder) -> tuple[Document, Sequence[Passage], SourceRecord]:
    """Return a text as a document with its passages, and what stands for its file: the bytes of title and text."""
    found = read_plain(given.text if given.text.strip() else given.title)
    data = f"{given.title}\n\n{given.text}".encode()
    document = Document(
        path=given.path,
        sha256=hashlib.sha256(data).hexdigest(),
        bytes=len(data),
        format="text",
        encoding="utf-8",
        language=detect_language(found.text),
        title=given.title or found.title,
        text=found.text,
    )
    passages = split(found, document.language, encoder.token_spans, encoder.info.sentence_tokens)
    return document, passages, SourceRecord(path=given.path, bytes=len(data), sha256=document.sha256)
