"""Paragraphs that go on in the next column or on the next page, and the footnotes between."""

from __future__ import annotations

import re
from collections.abc import Sequence

from index.load.pdf.drafts import SENTENCE_END, Draft, Look, opens_item

_FOOTNOTE = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹]+|[*†‡§¶]+|\d{1,3}(?=[\s.)A-Z])")
_AHEAD = 5
"""Blocks at the top of a page, such as a figure's labels, past which a paragraph may go on."""


def flow(pages: Sequence[Sequence[Draft]], look: Look) -> list[Draft]:
    """Return the blocks of all pages in order, paragraphs joined over the ends of columns and pages.

    The footnotes of a page stand before a paragraph that goes on after it, else at its end.
    """
    out: list[Draft] = []
    held: list[Draft] = []
    tail: Draft | None = None
    for drafts in pages:
        main, aside = _parted(drafts, look)
        main = _over_columns(main)
        if tail is not None:
            found = _continuation(tail, main)
            if found is None:
                out += [tail, *held]
                tail, held = None, []
            else:
                out += held
                held = []
                tail.lines += main.pop(found).lines
                if main or aside:
                    out.append(tail)
                    tail = None
        out += main[:-1]
        if main:
            tail, held = main[-1], aside
        elif aside:
            out += aside
    if tail is not None:
        out += [tail, *held]
    return out


def _parted(drafts: Sequence[Draft], look: Look) -> tuple[list[Draft], list[Draft]]:
    """Return the blocks of a page, and those beside its text: footnotes and what reads in another direction."""
    main: list[Draft] = []
    aside: list[Draft] = []
    by_region: dict[int, list[Draft]] = {}
    for draft in drafts:
        by_region.setdefault(draft.lines[0].region, []).append(draft)
    for region in by_region.values():
        if region[0].lines[0].turned:
            aside += region
            continue
        at = len(region)
        while (
            at and region[at - 1].kind == "text" and max(line.size for line in region[at - 1].lines) < 0.93 * look.size
        ):
            at -= 1
        while at < len(region) and not _FOOTNOTE.match(region[at].lines[0].text):
            at += 1
        main += region[:at]
        aside += region[at:]
    return main, aside


def _over_columns(main: Sequence[Draft]) -> list[Draft]:
    joined: list[Draft] = []
    for draft in main:
        if joined and joined[-1].lines[-1].region != draft.lines[0].region and _reads_on(joined[-1], draft):
            joined[-1].lines += draft.lines
        else:
            joined.append(draft)
    return joined


def _continuation(tail: Draft, main: Sequence[Draft]) -> int | None:
    """Return which of the blocks of the next page goes on with the last one of this page."""
    for at, draft in enumerate(main[:_AHEAD]):
        if draft.kind == "heading":
            return None
        if _reads_on(tail, draft) and (at == 0 or draft.lines[0].text[:1].islower()):
            return at
    return None


def _reads_on(upper: Draft, lower: Draft) -> bool:
    if upper.kind != lower.kind or upper.kind not in ("text", "code") or upper.cells or lower.cells:
        return False
    last, first = upper.lines[-1], lower.lines[0]
    if abs(last.size - first.size) > 0.06 * last.size or (last.bold != first.bold and not last.text.endswith("-")):
        return False
    if upper.kind == "code":
        return True
    if SENTENCE_END.search(last.text) or last.text.endswith((":", "：")) or opens_item(first.text):
        return False
    if first.text[:1].islower() or last.text.endswith("-"):
        return True
    longest = max(line.right - line.left for line in upper.lines)
    return len(upper.lines) > 1 and last.right - last.left > 0.85 * longest and len(lower.lines) > 1
