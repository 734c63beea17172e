"""Plain text: the extracted text is the file's own text, character for character."""

from __future__ import annotations

import re
from dataclasses import replace

from index.load.decode import decode
from index.load.limits import Limits
from index.records import Block, Extract, Places

_PARAGRAPH = re.compile(r"\S[^\r\n]*(?:(?:\r\n|\n|\r)[^\S\r\n]*\S[^\r\n]*)*")
_TITLE = re.compile(r"""[^\r\n]*\w[^\r\n]*(?<![.!?:;,。！？：；…])(?<![.!?。！？…][”’"'»“)\]」』])""")
MAX_TITLE = 80
_NEWLINE = re.compile(r"\r\n|\n|\r")


def line_starts(text: str) -> tuple[int, ...]:
    """Return the offset at which each line of ``text`` begins."""
    return (0, *(found.end() for found in _NEWLINE.finditer(text)))


def verbatim(text: str, blocks: tuple[Block, ...], title: str = "", author: str = "", date: str = "") -> Extract:
    """Return an extract whose text is the file's own, so that lines follow from its line ends."""
    starts = line_starts(text)
    places = Places(unit="line", offsets=starts, numbers=tuple(range(1, len(starts) + 1)))
    return Extract(text=text, blocks=blocks, places=places, title=title, author=author, date=date)


def extract_plain(data: bytes, _limits: Limits) -> Extract:
    """Read a text file in whatever encoding it is. Raises Unreadable where it is none."""
    text, encoding = decode(data)
    return replace(read_plain(text), encoding=encoding)


def read_plain(text: str) -> Extract:
    """Split at blank lines; a first line of its own that is no sentence is the title."""
    blocks = [Block(start=p.start(), end=p.end(), kind="text") for p in _PARAGRAPH.finditer(text)]
    first = text[blocks[0].start : blocks[0].end].strip() if len(blocks) > 1 else ""
    if first and len(first) <= MAX_TITLE and _TITLE.fullmatch(first):
        blocks[0] = replace(blocks[0], kind="header")
        return verbatim(text, tuple(blocks), first)
    return verbatim(text, tuple(blocks))
