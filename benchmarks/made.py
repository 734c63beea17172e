"""Made-up documents for benchmarks.formats: one of each format, the same each time, with the words that are in it."""

from __future__ import annotations

import csv
import html
import io
import json
import random
import zipfile
from collections.abc import Callable, Mapping, Sequence
from email.message import EmailMessage
from functools import cache

CHAPTERS, PARAGRAPHS, WORDS = 40, 25, 50
ROWS = 5000
SLIDES = 200
MESSAGES = 300
SEED = 20261124
COLUMNS = ("Station", "Keeper", "Height", "Remark")

Made = tuple[bytes, str]
"""A document, and its text."""
Chapter = tuple[str, list[str]]
"""A heading and the paragraphs below it."""


def _word(draw: random.Random) -> str:
    return "".join(draw.choice("bdfgklmnprstvz") + draw.choice("aeiou") for _ in range(draw.randint(1, 4)))


def _sentence(draw: random.Random, words: int) -> str:
    return " ".join(_word(draw) for _ in range(words)).capitalize() + "."


@cache
def chapters(count: int = CHAPTERS, paragraphs: int = PARAGRAPHS) -> tuple[Chapter, ...]:
    """Return chapters of made-up sentences."""
    draw = random.Random(SEED)
    return tuple(
        (
            _sentence(draw, 3)[:-1],
            [" ".join(_sentence(draw, 10) for _ in range(WORDS // 10)) for _ in range(paragraphs)],
        )
        for _ in range(count)
    )


@cache
def rows() -> tuple[tuple[str, str, int, str], ...]:
    """Return rows of a made-up table, without its header."""
    draw = random.Random(SEED)
    return tuple(
        (f"{_word(draw)} {at}", _word(draw), draw.randint(1, 3000), _sentence(draw, 6)[:-1]) for at in range(ROWS)
    )


def text_of(parts: Sequence[Chapter]) -> str:
    """Return headings and paragraphs, each on a line of its own."""
    return "\n\n".join("\n\n".join((heading, *paragraphs)) for heading, paragraphs in parts)


def _table_text(first: str = "") -> str:
    return "\n".join([first, *(" ".join(map(str, row)) for row in (COLUMNS, *rows()))])


def _zipped(files: Mapping[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _pdf() -> Made:
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import Paragraph, SimpleDocTemplate

    def edges(canvas: object, document: object) -> None:
        canvas.drawString(72, 800, "Chronicle of the made-up")  # type: ignore[attr-defined]
        canvas.drawString(300, 30, str(document.page))  # type: ignore[attr-defined]

    styles, buffer = getSampleStyleSheet(), io.BytesIO()
    flow = []
    for heading, paragraphs in chapters():
        flow.append(Paragraph(heading, styles["Heading1"]))
        flow += [Paragraph(text, styles["BodyText"]) for text in paragraphs]
    SimpleDocTemplate(buffer, pagesize=(595, 842), invariant=1).build(flow, onFirstPage=edges, onLaterPages=edges)
    return buffer.getvalue(), text_of(chapters())


def _docx() -> Made:
    import docx

    document, buffer = docx.Document(), io.BytesIO()
    for heading, paragraphs in chapters():
        document.add_heading(heading, 1)
        for text in paragraphs:
            document.add_paragraph(text)
    document.save(buffer)
    return buffer.getvalue(), text_of(chapters())


def _pptx() -> Made:
    import pptx

    slides, buffer = pptx.Presentation(), io.BytesIO()
    parts = chapters(SLIDES, 2)
    for heading, paragraphs in parts:
        slide = slides.slides.add_slide(slides.slide_layouts[1])
        slide.shapes.title.text, slide.placeholders[1].text = heading, "\n".join(paragraphs)
    slides.save(buffer)
    return buffer.getvalue(), text_of(parts)


def _odf(kind: str, body: str) -> bytes:
    spaces = {
        "office": "office:1.0", "text": "text:1.0", "table": "table:1.0", "draw": "drawing:1.0",
        "presentation": "presentation:1.0",
    }  # fmt: skip
    named = " ".join(f'xmlns:{n}="urn:oasis:names:tc:opendocument:xmlns:{u}"' for n, u in spaces.items())
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {named} office:version="1.2">'
        f"<office:body><office:{kind}>{body}</office:{kind}></office:body></office:document-content>"
    )
    return _zipped({"mimetype": f"application/vnd.oasis.opendocument.{kind}", "content.xml": content})


def _odt() -> Made:
    body = ""
    for heading, paragraphs in chapters():
        body += f'<text:h text:outline-level="1">{heading}</text:h>'
        body += "".join(f"<text:p>{text}</text:p>" for text in paragraphs)
    return _odf("text", body), text_of(chapters())


def _odp() -> Made:
    body = ""
    parts = chapters(SLIDES, 2)
    for heading, paragraphs in parts:
        lines = "".join(f"<text:p>{text}</text:p>" for text in paragraphs)
        body += (
            '<draw:page><draw:frame presentation:class="title"><draw:text-box>'
            f"<text:p>{heading}</text:p></draw:text-box></draw:frame>"
            f"<draw:frame><draw:text-box>{lines}</draw:text-box></draw:frame></draw:page>"
        )
    return _odf("presentation", body), text_of(parts)


def _ods() -> Made:
    lines = ""
    for row in (COLUMNS, *rows()):
        cells = (
            f'<table:table-cell office:value-type="float" office:value="{value}"><text:p>{value}</text:p>'
            "</table:table-cell>"
            if isinstance(value, int)
            else f'<table:table-cell office:value-type="string"><text:p>{value}</text:p></table:table-cell>'
            for value in row
        )
        lines += f"<table:table-row>{''.join(cells)}</table:table-row>"
    return _odf("spreadsheet", f'<table:table table:name="Sheet">{lines}</table:table>'), _table_text("Sheet")


def _rtf() -> Made:
    lines = (rf"{{\b {heading}\par}}" + "".join(rf"{text}\par " for text in texts) for heading, texts in chapters())
    return (r"{\rtf1\ansi " + "\n".join(lines) + "}").encode(), text_of(chapters())


def _xlsx() -> Made:
    import openpyxl

    book, buffer = openpyxl.Workbook(), io.BytesIO()
    book.active.title = "Sheet"
    for row in (COLUMNS, *rows()):
        book.active.append(row)
    book.save(buffer)
    return buffer.getvalue(), _table_text("Sheet")


def _xls() -> Made:
    import xlwt

    book, buffer = xlwt.Workbook(), io.BytesIO()
    sheet = book.add_sheet("Sheet")
    for down, row in enumerate((COLUMNS, *rows())):
        for across, value in enumerate(row):
            sheet.write(down, across, value)
    book.save(buffer)
    return buffer.getvalue(), _table_text("Sheet")


def _csv() -> Made:
    stream = io.StringIO()
    csv.writer(stream).writerows((COLUMNS, *rows()))
    return stream.getvalue().encode(), _table_text()


def _records() -> list[dict[str, str | int]]:
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows()]


def _json() -> Made:
    text = json.dumps({"stations": _records()}, indent=1)
    return text.encode(), text


def _jsonl() -> Made:
    text = "\n".join(map(json.dumps, _records()))
    return text.encode(), text


def _page(heading: str, paragraphs: Sequence[str]) -> str:
    body = "".join(f"<p>{html.escape(text)}</p>\n" for text in paragraphs)
    return (
        '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>' + heading + "</title></head>"
        f"<body><h1>{heading}</h1>\n{body}</body></html>"
    )


def _epub() -> Made:
    pages = {f"c{at}.xhtml": _page(*chapter) for at, chapter in enumerate(chapters())}
    items = "".join(f'<item id="{n}" href="{n}" media-type="application/xhtml+xml"/>' for n in pages)
    spine = "".join(f'<itemref idref="{n}"/>' for n in pages)
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata/>'
        f"<manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles><rootfile '
        'full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    front = {"mimetype": "application/epub+zip", "META-INF/container.xml": container, "book.opf": package}
    return _zipped({**front, **pages}), text_of(chapters())


def _message(chapter: Chapter) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "Nora Dell <nora@example.org>", "Sam Reed <sam@example.org>"
    message["Date"], message["Subject"] = "Mon, 04 Mar 2024 10:00:00 +0000", chapter[0]
    message.set_content("\n\n".join(chapter[1]))
    return message


def _message_text(message: EmailMessage) -> str:
    return "\n".join(f"{name}: {value}" for name, value in message.items() if "-" not in name) + "\n"


def _mail() -> Made:
    message = _message(("A long letter", [text for _, texts in chapters() for text in texts]))
    return message.as_bytes(), _message_text(message) + message.get_content()


def _mbox() -> Made:
    messages = [_message(chapter) for chapter in chapters(MESSAGES, 3)]
    box = "".join(f"From nora@example.org Mon Mar  4 10:00:00 2024\n{m.as_string()}\n" for m in messages)
    return box.encode(), "\n".join(_message_text(message) + message.get_content() for message in messages)


def _zip() -> Made:
    return _zipped({f"{at:02}.txt": text_of([part]) for at, part in enumerate(chapters())}), text_of(chapters())


def _text() -> Made:
    return text_of(chapters()).encode(), text_of(chapters())


def _markdown() -> Made:
    return "\n\n".join(f"# {h}\n\n" + "\n\n".join(p) for h, p in chapters()).encode(), text_of(chapters())


def _html() -> Made:
    first, *others = chapters()
    more = [text for heading, texts in others for text in (heading, *texts)]
    return _page(first[0], [*first[1], *more]).encode(), text_of(chapters())


MAKERS: Mapping[str, Callable[[], Made]] = {
    "pdf": _pdf, "docx": _docx, "odt": _odt, "rtf": _rtf, "pptx": _pptx, "odp": _odp, "xlsx": _xlsx, "xls": _xls,
    "ods": _ods, "csv": _csv, "json": _json, "jsonl": _jsonl, "epub": _epub, "mail": _mail, "mbox": _mbox,
    "zip": _zip, "text": _text, "markdown": _markdown, "html": _html,
}  # fmt: skip
