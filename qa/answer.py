"""The records of an answer. All are frozen and turn into JSON and back unchanged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import msgspec

from index.records import SEPARATOR


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


def lines_in_words(first: int, last: int) -> str:
    """Return a range of lines, both ends included, as a reader would say it."""
    return f"line {first}" if first == last else f"lines {first}–{last}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation(JsonRecord):
    """Where a quote stands, down to the character. Offsets are code points of the document's extracted text."""

    title: str
    source: str
    """Path of the source file, relative to the seeds folder. Not called "path": Gradio's clients take every object
    with a "path" for a file, and would download it."""
    sha256: str
    """Of the source file."""
    section: tuple[str, ...]
    line_start: int
    line_end: int
    start: int
    end: int
    quote: str
    """The passage, verbatim: ``text[start:end]``."""
    evidence_start: int
    evidence_end: int
    link: str
    """Opens and verifies this very passage, also after a rebuild (qa.citation)."""

    @property
    def evidence(self) -> str:
        """The sentence of the quote that answers best, verbatim."""
        return self.quote[self.evidence_start - self.start : self.evidence_end - self.start]

    @property
    def heading(self) -> str:
        """Title and section in one line."""
        return SEPARATOR.join((self.title, *self.section))

    @property
    def lines(self) -> str:
        """The lines in words."""
        return lines_in_words(self.line_start, self.line_end)

    @property
    def place(self) -> str:
        """Path and lines."""
        return f"{self.source}, {self.lines}"


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
