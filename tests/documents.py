"""One document of each format, each with one fact that stands at a place that is known."""

from __future__ import annotations

import io
import json
import mailbox
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from tempfile import TemporaryDirectory

import docx
import openpyxl
import pptx
import xlwt
from odfdo import Cell, Document, DrawPage, Frame, Header, Paragraph, Row, Table

from tests.papers import Line, paper


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A document, a question that it answers, the words that answer, and the place where they stand."""

    name: str
    make: Callable[[], bytes]
    question: str
    answer: str
    place: str
    section: tuple[str, ...] = ()
    title: str = ""
    author: str = ""
    date: str = ""


def _pdf() -> bytes:
    pages = [
        [Line(text="The coast of Skarn is rocky and has few harbours.")],
        [Line(text="Fishing was for a long time the only trade here.")],
        [Line(text="The lighthouse of Skarn was lit for the first time in 1871."), Line(text="It is white.", base=300)],
        [Line(text="Today the ferry brings visitors in summer.")],
    ]
    return paper(*pages, title="The coast of Skarn", author="Mats Holm")


def _docx() -> bytes:
    document = docx.Document()
    document.core_properties.title = "Rules of the library"
    document.core_properties.author = "Ida Moss"
    document.core_properties.created = datetime(2023, 5, 4, 9, 0)
    document.add_heading("Borrowing", 1)
    document.add_paragraph("Four books may be borrowed at a time.")
    document.add_heading("Reading room", 1)
    document.add_paragraph("Coats are left at the door.")
    document.add_paragraph("On Thursdays the reading room closes at half past nine in the evening.")
    return _saved(document)


def _saved(document: object) -> bytes:
    stream = io.BytesIO()
    document.save(stream)  # type: ignore[attr-defined]
    return stream.getvalue()


def _odf(kind: str) -> Document:
    document = Document(kind)
    document.meta.creation_date = datetime(2021, 8, 9, 12, 0)
    document.body.clear()
    return document


def _odt() -> bytes:
    document = _odf("text")
    for part in (
        Header(1, "Orchard"),
        Paragraph("The orchard lies behind the old mill."),
        Paragraph("Forty-one kinds of pear grow in the orchard."),
    ):
        document.body.append(part)
    return _saved(document)


def _rtf() -> bytes:
    words = ("The valley has one road.", "The bus to Hollin leaves from the north gate at dawn.")
    return (r"{\rtf1\ansi{\info{\title Travel in the valley}{\author Jo Beck}}" + r"\par ".join(words) + "}").encode()


def _pptx() -> bytes:
    slides = pptx.Presentation()
    for title, words in (("Plans", "The hall is to be painted."), ("Budget", "The Larkin fund paid for the new roof.")):
        slide = slides.slides.add_slide(slides.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = words
    return _saved(slides)


def _odp() -> bytes:
    document = _odf("presentation")
    for number, words in enumerate(("Birds of the marsh", "The bittern breeds among the reeds in April."), 1):
        page = DrawPage(f"page{number}", name=f"Page {number}")
        page.append(Frame.text_frame(words, size=("20cm", "3cm"), position=("2cm", "2cm")))
        document.body.append(page)
    return _saved(document)


STATIONS = (("Station", "Height in metres", "Keeper"), ("Aldfell", 640, "Ann Birk"), ("Brockfell", 812, "Rolf Tarn"))


def _xlsx() -> bytes:
    book = openpyxl.Workbook()
    book.properties.created = datetime(2020, 2, 3, 8, 0)
    book.active.title = "Notes"
    book.active["A1"] = "Weather stations of the fells"
    sheet = book.create_sheet("Stations")
    for row in STATIONS:
        sheet.append(row)
    return _saved(book)


def _ods() -> bytes:
    document = _odf("spreadsheet")
    table = Table("Wells")
    for values in (("Well", "Depth in metres"), ("Oakwell", 31), ("Saltwell", 54)):
        row = Row()
        for value in values:
            row.append_cell(Cell(text=str(value), value=value))
        table.append_row(row)
    document.body.append(table)
    return _saved(document)


def _xls() -> bytes:
    book = xlwt.Workbook()
    sheet = book.add_sheet("Mills")
    for at, row in enumerate((("Mill", "Wheels"), ("Upper mill", 2), ("Quarry mill", 5))):
        for column, value in enumerate(row):
            sheet.write(at, column, value)
    return _saved(book)


def _csv() -> bytes:
    return b"Island,Inhabitants,Ferry\nTorsay,48,daily\nSenna,312,weekly\nUlva,7,never\n"


def _tsv() -> bytes:
    return b"Bridge\tBuilt\tBuilder\nStone bridge\t1790\tHugh Pell\nIron bridge\t1848\tClara Voss\n"


def _json() -> bytes:
    clocks = [{"clock": "Town hall", "maker": "Jens Falk"}, {"clock": "Harbour", "maker": "Olga Lind"}]
    return json.dumps({"title": "Clocks of the town", "clocks": clocks}, indent=1).encode()


def _jsonl() -> bytes:
    dishes = [{"dish": "Bean soup", "baker": "none"}, {"dish": "Plum tart", "served": "on Sundays in autumn only"}]
    return "\n".join(map(json.dumps, dishes)).encode()


_PAGE = '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>{0}</title></head><body><h1>{0}</h1><p>{1}</p></body></html>'


def _epub() -> bytes:
    chapters = {
        "c1.xhtml": _PAGE.format("The road", "The road over the pass was muddy."),
        "c2.xhtml": _PAGE.format("The inn", "The innkeeper hid the silver key under the third stair."),
    }
    items = "".join(f'<item id="{n}" href="{n}" media-type="application/xhtml+xml"/>' for n in chapters)
    spine = "".join(f'<itemref idref="{n}"/>' for n in chapters)
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        "<dc:title>The silver key</dc:title><dc:creator>Lena Ott</dc:creator><dc:date>1999-10-01</dc:date></metadata>"
        f"<manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles><rootfile '
        'full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    return zipped(
        {"mimetype": "application/epub+zip", "META-INF/container.xml": container, "book.opf": package, **chapters}
    )


def zipped(files: dict[str, str | bytes]) -> bytes:
    """Return an archive of files, in the order given, with the same bytes each time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _message(subject: str, words: str, day: int) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "Nora Dell <nora@example.org>", "Sam Reed <sam@example.org>"
    message["Subject"], message["Date"] = subject, f"Mon, {day:02} Mar 2024 10:00:00 +0000"
    message.set_content(words)
    return message


def _eml() -> bytes:
    return _message("Keys of the boat house", "The spare key of the boat house hangs behind the oil can.", 4).as_bytes()


def _mbox() -> bytes:
    with TemporaryDirectory() as folder:
        box = mailbox.mbox(Path(folder) / "box")
        box.add(_message("Choir", "The choir rests in July.", 11))
        box.add(_message("Concert", "The winter concert takes place in the chapel on the hill.", 18))
        box.close()
        return (Path(folder) / "box").read_bytes()


def _zip() -> bytes:
    return zipped({"notes/cellar.md": "# Cellar\n\nThe cider barrels were bought from a cooper in Nantes.\n"})


def _text() -> bytes:
    return b"Hedgehogs of the park\n\nSeven hedgehogs winter under the bandstand.\n"


def _markdown() -> bytes:
    front = b"---\nauthor: Per Dahl\ndate: 2022-11-30\n---\n\n"
    return front + b"# Swans\n\n## Nest\n\nThe swans nest on the small island each March.\n"


def _html() -> bytes:
    head = b"<html><head><title>Bells</title></head>"
    return head + b"<body><h1>Bells</h1>\n<p>The great bell cracked in 1911.</p></body></html>"


DATE = "2021-08-09"
NORA = "Nora Dell <nora@example.org>"

KNOWN = (
    Known(name="skarn.pdf", make=_pdf, question="When was the lighthouse of Skarn first lit?", answer="1871",
          place="pages 1–4 (evidence: page 3)", title="The coast of Skarn", author="Mats Holm", date="2000-01-01"),
    Known(name="library.docx", make=_docx, question="When does the reading room close on Thursdays?",
          answer="half past nine", place="paragraphs 3–5", section=("Reading room",), title="Rules of the library",
          author="Ida Moss", date="2023-05-04"),
    Known(name="orchard.odt", make=_odt, question="How many kinds of pear grow in the orchard?", answer="Forty-one",
          place="paragraphs 1–3", title="Orchard", date=DATE),
    Known(name="valley.rtf", make=_rtf, question="Where does the bus to Hollin leave?", answer="north gate",
          place="paragraphs 1–2", title="Travel in the valley", author="Jo Beck"),
    Known(name="plans.pptx", make=_pptx, question="Who paid for the new roof?", answer="Larkin fund",
          place="slide 2", section=("Budget",), title="Plans"),
    Known(name="marsh.odp", make=_odp, question="When does the bittern breed?", answer="April", place="slide 2",
          title="marsh", date=DATE),
    Known(name="fells.xlsx", make=_xlsx, question="Who is the keeper of the station Brockfell?", answer="Rolf Tarn",
          place="sheet Stations, cells A1:C3 (evidence: cells A3:C3)", section=("Stations",), title="fells",
          date="2020-02-03"),
    Known(name="wells.ods", make=_ods, question="How deep is the well Saltwell?", answer="54",
          place="sheet Wells, cells A1:B3 (evidence: cells A3:B3)", section=("Wells",), title="Wells", date=DATE),
    Known(name="mills.xls", make=_xls, question="How many wheels has the quarry mill?", answer="5",
          place="sheet Mills, cells A1:B3 (evidence: cells A3:B3)", section=("Mills",), title="Mills"),
    Known(name="islands.csv", make=_csv, question="How many inhabitants has the island Senna?", answer="312",
          place="rows 1–4 (evidence: row 3)", title="islands"),
    Known(name="bridges.tsv", make=_tsv, question="Who was the builder of the iron bridge?", answer="Clara Voss",
          place="rows 1–3 (evidence: row 3)", title="bridges"),
    Known(name="clocks.json", make=_json, question="Who is the maker of the harbour clock?", answer="Olga Lind",
          place="lines 3–10", section=("clocks",), title="Clocks of the town"),
    Known(name="dishes.jsonl", make=_jsonl, question="When is plum tart served?", answer="Sundays", place="lines 1–2",
          title="dishes"),
    Known(name="key.epub", make=_epub, question="Where did the innkeeper hide the silver key?",
          answer="third stair", place="chapter “The inn”", section=("The inn",), title="The silver key",
          author="Lena Ott", date="1999-10-01"),
    Known(name="boat.eml", make=_eml, question="Where does the spare key of the boat house hang?",
          answer="behind the oil can", place="message from Nora Dell to Sam Reed, 2024-03-04",
          title="Keys of the boat house", author=NORA, date="2024-03-04"),
    Known(name="post.mbox", make=_mbox, question="Where does the winter concert take place?", answer="chapel",
          place="message from Nora Dell to Sam Reed, 2024-03-18", title="Concert", author=NORA, date="2024-03-18"),
    Known(name="pack.zip", make=_zip, question="From whom were the cider barrels bought?", answer="cooper in Nantes",
          place="lines 1–3", title="Cellar"),
    Known(name="park.txt", make=_text, question="Where do seven hedgehogs winter?", answer="bandstand",
          place="lines 1–3", title="Hedgehogs of the park"),
    Known(name="swans.md", make=_markdown, question="Where do the swans nest?", answer="small island",
          place="lines 6–10", section=("Nest",), title="Swans", author="Per Dahl", date="2022-11-30"),
    Known(name="bells.html", make=_html, question="When did the great bell crack?", answer="1911", place="lines 1–2",
          title="Bells"),
)  # fmt: skip
