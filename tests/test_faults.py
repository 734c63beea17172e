"""A folder with one of each bad file: it builds, reports each with its reason, and answers from the good ones."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from index import Limits, build
from index.encode import Encoder
from index.layout import IndexPaths
from index.snapshot import load_manifest
from qa import open_index
from tests.documents import KNOWN, Known, zipped
from tests.office import changed, docx_of

GOOD = {known.name: known.make for known in KNOWN}
CELL = 32_000
"""Characters that one cell of a spreadsheet may hold at most, nearly."""


def encrypted_pdf() -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, encrypt=StandardEncryption("secret"), invariant=True)
    canvas.drawString(72, 700, "Nobody can read this.")
    canvas.save()
    return out.getvalue()


def scanned_pdf() -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, invariant=True)
    for _ in range(2):
        canvas.drawImage(ImageReader(Image.new("L", (200, 300), 200)), 72, 200, 300, 450)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def long_pdf() -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, invariant=True)
    names = ("Bergen", "Cork", "Danzig", "Elsinore", "Faro", "Genoa", "Hull")
    for number in range(10_000):
        canvas.drawString(72, 500, f"The ship {names[number % 7]} came in from {names[number % 5]} with timber.")
        canvas.drawString(72, 480, f"She left in the spring of the year {number} with salt for {names[number % 3]}.")
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def pdf_bomb() -> bytes:
    """Return a page whose content is a kilobyte that unpacks to a gigabyte, twice over."""
    once = zlib.compressobj(9)
    packed = b"".join(once.compress(b" " * 2**20) for _ in range(2**10)) + once.flush()
    stream = zlib.compress(packed, 9)
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 100 100]/Contents 4 0 R>>",
        b"<</Filter[/FlateDecode/FlateDecode]/Length %d>>stream\n%s\nendstream" % (len(stream), stream),
    )
    data, starts = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        starts.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    size = len(objects) + 1
    end = b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n" % (
        size, table, size, len(data)
    )  # fmt: skip
    return data + end + b"%%EOF\n"


def zip_bomb() -> bytes:
    """Return an archive of archives, each of which unpacks to 32 MiB."""
    inner = zipped({"zeros.txt": b"0" * 2**25})
    return zipped({f"{number}.zip": inner for number in range(40)})


def deep_zip() -> bytes:
    data: bytes = b"The innermost text."
    for level in range(12):
        data = zipped({f"{level}.zip" if level else "a.txt": data})
    return data


def encrypted_zip() -> bytes:
    data = bytearray(zipped({"a.txt": b"secret"}))
    for at, signature in ((6, b"PK\3\4"), (8, b"PK\1\2")):
        data[data.index(signature) + at] |= 1  # the flag that says so
    return bytes(data)


def laughing_docx() -> bytes:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    document = f'<!DOCTYPE l [<!ENTITY l0 "lol">{entities}]><w:document>&l9;</w:document>'
    return changed(docx_of("<w:p/>"), {"word/document.xml": document})


def docx_bomb() -> bytes:
    return changed(docx_of("<w:p/>"), {"word/document.xml": b"<w:document>" + b" " * 2**27})


def endless_rows() -> bytes:
    rows = "\n".join(f"{number},{'word ' * 60}" for number in range(100_000))
    return f"number,words\n{rows}\n".encode()


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "secret.pdf": (encrypted_pdf, "encrypted: save it without a password"),
    "cut.pdf": (lambda: GOOD["skarn.pdf"]()[:400], "truncated: the end of the file is missing"),
    "scan.pdf": (scanned_pdf, "scanned: none of its 2 pages has text"),
    "bomb.pdf": (pdf_bomb, "needs more than 700 MiB of memory"),
    "bomb.zip": (zip_bomb, "unpacks to more than 64 MiB: the rest is left out"),
    "deep.zip": (deep_zip, "lies within 3 archives, the most that are opened"),
    "locked.zip": (encrypted_zip, "encrypted: save it without a password"),
    "cut.zip": (lambda: GOOD["pack.zip"]()[:60], "damaged or truncated archive"),
    "cut.docx": (lambda: GOOD["library.docx"]()[:2000], "damaged or truncated archive"),
    "laugh.docx": (laughing_docx, "damaged: its XML declares entities"),
    "bomb.docx": (docx_bomb, "unpacks to 128 MiB, more than the 64 MiB that are allowed"),
    "cut.xlsx": (lambda: GOOD["fells.xlsx"]()[:2000], "damaged or truncated archive"),
    "cut.epub": (lambda: GOOD["key.epub"]()[:200], "damaged or truncated archive"),
    "old.doc": (
        lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 2000,
        "document of an old Office program, or damaged",
    ),
    "photo.png": (lambda: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "picture (PNG), not text: put scans into a PDF"),
    "random.bin": (lambda: bytes(range(256)) * 8, "binary file"),
    "nothing.txt": (lambda: b" \n\n", "no text"),
}
ODD: dict[str, tuple[Callable[[], bytes], str]] = {
    "ships.pdf": (long_pdf, "of 10000 pages"),
    "table.csv": (endless_rows, "left out"),
    "report.txt": (GOOD["skarn.pdf"], "named .txt, but is PDF: read as such"),
    "broken.json": (
        lambda: b'{"a": [1, 2',
        "broken JSON at line 1, column 12: ',' or ']' expected: read as plain text",
    ),
    "brackets.json": (lambda: b"[" * 200_000, "nested more than 200 levels deep: read as plain text"),
    "letter.pdf": (GOOD["library.docx"], "named .pdf, but is DOCX: read as such"),
}
"""What is read nevertheless, with a note."""

LIMITS = Limits(seconds=30, memory=700 * 2**20, pages=40, characters=200_000, expanded=64 * 2**20, ocr="")


@pytest.fixture(scope="module")
def built(
    real_encoder: Encoder, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, str], dict[str, str]]:
    """Return a folder of bad and good files with its index, the reasons of what was left out, and the notes."""
    root = tmp_path_factory.mktemp("faults")
    (root / "seeds").mkdir()
    for name, (make, _) in (BAD | ODD).items():
        (root / "seeds" / name).write_bytes(make())
    for name in ("key.epub", "fells.xlsx", "park.txt"):
        (root / "seeds" / name).write_bytes(GOOD[name]())
    text = "Die Königin aß süße Äpfel für übermütige Gäste, und die Straße führte über Brücken in die Höhe."
    (root / "seeds" / "latin.txt").write_bytes(text.encode("cp1252"))
    report = build(root / "seeds", root / "index", real_encoder, limits=LIMITS)
    paths = IndexPaths(root / "index")
    documents = {record.path for record in load_manifest(paths.snapshot(report.snapshot)).documents}
    assert not documents & {skipped.source for skipped in report.skipped}
    assert {path.partition("/")[0] for path in documents} | {s.source.partition("/")[0] for s in report.skipped} == {
        path.name for path in (root / "seeds").iterdir()
    }
    reasons: dict[str, str] = {}
    for skipped in report.skipped:
        reasons[skipped.source.partition("/")[0]] = skipped.reason
    notes: dict[str, str] = {}
    for note in report.notes:
        notes[note.source] = f"{notes.get(note.source, '')}; {note.reason}"
    return root, reasons, notes


Built = tuple[Path, dict[str, str], dict[str, str]]


@pytest.mark.parametrize("name", sorted(BAD))
def test_each_bad_file_is_reported_with_its_reason(built: Built, name: str) -> None:
    _, reasons, _ = built
    assert name in reasons
    assert reasons[name].startswith(BAD[name][1])
    assert "reader failed" not in reasons[name]


@pytest.mark.parametrize("name", sorted(ODD))
def test_what_is_odd_is_read_with_a_note(built: Built, name: str) -> None:
    _, reasons, notes = built
    assert name not in reasons
    assert ODD[name][1] in notes[name]


@pytest.mark.parametrize("known", [k for k in KNOWN if k.name in ("key.epub", "fells.xlsx", "park.txt")])
def test_the_good_files_answer(built: Built, real_encoder: Encoder, known: Known) -> None:
    folder = built[0]
    with open_index(folder / "index", encoder=real_encoder) as opened:
        answer = opened.search(known.question, k=1)
        assert answer.found
        assert answer.results[0].citation.source == known.name
        assert {d.source for d in opened.list_documents()} >= {"latin.txt", "ships.pdf", "report.txt"}
