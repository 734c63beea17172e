"""The format of a file: content before name, and a clear reason for what is not read."""

from __future__ import annotations

import codecs
import io
import struct
import zipfile

import pytest

from index.load.archive import DAMAGE
from index.load.detect import detect, suspicious_name
from index.load.limits import Unreadable
from index.load.ole import OLE, root_names

MAIL = (
    b"Received: by mx\r\nFrom: Ann <ann@example.org>\r\nDate: Fri, 1 Mar 2024 09:00:00 +0100\r\nSubject: x\r\n\r\nHello"
)
MBOX = b"From ann@example.org Fri Mar  1 09:00:00 2024\nFrom: ann@example.org\nSubject: x\n\nHello\n"
NOISE = b"\x01\x02\x03\x04" * 40
WORDS = "application/vnd.openxmlformats-officedocument."
OPEN = "application/vnd.oasis.opendocument."


def pack(**files: str) -> bytes:
    """Return a ZIP file; in names, ``__`` stands for a folder's end and ``_`` for a dot."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), text)
    return stream.getvalue()


def office(main: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("[Content_Types].xml", f'<Types><Override PartName="/x" ContentType="{main}"/></Types>')
    return stream.getvalue()


def ole(*root: str, inner: str = "") -> bytes:
    """Return an OLE file with these streams at its root, and below it a folder that holds ``inner``."""
    none = 0xFFFFFFFF

    def entry(name: str, right: int, child: int) -> bytes:
        raw = name.encode("utf-16-le")
        return raw.ljust(64, b"\0") + struct.pack("<HBBIII", len(raw) + 2, 2, 1, none, right, child) + bytes(48)

    names = list(root)
    entries = [entry("Root Entry", none, 1 if names else none)]
    for at, name in enumerate(names, 1):
        last = at == len(names)
        entries.append(entry(name, none if last else at + 1, len(names) + 1 if last and inner else none))
    entries += [entry(inner, none, none)] if inner else []
    raw = b"".join(entries)
    sectors = [raw[at : at + 512].ljust(512, b"\0") for at in range(0, len(raw), 512)]
    table = [0xFFFFFFFD, *range(2, len(sectors) + 1), 0xFFFFFFFE]
    header = OLE + bytes(22) + struct.pack("<H", 9) + bytes(16) + struct.pack("<I", 1)
    header = header.ljust(76, b"\0") + struct.pack("<I", 0) + b"\xff" * 4 * 108
    return header + struct.pack(f"<{len(table)}I", *table).ljust(512, b"\xff") + b"".join(sectors)


@pytest.mark.parametrize(
    ("path", "data", "name"),
    [
        ("a.txt", b"text", "text"),
        ("a", b"", "text"),
        ("a.py", b"x = 1", "text"),
        ("a.xml", b"<?xml version='1.0'?><a/>", "text"),
        ("a.txt", b'{"a": 1}', "text"),
        ("a.md", b"# x", "markdown"),
        ("a.MARKDOWN", b"# x", "markdown"),
        ("a.md", b"<!doctype html>", "markdown"),
        ("a.html", b"text", "html"),
        ("a.txt", b"\n<!DOCTYPE html><p>x", "html"),
        ("a", b'<?xml version="1.0"?>\n<!-- c -->\n<html><p>x', "html"),
        ("a.txt", codecs.BOM_UTF16_LE + "<html><p>x".encode("utf-16-le"), "html"),
        ("a.txt", codecs.BOM_UTF8 + b"<html><p>x", "html"),
        ("a.csv", b"<html>not found", "html"),
        ("a.txt", b"<p>x", "text"),
        ("a.csv", b"a,b\n1,2", "csv"),
        ("a.TSV", b"a\tb", "csv"),
        ("a.tab", b"a\tb", "csv"),
        ("a.csv", codecs.BOM_UTF16_BE + "a,b".encode("utf-16-be"), "csv"),
        ("a.json", b"[]", "json"),
        ("a.jsonl", b"{}", "jsonl"),
        ("a.ndjson", b"{}", "jsonl"),
        ("a.rtf", rb"{\rtf1 x}", "rtf"),
        ("a.doc", rb"{\rtf1 x}", "rtf"),
        ("a.eml", b"Subject: x\n\nx", "mail"),
        ("a.txt", MAIL, "mail"),
        ("a", MAIL.replace(b"\r\n", b"\n"), "mail"),
        ("a.md", MAIL, "markdown"),
        ("a.txt", b"From: the beginning\nDate: a fruit\n\nText", "text"),
        ("a.txt", b"Intro\n" + MAIL, "text"),
        ("Inbox", MBOX, "mbox"),
        ("a.mbox", b"From ann\nSubject: x\n\nHello", "mbox"),
        ("a.txt", b"From here on, nothing is the same.\nNote: it rains.\n", "text"),
        ("a.pdf", b"%PDF-1.7\n", "pdf"),
        ("a.txt", b"\n%PDF-1.7\n" + NOISE, "pdf"),
        ("a.bin", b"\x1b%-12345X@PJL\n%PDF-1.4\n" + NOISE, "pdf"),
        ("a.txt", b"A file that begins with %PDF-1.7 is a PDF.", "text"),
        ("a.docx", b"only words", "text"),
        ("a.pdf", b"only words", "text"),
        ("a.xls", b"Name\tAge\nAnn\t31\nBob\t40\n", "csv"),
        ("a.xls", b"<html><table><tr><td>1", "html"),
        ("a.xls", b"only words\n", "text"),
    ],
)
def test_text_and_pdf(path: str, data: bytes, name: str) -> None:
    assert detect(path, data) == name


@pytest.mark.parametrize(
    ("path", "data", "name"),
    [
        ("a.zip", pack(a_txt="x"), "zip"),
        ("a", pack(), "zip"),
        ("a.docx", pack(a_txt="x"), "zip"),
        ("a.zip", office(f"{WORDS}wordprocessingml.document.main+xml"), "docx"),
        ("a.docm", office("application/vnd.ms-word.document.macroEnabled.main+xml"), "docx"),
        ("a.dotx", office(f"{WORDS}wordprocessingml.template.main+xml"), "docx"),
        ("a.zip", office(f"{WORDS}presentationml.presentation.main+xml"), "pptx"),
        ("a.ppsm", office("application/vnd.ms-powerpoint.slideshow.macroEnabled.main+xml"), "pptx"),
        ("a.zip", office(f"{WORDS}spreadsheetml.sheet.main+xml"), "xlsx"),
        ("a.xlsm", office("application/vnd.ms-excel.sheet.macroEnabled.main+xml"), "xlsx"),
        ("a.docx", pack(word__document_xml="<x/>"), "docx"),
        ("a", pack(mimetype="application/epub+zip"), "epub"),
        ("a", pack(mimetype=f"{OPEN}text"), "odt"),
        ("a", pack(mimetype=f"{OPEN}text-template\n"), "odt"),
        ("a", pack(mimetype=f"{OPEN}presentation"), "odp"),
        ("a", pack(mimetype=f"{OPEN}spreadsheet"), "ods"),
        ("a.docx", b"PK\3\4 broken", "docx"),
        ("a.pdf", b"PK\3\4 broken", "zip"),
    ],
)
def test_archives_are_looked_into(path: str, data: bytes, name: str) -> None:
    assert detect(path, data) == name


def test_packages_without_a_mime_type() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("META-INF/manifest.xml", f'<m:file-entry m:full-path="/" m:media-type="{OPEN}text"/>')
    assert detect("a", stream.getvalue()) == "odt"
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("META-INF/container.xml", "<container/>")
    assert detect("a", stream.getvalue()) == "epub"


def test_a_package_whose_type_is_damaged_goes_by_its_suffix() -> None:
    data = pack(mimetype=f"{OPEN}text").replace(b"opendocument", b"0pendocument", 1)
    assert (detect("a.odt", data), detect("a.txt", data)) == ("odt", "zip")
    assert zipfile.BadZipFile in DAMAGE


SCAN = "picture ({}), not text: put scans into a PDF"
PACKED = "archive of a kind that is not read ({}): unpack it, or pack it as ZIP"


@pytest.mark.parametrize(
    ("path", "data", "reason"),
    [
        ("a.doc", ole("WordDocument", "1Table"), "old Word format: save it as .docx"),
        ("a.ppt", ole("Current User", "PowerPoint Document"), "old PowerPoint format: save it as .pptx"),
        ("a.docx", ole("EncryptedPackage", "EncryptionInfo"), "encrypted: save it without a password"),
        ("a.msg", ole("__properties_version1.0"), "Outlook message: save it as .eml"),
        ("a.vsd", ole("VisioDocument"), "Visio drawing: save it as PDF"),
        ("a", ole("x"), "document of an old Office program, or damaged: save it as PDF or in a newer format"),
        ("a.odg", pack(mimetype=f"{OPEN}graphics"), "OpenDocument graphics: save it as PDF"),
        (
            "a.xlsb",
            office("application/vnd.ms-excel.sheet.binary.macroEnabled.main"),
            "binary Excel format: save it as .xlsx",
        ),
        ("a.vsdx", office("application/vnd.ms-visio.drawing.main+xml"), "Visio drawing: save it as PDF"),
        ("a.jar", pack(a_class="x"), "program (Java or Android), not text"),
        (
            "a.pages",
            pack(Index__Document_iwa="x"),
            "Apple Pages, Numbers or Keynote document: export it as PDF or for Office",
        ),
        (
            "a.fodt",
            b'<?xml version="1.0"?><office:document x="y">',
            "flat OpenDocument file: save it as .odt, .odp or .ods",
        ),
        (
            "a.xls",
            b'<?xml version="1.0"?>\n<?mso-application progid="Excel.Sheet"?>',
            "old Excel format (XML): save it as .xlsx",
        ),
        ("a.txt", b"\x89PNG\r\n\x1a\n\0\0\0\r", SCAN.format("PNG")),
        ("a.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF", SCAN.format("JPEG")),
        ("a.bmp", b"BM\0\0", SCAN.format("BMP")),
        ("a.svg", b'<?xml version="1.0"?>\n<!-- x -->\n<svg xmlns="x">', SCAN.format("SVG")),
        ("a.heic", b"\0\0\0\x18ftypheic", SCAN.format("HEIC or AVIF")),
        ("a.webp", b"RIFF\0\0\0\0WEBPVP8 ", SCAN.format("WebP")),
        ("a.mp3", b"ID3\4\0\0", "sound (MP3), not text"),
        ("a.wav", b"RIFF\0\0\0\0WAVEfmt ", "sound (WAV), not text"),
        ("a.mp4", b"\0\0\0\x18ftypisom", "film (MP4 or QuickTime), not text"),
        ("a.exe", b"MZ\x90\0\3\0", "program (Windows), not text"),
        ("a", b"\x7fELF\2\1\1\0", "program (Linux), not text"),
        ("a.txt.gz", b"\x1f\x8b\x08\0", PACKED.format("gzip")),
        ("a.7z", b"7z\xbc\xaf\x27\x1c\0\4", PACKED.format("7z")),
        ("a.rar", b"Rar!\x1a\x07\1\0", PACKED.format("RAR")),
        ("a.tar", b"a.txt".ljust(257, b"\0") + b"ustar\0", PACKED.format("tar")),
        ("a.ttf", b"\0\1\0\0\0\x10", "font, not text"),
        ("a.db", b"SQLite format 3\0", "database (SQLite): export its tables as CSV"),
        ("a.mdb", b"\0\1\0\0Standard Jet DB\0", "database (Access): export its tables as CSV"),
        ("a.mobi", b"book".ljust(60, b"\0") + b"BOOKMOBI", "Kindle book: convert it to EPUB"),
        ("a.ps", b"%!PS-Adobe-3.0\n", "PostScript: save it as PDF"),
        ("a.pdf", NOISE, "damaged: named .pdf, but it does not begin as PDF does"),
        ("a.docx", NOISE, "damaged: named .docx, but it does not begin as DOCX does"),
    ],
)
def test_what_is_known_but_not_read(path: str, data: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        detect(path, data)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    "words", ["BMW builds cars", "MZ is a brand", "ID3 tags", "GIF89a is old", "Rar!", "PAR1", "FORM A"]
)
def test_words_that_begin_as_other_files_do_are_text(words: str) -> None:
    assert detect("a.txt", words.encode()) == "text"


def test_a_file_of_no_known_kind_is_left_to_its_reader() -> None:
    assert detect("a.bin", NOISE) == "text"


def test_documents_within_old_documents_do_not_decide() -> None:
    assert root_names(ole("Workbook", "MBD0001", inner="WordDocument")) == {"Workbook", "MBD0001"}
    assert detect("a", ole("Workbook", "MBD0001", inner="WordDocument")) == "xls"
    assert detect("a.doc", ole("Book")) == "xls"


def test_a_long_directory_and_a_broken_one() -> None:
    names = [f"stream {number}" for number in range(20)]
    assert root_names(ole(*names)) == frozenset(names)
    whole = ole(*names)
    for size in range(0, len(whole), 37):
        assert root_names(whole[:size]) <= frozenset((*names, ""))
    looped = bytearray(whole)
    looped[512 + 8 : 512 + 12] = struct.pack("<I", 1)
    assert root_names(bytes(looped)) < frozenset(names)
    assert detect("a.xls", whole[:600]) == "xls"


@pytest.mark.parametrize(
    ("path", "name", "note"),
    [
        ("a.txt", "text", ""),
        ("a.pdf", "pdf", ""),
        ("a.docm", "docx", ""),
        ("a.py", "text", ""),
        ("README", "pdf", ""),
        ("a.txt", "pdf", "named .txt, but is PDF: read as such"),
        ("a.DOCX", "text", "named .docx, but is plain text: read as such"),
        ("a.txt", "mail", "named .txt, but is a mail message: read as such"),
        ("a.txt", "mbox", "named .txt, but is a mailbox: read as such"),
    ],
)
def test_a_suffix_that_promises_something_else(path: str, name: str, note: str) -> None:
    assert suspicious_name(path, name) == note
