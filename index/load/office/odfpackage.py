"""Packages of OpenDocument files: checked before anything in them is read."""

from __future__ import annotations

from dataclasses import replace
from types import TracebackType
from typing import Self

from lxml import etree

from index.load.limits import Limits, Unreadable
from index.load.office.odfstyles import Styles, tag
from index.load.parts import Parts, open_document_facts, refuse_encrypted

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
        self._parts = Parts(data, limits)
        self.notes: list[str] = []
        try:
            refuse_encrypted(self._parts)
            self._open(kind)
        except Unreadable:
            self._parts.close()
            raise

    def _open(self, kind: str) -> None:
        content = self._parts.root("content.xml")
        if content is None:
            raise Unreadable("damaged: no OpenDocument file, content.xml is missing")
        body = content.find(f"{tag('office:body')}/{tag(f'office:{kind}')}")
        if body is None:
            raise Unreadable(f"damaged: there is no {kind} in it")
        self.body: etree._Element = body
        self.styles = Styles(content, self.aside("styles.xml"))
        self.facts = open_document_facts(self.aside("meta.xml"))
        if kind == "presentation" and self.facts.title in _DESIGNS:
            self.facts = replace(self.facts, title="")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._parts.close()

    def aside(self, name: str) -> etree._Element | None:
        """Return the root of a part that the document can do without."""
        try:
            return self._parts.root(name)
        except Unreadable as error:
            self.notes.append(f"read without {name}: {error}")
            return None

    def object(self, link: str) -> etree._Element | None:
        """Return the root of an embedded object, such as a chart or formula, or None where it is not embedded."""
        return self.aside(f"{link.removeprefix('./')}/content.xml") if link and "://" not in link else None
