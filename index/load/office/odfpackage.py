"""Packages of OpenDocument files: checked before anything in them is read."""

from __future__ import annotations

import posixpath
import zipfile
import zlib
from types import TracebackType
from typing import Self

from lxml import etree

from index.load.archive import open_zip
from index.load.clean import author_of, day_of, title_of
from index.load.limits import Limits, Unreadable
from index.load.office.odfstyles import Styles, tag

_DESIGNS = frozenset(
    "Alizarin|Beehive|Blue Curve|Blueprint Plans|Bright Blue|Candy|Classy Red|DNA|Focus|Forestbird|Freshes|"
    "Grey Elegant|Growing Liberty|Inspiration|Lights|Lush Green|Metropolis|Midnightblue|Nature Illustration|Pencil|"
    "Piano|Portfolio|Progress|Sunset|Vintage|Vivid|Yellow Idea".split("|")
)
"""Titles that LibreOffice gives to presentations: the names of its designs."""


class Package:
    """An OpenDocument file, open until the ``with`` block around it ends."""

    def __init__(self, data: bytes, limits: Limits, kind: str) -> None:
        """Open a document whose body is a ``kind``: ``text`` or ``presentation``.

        Raises Unreadable where it is encrypted, damaged, unpacks to too much, or is another kind of document.
        """
        self._archive = open_zip(data, limits)
        try:
            self._open(kind)
        except Unreadable:
            self._archive.close()
            raise

    def _open(self, kind: str) -> None:
        manifest = self.part("META-INF/manifest.xml")
        if manifest is not None and manifest.find(f".//{tag('manifest:encryption-data')}") is not None:
            raise Unreadable("encrypted: save it without a password")
        content = self.part("content.xml")
        if content is None:
            raise Unreadable("damaged: no OpenDocument file, content.xml is missing")
        body = content.find(f"{tag('office:body')}/{tag(f'office:{kind}')}")
        if body is None:
            raise Unreadable(f"damaged: there is no {kind} in it")
        self.body: etree._Element = body
        self.notes: list[str] = []
        self.styles = Styles(content, self.aside("styles.xml"))
        title, self.author, self.date = _properties(self.aside("meta.xml"))
        self.title = "" if kind == "presentation" and title in _DESIGNS else title

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._archive.close()

    def aside(self, name: str) -> etree._Element | None:
        """Return the root of a part that the document can do without."""
        try:
            return self.part(name)
        except Unreadable as error:
            self.notes.append(f"read without {name}: {error}")
            return None

    def part(self, name: str) -> etree._Element | None:
        """Return the root of a part, or None where there is none. Raises Unreadable where it is no XML."""
        try:
            raw = self._archive.read(posixpath.normpath(name))
        except KeyError:
            return None
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise Unreadable(f"damaged: {name} can't be unpacked ({error})") from error
        if b"<!ENTITY" in raw:
            raise Unreadable("damaged: its XML declares entities, as no office program does")
        try:
            return etree.fromstring(raw, etree.XMLParser(resolve_entities=False, no_network=True))
        except etree.XMLSyntaxError as error:
            raise Unreadable(f"damaged: {name} is no XML ({error.msg})") from error


def _properties(root: etree._Element | None) -> tuple[str, str, str]:
    """Return title, author and day as meta.xml says; ``dc:creator`` is only who saved it last."""
    meta = None if root is None else root.find(tag("office:meta"))
    if meta is None:
        return "", "", ""
    return (
        title_of(meta.findtext(tag("dc:title"))),
        author_of(meta.findtext(tag("meta:initial-creator"))) or author_of(meta.findtext(tag("dc:creator"))),
        day_of(meta.findtext(tag("meta:creation-date"))) or day_of(meta.findtext(tag("dc:date"))),
    )
