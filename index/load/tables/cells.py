"""Cells of tables, whatever the format they come from."""

from __future__ import annotations

from index.load.clean import running_words

TEXT, BOLD, NUMBER, DATE, OTHER = "text", "bold", "number", "date", "other"
"""Kinds of cells; ``bold`` is text set in bold, ``other`` a truth value or an error."""

WORDS = frozenset((TEXT, BOLD))

Cell = tuple[int, str, str]
"""Column from 1, words on one line, and kind."""


def one_line(words: str) -> str:
    """Return words as they are read: white space of every kind is one space, and nothing unseen."""
    if words.isascii() and words.isprintable() and "  " not in words:
        return words.strip(" ")
    return " ".join(running_words(words).split())
