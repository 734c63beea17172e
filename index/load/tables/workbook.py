"""What the readers of spreadsheet formats share: sheets of cells, and the parts of the archives that hold them."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from lxml import etree

from index.load.archive import DAMAGE, read_member
from index.load.limits import Unreadable
from index.load.tables.cells import Cell

MAX_COLUMNS = 16_384
"""Of a sheet, in every program that writes them."""

MAX_ROWS = 1_048_576

Row = tuple[int, Sequence[Cell]]
"""A row's number and those of its cells that show something, from left to right; there is at least one."""

_MAX_PART = 2**26
"""Bytes of a part that is read whole, such as the list of sheets or the styles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One sheet; ``rows`` come from top to bottom, and only once. Taking them may raise Unreadable."""

    name: str
    rows: Iterator[Row]
    hidden: bool = False


@dataclass(slots=True, kw_only=True)
class Workbook:
    """A spreadsheet document; each sheet is to be taken before the next."""

    sheets: Iterator[Sheet]
    title: str = ""
    author: str = ""
    date: str = ""
    notes: list[str] = field(default_factory=list)
    """What is left out; complete once all sheets are taken."""


@contextmanager
def sound(name: str) -> Iterator[None]:
    """Turn the errors of a damaged part into Unreadable."""
    try:
        yield
    except etree.XMLSyntaxError as error:
        raise Unreadable(f"damaged: {name} in it is no XML ({error.msg})") from error
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise Unreadable(f"damaged: {name} in it can't be unpacked ({error})") from error


class Parts:
    """The parts of an archive by their names, which are the same in upper and lower case."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._members = {_plain(member.filename): member for member in archive.infolist()}

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __contains__(self, name: str) -> bool:
        return _plain(name) in self._members

    def read(self, name: str) -> bytes:
        """Return a part's bytes, nothing where there is no such part. Raises Unreadable where it is damaged."""
        member = self._members.get(_plain(name))
        if member is None:
            return b""
        if member.file_size > _MAX_PART:
            raise Unreadable(f"{name} in it has {member.file_size // 2**20} MiB, which no such document needs")
        try:
            return read_member(self._archive, member)
        except DAMAGE as error:
            raise Unreadable(f"damaged: {name} in it can't be unpacked ({error})") from error

    def root(self, name: str) -> etree._Element | None:
        """Return the root element of a part, None where there is no such part. Raises Unreadable."""
        data = self.read(name)
        if not data:
            return None
        with sound(name):
            return etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True, recover=False))

    def elements(self, name: str, *tags: str) -> Iterator[etree._Element]:
        """Yield the elements of a part that end, those with one of the local names ``tags``, and then forget them.

        Raises Unreadable where the part is damaged or not there.
        """
        member = self._members.get(_plain(name))
        if member is None:
            raise Unreadable(f"damaged: {name} is missing")
        try:
            stream = self._archive.open(member)
        except DAMAGE as error:
            raise Unreadable(f"damaged: {name} in it can't be unpacked ({error})") from error
        with stream, sound(name):
            wanted = [f"{{*}}{tag}" for tag in tags]
            for _, element in etree.iterparse(
                stream, tag=wanted, resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True
            ):
                yield element
                element.clear()
                parent = element.getparent()
                while parent is not None and element.getprevious() is not None:
                    del parent[0]


def _plain(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()


def local(element: etree._Element) -> str:
    """Return an element's name without its namespace; comments have none."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def counted(number: int, what: str) -> str:
    """Return a number of things in words: ``1 sheet``, ``2,000 rows``, ``2 charts or other objects``."""
    first, _, rest = what.partition(" or ")
    words = f"{number:,} {first}{'' if number == 1 else 's'}"
    return f"{words} or {rest}{'' if number == 1 else 's'}" if rest else words
