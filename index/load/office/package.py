"""Packages of Office Open XML: checked, mended and lightened before a library opens them."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Collection
from dataclasses import dataclass

from lxml import etree

from index.load.archive import open_zip, read_member
from index.load.clean import author_of, day_of, title_of
from index.load.limits import Limits, Unreadable

_TYPES, _TOP = "[Content_Types].xml", "_rels/.rels"
_OLE, _ENCRYPTED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "EncryptedPackage".encode("utf-16-le")

_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/")
_MAIN_WORD = re.compile(
    rb"application/vnd\.(?:ms-word\.(?:document|template)\.macroEnabled(?:Template)?"
    rb"|openxmlformats-officedocument\.wordprocessingml\.template)\.main\+xml"
)
_MAIN_SLIDES = re.compile(
    rb"application/vnd\.(?:ms-powerpoint\.(?:slideshow|template|presentation)\.macroEnabled"
    rb"|openxmlformats-officedocument\.presentationml\.(?:slideshow|template))\.main\+xml"
)
_DC = "{http://purl.org/dc/elements/1.1/}"
_TERMS = "{http://purl.org/dc/terms/}"
_TEMPLATES = frozenset(("2013-12-23T23:15:00Z", "2013-01-27T09:14:16Z"))
"""When the empty documents were made that python-docx and python-pptx begin with."""

DAMAGE = (KeyError, ValueError, etree.XMLSyntaxError)
"""What python-docx and python-pptx raise over a package whose parts are missing, of another kind, or no XML."""


def damage(error: Exception, kind: str) -> str:
    """Return the reason why no ``kind`` of document can be read, where its library raised one of ``DAMAGE``."""
    if isinstance(error, etree.XMLSyntaxError):
        return f"damaged: a part of it is no XML ({error.msg})"
    return f"damaged: there is no {kind} in it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package that its library can open, and what it says of itself."""

    stream: io.BytesIO
    title: str
    author: str
    date: str


def open_package(data: bytes, limits: Limits) -> Package:
    """Return a package without its pictures, fonts and broken links, with the names that the libraries know.

    Documents with macros, templates and the strict variant of the format become ordinary ones: the libraries open
    nothing else, nor a package with a link to a part that is not there, as many real ones have.
    Raises Unreadable where it is encrypted, damaged, unpacks to too much, or is none.
    """
    if data.startswith(_OLE) and _ENCRYPTED in data:
        raise Unreadable("encrypted: save it without a password")
    with open_zip(data, limits) as archive:
        try:
            parts = {
                info.filename: read_member(archive, info)
                for info in archive.infolist()
                if info.filename.endswith((".xml", ".rels"))
            }
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise Unreadable(f"damaged: a part of it can't be unpacked ({error})") from error
    for name in (_TYPES, _TOP):
        if name not in parts:
            raise Unreadable(f"damaged: no Office document, {name} is missing")
    if any(b"<!DOCTYPE" in part or b"<!ENTITY" in part for part in parts.values()):
        raise Unreadable("damaged: its XML declares entities, as no Office program does")
    try:
        mended = {name: _mended(name, part, parts) for name, part in parts.items()}
        title, author, date = _properties(mended)
    except etree.XMLSyntaxError as error:
        raise Unreadable(f"damaged: a part of it is no XML ({error.msg})") from error
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as slim:
        for name, part in mended.items():
            slim.writestr(zipfile.ZipInfo(name), part)
    stream.seek(0)
    return Package(stream=stream, title=title, author=author, date=date)


def parse(part: bytes) -> etree._Element:
    """Return the root of a part. Raises etree.XMLSyntaxError where it is no XML."""
    return etree.fromstring(part, etree.XMLParser(resolve_entities=False, no_network=True))


def _mended(name: str, part: bytes, names: Collection[str]) -> bytes:
    part = _STRICT.sub(rb"http://schemas.openxmlformats.org/\1/2006/", part)
    if name == _TYPES:
        word = rb"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
        slides = rb"application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"
        return _MAIN_SLIDES.sub(slides, _MAIN_WORD.sub(word, part))
    if name.endswith(".rels"):
        return _without_broken_links(name, part, names)
    return part


def _without_broken_links(name: str, part: bytes, names: Collection[str]) -> bytes:
    root = parse(part)
    folder = posixpath.dirname(posixpath.dirname(name))
    for link in list(root):
        target = link.get("Target", "") if isinstance(link.tag, str) else ""
        inside = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
        if link.get("TargetMode") != "External" and inside not in names:
            root.remove(link)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True))


def _properties(parts: dict[str, bytes]) -> tuple[str, str, str]:
    """Return title, author and day, without those of an empty document that a library began with."""
    for link in parse(parts[_TOP]):
        if link.get("Type", "").endswith("/core-properties") and link.get("TargetMode") != "External":
            root = parse(parts[posixpath.normpath(posixpath.join("/", link.get("Target", ""))).lstrip("/")])
            written = root.findtext(f"{_TERMS}created") or root.findtext(f"{_TERMS}modified")
            return (
                title_of(root.findtext(f"{_DC}title")),
                author_of(root.findtext(f"{_DC}creator")),
                "" if written in _TEMPLATES else day_of(written),
            )
    return "", "", ""
