"""The records that flow through a build.

All offsets are half-open ranges of code points into a document's extracted text:
``document.text[passage.start:passage.end]`` is the passage. Lines count from 1.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Sequence
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
class Location:
    """Where a range of text stands in its source, in the units of its format; numbers count from 1, ends included."""

    unit: str
    """One of UNITS."""
    first: int
    last: int
    part: str = ""
    """The sheet of a table, the title of a chapter, or whose message it is."""
    cells: str = ""
    """Of a sheet, as spreadsheets write it: ``B2:D9``."""

    @property
    def words(self) -> str:
        """The location as a reader would say it."""
        if self.unit == "message":
            return f"message {self.part}"
        if self.unit == "cell":
            return f"sheet {self.part}, {self.numbers}"
        if self.unit == "chapter" and self.part:
            return f"chapter “{self.part}”"  # its number counts files, which a reader does not see
        return f"{self.numbers} ({self.part})" if self.part else self.numbers

    @property
    def numbers(self) -> str:
        """The same without the name of a part."""
        if self.unit == "cell":
            return f"cell{'s' if ':' in self.cells else ''} {self.cells}"
        return f"{self.unit} {self.first}" if self.first == self.last else f"{self.unit}s {self.first}–{self.last}"


UNITS = ("line", "page", "paragraph", "slide", "cell", "row", "chapter", "message")
"""What a location counts: ``cell`` the rows of a sheet, ``chapter`` the files of a book, the others what they say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The map from a document's text back to its source.

    Runs of text in ascending order: from ``offsets[i]`` on, text stands at ``numbers[i]`` of the unit.
    """

    unit: str
    offsets: tuple[int, ...]
    numbers: tuple[int, ...]
    columns: tuple[int, ...] = ()
    """Column of each run, from 1, where the unit is ``cell``."""
    parts: tuple[tuple[int, str], ...] = ()
    """From the offset on, text stands in the part of that name."""

    def locate(self, start: int, end: int) -> Location:
        """Return where ``text[start:end]`` stands; the range holds at least one character."""
        first = self._run(start)
        last = max(first, self._run(end - 1))
        rows = self.numbers[first : last + 1]
        at = bisect_right(self.parts, start, key=lambda part: part[0]) - 1
        return Location(
            unit=self.unit,
            first=min(rows),
            last=max(rows),
            part=self.parts[at][1] if at >= 0 else "",
            cells=_cells(rows, self.columns[first : last + 1]) if self.columns else "",
        )

    def within(self, start: int, end: int) -> Places:
        """Return the part of the map that is needed to locate what lies within ``text[start:end]``."""
        first, last = self._run(start), max(self._run(start), self._run(end - 1))
        part = bisect_right(self.parts, start, key=lambda part: part[0]) - 1
        return Places(
            unit=self.unit,
            offsets=(start, *self.offsets[first + 1 : last + 1]),
            numbers=self.numbers[first : last + 1],
            columns=self.columns[first : last + 1],
            parts=tuple((max(at, start), name) for at, name in self.parts[max(part, 0) :] if at < end),
        )

    def number(self, offset: int) -> int:
        """Return the number of the unit on which the character at ``offset`` stands."""
        return self.numbers[self._run(offset)]

    def _run(self, offset: int) -> int:
        return max(0, bisect_right(self.offsets, offset) - 1)


def joined(maps: Sequence[Places]) -> Places:
    """Return the map of ranges that follow each other in one document, from those of each."""
    return Places(
        unit=maps[0].unit,
        offsets=tuple(offset for one in maps for offset in one.offsets),
        numbers=tuple(number for one in maps for number in one.numbers),
        columns=tuple(column for one in maps for column in one.columns),
        parts=tuple(part for one in maps for part in one.parts),
    )


def _cells(rows: Sequence[int], columns: Sequence[int]) -> str:
    corners = [f"{_letters(c(columns))}{c(rows)}" for c in (min, max)]
    return corners[0] if corners[0] == corners[1] else ":".join(corners)


def _letters(column: int) -> str:
    """Return a column's name: 1 is A, 26 is Z, 27 is AA."""
    name = ""
    while column:
        column, digit = divmod(column - 1, 26)
        name = chr(ord("A") + digit) + name
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of a PDF document: the range of the text that stands on it, and where each character is.

    The pages of a document follow each other without gaps and cover its text.
    """

    number: int
    """From 1, as viewers count."""
    start: int
    end: int
    width: float
    height: float
    """In points, as the page is shown: turned by its own rotation."""
    boxes: bytes = field(repr=False)
    """Little-endian unsigned 16-bit numbers of shape (end - start, 4): left, top, right and bottom of each
    character from the page's upper left corner, in 65,535ths of its width or height; all 0 for a character
    that is not on the page, such as a space or line end put between words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle on a page as it is shown, in points from its upper left corner, rounded to a tenth."""

    page: int
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """What a format's reader makes of a file's bytes."""

    text: str
    blocks: tuple[Block, ...]
    """In order, without overlap; together they hold every character of ``text`` that is not white space."""
    places: Places
    encoding: str = ""
    """Of text files; empty for others."""
    title: str = ""
    author: str = ""
    date: str = ""
    """ISO 8601, to the day: when it was written, as the document itself says."""
    notes: tuple[str, ...] = ()
    """What a reader of the coverage report should know, such as navigation left out."""
    pages: tuple[Page, ...] = ()
    """Of a document whose pages can be shown."""


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
    copy_of: str = ""
    """The document that has the same bytes, where that is the reason."""
    passing: bool = False
    """It may be otherwise another time, so the next build tries again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """Has a vector of its own, and can be the evidence of its passage."""

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
    places: Places = field(repr=False)
    """Of the passage's own range."""

    @property
    def location(self) -> Location:
        """Where the passage stands in its source."""
        return self.places.locate(self.start, self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One file of the seeds, or one member of an archive or mailbox: where it is and what was read from it."""

    path: str
    """Relative to the seeds; that of a member goes on below its archive: ``post/2024.zip/letters/7.eml``."""
    sha256: str
    """Of its own bytes: for a member, of the member."""
    bytes: int
    format: str
    encoding: str
    language: str
    """ISO 639-1 code that chooses stemming and sentence rules."""
    title: str
    text: str = field(repr=False)
    author: str = ""
    date: str = ""
    notes: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    """Other paths with the same bytes, sorted."""
    pages: tuple[Page, ...] = field(default=(), repr=False)

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
    found: int
    """Documents and entries of ``skipped``: all that was found, also within archives."""
    skipped: tuple[Skipped, ...]
    notes: tuple[Skipped, ...]
    """Parts of indexed files that were left out."""
