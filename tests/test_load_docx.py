"""Word documents: what a reader sees, in order, and where it stands."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import UTC, datetime

import docx
import pytest
from docx.oxml import OxmlElement

from index.load.limits import Limits, Unreadable
from index.load.office.docx import extract_docx
from index.records import Extract
from tests.office import R, changed, docx_of, p, r, shown, texts, zipped

RELS = "http://schemas.openxmlformats.org/package/2006/relationships"
STYLES = (
    '<w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="berschrift1"><w:name w:val="heading 1"/>'
    '<w:pPr><w:numPr><w:numId w:val="2"/></w:numPr><w:outlineLvl w:val="0"/></w:pPr></w:style>'
    '<w:style w:type="paragraph" w:styleId="berschrift2"><w:name w:val="heading 2"/>'
    '<w:pPr><w:numPr><w:ilvl w:val="1"/><w:numId w:val="2"/></w:numPr></w:pPr></w:style>'
    '<w:style w:type="paragraph" w:styleId="Eigene"><w:name w:val="Own"/><w:basedOn w:val="berschrift2"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="NoHead"><w:name w:val="Aside"/><w:basedOn w:val="berschrift1"/>'
    '<w:pPr><w:numPr><w:numId w:val="0"/></w:numPr><w:outlineLvl w:val="9"/></w:pPr></w:style>'
    '<w:style w:type="paragraph" w:styleId="TOC1"><w:name w:val="toc 1"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="Code"><w:name w:val="Source Code"/></w:style>'
    '<w:style w:type="character" w:styleId="Fett"><w:name w:val="Strong"/><w:rPr><w:b/></w:rPr></w:style>'
    '<w:style w:type="table" w:styleId="Netz"><w:name w:val="Grid"/>'
    '<w:tblStylePr w:type="firstRow"><w:rPr><w:b/></w:rPr></w:tblStylePr></w:style>'
)
NUMBERING = (
    '<w:abstractNum w:abstractNumId="1">'
    '<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl>'
    '<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="%2)"/></w:lvl>'
    '<w:lvl w:ilvl="2"><w:start w:val="1"/><w:numFmt w:val="bullet"/><w:lvlText w:val="&#xF0B7;"/></w:lvl>'
    '<w:lvl w:ilvl="3"><w:start w:val="1"/><w:numFmt w:val="bullet"/><w:lvlText w:val=" "/></w:lvl></w:abstractNum>'
    '<w:abstractNum w:abstractNumId="2">'
    '<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="upperRoman"/><w:pStyle w:val="berschrift1"/>'
    '<w:lvlText w:val="%1"/></w:lvl>'
    '<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:pStyle w:val="berschrift2"/>'
    '<w:lvlText w:val="%1.%2"/><w:isLgl/></w:lvl></w:abstractNum>'
    '<w:num w:numId="1"><w:abstractNumId w:val="1"/></w:num>'
    '<w:num w:numId="2"><w:abstractNumId w:val="2"/></w:num>'
    '<w:num w:numId="3"><w:abstractNumId w:val="1"/>'
    '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="7"/></w:lvlOverride></w:num>'
)


def read(body: str, **parts: str) -> Extract:
    return extract_docx(docx_of(body, **{"styles": STYLES, "numbering": NUMBERING, **parts}), Limits())


def saved(document: docx.document.Document) -> bytes:
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def item(words: str, level: int, number: int = 1) -> str:
    return p(words, properties=f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>')


def table(*rows: str, properties: str = "") -> str:
    return f"<w:tbl><w:tblPr>{properties}</w:tblPr>{''.join(rows)}</w:tbl>"


def row(*cells: str, head: bool = False) -> str:
    return f"<w:tr><w:trPr>{'<w:tblHeader/>' * head}</w:trPr>{''.join(cells)}</w:tr>"


def cell(words: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{words if words.startswith('<w:p') else p(words)}</w:tc>"


def test_a_document_as_python_docx_writes_it() -> None:
    document = docx.Document()
    document.core_properties.title = "Garden\u00a0Book"
    document.core_properties.author = "Ann Other"
    document.core_properties.created = datetime(2024, 3, 1, 9, 30, tzinfo=UTC)
    document.add_heading("The garden", 0)
    document.add_heading("Roses", 1)
    document.add_paragraph("Roses grow\u00a0by the\u2002wall.")
    document.add_paragraph("")
    document.add_paragraph("Water", "List Bullet")
    document.add_paragraph("Cut", "List Number")
    document.add_heading("Kinds", 2)
    grid = document.add_table(2, 2)
    for at, words in enumerate(("Name", "Colour", "Alba", "white")):
        grid.cell(at // 2, at % 2).text = words
    grid.rows[0]._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))
    document.add_paragraph("The end.")
    found = extract_docx(saved(document), Limits())
    assert (found.title, found.author, found.date, found.notes) == ("Garden Book", "Ann Other", "2024-03-01", ())
    assert shown(found) == [
        ("heading", "paragraph 1", "", "The garden"),
        ("heading", "paragraph 2", "Roses", "Roses"),
        ("text", "paragraph 3", "Roses", "Roses grow by the wall."),
        ("text", "paragraph 4", "Roses", "- Water"),
        ("text", "paragraph 5", "Roses", "1. Cut"),
        ("heading", "paragraph 6", "Roses › Kinds", "Kinds"),
        ("header", "paragraph 7", "Roses › Kinds", "Name\tColour"),
        ("row", "paragraph 8", "Roses › Kinds", "Name: Alba; Colour: white"),
        ("text", "paragraph 9", "Roses › Kinds", "The end."),
    ]
    assert found.text.endswith("\n\nName\tColour\nName: Alba; Colour: white\n\nThe end.")


def test_what_a_library_writes_into_an_empty_document_is_no_title_author_or_date() -> None:
    document = docx.Document()
    document.add_paragraph("Words.")
    found = extract_docx(saved(document), Limits())
    assert (found.title, found.author, found.date) == ("", "", "")


NO_TITLES = "Microsoft Word - a.doc|untitled|Undefined|No Title Given|<4C6574746572>|a.docx|a.fh11|Document1|  "


@pytest.mark.parametrize("title", NO_TITLES.split("|"))
def test_a_title_that_a_program_wrote_gives_way_to_the_first_heading(title: str) -> None:
    document = docx.Document()
    document.core_properties.title = title
    document.add_heading("A letter", 1)
    assert extract_docx(saved(document), Limits()).title == "A letter"


def test_a_title_from_a_heading_has_no_number_but_the_heading_has() -> None:
    found = read(p("First", "berschrift1") + p("Kinds", "berschrift2") + p("Words.") + p("Second", "berschrift1"))
    assert found.title == "First"
    assert shown(found) == [
        ("heading", "paragraph 1", "", "I First"),
        ("heading", "paragraph 2", "1.1 Kinds", "1.1 Kinds"),
        ("text", "paragraph 3", "1.1 Kinds", "Words."),
        ("heading", "paragraph 4", "II Second", "II Second"),
    ]


def test_what_hangs_on_code_and_what_is_never_gone_on_with_is_kept() -> None:
    box = f"<w:r><w:pict><w:txbxContent>{p('In a box.')}</w:txbxContent></w:pict></w:r>"
    deleted = "<w:rPr><w:del/></w:rPr>"
    found = read(
        p(f"{r('x = 1')}{box}", "Code")
        + p("Above a table.", properties=deleted)
        + table(row(cell("a"), cell("b")), row(cell("c"), cell("d")))
        + p("The end.", properties=deleted)
    )
    assert texts(found) == ["x = 1", "In a box.", "Above a table.", "a\tb", "c\td", "The end."]


def test_a_cell_that_claims_to_span_everything() -> None:
    wide = cell("Name", '<w:gridSpan w:val="999999999"/>')
    found = read(table(row(wide, cell("Age"), head=True), row(cell("Ada"), cell("36"))))
    assert texts(found) == ["Name\tAge", "Name: Ada; Name: 36"]


def test_numbers_of_headings_and_lists() -> None:
    found = read(
        p("First", "berschrift1")
        + item("one", 0)
        + item("a", 1)
        + item("b", 1)
        + item("dot", 2)
        + item("goes on", 3)
        + item("two", 0)
        + item("a again", 1)
        + p("Below", "Eigene")
        + item("restarted", 0, 3)
        + p("Second", "berschrift1")
        + p("Below", "berschrift2")
        + p("no heading", "NoHead")
        + p("by its own level", properties='<w:outlineLvl w:val="2"/>')
    )
    assert shown(found) == [
        ("heading", "paragraph 1", "", "I First"),
        ("text", "paragraph 2", "", "1. one"),
        ("text", "paragraph 3", "", "a) a"),
        ("text", "paragraph 4", "", "b) b"),
        ("text", "paragraph 5", "", "- dot"),
        ("text", "paragraph 6", "", "goes on"),
        ("text", "paragraph 7", "", "2. two"),
        ("text", "paragraph 8", "", "a) a again"),
        ("heading", "paragraph 9", "1.1 Below", "1.1 Below"),
        ("text", "paragraph 10", "1.1 Below", "7. restarted"),
        ("heading", "paragraph 11", "II Second", "II Second"),
        ("heading", "paragraph 12", "II Second › 2.1 Below", "2.1 Below"),
        ("text", "paragraph 13", "II Second › 2.1 Below", "no heading"),
        ("heading", "paragraph 14", "II Second › 2.1 Below › by its own level", "by its own level"),
    ]


def test_tracked_changes_are_read_as_accepted() -> None:
    gone = '<w:del w:id="1"><w:r><w:delText>ten</w:delText></w:r></w:del>'
    found = read(
        p(f"{r('It costs ')}{gone}<w:ins>{r('twelve')}</w:ins>{r(' euros.')}")
        + p("Joined ", properties="<w:rPr><w:del/></w:rPr>")
        + p("together.")
        + f"<w:moveFrom>{p('old place')}</w:moveFrom><w:moveTo>{p('new place')}</w:moveTo>"
        + table(
            row(cell("kept"), cell("row")),
            f"<w:tr><w:trPr><w:del/></w:trPr>{cell('gone')}{cell('row')}</w:tr>",
        )
    )
    assert texts(found) == ["It costs twelve euros.", "Joined together.", "new place", "kept\trow"]
    assert found.notes == ("left out 2 stretches of text that tracked changes delete",)


def test_notes_follow_their_paragraph_and_stand_at_its_place() -> None:
    foot = '<w:r><w:footnoteReference w:id="{}"/></w:r>'
    found = read(
        p(f"{r('One')}{foot.format(2)}{r(' and two')}{foot.format(3)}<w:r><w:endnoteReference w:id='2'/></w:r>{r('.')}")
        + p("After.")
        + table(row(cell(p(f"{r('Cell')}{foot.format(2)}")), cell("other"))),
        footnotes=f'<w:footnote w:type="separator" w:id="0"/>'
        f'<w:footnote w:id="2">{p("First note.")}{p("More.")}</w:footnote>'
        f'<w:footnote w:id="3">{p("Second.")}</w:footnote>',
        endnotes=f'<w:endnote w:id="2">{p("At the end.")}</w:endnote>',
    )
    assert shown(found) == [
        ("text", "paragraph 1", "", "One[1] and two[2][i]."),
        ("text", "paragraph 1", "", "[1] First note. More."),
        ("text", "paragraph 1", "", "[2] Second."),
        ("text", "paragraph 1", "", "[i] At the end."),
        ("text", "paragraph 2", "", "After."),
        ("row", "paragraph 3", "", "Cell[3]\tother"),
        ("text", "paragraph 3", "", "[3] First note. More."),
    ]


def test_text_boxes_are_read_once() -> None:
    box = f"<w:txbxContent>{p('In the box.')}{table(row(cell('a'), cell('b')))}</w:txbxContent>"
    drawing = (
        f"<w:r><mc:AlternateContent><mc:Choice Requires='wps'><w:drawing><wps:txbx>{box}</wps:txbx></w:drawing>"
        f"</mc:Choice><mc:Fallback><w:pict>{box}</w:pict></mc:Fallback></mc:AlternateContent></w:r>"
    )
    found = read(p(f"{r('Anchor.')}{drawing}") + p("After."))
    assert shown(found) == [
        ("text", "paragraph 1", "", "Anchor."),
        ("text", "paragraph 2", "", "In the box."),
        ("row", "paragraph 3", "", "a\tb"),
        ("text", "paragraph 4", "", "After."),
    ]


def test_tables_with_merged_cells_and_two_rows_of_names() -> None:
    across, down, on = '<w:gridSpan w:val="2"/>', '<w:vMerge w:val="restart"/>', "<w:vMerge/>"
    found = read(
        table(
            row(cell("City", down), cell("Rain", across), head=True),
            row(cell("", on), cell("May"), cell("June"), head=True),
            row(cell("Rome", down), cell("12"), cell("")),
            row(cell("", on), cell("14"), cell("3")),
            row(cell("All of them", '<w:gridSpan w:val="3"/>')),
        )
    )
    assert shown(found) == [
        ("header", "paragraph 1", "", "City\tRain"),
        ("header", "paragraph 2", "", "City\tMay\tJune"),
        ("row", "paragraph 3", "", "City: Rome; Rain May: 12"),
        ("row", "paragraph 4", "", "City: Rome; Rain May: 14; Rain June: 3"),
        ("row", "paragraph 5", "", "All of them"),
    ]


@pytest.mark.parametrize(
    ("first", "properties", "kind"),
    [
        (row(cell(p(r("Name", "<w:b/>"))), cell(p(r("Age", '<w:rStyle w:val="Fett"/>')))), "", "header"),
        (row(cell("Name"), cell("Age")), '<w:tblStyle w:val="Netz"/><w:tblLook w:firstRow="1"/>', "header"),
        (row(cell("Name"), cell("Age")), '<w:tblStyle w:val="Netz"/><w:tblLook w:val="0420"/>', "header"),
        (row(cell("Name"), cell("Age")), '<w:tblStyle w:val="Netz"/><w:tblLook w:firstRow="0"/>', "row"),
        (row(cell("Name"), cell("Age")), "", "row"),
    ],
)
def test_which_first_row_holds_names(first: str, properties: str, kind: str) -> None:
    found = read(table(first, row(cell("Bob"), cell("33")), properties=properties))
    assert [(block[0], block[3]) for block in shown(found)] == [
        (kind, "Name\tAge"),
        ("row", "Name: Bob; Age: 33" if kind == "header" else "Bob\t33"),
    ]


def test_a_table_that_arranges_the_page_is_read_cell_by_cell() -> None:
    inner = table(row(cell("x"), cell("y")))
    left = f"<w:tc>{p('Left', 'berschrift1')}{p('words')}{inner}{p('')}</w:tc>"
    found = read(table(row(left, cell("right"))) + table(row(cell("alone"))))
    assert shown(found) == [
        ("heading", "paragraph 1", "", "I Left"),
        ("text", "paragraph 2", "", "words"),
        ("row", "paragraph 3", "", "x\ty"),
        ("text", "paragraph 4", "", "right"),
        ("text", "paragraph 5", "", "alone"),
    ]


def test_code_keeps_its_lines() -> None:
    found = read(p("def f():", "Code") + p("    return 1", "Code") + p("Then."))
    assert shown(found) == [
        ("code", "paragraphs 1–2", "", "def f():\n    return 1"),
        ("text", "paragraph 3", "", "Then."),
    ]


def test_what_is_left_out_is_said() -> None:
    contents = (
        "<w:sdt><w:sdtPr><w:docPartObj><w:docPartGallery w:val='Table of Contents'/></w:docPartObj></w:sdtPr>"
        f"<w:sdtContent>{p('Contents')}{p('One 1')}</w:sdtContent></w:sdt>"
    )
    prompt = f"<w:sdt><w:sdtPr><w:showingPlcHdr/></w:sdtPr><w:sdtContent>{p('Click here')}</w:sdtContent></w:sdt>"
    control = f"<w:sdt><w:sdtContent>{p('Filled in')}</w:sdtContent></w:sdt>"
    picture = (
        "<w:r><w:drawing><pic:pic xmlns:pic='http://schemas.openxmlformats.org/drawingml/2006/picture'/>"
        "</w:drawing></w:r>"
    )
    chart = (
        "<w:r><w:drawing><c:chart xmlns:c='http://schemas.openxmlformats.org/drawingml/2006/chart'/></w:drawing></w:r>"
    )
    found = read(
        contents
        + p("Two 2", "TOC1")
        + prompt
        + control
        + p(f"{r('Seen')}{r('unseen', '<w:vanish/>')}{picture}{chart}")
        + "<w:altChunk/>",
        comments="<w:comment/><w:comment/>",
        header1=p("Secret"),
    )
    assert texts(found) == ["Filled in", "Seen"]
    assert found.notes == (
        "left out 1 picture",
        "left out 1 chart",
        "left out 2 comments",
        "left out 1 stretch of hidden text",
        "left out 3 lines of the table of contents",
        "left out 1 inserted file",
        "left out headers and footers of pages",
    )


def test_fields_formulas_and_special_characters() -> None:
    field = "<w:r><w:fldChar w:fldCharType='{}'/></w:r>"
    page = f"{field.format('begin')}{r('PAGE 7')}{field.format('separate')}{r('12')}{field.format('end')}"
    open_ended = f"{field.format('begin')}{r('lost')}"
    formula = (
        "<m:oMath><m:f><m:num><m:r><m:t>a+b</m:t></m:r></m:num><m:den><m:r><m:t>c</m:t></m:r></m:den></m:f>"
        "<m:rad><m:deg/><m:e><m:r><m:t>2</m:t></m:r></m:e></m:rad></m:oMath>"
    )
    signs = (
        "<w:r><w:t>of\ufb01ce soft\u00adhyphen</w:t><w:noBreakHyphen/><w:t>x</w:t><w:br/><w:tab/><w:t>y</w:t>"
        '<w:sym w:font="Wingdings" w:char="F04A"/><w:sym w:char="2192"/></w:r>'
    )
    found = read(p(f"{r('Page ')}{page}") + p(f"{r('Before ')}{open_ended}") + p(formula) + p(signs))
    assert texts(found) == ["Page 12", "Before", "(a+b)/c√(2)", "office softhyphen-x\ny→"]


def test_documents_with_macros_templates_the_strict_variant_and_broken_links_are_read() -> None:
    plain = docx_of(p("Words."))
    with zipfile.ZipFile(io.BytesIO(plain)) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    types = parts["[Content_Types].xml"]
    links = parts["word/_rels/document.xml.rels"]
    strict = {
        name: re.sub(r"http://schemas\.openxmlformats\.org/(wordprocessingml|officeDocument)/2006/",
                     r"http://purl.oclc.org/ooxml/\1/", part)
        for name, part in parts.items()
    }  # fmt: skip
    broken = f'<Relationship Id="r9" Type="{R}/image" Target="../NULL"/></Relationships>'
    for variant in (
        {**parts, "[Content_Types].xml": types.replace(kind, "application/vnd.ms-word.document.macroEnabled.main+xml")},
        {**parts, "[Content_Types].xml": types.replace("document.main", "template.main")},
        {**parts, "word/_rels/document.xml.rels": links.replace("</Relationships>", broken)},
        strict,
    ):
        assert variant != parts
        assert texts(extract_docx(zipped(variant), Limits())) == ["Words."]


def test_a_document_without_words_has_no_blocks() -> None:
    assert extract_docx(docx_of(""), Limits()).blocks == ()


def test_what_follows_the_limit_is_left_out_with_a_note() -> None:
    found = extract_docx(docx_of(p("0123456789") * 100), Limits(characters=50))
    assert texts(found) == ["0123456789"] * 5
    assert found.notes == ("left out what follows the first 50 characters",)


def test_the_same_bytes_give_the_same_document() -> None:
    data = docx_of(p("One.") + p("Two."), styles=STYLES)
    assert extract_docx(data, Limits()) == extract_docx(data, Limits())


BOMB = "<!DOCTYPE lolz [<!ENTITY a 'ha'>" + "".join(
    f"<!ENTITY {chr(98 + at)} '{f'&{chr(97 + at)};' * 10}'>" for at in range(9)
)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512) + "EncryptedPackage".encode("utf-16-le") + bytes(512)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (OLE, "encrypted: save it without a password"),
        (docx_of("")[:200], "damaged or truncated archive (File is not a zip file)"),
        (zipped({"a.xml": "<a/>"}), "damaged: no Office document, [Content_Types].xml is missing"),
        (
            changed(docx_of(""), {"word/document.xml": None}),
            "damaged: there is no Word document in it",
        ),
        (
            changed(docx_of(""), {"word/document.xml": f"{BOMB}]><w>&i;</w>"}),
            "damaged: its XML declares entities, as no office program does",
        ),
        (
            changed(docx_of(""), {"word/document.xml": "<document>"}),
            "damaged: a part of it is no XML (Premature end of data in tag document line 1, line 1, column 11)",
        ),
    ],
    ids=["encrypted", "truncated", "none", "missing", "bomb", "no-xml"],
)
def test_what_cannot_be_read_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=re.escape(reason)):
        extract_docx(data, Limits())


def test_a_document_that_unpacks_to_too_much() -> None:
    data = changed(docx_of(p("x")), {"word/media/a.bin": bytes(3 * 2**20)})
    with pytest.raises(Unreadable, match=r"^unpacks to 3 MiB, more than the 2 MiB that are allowed$"):
        extract_docx(data, Limits(expanded=2 * 2**20))


@pytest.mark.parametrize(
    ("name", "part", "reason"),
    [
        ("word/_rels/document.xml.rels", f"<Relationships xmlns='{RELS}'><Relationship Id='r'/></Relationships>", ""),
        ("_rels/.rels", "<a><Relationship Type='officeDocument' Target='word/document.xml'/></a>", "there is no Word"),
        ("word/_rels/document.xml.rels", "<a>", "word/_rels/document.xml.rels is no XML"),
        ("word/styles.xml", "<a>", "a part of it is no XML"),
        ("[Content_Types].xml", "<a/>", "there is no Word"),
    ],
)
def test_broken_parts_are_unreadable_or_done_without(name: str, part: str, reason: str) -> None:
    data = changed(docx_of(p("Words."), styles=STYLES), {name: part})
    if not reason:
        assert texts(extract_docx(data, Limits())) == ["Words."]
        return
    with pytest.raises(Unreadable, match=f"^damaged: {re.escape(reason)}"):
        extract_docx(data, Limits())
