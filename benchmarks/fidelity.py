"""How true a text is to a reference: its words, counted and in order; and references by other means than our readers.

Sources of references, by the suffix of a file: pandoc for DOCX, ODT, RTF, EPUB, HTML and Markdown, pdftotext for PDF,
openpyxl for XLSX, a plain walk of the XML for PPTX, ODP and ODS, the standard library for mail and JSON, the file
itself for text and CSV.
"""

from __future__ import annotations

import email
import email.policy
import json
import mailbox
import re
import shutil
import subprocess
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree

import regex
from rapidfuzz.distance import LCSseq

_WORD = regex.compile(r"(?V1)[\p{Han}\p{Hiragana}\p{Katakana}]|[[\p{L}\p{M}\p{N}]--[\p{Han}\p{Hiragana}\p{Katakana}]]+")
_RAISED = re.compile("[\u00b2\u00b3\u00b9\u2070-\u209f]+")
_BROKEN = re.compile(r"(?<=[^\W\d_])[-\u2010]\r?\n(?=[^\W\d_])")
_NUMBERED = re.compile(r"\W*(?:\d+|[A-Z]\.)(?:\.\d+)*\.?\s+\S")
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
_DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_MOST_REPEATS = 100
_SHOWN_HEADERS = ("From", "To", "Cc", "Date", "Subject")


class NoReferenceError(Exception):
    """There is none for this file; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Counts of words; better is more ``found`` and ``in_order``, and fewer ``added``."""

    reference: int
    found: int
    """Words of the reference that the text has, as often as both have them."""
    in_order: int
    """Length of the longest common subsequence of words."""
    added: int
    """Words of the text that the reference lacks."""
    read: int
    """All words of the text."""

    @property
    def shares(self) -> dict[str, float]:
        """The figures that are reported."""
        words = max(1, self.reference)
        return {
            "completeness": self.found / words,
            "order": self.in_order / words,
            "added": self.added / max(1, self.read),
        }


def total(scores: Sequence[Score]) -> Score:
    """Return the sum of scores: files count by their words."""
    sums = {name: sum(getattr(score, name) for score in scores) for name in Score.__dataclass_fields__}
    return Score(**sums)


def words(text: str) -> list[str]:
    """Return the words of a text in small letters, without marks; a Chinese or Japanese character counts as a word.

    A raised or lowered number, such as the mark of a footnote, is a word of its own.
    """
    plain = unicodedata.normalize("NFKC", _RAISED.sub(r" \g<0> ", text)).replace("\xad", "").casefold()
    return cast("list[str]", _WORD.findall(plain))


def unbroken(text: str) -> str:
    """Return the text of a page with words joined that were parted at a line's end."""
    return _BROKEN.sub("", text)


def compare(text: str, reference: Sequence[str]) -> Score:
    """Compare a text with the words of its reference."""
    read = words(text)
    common = (Counter(read) & Counter(reference)).total()
    return Score(
        reference=len(reference),
        found=common,
        in_order=LCSseq.similarity(read, reference),
        added=len(read) - common,
        read=len(read),
    )


def differences(text: str, reference: Sequence[str], most: int = 12) -> dict[str, dict[str, int]]:
    """Return the words that are missing or added most often, and how often."""
    read, wanted = Counter(words(text)), Counter(reference)
    return {
        "missing_words": dict((wanted - read).most_common(most)),
        "added_words": dict((read - wanted).most_common(most)),
    }


def without_contents(text: str) -> str:
    """Return a text without its tables of contents: lines with the number of a section that come again further on."""
    lines = text.splitlines()
    keys = [tuple(words(line)) for line in lines]
    left = Counter(keys)
    kept = []
    for line, key in zip(lines, keys, strict=True):
        left[key] -= 1
        if not left[key] or not _NUMBERED.match(line):
            kept.append(line)
    return "\n".join(kept)


def reference_text(file: Path) -> tuple[str, str]:
    """Return a file's text without our readers, and by what means. Raises NoReferenceError where there are none."""
    suffix = file.suffix.lower()
    if suffix not in _MEANS:
        raise NoReferenceError(f"no reference for {suffix}")
    name, means = _MEANS[suffix]
    try:
        return means(file).encode("utf-8", "replace").decode("utf-8"), name
    except NoReferenceError:
        raise
    except Exception as error:  # another library's failure costs a figure, not the run
        raise NoReferenceError(f"{name} failed: {type(error).__name__}") from error


def missing_programs() -> list[str]:
    """Return the programs that references need and that are not installed."""
    return [name for name in ("pandoc", "pdftotext") if shutil.which(name) is None]


def _run(*command: str) -> str:
    if shutil.which(command[0]) is None:
        raise NoReferenceError(f"{command[0]} is not installed")
    done = subprocess.run(command, check=False, capture_output=True, timeout=300)
    if done.returncode:
        raise NoReferenceError(f"{command[0]} can't read it")
    return done.stdout.decode("utf-8", "replace")


def _pandoc(kind: str) -> Callable[[Path], str]:
    return lambda file: _run("pandoc", "--from", kind, "--to", "plain", "--wrap", "none", str(file))


def _pdftotext(file: Path) -> str:
    return unbroken(_run("pdftotext", "-raw", "-enc", "UTF-8", str(file), "-"))


def _itself(file: Path) -> str:
    return file.read_text("utf-8-sig", "replace")


def _csv(file: Path) -> str:
    """Return a table; xlsx2csv writes a line with number and name before each sheet: the name is kept."""
    return re.sub(r"^-{8} \d+ - ", "", _itself(file), flags=re.MULTILINE)


def _openpyxl(file: Path) -> str:
    import openpyxl

    book = openpyxl.load_workbook(file, data_only=True)
    lines = []
    for sheet in book.worksheets:
        lines.append(sheet.title)
        cells = sheet.iter_rows(values_only=True)
        lines += (" ".join(_shown(value) for value in row if value is not None) for row in cells)
    return "\n".join(lines)


def _shown(value: object) -> str:
    """Return the value of a cell; a date is at midnight for openpyxl, and not for who looks at it."""
    return str(value).removesuffix(" 00:00:00") if isinstance(value, datetime) else str(value)


def _slides(file: Path) -> str:
    lines: list[str] = []
    with zipfile.ZipFile(file) as archive:
        names = [name for name in archive.namelist() if re.fullmatch(r"ppt/slides/slide\d+\.xml", name)]
        for name in sorted(names, key=lambda name: int(re.sub(r"\D", "", name))):
            paragraphs = ElementTree.fromstring(archive.read(name)).iter(f"{_DRAWING}p")
            lines += ("".join(part.text or "" for part in p.iter(f"{_DRAWING}t")) for p in paragraphs)
    return "\n".join(lines)


def _open_document(file: Path) -> str:
    with zipfile.ZipFile(file) as archive:
        root = ElementTree.fromstring(archive.read("content.xml"))
    return "\n".join(_open_lines(root))


def _open_lines(element: ElementTree.Element) -> Iterator[str]:
    text, table = _OFFICE % "text", _OFFICE % "table"
    if element.tag == f"{table}table":
        yield element.get(f"{table}name", "")
    if element.tag in (f"{text}p", f"{text}h"):
        yield "".join(_spaced(element))
        return
    repeats = int(element.get(f"{table}number-columns-repeated", "1"))
    inner = [line for child in element for line in _open_lines(child)]
    yield from inner * (repeats if repeats <= _MOST_REPEATS else 1)


def _spaced(element: ElementTree.Element) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        yield from (" ",) if child.tag.endswith(("}s", "}tab", "}line-break")) else _spaced(child)
        yield child.tail or ""


def _message(message: EmailMessage) -> str:
    """Return headers and text of a message, and of what is sent with it; the plain form of a text where it has two."""
    lines = [f"{name}: {message[name]}" for name in _SHOWN_HEADERS if message[name]]
    body = message.get_body(("plain", "html"))
    if body is not None:
        lines.append(_content(cast("EmailMessage", body)))
    for part in () if body is message else message.iter_attachments():
        inner = part.get_payload(0) if part.get_content_type() == "message/rfc822" else part
        if part.get_content_maintype() in ("message", "multipart"):
            lines.append(_message(cast("EmailMessage", inner)))
        elif part.get_content_maintype() == "text":
            lines.append(_content(part))
    return "\n".join(lines)


def _content(part: EmailMessage) -> str:
    from lxml import html

    try:
        text = str(part.get_content())
    except LookupError:  # no such encoding
        text = cast("bytes", part.get_payload(decode=True)).decode("latin-1")
    if part.get_content_type() != "text/html" or not text.strip():
        return text
    root = html.document_fromstring(text.encode(), parser=html.HTMLParser(encoding="utf-8"))
    return " ".join(str(piece) for piece in root.xpath("//text()[not(parent::style or parent::script)]"))


def _parsed(data: bytes) -> str:
    return _message(email.message_from_bytes(data, policy=email.policy.default))


def _mail(file: Path) -> str:
    return _parsed(file.read_bytes())


def _mbox(file: Path) -> str:
    box = mailbox.mbox(file)
    return "\n".join(_parsed(box.get_bytes(key)) for key in box.keys())  # noqa: SIM118


def _json(file: Path) -> str:
    return "\n".join(_json_lines(json.loads(file.read_bytes())))


def _json_lines(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _json_lines(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _json_lines(inner)
    elif value is not None:
        yield str(value)


_MEANS: Mapping[str, tuple[str, Callable[[Path], str]]] = {
    ".pdf": ("pdftotext -raw", _pdftotext),
    ".docx": ("pandoc", _pandoc("docx")),
    ".odt": ("pandoc", _pandoc("odt")),
    ".rtf": ("pandoc", _pandoc("rtf")),
    ".epub": ("pandoc", _pandoc("epub")),
    ".html": ("pandoc", _pandoc("html")),
    ".md": ("pandoc", _pandoc("gfm")),
    ".xlsx": ("openpyxl", _openpyxl),
    ".pptx": ("XML of the slides", _slides),
    ".odp": ("content.xml", _open_document),
    ".ods": ("content.xml", _open_document),
    ".json": ("json", _json),
    ".eml": ("email", _mail),
    ".mbox": ("email", _mbox),
    ".txt": ("itself", _itself),
    ".csv": ("itself", _csv),
}
