"""The records of an answer. All are frozen and turn into JSON and back unchanged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import msgspec

from index.records import SEPARATOR


class _Json:
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
class Citation(_Json):
    """Where a quote stands, down to the character. Offsets are code points of the document's extracted text."""

    title: str
    path: str
    """Relative to the seeds folder."""
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
    def place(self) -> str:
        """Path and lines."""
        if self.line_start == self.line_end:
            return f"{self.path}, line {self.line_start}"
        return f"{self.path}, lines {self.line_start}–{self.line_end}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result(_Json):
    """A passage that may answer the question."""

    rank: int
    """From 1."""
    score: float
    """At most 1; says which passage is better for this question, not how good it is."""
    confidence: float
    """Calibrated probability that this passage answers, 0 to 1."""
    cosine: float
    """Of the question and the passage's nearest sentence, −1 to 1."""
    bm25: float
    coverage: float
    """Share of the question's words in the passage, weighed by idf, 0 to 1."""
    citation: Citation


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(_Json):
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
class Verification(_Json):
    """What re-reading the source of a citation found."""

    status: str
    """``verified``, ``source changed`` or ``source missing``."""
    path: str
    detail: str
    link: str
