"""The words of one paragraph of a Word document, and what hangs on it: notes, text boxes, pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from index.load.office.formula import OFFICE_MATH, formula
from index.load.office.wordstyles import Styles, mark_of_note, qn, switched_on, value

_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_VML = "{urn:schemas-microsoft-com:vml}"
_CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}chart"
_DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}relIds"
_PICTURES = frozenset((qn("pic:pic"), f"{_VML}imagedata"))

ALTERNATIVES = f"{_MC}AlternateContent"
SHELLS = frozenset(map(qn, "w:sdt w:sdtContent w:ins w:moveTo w:smartTag w:customXml w:hyperlink".split()))
"""Elements around others that a reader does not see."""
GONE = frozenset(map(qn, "w:del w:moveFrom".split()))
"""What tracked changes took away."""

_PASSED = SHELLS | frozenset(map(qn, "w:fldSimple w:bdo w:dir w:ruby w:rubyBase".split()))
_CHARACTERS = {
    qn("w:tab"): " ",
    qn("w:ptab"): " ",
    qn("w:br"): "\n",
    qn("w:cr"): "\n",
    qn("w:noBreakHyphen"): "-",
}
_NOTES = {qn("w:footnoteReference"): "footnote", qn("w:endnoteReference"): "endnote"}


@dataclass(slots=True, kw_only=True)
class Inline:
    """A paragraph taken apart."""

    words: list[str] = field(default_factory=list)
    strong: bool = True
    """All its words are set in bold."""
    notes: list[tuple[str, str, str]] = field(default_factory=list)
    """Kind, id and mark of each footnote and endnote."""
    boxes: list[etree._Element] = field(default_factory=list)
    """``w:txbxContent`` of each text box."""


class Inlines:
    """Takes paragraphs apart, counts notes on the way, and what is left out."""

    def __init__(self, styles: Styles, left_out: Counter[str]) -> None:
        self._left_out = left_out
        self._styles = styles
        self._numbers: Counter[str] = Counter()
        self._fields: list[bool] = []

    def read(self, paragraph: etree._Element, into: Inline) -> None:
        """Add the words of a paragraph to ``into``."""
        self._fields = []  # a field that is never closed costs no more than its own paragraph
        self._children(paragraph, into, strong=False)

    def _children(self, parent: etree._Element, into: Inline, *, strong: bool) -> None:
        for element in parent:
            tag = element.tag
            if tag == qn("w:r"):
                self._run(element, into, strong=strong)
            elif tag == ALTERNATIVES:
                self._children(chosen(element), into, strong=strong)
            elif tag in GONE:
                self._left_out["deleted"] += any(True for _ in element.iter(qn("w:delText"), qn("w:t")))
            elif tag in _PASSED:
                if not is_prompt(element):
                    self._children(element, into, strong=strong)
            elif isinstance(tag, str) and tag.startswith(OFFICE_MATH):
                into.words.append(formula(element))
                into.strong = False

    def _run(self, run: etree._Element, into: Inline, *, strong: bool) -> None:
        properties = run.find(qn("w:rPr"))
        if properties is not None:
            if switched_on(properties.find(qn("w:vanish"))):
                self._left_out["hidden"] += run.find(qn("w:t")) is not None
                return
            bold = properties.find(qn("w:b"))
            strong = switched_on(bold) or (bold is None and self._styles.strong(value(properties.find(qn("w:rStyle")))))
        for element in run:
            self._piece(element, into, strong=strong)

    def _piece(self, element: etree._Element, into: Inline, *, strong: bool) -> None:
        tag = element.tag
        if tag == qn("w:fldChar"):
            self._field(value(element, "w:fldCharType"))
        elif tag == ALTERNATIVES:
            for one in chosen(element):
                self._piece(one, into, strong=strong)
        elif any(self._fields):
            return
        elif tag == qn("w:t"):
            into.words.append(element.text or "")
            into.strong = into.strong and (strong or not (element.text or "").strip())
        elif tag in _CHARACTERS:
            into.words.append(_CHARACTERS[tag])
        elif tag in _NOTES:
            self._note(element, _NOTES[tag], into)
        elif tag == qn("w:sym"):
            into.words.append(_symbol(value(element, "w:char")))
        elif tag in _PASSED:
            self._children(element, into, strong=strong)
        elif tag in (qn("w:drawing"), qn("w:pict"), qn("w:object")):
            self._drawing(element, into)

    def _field(self, kind: str) -> None:
        """Follow a field: what stands before its separator is an instruction, what follows is read."""
        if kind == "begin":
            self._fields.append(True)
        elif kind == "separate" and self._fields:
            self._fields[-1] = False
        elif kind == "end" and self._fields:
            self._fields.pop()

    def _note(self, element: etree._Element, kind: str, into: Inline) -> None:
        mark = ""
        if not switched_on(element) or value(element, "w:customMarkFollows") not in ("1", "true", "on"):
            self._numbers[kind] += 1
            mark = mark_of_note(kind, self._numbers[kind])
            into.words.append(mark)
        into.notes.append((kind, value(element, "w:id"), mark))

    def _drawing(self, drawing: etree._Element, into: Inline) -> None:
        """Keep the text boxes in a drawing, and count what else is in it."""
        for element in _unfolded(drawing):
            if element.tag == qn("w:txbxContent"):
                into.boxes.append(element)
            elif element.tag in _PICTURES:
                self._left_out["picture"] += 1
            elif element.tag == _CHART:
                self._left_out["chart"] += 1
            elif element.tag == _DIAGRAM:
                self._left_out["diagram"] += 1


def chosen(alternatives: etree._Element) -> etree._Element:
    """Return the one of several versions of the same content that is read: the first, else what stands in for it."""
    found = alternatives.find(f"{_MC}Choice")
    return found if found is not None else alternatives


def is_prompt(element: etree._Element) -> bool:
    """Say whether an element is a form field that no one filled in."""
    return element.tag == qn("w:sdt") and element.find(f"{qn('w:sdtPr')}/{qn('w:showingPlcHdr')}") is not None


def _unfolded(drawing: etree._Element) -> Iterator[etree._Element]:
    """Yield what is in a drawing, without the second version of anything, and without what is in a text box."""
    waiting = [drawing]
    while waiting:
        element = waiting.pop()
        yield element
        if element.tag == ALTERNATIVES:
            waiting.append(chosen(element))
        elif element.tag != qn("w:txbxContent"):
            waiting.extend(reversed(element))


def _symbol(code: str) -> str:
    """Return a character by its code, but for those that mean something only in the font of their own."""
    try:
        character = chr(int(code, 16))
    except (ValueError, OverflowError):
        return ""
    return "" if "\ue000" <= character <= "\uf8ff" else character
