"""Packages of Office Open XML: checked, mended and lightened before a library opens them."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

from index.load.clean import one_line
from index.load.limits import Limits, Unreadable
from index.load.ole import OLE
from index.load.parts import Facts, Parts, beside, local, office_facts, parsed

_TYPES, _TOP = "[Content_Types].xml", "_rels/.rels"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")

_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/")
_MAIN_WORD = re.compile(
    rb"application/vnd\.(?:ms-word\.(?:document|template)\.macroEnabled(?:Template)?"
    rb"|openxmlformats-officedocument\.wordprocessingml\.template)\.main\+xml"
)
_MAIN_SLIDES = re.compile(
    rb"application/vnd\.(?:ms-powerpoint\.(?:slideshow|template|presentation)\.macroEnabled"
    rb"|openxmlformats-officedocument\.presentationml\.(?:slideshow|template))\.main\+xml"
)
_WORD = b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
_SLIDES = b"application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"

DAMAGE = (KeyError, ValueError, AttributeError, etree.XMLSyntaxError)
"""What python-docx and python-pptx raise, beside errors of their own, while they open a package whose parts are
missing, of another kind, or no XML; to be caught around calls to the libraries alone."""


def damage(error: Exception, kind: str) -> str:
    """Return the reason why no ``kind`` of document can be read, where its library raised one of ``DAMAGE``."""
    if isinstance(error, etree.XMLSyntaxError):
        return f"damaged: a part of it is no XML ({one_line(error.msg or 'it is empty')})"
    return f"damaged: there is no {kind} in it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package that its library can open, and what it says of itself."""

    stream: io.BytesIO
    facts: Facts


def open_package(data: bytes, limits: Limits) -> Package:
    """Return a package without its pictures, fonts and broken links, with the names that the libraries know.

    Documents with macros, templates and the strict variant of the format become ordinary ones: the libraries open
    nothing else, nor a package with a link to a part that is not there, as many real ones have.
    Raises Unreadable where it is encrypted, damaged, unpacks to too much, or is none.
    """
    if data.startswith(OLE) and _ENCRYPTED in data:
        raise Unreadable("encrypted: save it without a password")
    with Parts(data, limits) as parts:
        texts = {name: parts.read(name) for name in parts if name.endswith((".xml", ".rels"))}
        for name in (_TYPES, _TOP):
            if name not in texts:
                raise Unreadable(f"damaged: no Office document, {name} is missing")
        if any(b"<!DOCTYPE" in text or b"<!ENTITY" in text for text in texts.values()):
            raise Unreadable("damaged: its XML declares entities, as no office program does")
        facts = office_facts(parts)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as slim:
        for name, text in texts.items():
            slim.writestr(zipfile.ZipInfo(name), _mended(name, text, texts))
    stream.seek(0)
    return Package(stream=stream, facts=facts)


def _mended(name: str, text: bytes, texts: Mapping[str, bytes]) -> bytes:
    text = _STRICT.sub(rb"http://schemas.openxmlformats.org/\1/2006/", text)
    if name == _TYPES:
        return _MAIN_SLIDES.sub(_SLIDES, _MAIN_WORD.sub(_WORD, text))
    if name.endswith(".rels"):
        return _without_broken_links(name, text, texts)
    return text


def _without_broken_links(name: str, text: bytes, texts: Mapping[str, bytes]) -> bytes:
    root = parsed(text, name)
    part = name.replace("_rels/", "").removesuffix(".rels")
    for link in list(root):
        whole = local(link) == "Relationship" and all(link.get(key) for key in ("Id", "Type", "Target"))
        outside = link.get("TargetMode") == "External"
        if not whole or not (outside or beside(part, link.get("Target")) in texts):
            root.remove(link)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True))
