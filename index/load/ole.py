"""What an OLE file holds: the old container of Office documents, of encrypted new ones, and of Outlook messages."""

from __future__ import annotations

import struct

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How such a file begins."""

_LAST = 0xFFFFFFFA
"""Sector numbers from here on are marks, such as that of a chain's end."""
_NONE = 0xFFFFFFFF
_ENTRY = 128


def root_names(data: bytes) -> frozenset[str]:
    """Return the names of the streams and folders at the root, as far as they can be read: no more of a broken file.

    What lies deeper belongs to documents set into this one, and says nothing about its own format.
    Source: [MS-CFB], 2.2 to 2.6.
    """
    if len(data) < 512 or not data.startswith(OLE):
        return frozenset()
    entries = _directory(data)
    if not entries:
        return frozenset()
    names: set[str] = set()
    ahead = [_child(entries[0])]
    seen: set[int] = set()
    while ahead:
        at = ahead.pop()
        if at in seen or at >= len(entries):
            continue
        seen.add(at)
        entry = entries[at]
        length = struct.unpack_from("<H", entry, 64)[0]
        names.add(entry[: max(0, min(length, 64) - 2)].decode("utf-16-le", "replace"))
        ahead += struct.unpack_from("<II", entry, 68)
    return frozenset(names)


def _child(entry: bytes) -> int:
    return int(struct.unpack_from("<I", entry, 76)[0])


def _directory(data: bytes) -> list[bytes]:
    """Return the entries of the directory, which is a chain of sectors."""
    shift = struct.unpack_from("<H", data, 30)[0]
    if shift not in (9, 12):
        return []
    size = 1 << shift
    sector = int(struct.unpack_from("<I", data, 48)[0])
    tables = struct.unpack_from("<109I", data, 76)
    entries: list[bytes] = []
    seen: set[int] = set()
    while sector < _LAST and sector not in seen:
        seen.add(sector)
        body = data[(sector + 1) * size : (sector + 2) * size]
        entries += [body[at : at + _ENTRY] for at in range(0, len(body) - _ENTRY + 1, _ENTRY)]
        sector = _following(data, sector, size, tables)
    return entries


def _following(data: bytes, sector: int, size: int, tables: tuple[int, ...]) -> int:
    """Return the sector after one; of the largest files the last tables are not looked at."""
    table, at = divmod(sector, size // 4)
    offset = (tables[table] + 1) * size + 4 * at if table < len(tables) and tables[table] < _LAST else len(data)
    return int(struct.unpack_from("<I", data, offset)[0]) if offset + 4 <= len(data) else _NONE
