"""The headers of a message, as they were meant: encoded words, raw bytes, and addresses as people say them."""

from __future__ import annotations

import re
from contextlib import suppress
from email import policy
from email.errors import HeaderParseError
from email.headerregistry import Address, BaseHeader
from email.message import Message
from email.utils import getaddresses

from index.load.clean import one_line
from index.load.decode import decode
from index.load.limits import Unreadable

BROKEN = (HeaderParseError, ValueError, LookupError, TypeError, AttributeError, OverflowError)
"""What the standard library raises over messages that no program should have written; each was met."""
_SURROGATES = re.compile("[\ud800-\udfff]")
_LONGEST = 20_000
"""Characters of a header that is parsed: the standard library takes time by the square of them."""


def header(message: Message, name: str) -> str:
    """Return a header's words on one line, or an empty string where it is missing."""
    parsed = parsed_header(message, name)
    return legible(str(parsed)) if parsed is not None else ""


def parsed_header(message: Message, name: str) -> BaseHeader | str | None:
    """Return the first header of that name, parsed where that is possible, or None where it is missing."""
    for key, value in message.raw_items():
        if key.lower() == name:
            raw = "".join(_readable(str(value)).splitlines())
            if len(raw) > _LONGEST:
                return raw
            try:
                found: BaseHeader = policy.default.header_factory(name, raw)
                str(found)
            except BROKEN:
                return raw
            return found
    return None


def legible(words: str) -> str:
    """Return words on one line, without control characters and what is left of bytes that could not be decoded."""
    with suppress(UnicodeError):  # a character may be split between two encoded words
        words = words.encode("utf-8", "surrogateescape").decode("utf-8")
    return one_line(words)


def _readable(value: str) -> str:
    """Return a header in which raw bytes, that the parser keeps as surrogates, are the letters that were meant."""
    if not _SURROGATES.search(value):
        return value
    try:
        return decode(value.encode("ascii", "surrogateescape"))[0]
    except (Unreadable, UnicodeError):
        return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", value)


def people(message: Message, name: str) -> list[str]:
    """Return those whom a header names: by their names, or else by their addresses."""
    parsed = parsed_header(message, name)
    if parsed is None:
        return []
    addresses: tuple[Address, ...] = getattr(parsed, "addresses", ())
    try:
        found = [(address.display_name, address.addr_spec) for address in addresses]
    except BROKEN:
        found = []
    if not found:
        found = getaddresses([str(parsed)])
    spoken = (legible(words) or legible(address) for words, address in found)
    return [words for words in spoken if words and words != "<>"]


def day(message: Message) -> str:
    """Return the day on which a message was written, where it was written, as ``2024-03-01``; or nothing."""
    parsed = parsed_header(message, "date")
    moment = getattr(parsed, "datetime", None)
    return moment.date().isoformat() if moment is not None else ""
