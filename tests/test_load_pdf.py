"""PDF: what a reader of the page reads, in order, and where on the page each character stands."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
import reportlab
from PIL import Image
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from index.load.limits import Limits, Unreadable
from index.load.pdf.document import extract_pdf, render_page
from index.load.pdf.letters import Letters, Recognised
from index.records import Extract, Page
from index.split import split
from tests.fakes import HashEncoder
from tests.test_split import check

TOKENS = HashEncoder().token_spans
WIDE, HIGH = 600.0, 800.0

SEA = (
    "The sea was calm that morning and the boats went out long before the sun had",
    "come up over the harbour wall, as they had done on every day of the year since",
    "anyone could remember, and nobody thought that this one would be different.",
)
HILL = (
    "On the hill behind the town the old woman lit her fire and put the kettle on it,",
    "and she looked down at the water where the small lights moved away one by one",
    "until the last of them had gone.",
)


def pdf(*draw: Callable[[Canvas], None], encrypt: StandardEncryption | None = None, **facts: str) -> bytes:
    """Return a document with a page for each function that draws one."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(WIDE, HIGH), invariant=1, encrypt=encrypt)
    for key, value in facts.items():
        getattr(canvas, f"set{key.title()}")(value)
    for page in draw:
        canvas.setFont("Helvetica", 10)
        page(canvas)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def lines(
    texts: Iterable[str], x: float = 60, y: float = 700, font: str = "Helvetica", size: float = 10
) -> Callable[[Canvas], None]:
    """Return a function that draws lines 12 points apart, the first one's base line ``y`` from below."""

    def draw(canvas: Canvas) -> None:
        canvas.setFont(font, size)
        for row, text in enumerate(texts):
            canvas.drawString(x, y - row * 1.2 * size, text)

    return draw


def together(*draw: Callable[[Canvas], None]) -> Callable[[Canvas], None]:
    """Return a function that draws all of them on one page."""

    def all_of_them(canvas: Canvas) -> None:
        for each in draw:
            each(canvas)

    return all_of_them


def read(data: bytes, limits: Limits | None = None) -> Extract:
    """Extract, and assert what holds for every document."""
    found = extract_pdf(data, limits or Limits())
    at = 0
    for block in found.blocks:
        assert not found.text[at : block.start].strip()
        assert at <= block.start < block.end
        at = block.end
    assert not found.text[at:].strip()
    check(found, split(found, "en", TOKENS, 40))
    assert [page.start for page in found.pages[1:]] == [page.end for page in found.pages[:-1]]
    assert (found.pages[0].start, found.pages[-1].end) == (0, len(found.text))
    for page in found.pages:
        boxes = boxes_of(page)
        assert len(boxes) == page.end - page.start
        letters = [not letter.isspace() for letter in found.text[page.start : page.end]]
        assert not boxes[~np.array(letters, bool)].any()
        assert (boxes[:, 0] <= boxes[:, 2]).all()
        assert (boxes[:, 1] <= boxes[:, 3]).all()
    return found


def boxes_of(page: Page) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return left, top, right and bottom of each character in points."""
    parts = np.frombuffer(page.boxes, "<u2").reshape(-1, 4) / 65535
    return parts * [page.width, page.height, page.width, page.height]


def box_of(found: Extract, words: str) -> tuple[float, ...]:
    """Return the box around the only place where ``words`` stand."""
    assert found.text.count(words) == 1
    start = found.text.index(words)
    page = next(page for page in found.pages if page.start <= start < page.end)
    boxes = boxes_of(page)[start - page.start : start - page.start + len(words)]
    boxes = boxes[boxes.any(axis=1)]
    return (*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0))


def blocks(found: Extract) -> list[tuple[str, str]]:
    return [(block.kind, found.text[block.start : block.end]) for block in found.blocks]


def test_lines_of_a_paragraph_are_joined_and_paragraphs_told_apart() -> None:
    found = read(pdf(together(lines(SEA), lines(HILL, y=640)), title="The sea", author="A. Writer"))
    assert blocks(found) == [("text", " ".join(SEA)), ("text", " ".join(HILL))]
    assert (found.title, found.author, found.date) == ("The sea", "A. Writer", "2000-01-01")
    assert found.places.unit == "page"
    assert found.notes == ()


def test_each_character_has_its_own_box() -> None:
    found = read(pdf(lines(SEA)))
    page = found.pages[0]
    assert (page.number, page.width, page.height) == (1, WIDE, HIGH)
    boxes = boxes_of(page)
    for row, text in enumerate(SEA):
        for at, letter in enumerate(text):
            place = found.text.index(text) + at
            left = 60 + pdfmetrics.stringWidth(text[:at], "Helvetica", 10)
            right = left + pdfmetrics.stringWidth(letter, "Helvetica", 10)
            base = HIGH - 700 + row * 12
            if letter == " ":
                assert not boxes[place].any()
            else:
                assert boxes[place] == pytest.approx([left, base - 8, right, base + 2.5], abs=1.6)


def test_a_first_line_that_is_indented_begins_a_paragraph() -> None:
    found = read(pdf(together(lines(SEA), lines(HILL[:1], x=75, y=664), lines(HILL[1:], y=652))))
    assert blocks(found) == [("text", " ".join(SEA)), ("text", " ".join(HILL))]


@pytest.mark.parametrize(
    ("upper", "lower", "joined"),
    [
        ("a bright morn-", "ing in the har", "a bright morning in the har"),
        ("made in East-", "West trade", "made in East-West trade"),
        ("in the years 1914-", "1918 of the war", "in the years 1914-1918 of the war"),
        ("the pre-", "and postwar years", "the pre- and postwar years"),
        ("a state-of-the-", "art engine", "a state-of-the-art engine"),
        ("see https://example.org/a-", "b/c for more", "see https://example.org/a-b/c for more"),
        ("see https://example.org/", "doc/c for more", "see https://example.org/doc/c for more"),
        ("a soft mor\u00ad", "ning it was", "a soft morning it was"),
        ("he was well-", "known for it", "he was well-known for it"),
    ],
)
def test_a_hyphen_at_the_end_of_a_line(upper: str, lower: str, joined: str) -> None:
    text = ("So it was then, by all accounts, and the well-known captain of the ship knew it", upper, lower)
    assert joined in read(pdf(lines(text))).text


def test_a_paragraph_goes_on_in_the_next_column_and_on_the_next_page() -> None:
    column = ["in the narrow column words run on and on", "so that no line ever comes to an end of"] * 12
    first = together(
        lines(["A title that stands over both of the columns"], x=120, y=740, size=16),
        lines([*column, "its own will, and when the column ends the para-"], x=50, size=9),
        lines(
            ["graph does not, nor does it end with the page", *column, "since what follows is unfin-"], x=320, size=9
        ),
    )
    second = together(lines(["ished business of that same paragraph."], x=50, size=9))
    found = read(pdf(first, second))
    body = " ".join(column)
    whole = (
        f"{body} its own will, and when the column ends the paragraph does not, nor does it end with the page "
        f"{body} since what follows is unfinished business of that same paragraph."
    )
    assert blocks(found) == [("heading", "A title that stands over both of the columns"), ("text", whole)]
    place = found.text.index("ished business")
    assert found.places.locate(place - 1, place).words == "page 1"
    assert found.places.locate(place, place + 1).words == "page 2"
    assert [(page.number, page.start) for page in found.pages] == [(1, 0), (2, place)]


def test_a_footnote_stands_before_the_paragraph_that_goes_on_after_it() -> None:
    unended = together(
        lines([*SEA[:2], "anyone could remember, and nobody thought that"]), lines(["1 A note."], y=60, size=7)
    )
    found = read(pdf(unended, lines(["this one would be different."])))
    assert blocks(found) == [
        ("text", "1 A note."),
        ("text", " ".join(SEA)),
    ]


def test_running_headers_and_page_numbers_are_left_out() -> None:
    def page(number: int) -> Callable[[Canvas], None]:
        header = f"{number}   A History of the Sea" if number % 2 else f"Chapter {number // 5 + 1}: the tide   {number}"
        return together(
            lines([header], y=770, size=9),
            lines([f"{number} {text}" for text in SEA]),
            lines([f"- {number} -"], x=290, y=30),
        )

    found = read(pdf(*(page(number) for number in range(1, 11))))
    assert [words for _, words in blocks(found)] == [" ".join(f"{n} {text}" for text in SEA) for n in range(1, 11)]
    assert found.notes == ("left out running headers and page numbers of 10 pages",)


def test_a_letter_that_is_the_same_on_every_page_is_read_on_every_page() -> None:
    found = read(pdf(*[lines(SEA)] * 9))
    assert [words for _, words in blocks(found)] == [" ".join(SEA)] * 9
    assert found.notes == ()


def test_words_that_stand_at_one_height_by_chance_stay() -> None:
    found = read(pdf(*(lines([text, *SEA]) for text in ("First, it rains.", "Then it snows.", "At last the sun."))))
    assert [words.split(" The sea")[0] for _, words in blocks(found) if "The sea" not in words] == [
        "First, it rains.", "Then it snows.", "At last the sun."
    ]  # fmt: skip
    assert found.notes == ()


def grid(rows: Sequence[Sequence[str]], y: float = 600, bold: bool = False) -> Callable[[Canvas], None]:
    """Return a function that draws a table, its first row in bold if so wished."""

    def draw(canvas: Canvas) -> None:
        for at, row in enumerate(rows):
            canvas.setFont("Helvetica-Bold" if bold and not at else "Helvetica", 10)
            for column, cell in enumerate(row):
                canvas.drawString(60 + 150 * column, y - 14 * at, cell)

    return draw


def test_a_table_is_read_row_by_row() -> None:
    rows = [("Oslo", "Norway", "709,000"), ("Bergen", "Norway", "291,000"), ("Malmö", "Sweden", "362,000")]
    found = read(pdf(together(lines(SEA), grid(rows))))
    assert blocks(found)[1:] == [("row", "\t".join(row)) for row in rows]
    assert found.text.endswith("Oslo\tNorway\t709,000\nBergen\tNorway\t291,000\nMalmö\tSweden\t362,000")


def test_a_row_of_bold_names_names_the_columns() -> None:
    rows = [("City", "Country", "People"), ("Oslo", "Norway", "709,000"), ("Malmö", "Sweden", "362,000")]
    found = read(pdf(together(lines(SEA), grid(rows, bold=True))))
    assert blocks(found)[1:] == [
        ("header", "City\tCountry\tPeople"),
        ("row", "City: Oslo; Country: Norway; People: 709,000"),
        ("row", "City: Malmö; Country: Sweden; People: 362,000"),
    ]
    assert box_of(found, "Malmö")[:2] == pytest.approx((60, HIGH - 572 - 8), abs=1.6)


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_turned_page_is_read_as_it_is_shown(turn: int) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setPageRotation(turn)
        if turn == 90:
            canvas.translate(HIGH, 0)
        elif turn == 180:
            canvas.translate(WIDE, HIGH)
        elif turn == 270:
            canvas.translate(0, WIDE)
        canvas.rotate(turn)
        lines(SEA, y=500)(canvas)

    found = read(pdf(draw))
    assert blocks(found) == [("text", " ".join(SEA))]
    assert (found.pages[0].width, found.pages[0].height) == (WIDE, HIGH)  # as shown: the paper lies across
    right = 60 + pdfmetrics.stringWidth("The sea", "Helvetica", 10)
    assert box_of(found, "The sea") == pytest.approx((60, HIGH - 508, right, HIGH - 497.7), abs=1.6)


def test_text_that_reads_upwards_on_an_upright_page() -> None:
    def draw(canvas: Canvas) -> None:
        lines(SEA)(canvas)
        canvas.rotate(90)
        canvas.drawString(300, -30, "Received in spring")

    found = read(pdf(draw))
    assert blocks(found) == [("text", " ".join(SEA)), ("text", "Received in spring")]
    long = pdfmetrics.stringWidth("Received in spring", "Helvetica", 10)
    assert box_of(found, "Received in spring") == pytest.approx((22, 500 - long, 32.5, 500), abs=1.6)


def test_boxes_count_from_the_crop_box_and_what_lies_outside_is_left_out() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setCropBox((50, 400, 550, 750))
        lines(SEA)(canvas)
        lines(["This is cropped away."], y=100)(canvas)

    found = read(pdf(draw))
    assert blocks(found) == [("text", " ".join(SEA))]
    assert (found.pages[0].width, found.pages[0].height) == (500, 350)
    right = 10 + pdfmetrics.stringWidth("The sea", "Helvetica", 10)
    assert box_of(found, "The sea") == pytest.approx((10, 42, right, 52.5), abs=1.6)
    assert found.notes == ("left out text that can't be seen on page 1",)


def test_both_letters_of_a_ligature_have_its_box() -> None:
    pdfmetrics.registerFont(TTFont("Vera", str(Path(reportlab.__file__).parent / "fonts" / "Vera.ttf")))
    found = read(pdf(lines(["The \ufb01rst of\u00a0all"], font="Vera")))
    assert found.text == "The first of all"
    boxes = boxes_of(found.pages[0])
    assert boxes[4].tolist() == boxes[5].tolist()
    assert boxes[4][2] == pytest.approx(boxes[6][0], abs=0.1)


def test_a_raised_number_stays_apart_from_the_word_before_it() -> None:
    def draw(canvas: Canvas) -> None:
        lines(SEA)(canvas)
        canvas.drawString(60, 600, "built in 1912")
        canvas.setFont("Helvetica", 6)
        canvas.drawString(60 + pdfmetrics.stringWidth("built in 1912", "Helvetica", 10), 604, "12")

    assert read(pdf(draw)).text.endswith("\n\nbuilt in 1912¹²")


def test_lists_keep_their_items() -> None:
    items = [
        "\u2022 A first thing, and it is long enough",
        "   to need a second line of its own",
        "\u2022 another",
        "1. One",
        "2. Two",
    ]
    assert [words for _, words in blocks(read(pdf(together(lines(SEA), lines(items, y=600)))))][1:] == [
        "- A first thing, and it is long enough to need a second line of its own", "- another", "1. One", "2. Two"
    ]  # fmt: skip


def test_code_keeps_its_lines_and_indents() -> None:
    code = ["def f(x):", "    if x:", "        return  1", "    return 2"]
    found = read(pdf(together(lines(SEA), lines(code, y=600, font="Courier"))))
    assert blocks(found)[1:] == [("code", "\n".join(code))]


def outlined(canvas: Canvas, title: str, level: int, y: float) -> None:
    canvas.bookmarkHorizontal(title, 0, y)
    canvas.addOutlineEntry(title, title, level)


def test_headings_come_from_the_outline_with_their_levels() -> None:
    def draw(canvas: Canvas) -> None:
        for title, level, y in (("Weather", 0, 740), ("Rain", 1, 640), ("Snow", 1, 540), ("Tides", 0, 440)):
            outlined(canvas, title, level, y)
            lines([title], y=y)(canvas)
            lines(SEA, y=y - 30)(canvas)

    found = read(pdf(draw, title="untitled"))
    assert found.title == "Weather"
    headings = [(found.text[b.start : b.end], b.section) for b in found.blocks if b.kind == "heading"]
    assert headings == [("Weather", ()), ("Rain", ("Rain",)), ("Snow", ("Snow",)), ("Tides", ("Tides",))]


def test_without_an_outline_headings_are_told_by_their_type() -> None:
    page = together(
        lines(["The book of the sea"], y=740, size=20),
        lines(["1 Weather"], y=700, size=14),
        lines(SEA, y=680),
        lines(["1.1 Rain and snow"], y=620, font="Helvetica-Bold"),
        lines(SEA, y=600),
    )
    found = read(pdf(page, title="Microsoft Word - sea.doc"))
    assert found.title == "The book of the sea"
    assert [(found.text[b.start : b.end], b.section) for b in found.blocks if b.kind == "heading"] == [
        ("The book of the sea", ()),
        ("1 Weather", ("1 Weather",)),
        ("1.1 Rain and snow", ("1 Weather", "1.1 Rain and snow")),
    ]


def test_a_table_of_contents_is_left_out_but_not_a_list_of_prices() -> None:
    titles = ["Weather", "Rain", "Snow", "Tides"]
    contents = lines([f"{title} {'. ' * 30}{at + 2}" for at, title in enumerate(titles)])
    chapters = [together(lines([title], y=740, size=14), lines(SEA)) for title in titles]

    def prices(canvas: Canvas) -> None:
        for row, (what, price) in enumerate((("Tea", 3), ("Coffee", 4), ("Cake", 2), ("Milk", 1))):
            canvas.drawString(60, 600 - 12 * row, what)
            canvas.drawRightString(400, 600 - 12 * row, f"{'.' * 90} {price}")

    found = read(pdf(contents, *chapters, together(lines(HILL), prices)))
    assert found.notes == ("left out the table of contents on page 1",)
    assert [words for kind, words in blocks(found) if kind == "heading"] == titles
    assert blocks(found)[-4:] == [("row", "Tea\t3"), ("row", "Coffee\t4"), ("row", "Cake\t2"), ("row", "Milk\t1")]


def test_numbers_of_lines_are_left_out() -> None:
    numbers = lines(map(str, range(1, 13)), x=20)
    found = read(pdf(together(numbers, lines(SEA * 4))))
    assert blocks(found) == [("text", " ".join(SEA * 4))]
    assert found.notes == ("left out line numbers of 1 page",)


def test_what_was_entered_into_a_form_is_read() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(60, 700, "Name:")
        canvas.acroForm.textfield(name="name", x=100, y=695, width=200, height=20, value="Ada Lovelace")

    assert read(pdf(draw)).text == "Name: Ada Lovelace"


def invisible(texts: Sequence[str], y: float = 700) -> Callable[[Canvas], None]:
    def draw(canvas: Canvas) -> None:
        for row, words in enumerate(texts):
            text = canvas.beginText(60, y - 12 * row)
            text.setTextRenderMode(3)
            text.textLine(words)
            canvas.drawText(text)

    return draw


def test_invisible_text_is_read_only_where_it_is_all_there_is() -> None:
    found = read(pdf(invisible(SEA)))
    assert blocks(found) == [("text", " ".join(SEA))]
    found = read(pdf(together(lines(SEA), invisible(["ignore all of this"], y=100))))
    assert blocks(found) == [("text", " ".join(SEA))]
    assert found.notes == ("left out text that can't be seen on page 1",)


def picture(canvas: Canvas) -> None:
    canvas.drawImage(ImageReader(Image.new("RGB", (40, 40), "grey")), 0, 0, WIDE, HIGH)


OCR = "install it with pip install 'seedqa[ocr]' and Tesseract, then rebuild"


def test_a_scanned_document_says_so() -> None:
    with pytest.raises(Unreadable) as caught:
        extract_pdf(pdf(picture, picture), Limits())
    assert str(caught.value) == f"scanned: none of its 2 pages has text; text recognition (OCR) is optional: {OCR}"
    found = read(pdf(picture, lines(SEA), picture, picture))
    assert found.notes == (f"no text on pages 1, 3–4, only pictures; OCR reads them: {OCR}",)
    assert [page.number for page in found.pages] == [2]


def test_recognised_words_are_laid_out_like_any_others() -> None:
    def ocr(png: bytes) -> Letters:
        wide, high = Image.open(io.BytesIO(png)).size
        words = [
            Recognised(text=word, left=100 + 100 * at, top=200 + 40 * row, right=180 + 100 * at, bottom=230 + 40 * row,
                       base=225 + 40 * row, size=30)
            for row, line in enumerate(("The sea was", "calm to-", "day."))
            for at, word in enumerate(line.split())
        ]  # fmt: skip
        return Letters.recognised(wide, high, words)

    found = extract_pdf(pdf(picture), Limits(), ocr)
    assert found.text == "The sea was calm today."
    page = found.pages[0]
    assert (page.width, page.height) == (2000, 2667)
    assert box_of(found, "sea") == pytest.approx((200, 200, 280, 230), abs=0.1)


def raw(objects: Sequence[bytes], pages: str = "3 0 R", count: int = 1) -> bytes:
    """Return a PDF of hand-written objects; number 1 is the catalogue, 2 the page tree, the rest begins at 3."""
    all_of_them = [b"<</Type/Catalog/Pages 2 0 R>>", f"<</Type/Pages/Kids[{pages}]/Count {count}>>".encode(), *objects]
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(all_of_them, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    return bytes(out + b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(places) + 1, start))


def stream(body: bytes, head: bytes = b"") -> bytes:
    packed = zlib.compress(body, 9)
    return b"<<%s/Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (head, len(packed), packed)


FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
WORDS = b"BT /F 10 Tf 60 700 Td (The sea was calm.) Tj ET"


def page_of(contents: int, font: int) -> bytes:
    head = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents %d 0 R" % contents
    return head + b"/Resources<</Font<</F %d 0 R>>>>>>" % font


def test_more_pages_than_allowed() -> None:
    kids = " ".join(f"{number} 0 R" for number in range(5, 10_005))
    data = raw([stream(WORDS), FONT, *[page_of(3, 4)] * 10_000], kids, 10_000)
    found = read(data, Limits(pages=3))
    assert len(found.pages) == 3
    assert found.notes == ("read the first 3 of 10000 pages: no more are allowed",)


def test_more_text_than_allowed() -> None:
    found = read(pdf(*[lines(SEA)] * 9), Limits(characters=300))
    assert found.notes == ("read the first 2 of 9 pages: more text than is allowed",)


def test_a_stream_that_unpacks_to_very_much_white_space() -> None:
    data = raw([page_of(4, 5), stream(WORDS + b" " * 50_000_000), FONT])
    assert len(data) < 100_000
    assert read(data).text == "The sea was calm."


def test_fonts_that_name_no_characters() -> None:
    glyph = stream(b"500 0 0 0 500 500 d1 0 0 500 500 re f")
    names = b" ".join(b"/g%d" % code for code in range(97, 123))
    font = (
        b"<</Type/Font/Subtype/Type3/FontBBox[0 0 500 500]/FontMatrix[.001 0 0 .001 0 0]/FirstChar 97/LastChar 122"
        b"/Widths[" + b"500 " * 26 + b"]/Encoding<</Differences[97 " + names + b"]>>/CharProcs<<"
        + b" ".join(b"/g%d 6 0 R" % code for code in range(97, 123)) + b">>>>"
    )  # fmt: skip
    data = raw([page_of(4, 5), stream(b"BT /F 10 Tf 60 700 Td (xgzqkwpfdt) Tj ET"), font, glyph])
    with pytest.raises(Unreadable, match="unreadable fonts: on none of its 1 pages"):
        extract_pdf(data, Limits())
    # old typesetters named no characters either, but used the codes of the letters
    data = raw([page_of(4, 5), stream(b"BT /F 10 Tf 60 700 Td (readable) Tj ET"), font, glyph])
    assert extract_pdf(data, Limits()).text == "readable"


def test_encrypted_documents() -> None:
    secret = pdf(lines(SEA), encrypt=StandardEncryption("secret", "owner"))
    with pytest.raises(Unreadable) as caught:
        extract_pdf(secret, Limits())
    assert str(caught.value) == "encrypted: save it without a password"
    with pytest.raises(Unreadable, match="encrypted"):
        render_page(secret, 1, 100)
    assert read(pdf(lines(SEA), encrypt=StandardEncryption("", "owner"))).text == " ".join(SEA)


TRUNCATED = "truncated: the end of the file is missing; get it again, or save it anew from a PDF viewer"
NO_PDF = "damaged: no PDF that can be opened (Failed to load document (PDFium: Data format error).)"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (pdf(lines(SEA))[:-400], TRUNCATED),
        (b"", TRUNCATED),
        (b"%PDF-1.4\nnothing\nstartxref\n9\n%%EOF", NO_PDF),
    ],
)
def test_damaged_documents(data: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        extract_pdf(data, Limits())
    assert str(caught.value) == reason


def test_a_document_without_words_has_no_blocks() -> None:
    found = extract_pdf(pdf(lines([])), Limits())
    assert (found.text, found.blocks, found.pages) == ("", (), ())


def test_the_same_bytes_give_the_same_extract() -> None:
    data = pdf(together(lines(SEA), grid([("a", "b"), ("c", "d")])), lines(HILL))
    assert extract_pdf(data, Limits()) == extract_pdf(data, Limits())


def test_a_page_as_a_picture() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setFillColorRGB(1, 0, 0)
        canvas.rect(0, 400, 300, 400, stroke=0, fill=1)

    data = pdf(lines(SEA), draw)
    image = Image.open(io.BytesIO(render_page(data, 2, 300)))
    assert (image.format, image.size) == ("PNG", (300, 400))
    assert [image.convert("RGB").getpixel(at) for at in ((10, 10), (290, 10), (10, 390))] == [
        (255, 0, 0), (255, 255, 255), (255, 255, 255)
    ]  # fmt: skip
    for number in (0, 3):
        with pytest.raises(Unreadable, match=re.escape(f"there is no page {number}: the document has 2")):
            render_page(data, number, 300)


def test_the_picture_of_an_endless_page_is_bounded() -> None:
    data = raw([page_of(4, 5).replace(b"600 800", b"10 14000"), stream(WORDS), FONT])
    image = Image.open(io.BytesIO(render_page(data, 1, 500)))
    assert image.size[1] <= 2001


def test_the_picture_of_a_page_has_a_palette_unless_it_shows_a_photograph() -> None:
    shades = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)

    def draw(canvas: Canvas) -> None:
        canvas.drawImage(ImageReader(Image.fromarray(shades)), 0, 400, 300, 300)

    data = pdf(lines(SEA), draw)
    assert [Image.open(io.BytesIO(render_page(data, number, 600))).mode for number in (1, 2)] == ["P", "RGB"]
