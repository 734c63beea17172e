"""Puts a document into a larger one, such as a chapter into its book."""

from __future__ import annotations

from collections.abc import Callable

from index.load.assemble import LINE, PARAGRAPH, Assembly
from index.records import Extract

LEVELS = 6
"""Headings have levels 1 to 6."""


def append(assembly: Assembly, found: Extract, number: int, level: Callable[[str], int] | None = None) -> None:
    """Add the blocks of ``found`` to ``assembly``, all at place ``number``; its notes are the caller's.

    ``level`` is called with the words of each heading before it is added, and returns its level; without it, how
    deep the heading's section lies in ``found`` decides.
    """
    end = 0
    for block in found.blocks:
        words = found.text[block.start : block.end]
        if block.kind == "heading":
            depth = level(words) if level else min(LEVELS, len(block.section) + 1)
            assembly.heading(depth, words, number)
        else:
            between = found.text[end : block.start]
            assembly.block(block.kind, words, number, before=LINE if between == LINE else PARAGRAPH)
        end = block.end
