"""The format of a file: from what is in it, and only then from its name."""

from __future__ import annotations

import codecs
import re
import zipfile
from collections.abc import Collection
from pathlib import PurePosixPath

from index.load.archive import DAMAGE, open_bare, read_member
from index.load.limits import Unreadable
from index.load.ole import OLE, root_names
from index.load.signatures import known_reason, looks_binary

_SUFFIXES: dict[str, tuple[str, ...]] = {
    "text": (".txt", ".text", ".log", ".asc"),
    "markdown": (".md", ".markdown", ".mdown"),
    "html": (".html", ".htm", ".xhtml"),
    "pdf": (".pdf",),
    "docx": (".docx", ".docm", ".dotx", ".dotm"),
    "odt": (".odt", ".ott"),
    "rtf": (".rtf",),
    "pptx": (".pptx", ".pptm", ".potx", ".potm", ".ppsx", ".ppsm"),
    "odp": (".odp", ".otp"),
    "xlsx": (".xlsx", ".xlsm", ".xltx", ".xltm"),
    "xls": (".xls", ".xlt"),
    "ods": (".ods", ".ots"),
    "csv": (".csv", ".tsv", ".tab"),
    "json": (".json",),
    "jsonl": (".jsonl", ".ndjson"),
    "epub": (".epub",),
    "mail": (".eml", ".mht", ".mhtml"),
    "mbox": (".mbox", ".mbx"),
    "zip": (".zip",),
}
_BY_SUFFIX = {suffix: name for name, suffixes in _SUFFIXES.items() for suffix in suffixes}
_ZIPPED = frozenset("docx odt pptx odp xlsx ods epub zip".split())
_BINARY = _ZIPPED | {"pdf", "xls"}
_SPOKEN = {"text": "plain text", "markdown": "Markdown", "mail": "a mail message", "mbox": "a mailbox"}
"""How a format is called where it is not by its letters."""

_HTML = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?:(?!-->).){0,2000}-->\s*)*<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL
)
_PDF = re.compile(rb"%PDF-\d")
_FIELD = rb"[!-9;-~]+[ \t]*:"
_HEADERS = re.compile(rb"(?:" + _FIELD + rb"[^\n]*\n(?:[ \t][^\n]*\n)*)+")
_NAMES = re.compile(rb"^([!-9;-~]+)[ \t]*:", re.MULTILINE)
_MBOX = re.compile(rb"From [^\n]*\n(?:>From [^\n]*\n)*" + _FIELD)
_MBOX_TIMED = re.compile(rb"From [^\n]*\d:\d\d[^\n]*\n")
_WIDE = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_HEAD = 65_536

_MAIN_PARTS = (
    (re.compile(rb"wordprocessingml\.\w+\.main\+xml|ms-word\.\w+\.macroEnabled\w*\.main\+xml"), "docx"),
    (re.compile(rb"presentationml\.\w+\.main\+xml|ms-powerpoint\.\w+\.macroEnabled\w*\.main\+xml"), "pptx"),
    (re.compile(rb"spreadsheetml\.\w+\.main\+xml|ms-excel\.\w+\.macroEnabled\w*\.main\+xml"), "xlsx"),
)
_OTHER_PARTS = (
    (re.compile(rb"ms-excel\.sheet\.binary"), "binary Excel format: save it as .xlsx"),
    (re.compile(rb"ms-visio\."), "Visio drawing: save it as PDF"),
    (re.compile(rb"ms-package\.xps|openxps"), "XPS document: save it as PDF"),
)
_OPEN_DOCUMENT = {b"text": "odt", b"presentation": "odp", b"spreadsheet": "ods"}
_ROOT_ENTRY = re.compile(rb"<[^<>]*full-path=[\"']/[\"'][^<>]*>")
_OPEN_TYPE = re.compile(rb"application/vnd\.oasis\.opendocument\.(\w+)")
_TYPES, _MOST_TYPES = "[Content_Types].xml", 2**22
_DOCUMENT_FOLDERS = ("word/", "ppt/", "xl/", "OEBPS/", "content.xml", "META-INF/")
"""What stands in documents; an archive without any of these is no damaged one, but has the wrong suffix."""
_IN_OLE = (
    ("encryptedpackage", "encrypted: save it without a password"),
    ("worddocument", "old Word format: save it as .docx"),
    ("powerpoint document", "old PowerPoint format: save it as .pptx"),
    ("__properties_version1.0", "Outlook message: save it as .eml"),
    ("visiodocument", "Visio drawing: save it as PDF"),
    ("quill", "Publisher document: save it as PDF"),
)


def detect(path: str, data: bytes) -> str:
    """Return the name of a file's format; what is not known is ``text``, which its reader may find to be none.

    Raises Unreadable for kinds of files that are known, but not read, with the way to a kind that is.
    """
    suffix = PurePosixPath(path).suffix.lower()
    if data.startswith((b"PK\3\4", b"PK\5\6", b"PK\7\x08PK\3\4", b"PK00PK\3\4")):
        return _in_zip(suffix, data)
    if data.startswith(OLE):
        return _in_ole(suffix, data)
    if _is_pdf(suffix, data):
        return "pdf"
    if reason := known_reason(data):
        raise Unreadable(reason)
    name = _BY_SUFFIX.get(suffix, "")
    if name in _BINARY and looks_binary(data) and not data.startswith(_WIDE):
        raise Unreadable(f"damaged: named {suffix}, but it does not begin as {_spoken(name)} does")
    return _in_text(name, _head(data))


def suspicious_name(path: str, name: str) -> str:
    """Return a note about a file whose suffix promises another format than it has, or an empty string."""
    suffix = PurePosixPath(path).suffix.lower()
    promised = _BY_SUFFIX.get(suffix, name)
    return "" if promised == name else f"named {suffix}, but is {_spoken(name)}: read as such"


def _spoken(name: str) -> str:
    return _SPOKEN.get(name, name.upper())


def _head(data: bytes) -> bytes:
    """Return the beginning of a text as UTF-8 without its mark, so that words can be looked for in it."""
    head = data[:_HEAD]
    for mark, name in zip(_WIDE, ("utf-32", "utf-32", "utf-16", "utf-16"), strict=True):
        if head.startswith(mark):
            return head.decode(name, "replace").encode("utf-8", "replace")
    return head.removeprefix(codecs.BOM_UTF8)


def _is_pdf(suffix: str, data: bytes) -> bool:
    """Tell whether the header of a PDF stands where readers look for it, and not in a text about it."""
    found = _PDF.search(data[:1024])
    return found is not None and (not data[: found.start()].strip() or suffix == ".pdf" or looks_binary(data))


def _in_text(name: str, head: bytes) -> str:
    """Return the format of a text whose suffix promises format ``name``."""
    if head.startswith(rb"{\rtf"):
        return "rtf"
    if name in ("markdown", "json", "jsonl", "mail", "html"):
        return name
    if _HTML.match(head[:4096]):
        return "html"
    if name == "csv":
        return name
    if _MBOX.match(head) and (name == "mbox" or _MBOX_TIMED.match(head)):
        return "mbox"
    if _begins_as_mail(head):
        return "mail"
    return "csv" if name in ("xls", "xlsx", "ods") and _has_columns(head) else "text"


def _begins_as_mail(head: bytes) -> bool:
    block = _HEADERS.match(head)
    names = {field.lower() for field in _NAMES.findall(block.group())} if block else set()
    written = names & {b"date", b"message-id", b"received"}
    return b"from" in names and bool(written) and bool(names & {b"to", b"subject", b"message-id", b"mime-version"})


def _has_columns(head: bytes) -> bool:
    """Tell whether the first lines have as many tabs or semicolons each; programs name such tables ``.xls``."""
    lines = head.splitlines()[:3]
    return any(len({line.count(mark) for line in lines}) == 1 and mark in lines[0] for mark in (b"\t", b";", b","))


def _in_ole(suffix: str, data: bytes) -> str:
    names = {name.casefold() for name in root_names(data)}
    for inner, reason in _IN_OLE:
        if inner in names:
            raise Unreadable(reason)
    if names & {"workbook", "book"} or (not names and suffix == ".xls"):
        return "xls"
    raise Unreadable("document of an old Office program, or damaged: save it as PDF or in a newer format")


def _in_zip(suffix: str, data: bytes) -> str:
    """Return what a ZIP file is inside; where that can't be seen, what its suffix says."""
    promised = _BY_SUFFIX.get(suffix, "zip")
    promised = promised if promised in _ZIPPED else "zip"
    try:
        archive = open_bare(data)
    except Unreadable:  # its reader says what is wrong
        return promised
    with archive:
        members = {member.filename: member for member in archive.infolist()}
        try:
            name = _by_mime_type(archive, members) or _by_main_part(archive, members)
        except Unreadable:
            raise
        except DAMAGE:
            return promised
    if not name:
        _refuse_packages(members)
    return name or (promised if any(member.startswith(_DOCUMENT_FOLDERS) for member in members) else "zip")


def _by_mime_type(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo]) -> str:
    """Return what a package says of itself in the way of OpenDocument and EPUB, or an empty string."""
    kind = read_member(archive, members["mimetype"], 200).strip() if "mimetype" in members else b""
    if not kind and "META-INF/manifest.xml" in members:
        root = _ROOT_ENTRY.search(read_member(archive, members["META-INF/manifest.xml"], _HEAD))
        kind = root.group() if root else b""
    if kind == b"application/epub+zip" or "META-INF/container.xml" in members:
        return "epub"
    found = _OPEN_TYPE.search(kind)
    if found and found[1] not in _OPEN_DOCUMENT:
        raise Unreadable(f"OpenDocument {found[1].decode()}: save it as PDF")
    return _OPEN_DOCUMENT[found[1]] if found else ""


def _by_main_part(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo]) -> str:
    """Return what a package says of its main part in the way of Office Open XML, or an empty string."""
    if _TYPES not in members:
        return ""
    types = read_member(archive, members[_TYPES], _MOST_TYPES)
    for pattern, reason in _OTHER_PARTS:
        if pattern.search(types):
            raise Unreadable(reason)
    return next((name for pattern, name in _MAIN_PARTS if pattern.search(types)), "")


def _refuse_packages(members: Collection[str]) -> None:
    if any(member.endswith((".class", ".dex")) for member in members):
        raise Unreadable("program (Java or Android), not text")
    if any(member.endswith(".iwa") for member in members):
        raise Unreadable("Apple Pages, Numbers or Keynote document: export it as PDF or for Office")
