"""Documents of office programs as they are put down: paragraphs in order, code by its lines, what is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import TypeVar

from index.load.assemble import MAX_HEADING, Assembly
from index.load.clean import left_out, one_line, running_words, verbatim_words
from index.load.limits import Limits
from index.load.parts import Facts
from index.records import Extract

T = TypeVar("T")

_DEEPEST = 6
"""Level of the smallest heading."""
_NAMES = {
    "picture": "picture{s}",
    "chart": "chart{s}",
    "diagram": "diagram{s}",
    "object": "embedded object{s}",
    "comment": "comment{s}",
    "deleted": "stretch{es} of text that tracked changes delete",
    "hidden": "stretch{es} of hidden text",
    "contents": "line{s} of the table of contents",
    "index": "line{s} of an index",
    "inserted": "inserted file{s}",
}


class Writing:
    """A text document in the making; its places count paragraphs and table rows with words."""

    def __init__(self, assembly: Assembly, limits: Limits) -> None:
        self.assembly = assembly
        self.left_out: Counter[str] = Counter()
        """What is left out, by the keys of ``_NAMES``."""
        self.around = False
        """Pages have headers and footers, which are left out."""
        self.number = 0
        """Of the last paragraph or row."""
        self.slide = 0
        """Number of the slide on which all stands; 0 where it is paragraphs that are counted."""
        self._limits = limits
        self._code: list[tuple[str, int, int]] = []

    @property
    def full(self) -> bool:
        """Whether there is no more room."""
        return self.assembly.length >= self._limits.characters

    def next(self) -> int:
        """Return the number of a paragraph or row that is about to be added."""
        self.number = self.slide or self.number + 1
        return self.number

    def paragraph(self, marker: str, words: str, level: int = 0) -> None:
        """Add a paragraph, or a heading of ``level``, with its number or bullet; without words, only code ends."""
        self.end_code()
        if words and level:
            add_heading(self.assembly, level, marker, words, self.next())
        elif words:
            self.assembly.block("text", marker + words, self.next())

    def aside(self, mark: str, raw: str) -> None:
        """Add a note, or a paragraph of a text box, at the place of the paragraph on which it hangs."""
        if words := running_words(raw):
            self.end_code()
            self.assembly.block("text", f"{mark} {words}".strip(), max(self.number, 1))

    def code(self, raw: str) -> None:
        """Add a line of code; those that follow each other are one block."""
        self._code.append((verbatim_words(raw) + "\n", self.next(), 0))

    def end_code(self) -> None:
        """End a stretch of code."""
        self.assembly.runs("code", self._code)
        self._code = []

    def finish(self, facts: Facts) -> Extract:
        """Return what was written, and say what was not."""
        self.end_code()
        notes = self.assembly.notes
        if self.full and not self.slide:  # of slides, whole ones are left out
            notes.append(f"left out what follows the first {self._limits.characters} characters")
        notes += what_is_left_out(self.left_out)
        if self.around:
            notes.append("left out headers and footers of pages")
        return self.assembly.finish(title=facts.title, author=facts.author, date=facts.date)


def add_heading(assembly: Assembly, level: int, marker: str, words: str, number: int) -> None:
    """Add a heading with its own number before it; a document that is called after it is called without the number."""
    level, line = min(level, _DEEPEST), one_line(marker + words)
    if assembly.sections.title or len(line) > MAX_HEADING:
        assembly.heading(level, line, number)
    else:
        assembly.sections.enter(level, one_line(words))
        assembly.block("heading", line, number)


def reading_order(placed: Iterable[tuple[float, float, T]], band: float) -> Iterator[T]:
    """Yield things by their top and left, from top to bottom; those whose tops lie within ``band``, left to right."""
    rows: list[list[tuple[float, float, T]]] = []
    for one in sorted(placed, key=itemgetter(0)):
        if rows and one[0] - rows[-1][0][0] < band:
            rows[-1].append(one)
        else:
            rows.append([one])
    for row in rows:
        yield from (thing for _, _, thing in sorted(row, key=itemgetter(1)))


def what_is_left_out(counts: Counter[str]) -> list[str]:
    """Return a note for each kind of thing that was left out."""
    return left_out(counts, _NAMES)
