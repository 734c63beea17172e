"""A set cut into passages and sentences, as a build would or in other sizes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from benchmarks.study.sets import StudySet
from benchmarks.study.vectors import TextVectors
from index import split as splitter
from index.records import Passage, Sentence

IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The passages of a set, in the order of its documents."""

    passages: tuple[Passage, ...]
    document: IntArray
    """Row of each passage's document."""
    first: IntArray
    """Row of each passage's first sentence."""
    texts: tuple[str, ...]
    """Of each passage."""
    sentences: tuple[str, ...]
    """Of each sentence of each passage."""
    titles: tuple[str, ...]
    """Of each passage's document."""
    named: tuple[bool, ...]
    """Whether that title is more than the name of a file."""

    @property
    def sizes(self) -> IntArray:
        """How many sentences each passage has."""
        return np.diff(np.append(self.first, len(self.sentences)))

    def contexts(self) -> list[str]:
        """Return title and headings of each passage."""
        return [" ".join((t, *p.section)) for t, p in zip(self.titles, self.passages, strict=True)]

    def named_contexts(self) -> list[str]:
        """Return the same for vectors, where a title that is only the file's name counts for nothing."""
        return [
            " ".join((*((title,) if named else ()), *passage.section))
            for title, named, passage in zip(self.titles, self.named, self.passages, strict=True)
        ]

    def windows(self, width: int) -> list[str]:
        """Return for each sentence the text from it up to ``width`` sentences on, within its passage."""
        found: list[str] = []
        for passage, text in zip(self.passages, self.texts, strict=True):
            ends = [s.end - passage.start for s in passage.sentences]
            for row, sentence in enumerate(passage.sentences):
                found.append(text[sentence.start - passage.start : ends[min(row + width, len(ends)) - 1]])
        return found


def cut(found: StudySet, vectors: TextVectors, limit: int, overlap: int = 0) -> Cut:
    """Cut every document into passages of at most ``limit`` tokens, of which the first ``overlap`` are repeated."""
    encoder = vectors.encoder
    passages: list[Passage] = []
    document: list[int] = []
    texts: list[str] = []
    sentences: list[str] = []
    titles: list[str] = []
    named: list[bool] = []
    for row, item in enumerate(found.documents):
        with patch.object(splitter, "PASSAGE_TOKENS", limit - overlap):
            parts = splitter.split(item.extract, "en", encoder.token_spans, encoder.info.sentence_tokens)
        if overlap:
            parts = _overlapping(parts, item.extract.text, vectors, overlap)
        for passage in parts:
            passages.append(passage)
            document.append(row)
            texts.append(item.extract.text[passage.start : passage.end])
            sentences.extend(item.extract.text[s.start : s.end] for s in passage.sentences)
            titles.append(item.extract.title)
            named.append(item.extract.title != Path(item.id).stem)
    sizes = [len(passage.sentences) for passage in passages]
    return Cut(
        passages=tuple(passages),
        document=np.array(document, dtype=np.int64),
        first=np.append(0, np.cumsum(sizes)[:-1]).astype(np.int64),
        texts=tuple(texts),
        sentences=tuple(sentences),
        titles=tuple(titles),
        named=tuple(named),
    )


def _overlapping(parts: tuple[Passage, ...], text: str, vectors: TextVectors, overlap: int) -> tuple[Passage, ...]:
    """Let each passage begin with as many whole sentences of the one before, in its section, as fit ``overlap``."""
    found = list(parts[:1])
    for before, passage in pairwise(parts):
        carried: list[Sentence] = []
        if before.section == passage.section:
            spans = vectors.encoder.token_spans([text[s.start : s.end] for s in before.sentences])
            room = overlap
            for sentence, tokens in zip(reversed(before.sentences), reversed(spans), strict=True):
                room -= len(tokens)
                if room < 0:
                    break
                carried.insert(0, sentence)
        found.append(
            Passage(
                start=carried[0].start if carried else passage.start,
                end=passage.end,
                section=passage.section,
                sentences=(*carried, *passage.sentences),
                places=passage.places,
            )
        )
    return tuple(found)
