"""Words as a reader sees them: without control characters, odd spaces and ligatures, and titles that are none.

Also the words in which readers say what they left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
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
_AROUND_LINE_ENDS = re.compile(r" ?\n[ \n]*")  # of spaces never two stand together by then

_NO_TITLE = re.compile(
    r"untitled( document)?|undefined|no title given|<[0-9a-f]+>|unbenannt|ohne titel|sans titre|sin título|"
    r"senza titolo|título|title|titel|titre|"
    r"(document|dokument|word[- ]document|word-dokument|presentation|präsentation|présentation) ?\d*|"
    r"powerpoint[- ]presentation|powerpoint-präsentation|présentation powerpoint|presentación de powerpoint|"
    r"(slide|folie) ?\d+|microsoft (word|powerpoint)( - .*)?|"
    r".*\.(docx?|docm|dotx?|odt|ott|rtf|txt|wpd|wps|tex|dvi|pdf|html?|pptx?|pptm|potx?|ppsx?|odp|otp|xlsx?|indd|qxp|"
    r"fh\d{1,2})",
    re.IGNORECASE | re.DOTALL,
)
_NO_AUTHOR = frozenset(
    "python-docx python-pptx openpyxl user author autor auteur admin administrator root owner unknown none "
    "anonymous".split()
) | {"apache poi", "microsoft office user", "windows user", "windows-benutzer", "utilisateur windows"}
_MAIL_ADDRESS = re.compile(r" ?<[^<>@\s]+@[^<>\s]+>")
_PLURAL = re.compile(r"\{(\w+)\}")


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


def one_line(words: str) -> str:
    """Return running text without line ends."""
    words = running_words(words)
    return words.replace("\n", " ") if "\n" in words else words


def title_of(raw: str | None) -> str:
    """Return a document's title on one line, or nothing where a program or a file name speaks, not a person."""
    words = one_line(raw or "")
    return "" if len(words) > MAX_TITLE or _NO_TITLE.fullmatch(words) else words


def author_of(raw: str | None) -> str:
    """Return a document's author on one line, or nothing where it names a program or no one.

    Of a name with a mail address in angle brackets, the name is kept.
    """
    words = one_line(raw or "")
    words = _MAIL_ADDRESS.sub("", words) or words
    return "" if len(words) > MAX_TITLE or words.casefold() in _NO_AUTHOR else words


def day_of(raw: str | None) -> str:
    """Return the day of a time that is written as ISO 8601, as ``2024-03-01``, or nothing where it is none."""
    day = (raw or "").strip()[:10]
    try:
        return date.fromisoformat(day).isoformat() if len(day) == 10 else ""
    except ValueError:
        return ""


def counted(number: int, what: str) -> str:
    """Return a number of things in words; ``what`` has the endings of many in braces: ``stretch{es} of text``."""
    ending = "" if number == 1 else r"\1"
    return f"{number:,} {_PLURAL.sub(ending, what)}"


def left_out(counts: Mapping[str, int], names: Mapping[str, str]) -> list[str]:
    """Return a note for each kind of thing that was left out; ``names`` are as ``counted`` takes them."""
    return [f"left out {counted(counts[kind], what)}" for kind, what in names.items() if counts.get(kind)]
