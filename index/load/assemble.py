"""Puts a document's text together from its blocks, and remembers where each part of it stands in the source."""

from __future__ import annotations

from collections.abc import Iterable

from index.load.sections import Sections
from index.records import Block, Extract, Places

MAX_HEADING = 200
"""Characters; what is longer was only set like one."""

PARAGRAPH, LINE = "\n\n", "\n"
"""What may stand between two blocks: an empty line, or a line end, as between the rows of one table."""

Run = tuple[str, int, int]
"""Words, the number of the unit on which they stand, and their column or 0."""


class Assembly:
    """A document in the making: blocks go in from top to bottom, an Extract comes out."""

    def __init__(self, unit: str) -> None:
        """Begin a document whose places count ``unit``, one of index.records.UNITS."""
        self.sections = Sections()
        self.notes: list[str] = []
        self.length = 0
        """Characters so far."""
        self._unit = unit
        self._text: list[str] = []
        self._blocks: list[Block] = []
        self._offsets: list[int] = []
        self._numbers: list[int] = []
        self._columns: list[int] = []
        self._parts: list[tuple[int, str]] = []

    def part(self, name: str) -> None:
        """Begin a part, such as a sheet: what follows stands in it."""
        self._parts.append((self.length, name))

    def heading(self, level: int, words: str, number: int) -> None:
        """Add a heading of ``level`` 1 to 6 and begin its section; one longer than MAX_HEADING is a paragraph."""
        line = " ".join(words.split())
        if len(line) > MAX_HEADING:
            self.block("text", line, number)
            return
        self.sections.enter(level, line)
        self.block("heading", line, number)

    def block(self, kind: str, words: str, number: int, *, before: str = PARAGRAPH) -> None:
        """Add a block that stands at one place; without a word in it, nothing is added."""
        self.runs(kind, [(words, number, 0)], before=before)

    def runs(self, kind: str, runs: Iterable[Run], *, before: str = PARAGRAPH) -> None:
        """Add a block of runs that stand at places of their own, joined as they are; white space around it goes."""
        kept = [(words, number, column) for words, number, column in runs if words]
        whole = "".join(words for words, _, _ in kept)
        body = whole.strip()
        if not body:
            return
        gap = before if self._text else ""
        start = at = self.length + len(gap)
        skipped = len(whole) - len(whole.lstrip())
        for words, number, column in kept:
            begin = max(at - skipped, start)
            at += len(words)
            if at - skipped > begin and begin < start + len(body):
                self._mark(begin, number, column)
        self._text += [gap, body]
        self.length = start + len(body)
        self._blocks.append(Block(start=start, end=self.length, kind=kind, section=self.sections.path))

    def _mark(self, offset: int, number: int, column: int) -> None:
        if not self._numbers or (self._numbers[-1], self._columns[-1]) != (number, column):
            self._offsets.append(offset)
            self._numbers.append(number)
            self._columns.append(column)

    def finish(self, *, title: str = "", author: str = "", date: str = "", encoding: str = "") -> Extract:
        """Return the document, titled ``title`` or else by its first heading."""
        return Extract(
            text="".join(self._text),
            blocks=tuple(self.sections.without_title(self._blocks)),
            places=Places(
                unit=self._unit,
                offsets=tuple(self._offsets) or (0,),
                numbers=tuple(self._numbers) or (1,),
                columns=tuple(self._columns) if any(self._columns) else (),
                parts=tuple(self._parts),
            ),
            encoding=encoding,
            title=title or self.sections.title,
            author=author,
            date=date,
            notes=tuple(self.notes),
        )
