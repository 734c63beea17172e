"""Words as a reader sees them: without control characters, odd spaces and ligatures, and titles that are none."""

from __future__ import annotations

import re
from datetime import date

MAX_TITLE = 300
"""Characters; what is longer is a paragraph that stands where a title should."""

_LINE_ENDS = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
_BROKEN = re.compile("[\0\ud800-\udfff]")
_UNSEEN = re.compile("[\x01-\x08\x0e-\x1f\x7f-\x9f\xad\u200b\u2060\ufeff]")
_ODD_SPACES = re.compile("[\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_LIGATURES = {0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl", 0xFB05: "st", 0xFB06: "st"}
_SHOWN_ALIKE = {0x2011: "-", **_LIGATURES}

_GAPS = re.compile(r"[ \t]+")
_AROUND_LINE_ENDS = re.compile(r" *\n[ \n]*")

_NO_TITLE = re.compile(
    r"untitled( document)?|unbenannt|ohne titel|sans titre|sin título|senza titolo|título|title|titel|titre|"
    r"(document|dokument|word[- ]document|word-dokument|presentation|präsentation|présentation) ?\d*|"
    r"powerpoint[- ]presentation|powerpoint-präsentation|présentation powerpoint|presentación de powerpoint|"
    r"(slide|folie) ?\d+|microsoft (word|powerpoint)( - .*)?|"
    r".*\.(docx?|docm|dotx?|odt|ott|rtf|txt|wpd|wps|tex|dvi|pdf|html?|pptx?|pptm|potx?|ppsx?|odp|otp|xlsx?|indd|qxp)",
    re.IGNORECASE | re.DOTALL,
)
_NO_AUTHOR = frozenset(
    "python-docx python-pptx openpyxl user author autor auteur admin administrator root owner unknown none "
    "anonymous".split()
) | {"apache poi", "microsoft office user", "windows user", "windows-benutzer", "utilisateur windows"}


def verbatim_words(words: str) -> str:
    """Return code or other set text: white space as it is, only newlines for line ends, nothing unseen."""
    words = _BROKEN.sub("\N{REPLACEMENT CHARACTER}", _LINE_ENDS.sub("\n", words))
    return _ODD_SPACES.sub(" ", _UNSEEN.sub("", words))


def running_words(words: str) -> str:
    """Return running text: one space between words, line ends only where a line was ended on purpose."""
    if words.isascii() and words.isprintable() and "  " not in words:
        return words.strip()  # most paragraphs, at once
    words = verbatim_words(words).translate(_SHOWN_ALIKE)
    return _AROUND_LINE_ENDS.sub("\n", _GAPS.sub(" ", words)).strip()


def title_of(raw: str | None) -> str:
    """Return a document's title on one line, or nothing where a program or a file name speaks, not a person."""
    words = " ".join(running_words(raw or "").split())
    return "" if len(words) > MAX_TITLE or _NO_TITLE.fullmatch(words) else words


def author_of(raw: str | None) -> str:
    """Return a document's author on one line, or nothing where it names a program or no one."""
    words = " ".join(running_words(raw or "").split())
    return "" if len(words) > MAX_TITLE or words.casefold() in _NO_AUTHOR else words


def day_of(raw: str | None) -> str:
    """Return the day of a time that is written as ISO 8601, as ``2024-03-01``, or nothing where it is none."""
    day = (raw or "").strip()[:10]
    try:
        return date.fromisoformat(day).isoformat() if len(day) == 10 else ""
    except ValueError:
        return ""
