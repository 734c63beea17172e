"""From the lines of a block to its words, each character with its box."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from index.load.pdf.drafts import BULLET, Draft
from index.load.pdf.layout import Line, PageLines

Boxes = NDArray[np.uint16]

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_LAST_WORD = re.compile(r"(?<![^\W\d_])(?<![^\W\d_]-)[^\W\d_]+(?:-[^\W\d_]+)*-$")
_FIRST_WORD = re.compile(r"[^\W\d_]+")
_SPACES = re.compile(r"\s\s+")
_ELIDED = frozenset("and or und oder bzw et ou y o e to bis sowie".split())
"""Words after which a hyphen at the end of a line stands for an elided part: pre- and postwar."""
_WIDE_LETTER = re.compile(r"[\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff60]")
_ADDRESS = re.compile(r"(?:https?|ftp):|(?<!\w)\w+://|www\.")


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that stands on one page, with a box for each character: zeros where it is not on the page."""

    page: int
    text: str
    boxes: Boxes


class Joiner:
    """Joins the lines of a document; what a hyphen at the end of a line means, it learns from the other lines."""

    def __init__(self, pages: Sequence[PageLines], lines: Iterable[Line]) -> None:
        self._pages = pages
        self._words: Counter[str] = Counter()
        for line in lines:
            words = _WORD.findall(line.text.casefold())
            if words and line.text.endswith("-"):
                words.pop()
            self._words.update(words)

    def pieces(self, draft: Draft) -> list[Piece]:
        """Return the text of a block."""
        if draft.kind == "code":
            return self._code(draft.lines)
        if draft.cells:
            return self.row(draft, ())
        return self._paragraph([(line, 0, len(line.text)) for line in draft.lines], item=True)

    def row(self, draft: Draft, names: Sequence[str]) -> list[Piece]:
        """Return a table row: cells apart by tabs, or with the names of their columns where these are known."""
        out: list[Piece] = []
        for at, cell in enumerate(draft.cells):
            if not cell:
                if not names and at < len(draft.cells) - 1 and out:
                    out.append(self._ours(out[-1].page, "\t"))
                continue
            name = f"{names[at]}: " if names and names[at] else ""
            gap = ("; " if names else "\t") if out else ""
            if gap + name:
                out.append(self._ours(cell[0][0].page, gap + name))
            out += self._paragraph(cell)
        return out

    def _ours(self, page: int, text: str) -> Piece:
        return Piece(page, text, np.zeros((len(text), 4), np.uint16))

    def _slice(self, line: Line, begin: int, end: int) -> Piece:
        boxes = self._pages[line.page].boxes[line.at + begin : line.at + end]
        return Piece(line.page, line.text[begin:end], boxes)

    def _code(self, lines: Sequence[Line]) -> list[Piece]:
        """Return lines as they are, indented by the width of their letters."""
        wide = float(np.median([(line.right - line.left) / max(1, len(line.text)) for line in lines])) or 1.0
        margin = min(line.left for line in lines)
        gaps = [lower.base - upper.base for upper, lower in pairwise(lines)]
        usual = min((gap for gap in gaps if gap > 0), default=0.0)
        out: list[Piece] = []
        for at, line in enumerate(lines):
            if at:
                blank = lines[at - 1].page == line.page and gaps[at - 1] > 1.6 * usual
                out.append(self._ours(line.page, "\n\n" if blank else "\n"))
                indent = round((line.left - margin) / wide)
                if indent > 0:
                    out.append(self._ours(line.page, " " * min(indent, 200)))
            out.append(self._slice(line, 0, len(line.text.rstrip())))
        return out

    def _paragraph(self, parts: Sequence[tuple[Line, int, int]], *, item: bool = False) -> list[Piece]:
        """Return lines joined as they are read; the bullet of an ``item`` becomes a hyphen."""
        out: list[Piece] = []
        for line, begin, end in parts:
            piece = self._tidy(line, begin, end, item=item and not out)
            if not piece.text:
                continue
            if out:
                drop, gap = self._joint(out[-1].text, piece.text)
                last = out[-1]
                if drop:
                    out[-1] = Piece(last.page, last.text[:-drop], last.boxes[:-drop])
                if gap:
                    out.append(self._ours(piece.page, gap))
            out.append(piece)
        return out

    def _tidy(self, line: Line, begin: int, end: int, *, item: bool) -> Piece:
        """Return a stretch of a line without odd spaces, its bullet as a hyphen."""
        text = line.text[begin:end]
        begin += len(text) - len(text.lstrip())
        piece = self._slice(line, begin, max(begin, begin + len(text.strip())))
        if item and BULLET.match(piece.text) and len(piece.text) > 1:
            piece = Piece(piece.page, "-" + piece.text[1:], piece.boxes)
        if _SPACES.search(piece.text):
            keep = [
                not (letter == " " and before == " ")
                for before, letter in zip(" " + piece.text, piece.text, strict=False)
            ]
            text = "".join(letter for letter, kept in zip(piece.text, keep, strict=True) if kept)
            piece = Piece(piece.page, text, piece.boxes[np.array(keep)])
        return piece

    def _joint(self, upper: str, lower: str) -> tuple[int, str]:
        """Return how many characters go from the end of the upper line, and what stands before the lower."""
        if upper.endswith("-") and len(upper) > 1:
            return self._hyphen(upper, lower)
        if upper[-1] in "–—/" and len(upper) > 1 and not upper[-2].isspace() and not lower[0].isspace():
            return 0, ""
        if _WIDE_LETTER.match(upper[-1]) and _WIDE_LETTER.match(lower[0]):
            return 0, ""
        if _ends_in_address(upper) and (upper[-1] in "/._?&=#%~" or lower.startswith("//")) and lower[0] not in "(<[":
            return 0, ""
        return 0, " "

    def _hyphen(self, upper: str, lower: str) -> tuple[int, str]:
        left, right = _LAST_WORD.search(upper), _FIRST_WORD.match(lower)
        if _ends_in_address(upper) or (upper[-2].isdigit() and not lower[:1].isspace()):
            return 0, ""
        if upper[-2].isspace():
            return 0, " "
        if left is None or right is None or not right[0][0].islower():
            return 0, ""
        if right[0] in _ELIDED:
            return 0, " "
        before, after = left[0][:-1].casefold(), right[0]
        joined, apart = self._words[before + after], self._words[f"{before}-{after}"]
        if apart > joined or (not joined and "-" in before):
            return 0, ""
        return 1, ""


def _ends_in_address(upper: str) -> bool:
    """Tell whether the last word of a line is a web address, which goes on in the next without a space."""
    return not upper[-1:].isspace() and _ADDRESS.search(upper.rsplit(maxsplit=1)[-1]) is not None
