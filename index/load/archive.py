"""Archives: opened with care, for ZIP files themselves and for the formats that are ZIP files inside."""

from __future__ import annotations

import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from index.load.limits import Limits, Unreadable
from index.load.walk import MAX_BYTES, UNSAFE

_ENCRYPTED, _UTF8 = 0x1, 0x800
_METHODS = frozenset((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
_CHUNK = 2**20
_UNICODE_PATH = 0x7075
_DRIVE = re.compile(r"[A-Za-z]:")

DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, RuntimeError)
"""What zipfile raises over members that are damaged, encrypted or packed in a way that it does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file within an archive or mailbox: its bytes, or the reason why it is left out."""

    name: str
    """With ``/`` between folders."""
    data: bytes = b""
    reason: str = ""


def open_zip(data: bytes, limits: Limits) -> zipfile.ZipFile:
    """Return an archive that is whole and within ``limits``, to be closed by the caller.

    A member that is read in pieces, as by ``read_member``, gives no more than the size it declares, so that the sum
    of those bounds what comes out. Only the two methods that document formats allow are taken: Python unpacks the
    others whole before it looks at that size.
    Raises Unreadable where it is damaged, encrypted, or would unpack to too much.
    """
    archive = open_bare(data)
    try:
        members = [member for member in archive.infolist() if not member.filename.endswith("/")]
        expanded = sum(member.file_size for member in members)
        if expanded > limits.expanded:
            most = limits.expanded // 2**20
            raise Unreadable(f"unpacks to {expanded // 2**20} MiB, more than the {most} MiB that are allowed")
        _refuse_encrypted(members)
        if not all(member.compress_type in _METHODS for member in members):
            raise Unreadable("damaged: packed in a way that no such document is")
    except Unreadable:
        archive.close()
        raise
    return archive


def _refuse_encrypted(members: Sequence[zipfile.ZipInfo]) -> None:
    if members and all(member.flag_bits & _ENCRYPTED for member in members):
        raise Unreadable("encrypted: save it without a password")


def open_bare(data: bytes) -> zipfile.ZipFile:
    """Return an archive whose list of members can be read, and no more is known. Raises Unreadable otherwise."""
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except (*DAMAGE, UnicodeError) as error:
        raise Unreadable(f"damaged or truncated archive ({error})") from error


def read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int | None = None) -> bytes:
    """Return what a member unpacks to, or its first ``most`` bytes. Raises one of DAMAGE where it can't."""
    size = member.file_size if most is None else min(most, member.file_size)
    pieces: list[bytes] = []
    with archive.open(member) as stream:
        while size > 0 and (piece := stream.read(min(_CHUNK, size))):
            pieces.append(piece)
            size -= len(piece)
        if most is None:
            stream.read(1)  # the checksum is looked at only at the end
    return b"".join(pieces)


def members_of_zip(data: bytes, limits: Limits) -> Iterator[Member]:
    """Yield the files of an archive in the order of their names, those left out with the reason, as a walk does.

    At most ``limits.members`` files are looked at, and ``limits.expanded`` bytes unpacked; what is over is left out.
    Raises Unreadable where the archive as a whole is damaged or encrypted.
    """
    with open_bare(data) as archive:
        named = sorted(((_name(info), at, info) for at, info in enumerate(archive.infolist())), key=lambda n: n[:2])
        files = [(name, info) for name, _, info in named if not name.endswith("/")]
        _refuse_encrypted([info for _, info in files])
        taken = {name for name, _ in files}
        seen: dict[str, int] = {}
        closed: set[str] = set()
        room = limits.expanded
        for at, (name, info) in enumerate(files):
            if at == limits.members:
                yield Member(name=shown(name), reason=left_over(len(files) - at, "file", limits))
                return
            folder = _closed_folder(name)
            if any(str(above) in taken for above in PurePosixPath(name).parents):
                yield Member(
                    name=shown(name), reason="its folder is called like a file of the archive: rename one of them"
                )
            elif not folder:
                member = _member(archive, info, name, apart(name, seen, taken), room)
                room -= len(member.data)
                yield member
            elif folder not in closed:
                closed.add(folder)
                own = folder.endswith("__MACOSX/")
                yield Member(name=shown(folder), reason="what macOS notes about the files" if own else "hidden folder")


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, own: str, room: int) -> Member:
    reason = _reason(name, info, room)
    if reason:
        return Member(name=shown(own), reason=reason)
    try:
        return Member(name=own, data=read_member(archive, info))
    except DAMAGE as error:
        return Member(name=own, reason=f"damaged in the archive ({error})")


def shown(name: str) -> str:
    """Return a name that may hold anything as one that can be shown."""
    return UNSAFE.sub("\N{REPLACEMENT CHARACTER}", name).replace("\\", "\N{REPLACEMENT CHARACTER}")


def left_over(count: int, what: str, limits: Limits) -> str:
    """Return the reason for the first of ``count`` members over the limit; ``what`` is one, a file or message."""
    others = f" with the {count - 1} {what}{'s' if count > 2 else ''} after it" if count > 1 else ""
    return f"left out{others}: more than {limits.members} {what}s"


def _name(info: zipfile.ZipInfo) -> str:
    """Return a member's name in the encoding that was meant; many programs write UTF-8 and do not say so."""
    if info.flag_bits & _UTF8:
        return info.orig_filename
    raw = info.orig_filename.encode("cp437", "replace")
    return _unicode_path(info.extra, raw) or _utf8(raw) or info.orig_filename


def _utf8(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return ""


def _unicode_path(extra: bytes, raw: bytes) -> str:
    """Return the name that Info-ZIP's field gives beside the old one, or nothing. Source: APPNOTE.TXT, 4.6.9."""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        body, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == _UNICODE_PATH and body[:1] == b"\1" and body[1:5] == struct.pack("<I", zlib.crc32(raw)):
            return _utf8(body[5:])
    return ""


def _closed_folder(name: str) -> str:
    """Return the outermost folder above a file that is not entered, with a ``/`` at its end, or an empty string."""
    *folders, _ = name.split("/")
    for depth, folder in enumerate(folders, 1):
        if folder == "__MACOSX" or (folder.startswith(".") and folder.strip(".")):
            return "/".join(folders[:depth]) + "/"
    return ""


def apart(name: str, seen: dict[str, int], taken: Collection[str]) -> str:
    """Return ``name``, or for its second file a name that no other has, ``a (2).txt``.

    ``seen`` holds the names given out so far, each with the last number beside it, and grows by this one;
    ``taken`` are the names that files have of their own.
    """
    stem, dot, suffix = name.rpartition(".")
    if not stem or "/" in suffix:
        stem, dot, suffix = name, "", ""
    other, number = name, seen.get(name, 1)
    while other in seen or (other != name and other in taken):
        number += 1
        other = f"{stem} ({number}){dot}{suffix}"
    seen[name] = number
    seen.setdefault(other, 1)
    return other


def _reason(name: str, info: zipfile.ZipInfo, room: int) -> str:
    """Return why a file is left out, or an empty string; ``room`` is how many bytes may still be unpacked."""
    parts = name.split("/")
    if UNSAFE.search(name) or "\\" in name or _DRIVE.match(name) or not parts[0] or {"..", "."} & set(parts):
        return "its name leads out of the archive or can't be a file's: rename it"
    if parts[-1].startswith("."):
        return "hidden file"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "link, not a file"
    if info.flag_bits & _ENCRYPTED:
        return "encrypted: save it without a password"
    if info.file_size == 0:
        return "empty file"
    if info.compress_type not in _METHODS:
        return "packed in a way that is not read: pack it again as an ordinary ZIP"
    if info.file_size > MAX_BYTES:
        return f"larger than {MAX_BYTES // 2**20} MiB"
    return "left out: the archive unpacks to too much" if info.file_size > room else ""
