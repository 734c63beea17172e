"""The records of an answer. All are frozen and turn into JSON and back unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import msgspec

from index.records import SEPARATOR, Box, Location

NAMED = 3
"""Copies of a document that are named; of others the number is told."""


def named(paths: Sequence[str]) -> str:
    """Return one or more paths as a list in words, at most NAMED of them by name."""
    shown, left = list(paths[:NAMED]), len(paths) - NAMED
    last = f"{left:,} more" if left > 0 else shown.pop()
    return f"{', '.join(shown)} and {last}" if shown else last


class JsonRecord:
    """Adds JSON to a record."""

    __slots__ = ()

    def to_json(self, indent: int = 0) -> str:
        """Return the record as JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=indent).decode()

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain dictionaries, lists and values."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    @classmethod
    def from_json(cls, data: str | bytes) -> Self:
        """Return the record that ``to_json`` wrote. Raises ValueError for anything else."""
        try:
            return msgspec.json.decode(data, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ValueError(f"not the JSON of a {cls.__name__}: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation(JsonRecord):
    """Where a quote stands, down to the character. Offsets are code points of the document's extracted text."""

    title: str
    source: str
    """Path of the source file, relative to the seeds folder. Not called "path": Gradio's clients take every object
    with a "path" for a file, and would download it."""
    sha256: str
    """Of the source file; of the member, where that is in an archive or mailbox."""
    section: tuple[str, ...]
    location: Location
    """Of the quote."""
    evidence_location: Location
    start: int
    end: int
    quote: str
    """The passage, verbatim: ``text[start:end]``."""
    evidence_start: int
    evidence_end: int
    link: str
    """Opens and verifies this very passage, also after a rebuild (qa.citation)."""
    author: str = ""
    date: str = ""
    """ISO 8601, to the day: when it was written, as the document itself says; empty where it does not."""
    copies: tuple[str, ...] = ()
    """Other paths with the same content."""
    boxes: tuple[Box, ...] = ()
    """Where the quote stands on its pages; empty for formats without pages."""
    evidence_boxes: tuple[Box, ...] = ()

    @property
    def evidence(self) -> str:
        """The sentence of the quote that answers best, verbatim."""
        return self.quote[self.evidence_start - self.start : self.evidence_end - self.start]

    @property
    def heading(self) -> str:
        """Title and section in one line."""
        return SEPARATOR.join((self.title, *self.section))

    @property
    def place(self) -> str:
        """Path and location in words, with other paths of the same content."""
        also = f" (also as {named(self.copies)})" if self.copies else ""
        return f"{self.source}, {self.where}{also}"

    @property
    def where(self) -> str:
        """The location in words; with the evidence's own where the quote goes over several pages, slides or rows."""
        words, evidence = self.location.words, self.evidence_location
        if self.location.unit in ("line", "paragraph") or evidence == self.location:
            return words
        return f"{words} (evidence: {evidence.numbers})"

    @property
    def origin(self) -> str:
        """Author and date, as far as they are known and the location does not tell them already."""
        parts = () if self.location.unit == "message" else (self.author, self.date)
        return ", ".join(filter(None, parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Result(JsonRecord):
    """A passage that may answer the question."""

    rank: int
    """From 1."""
    score: float
    """At most 1; says which passage is better for this question, not how good it is."""
    confidence: float
    """Calibrated probability that this passage answers, 0 to 1."""
    cosine: float
    """Of the question and the passage's nearest sentence, −1 to 1."""
    closeness: float
    """The same cosine in standard deviations above that of unrelated sentences."""
    bm25: float
    coverage: float
    """Share of the question's words in the passage, its title and headings, weighed by idf, 0 to 1."""
    evidence_coverage: float
    """The same for the evidence sentence alone."""
    hits: tuple[tuple[int, int], ...]
    """Where the question's words stand in the passage, stemmed alike: ranges of the document's extracted text."""
    citation: Citation


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(JsonRecord):
    """What the documents hold on a question."""

    question: str
    found: bool
    """False where the confidence is below the threshold: the documents hold no answer, and ``results`` are weak."""
    confidence: float
    """That of the best passage."""
    threshold: float
    snapshot: str
    results: tuple[Result, ...]
    notes: tuple[str, ...] = ()
    """What the reader should know, in plain words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification(JsonRecord):
    """What re-reading the source of a citation found."""

    status: str
    """``verified``, ``source changed`` or ``source missing``."""
    source: str
    detail: str
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPage(JsonRecord):
    """A page of the source, with what is to be marked on it. All boxes are in points, as the page is shown."""

    number: int
    """From 1."""
    width: float
    height: float
    passage: tuple[Box, ...]
    evidence: tuple[Box, ...]
    hits: tuple[Box, ...]
    """Words of the question within the passage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context(JsonRecord):
    """A stretch of a document around a passage. Offsets are code points of the document's extracted text."""

    title: str
    source: str
    format: str
    length: int
    """Characters of the whole text."""
    text_start: int
    text: str
    """What stands from ``text_start`` on."""
    citation: Citation | None
    """The passage as it stands now; nothing where it can't be located, and then nothing is to be marked."""
    hits: tuple[tuple[int, int], ...]
    """Where the words of the question stand in ``text``, if there was one."""
    note: str
    """What the reader should know: that the passage moved, or can't be located; else empty."""
    snapshot: str
    pages: tuple[ShownPage, ...] = ()
    """Those on which the passage stands, where the format has pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentStatus(JsonRecord):
    """A document of the index beside its file on disk."""

    source: str
    title: str
    status: str
    """``current``, ``changed`` or ``missing`` since it was indexed; ``new`` where it is not in the index yet."""
    bytes: int
    """Of the file as it was indexed, or of a new one as it is."""
    passages: int
    modified: str
    """When the file was last changed, UTC; empty where it is missing."""
    sha256: str
    notes: tuple[str, ...]
    copies: tuple[str, ...] = ()
    """Other paths with the same content."""
