"""Bytes in, text out, in whatever encoding they are."""

from __future__ import annotations

import codecs
import re
import unicodedata

import webencodings
from charset_normalizer import from_bytes

from index.load.limits import Unreadable

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{2,40})""", re.IGNORECASE)
_SAMPLE = 2**18
_NEVER_GUESSED = ["utf_16", "utf_16_le", "utf_16_be", "utf_32", "utf_32_le", "utf_32_be", "utf_7"]
_SHORT = 128
_COMMON = ("cp1252", "latin_1")


def decode(data: bytes, *, html: bool = False) -> tuple[str, str]:
    """Return the text and the name of its encoding: byte order mark, declaration, UTF-8, then detection.

    Raises Unreadable for binary data and for text in no known encoding.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return _strict(data, name), name
    if b"\0" in data:
        raise Unreadable("binary file")
    declared = _declared(data) if html else ""
    for name in (declared, "utf-8") if data.isascii() else ("utf-8", declared):
        if name:
            try:
                return data.decode(name), name
            except UnicodeDecodeError:
                pass  # a wrong declaration is common: go on as if there were none
    name = _detect(data[:_SAMPLE])
    return _strict(data, name), name


def _declared(data: bytes) -> str:
    """Return the encoding that a page declares, as browsers read the name, or an empty string."""
    found = _DECLARED.search(data[:4096])
    encoding = webencodings.lookup(found.group(1).decode("ascii", "replace")) if found else None
    if encoding is None or encoding.name.startswith("utf-16"):  # the declaration itself was read as ASCII
        return ""
    name = str(encoding.codec_info.name)
    return "" if name in ("x-user-defined", "replacement") else name


def _detect(sample: bytes) -> str:
    """Return the likeliest encoding; of those that fit equally well, the most common."""
    if len(sample) < _SHORT and _is_western(sample):
        return "cp1252"
    found = from_bytes(sample, cp_exclusion=_NEVER_GUESSED)
    best = found.best()
    if best is None:
        raise Unreadable("binary file, or text in an unknown encoding")
    equals = [match.encoding for match in found if match.chaos <= best.chaos]
    return next((name for name in _COMMON if name in equals), best.encoding)


def _is_western(sample: bytes) -> bool:
    """Tell whether a text too short for statistics reads as Western European words."""
    try:
        text = sample.decode("cp1252")
    except UnicodeDecodeError:
        return False
    return all(c.isascii() or unicodedata.name(c, "").startswith("LATIN ") for c in text)


def _strict(data: bytes, name: str) -> str:
    try:
        return data.decode(name)
    except UnicodeDecodeError as error:
        raise Unreadable(f"not valid {name} at byte {error.start}") from error
