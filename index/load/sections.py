"""Keep the path of headings while a document is read from top to bottom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from index.records import Block


class Sections:
    """The headings in force; the first heading of all is the document's title where nothing better is."""

    def __init__(self) -> None:
        self._stack: list[tuple[int, str]] = []
        self.title = ""

    @property
    def path(self) -> tuple[str, ...]:
        """The headings above the current place, outermost first."""
        return tuple(words for _, words in self._stack)

    def enter(self, level: int, words: str) -> None:
        """Begin the section of a heading of ``level`` 1 to 6; headings without words are ignored."""
        if not words:
            return
        self.leave(level)
        self._stack.append((level, words))
        self.title = self.title or words

    def leave(self, level: int) -> None:
        """End the sections of ``level`` and below."""
        while self._stack and self._stack[-1][0] >= level:
            self._stack.pop()

    def without_title(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Yield the blocks with the title taken off the front of their paths."""
        for block in blocks:
            shown = block.section[1:] if block.section[:1] == (self.title,) else block.section
            yield replace(block, section=shown)
