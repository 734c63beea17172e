"""Numbers of list items and headings, as word processors count and write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

BULLET = "- "
"""What a list item without a number begins with, whatever the dot looked like."""

_ROMAN = tuple(
    zip((1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1), "m cm d cd c xc l xl x ix v iv i".split(), strict=True)
)
_PLACE = re.compile(r"%([1-9]|10)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """How one level of a list is numbered."""

    style: str = "1"
    """``1``, ``01``, ``a``, ``A``, ``i`` or ``I``, ``-`` for a bullet, empty for nothing."""
    pattern: str = "%1."
    """The number as written, with ``%2`` for that of the second level."""
    start: int = 1
    plain: bool = False
    """All numbers in it are written with digits, whatever their own level says."""


def numeral(number: int, style: str) -> str:
    """Return a number as its style writes it; where it can't, with digits."""
    if style == "01":
        return f"{number:02d}"
    if style in ("a", "A") and number > 0:
        turns, letter = divmod(number - 1, 26)
        word = chr(ord("a") + letter) * min(turns + 1, 9)
    elif style in ("i", "I") and 0 < number < 5000:
        word = ""
        for value, letters in _ROMAN:
            times, number = divmod(number, value)
            word += letters * times
    else:
        return str(number) if style else ""
    return word.upper() if style in ("A", "I") else word


class Counters:
    """The numbers reached in each list of a document."""

    def __init__(self) -> None:
        self._reached: dict[object, dict[int, int]] = {}

    def restart(self, name: object, level: int, number: int) -> None:
        """Let the next item of a level have ``number``."""
        self._reached.setdefault(name, {})[level] = number - 1

    def marker(self, name: object, level: int, levels: Mapping[int, Level]) -> str:
        """Count an item of the list ``name`` on ``level``, from 0, and return its marker with the space after it."""
        own = levels.get(level, Level(style=""))
        if own.style == "-":
            return BULLET
        reached = self._reached.setdefault(name, {})
        reached[level] = reached.get(level, own.start - 1) + 1
        for deeper in [key for key in reached if key > level]:
            del reached[deeper]

        def number(found: re.Match[str]) -> str:
            at = int(found.group(1)) - 1
            one = levels.get(at, Level())
            shown = "1" if own.plain and one.style not in ("", "-") else one.style
            return "" if shown == "-" else numeral(reached.get(at, one.start), shown)

        words = _PLACE.sub(number, own.pattern).strip()
        return f"{words} " if words else ""
