"""The table of formats: which reader makes text of a document, and which files hold documents within them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from typing import cast

from index.load.archive import Member
from index.load.limits import Limits, Unreadable
from index.records import Extract

Reader = Callable[[bytes, Limits], Extract]
PdfReader = Callable[..., Extract]
Unpacker = Callable[[bytes, Limits], Iterator[Member]]

READER = "2"
"""Changes whenever the same file would be read differently; versions of the libraries count beside it."""

FORMATS: Mapping[str, str] = {
    "text": "plain:extract_plain",
    "markdown": "markdown:extract_markdown",
    "html": "html:extract_html",
    "pdf": "pdf.document:extract_pdf",
    "docx": "office.docx:extract_docx",
    "odt": "office.odf:extract_odt",
    "rtf": "office.rtf:extract_rtf",
    "pptx": "office.pptx:extract_pptx",
    "odp": "office.odf:extract_odp",
    "xlsx": "tables.sheets:extract_sheets",
    "xls": "tables.sheets:extract_sheets",
    "ods": "tables.sheets:extract_sheets",
    "csv": "tables.delimited:extract_delimited",
    "json": "tables.structured:extract_json",
    "jsonl": "tables.structured:extract_jsonl",
    "epub": "books.epub:extract_epub",
    "mail": "mail.message:extract_mail",
}
"""Name of a format to the module and function of ``index.load`` that reads it, loaded when first needed."""

TEXTUAL = frozenset({"json", "jsonl"})
"""Formats whose broken documents are still worth reading as text: settings with comments, for the most part."""

CONTAINERS: Mapping[str, str] = {
    "zip": "archive:members_of_zip",
    "mbox": "mail.message:members_of_mbox",
    "mail": "mail.message:members_of_mail",
}
"""Name of a format to the function that takes its files out, each a document of its own."""


def reader(name: str) -> Reader:
    """Return the function that reads a format of ``FORMATS``."""
    return cast("Reader", _load(FORMATS[name]))


def unpacker(name: str) -> Unpacker:
    """Return the function that unpacks a format of ``CONTAINERS``."""
    return cast("Unpacker", _load(CONTAINERS[name]))


def _load(home: str) -> object:
    module, _, function = home.partition(":")
    return getattr(import_module(f"index.load.{module}"), function)


def extract(name: str, data: bytes, limits: Limits, beat: Callable[[], None] = lambda: None) -> Extract:
    """Return what a document of a format holds. Raises Unreadable where that is no text.

    ``beat`` is called before each page whose text has to be recognised, which takes seconds.
    """
    try:
        found = _read(name, data, limits, beat)
    except Unreadable as error:
        if name not in TEXTUAL:
            raise
        found = reader("text")(data, limits)
        found = replace(found, notes=(*found.notes, f"{error}: read as plain text"))
    if len(found.text) > limits.characters:
        found = _cut(found, limits.characters)
    if not found.blocks:
        raise Unreadable("; ".join(("no text", *found.notes)))
    return found


def ocr_installed() -> bool:
    """Tell whether the text of pictures can be recognised here."""
    return find_spec("pytesseract") is not None and shutil.which("tesseract") is not None


def _read(name: str, data: bytes, limits: Limits, beat: Callable[[], None]) -> Extract:
    if name != "pdf":
        return reader(name)(data, limits)
    recogniser = import_module("index.load.pdf.ocr").recogniser
    return cast("PdfReader", reader(name))(data, limits, ocr=recogniser(limits.ocr, beat))


def _cut(found: Extract, most: int) -> Extract:
    """Return a document without what stands beyond ``most`` characters, and a note that says so."""
    whole = [block for block in found.blocks if block.end <= most]
    cut = next((block for block in found.blocks if block.start < most < block.end), None)
    if cut is not None:
        end = max(found.text.rfind(space, cut.start, most) for space in " \n\t")
        body = found.text[cut.start : end if end > cut.start else most].rstrip()
        whole += [replace(cut, end=cut.start + len(body))] if body else []
    blocks = tuple(whole)
    end = blocks[-1].end if blocks else 0
    left = len(found.text) - end
    return replace(
        found,
        text=found.text[:end],
        blocks=blocks,
        pages=tuple(
            replace(page, end=min(page.end, end), boxes=page.boxes[: 8 * (min(page.end, end) - page.start)])
            for page in found.pages
            if page.start < end
        ),
        notes=(*found.notes, f"left out the last {left} characters: longer than {most}"),
    )
