"""JSON with the place of every value, which Python's own reader does not tell.

Nothing here goes deeper by recursion, keys that come twice are both kept, and numbers stay as they are written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MAX_DEPTH = 200
"""Containers within each other; no document that people write comes near."""

_SPACE = re.compile(r"[ \t\r\n\x1e]*")
_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null|NaN|-?Infinity")
_STRINGS = json.JSONDecoder(strict=False)
_MARK = re.compile(r"[ \t\r\n\x1e]*([]},])?[ \t\r\n\x1e]*")
_SIMPLE = re.compile(r'"([^"\\]*)"')
_KEY = re.compile(r'"([^"\\]*)"[ \t\r\n\x1e]*:[ \t\r\n\x1e]*')
"""The usual case of a key with what follows it; like _SIMPLE, without escapes."""
_CLOSES = {"{": "}", "[": "]"}


class BrokenJSON(ValueError):
    """A text is no JSON; ``at`` is the offset where that shows, and the message says what was expected there."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


@dataclass(slots=True)
class Value:
    """A value and the offset at which it begins."""

    at: int
    kind: str
    """``{`` or ``[`` for a container, ``"`` for a string, ``0`` for a number, a truth value or null."""
    words: str = ""
    """Of a string, what it says; of a number, how it is written."""
    items: Sequence[tuple[str, Value]] = ()
    """Of a container, with keys that are empty in an array."""

    @property
    def holds(self) -> bool:
        """True for a container."""
        return self.kind in _CLOSES


def elements(text: str, at: int) -> Iterator[Value]:
    """Yield the values of the array that begins at ``at`` and with which the text ends. Raises BrokenJSON."""
    at = skip(text, at + 1)
    more = text[at : at + 1] != "]"
    while more:
        value, at = parse(text, at)
        yield value
        at = skip(text, at)
        more = text[at : at + 1] == ","
        if not more and text[at : at + 1] != "]":
            raise BrokenJSON("',' or ']' expected", at)
        at += more
    if (rest := skip(text, at + 1)) < len(text):
        raise BrokenJSON("nothing more expected", rest)


def skip(text: str, at: int) -> int:
    """Return where the white space that begins at ``at`` ends."""
    found = _SPACE.match(text, at)
    return found.end() if found else at


def parse(text: str, at: int) -> tuple[Value, int]:
    """Return the value at ``at``, which white space may precede, and where it ends. Raises BrokenJSON."""
    root, at = _open(text, skip(text, at))
    if not root.holds:
        return root, at
    stack: list[tuple[str, list[tuple[str, Value]]]] = [_filled(root)]
    keys: dict[str, str] = {}
    first = True
    while stack:
        closes, items = stack[-1]
        mark, at, end = _mark(text, at)
        if mark == closes:
            stack.pop()
            at, first = end, False
            continue
        if (mark != "") if first else (mark != ","):
            raise BrokenJSON(f"'{closes}' expected" if first else f"',' or '{closes}' expected", at)
        at = end
        key = ""
        if closes == "}":
            key, at = _key(text, at)
            key = keys.setdefault(key, key)
        value, at = _open(text, at)
        items.append((key, value))
        first = value.holds
        if first:
            if len(stack) == MAX_DEPTH:
                raise BrokenJSON(f"nested more than {MAX_DEPTH} levels deep", value.at)
            stack.append(_filled(value))
    return root, at


def _mark(text: str, at: int) -> tuple[str, int, int]:
    """Return the comma or bracket after white space, where it stands, and where what follows it begins."""
    found = _MARK.match(text, at)
    if found is None:
        return "", at, at
    return (found[1], found.start(1), found.end()) if found[1] else ("", found.end(), found.end())


def _filled(value: Value) -> tuple[str, list[tuple[str, Value]]]:
    """Return what closes a container, and the list that takes what it holds."""
    items: list[tuple[str, Value]] = []
    value.items = items
    return _CLOSES[value.kind], items


def _key(text: str, at: int) -> tuple[str, int]:
    if found := _KEY.match(text, at):
        return found[1], found.end()
    if text[at : at + 1] != '"':
        raise BrokenJSON("a key in double quotes expected", at)
    key, at = _string(text, at)
    at = skip(text, at)
    if text[at : at + 1] != ":":
        raise BrokenJSON("':' expected", at)
    return key, skip(text, at + 1)


def _open(text: str, at: int) -> tuple[Value, int]:
    """Return the value that begins at ``at``, of a container without what it holds, and where to read on."""
    kind = text[at : at + 1]
    if kind in _CLOSES:
        return Value(at, kind), at + 1
    if kind == '"':
        words, end = _string(text, at)
        return Value(at, kind, words), end
    found = _PLAIN.match(text, at)
    if found is None:
        raise BrokenJSON("a value expected", at)
    return Value(at, "0", found.group()), found.end()


def _string(text: str, at: int) -> tuple[str, int]:
    if found := _SIMPLE.match(text, at):
        return found[1], found.end()
    try:
        words, end = _STRINGS.raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise BrokenJSON(f"a string goes wrong: {error.msg}", error.pos) from error
    return str(words), end
