"""From the pages of a document to its text: what is left out, in which order the rest stands, and its boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from index.load.assemble import LINE, PARAGRAPH, Assembly
from index.load.pdf.blocks import blocks_of
from index.load.pdf.contents import without_contents
from index.load.pdf.drafts import Draft, look_of
from index.load.pdf.flow import flow
from index.load.pdf.headings import Entry, mark_outline, with_headings
from index.load.pdf.layout import PageLines
from index.load.pdf.running import without_running
from index.load.pdf.text import Boxes, Joiner, Piece
from index.records import Extract, Page


def assembled(
    pages: Sequence[PageLines],
    entries: Sequence[Entry],
    notes: Sequence[str],
    *,
    title: str = "",
    author: str = "",
    date: str = "",
) -> Extract:
    """Return the text of ``pages``; ``entries`` are those of the document's outline, with page numbers less one.

    What is left out besides is said after ``notes``.
    """
    for index, page in enumerate(pages):
        for line in page.lines:
            line.page = index
    lines, running = without_running(pages, look_of([page.lines for page in pages]).size)
    lines, contents = without_contents(lines)
    place = {page.number - 1: index for index, page in enumerate(pages)}
    mark_outline(lines, [replace(entry, page=place[entry.page]) for entry in entries if entry.page in place])
    look = look_of(lines)
    drafts = with_headings([list(blocks_of(kept, look)) for kept in lines], look)
    writer = _Writer(pages, Joiner(pages, (line for kept in lines for line in kept)))
    writer.assembly.notes += notes
    numbered = [page.number for page in pages if page.numbered]
    if running:
        writer.assembly.notes.append(f"left out running headers and page numbers of {_count(running)}")
    if numbered:
        writer.assembly.notes.append(f"left out line numbers of {_count(len(numbered))}")
    if contents:
        where = page_list([pages[index].number for index in contents])
        writer.assembly.notes.append(f"left out the table of contents on {where}")
    writer.write(flow(drafts, look))
    found = writer.assembly.finish(title=title, author=author, date=date)
    return replace(found, pages=writer.pages(len(found.text)))


def page_list(numbers: Sequence[int]) -> str:
    """Return page numbers in words, runs of them shortened: ``pages 3–5, 9``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    shown = ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in runs[:20])
    return f"page{'s' if len(numbers) > 1 else ''} {shown}{' and others' if len(runs) > 20 else ''}"


def _count(pages: int) -> str:
    return f"{pages} page{'s' * (pages != 1)}"


class _Writer:
    """Puts blocks into an Assembly and keeps the boxes of its characters beside."""

    def __init__(self, pages: Sequence[PageLines], joiner: Joiner) -> None:
        self.assembly = Assembly("page")
        self._pages = pages
        self._joiner = joiner
        self._boxes: list[Boxes] = []
        self._starts: dict[int, int] = {}

    def write(self, drafts: Sequence[Draft]) -> None:
        """Add blocks."""
        names: list[str] = []
        for at, draft in enumerate(drafts):
            if draft.cells and draft.opens:
                names = self._names(drafts[at : at + 3])
                if names:
                    self._add("header", self._joiner.pieces(draft), PARAGRAPH)
                    continue
            if draft.cells:
                self._add("row", self._joiner.row(draft, names), PARAGRAPH if draft.opens else LINE)
            else:
                self._add(draft.kind, self._joiner.pieces(draft), PARAGRAPH, draft.level)

    def _names(self, rows: Sequence[Draft]) -> list[str]:
        """Return the names of a table's columns where its first row is set in bold and the next is not."""
        if len(rows) < 2 or rows[1].opens or not all(rows[0].cells) or not all(line.bold for line in rows[0].lines):
            return []
        if any(line.bold for line in rows[1].lines):
            return []
        return [
            "".join(piece.text for piece in self._joiner.row(replace(rows[0], cells=[cell]), ()))
            for cell in rows[0].cells
        ]

    def _add(self, kind: str, pieces: Sequence[Piece], before: str, level: int = 0) -> None:
        text = "".join(piece.text for piece in pieces)
        if not text.strip():
            return
        boxes = np.concatenate([piece.boxes for piece in pieces])
        skipped, kept = len(text) - len(text.lstrip()), len(text.strip())
        begin = self.assembly.length
        runs = [(piece.text, self._pages[piece.page].number, 0) for piece in pieces]
        if kind == "heading":
            self.assembly.heading(level, text, runs[0][1])
        else:
            self.assembly.runs(kind, runs, before=before)
        gap = self.assembly.length - begin - kept
        self._boxes += [np.zeros((gap, 4), np.uint16), boxes[skipped : skipped + kept]]
        at = begin + gap - skipped
        for piece in pieces:
            if piece.text:
                self._starts.setdefault(piece.page, max(at, begin + gap))
            at += len(piece.text)

    def pages(self, length: int) -> tuple[Page, ...]:
        """Return the pages that cover a text of ``length``."""
        boxes = np.concatenate(self._boxes) if self._boxes else np.zeros((0, 4), np.uint16)
        starts = sorted(self._starts.items())
        out: list[Page] = []
        for at, (index, start) in enumerate(starts):
            end = starts[at + 1][1] if at + 1 < len(starts) else length
            first = start if at else 0
            page = self._pages[index]
            out.append(
                Page(
                    number=page.number,
                    start=first,
                    end=end,
                    width=page.width,
                    height=page.height,
                    boxes=boxes[first:end].astype("<u2").tobytes(),
                )
            )
        return tuple(out)
