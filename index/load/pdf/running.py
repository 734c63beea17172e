"""Running headers, footers and page numbers, told from the text by where they stand and what repeats."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

from index.load.pdf.layout import Line, PageLines

NEAR = 6
"""Pages before and after within which a running line is looked for again."""
DEPTH = 4
"""Rows of lines at either end of a page that may be running ones."""
HEIGHT = 3.0
"""Points by which a running line may stand higher or lower from page to page."""
ZONE = 0.2
"""Share of the page's height, at either end, in which running lines stand."""

_NUMBER = re.compile(r"\d+")
_WORDS = re.compile(r"[^\W\d_]{3}")
_ROMAN = re.compile(r"\b[ivxlc]+\b", re.IGNORECASE)
_PAGE_NUMBER = re.compile(
    r"[-–—\[(|]*\s*(?:(?:page|seite|p\.|s\.|página|pagina|стр\.)\s*)?(\d{1,4}|[ivxlc]{1,7})"
    r"(?:\s*(?:/|of|von|de|sur|di|из)\s*\d{1,4})?\s*[-–—\])|]*",
    re.IGNORECASE,
)


def without_running(pages: Sequence[PageLines], body: float) -> tuple[list[list[Line]], int]:
    """Return the lines of each page without running ones, and on how many pages there were any.

    ``body`` is the size of most of the text, in points: larger lines are titles unless they stand on most pages.
    """
    lines = [list(page.lines) for page in pages]
    touched: set[int] = set()
    for top in (True, False):
        before: list[float | None] = [None] * len(pages)  # heights of the rows last taken
        for depth in range(DEPTH):
            rows = [_outermost(page, kept, top=top) for page, kept in zip(pages, lines, strict=True)]
            if depth:  # a header of several lines: the next one is close
                rows = [
                    row if row and last is not None and abs(row[0].base - last) < 2.2 * body else []
                    for row, last in zip(rows, before, strict=True)
                ]
            apart = [row if _detached(row, kept, body) else [] for row, kept in zip(rows, lines, strict=True)]
            running = _repeated(apart, lines, body, parts=not depth) | _numbers(rows) | _apart(rows, lines, body)
            if not running:
                break
            running |= _level(rows, running, lines, body)
            for index, row in enumerate(rows):
                gone = {id(line) for line in row if id(line) in running}
                before[index] = row[0].base if gone else None
                if gone:
                    touched.add(index)
                    lines[index] = [line for line in lines[index] if id(line) not in gone]
    if not any(lines):  # pages that say nothing else: then it is their text
        return [list(page.lines) for page in pages], 0
    return lines, len(touched)


def _detached(row: Sequence[Line], kept: Sequence[Line], body: float) -> bool:
    """Say whether a row at the end of a page is set off from the text: by a gap close to it, or by its type."""
    if not row:
        return False
    edge = row[0]
    levels = sorted((abs(line.base - edge.base), line.size, line.font) for line in kept if not line.turned)
    others = [level for level in levels if level[0] >= HEIGHT]
    if not others:
        return False
    if all((size, font) != (edge.size, edge.font) for _, size, font in others[:1]):
        return True
    steps = [0.0, *(distance for distance, _, _ in others)]
    return any(after - before > 1.6 * body for before, after in pairwise(steps[:DEPTH]))


def _level(rows: Sequence[list[Line]], running: set[int], lines: Sequence[list[Line]], body: float) -> set[int]:
    """Return the ids of lines that stand, apart from the text, where many pages have running ones of their size."""
    known = [row[0] for row in rows if row and id(row[0]) in running]
    height, count = _commonest(line.base for line in known)
    if count < max(3, 0.3 * len(rows)):
        return set()
    found: set[int] = set()
    for row, kept in zip(rows, lines, strict=True):
        level = row and abs(row[0].base - height) < 1.5 and all(line.size < 1.15 * body for line in row)
        if level and _gap(row, kept) > 1.5 * body:
            found |= {id(line) for line in row}
    return found


def _gap(row: Sequence[Line], kept: Sequence[Line]) -> float:
    """Return the distance from a row at the end of a page to the next line; without one, far."""
    edge = row[0].base
    return min(
        (abs(line.base - edge) for line in kept if not line.turned and abs(line.base - edge) >= HEIGHT), default=1e6
    )


def _outermost(page: PageLines, lines: list[Line], *, top: bool) -> list[Line]:
    """Return the lines at the upper or lower end of a page that stand at one height."""
    upright = [line for line in lines if not line.turned]
    if not upright:
        return []
    edge = min(line.base for line in upright) if top else max(line.base for line in upright)
    if not (edge < ZONE * page.height if top else edge > (1 - ZONE) * page.height):
        return []
    return [line for line in upright if abs(line.base - edge) < HEIGHT]


def _key(text: str) -> str:
    return _ROMAN.sub("#", _NUMBER.sub("#", text.casefold()))


def _keys(row: Sequence[Line], *, parts: bool) -> set[str]:
    """Return what to know a row of lines by: all of it and, if so wished, each part that has words."""
    if not row:
        return set()
    keys = [_key(line.text) for line in sorted(row, key=lambda line: line.left)]
    if not parts:
        return {" ".join(keys)}
    each = keys + [_key(line.text[begin:end]) for line in row for begin, end, _, _ in line.cells]
    return {" ".join(keys), *(part for part in each if _WORDS.search(part))}


def _repeated(rows: Sequence[list[Line]], lines: Sequence[list[Line]], body: float, *, parts: bool) -> set[int]:
    """Return the ids of lines that stand at the same height on pages near by, numbers apart.

    Where a part of what stands at one height comes again, the rest is taken, too, if it is apart from the text: it
    may change with the chapter. The first line of another column is not apart.
    """
    kept = {id(row): page for row, page in zip(rows, lines, strict=True)}
    places: defaultdict[str, list[list[Line]]] = defaultdict(list)
    for row in rows:
        for key in _keys(row, parts=parts):
            places[key].append(row)
    running: set[int] = set()
    for key, same in places.items():  # a row a page, in their order
        for at, row in enumerate(same):
            line = row[0]
            near = [
                other[0]
                for other in same[max(0, at - NEAR) : at + NEAR + 1]
                if abs(other[0].base - line.base) < HEIGHT and abs(other[0].page - line.page) <= NEAR
            ]
            if len(near) >= 3 and (line.size <= 1.12 * body or len(same) > 0.6 * len(rows)):
                running |= {id(each) for each in row if key in _own_keys(each) or _is_free(each, kept[id(row)], body)}
    return running


def _own_keys(line: Line) -> set[str]:
    return {_key(line.text), *(_key(line.text[begin:end]) for begin, end, _, _ in line.cells)}


def _is_free(line: Line, page: Sequence[Line], body: float) -> bool:
    """Say whether nothing stands close above or below a line."""
    return not any(
        HEIGHT <= abs(other.base - line.base) < 1.5 * body and other.left < line.right and line.left < other.right
        for other in page
        if not other.turned
    )


def _numbers(rows: Sequence[list[Line]]) -> set[int]:
    """Return the ids of lines that are nothing but a page's number, which counts on as the pages do."""
    counted: defaultdict[tuple[bool, int], list[Line]] = defaultdict(list)
    for row in rows:
        for line in row:
            found = _PAGE_NUMBER.fullmatch(line.text.strip())
            if found:
                roman = not found[1].isdigit()
                number = _roman(found[1]) if roman else int(found[1])
                counted[roman, number - line.page].append(line)
    return {id(line) for same in counted.values() if len(same) > 1 for line in same}


def _roman(text: str) -> int:
    values = [{"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}[letter] for letter in text.casefold()]
    return sum(-v if v < following else v for v, following in zip(values, [*values[1:], 0], strict=True))


def _apart(rows: Sequence[list[Line]], lines: Sequence[list[Line]], body: float) -> set[int]:
    """Return the ids of lines set apart from the text at one height on most pages, whatever they say.

    Such are headers that name the section: their words change as often as the page does.
    """
    gaps: dict[int, float] = {}
    for index, (row, kept) in enumerate(zip(rows, lines, strict=True)):
        if row and max(line.size for line in row) < 1.15 * body:
            gaps[index] = _gap(row, kept)
    running: set[int] = set()
    for parity in (0, 1):
        mine = [index for index in gaps if index % 2 == parity]
        pages = sum(bool(kept) for kept in lines[parity::2])
        height, count = _commonest(rows[index][0].base for index in mine)
        level = [index for index in mine if abs(rows[index][0].base - height) < 1.5]
        wide = [index for index in level if gaps[index] > 1.9 * body]
        if count >= 4 and len(level) > 0.5 * pages and len(wide) > 0.85 * len(level):
            running |= {id(line) for index in wide for line in rows[index]}
    return running


def _commonest(values: Iterable[float]) -> tuple[float, int]:
    counts = Counter(round(value) for value in values)
    return counts.most_common(1)[0] if counts else (0.0, 0)
