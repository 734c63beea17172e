"""OpenDocument texts and presentations: what a reader sees, in order, and where it stands."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime

import odfdo
import pytest

from index.load.limits import Limits, Unreadable
from index.load.office.odf import extract_odp, extract_odt
from index.records import Extract
from tests.office import changed, shown, texts, zipped

_NAMES = "office style text table draw presentation chart meta manifest".split()
SPACES = " ".join(
    [f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in _NAMES if name != "draw"]
    + [
        'xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0"',
        'xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0"',
        'xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0"',
        'xmlns:xlink="http://www.w3.org/1999/xlink"',
        'xmlns:dc="http://purl.org/dc/elements/1.1/"',
        'xmlns:mml="http://www.w3.org/1998/Math/MathML"',
    ]
)
LISTS = (
    '<text:list-style style:name="L"><text:list-level-style-number text:level="1" style:num-format="1" '
    'style:num-suffix="."/><text:list-level-style-number text:level="2" style:num-format="a" style:num-prefix="(" '
    'style:num-suffix=")"/><text:list-level-style-bullet text:level="3" text:bullet-char="•"/>'
    '<text:list-level-style-number text:level="4" style:num-format="1" text:display-levels="4"/></text:list-style>'
    '<text:list-style style:name="B"><text:list-level-style-bullet text:level="1" text:bullet-char="•"/>'
    "</text:list-style>"
)
AUTOMATIC = (
    f'{LISTS}<style:style style:name="P1" style:family="paragraph" style:parent-style-name="Preformatted_20_Text"/>'
    '<style:style style:name="P2" style:family="paragraph" style:parent-style-name="Title"/>'
    '<style:style style:name="T1" style:family="text"><style:text-properties fo:font-weight="bold"/></style:style>'
    '<style:style style:name="T2" style:family="text"><style:text-properties text:display="none"/></style:style>'
    '<style:style style:name="D1" style:family="drawing-page">'
    '<style:drawing-page-properties presentation:visibility="hidden"/></style:style>'
)
OUTLINE = (
    '<text:outline-style><text:outline-level-style text:level="1" style:num-format="I"/>'
    '<text:outline-level-style text:level="2" style:num-format="1" text:display-levels="2"/></text:outline-style>'
)


def zip_part(data: bytes, name: str) -> str:
    """Return a part of a document."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(name).decode()


def package(kind: str, body: str, *, outline: str = "", meta: str = "", **parts: str) -> bytes:
    """Return an OpenDocument file; more parts are named without ``/content.xml``."""
    content = f"<office:document-content {SPACES}><office:automatic-styles>{AUTOMATIC}</office:automatic-styles>"
    styles = f"<office:document-styles {SPACES}><office:styles>{outline}</office:styles></office:document-styles>"
    return zipped(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}",
            "content.xml": f"{content}<office:body><office:{kind}>{body}</office:{kind}></office:body>"
            "</office:document-content>",
            "styles.xml": styles,
            "meta.xml": f"<office:document-meta {SPACES}><office:meta>{meta}</office:meta></office:document-meta>",
            **{f"{name}/content.xml": part for name, part in parts.items()},
        }
    )


def odt(body: str, *, outline: str = "", meta: str = "", **parts: str) -> Extract:
    return extract_odt(package("text", body, outline=outline, meta=meta, **parts), Limits())


def odp(body: str, *, meta: str = "", **parts: str) -> Extract:
    return extract_odp(package("presentation", body, meta=meta, **parts), Limits())


def p(words: str, style: str = "") -> str:
    return f'<text:p text:style-name="{style}">{words}</text:p>'


def items(*words: str, style: str = "", more: str = "") -> str:
    """Return a list; what begins with ``<`` is an item's whole content."""
    name = f'text:style-name="{style}"' if style else ""
    inside = "".join(f"<text:list-item>{w if w.startswith('<') else p(w)}</text:list-item>" for w in words)
    return f"<text:list {name} {more}>{inside}</text:list>"


def rows(*words: tuple[str, ...]) -> str:
    cells = ("".join(f"<table:table-cell>{p(w)}</table:table-cell>" for w in row) for row in words)
    return "".join(f"<table:table-row>{row}</table:table-row>" for row in cells)


def test_a_document_as_odfdo_writes_it() -> None:
    document = odfdo.Document("text")
    document.meta.title = "Garden Book"
    document.meta.initial_creator = "Ann Other"
    document.meta.creator = "Who Saved It"
    document.meta.creation_date = datetime(2024, 3, 1, 9, 30)
    body = document.body
    body.clear()
    body.append(odfdo.Header(1, "Roses"))
    body.append(odfdo.Paragraph("Roses grow\u00a0by  the wall."))
    body.append(odfdo.Paragraph(""))
    body.append(odfdo.List(["Water", "Cut"]))
    body.append(odfdo.Header(2, "Kinds"))
    table = odfdo.Table("Kinds", width=2, height=2)
    table.set_values([["Name", "Colour"], ["Alba", "white"]])
    body.append(table)
    stream = io.BytesIO()
    document.save(stream)
    found = extract_odt(stream.getvalue(), Limits())
    assert (found.title, found.author, found.date, found.notes) == ("Garden Book", "Ann Other", "2024-03-01", ())
    assert shown(found) == [
        ("heading", "paragraph 1", "", "1. Roses"),
        ("text", "paragraph 2", "", "Roses grow by the wall."),
        ("text", "paragraph 3", "", "- Water"),
        ("text", "paragraph 4", "", "- Cut"),
        ("heading", "paragraph 5", "1.1. Kinds", "1.1. Kinds"),
        ("row", "paragraph 6", "1.1. Kinds", "Name\tColour"),
        ("row", "paragraph 7", "1.1. Kinds", "Alba\twhite"),
    ]


def test_numbers_of_headings() -> None:
    found = odt(
        p("Book", "P2") + '<text:h text:outline-level="1">First</text:h><text:h text:outline-level="2">Below</text:h>'
        '<text:h text:outline-level="1" text:is-list-header="true">Unnumbered</text:h>'
        '<text:h text:outline-level="1">Second</text:h><text:h text:outline-level="2">Below</text:h>'
        '<text:h text:outline-level="1" text:restart-numbering="true" text:start-value="9">Ninth</text:h>',
        outline=OUTLINE,
    )
    assert (found.title, texts(found)) == (
        "Book",
        ["Book", "I First", "I.1 Below", "Unnumbered", "II Second", "II.1 Below", "IX Ninth"],
    )
    assert [block[2] for block in shown(found)][4:6] == ["II Second", "II Second › II.1 Below"]


def test_numbers_of_lists() -> None:
    deepest = items("number of all four", style="L")
    second = items("a", p("b") + items(p("dot") + deepest))
    found = odt(
        items("one", p("two") + p("goes on") + second, style="L")
        + p("between")
        + items("three", style="L", more='text:continue-numbering="true"')
        + items("anew", style="L")
        + items("dot", style="B")
        + '<text:list text:style-name="L"><text:list-header><text:p>head</text:p></text:list-header>'
        '<text:list-item text:start-value="5"><text:p>five</text:p></text:list-item></text:list>'
    )
    assert texts(found) == [
        *("1. one", "2. two", "goes on", "(a) a", "(b) b", "- dot", "2.b..1 number of all four"),
        *("between", "3. three", "1. anew", "- dot", "head", "5. five"),
    ]


def test_notes_boxes_and_charts_follow_their_paragraph() -> None:
    note = (
        '<text:note text:note-class="footnote"><text:note-citation>{0}</text:note-citation>'
        "<text:note-body>{1}</text:note-body></text:note>"
    )
    frame = "<draw:frame>{}</draw:frame>"
    chart = (
        f"<office:document-content {SPACES}><office:body><office:chart><chart:chart>"
        f"<chart:title>{p('Rain')}</chart:title>"
        f"<table:table><table:table-header-rows>{rows(('', 'Rome'))}</table:table-header-rows><table:table-rows>"
        f"{rows(('May', '12'))}</table:table-rows></table:table></chart:chart></office:chart></office:body>"
        "</office:document-content>"
    )
    found = odt(
        p(f"One{note.format(1, p('First note.') + p('More.'))} and more.")
        + p("Boxes" + frame.format(f"<draw:text-box>{p('in the box')}</draw:text-box>"))
        + p(frame.format('<draw:object xlink:href="./Object 1"/><draw:image/>'))
        + p(frame.format("<draw:image/>"))
        + p(frame.format('<draw:object xlink:href="./Object 2"/>')),
        **{"Object 1": chart},
    )
    assert shown(found) == [
        ("text", "paragraph 1", "", "One[1] and more."),
        ("text", "paragraph 1", "", "[1] First note. More."),
        ("text", "paragraph 2", "", "Boxes"),
        ("text", "paragraph 3", "", "in the box"),
        ("text", "paragraph 4", "", "Rain"),
        ("header", "paragraph 5", "", "Rome"),
        ("row", "paragraph 6", "", "May; Rome: 12"),
    ]
    assert found.notes == ("left out 1 picture", "left out 1 embedded object")


def test_tables_with_merged_cells_and_names() -> None:
    found = odt(
        "<table:table><table:table-header-rows><table:table-row>"
        f"<table:table-cell>{p('City')}</table:table-cell>"
        f'<table:table-cell table:number-columns-spanned="2">{p("Rain")}</table:table-cell><table:covered-table-cell/>'
        "</table:table-row></table:table-header-rows>"
        f'<table:table-row><table:table-cell table:number-rows-spanned="2">{p("Rome")}</table:table-cell>'
        f'<table:table-cell table:number-columns-repeated="2">{p("12")}</table:table-cell></table:table-row>'
        f"<table:table-row><table:covered-table-cell/><table:table-cell/><table:table-cell>{p('3')}</table:table-cell>"
        "</table:table-row></table:table>"
    )
    assert shown(found) == [
        ("header", "paragraph 1", "", "City\tRain"),
        ("row", "paragraph 2", "", "City: Rome; Rain: 12; Rain: 12"),
        ("row", "paragraph 3", "", "City: Rome; Rain: 3"),
    ]


def test_a_first_row_in_bold_holds_names_and_a_table_that_arranges_the_page_is_read_cell_by_cell() -> None:
    bold = '<text:span text:style-name="T1">{}</text:span>'
    found = odt(
        f"<table:table>{rows((bold.format('Name'), bold.format('Age')), ('Bob', '33'))}</table:table>"
        f"<table:table>{rows(('alone',))}</table:table>"
        f"<table:table><table:table-row><table:table-cell>{p('one')}{p('two')}</table:table-cell>"
        f"<table:table-cell>{p('beside')}</table:table-cell></table:table-row></table:table>"
    )
    assert [(block[0], block[3]) for block in shown(found)] == [
        ("header", "Name\tAge"),
        ("row", "Name: Bob; Age: 33"),
        *(("text", words) for words in ("alone", "one", "two", "beside")),
    ]


def test_spaces_code_formulas_and_what_is_left_out() -> None:
    formula = (
        "<mml:math><mml:semantics><mml:mrow><mml:msup><mml:mi>a</mml:mi><mml:mn>2</mml:mn></mml:msup></mml:mrow>"
        "<mml:annotation>a^2</mml:annotation></mml:semantics></mml:math>"
    )
    found = odt(
        f"<text:tracked-changes><text:changed-region><text:deletion>{p('gone')}</text:deletion></text:changed-region>"
        "</text:tracked-changes>"
        f"<text:table-of-content><text:index-body>{p('One 1')}{p('Two 2')}</text:index-body></text:table-of-content>"
        + p("a\n  b<text:tab/>c<text:line-break/>d<text:s text:c='3'/>e")
        + p("if x:<text:line-break/><text:s text:c='4'/>y", "P1")
        + p("z", "P1")
        + p(f"so <draw:frame><draw:object>{formula}</draw:object></draw:frame> is")
        + p(f'seen<text:span text:style-name="T2">unseen</text:span><office:annotation>{p("why")}</office:annotation>')
        + f'<text:section text:display="none">{p("secret")}</text:section><text:section>{p("open")}</text:section>'
    )
    assert [(block[0], block[3]) for block in shown(found)] == [
        ("text", "a b c\nd e"),
        ("code", "if x:\n    y\nz"),
        ("text", "so a^2 is"),
        ("text", "seen"),
        ("text", "open"),
    ]
    assert found.notes == (
        "left out 1 comment",
        "left out 1 stretch of text that tracked changes delete",
        "left out 2 stretches of hidden text",
        "left out 2 lines of the table of contents",
    )


def frame(words: str, kind: str = "", x: str = "1cm", y: str = "1cm") -> str:
    place = f'presentation:class="{kind}" svg:x="{x}" svg:y="{y}"'
    return f"<draw:frame {place}><draw:text-box>{words}</draw:text-box></draw:frame>"


def test_slides() -> None:
    notes = f"<presentation:notes>{frame(p('Mention the wind.') + p('Go on.'), 'notes')}</presentation:notes>"
    group = f"<draw:g>{frame(p('second'), y='30mm')}{frame(p('first'), y='2cm')}</draw:g>"
    table = f"<draw:frame svg:y='9cm'><table:table>{rows(('a', 'b'))}</table:table></draw:frame>"
    found = odp(
        f"<draw:page>{frame(p('A talk'), 'subtitle')}{frame(p('Rye'), 'title', y='5cm')}</draw:page>"
        f"<draw:page draw:style-name='D1'>{frame(p('Soil'), 'title')}{frame(p('right'), x='5in', y='6cm')}"
        f"{frame(items('left', style='B'), x='1in', y='6.2cm')}{group}{table}{notes}</draw:page>"
        f"<draw:page><draw:frame presentation:placeholder='true' presentation:class='title'/>"
        f"<draw:custom-shape svg:y='1cm'>{p('no title')}</draw:custom-shape></draw:page>",
        meta="<dc:title>Bright Blue</dc:title><dc:creator>Ann Other</dc:creator><dc:date>2024-03-01T10:00:00</dc:date>",
    )
    assert (found.title, found.author, found.date) == ("Rye", "Ann Other", "2024-03-01")
    assert found.notes == ("hidden, but read: slide 2",)
    assert shown(found) == [
        ("heading", "slide 1", "", "Rye"),
        ("text", "slide 1", "", "A talk"),
        ("heading", "slide 2", "Soil", "Soil"),
        ("text", "slide 2", "Soil", "first"),
        ("text", "slide 2", "Soil", "second"),
        ("text", "slide 2", "Soil", "- left"),
        ("text", "slide 2", "Soil", "right"),
        ("row", "slide 2", "Soil", "a\tb"),
        ("text", "slide 2", "Soil", "Notes: Mention the wind."),
        ("text", "slide 2", "Soil", "Go on."),
        ("text", "slide 3", "", "no title"),
    ]


def test_what_lies_beyond_the_limits_is_left_out_with_a_note() -> None:
    found = extract_odt(package("text", p("0123456789") * 100), Limits(characters=50))
    assert (texts(found), found.notes) == (["0123456789"] * 5, ("left out what follows the first 50 characters",))
    slides = package("presentation", f"<draw:page>{frame(p('One'), 'title')}</draw:page>" * 5)
    found = extract_odp(slides, Limits(pages=2))
    assert (texts(found), found.notes) == (["One", "One"], ("left out the slides from 3 to 5: too long",))


def test_a_document_without_its_properties_or_styles_is_read() -> None:
    found = extract_odt(changed(package("text", p("One.")), {"meta.xml": "<a>", "styles.xml": None}), Limits())
    assert texts(found) == ["One."]
    assert found.notes == (
        "read without meta.xml: damaged: meta.xml is no XML (Premature end of data in tag a line 1, line 1, column 4)",
    )


EMPTY = package("text", "")
BOMB = "<!DOCTYPE lolz [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>]><lolz>&b;</lolz>"
LOCKED = (
    f"<manifest:manifest {SPACES}><manifest:file-entry><manifest:encryption-data/></manifest:file-entry>"
    "</manifest:manifest>"
)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (changed(EMPTY, {"META-INF/manifest.xml": LOCKED}), "encrypted: save it without a password"),
        (EMPTY[:-50], "damaged or truncated archive (File is not a zip file)"),
        (changed(EMPTY, {"content.xml": None}), "damaged: no OpenDocument file, content.xml is missing"),
        (package("presentation", ""), "damaged: there is no text in it"),
        (changed(EMPTY, {"content.xml": BOMB}), "damaged: its XML declares entities, as no office program does"),
        (
            changed(EMPTY, {"content.xml": "<a>"}),
            "damaged: content.xml is no XML (Premature end of data in tag a line 1, line 1, column 4)",
        ),
    ],
    ids=["encrypted", "truncated", "missing", "other", "bomb", "no-xml"],
)
def test_what_cannot_be_read_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as raised:
        extract_odt(data, Limits())
    assert str(raised.value) == reason


def test_comments_in_the_xml_are_passed_over() -> None:
    styles = f"{LISTS.replace('</text:list-style>', '<!-- a -->' + '</text:list-style>')}"
    data = package("text", "<text:p>One<!-- b --> two</text:p><!-- c --><text:p>three</text:p>")
    content = zip_part(data, "content.xml").replace(LISTS, styles)
    assert texts(extract_odt(changed(data, {"content.xml": content}), Limits())) == ["One two", "three"]


def test_a_level_that_no_list_has_is_the_deepest() -> None:
    deep = 'text:level="999999999" text:display-levels="999999999"'
    level = f'<text:list-level-style-number {deep} style:num-format="1"/>'
    data = package("text", "<text:p>Words.</text:p>")
    content = zip_part(data, "content.xml").replace("</text:list-style>", f"{level}</text:list-style>", 1)
    assert texts(extract_odt(changed(data, {"content.xml": content}), Limits())) == ["Words."]
