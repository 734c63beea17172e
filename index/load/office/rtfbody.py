"""The paragraphs, tables and notes of an RTF document, put together from the words between its control words."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace

from index.load.assemble import Assembly
from index.load.clean import running_words, verbatim_words
from index.load.office.rows import Cell
from index.load.office.rtftable import Definition, Table

_HEADING = re.compile(r"heading ([1-9])(?!\d)")
_CONTENTS = re.compile(r"(toc|contents) (\d|heading)|table of figures")
_CODE = re.compile(r"(html )?preformatted( text)?|source ?code|code( block)?|verbatim|listing|plain text code")
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

    def __init__(self) -> None:
        self.assembly = Assembly("paragraph")
        self.sink = Sink("body")
        self.marker = ""
        """Of the list item that begins, as it is written."""
        self.row = Definition()
        self.left_out: Counter[str] = Counter()
        self._number = 0
        self._table: Table | None = None
        self._code: list[tuple[str, int, int]] = []
        self._hanging: list[tuple[str, str]] = []

    def hang(self, mark: str, words: str) -> None:
        """Keep a note, or a paragraph of a text box, until the paragraph or table that it hangs on is over."""
        self._hanging.append((mark, words))

    def paragraph(self, style: str, outline: int) -> None:
        """End a paragraph whose style has a name, in lower case, and which has a level in the outline."""
        self._end_table()
        marker = self._marker()
        raw = self.sink.take()
        if _CODE.fullmatch(style):
            self._number += 1
            self._code.append((verbatim_words(raw) + "\n", self._number, 0))
            return
        self._end_code()
        if not marker and (found := _TYPED.match(raw)):
            marker, raw = "- ", raw[found.end() :]
        words = running_words(raw)
        if words and _CONTENTS.match(style):
            self.left_out["contents"] += 1
        elif words:
            self._number += 1
            level = _level(style, outline)
            if level:
                self.assembly.heading(level, marker + words, self._number)
            else:
                self.assembly.block("text", marker + words, self._number)
        self._hang()

    def cell(self) -> None:
        """End a cell."""
        self._end_code()
        self._table = self._table or Table()
        strong, marker = self.sink.strong, self._marker()
        words = " ".join(running_words(self.sink.take()).split())
        self._table.cells.append(Cell(words=marker + words if words else "", strong=strong and bool(words)))

    def end_row(self) -> None:
        """End a row; its definition holds for the next one too, unless another is given."""
        if self._table is not None:
            self._number += any(cell.words for cell in self._table.cells)
            self._table.row(self.row, max(self._number, 1))
            self.row = replace(self.row, edges=list(self.row.edges), merged=list(self.row.merged))

    def end(self) -> None:
        """End the document, wherever it is cut."""
        if self._table is not None and (self._table.cells or self.sink.parts):
            self.cell()
            self.end_row()
        self.paragraph("", NO_OUTLINE)
        self._end_code()

    def _marker(self) -> str:
        """Return the marker of a list item as it is written, or ``- `` for a dot of any kind."""
        words, self.marker = running_words(self.marker), ""
        return "- " if _DOT.fullmatch(words) else f"{words} " if words else ""

    def _hang(self) -> None:
        hanging, self._hanging = self._hanging, []
        for mark, raw in hanging:
            if words := running_words(raw):
                self.assembly.block("text", f"{mark} {words}".strip(), max(self._number, 1))

    def _end_table(self) -> None:
        table, self._table = self._table, None
        if table is not None:
            table.add_to(self.assembly)
            self._hang()

    def _end_code(self) -> None:
        self.assembly.runs("code", self._code)
        self._code = []


def _level(style: str, outline: int) -> int:
    """Return the level of a heading, or 0 for any other paragraph."""
    if 0 <= outline < NO_OUTLINE:
        return min(outline + 1, 6)
    found = _HEADING.match(style)
    return min(int(found.group(1)), 6) if found else int(style == "title")
