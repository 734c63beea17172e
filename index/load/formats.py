"""The table of formats."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePosixPath

from index.load.decode import decode
from index.load.html import extract_html
from index.load.markdown import extract_markdown
from index.load.plain import extract_plain
from index.records import Extract

FORMATS: dict[str, Callable[[str], Extract]] = {
    "text": extract_plain,
    "markdown": extract_markdown,
    "html": extract_html,
}
"""Name of a format to the function that reads its text."""

_SUFFIXES = {".md": "markdown", ".markdown": "markdown", ".mdown": "markdown"}
_SUFFIXES |= {".html": "html", ".htm": "html", ".xhtml": "html"}
_HTML = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL)


def extract(path: str, data: bytes) -> tuple[str, str, Extract]:
    """Return the format's name, the encoding's name and what the file holds.

    Text of a kind that is not known is read as plain text. Raises NotText for anything but text.
    """
    name = _SUFFIXES.get(PurePosixPath(path).suffix.lower(), "text")
    if name == "text" and _HTML.match(data[:4096]):
        name = "html"
    text, encoding = decode(data, html=name == "html")
    return name, encoding, FORMATS[name](text)
