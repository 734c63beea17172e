"""RTF: its text with headings, lists, tables and notes, in whatever encoding each font has."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from index.load.clean import author_of, day_of, title_of
from index.load.limits import Limits, Unreadable
from index.load.office.rtfbody import NO_OUTLINE, Body, Sink
from index.load.office.rtftable import Definition
from index.load.office.rtfwords import (
    CHARACTERS,
    PASSED,
    READ,
    SIGNS,
    SKIPPED,
    encoding_of_charset,
    encoding_of_page,
    tokens,
)
from index.load.parts import Facts
from index.records import Extract

_BEGINS = re.compile(rb"(\xef\xbb\xbf)?\s*\{\s*\\rtf")
_DEEPEST = 5_000
"""Groups within groups; more are an attack or an accident."""


@dataclass(slots=True, frozen=True)
class _State:
    """What a group inherits from the one around it, and gives back at its end."""

    sink: Sink
    target: str = "body"
    skip: int = 1
    """Characters after a Unicode character that stand in for it."""
    font: int = -1
    bold: bool = False
    gone: str = ""
    """``hidden`` or ``deleted`` where the text is."""
    style: int = 0
    outline: int = NO_OUTLINE
    in_table: bool = False


def extract_rtf(data: bytes, limits: Limits) -> Extract:
    """Read an RTF document as if its tracked changes were accepted; places count paragraphs and table rows with words.

    A footnote or endnote follows the paragraph that refers to it and stands at its place, as do text boxes. Headers
    and footers are left out, as are comments, hidden text and the table of contents.
    Raises Unreadable where it is no RTF.
    """
    if not _BEGINS.match(data):
        raise Unreadable("damaged: no RTF document, it does not begin with {\\rtf")
    reader = _Reader(limits)
    reader.read(data)
    return reader.finish()


class _Reader:
    """Follows the tokens once, with a stack of states."""

    def __init__(self, limits: Limits) -> None:
        self._body = Body(limits)
        self._now = _State(self._body.sink)
        self._stack: list[_State] = []
        self._encoding = "cp1252"
        self._fonts: dict[int, str] = {}
        self._default_font = -1
        self._styles: dict[int, tuple[str, int]] = {}
        self._defined: list[int] = [0, NO_OUTLINE]
        self._names = {kind: Sink(kind) for kind in ("title", "author", "style")}
        self._times: dict[str, dict[str, int]] = {"creatim": {}, "revtim": {}}
        self._pending, self._pending_in = bytearray(), ""
        self._to_skip = 0
        self._optional = False
        self._notes = 0
        self._mark = ""

    def read(self, data: bytes) -> None:
        """Follow the tokens of a file to the end of its outermost group."""
        for kind, name, number, raw in tokens(data):
            if kind == "text":
                self._text(raw)
                continue
            self._flush()
            if kind == "{":
                self._to_skip, self._optional = 0, False
                self._stack.append(self._now)
                if len(self._stack) > _DEEPEST:
                    raise Unreadable("damaged: nested too deeply to be RTF")
            elif kind == "}":
                self._to_skip = 0
                self._close()
                if not self._stack or self._body.writing.full:
                    break
            elif self._to_skip and name not in ("u", "par"):
                self._to_skip -= 1
            elif kind == "sign":
                self._optional = name == "*"
                self._say(SIGNS.get(name, ""))
            else:
                self._word(name, number)
                self._optional = False
        else:
            self._body.writing.assembly.notes.append("cut short: its last groups are not closed; what is there is read")
        self._flush()
        self._body.end()

    # text

    def _text(self, raw: bytes) -> None:
        if self._to_skip:
            skipped = min(self._to_skip, len(raw))
            self._to_skip -= skipped
            raw = raw[skipped:]
        encoding = self._fonts.get(self._now.font) or self._encoding
        if encoding != self._pending_in:
            self._flush()
            self._pending_in = encoding
        self._pending += raw

    def _flush(self) -> None:
        """Decode the bytes that stand together: a character may be made of several."""
        if self._pending:
            words = self._pending.decode(self._pending_in, "replace")
            self._pending = bytearray()
            self._say(words)

    def _say(self, words: str) -> None:
        now = self._now
        if not words:
            return
        if now.target in ("skipped", "twice", "info", "fonts", "creatim", "revtim", "picture", "comment"):
            return
        if now.target == "around":
            self._body.writing.around |= bool(words.strip())
        elif now.target == "styles":
            self._name_style(words)
        elif now.gone and now.sink.kind != "title":
            self._body.writing.left_out[now.gone] += bool(words.strip())
        else:
            now.sink.say(words, bold=now.bold)

    def _name_style(self, words: str) -> None:
        sink = self._names["style"]
        name, semicolon, rest = words.partition(";")
        sink.parts.append(name)
        if semicolon:
            number, outline = self._defined
            if number >= 0:
                self._styles[number] = (sink.take().strip().casefold(), outline)
            sink.parts = [rest]
            self._defined = [0, NO_OUTLINE]

    # control words

    def _word(self, name: str, number: int | None) -> None:
        now = self._now
        if self._optional and name not in READ and name not in PASSED:
            self._now = replace(now, target="skipped")
        elif now.target in ("skipped", "picture", "comment"):
            return
        elif name in SKIPPED:
            self._now = replace(now, target="skipped")
        elif name in READ:
            self._enter(READ[name])
        elif name == "ud" and now.target == "twice":
            self._now = replace(now, target=self._stack[-2].target if len(self._stack) > 1 else "body")
        elif name in CHARACTERS:
            self._say(CHARACTERS[name])
        elif name == "u" and number is not None:
            self._say(chr(number & 0xFFFF))
            self._to_skip = now.skip
        elif name in ("ansicpg", "mac", "pc", "pca"):
            page = {"mac": 10000, "pc": 437, "pca": 850}.get(name, number or 1252)
            self._encoding = encoding_of_page(page) or self._encoding
        elif now.target in ("fonts", "styles"):
            (self._font if now.target == "fonts" else self._style)(name, number or 0)
        elif now.target in self._times:
            self._times[now.target][name] = number or 0
        elif not self._format(name, number):
            self._structure(name, number or 0)

    def _enter(self, target: str) -> None:
        now = self._now
        if target in ("title", "author") and now.target == "info":
            self._now = replace(now, target=target, sink=self._names[target])
        elif target in ("title", "author"):
            return
        elif target == "note":
            self._now = replace(now, sink=Sink(self._mark), bold=False)
            self._mark = ""
        elif target in ("box", "marker"):
            self._now = replace(now, sink=Sink(target))
        else:
            self._body.writing.left_out[target] += target in ("picture", "comment")
            self._now = replace(now, target=target)

    def _font(self, name: str, number: int) -> None:
        if name == "f":
            self._now = replace(self._now, font=number)
        elif name == "fcharset":
            self._fonts[self._now.font] = encoding_of_charset(number)
        elif name == "cpg":
            self._fonts[self._now.font] = encoding_of_page(number)

    def _style(self, name: str, number: int) -> None:
        if name == "s":
            self._defined[0] = number
        elif name in ("cs", "ds", "ts"):
            self._defined[0] = -1
        elif name == "outlinelevel":
            self._defined[1] = number

    def _format(self, name: str, number: int | None) -> bool:
        """Follow a word that formats what comes after it; say whether it was one."""
        now, on = self._now, number != 0
        if name == "uc":
            self._now = replace(now, skip=min(max(number or 0, 0), 16))
        elif name == "plain":
            self._now = replace(now, font=self._default_font, bold=False, gone="")
        elif name == "pard":
            self._now = replace(now, style=0, outline=NO_OUTLINE, in_table=False)
        elif name == "f":
            self._now = replace(now, font=number or 0)
        elif name == "deff":
            self._default_font = number or 0
            self._now = replace(now, font=self._default_font)
        elif name == "b":
            self._now = replace(now, bold=on)
        elif name in ("v", "deleted"):
            gone = {"v": "hidden"}.get(name, name)
            self._now = replace(now, gone=gone if on else "" if now.gone == gone else now.gone)
        elif name == "s":
            self._now = replace(now, style=number or 0)
        elif name == "outlinelevel":
            self._now = replace(now, outline=number or 0)
        elif name == "intbl":
            self._now = replace(now, in_table=True)
        else:
            return False
        return True

    def _structure(self, name: str, number: int) -> None:
        if name in ("par", "sect"):
            if self._now.sink is self._body.sink and not self._now.in_table:
                self._paragraph()
            else:
                self._now.sink.parts.append("\n")
        elif name == "chftn" and self._now.sink is self._body.sink:
            self._notes += 1
            self._mark = f"[{self._notes}]"
            self._say(self._mark)
        elif name in ("nestcell", "nestrow"):
            self._say("\t" if name == "nestcell" else "\n")
        elif self._now.sink is not self._body.sink:
            self._say({"cell": "\t", "row": "\n"}.get(name, ""))
        elif name == "cell":
            self._body.cell()
        elif name == "row":
            self._body.end_row()
        elif name == "trowd":
            self._body.row = Definition()
        elif name == "trhdr":
            self._body.row.names = True
        elif name in ("clmrg", "clvmrg"):
            self._body.row.next = "left" if name == "clmrg" else "above"
        elif name == "cellx":
            self._body.row.edges.append(number)
            self._body.row.merged.append(self._body.row.next)
            self._body.row.next = ""

    def _close(self) -> None:
        """End a group; notes, text boxes and markers that end with it go to the paragraph."""
        sink = self._now.sink
        if len(self._stack) == 1 and sink.parts and sink is self._body.sink and not self._now.in_table:
            self._paragraph()
        self._now = self._stack.pop() if self._stack else self._now
        outer = self._now.sink
        if sink is outer or sink.kind in self._names:
            return
        words = sink.take()
        if sink.kind == "marker":
            self._body.marker = words
        elif sink.kind == "box":
            for line in words.split("\n"):
                self._body.hang("", line)
        else:
            self._body.hang(sink.kind, words.replace("\n", " "))

    def _paragraph(self) -> None:
        name, outline = self._styles.get(self._now.style, ("", NO_OUTLINE))
        self._body.paragraph(name, min(self._now.outline, outline))

    def finish(self) -> Extract:
        """Return what was read, and say what was not."""
        times = self._times["creatim"] or self._times["revtim"]
        day = f"{times.get('yr', 0):04d}-{times.get('mo', 0):02d}-{times.get('dy', 0):02d}"
        title, author = (self._names[kind].take() for kind in ("title", "author"))
        return self._body.writing.finish(Facts(title=title_of(title), author=author_of(author), date=day_of(day)))
