"""Letters on a page, whoever found them: where each stands, and which characters a reader makes of them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

GARBAGE = 0.5
"""A page on which more than this share of letters is no readable character has no text."""

_BULLETS = {0xF0B7: "•", 0xF0A7: "•", 0xF0D8: "•", 0xF0FC: "•", 0xF076: "•", 0xF06E: "•", 0xF0A8: "•", 0xF02D: "-"}
_MARKS = {
    "`": "\u0300", "\u00b4": "\u0301", "\u02c6": "\u0302", "^": "\u0302", "\u02dc": "\u0303", "~": "\u0303",
    "\u00af": "\u0304", "\u02d8": "\u0306", "\u02d9": "\u0307", "\u00a8": "\u0308", "\u02da": "\u030a",
    "\u02dd": "\u030b", "\u02c7": "\u030c", "\u00b8": "\u0327", "\u02db": "\u0328",
}  # fmt: skip
"""Accents that old fonts print beside or over a letter."""
_UNSEEN = frozenset([0x200B, 0x200E, 0x200F, 0x2060, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Font:
    """What a font's look says about the text set in it."""

    name: str
    bold: bool = False
    italic: bool = False
    mono: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """A word that was recognised in a picture; lengths in pixels from its upper left corner."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    base: float
    """The line that the word stands on."""
    size: float
    """Of the font: about the distance from the top of its tallest letter to the bottom of its lowest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """The letters of a page in the order of its content; white space is not among them. All arrays have n rows."""

    width: float
    height: float
    """Of the page as shown, in points."""
    codes: NDArray[np.uint32]
    """Unicode code points."""
    boxes: Floats
    """Shape (n, 4): left, top, right and bottom in points from the upper left corner of the page as shown."""
    base: Floats
    """Distance of the line that the letter stands on, from the page's edge above it (for a reader of that letter)."""
    sizes: Floats
    """Of the font, in points."""
    fonts: NDArray[np.int16]
    """Index into the document's fonts."""
    turns: NDArray[np.uint8]
    """0 for text that reads to the right, 1 down, 2 to the left (upside down), 3 up, 4 slanted."""
    spaced: NDArray[np.bool_]
    """Whether white space stands before the letter."""
    unseen: int = 0
    """Letters left out because no reader of the page sees them."""
    unmapped: float = 0.0
    """Share of letters whose font does not say which characters they are."""

    @classmethod
    def empty(cls, width: float, height: float) -> Letters:
        """Return a page without letters."""
        none = np.zeros(0, np.float32)
        return cls(
            width=width,
            height=height,
            codes=none.astype(np.uint32),
            boxes=np.zeros((0, 4), np.float32),
            base=none,
            sizes=none,
            fonts=none.astype(np.int16),
            turns=none.astype(np.uint8),
            spaced=none.astype(bool),
        )

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def recognised(cls, width: float, height: float, words: Iterable[Recognised]) -> Letters:
        """Return a page of words that were recognised in its picture, in reading order, lengths in pixels of it.

        A letter has its share of the width of its word: recognition does not tell more.
        """
        codes: list[int] = []
        rows: list[tuple[float, ...]] = []
        spaced: list[bool] = []
        for word in words:
            share = (word.right - word.left) / max(1, len(word.text))
            for at, letter in enumerate(word.text):
                codes.append(ord(letter))
                spaced.append(at == 0)
                left = word.left + at * share
                rows.append((left, word.top, left + share, word.bottom, word.base, word.size))
        table = np.array(rows, np.float32).reshape(-1, 6)
        count = len(codes)
        return cls(
            width=width,
            height=height,
            codes=np.array(codes, np.uint32),
            boxes=table[:, :4],
            base=table[:, 4],
            sizes=table[:, 5],
            fonts=np.zeros(count, np.int16),
            turns=np.zeros(count, np.uint8),
            spaced=np.array(spaced, bool),
        )

    def in_font(self, font: int) -> Letters:
        """Return the letters, all of them in one font."""
        return replace(self, fonts=np.full(len(self), font, np.int16))

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Letters:
        """Return the letters of ``rows``, in that order."""
        return replace(
            self,
            codes=self.codes[rows],
            boxes=self.boxes[rows],
            base=self.base[rows],
            sizes=self.sizes[rows],
            fonts=self.fonts[rows],
            turns=self.turns[rows],
            spaced=self.spaced[rows],
        )

    def seen(self, *, invisible: NDArray[np.bool_], unmapped: float) -> Letters:
        """Return the letters that a reader of the page sees, with their boxes within the page."""
        across = (self.boxes[:, 0] + self.boxes[:, 2]) / 2
        along = (self.boxes[:, 1] + self.boxes[:, 3]) / 2
        keep = (across >= 0) & (across <= self.width) & (along >= 0) & (along <= self.height)
        if 2 * np.count_nonzero(invisible & keep) < np.count_nonzero(keep):
            keep &= ~invisible
        kept = self.take(keep)
        return replace(kept, boxes=_sane(kept), unseen=int(np.count_nonzero(~keep)), unmapped=unmapped)

    @property
    def garbled(self) -> bool:
        """Whether what the page holds can't be read as characters, though it may show well."""
        if not len(self):
            return False
        codes = self.codes
        odd = (codes < 32) | ((codes >= 0xE000) & (codes < 0xF900)) | (codes == 0xFFFD) | (codes > 0xEFFFF)
        if np.count_nonzero(odd) > GARBAGE * len(self):
            return True
        return self.unmapped > GARBAGE and not self._plausible

    @property
    def _plausible(self) -> bool:
        """Whether letters whose font is silent about them read like words of a European language all the same."""
        small = self.codes | 0x20
        letters = (small >= ord("a")) & (small <= ord("z"))
        vowels = np.isin(small, np.array([ord(letter) for letter in "aeiou"], np.uint32))
        count = int(np.count_nonzero(letters))
        others = int(np.count_nonzero((self.codes < 32) | (self.codes > 126)))
        words = count > 0.3 * len(self) and count > 6 * others
        return bool(words and 0.25 * count < np.count_nonzero(vowels & letters) < 0.55 * count)

    def readable(self) -> Letters:
        """Return the letters as a reader names them: ligatures in two, accents on their letters, no control characters.

        Each character of a ligature has the box of the whole.
        """
        codes = self.codes
        special = np.flatnonzero(
            (codes < 33) | (codes == 0x5E) | (codes == 0x60) | (codes == 0x7E) | ((codes > 0x7E) & (codes < 0xA1))
            | np.isin(codes, _ACCENTS) | ((codes > 0x2FF) & (codes < 0x370)) | ((codes > 0x200A) & (codes < 0x2070))
            | (codes > 0xD7FF)
        )  # fmt: skip
        if not len(special):
            return self
        words = _replaced(self, special.tolist())
        if not words:
            return self
        counts = np.ones(len(self), np.intp)
        for row, text in words.items():
            counts[row] = len(text)
        copies = self.take(np.repeat(np.arange(len(self)), counts))
        starts = np.cumsum(counts) - counts
        for row, text in words.items():
            for i, letter in enumerate(text):
                copies.codes[starts[row] + i] = ord(letter)
                copies.spaced[starts[row] + i] &= i == 0
        return copies


_ACCENTS = np.array([ord(mark) for mark in _MARKS if ord(mark) > 0x7F], np.uint32)


def _sane(letters: Letters) -> Floats:
    """Return boxes within the page, none of them flat or far higher than its font, as faulty fonts make them."""
    boxes = letters.boxes.copy()
    upright = letters.turns == 0
    high = boxes[:, 3] - boxes[:, 1]
    odd = upright & ((high < 0.3 * letters.sizes) | (high > 3 * letters.sizes))
    boxes[odd, 1] = letters.base[odd] - 0.8 * letters.sizes[odd]
    boxes[odd, 3] = letters.base[odd] + 0.2 * letters.sizes[odd]
    edge = np.array([letters.width, letters.height, letters.width, letters.height], np.float32)
    return np.clip(boxes, 0, edge)


def _replaced(letters: Letters, special: list[int]) -> dict[int, str]:
    """Return what stands for each of the ``special`` letters that does not stand for itself, and for its neighbours."""
    codes = letters.codes
    words: dict[int, str] = {}
    for row in special:
        code = int(codes[row])
        text = _plain(code)
        if 0xD800 <= code < 0xDC00 and row + 1 < len(codes) and 0xDC00 <= codes[row + 1] < 0xE000:
            text = chr(0x10000 + ((code - 0xD800) << 10) + (int(codes[row + 1]) - 0xDC00))
        elif 0xDC00 <= code < 0xE000 and row and 0xD800 <= codes[row - 1] < 0xDC00:
            text = ""
        mark = text if unicodedata.combining(text[:1] or "a") else _MARKS.get(text, "")
        carrier = _carrier(letters, row, spacing=text in _MARKS) if mark else -1
        if carrier >= 0:
            whole = unicodedata.normalize("NFC", words.get(carrier, _plain(int(codes[carrier]))) + mark)
            if len(whole) == 1:
                words[carrier], text = whole, ""
        if len(text) != 1 or ord(text) != code:
            words[row] = text
    return words


def _carrier(letters: Letters, row: int, *, spacing: bool) -> int:
    """Return the letter over or under which the accent of ``row`` stands, or -1."""
    left, _, right, _ = letters.boxes[row].tolist()
    middle = (left + right) / 2
    for near in (row + 1, row - 1):
        if not 0 <= near < len(letters) or letters.turns[near] or letters.turns[row]:
            continue
        start, _, end, _ = letters.boxes[near].tolist()
        close = abs(float(letters.base[near] - letters.base[row])) < 0.7 * float(letters.sizes[row])
        if close and start <= middle <= end and chr(letters.codes[near]).isalpha():
            return near
    return row - 1 if not spacing and row and not letters.spaced[row] else -1


def _plain(code: int) -> str:
    """Return the characters that a code point stands for; none for control characters and private ones."""
    if code in _BULLETS:
        return _BULLETS[code]
    if code < 33 or 0x7E < code < 0xA1 or 0xE000 <= code < 0xF900 or code in _UNSEEN or code > 0xEFFFF:
        return ""
    if 0xD800 <= code < 0xE000:
        return "\N{REPLACEMENT CHARACTER}"
    if 0xFB00 <= code < 0xFE00 or 0xFE70 <= code < 0xFEFF:  # ligatures and forms for the place within a word
        return unicodedata.normalize("NFKC", chr(code)).strip()
    return chr(code)
