"""Text recognition for pages that are pictures: Tesseract, where it and pytesseract are installed."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from importlib import import_module
from statistics import median
from typing import Any

from PIL import Image

from index.load.formats import ocr_installed
from index.load.limits import Unreadable
from index.load.pdf.letters import Letters, Recognised

LEAST = 30
"""Percent of confidence below which a word is more likely a smudge."""
_BELOW = 0.18
"""Share of a line's height that lies below the line it stands on."""


def recogniser(languages: str, beat: Callable[[], None]) -> Callable[[bytes], Letters] | None:
    """Return what recognises the letters of a page's picture, for extract_pdf, or None where it is not wanted or had.

    ``languages`` are Tesseract's names of those whose data is installed, joined by ``+``; ``beat`` is called
    before each page.
    """
    if not languages or not ocr_installed():
        return None

    def read(png: bytes) -> Letters:
        beat()
        return recognise(png, languages=languages)

    return read


def recognise(png: bytes, *, languages: str = "eng") -> Letters:
    """Return the letters of a picture. Raises Unreadable where Tesseract fails or lacks a language."""
    pytesseract = import_module("pytesseract")
    image = Image.open(io.BytesIO(png), formats=("PNG",))
    try:
        found = pytesseract.image_to_data(image, lang=languages, output_type=pytesseract.Output.DICT)
    except pytesseract.TesseractError as error:
        raise Unreadable(f"text recognition failed ({error.message})") from error
    return Letters.recognised(image.width, image.height, _words(found))


def _words(found: dict[str, list[Any]]) -> Iterator[Recognised]:
    """Yield the words of Tesseract's table, whose lines tell where they stand and how large they are."""
    lines: dict[tuple[int, int, int], tuple[int, int]] = {}
    rows = list(zip(*(found[name] for name in _COLUMNS), strict=True))
    for level, block, paragraph, line, _, top, _, height, _, _ in rows:
        if level == _LINE:
            lines[block, paragraph, line] = top, height
    heights: dict[tuple[int, int], float] = {
        part: median(height for key, (_, height) in lines.items() if key[:2] == part) for part in {k[:2] for k in lines}
    }
    for level, block, paragraph, line, left, top, width, height, confidence, text in rows:
        if level != _WORD or float(confidence) < LEAST or not text.strip():
            continue
        start, tall = lines[block, paragraph, line]
        size = heights[block, paragraph]
        yield Recognised(
            text=text.strip(),
            left=left,
            top=top,
            right=left + width,
            bottom=top + height,
            base=start + tall - _BELOW * size,
            size=size,
        )


_COLUMNS = ("level", "block_num", "par_num", "line_num", "left", "top", "width", "height", "conf", "text")
_LINE, _WORD = 4, 5
