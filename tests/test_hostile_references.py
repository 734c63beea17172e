"""Documents that name files and addresses outside of themselves: nothing is opened, called, run or written."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator

import pytest

from index.load.read import LeftOut, Reading
from tests.bait import SECRET, Bait, laid_out
from tests.documents import zipped
from tests.hostile import examine, examples, nothing_touched
from tests.office import R, changed, docx_of, p
from tests.workbooks import by_hand, inline, ods, open_cell, open_row, open_table

REL = "http://schemas.openxmlformats.org/package/2006/relationships"


@pytest.fixture(scope="module")
def bait(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bait]:
    with laid_out(tmp_path_factory.mktemp("bait")) as laid:
        yield laid


def test_the_bait_is_noticed(bait: Bait) -> None:
    assert bait.taken() == []
    bait.file.read_bytes()
    with socket.create_connection(("127.0.0.1", bait.port)):
        assert bait.taken() == ["the port was called", *(["the file was opened"] if sys.platform == "linux" else [])]


def _doctype(root: str, target: str) -> str:
    return f'<!DOCTYPE {root} [<!ENTITY x SYSTEM "{target}">]>'


def _links(*links: str) -> str:
    return f'<Relationships xmlns="{REL}">{"".join(links)}</Relationships>'


def _link(kind: str, target: str, mode: str = "External", at: int = 1) -> str:
    return f'<Relationship Id="x{at}" Type="{R}/{kind}" Target="{target}" TargetMode="{mode}"/>'


def docx_entity(bait: Bait) -> bytes:
    body = _doctype("d", bait.file.as_uri()) + f'<w:document xmlns:w="w"><w:body>{p("A &x; b.")}</w:body></w:document>'
    return changed(docx_of(p("One.")), {"word/document.xml": body})


def docx_parameter_entity(bait: Bait) -> bytes:
    body = f'<!DOCTYPE d [<!ENTITY % x SYSTEM "{bait.url}"> %x;]><w:document xmlns:w="w"/>'
    return changed(docx_of(p("One.")), {"word/document.xml": body})


def docx_links(bait: Bait) -> bytes:
    kinds = ("image", "attachedTemplate", "subDocument", "frame", "oleObject", "hyperlink", "styles", "footnotes")
    targets = [(kind, target) for kind in kinds for target in (bait.url, bait.file.as_uri(), str(bait.file))]
    links = [_link(kind, target, at=at) for at, (kind, target) in enumerate(targets)]
    inner = [_link(kind, f"../../../../..{bait.file}", "Internal", at) for at, kind in enumerate(kinds, 100)]
    return changed(docx_of(p("One.")), {"word/_rels/document.xml.rels": _links(*links, *inner)})


def docx_main_part_outside(bait: Bait) -> bytes:
    link = _link("officeDocument", bait.file.as_uri())
    return changed(docx_of(p("One.")), {"_rels/.rels": _links(link)})


def pptx_links(bait: Bait) -> bytes:
    links = _links(
        f'<Relationship Id="rId1" Target="../slideLayouts/slideLayout2.xml" Type="{R}/slideLayout"/>',
        *(
            _link(kind, bait.url, at=at)
            for at, kind in enumerate(("image", "video", "media", "notesSlide", "chart"), 2)
        ),
    )
    return changed(examples()["plans.pptx"], {"ppt/slides/_rels/slide1.xml.rels": links})


def xlsx_entity(bait: Bait) -> bytes:
    sheet = by_hand(f'<row r="1">{inline("A1", "One")}</row>')
    body = _doctype("s", bait.file.as_uri()) + (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1">'
        f"{inline('A1', 'A &x; b')}</row></sheetData></worksheet>"
    )
    return changed(sheet, {"xl/sheets/1.xml": body})


def xlsx_external_book(bait: Bait) -> bytes:
    sheet = by_hand(f'<row r="1">{inline("A1", "One")}</row>')
    return changed(sheet, {"xl/worksheets/_rels/1.xml.rels": _links(_link("externalLinkPath", bait.file.as_uri()))})


def ods_links(bait: Bait) -> bytes:
    cell = f'<draw:image xmlns:draw="d" xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="{bait.file.as_uri()}"/>'
    return ods(open_table("T", open_row(open_cell("One")), style="") + cell)


def odt_sections(bait: Bait) -> bytes:
    content = (
        '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" xmlns:xlink="http://www.w3.org/1999/xlink" '
        'xmlns:xi="http://www.w3.org/2001/XInclude"><office:body><office:text>'
        f'<text:section><text:section-source xlink:href="{bait.file.as_uri()}"/></text:section>'
        f'<xi:include href="{bait.file.as_uri()}" parse="text"/><text:p>One.</text:p>'
        "</office:text></office:body></office:document-content>"
    )
    return changed(examples()["orchard.odt"], {"content.xml": content})


def epub_outside(bait: Bait) -> bytes:
    opf = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><manifest>'
        + "".join(
            f'<item id="i{at}" href="{href}" media-type="application/xhtml+xml"/>'
            for at, href in enumerate((bait.file.as_uri(), bait.url, f"../../../../..{bait.file}", "c1.xhtml"))
        )
        + "</manifest><spine>"
        + "".join(f'<itemref idref="i{at}"/>' for at in range(4))
        + "</spine></package>"
    )
    return changed(examples()["key.epub"], {"book.opf": opf})


def epub_container_outside(bait: Bait) -> bytes:
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        f'<rootfile full-path="{bait.file}"/></rootfiles></container>'
    )
    return changed(examples()["key.epub"], {"META-INF/container.xml": container})


def html_everything(bait: Bait) -> bytes:
    uri, url = bait.file.as_uri(), bait.url
    return (
        f'<!DOCTYPE html SYSTEM "{url}"><html xmlns:xi="http://www.w3.org/2001/XInclude"><head><base href="{url}">'
        f'<meta http-equiv="refresh" content="0;url={uri}"><link rel="stylesheet" href="{url}">'
        f'<script src="{url}"></script></head><body background="{url}">One.<img src="{uri}">'
        f'<iframe src="{uri}"></iframe>'
        f'<object data="{uri}"></object><embed src="{url}"><xi:include href="{uri}" parse="text"/>'
        f'<video src="{url}"></video><svg><image href="{uri}"/></svg></body></html>'
    ).encode()


def html_entity(bait: Bait) -> bytes:
    return f"{_doctype('html', bait.file.as_uri())}<html><body>One &x; two.</body></html>".encode()


def xhtml_chapter_entity(bait: Bait) -> bytes:
    page = f"<?xml version='1.0'?>{_doctype('html', bait.file.as_uri())}<html><body><p>One &x;.</p></body></html>"
    return changed(examples()["key.epub"], {"c1.xhtml": page})


def markdown_links(bait: Bait) -> bytes:
    return f"# One\n\n![a]({bait.file.as_uri()}) [b]: {bait.url}\n\n<img src='{bait.url}'>\n".encode()


def yaml_object(bait: Bait) -> bytes:
    call = f"open('{bait.file}.written', 'w')"
    return f'---\ntitle: !!python/object/apply:eval ["{call}"]\nauthor: !!python/name:os.system\n---\n\nOne.\n'.encode()


def rtf_fields(bait: Bait) -> bytes:
    return (
        rf'{{\rtf1 One. {{\field{{\*\fldinst INCLUDETEXT "{bait.file}"}}{{\fldrslt two}}}}'
        rf'{{\field{{\*\fldinst INCLUDEPICTURE "{bait.url}"}}}}{{\*\template {bait.file}}}'
        rf"{{\object\objautlink{{\*\objdata 00}}}}}}"
    ).encode()


def mail_external_body(bait: Bait) -> bytes:
    return (
        "From: a@b.c\nTo: b@c.d\nDate: Mon, 4 Mar 2024 10:00:00 +0000\nMIME-Version: 1.0\n"
        'Content-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: text/html\n\n'
        f'One. <img src="{bait.url}"><link href="{bait.url}" rel="stylesheet">\n'
        f'--b\nContent-Type: message/external-body; access-type=local-file; name="{bait.file}"\n\n'
        "Content-Type: text/plain\n\n\n--b--\n"
    ).encode()


def pdf_actions(bait: Bait) -> bytes:
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /Launch /F ({bait.file}) >> "
        f"/AA << /WC << /S /JavaScript /JS (app.launchURL('{bait.url}')) >> >> "
        f"/URI << /Base ({bait.url}) >> >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents [4 0 R 6 0 R] "
        "/Resources << /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> "
        f"/Annots [<< /Type /Annot /Subtype /Link /Rect [0 0 9 9] /A << /S /GoToR /F ({bait.file}) >> >>] >>",
        "<< /Length 36 >>\nstream\nBT /F 12 Tf 20 200 Td (One.) Tj ET  \nendstream",
        "null",
        f"<< /Length 0 /F << /FS /URL /F ({bait.url}) >> >>\nstream\n\nendstream",
    ]
    return pdf_of(objects)


def pdf_of(objects: list[str]) -> bytes:
    """Return a PDF document of these objects, the first of which is the catalogue."""
    body = b"%PDF-1.7\n"
    offsets = []
    for number, one in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{one}\nendobj\n".encode("latin-1")
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    end = (
        f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n<< /Root 1 0 R /Size {len(objects) + 1} >>\n"
    )
    return body + f"{end}startxref\n{len(body)}\n%%EOF\n".encode()


def zip_slip(bait: Bait) -> bytes:
    up = "../" * 12
    return zipped(dict.fromkeys((f"{up}{bait.file}.a", f"{bait.file}.b", "C:\\x.txt", "a\\..\\x.txt", "ok.txt"), "x"))


CASES: tuple[tuple[str, Callable[[Bait], bytes]], ...] = (
    ("a.docx", docx_entity), ("a.docx", docx_parameter_entity), ("a.docx", docx_links),
    ("a.docx", docx_main_part_outside),
    ("a.pptx", pptx_links), ("a.xlsx", xlsx_entity), ("a.xlsx", xlsx_external_book), ("a.ods", ods_links),
    ("a.odt", odt_sections), ("a.epub", epub_outside), ("a.epub", epub_container_outside),
    ("a.epub", xhtml_chapter_entity), ("a.html", html_everything), ("a.html", html_entity), ("a.md", markdown_links),
    ("a.md", yaml_object), ("a.rtf", rtf_fields), ("a.eml", mail_external_body), ("a.pdf", pdf_actions),
    ("a.zip", zip_slip),
)  # fmt: skip


ENTITIES = "damaged: its XML declares entities, as no office program does"
TOLD = {
    "docx_entity": ENTITIES,
    "docx_links": "One.",
    "docx_main_part_outside": "damaged: there is no Word document in it",
    "docx_parameter_entity": ENTITIES,
    "epub_container_outside": "damaged: no e-book, {file} is missing",
    "epub_outside": "The road The road over the pass was muddy.",
    "html_entity": "]>One &x; two.",
    "html_everything": "One.",
    "mail_external_body": "From: a@b.c To: b@c.d Date: Mon, 04 Mar 2024 10:00:00 +0000 One.",
    "markdown_links": "# One ![a]({uri}) [b]: {url} <img src='{url}'>",
    "ods_links": "T One",
    "odt_sections": "One.",
    "pdf_actions": "One.",
    "pptx_links": "Plans - The hall is to be painted. Budget - The Larkin fund paid for the new roof.",
    "rtf_fields": "One. two",
    "xhtml_chapter_entity": "One &x;. The inn The innkeeper hid the silver key under the third stair.",
    "xlsx_entity": ENTITIES,
    "xlsx_external_book": "S1 One",
    "yaml_object": "--- title: !!python/object/apply:eval [\"open('{file}.written', 'w')\"] "
    "author: !!python/name:os.system --- One.",
    "zip_slip": "x",
}
"""What is read of each, or why it is refused."""


@pytest.mark.parametrize(("name", "make"), CASES, ids=[make.__name__ for _, make in CASES])
def test_nothing_outside_is_reached(name: str, make: Callable[[Bait], bytes], bait: Bait) -> None:
    data = make(bait)
    before = {path.name for path in bait.file.parent.iterdir()}
    examine(name, data)
    with nothing_touched():
        outcomes = examine(name, data)
    assert bait.taken() == []
    assert {path.name for path in bait.file.parent.iterdir()} == before
    said = [o.extract.text if isinstance(o, Reading) else o.reason for o in outcomes]
    assert not any(SECRET in words for words in said)


def test_documents_that_refer_outside_are_read_for_what_they_hold_themselves(bait: Bait) -> None:
    """The words that stand in the document itself are there, or the reason says why the whole is refused."""
    told = {}
    for name, make in CASES:
        (first, *_) = [o for o in examine(name, make(bait)) if not isinstance(o, LeftOut) or o.path == name]
        told[make.__name__] = first.reason if isinstance(first, LeftOut) else " ".join(first.extract.text.split())
    places = {"file": str(bait.file).lstrip("/"), "uri": bait.file.as_uri(), "url": bait.url}
    expected = {name: words.format(**places) for name, words in TOLD.items()}
    expected["yaml_object"] = expected["yaml_object"].replace(places["file"], str(bait.file))
    assert told == expected


def _worksheet(before: str) -> str:
    return (
        f'{before}<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        f'<row r="1">{inline("A1", "One")}</row></sheetData></worksheet>'
    )


@pytest.mark.parametrize(
    ("sheet", "told"),
    [
        (_worksheet("<!DOCTYPE worksheet>").encode(), "S1 One"),
        (_worksheet('<!DOCTYPE worksheet [<!ENTITY x "y">]>').encode("utf-16"), ENTITIES),
    ],
    ids=["a document type alone", "entities in UTF-16"],
)
def test_xml_is_refused_for_entities_alone_in_any_encoding(sheet: bytes, told: str) -> None:
    (outcome,) = examine("a.xlsx", changed(by_hand(""), {"xl/sheets/1.xml": sheet}))
    assert (outcome.reason if isinstance(outcome, LeftOut) else " ".join(outcome.extract.text.split())) == told


def test_members_that_lead_out_of_an_archive_are_refused(bait: Bait) -> None:
    outcomes = examine("a.zip", zip_slip(bait))
    assert [o.path for o in outcomes if isinstance(o, Reading)] == ["a.zip/ok.txt"]
    reasons = {o.reason for o in outcomes if isinstance(o, LeftOut)}
    assert reasons == {"its name leads out of the archive or can't be a file's: rename it"}
