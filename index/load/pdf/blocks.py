"""From the lines of a page to its blocks: paragraphs, list items, table rows and code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from index.load.pdf.drafts import ENDED, SENTENCE_END, Draft, Look, opens_item
from index.load.pdf.layout import Line
from index.load.pdf.tables import table_at


def blocks_of(lines: Sequence[Line], look: Look) -> Iterator[Draft]:
    """Yield the blocks of a page's lines; headings are told later."""
    for region in _regions(lines):
        edges = _edges(region, look)
        at = 0
        while at < len(region):
            if region[at].heading:
                after = at + 1
                while after < len(region) and region[after].group == region[at].group:
                    after += 1
                yield Draft(kind="heading", lines=list(region[at:after]), level=region[at].heading)
                at = after
                continue
            rows, after = table_at(region, at, look)
            if rows:
                yield from rows
                at = after
                continue
            code = _is_code(region, at, look)
            after = _code_end(region, at, look) if code else _paragraph_end(region, at, edges, look)
            yield Draft(kind="code" if code else "text", lines=list(region[at:after]))
            at = after


def _regions(lines: Sequence[Line]) -> Iterator[list[Line]]:
    region: list[Line] = []
    for line in lines:
        if region and (line.region != region[-1].region or line.turned != region[-1].turned):
            yield region
            region = []
        region.append(line)
    if region:
        yield region


def _close(upper: Line, lower: Line, look: Look) -> bool:
    """Say whether two lines follow each other as those of one paragraph do."""
    gap = lower.base - upper.base
    usual = max(look.pitch(upper.size), look.pitch(lower.size))
    return gap < 1.22 * usual + 0.5 and abs(upper.size - lower.size) <= 0.1 * max(upper.size, lower.size)


def _edges(region: Sequence[Line], look: Look) -> list[float]:
    """Return the right edge of the text around each line: the longest of the lines near it."""
    edges: list[float] = []
    for at, line in enumerate(region):
        edge = line.right
        for step in (-1, 1):
            near = at
            while 0 <= near + step < len(region) and abs(near + step - at) <= 4:
                pair = (region[near + step], region[near]) if step < 0 else (region[near], region[near + step])
                if not _close(*pair, look):
                    break
                near += step
                edge = max(edge, region[near].right)
        edges.append(edge)
    return edges


def _is_code(region: Sequence[Line], at: int, look: Look) -> bool:
    """Say whether a line of code begins a block; one word of code may also begin a paragraph."""
    line = region[at]
    if look.mono or not line.partly_mono:
        return False
    after = region[at + 1] if at + 1 < len(region) and _close(line, region[at + 1], look) else None
    if not line.mono:
        return after is not None and after.mono
    return after is None or after.partly_mono or not _goes_on(line.text, after.text)


def _code_end(region: Sequence[Line], start: int, look: Look) -> int:
    """Return the line after the last one of the code that begins at ``start``."""
    at = start + 1
    while at < len(region):
        upper, lower = region[at - 1], region[at]
        gap = lower.base - upper.base
        if lower.heading or not lower.partly_mono or gap > 2.6 * look.pitch(upper.size):
            break
        if not lower.mono and not _close(upper, lower, look):
            break
        at += 1
    return at


def _paragraph_end(region: Sequence[Line], start: int, edges: Sequence[float], look: Look) -> int:
    """Return the line after the last one of the paragraph that begins at ``start``."""
    at = start + 1
    while at < len(region) and not region[at].heading:
        if region[at].mono and not look.mono and not _runs_into(region, at, edges):
            break
        if not _continues(region, start, at, edges, look):
            break
        at += 1
    return at


def _runs_into(region: Sequence[Line], at: int, edges: Sequence[float]) -> bool:
    """Say whether a line of code is the rest of a sentence rather than shown apart."""
    upper, lower = region[at - 1], region[at]
    full = edges[at - 1] - upper.right < 3 * upper.size
    return full and not ENDED.search(upper.text) and abs(lower.left - upper.left) < 2 * upper.size


def _continues(region: Sequence[Line], start: int, at: int, edges: Sequence[float], look: Look) -> bool:
    """Say whether the line ``at`` goes on with the paragraph that began at ``start``."""
    upper, lower = region[at - 1], region[at]
    if not _close(upper, lower, look):
        return False
    if upper.text.endswith("-") and lower.text[:1].islower():
        return True
    if opens_item(lower.text):
        return False
    if upper.bold != lower.bold and (upper.bold or lower.bold) and not _goes_on(upper.text, lower.text):
        return False
    em = lower.size
    first = region[start]
    item = opens_item(first.text)
    shift = lower.left - upper.left
    if _centred(upper, lower) and not _goes_on(upper.text, lower.text) and upper.size > 1.15 * look.size:
        return True  # a title on two lines
    room = edges[at - 1] - upper.right
    word = lower.text.split(maxsplit=1)[0]
    fits = room > len(word) * _letter(lower) + 0.6 * em
    if fits and not _goes_on(upper.text, lower.text):
        return False
    if shift > 0.7 * em and at - start > 1:
        return False
    if shift > 0.7 * em and not item:
        return not SENTENCE_END.search(upper.text) or (
            at + 1 < len(region) and abs(region[at + 1].left - lower.left) < 0.3 * em and room < 2 * em
        )
    return shift > -0.7 * em or (at - start == 1 and not (item and SENTENCE_END.search(upper.text)))


def _letter(line: Line) -> float:
    return (line.right - line.left) / max(1, len(line.text))


def _centred(upper: Line, lower: Line) -> bool:
    middle = abs((upper.left + upper.right) - (lower.left + lower.right)) / 2
    return middle < 0.5 * lower.size and abs(upper.left - lower.left) > lower.size


def _goes_on(upper: str, lower: str) -> bool:
    """Say whether the words of two lines read on from one to the other."""
    return (lower[:1].islower() and not ENDED.search(upper)) or upper.endswith("-")
