"""The paragraphs, tables and notes of an RTF document, put together from the words between its control words."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from index.load.assemble import Assembly
from index.load.clean import one_line, running_words
from index.load.limits import Limits
from index.load.office.rows import Cell
from index.load.office.rtftable import Definition, Table
from index.load.office.stylenames import heading_level, is_code, is_contents
from index.load.office.writing import Writing

_SYMBOLS = re.compile("[\uf000-\uf0ff]")
_DOTS = "•·▪▫‣◦●○■□§➢✓"
_DOT = re.compile(rf"[{_DOTS}\-–—*o]")
_TYPED = re.compile(rf" *(?:[{_DOTS}][ \t]|[-–—*]\t)[ \t]*(?=\S)")
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")

NO_OUTLINE = 9
"""The level of a paragraph that is no heading; those of headings begin at 0."""


@dataclass(slots=True)
class Sink:
    """Where words go: a paragraph, a note, a text box, a title."""

    kind: str
    parts: list[str] = field(default_factory=list)
    strong: bool = True
    """All its words are set in bold."""

    def say(self, words: str, *, bold: bool) -> None:
        """Add words."""
        self.parts.append(words)
        self.strong = self.strong and (bold or not words.strip())

    def take(self) -> str:
        """Return the words so far and begin anew."""
        words = "".join(self.parts)
        self.parts, self.strong = [], True
        words = _PAIR.sub(lambda pair: pair.group().encode("utf-16-le", "surrogatepass").decode("utf-16-le"), words)
        return _SYMBOLS.sub(lambda found: "•" if found.group() in "\uf0b7\uf0a7\uf0d8\uf0fc" else "", words)


class Body:
    """The document below the control words."""

    def __init__(self, limits: Limits) -> None:
        self.writing = Writing(Assembly("paragraph"), limits)
        self.sink = Sink("body")
        self.marker = ""
        """Of the list item that begins, as it is written."""
        self.row = Definition()
        self._table: Table | None = None
        self._hanging: list[tuple[str, str]] = []

    def hang(self, mark: str, words: str) -> None:
        """Keep a note, or a paragraph of a text box, until the paragraph or table that it hangs on is over."""
        self._hanging.append((mark, words))

    def paragraph(self, style: str, outline: int) -> None:
        """End a paragraph whose style has a name, in lower case, and which has a level in the outline."""
        self._end_table()
        marker = self._marker()
        raw = self.sink.take()
        if is_code(style):
            self.writing.code(raw)
            self._hang()
            return
        if not marker and (found := _TYPED.match(raw)):
            marker, raw = "- ", raw[found.end() :]
        words = running_words(raw)
        if words and is_contents(style):
            self.writing.left_out["contents"] += 1
            words = ""
        self.writing.paragraph(marker, words, outline + 1 if 0 <= outline < NO_OUTLINE else heading_level(style))
        self._hang()

    def cell(self) -> None:
        """End a cell."""
        self.writing.end_code()
        self._table = self._table or Table()
        strong, marker = self.sink.strong, self._marker()
        words = one_line(self.sink.take())
        self._table.cells.append(Cell(words=marker + words if words else "", strong=strong and bool(words)))

    def end_row(self) -> None:
        """End a row; its definition holds for the next one too, unless another is given."""
        if self._table is not None:
            self.writing.number += any(cell.words for cell in self._table.cells)
            self._table.row(self.row, max(self.writing.number, 1))
            self.row = replace(self.row, edges=list(self.row.edges), merged=list(self.row.merged))

    def end(self) -> None:
        """End the document, wherever it is cut."""
        if self._table is not None and (self._table.cells or self.sink.parts):
            self.cell()
            self.end_row()
        self.paragraph("", NO_OUTLINE)

    def _marker(self) -> str:
        """Return the marker of a list item as it is written, or ``- `` for a dot of any kind."""
        words, self.marker = running_words(self.marker), ""
        return "- " if _DOT.fullmatch(words) else f"{words} " if words else ""

    def _hang(self) -> None:
        hanging, self._hanging = self._hanging, []
        for mark, raw in hanging:
            self.writing.aside(mark, raw)

    def _end_table(self) -> None:
        table, self._table = self._table, None
        if table is not None:
            table.add_to(self.writing.assembly)
            self._hang()
