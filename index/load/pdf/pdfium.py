"""The letters of a PDF page with their boxes, as arrays, straight from PDFium.

PDFium answers letter by letter, so each call counts: they are made from C loops (``map`` over ranges), and what
all letters of a text object share (font, size, direction, base line) is asked once for each object.
"""

from __future__ import annotations

import ctypes
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
import pypdfium2.raw as pdfium
from numpy.typing import NDArray
from pypdfium2 import PdfPage

from index.load.pdf.letters import Font, Letters

_BOLD = re.compile(r"bold|black|heavy|semibold|demi|cmbx|cmb\d|sfbx|-medi|\bbd\b|[a-z]bx\d", re.IGNORECASE)
_ITALIC = re.compile(r"italic|oblique|cmti|cmsl|sfti|slanted|-it\b|ital\b", re.IGNORECASE)
_MONO = re.compile(
    r"mono|courier|consol|typewriter|cmtt|cmsltt|sftt|menlo|monaco|fixed|inconsolata|[a-z]tt\d+$|teletype",
    re.IGNORECASE,
)
_SUBSET = re.compile(r"^[A-Z]{6}\+")
_FIXED_PITCH, _FORCE_BOLD = 1 << 0, 1 << 18
_ITALIC_FLAG = 1 << 6
_STRIDE = 16
"""Letters skipped at a time while looking for the end of a text object."""
_SAMPLE = 100
"""Letters of a page that are asked whether their font says which characters they are."""

HYPHENS = (0x02, 0xFFFE, 0x2010, 0x2011, 0x00AD)
"""What PDFium or a font gives for a hyphen, at the end of a line or not."""
_SPACES = np.array([0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029,
                    0x202F, 0x205F, 0x3000], np.uint32)  # fmt: skip


def _call(function: Any, result: Any, *arguments: Any) -> Callable[..., Any]:
    """Return a C function that takes plain addresses, which is several times quicker to call in a loop."""
    return ctypes.CFUNCTYPE(result, *arguments)(ctypes.cast(function, ctypes.c_void_p).value or 0)


_address, _int, _uint = ctypes.c_void_p, ctypes.c_int, ctypes.c_uint
_unicode = _call(pdfium.FPDFText_GetUnicode, _uint, _address, _int)
_box = _call(pdfium.FPDFText_GetLooseCharBox, _int, _address, _int, _address)
_object = _call(pdfium.FPDFText_GetTextObject, _address, _address, _int)
_matrix = _call(pdfium.FPDFText_GetMatrix, _int, _address, _int, _address)
_origin = _call(pdfium.FPDFText_GetCharOrigin, _int, _address, _int, _address, _address)
_font_size = _call(pdfium.FPDFText_GetFontSize, ctypes.c_double, _address, _int)
_render_mode = _call(pdfium.FPDFTextObj_GetTextRenderMode, _int, _address)
_font = _call(pdfium.FPDFTextObj_GetFont, _address, _address)
_generated = _call(pdfium.FPDFText_IsGenerated, _int, _address, _int)
_unmapped = _call(pdfium.FPDFText_HasUnicodeMapError, _int, _address, _int)


class FontTable:
    """The fonts of a document, each once, however often its pages load them."""

    def __init__(self) -> None:
        self.fonts: list[Font] = []
        self._known: dict[Font, int] = {}

    def add(self, handle: Any, stroked: bool) -> int:
        """Return the index of a PDFium font; ``stroked`` letters are drawn bold by their outline."""
        size = pdfium.FPDFFont_GetBaseFontName(handle, None, 0)
        buffer = ctypes.create_string_buffer(max(1, size))
        pdfium.FPDFFont_GetBaseFontName(handle, buffer, size)
        name = _SUBSET.sub("", buffer.value.decode("utf-8", "replace"))
        flags = max(0, pdfium.FPDFFont_GetFlags(handle))
        weight = pdfium.FPDFFont_GetWeight(handle)
        return self.put(
            Font(
                name=name,
                bold=stroked or bool(flags & _FORCE_BOLD) or weight >= 600 or _BOLD.search(name) is not None,
                italic=bool(flags & _ITALIC_FLAG) or _ITALIC.search(name) is not None,
                mono=bool(flags & _FIXED_PITCH) or _MONO.search(name) is not None,
            )
        )

    def put(self, font: Font) -> int:
        """Return the index of a font, new or known."""
        if font not in self._known:
            self._known[font] = len(self.fonts)
            self.fonts.append(font)
        return self._known[font]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """How a page's own coordinates become those of the page as shown: points from its upper left corner."""

    left: float
    bottom: float
    right: float
    top: float
    quarters: int
    """Turns of 90 degrees, clockwise."""

    @property
    def size(self) -> tuple[float, float]:
        wide, high = self.right - self.left, self.top - self.bottom
        return (high, wide) if self.quarters % 2 else (wide, high)

    def point(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Turn numbers or arrays of them."""
        wide, high = self.right - self.left, self.top - self.bottom
        x, y = x - self.left, self.top - y
        return ((x, y), (high - y, x), (wide - x, high - y), (y, wide - x))[self.quarters]

    def direction(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Turn directions."""
        return ((x, -y), (y, x), (-x, y), (-y, -x))[self.quarters]


def _frame(page: Any) -> _Frame:
    """Return the frame of a loaded page: its crop box and rotation."""
    box = pdfium.FS_RECTF()
    pdfium.FPDF_GetPageBoundingBox(page, box)
    return _Frame(
        left=box.left,
        bottom=box.bottom,
        right=max(box.right, box.left + 1),
        top=max(box.top, box.bottom + 1),
        quarters=pdfium.FPDFPage_GetRotation(page) % 4,
    )


def read_letters(page: PdfPage, table: FontTable) -> Letters:
    """Return the letters of a page in the order of its content, white space apart.

    Letters outside the page are left out, and so are invisible ones where most are visible: a scanned page with
    the text that was recognised on it has the invisible ones only.
    """
    frame = _frame(page.raw)
    text_page = pdfium.FPDFText_LoadPage(page.raw)
    if not text_page:
        return Letters.empty(*frame.size)
    try:
        return _read(text_page, frame, table)
    finally:
        pdfium.FPDFText_ClosePage(text_page)


def _read(text_page: Any, frame: _Frame, table: FontTable) -> Letters:
    at = ctypes.cast(text_page, ctypes.c_void_p).value or 0
    count = max(0, pdfium.FPDFText_CountChars(text_page))
    codes = np.fromiter(map(_unicode, repeat(at), range(count)), np.uint32, count)
    codes[np.isin(codes, HYPHENS)] = ord("-")
    blank = np.isin(codes, _SPACES)
    solid = np.flatnonzero(~blank)
    total = len(solid)
    if not total:
        return Letters.empty(*frame.size)
    raw = np.zeros((total, 4), np.float32)  # left, top, right, bottom in the page's own coordinates
    to = range(raw.ctypes.data, raw.ctypes.data + 16 * total, 16)
    _drain(map(_box, repeat(at), solid.tolist(), to))
    xs, ys = frame.point(raw[:, [0, 2]], raw[:, [1, 3]])
    boxes = np.stack([xs.min(1), ys.min(1), xs.max(1), ys.max(1)], axis=1)
    spaced = np.zeros(total, bool)
    spaced[1:] = np.diff(solid) > 1
    shared = _shared(at, solid.tolist(), frame, table)
    upright = np.array([not font.italic for font in table.fonts])[shared[:, 2].astype(int)]  # others lean over spaces
    closes = np.isin(codes[solid], np.array([ord(mark) for mark in ".,;:!?)]’”"], np.uint32))
    touching = _touching(boxes, shared) & (np.roll(upright & (codes[solid] != ord("f")), 1) | closes)
    for row in np.flatnonzero(spaced & touching).tolist():
        spaced[row] = not all(_generated(at, index) for index in range(solid[row - 1] + 1, solid[row]))
    letters = Letters(
        width=frame.size[0],
        height=frame.size[1],
        codes=codes[solid],
        boxes=boxes,
        base=shared[:, 0],
        sizes=shared[:, 1],
        fonts=shared[:, 2].astype(np.int16),
        turns=shared[:, 3].astype(np.uint8),
        spaced=spaced,
    )
    sample = solid[:: max(1, total // _SAMPLE)].tolist()
    unmapped = sum(map(_unmapped, repeat(at), sample))
    return letters.seen(invisible=shared[:, 4] > 0, unmapped=unmapped / len(sample))


def _touching(boxes: NDArray[np.float32], shared: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return whether a letter follows upon the one before it without a gap, as no two words do."""
    touching = np.zeros(len(boxes), bool)
    gap = boxes[1:, 0] - boxes[:-1, 2]
    size = shared[1:, 1]
    touching[1:] = (np.abs(gap) < 0.05 * size) & (shared[1:, 3] == 0) & (shared[:-1, 3] == 0)
    touching[1:] &= shared[1:, 0] == shared[:-1, 0]
    return touching


def _shared(text_page: int, solid: list[int], frame: _Frame, table: FontTable) -> NDArray[np.float32]:
    """Return base line, size, font, turn and invisibility of each letter, shape (len(solid), 5)."""
    runs = list(_runs(text_page, solid))
    indices = [solid[first] for first, _, _ in runs]
    count = len(runs)
    matrices, origins = np.zeros((count, 6), np.float32), np.zeros((count, 2), np.float64)
    to = range(matrices.ctypes.data, matrices.ctypes.data + 24 * count, 24)
    _drain(map(_matrix, repeat(text_page), indices, to))
    xs = range(origins.ctypes.data, origins.ctypes.data + 16 * count, 16)
    _drain(map(_origin, repeat(text_page), indices, xs, range(xs.start + 8, xs.stop + 8, 16)))
    sizes = np.fromiter(map(_font_size, repeat(text_page), indices), np.float64, count)
    sizes = np.abs(sizes * np.hypot(matrices[:, 2], matrices[:, 3]))
    modes, fonts = _fonts([handle for _, _, handle in runs], table)
    turns = _turns(*frame.direction(matrices[:, 0], matrices[:, 1]))
    across, along = frame.point(origins[:, 0], origins[:, 1])
    wide, high = frame.size
    base = np.choose(turns, [along, wide - across, high - along, across, along])
    hidden = np.isin(modes, (pdfium.FPDF_TEXTRENDERMODE_INVISIBLE, pdfium.FPDF_TEXTRENDERMODE_CLIP))
    rows = np.stack([base, sizes, fonts, turns, hidden], axis=1).astype(np.float32)
    return np.repeat(rows, [last - first for first, last, _ in runs], axis=0)


def _fonts(handles: list[int], table: FontTable) -> tuple[list[int], list[int]]:
    """Return render mode and font of each text object."""
    modes: list[int] = []
    fonts: list[int] = []
    known: dict[tuple[int, bool], int] = {}
    for handle in handles:
        mode = _render_mode(handle) if handle else pdfium.FPDF_TEXTRENDERMODE_FILL
        stroked = mode == pdfium.FPDF_TEXTRENDERMODE_FILL_STROKE
        key = (_font(handle) if handle else 0) or 0, stroked
        if key not in known:
            known[key] = (
                table.add(ctypes.cast(key[0], pdfium.FPDF_FONT), stroked) if key[0] else table.put(Font(name=""))
            )
        modes.append(mode)
        fonts.append(known[key])
    return modes, fonts


def _turns(right: NDArray[np.float32], down: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return 0 to 3 for text that reads right, down, left (upside down) and up; 4 for slanted text."""
    turns = np.where(right >= 0, 0, 2)
    turns = np.where(np.abs(down) > np.abs(right), np.where(down > 0, 1, 3), turns)
    slanted = np.minimum(np.abs(right), np.abs(down)) > 0.1 * np.maximum(np.abs(right), np.abs(down))
    return np.where(slanted, 4, turns)


def _drain(calls: Iterator[int]) -> None:
    """Make calls for what they write."""
    deque(calls, maxlen=0)


def _runs(at: int, solid: list[int]) -> Iterator[tuple[int, int, int]]:
    """Yield the ranges of letters of one text object each, with its address, asking for few of the letters."""
    first, total = 0, len(solid)
    while first < total:
        handle = _object(at, solid[first])
        low = first  # known to be of this object
        while low + _STRIDE < total and _object(at, solid[low + _STRIDE]) == handle:
            low += _STRIDE
        high = min(total, low + _STRIDE)  # known not to be, or the end
        while high - low > 1:
            middle = (low + high) // 2
            if _object(at, solid[middle]) == handle:
                low = middle
            else:
                high = middle
        yield first, high, handle or 0
        first = high
