"""Bytes in, text out, in whatever encoding they are."""

from __future__ import annotations

import codecs
import re

from charset_normalizer import from_bytes

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{2,40})""", re.IGNORECASE)
_SAMPLE = 2**18


class NotText(ValueError):
    """The bytes are not text; the message says why."""


def decode(data: bytes, *, html: bool = False) -> tuple[str, str]:
    """Return the text and the name of its encoding: byte order mark, declaration, UTF-8, then detection.

    Raises NotText for binary data and for text in no known encoding.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return _strict(data, name), name
    if b"\0" in data:
        raise NotText("binary file" if not data.startswith(b"%PDF-") else "PDF is not read yet")
    if data.startswith(b"%PDF-"):
        raise NotText("PDF is not read yet")
    if html and (declared := _DECLARED.search(data[:4096])):
        try:
            name = codecs.lookup(declared.group(1).decode("ascii", "replace")).name
            return data.decode(name), name
        except (LookupError, UnicodeDecodeError):
            pass  # a wrong declaration is common: go on as if there were none
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        best = from_bytes(data[:_SAMPLE]).best()
    if best is None:
        raise NotText("binary file, or text in an unknown encoding")
    return _strict(data, best.encoding), best.encoding


def _strict(data: bytes, name: str) -> str:
    try:
        return data.decode(name)
    except UnicodeDecodeError as error:
        raise NotText(f"not valid {name} at byte {error.start}") from error
