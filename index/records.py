"""The records that flow through a build.

All offsets are half-open ranges of code points into a document's extracted text:
``document.text[passage.start:passage.end]`` is the passage. Lines count from 1.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field

Progress = Callable[[str, int, int], None]
"""Called as ``progress(stage, done, total)``; ``total`` is 0 where it is not known."""

SEPARATOR = " › "
"""Joins the headings of a section path when it is shown."""


def no_progress(stage: str, done: int, total: int) -> None:
    """Report nothing."""


def content_id(*parts: str | int) -> str:
    """Return the id of something made of ``parts``: 16 hexadecimal digits that only content decides."""
    return hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A stretch of text that belongs together: a heading, paragraph, list item, table row or code."""

    start: int
    end: int
    kind: str
    """One of ``heading``, ``text``, ``row``, ``header`` (a row of column names) and ``code``."""
    section: tuple[str, ...] = ()
    """The headings above the block, outermost first, without the document's title."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """What a format's loader makes of a file's bytes."""

    text: str
    blocks: tuple[Block, ...]
    """In order, without overlap; together they hold every character of ``text`` that is not white space."""
    line_offsets: tuple[int, ...]
    line_numbers: tuple[int, ...]
    """From ``line_offsets[i]`` on, text stands on line ``line_numbers[i]`` of the file."""
    title: str = ""
    notes: tuple[str, ...] = ()
    """What a reader of the coverage report should know, such as navigation left out."""

    def line(self, offset: int) -> int:
        """Return the line of the file on which the character at ``offset`` stands."""
        return self.line_numbers[max(0, bisect_right(self.line_offsets, offset) - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedFile:
    """A file that a walk of the seeds found readable in kind."""

    path: str
    """Relative to the seeds, with ``/`` between folders."""
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A file that is not in the index, or a part of one, and why."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """The unit that is searched: one vector each."""

    start: int
    end: int
    heading: bool = False
    """Headings, column names and ornaments help to find a passage; they are evidence only where it has nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """The unit that is shown and cited."""

    start: int
    end: int
    section: tuple[str, ...]
    sentences: tuple[Sentence, ...]
    line_start: int
    line_end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One file of the seeds: where it is and what was read from it."""

    path: str
    sha256: str
    bytes: int
    format: str
    encoding: str
    language: str
    """ISO 639-1 code that chooses stemming and sentence rules."""
    title: str
    text: str = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Derived from path and content, so that a copy under another name is another document."""
        return content_id(self.path, self.sha256)


def passage_id(document_id: str, start: int, end: int) -> str:
    """Return the id of a passage: it changes only with its document or its range."""
    return content_id(document_id, start, end)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReport:
    """What a build did."""

    snapshot: str
    """Id of the snapshot now in force."""
    previous: str
    """Id of the one before, or an empty string."""
    documents: int
    passages: int
    sentences: int
    reused: int
    """Sentences whose vectors came from the previous snapshot."""
    seconds: float
    seeds: str
    files: int
    """Files found; each is a document or listed in ``skipped``."""
    skipped: tuple[Skipped, ...]
    notes: tuple[Skipped, ...]
    """Parts of indexed files that were left out."""
