"""Archives: what comes out of them, under which names, and what is left out for which reason."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from dataclasses import replace

import pytest

from index.load.archive import DAMAGE, Member, members_of_zip, open_bare, open_zip, read_member
from index.load.limits import Limits, Unreadable
from tests.documents import zipped

LIMITS = Limits()
UNSAFE = "its name leads out of the archive or can't be a file's: rename it"


def pack(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return stream.getvalue()


def renamed(data: bytes, old: bytes, new: bytes) -> bytes:
    """Return an archive in which a name is spelt in other bytes, as other programs write it."""
    assert len(old) == len(new)
    return data.replace(old, new)


def with_flag(data: bytes, flag: int, *, of: bytes = b"") -> bytes:
    """Return an archive with a flag set in the headers of the members whose names begin with ``of``."""
    raw = bytearray(data)
    for mark, flags, name in ((b"PK\3\4", 6, 30), (b"PK\1\2", 8, 46)):
        at = raw.find(mark)
        while at >= 0:
            if raw[at + name :].startswith(of):
                raw[at + flags : at + flags + 2] = struct.pack("<H", flag)
            at = raw.find(mark, at + 4)
    return bytes(raw)


def listed(data: bytes, limits: Limits = LIMITS) -> list[Member]:
    return list(members_of_zip(data, limits))


def test_files_come_in_the_order_of_their_names_and_folders_do_not() -> None:
    data = pack(("b.txt", b"two"), ("a/", b""), ("a/z.md", b"three"), ("a.txt", b"one"), ("Ä.txt", b"four"))
    assert listed(data) == [
        Member(name="a.txt", data=b"one"),
        Member(name="a/z.md", data=b"three"),
        Member(name="b.txt", data=b"two"),
        Member(name="Ä.txt", data=b"four"),
    ]


def test_what_a_walk_leaves_out_is_left_out() -> None:
    link = zipfile.ZipInfo("link.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    stream = io.BytesIO(
        pack((".git/a", b"x"), (".git/b/c", b"x"), ("__MACOSX/._a.txt", b"x"), ("d/.DS_Store", b"x"), ("e.txt", b""))
    )
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    assert listed(stream.getvalue()) == [
        Member(name=".git/", reason="hidden folder"),
        Member(name="__MACOSX/", reason="what macOS notes about the files"),
        Member(name="d/.DS_Store", reason="hidden file"),
        Member(name="e.txt", reason="empty file"),
        Member(name="link.txt", reason="link, not a file"),
    ]


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x", "C:/x", "c:x", "a\\x", "..", "a//../x", "./x"])
def test_names_that_lead_out_of_the_archive(name: str) -> None:
    assert listed(pack((name, b"x"))) == [Member(name=name.replace("\\", "\N{REPLACEMENT CHARACTER}"), reason=UNSAFE)]


def test_a_name_with_a_zero_byte() -> None:
    data = renamed(pack(("a-b.txt", b"x")), b"a-b.txt", b"a\0b.txt")
    assert listed(data) == [Member(name="a\N{REPLACEMENT CHARACTER}b.txt", reason=UNSAFE)]


def test_names_are_decoded_as_they_were_meant() -> None:
    flagged = pack(("Übersicht.txt", b"x"))
    assert [member.name for member in listed(flagged)] == ["Übersicht.txt"]
    old = renamed(pack(("_bersicht.txt", b"x")), b"_bersicht", "Übersicht".encode("cp437"))
    assert [member.name for member in listed(old)] == ["Übersicht.txt"]
    silent = renamed(pack(("__bersicht.txt", b"x")), b"__bersicht", "Übersicht".encode())
    assert [member.name for member in listed(silent)] == ["Übersicht.txt"]


@pytest.mark.parametrize(("checked", "name"), [(b"plain.txt", "Привет.txt"), (b"other.txt", "plain.txt")])
def test_the_unicode_name_of_info_zip_counts_where_it_is_of_this_name(checked: bytes, name: str) -> None:
    info = zipfile.ZipInfo("plain.txt")
    body = struct.pack("<BI", 1, zlib.crc32(checked)) + "Привет.txt".encode()
    info.extra = struct.pack("<HHI", 0x9999, 4, 0) + struct.pack("<HH", 0x7075, len(body)) + body
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(info, "x")
    assert listed(stream.getvalue()) == [Member(name=name, data=b"x")]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_files_of_one_name_are_told_apart() -> None:
    data = pack(("a.txt", b"1"), ("a.txt", b"2"), ("a (2).txt", b"3"), ("d.e/f", b"4"), ("d.e/f", b"5"))
    assert listed(data) == [
        Member(name="a (2).txt", data=b"3"),
        Member(name="a.txt", data=b"1"),
        Member(name="a (3).txt", data=b"2"),
        Member(name="d.e/f", data=b"4"),
        Member(name="d.e/f (2)", data=b"5"),
    ]


def test_encrypted_members_and_archives() -> None:
    data = with_flag(pack(("a.txt", b"1"), ("b.txt", b"2")), 1, of=b"b")
    assert listed(data) == [
        Member(name="a.txt", data=b"1"),
        Member(name="b.txt", reason="encrypted: save it without a password"),
    ]
    with pytest.raises(Unreadable, match=r"^encrypted: save it without a password$"):
        listed(with_flag(data, 1))
    with pytest.raises(Unreadable, match=r"^encrypted: save it without a password$"):
        open_zip(with_flag(data, 1), LIMITS)


def test_a_damaged_member_costs_itself_alone() -> None:
    data = pack(("a.txt", b"first words"), ("b.txt", b"second"), method=zipfile.ZIP_STORED)
    assert listed(data.replace(b"first words", b"First words")) == [
        Member(name="a.txt", reason="damaged in the archive (Bad CRC-32 for file 'a.txt')"),
        Member(name="b.txt", data=b"second"),
    ]


@pytest.mark.parametrize("data", [b"", b"PK", pack(("a", b"x" * 99))[:60], b"no archive at all"])
def test_a_damaged_archive(data: bytes) -> None:
    for read in (listed, open_bare, lambda raw: open_zip(raw, LIMITS)):
        with pytest.raises(Unreadable, match=r"^damaged or truncated archive \("):
            read(data)


def test_what_an_archive_may_unpack_to() -> None:
    data = pack(("a", b"1" * 60), ("b", b"2" * 60), ("c", b"3" * 30))
    assert listed(data, replace(LIMITS, expanded=100)) == [
        Member(name="a", data=b"1" * 60),
        Member(name="b", reason="left out: the archive unpacks to too much"),
        Member(name="c", data=b"3" * 30),
    ]
    with pytest.raises(Unreadable, match=r"^unpacks to 3 MiB, more than the 1 MiB that are allowed$"):
        open_zip(pack(("a", b"1" * 3 * 2**20)), replace(LIMITS, expanded=2**20))


def test_a_member_of_many_files_and_large_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.load.archive.MAX_BYTES", 2**20)
    data = pack(("a", b"1" * (2**20 + 1)), ("b", b"2"), ("c", b"3"), ("d", b"4"))
    assert listed(data, replace(LIMITS, members=2)) == [
        Member(name="a", reason="larger than 1 MiB"),
        Member(name="b", data=b"2"),
        Member(name="c", reason="left out with the 1 file after it: more than 2 files"),
    ]
    assert listed(data, replace(LIMITS, members=3))[3:] == [Member(name="d", reason="left out: more than 3 files")]


def test_a_size_that_lies_bounds_what_is_read() -> None:
    """A bomb that declares few bytes gives no more than those, and is found out by its checksum."""
    data = pack(("a", b"\0" * 5_000_000))
    small = data.replace(struct.pack("<I", 5_000_000), struct.pack("<I", 10))
    assert listed(small) == [Member(name="a", reason="damaged in the archive (Bad CRC-32 for file 'a')")]
    with open_zip(small, LIMITS) as archive, pytest.raises(DAMAGE):
        read_member(archive, archive.infolist()[0])
    with open_zip(data, LIMITS) as archive:
        assert read_member(archive, archive.infolist()[0], 7) == b"\0" * 7
        assert read_member(archive, archive.infolist()[0]) == b"\0" * 5_000_000


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_unpack_without_bounds_are_not_used(method: int) -> None:
    data = pack(("a", b"words"), method=method)
    reason = "packed in a way that is not read: pack it again as an ordinary ZIP"
    assert listed(data) == [Member(name="a", reason=reason)]
    with pytest.raises(Unreadable, match=r"^damaged: packed in a way that no such document is$"):
        open_zip(data, LIMITS)


def test_an_archive_in_an_archive_is_a_file_like_others() -> None:
    inner = pack(("a.txt", b"x"))
    assert listed(pack(("inner.zip", inner))) == [Member(name="inner.zip", data=inner)]


def test_a_member_without_a_name_is_refused_and_breaks_nothing() -> None:
    data = zipped({"xyzw": b"One.", "b.txt": b"Two."})
    at = data.index(b"PK\1\2")
    nameless = data[: at + 28] + b"\0\0\4\0" + data[at + 32 :].replace(b"xyzw", b"\xfe\xca\0\0")
    with open_zip(nameless, Limits()) as archive:
        assert [info.filename for info in archive.infolist()] == ["", "b.txt"]
    members = list(members_of_zip(nameless, Limits()))
    assert [(member.name, bool(member.reason)) for member in members] == [("", True), ("b.txt", False)]
