"""PDF documents that tests make: what stands on them, and where, is known to the point."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

FONT, SIZE = "Helvetica", 12
WIDTH, HEIGHT = 595, 842
"""Of a page before it is turned, in points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of text as it is put on a page: where it begins, from the left, and its base, from the top."""

    text: str
    x: float = 72
    base: float = 142

    def place(self, words: str) -> tuple[float, float]:
        """Return where some of the words begin and end, from the left."""
        left = self.x + stringWidth(self.text[: self.text.index(words)], FONT, SIZE)
        return left, left + stringWidth(words, FONT, SIZE)


def paper(
    *pages: Sequence[Line], title: str = "", author: str = "", turned: int = 0, corner: tuple[float, float] = (0, 0)
) -> bytes:
    """Return a PDF document of those pages, each line upright where it is said to be.

    The pages are ``turned`` by so many degrees, and begin at another ``corner`` of the paper than its lower left one.
    """
    out = io.BytesIO()
    shown = (HEIGHT, WIDTH) if turned % 180 else (WIDTH, HEIGHT)  # the paper itself is upright
    canvas = Canvas(out, pagesize=shown, invariant=True)
    canvas.setTitle(title)
    canvas.setAuthor(author)
    left, low = corner
    for lines in pages:
        canvas.setPageRotation(turned)
        if any(corner):
            canvas.setCropBox((left, low, WIDTH, HEIGHT))
        for line in lines:
            canvas.saveState()
            canvas.translate(
                *{
                    0: (left + line.x, HEIGHT - line.base),
                    90: (left + line.base, low + line.x),
                    180: (WIDTH - line.x, low + line.base),
                    270: (WIDTH - line.base, HEIGHT - line.x),
                }[turned]
            )
            canvas.rotate(turned)
            canvas.setFont(FONT, SIZE)
            canvas.drawString(0, 0, line.text)
            canvas.restoreState()
        canvas.showPage()
    canvas.save()
    return out.getvalue()
