"""The parts of documents that are archives of XML, as those of Office, OpenDocument and EPUB are."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from lxml import etree

from index.load.archive import DAMAGE, open_zip, read_member
from index.load.clean import author_of, day_of, one_line, title_of
from index.load.limits import Limits, Unreadable

_MAX_PART = 2**27
"""Bytes of a part that is read whole; a tree of it takes ten times as many."""
_DC, _TERMS = "{http://purl.org/dc/elements/1.1/}", "{http://purl.org/dc/terms/}"
_META = "{urn:oasis:names:tc:opendocument:xmlns:meta:1.0}"
_EMPTY_DOCUMENTS = ("2013-12-23T23:15:00Z", "2013-01-27T09:1", "2006-09-16T", "1996-10-14T")
"""Beginnings of the times when the empty documents were made from which python-docx, python-pptx and Excel start."""


class Parts:
    """The parts of an archive by their names, which are the same in upper and lower case.

    A context manager that closes the archive.
    """

    def __init__(self, data: bytes, limits: Limits) -> None:
        """Open an archive. Raises Unreadable where it is damaged, encrypted, or would unpack to too much."""
        self._archive = open_zip(data, limits)
        self._members = {_plain(member.filename): member for member in self._archive.infolist()}

    def __iter__(self) -> Iterator[str]:
        return (member.filename for member in self._members.values())

    def __contains__(self, name: str) -> bool:
        return _plain(name) in self._members

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the archive."""
        self._archive.close()

    def spelt(self, name: str) -> str:
        """Return the name of a part as the archive spells it; of one that is not there, ``name``."""
        member = self._members.get(_plain(name))
        return member.filename if member else name

    def read(self, name: str) -> bytes:
        """Return a part's bytes, nothing where there is no such part. Raises Unreadable where it is damaged."""
        member = self._members.get(_plain(name))
        if member is None:
            return b""
        if member.file_size > _MAX_PART:
            raise Unreadable(f"{name} in it has {member.file_size // 2**20} MiB, which no such document needs")
        with _sound(name):
            return read_member(self._archive, member)

    def root(self, name: str) -> etree._Element | None:
        """Return the root element of a part, None where there is no such part. Raises Unreadable where it is no XML."""
        data = self.read(name)
        return parsed(data, name) if data else None

    def elements(self, name: str, *tags: str) -> Iterator[etree._Element]:
        """Yield the elements of a part that end, those with one of the local names ``tags``, and then forget them.

        Raises Unreadable where the part is damaged, not there, or may be a bomb.
        """
        member = self._members.get(_plain(name))
        if member is None:
            raise Unreadable(f"damaged: {name} is missing")
        with _sound(name), self._archive.open(member) as stream:
            wanted = [f"{{*}}{tag}" for tag in tags]
            for _, element in etree.iterparse(
                stream, tag=wanted, resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True
            ):
                _refuse_entities(element)
                yield element
                element.clear()
                parent = element.getparent()
                while parent is not None and element.getprevious() is not None:
                    del parent[0]


def _plain(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()


def parsed(data: bytes, name: str) -> etree._Element:
    """Return the root element of a part without comments. Raises Unreadable where it is no XML, or may be a bomb."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    with _sound(name):
        root = etree.fromstring(data, parser)
        _refuse_entities(root)
        return root


def _refuse_entities(element: etree._Element) -> None:
    """Raise Unreadable where the part of an element declares entities, in whatever encoding it is written."""
    declared = element.getroottree().docinfo.internalDTD
    if declared is not None and any(declared.iterentities()):
        raise Unreadable("damaged: its XML declares entities, as no office program does")


@contextmanager
def _sound(name: str) -> Iterator[None]:
    """Turn the errors of a damaged part into Unreadable."""
    try:
        yield
    except Unreadable:
        raise
    except etree.XMLSyntaxError as error:
        raise Unreadable(f"damaged: {name} is no XML ({one_line(error.msg or 'it is empty')})") from error
    except DAMAGE as error:
        raise Unreadable(f"damaged: {name} can't be unpacked ({error})") from error


def local(element: etree._Element) -> str:
    """Return an element's name without its namespace; comments have none."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def whole(raw: str | None, otherwise: int = 0) -> int:
    """Return a number that is written in digits, ``otherwise`` where it is none or longer than any that is meant."""
    return int(raw) if raw and raw.isascii() and raw.isdigit() and len(raw) < 10 else otherwise


def beside(part: str, target: str) -> str:
    """Return the name of the part to which a link in ``part`` leads."""
    return posixpath.normpath(posixpath.join("/", posixpath.dirname(part), target)).lstrip("/")


def links(parts: Parts, part: str) -> dict[str, tuple[str, str]]:
    """Return id to kind and name of the parts to which a part of an Office document refers."""
    folder, name = posixpath.split(part)
    root = parts.root(posixpath.join(folder, "_rels", f"{name}.rels"))
    return {
        link.get("Id", ""): (link.get("Type", "").rpartition("/")[2], beside(part, link.get("Target", "")))
        for link in (root if root is not None else ())
        if link.get("TargetMode") != "External"
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a document says of itself."""

    title: str = ""
    author: str = ""
    date: str = ""


def office_facts(parts: Parts) -> Facts:
    """Return what an Office document says, without the date of an empty document that a program began with."""
    name = next((name for kind, name in links(parts, "").values() if kind == "core-properties"), "")
    root = parts.root(name) if name else None
    if root is None:
        return Facts()
    times = [root.findtext(f"{_TERMS}{when}") or "" for when in ("created", "modified")]
    days = [day_of(time) for time in times if not time.startswith(_EMPTY_DOCUMENTS)]
    return Facts(
        title=title_of(root.findtext(f"{_DC}title")),
        author=author_of(root.findtext(f"{_DC}creator")),
        date=next(filter(None, days), ""),
    )


def open_document_facts(root: etree._Element | None) -> Facts:
    """Return what meta.xml says; ``dc:creator`` is only who saved the document last."""
    meta = None if root is None else root.find("{*}meta")
    if meta is None:
        return Facts()
    return Facts(
        title=title_of(meta.findtext(f"{_DC}title")),
        author=author_of(meta.findtext(f"{_META}initial-creator")) or author_of(meta.findtext(f"{_DC}creator")),
        date=day_of(meta.findtext(f"{_META}creation-date")) or day_of(meta.findtext(f"{_DC}date")),
    )


def refuse_encrypted(parts: Parts) -> None:
    """Raise Unreadable where the manifest of an OpenDocument file says that its parts are encrypted."""
    if b"encryption-data" in parts.read("META-INF/manifest.xml"):
        raise Unreadable("encrypted: save it without a password")
