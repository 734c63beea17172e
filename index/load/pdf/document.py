"""PDF: the text of its pages as a reader reads it, and where each character stands."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pypdfium2
import pypdfium2.raw as pdfium

from index.load.clean import author_of, day_of, title_of
from index.load.limits import Limits, Unreadable
from index.load.pdf.assembly import assembled, page_list
from index.load.pdf.headings import Entry
from index.load.pdf.layout import PageLines, lay_out
from index.load.pdf.letters import Font, Letters
from index.load.pdf.pdfium import FontTable, read_letters
from index.records import Extract

Ocr = Callable[[bytes], Letters]
"""Recognises the letters of a page's picture (PNG); their lengths are pixels of it."""

OCR_WIDTH = 2000
"""Pixels across of the picture that is recognised."""
_TALLEST = 4
"""A picture is at most so many times as high as it is wide."""
_PALETTE = 128
"""Colours of the picture of a page that shows no photograph."""
_PHOTOGRAPHIC = 2**16
"""Colours from which on a page holds a photograph, which a palette would spoil."""
_OCTREE, _UNDITHERED = 2, 0
"""Pillow's quickest way to a palette, and no patterns of dots to make up for colours that are not in it."""
_TAIL = 4096
"""Bytes at the end of a whole file among which its end is marked."""

_STROKES = 40
"""Lines and shapes that a page may have and still be blank."""

_LOCK = threading.RLock()
"""PDFium does one thing at a time in a process."""
_REMEDY = "install it with pip install 'seedqa[ocr]' and Tesseract, then rebuild"
_DATE = re.compile(r"(?:D:)?(\d{4})-?(\d{2})?-?(\d{2})?")


def extract_pdf(data: bytes, limits: Limits, ocr: Ocr | None = None) -> Extract:
    """Read the text of every page; ``ocr`` reads those that are pictures only.

    Running headers and footers, page numbers and tables of contents are left out and counted in the notes.
    Raises Unreadable for files that are encrypted, damaged, or without a page of text.
    """
    with _LOCK, _opened(data) as document:
        reading = _read(document, limits, ocr)
        entries = list(_outline(document))
        facts = document.get_metadata_dict()
    return assembled(
        reading.pages,
        entries,
        reading.notes,
        title=title_of(facts.get("Title")),
        author=author_of(facts.get("Author")),
        date=_day(facts.get("CreationDate", "")),
    )


def render_page(data: bytes, number: int, width: int) -> bytes:
    """Return page ``number`` (from 1) as a PNG picture ``width`` pixels across.

    It is at most four times as high as it is wide: the picture of a longer page is narrower.
    Raises Unreadable where the document or the page can't be shown.
    """
    with _LOCK, _opened(data) as document:
        if not 1 <= number <= len(document):
            raise Unreadable(f"there is no page {number}: the document has {len(document)}")
        try:
            page = document[number - 1]
        except pypdfium2.PdfiumError as error:
            raise Unreadable(f"page {number} is damaged ({error})") from error
        picture = _picture(page, width)
    # text is black on white with its soft edges: a palette says as much in a quarter of the bytes, and sooner
    plain = picture.getcolors(_PHOTOGRAPHIC) is not None
    return _png(picture.quantize(_PALETTE, method=_OCTREE, dither=_UNDITHERED) if plain else picture)


def _png(picture: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def _picture(page: pypdfium2.PdfPage, width: int) -> Any:
    """Return what a page looks like, ``width`` pixels across, as an image of Pillow."""
    wide, high = page.get_size()
    scale = min(width / max(wide, 1.0), _TALLEST * width / max(high, 1.0))
    try:
        return page.render(scale=scale, draw_annots=True).to_pil()
    except (pypdfium2.PdfiumError, ValueError, MemoryError) as error:
        raise Unreadable(f"a page can't be shown ({error})") from error


def _opened(data: bytes) -> pypdfium2.PdfDocument:
    """Return an open document, for use in a ``with`` statement."""
    if b"startxref" not in data.rstrip(b"\0\r\n \t")[-_TAIL:]:
        raise Unreadable("truncated: the end of the file is missing; get it again, or save it anew from a PDF viewer")
    try:
        document = pypdfium2.PdfDocument(data)
        document.init_forms()
        return document
    except pypdfium2.PdfiumError as error:
        if error.err_code == pdfium.FPDF_ERR_PASSWORD:
            raise Unreadable("encrypted: save it without a password") from error
        if error.err_code == pdfium.FPDF_ERR_SECURITY:
            raise Unreadable("encrypted in a way that can't be read: save it without protection") from error
        raise Unreadable(f"damaged: no PDF that can be opened ({error})") from error


@dataclass(slots=True, kw_only=True)
class _Reading:
    """What was found on the pages; pages are named by their numbers."""

    total: int
    pages: list[PageLines] = field(default_factory=list)
    fonts: FontTable = field(default_factory=FontTable)
    pictures: list[int] = field(default_factory=list)
    garbled: list[int] = field(default_factory=list)
    damaged: list[int] = field(default_factory=list)
    unseen: list[int] = field(default_factory=list)
    recognised: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _read(document: pypdfium2.PdfDocument, limits: Limits, ocr: Ocr | None) -> _Reading:
    reading = _Reading(total=len(document))
    characters = 0
    for number in range(1, min(reading.total, limits.pages) + 1):
        if characters > limits.characters:
            reading.notes.append(f"read the first {number - 1} of {reading.total} pages: more text than is allowed")
            break
        try:
            page = _page(document, number)
        except pypdfium2.PdfiumError:
            reading.damaged.append(number)
            continue
        letters = _letters(page, number, reading, ocr)
        page.close()
        if len(letters):
            numbered = any(before.numbered for before in reading.pages[-10:])
            reading.pages.append(lay_out(letters, reading.fonts.fonts, number, numbered=numbered))
            characters += len(letters)
    if reading.total > limits.pages:
        reading.notes.append(f"read the first {limits.pages} of {reading.total} pages: no more are allowed")
    _judge(reading)
    return reading


def _page(document: pypdfium2.PdfDocument, number: int) -> pypdfium2.PdfPage:
    """Return a loaded page; what was entered into the fields of a form is made part of it."""
    page = document[number - 1]
    if document.formenv is None:
        return page
    page.flatten()
    page.close()
    return document[number - 1]


def _letters(page: pypdfium2.PdfPage, number: int, reading: _Reading, ocr: Ocr | None) -> Letters:
    """Return the letters of a page, recognised where it has none; note the page where it stays without."""
    letters = read_letters(page, reading.fonts)
    garbled = letters.garbled
    if letters.unseen:
        reading.unseen.append(number)
    if not garbled and (len(letters) or not _has_picture(page)):
        return letters
    if ocr is not None:
        reading.recognised.append(number)
        return ocr(_png(_picture(page, OCR_WIDTH))).in_font(reading.fonts.put(Font(name="")))
    (reading.garbled if garbled else reading.pictures).append(number)
    return letters.take(np.zeros(0, np.intp))


def _judge(reading: _Reading) -> None:
    """Note the pages that could not be read; where that is all of them, raise Unreadable."""
    if not reading.pages:
        for numbers, reason in (
            (reading.garbled, "unreadable fonts: on none of its {} pages do they say which characters they show; {}"),
            (reading.pictures, "scanned: none of its {} pages has text; {}"),
            (reading.damaged, "damaged: none of its {} pages can be read"),
        ):
            if numbers:
                raise Unreadable(reason.format(reading.total, f"text recognition (OCR) is optional: {_REMEDY}"))
    if reading.pictures:
        reading.notes.append(f"no text on {page_list(reading.pictures)}, only pictures; OCR reads them: {_REMEDY}")
    if reading.garbled:
        where = page_list(reading.garbled)
        reading.notes.append(f"no readable text on {where}: the fonts name no characters; OCR reads them: {_REMEDY}")
    if reading.recognised:
        where = page_list(reading.recognised)
        reading.notes.append(f"recognised the text of {where} (OCR): it may hold errors")
    if reading.damaged:
        reading.notes.append(f"damaged: {page_list(reading.damaged)}")
    if reading.unseen:
        reading.notes.append(f"left out text that can't be seen on {page_list(reading.unseen)}")


def _has_picture(page: pypdfium2.PdfPage) -> bool:
    """Tell whether a page shows a picture, or so many strokes that they may be letters; a few rules are none."""
    kinds = (pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_PATH, pdfium.FPDF_PAGEOBJ_SHADING)
    for strokes, thing in enumerate(page.get_objects(filter=kinds, max_depth=3)):
        if thing.type == pdfium.FPDF_PAGEOBJ_IMAGE or strokes >= _STROKES:
            return True
    return False


def _outline(document: pypdfium2.PdfDocument) -> Iterator[Entry]:
    """Yield the outline's entries that lead to a page."""
    for bookmark in document.get_toc(max_depth=15):
        target = bookmark.get_dest()
        page = target.get_index() if target is not None else None
        title = " ".join(bookmark.get_title().split())
        if page is not None and title:
            yield Entry(level=bookmark.level + 1, title=title, page=page)


def _day(written: str) -> str:
    """Return the day of a date as PDF writes it, ``D:20240301120000+01'00'``."""
    found = _DATE.match(written.strip())
    return day_of("-".join(found.groups(default="01"))) if found else ""
