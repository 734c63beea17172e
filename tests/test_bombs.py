"""Documents that are small on disk and huge when read: each stays within the limits, and no other document suffers."""

from __future__ import annotations

import io
import json
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from index.load.limits import Limits
from index.load.readers import Readers
from tests.documents import zipped
from tests.hostile import check_extract, examples
from tests.office import changed, docx_of, p, r
from tests.test_hostile_references import pdf_of
from tests.workbooks import by_hand, inline, ods, open_cell, open_row, open_table

MIB = 2**20
LIMITS = Limits(
    seconds=20, memory=400 * MIB, expanded=64 * MIB, pages=50, characters=2_000_000, members=200, depth=2, ocr=""
)
PATIENCE = 600
"""Seconds after which a bomb counts as one that no limit stops; a machine may be busy, or stand still."""
SOUND = "The bridge was built in 1902.\n"


@pytest.fixture(scope="module")
def readers() -> Iterator[Readers]:
    with Readers(LIMITS, workers=1) as opened:
        yield opened


def _stored(name: str, method: int = zipfile.ZIP_DEFLATED, mib: int = 300) -> bytes:
    """Return an archive with a member of nothing but zeros."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive, archive.open(name, "w", force_zip64=True) as member:
        for _ in range(mib):
            member.write(b" " * MIB)
    return stream.getvalue()


def zip_of_spaces() -> bytes:
    return _stored("a.txt")


def zip_of_zips() -> bytes:
    data = zipped({f"{at}.bin": b"\0" * 2**22 for at in range(4)})
    for _ in range(2):
        data = zipped({f"{at}.zip": data for at in range(6)})
    return data


def zip_that_understates() -> bytes:
    """Return an archive whose list says that a member has ten bytes."""
    data = bytearray(_stored("a.txt", mib=100))
    at = data.rindex(b"PK\1\2")
    struct.pack_into("<I", data, at + 24, 10)
    return bytes(data)


def zip_with_overlaps() -> bytes:
    """Return an archive in which many entries of the list stand for one and the same member."""
    base = zipped({"a.bin": b"\0" * 2**23})
    at = base.rindex(b"PK\1\2")
    end = base.rindex(b"PK\5\6")
    entry = base[at:end]
    count = 1000
    tail = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, count * len(entry), at, 0)
    return base[:at] + entry * count + tail


def zip_of_itself_many_times() -> bytes:
    return zipped({f"{'d/' * 50}{at}.txt": b"x" for at in range(5000)})


def docx_of_spaces() -> bytes:
    with zipfile.ZipFile(io.BytesIO(_stored("word/document.xml", mib=100))) as bomb:
        return changed(docx_of(p("One.")), {"word/document.xml": bomb.read("word/document.xml")})


def docx_laughs() -> bytes:
    """Return a document whose entities each stand for ten of the one before."""
    names = "abcdefghij"
    entities = '<!ENTITY a "ha">' + "".join(
        f'<!ENTITY {name} "{10 * ("&" + before + ";")}">' for before, name in pairwise(names)
    )
    body = f'<!DOCTYPE d [{entities}]><w:document xmlns:w="w"><w:body>{p("&j;")}</w:body></w:document>'
    return changed(docx_of(p("One.")), {"word/document.xml": body})


def _quadratic(root: str, inside: str) -> str:
    return f'<!DOCTYPE d [<!ENTITY a "{"ha " * 20_000}">]>{root.format(inside.format("&a;" * 20_000))}'


def xlsx_quadratic() -> bytes:
    sheet = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
    row = '<row r="1"><c r="A1" t="inlineStr"><is><t>{}</t></is></c></row>'
    return changed(by_hand(f'<row r="1">{inline("A1", "One")}</row>'), {"xl/sheets/1.xml": _quadratic(sheet, row)})


def odt_quadratic() -> bytes:
    root = (
        '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:text>{}'
        "</office:text></office:body></office:document-content>"
    )
    return changed(examples()["orchard.odt"], {"content.xml": _quadratic(root, "<text:p>{}</text:p>")})


def html_laughs() -> bytes:
    return _quadratic("<html><body>{}</body></html>", "<p>One {}</p>").encode()


def yaml_laughs() -> bytes:
    lines = ["a0: &a0 [ha, ha]"] + [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 10)}]" for at in range(1, 12)]
    return ("---\n" + "\n".join(lines) + "\ntitle: *a11\n---\n\nOne.\n").encode()


def yaml_deep() -> bytes:
    return f"---\ntitle: {'[' * 50_000}\n---\n\nOne.\n".encode()


def json_deep() -> bytes:
    return b"[" * 100_000 + b"]" * 100_000


def json_number() -> bytes:
    return b'{"n": ' + b"9" * 5_000_000 + b"}"


def html_deep() -> bytes:
    return b"<html><body>" + b"<div>" * 200_000 + b"One."


def html_attributes() -> bytes:
    return b"<html><body><p " + b" ".join(b"a%d=1" % at for at in range(20_000)) + b">One.</p>"


def docx_deep() -> bytes:
    depth = 100_000
    return docx_of("<w:sdt><w:sdtContent>" * depth + p("One.") + "</w:sdtContent></w:sdt>" * depth)


def docx_wide_cells() -> bytes:
    cell = f'<w:tc><w:tcPr><w:gridSpan w:val="999999999"/></w:tcPr>{p("a")}</w:tc>'
    return docx_of("<w:tbl>" + f"<w:tr>{cell * 20}</w:tr>" * 20 + "</w:tbl>" + p("One."))


def docx_many_runs() -> bytes:
    return docx_of(p("".join(r("a") for _ in range(60_000))))


def rtf_deep() -> bytes:
    return rb"{\rtf1 " + b"{" * 500_000 + b"One."


def rtf_bin() -> bytes:
    return rb"{\rtf1 One. \bin999999999 " + b"x" * 1000 + rb"\bin-5 {\*\x\bin2147483648 a}}"


def ods_repeats() -> bytes:
    return ods(open_table("T", open_row(open_cell("One", times=999_999_999), times=999_999_999)))


def odt_spaces() -> bytes:
    content = (
        '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:text><text:p>One'
        + '<text:s text:c="999999999"/>' * 1000
        + "two</text:p></office:text></office:body></office:document-content>"
    )
    return changed(examples()["orchard.odt"], {"content.xml": content})


def xlsx_far_cells() -> bytes:
    return by_hand(f'<row r="1">{inline("A1", "One")}</row><row r="1048576">{inline("XFD1048576", "two")}</row>')


def xlsx_long_format() -> bytes:
    code = "0" * 500_000
    styles = (
        '<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><numFmts>'
        f'<numFmt numFmtId="200" formatCode="{code}"/></numFmts><cellXfs><xf numFmtId="0"/>'
        '<xf numFmtId="200"/></cellXfs></styleSheet>'
    )
    return by_hand('<row r="1"><c r="A1" s="1"><v>1e300</v></c></row>', styles__xml=styles)


def mail_deep() -> bytes:
    head = "From: a@b.c\nTo: b@c.d\nDate: Mon, 4 Mar 2024 10:00:00 +0000\n"
    parts = "".join(f'Content-Type: multipart/mixed; boundary="b{at}"\n\n--b{at}\n' for at in range(5000))
    return f"{head}{parts}Content-Type: text/plain\n\nOne.\n".encode()


def mail_many_parts() -> bytes:
    head = "From: a@b.c\nTo: b@c.d\nDate: Mon, 4 Mar 2024 10:00:00 +0000\n"
    part = "--b\nContent-Type: text/plain\nContent-Disposition: attachment; filename=a.txt\n\nOne.\n"
    return f'{head}Content-Type: multipart/mixed; boundary="b"\n\n{part * 5000}--b--\n'.encode()


def mail_long_header() -> bytes:
    head = "To: b@c.d\nDate: Mon, 4 Mar 2024 10:00:00 +0000\nSubject: One\n"
    return f"{head}From: {'a ' * 500_000}\n\nOne.\n".encode()


def mbox_many() -> bytes:
    return b"From a 10:00\nFrom: a@b.c\n\nOne.\n\n" * 100_000


def csv_quotes() -> bytes:
    return b"a,b\n" + b'"' * 500_000


def csv_columns() -> bytes:
    return b"," * 1_000_000 + b"\n" + b"," * 1_000_000


def text_spaces() -> bytes:
    return b"One.\n" + b" " * 10_000_000 + b"\nTwo."


def markdown_brackets() -> bytes:
    return b"# One\n\n" + b"[" * 500_000


def markdown_quotes() -> bytes:
    return b">" * 200_000 + b" One.\n"


def epub_spine() -> bytes:
    opf = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><manifest>'
        '<item id="c" href="c1.xhtml" media-type="application/xhtml+xml"/></manifest><spine>'
        + '<itemref idref="c"/>' * 200_000
        + "</spine></package>"
    )
    return changed(examples()["key.epub"], {"book.opf": opf})


def _pdf_page(content: bytes, filters: str, extra: str = "") -> bytes:
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents 4 0 R /Resources << /XObject << /X 5 0 R >> "
        "/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        f"<< /Length {len(content)} {filters} >>\nstream\n{content.decode('latin-1')}\nendstream",
        "<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 5 0 R >> >> /Length 25 >>\n"
        "stream\n/X Do /X Do /X Do /X Do  \nendstream",
    ]
    return pdf_of(objects)


def pdf_of_spaces() -> bytes:
    packed = zlib.compress(b" " * 300 * MIB, 9)
    return _pdf_page(packed, "/Filter /FlateDecode")


def pdf_packed_twice() -> bytes:
    packed = zlib.compress(zlib.compress(b"BT /F 12 Tf (a) Tj ET " * 2**22, 9), 9)
    return _pdf_page(packed, "/Filter [/FlateDecode /FlateDecode]")


def pdf_of_itself() -> bytes:
    return _pdf_page(b"/X Do /X Do BT /F 12 Tf 20 200 Td (One.) Tj ET", "")


def pdf_page_tree() -> bytes:
    """Return a document whose tree of pages branches tenfold on each of ten levels, all into the same."""
    levels = [
        f"<< /Type /Pages /Kids [{f'{at + 1} 0 R ' * 10}] /Count {10 ** (12 - at)} /MediaBox [0 0 9 9] >>"
        for at in range(2, 12)
    ]
    return pdf_of(["<< /Type /Catalog /Pages 2 0 R >>", *levels, "<< /Type /Page /MediaBox [0 0 9 9] >>"])


def pdf_page_loop() -> bytes:
    return pdf_of(
        ["<< /Type /Catalog /Pages 2 0 R /Outlines 3 0 R >>", "<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 999999999 >>",
         "<< /First 3 0 R /Next 3 0 R /Title (One) >>"]
    )  # fmt: skip


def pdf_object_streams() -> bytes:
    """Return a document whose objects lie in a stream that unpacks to very much."""
    inner = b"1 0 << /Type /Catalog /Pages 2 0 R >>" + b" " * 300 * MIB
    packed = zlib.compress(inner, 9)
    body = f"<< /Type /ObjStm /N 1 /First 4 /Length {len(packed)} /Filter /FlateDecode >>\nstream\n"
    return pdf_of(["null", "<< /Type /Pages /Kids [] /Count 0 >>", f"{body}{packed.decode('latin-1')}\nendstream"])


BOMBS: tuple[tuple[str, Callable[[], bytes]], ...] = (
    ("a.zip", zip_of_spaces), ("a.zip", zip_of_zips), ("a.zip", zip_that_understates), ("a.zip", zip_with_overlaps),
    ("a.zip", zip_of_itself_many_times), ("a.docx", docx_of_spaces), ("a.docx", docx_laughs),
    ("a.xlsx", xlsx_quadratic),
    ("a.odt", odt_quadratic), ("a.html", html_laughs), ("a.md", yaml_laughs), ("a.md", yaml_deep),
    ("a.json", json_deep), ("a.json", json_number), ("a.html", html_deep), ("a.html", html_attributes),
    ("a.docx", docx_deep),
    ("a.docx", docx_wide_cells), ("a.docx", docx_many_runs), ("a.rtf", rtf_deep), ("a.rtf", rtf_bin),
    ("a.ods", ods_repeats), ("a.odt", odt_spaces), ("a.xlsx", xlsx_far_cells), ("a.xlsx", xlsx_long_format),
    ("a.eml", mail_deep), ("a.eml", mail_many_parts), ("a.eml", mail_long_header), ("a.mbox", mbox_many),
    ("a.csv", csv_quotes), ("a.csv", csv_columns), ("a.txt", text_spaces), ("a.md", markdown_brackets),
    ("a.md", markdown_quotes), ("a.epub", epub_spine), ("a.pdf", pdf_of_spaces), ("a.pdf", pdf_packed_twice),
    ("a.pdf", pdf_of_itself), ("a.pdf", pdf_page_tree), ("a.pdf", pdf_page_loop), ("a.pdf", pdf_object_streams),
)  # fmt: skip


@pytest.mark.parametrize(("name", "make"), BOMBS, ids=[make.__name__ for _, make in BOMBS])
def test_a_bomb_stays_within_the_limits(name: str, make: Callable[[], bytes], tmp_path: Path, readers: Readers) -> None:
    (tmp_path / name).write_bytes(make())
    (tmp_path / "z.txt").write_text(SOUND, "utf-8")
    began = time.monotonic()
    outcome, after = readers.read_file(tmp_path, name), readers.read_file(tmp_path, "z.txt")
    assert time.monotonic() - began < PATIENCE
    assert outcome.readings or outcome.left_out
    for reading in outcome.readings:
        check_extract(reading.extract, LIMITS)
    for left in outcome.left_out:
        assert left.reason.strip()
        assert "its reader failed" not in left.reason
    assert len(outcome.readings) <= LIMITS.members + 1
    assert sum(reading.bytes for reading in outcome.readings if reading.path != name) <= LIMITS.expanded
    assert [reading.extract.text for reading in after.readings] == [SOUND]


DEEP = 10_000
MARKER = "marker"


def _nested_json() -> bytes:
    return json.dumps({"a": MARKER}).encode().join((b'{"a":' * DEEP, b"}" * DEEP))


def _nested_mail() -> bytes:
    return mail_deep().replace(b"One.", MARKER.encode())


def _page_in_mail(page: str) -> bytes:
    head = "From: a@b.c\nTo: b@c.d\nDate: Mon, 4 Mar 2024 10:00:00 +0000\nContent-Type: text/html\n\n"
    return f"{head}<html><body>{page}".encode()


NESTED: tuple[tuple[str, Callable[[], bytes]], ...] = (
    ("a.html", lambda: b"<html><body>" + b"<div>" * DEEP + MARKER.encode()),
    ("a.html", lambda: b"<html><body>" + b"<ul><li>" * DEEP + MARKER.encode()),
    ("a.html", lambda: b"<html><body>" + b"<b>" * DEEP + MARKER.encode()),
    ("a.html", lambda: b"<html><body>" + b"<table><tr><td>" * DEEP + MARKER.encode()),
    ("a.md", lambda: b"> " * DEEP + MARKER.encode()),
    ("a.md", lambda: b"- " * DEEP + MARKER.encode()),
    ("a.md", lambda: b"# " + b"*a " * DEEP + MARKER.encode()),
    ("a.json", _nested_json),
    ("a.rtf", lambda: rb"{\rtf1 " + b"{" * DEEP + MARKER.encode() + b"}" * DEEP + b"}"),
    ("a.docx", lambda: docx_of("<w:sdt><w:sdtContent>" * DEEP + p(MARKER) + "</w:sdtContent></w:sdt>" * DEEP)),
    ("a.docx", lambda: docx_of("<w:tbl><w:tr><w:tc>" * 200 + p(MARKER) + "</w:tc></w:tr></w:tbl>" * 200)),
    ("a.eml", _nested_mail),
    ("b.eml", lambda: _page_in_mail("<table><tr><td>a</td></tr></table>" + "<i>" * DEEP + MARKER)),
    ("a.epub", lambda: changed(examples()["key.epub"], {"c1.xhtml": "<html><body>" + "<i>" * DEEP + MARKER})),
)  # fmt: skip


@pytest.mark.parametrize(("name", "make"), NESTED)
def test_what_stands_ten_thousand_levels_deep_is_found_or_reported(
    name: str, make: Callable[[], bytes], tmp_path: Path, readers: Readers
) -> None:
    (tmp_path / name).write_bytes(make())
    outcome = readers.read_file(tmp_path, name)
    found = any(MARKER in reading.extract.text for reading in outcome.readings)
    notes = [note for reading in outcome.readings for note in reading.extract.notes]
    reported = outcome.left_out or any("deep" in note or "damaged" in note for note in notes)
    assert found or reported


def test_the_partial_reading_of_a_bomb_says_so(tmp_path: Path, readers: Readers) -> None:
    for name, make, reason in (
        ("a.zip", zip_of_spaces, "larger than 256 MiB"),
        ("b.zip", zip_with_overlaps, "left out: the archive unpacks to too much"),
    ):
        (tmp_path / name).write_bytes(make())
        assert any(reason in left.reason for left in readers.read_file(tmp_path, name).left_out)
