"""Tables of contents: their lines say again what the headings say, so they are left out where those are found."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from index.load.pdf.headings import bare
from index.load.pdf.layout import Line

_LEADER = re.compile(r"(?<!\s)\s*(?:(?:[.·․_]\s?){4,}|(?:…\s?){2,})\s*")
_ENTRY = re.compile(r"(?:\d{1,4}|[ivxlc]{1,7}|[A-Z]{0,2}[-.–]?\d{1,4})", re.IGNORECASE)
_NAMES = frozenset(
    "contents tableofcontents inhalt inhaltsverzeichnis sommaire tabledesmatières índice indice contenido sommario "
    "inhoud inhoudsopgave оглавление содержание 目次 目录 目錄".split()
)
_LONG = 12
"""Letters of a title that may stand on several lines; a shorter one would be found in any text."""
_LEAST = 4
"""Entries that make a table of contents."""
_SURE = 15
"""Entries with leaders that make one even where their titles are set otherwise above the text."""
_FRONT = 20
"""Pages at the front of a document; a table behind them leads on from where it stands, give or take as many."""


def without_contents(pages: Sequence[Sequence[Line]]) -> tuple[list[list[Line]], list[int]]:
    """Return the lines of each page without tables of contents, and the indices of the pages that had one.

    A list with leaders whose entries are nowhere else, such as prices, stays, its leaders become gaps between cells.
    """
    entries = [[_entry(line) for line in lines] for lines in pages]
    titles = _Titles(
        bare(line.text)
        for lines, found in zip(pages, entries, strict=True)
        for line, entry in zip(lines, found, strict=True)
        if entry is None
    )
    kept: list[list[Line]] = []
    touched: list[int] = []
    for index, (lines, found) in enumerate(zip(pages, entries, strict=True)):
        front = index < max(_FRONT, len(pages) // 10)
        gone = _contents(lines, found, titles, (0 if front else index - _FRONT, len(pages)))
        if gone:
            touched.append(index)
        kept.append([_without_leader(line) for at, line in enumerate(lines) if at not in gone])
    return kept, touched


class _Titles:
    """What stands in a document apart from what may be entries of a table of contents."""

    def __init__(self, lines: Iterable[str]) -> None:
        whole = list(lines)
        self._lines = set(whole)
        self._text = "".join(whole)

    def __contains__(self, title: str) -> bool:
        return title in self._lines or (len(title) >= _LONG and title in self._text)


def _entry(line: Line) -> tuple[str, str, bool] | None:
    """Return title, page number and whether dots lead to it, of a line that may stand in a table of contents."""
    found = _last_leader(line.text)
    if found is not None and found.start() > 0:
        number = line.text[found.end() :]
        if not number or _ENTRY.fullmatch(number):
            return line.text[: found.start()], number, True
    if line.cells:
        begin, end, _, _ = line.cells[-1]
        if begin and _ENTRY.fullmatch(line.text[begin:end]):
            return line.text[:begin].strip(), line.text[begin:end], False
    return None


def _last_leader(text: str) -> re.Match[str] | None:
    if not any(dots in text for dots in ("..", ". .", "··", "· ·", "․", "__", "…")):
        return None
    return next(reversed(list(_LEADER.finditer(text))), None)


def _contents(
    lines: Sequence[Line], found: Sequence[tuple[str, str, bool] | None], titles: _Titles, reach: tuple[int, int]
) -> set[int]:
    """Return which lines of a page belong to a table of contents whose numbers may lie in that range."""
    gone: set[int] = set()
    at = 0
    while at < len(lines):
        if found[at] is None:
            at += 1
            continue
        end, last = at, at
        while end < len(lines) and end - last <= 2:  # entries of two or three lines have a number on the last only
            if found[end] is not None:
                last = end
            end += 1
        members = [entry for entry in found[at : last + 1] if entry is not None]
        if len(members) >= _LEAST and _is_contents(members, titles, reach):
            gone.update(range(_begin(lines, at, found[at], titles), last + 1))
        at = last + 1
    return gone


def _begin(lines: Sequence[Line], at: int, entry: tuple[str, str, bool] | None, titles: _Titles) -> int:
    """Return where a table begins whose first entry with a number is ``at``: its first lines, and its own heading."""
    whole = bare(entry[0]) if entry else ""
    for first in range(at - 1, max(-1, at - 3), -1):
        whole = bare(lines[first].text) + whole
        if whole in titles:
            at = first
    return at - 1 if at and bare(lines[at - 1].text) in _NAMES else at


def _is_contents(entries: Sequence[tuple[str, str, bool]], titles: _Titles, reach: tuple[int, int]) -> bool:
    """Say whether entries are a table of contents: their titles stand elsewhere, or their numbers count the pages."""
    numbers = [int(number) for _, number, _ in entries if number.isdigit()]
    falls = sum(after < before for before, after in pairwise(numbers))
    known = sum(bare(title) in titles for title, _, _ in entries)
    if numbers and min(numbers) < reach[0]:
        return False  # an index leads back
    if falls <= 0.15 * len(entries) and known > 0.5 * len(entries):
        return True
    led = sum(leader for _, _, leader in entries)
    counts = len(numbers) > 1 and not falls and numbers[0] < numbers[-1] <= reach[1]
    return counts and led >= _SURE and known > 0.2 * len(entries)


def _without_leader(line: Line) -> Line:
    found = _last_leader(line.text)
    if found is None or not found.start() or found.end() - found.start() < 6:
        return line
    if found.end() == len(line.text):
        line.text = line.text[: found.start()]
        line.cells = ()
        return line
    middle = line.left + (line.right - line.left) * found.start() / len(line.text)
    line.cells = (
        (0, found.start(), line.left, middle),
        (found.end(), len(line.text), line.right - line.size, line.right),
    )
    return line
