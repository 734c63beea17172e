"""Lines of a text."""

from __future__ import annotations

import re

_NEWLINE = re.compile(r"\r\n|\n|\r")


def line_starts(text: str) -> tuple[int, ...]:
    """Return the offset at which each line of ``text`` begins."""
    return (0, *(found.end() for found in _NEWLINE.finditer(text)))
