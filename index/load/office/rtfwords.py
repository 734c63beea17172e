"""RTF as it is written: its tokens, and what its control words stand for."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

Token = tuple[str, str, int | None, bytes]
"""Kind (``{``, ``}``, ``word``, ``sign`` or ``text``), name of a word or sign, its number, and bytes of text."""

_TOKEN = re.compile(
    rb"\\([A-Za-z]{1,32})(-?\d{1,10})? ?|\\'([0-9A-Fa-f]{2})|\\(.)|([{}])|[\r\n\0]+|([^\\{}\r\n\0]+)", re.DOTALL
)

CHARACTERS = {
    "tab": "\t",
    "line": "\n",
    "page": "\n",
    "column": "\n",
    "lbr": "\n",
    "softline": "\n",
    "emdash": "—",
    "endash": "–",
    "emspace": " ",
    "enspace": " ",
    "qmspace": " ",
    "bullet": "•",
    "lquote": "‘",
    "rquote": "’",
    "ldblquote": "“",
    "rdblquote": "”",
    "zwj": "\u200d",
    "zwnj": "\u200c",
}
SIGNS = {"~": " ", "_": "-", "\t": "\t", "{": "{", "}": "}", "\\": "\\"}

SKIPPED = frozenset(
    "colortbl filetbl listtable listoverridetable revtbl rsidtbl generator themedata colorschememapping datastore "
    "latentstyles xmlnstbl pgptbl fldinst bkmkstart bkmkend xe tc tcn txe rxe atnid atnauthor atnref atndate atntime "
    "atrfstart atrfend atnicn atnparent pn pnseclvl nonshppict objdata objclass objname sp ftnsep ftnsepc ftncn "
    "aftnsep aftnsepc aftncn template private userprops docvar nonesttables nesttableprops mmathPr wgrffmtfilter "
    "background operator company manager subject category keywords doccomm hlinkbase comment printim buptim "
    "protusertbl fchars lchars formfield datafield panose fname falt blipuid picprop passwordhash".split()
)
"""Destinations that a reader never sees."""

READ = {
    "info": "info",
    "title": "title",
    "author": "author",
    "creatim": "creatim",
    "revtim": "revtim",
    "fonttbl": "fonts",
    "stylesheet": "styles",
    "listtext": "marker",
    "pntext": "marker",
    "footnote": "note",
    "shptxt": "box",
    "dptxbxtext": "box",
    "annotation": "comment",
    "pict": "picture",
    "upr": "twice",
    **dict.fromkeys("header headerl headerr headerf footer footerl footerr footerf".split(), "around"),
}
"""Destinations that are read, or at least counted, and what they are to us."""

PASSED = frozenset("shpinst shppict do ud fldrslt field object result shp shpgrp shprslt".split())
"""Destinations whose contents belong to the text around them, though they may be marked as optional."""

_CHARSETS = {
    77: "mac_roman",
    128: "cp932",
    129: "cp949",
    130: "johab",
    134: "gbk",
    136: "cp950",
    161: "cp1253",
    162: "cp1254",
    163: "cp1258",
    177: "cp1255",
    178: "cp1256",
    186: "cp1257",
    204: "cp1251",
    222: "cp874",
    238: "cp1250",
    254: "cp437",
    255: "cp850",
}


def encoding_of_charset(number: int) -> str:
    """Return the encoding of a font's character set, or nothing where it is that of the document."""
    return "cp1252" if number in (0, 2) else _CHARSETS.get(number, "")


def encoding_of_page(number: int) -> str:
    """Return the encoding of a Windows code page, or nothing where there is none."""
    name = {65001: "utf-8", 10000: "mac_roman", 1361: "johab", 936: "gbk"}.get(number, f"cp{number}")
    try:
        return codecs.lookup(name).name
    except LookupError:
        return ""


def tokens(data: bytes) -> Iterator[Token]:
    """Yield the tokens of a file; bytes that belong to a picture are passed over."""
    at = 0
    while found := _TOKEN.match(data, at):
        at = found.end()
        word, number, byte, sign, brace, text = found.groups()
        if word == b"bin":
            at += max(0, int(number or 0))
        elif word:
            yield "word", word.decode("ascii"), None if number is None else int(number), b""
        elif byte:
            yield "text", "'", None, bytes.fromhex(byte.decode("ascii"))
        elif sign in (b"\r", b"\n"):
            yield "word", "par", None, b""
        elif sign:
            yield "sign", sign.decode("latin-1"), None, b""
        elif brace:
            yield brace.decode("ascii"), "", None, b""
        elif text:
            yield "text", "", None, text
