"""Cells of tables, whatever the format they come from."""

from __future__ import annotations

TEXT, BOLD, NUMBER, DATE, OTHER = "text", "bold", "number", "date", "other"
"""Kinds of cells; ``bold`` is text set in bold, ``other`` a truth value or an error."""

WORDS = frozenset((TEXT, BOLD))

Cell = tuple[int, str, str]
"""Column from 1, words on one line, and kind."""
