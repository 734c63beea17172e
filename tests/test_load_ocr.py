"""Text recognition: what a picture of a page says, and where."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from index.load.limits import Limits
from index.load.pdf import ocr
from index.load.pdf.document import extract_pdf, render_page
from tests.test_load_pdf import HIGH, HILL, SEA, WIDE, blocks, box_of, lines, pdf, together


def nothing() -> None:
    pass


def test_without_tesseract_there_is_no_recogniser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.load.formats.shutil.which", lambda name: None)
    assert ocr.recogniser("eng", nothing) is None


def test_without_a_language_there_is_no_recogniser() -> None:
    assert ocr.recogniser("", nothing) is None


@pytest.mark.skipif(ocr.recogniser("eng", nothing) is None, reason="Tesseract is not installed")
def test_a_scanned_page_is_read() -> None:
    printed = pdf(together(lines(SEA), lines(HILL, y=600)))
    image = Image.open(io.BytesIO(render_page(printed, 1, 1700)))

    def scan(canvas: Canvas) -> None:
        canvas.drawImage(ImageReader(image), 0, 0, WIDE, HIGH)

    beats: list[None] = []
    found = extract_pdf(pdf(scan), Limits(), ocr.recogniser("eng", lambda: beats.append(None)))
    assert len(beats) == 1
    assert blocks(found) == [("text", " ".join(SEA)), ("text", " ".join(HILL))]
    assert found.notes == ("recognised the text of page 1 (OCR): it may hold errors",)
    page = found.pages[0]
    true = box_of(extract_pdf(printed, Limits()), "kettle")
    seen = [part * WIDE / page.width for part in box_of(found, "kettle")]
    assert seen == pytest.approx(true, abs=4)
