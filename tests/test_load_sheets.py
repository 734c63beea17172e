"""Spreadsheets: rows that make sense alone, each cell as it is shown and where it stands."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime, time

import pytest
import xlsxwriter
import xlwt

from index.load.limits import Limits, Unreadable
from index.load.tables.sheet_xls import read_xls
from index.load.tables.sheets import extract_sheets
from index.records import Extract
from index.split import split
from tests.test_split import TOKENS, check
from tests.workbooks import (
    EMPTY,
    MAIN,
    OPEN,
    by_hand,
    inline,
    ods,
    open_cell,
    open_row,
    open_table,
    rows_of,
    sheet_of,
    written,
    zipped,
)


def read(data: bytes, limits: Limits | None = None) -> Extract:
    found = extract_sheets(data, limits or Limits())
    check(found, split(found, "en", TOKENS, 40))
    return found


def where(found: Extract, words: str) -> str:
    at = found.text.index(words)
    return found.places.locate(at, at + len(words)).words


def kinds(found: Extract) -> list[tuple[str, str]]:
    return [(block.kind, found.text[block.start : block.end]) for block in found.blocks]


def test_a_workbook_as_excel_writes_it() -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        book.set_properties({"title": "Cities of Europe", "author": "Ada King", "created": datetime(2024, 3, 1, 12)})
        sheet = book.add_worksheet("Cities")
        whole, share, day = (book.add_format({"num_format": f}) for f in ("#,##0", "0.0%", "d mmm yyyy"))
        sheet.write_row("B2", ["City", "Population", "Growth", "Counted", "Capital", "Density"])
        cities = [
            ("Paris", 2_102_650, 0.0125, date(2023, 1, 1), True),
            ("Lyon", 520_774, -0.004, date(2022, 6, 30), False),
        ]
        for row, (city, people, growth, counted, capital) in enumerate(cities, 2):
            sheet.write_string(row, 1, city)
            sheet.write_number(row, 2, people, whole)
            sheet.write_number(row, 3, growth, share)
            sheet.write_datetime(row, 4, datetime.combine(counted, time()), day)
            sheet.write_boolean(row, 5, capital)
            sheet.write_formula(row, 6, "=C3/105.4", None, 19949.2)
        book.add_worksheet("Notes").write_string("A1", "Counted by INSEE,\nthe office of statistics.")

    found = read(written(fill))
    assert kinds(found) == [
        ("heading", "Cities"),
        ("header", "City\tPopulation\tGrowth\tCounted\tCapital\tDensity"),
        (
            "row",
            "City: Paris; Population: 2,102,650; Growth: 1.3%; Counted: 2023-01-01; Capital: TRUE; Density: 19949.2",
        ),
        (
            "row",
            "City: Lyon; Population: 520,774; Growth: -0.4%; Counted: 2022-06-30; Capital: FALSE; Density: 19949.2",
        ),
        ("heading", "Notes"),
        ("row", "Counted by INSEE, the office of statistics."),
    ]
    assert (found.title, found.author, found.date, found.notes) == ("Cities of Europe", "Ada King", "2024-03-01", ())
    assert [block.section for block in found.blocks] == [("Cities",)] * 4 + [("Notes",)] * 2
    assert where(found, "Population: 520,774; ") == "sheet Cities, cell C4"
    assert where(found, "1.3%; Counted: 2023-01-01") == "sheet Cities, cells D3:E3"
    assert where(found, "Cities\n\nCity") == "sheet Cities, cell B2"
    assert where(found, "Counted by") == "sheet Notes, cell A1"
    passages = split(found, "en", TOKENS, 40)
    assert [passage.location.words for passage in passages] == ["sheet Cities, cells B2:G4", "sheet Notes, cell A1"]


def test_the_calendar_of_old_macs() -> None:
    styles = f'<styleSheet xmlns="{MAIN}"><cellXfs><xf numFmtId="14" fontId="0"/></cellXfs></styleSheet>'
    rows = '<row><c s="0"><v>43890</v></c></row>'
    assert read(by_hand(rows, styles__xml=styles, workbook='<workbookPr date1904="1"/>')).text == "S1\n\n2024-03-01"
    assert read(by_hand(rows, styles__xml=styles)).text == "S1\n\n2020-02-29"


def test_titles() -> None:
    assert read(rows_of(["Plan of work"], [], ["a"])).title == "Plan of work"
    assert read(rows_of(["one"], ["two"])).title == "Data"
    assert read(by_hand(f"<row>{inline('A1', 'a')}</row>")).title == "S1"
    assert read(written(lambda book: book.add_worksheet().write_string("A1", "a"))).title == ""
    two = written(lambda book: [book.add_worksheet(name).write_number("A1", 5) for name in ("Old", "New")])
    assert (read(two).title, [b.section for b in read(two).blocks]) == ("", [("Old",)] * 2 + [("New",)] * 2)


def test_what_is_not_read_is_noted() -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        shown, hidden = book.add_worksheet("Shown"), book.add_worksheet("Lists")
        very, chart = book.add_worksheet("Macros"), book.add_chartsheet("Curve")
        shown.write_column("A1", [1, 2])
        shown.write_comment("A1", "Checked by Bob")
        shown.write_formula("A3", "=A1+A2", None, "")
        hidden.write_string("A1", "yes")
        hidden.hide()
        very.write_string("A1", "secret")
        very.very_hidden()
        line = book.add_chart({"type": "line"})
        assert line is not None
        line.add_series({"values": "=Shown!$A$1:$A$2"})
        chart.set_chart(line)

    found = read(written(fill))
    assert found.text == "Shown\n\n1\n2\n\nLists\n\nyes"
    assert found.notes == (
        "hidden sheet, read like the others: Lists",
        "left out 1 sheet that no one can unhide: Macros",
        "left out 1 chart sheet: Curve",
        "left out 1 formula without a stored value: save it in a spreadsheet program",
        "left out 1 chart",
        "left out 1 comment",
    )


def test_a_sheet_costs_what_it_holds_not_what_it_spans() -> None:
    found = read(
        by_hand(f"<row r='1'>{inline('A1', 'first')}</row><row r='1048576'>{inline('XFD1048576', 'last')}</row>")
    )
    assert found.text == "S1\n\nfirst\n\nlast"
    assert where(found, "last") == "sheet S1, cell XFD1048576"


def test_strings_and_values_in_all_their_forms() -> None:
    strings = (
        f'<sst xmlns="{MAIN}"><si><r><t>Tō</t></r><r><t>kyō</t></r><rPh><t>to-kyo</t></rPh></si>'
        "<si><t>two_x000D_\nlines\u00a0and _x005F_x</t></si></sst>"
    )
    rows = (
        '<row r="2"><c r="B2" t="s"><v>0</v></c><c r="C2" t="s"><v>1</v></c>'
        '<c r="D2" t="s"><v>99</v></c><c t="s"><v>²</v></c></row>'
        '<row><c t="str"><f>A1</f><v>of a formula</v></c><c t="b"><v>0</v></c><c t="e"><v>#N/A</v></c>'
        '<c t="d"><v>2024-03-01T00:00:00</v></c><c><v>no number</v></c><c s="77"><v>1.50</v></c></row>'
        f'<row r="9">{inline("??", "lost")}<c r="B9"/></row>'
    )
    found = read(by_hand(rows, sharedStrings__xml=strings))
    assert found.text == (
        "S1\n\nTōkyō\ttwo lines and _x\nof a formula\tFALSE\t#N/A\t2024-03-01\tno number\t1.5\n\nlost"
    )
    assert [where(found, words) for words in ("kyō", "#N/A", "lost")] == [
        "sheet S1, cell B2",
        "sheet S1, cell C3",
        "sheet S1, cell A9",
    ]


def test_merged_cells_read_once() -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet("Data")
        sheet.merge_range("A1:C1", "Heights of the hills")
        sheet.write_row("A2", ["Hill", "Metres", "Feet"])
        sheet.write_row("A3", ["Box Hill", 224, 735])

    found = read(written(fill))
    assert found.text == "Data\n\nHeights of the hills\n\nHill\tMetres\tFeet\nHill: Box Hill; Metres: 224; Feet: 735"
    assert where(found, "Heights of") == "sheet Data, cell A1"


def test_an_open_document() -> None:
    styles = (
        '<style:style style:name="b"><style:text-properties fo:font-weight="bold"/></style:style>'
        '<style:style style:name="h" style:family="table"><style:table-properties table:display="false"/></style:style>'
    )
    meta = (
        f'<office:document-meta {OPEN} xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:meta="urn:oasis:names:tc:opendocument:xmlns:meta:1.0"><office:meta><dc:title>Hills</dc:title>'
        "<meta:initial-creator>Ada King</meta:initial-creator>"
        "<meta:creation-date>2024-03-01T10:00:00</meta:creation-date></office:meta></office:document-meta>"
    )
    comment = "<office:annotation><text:p>by Bob</text:p></office:annotation>"
    covered = "<table:covered-table-cell><text:p>unseen</text:p></table:covered-table-cell>"
    tables = (
        open_table(
            "Hills",
            open_row(open_cell("Hill", table__style_name="b"), open_cell("Opened", table__style_name="b"), EMPTY),
            open_row(
                open_cell("Box<text:s/>Hill<text:line-break/>East"),
                open_cell("01.03.24", kind="date", office__date_value="2024-03-01"),
                covered,
            ),
            open_row(open_cell("Leith"), open_cell("5,5 %", kind="percentage", office__value="0.055")),
            open_row(EMPTY, times=1_000_000),
            open_row(open_cell(f"end{comment}", times=2)),
        ),
        open_table("Lists", open_row(open_cell("x", times=3), times=2), style="h"),
        open_table("'file:///a.ods'#$Old", open_row(open_cell("copy"))),
    )
    found = read(ods("".join(tables), styles, meta, **{"Pictures/1.png": "", "Object 1/content.xml": ""}))
    assert found.text == (
        "Hills\n\nHill\tOpened\nHill: Box Hill East; Opened: 2024-03-01\nHill: Leith; Opened: 5,5 %\n\n"
        "end\tend\n\nLists\n\nx\tx\tx\nx\tx\tx"
    )
    assert (found.title, found.author, found.date) == ("Hills", "Ada King", "2024-03-01")
    assert found.notes == (
        "hidden sheet, read like the others: Lists",
        "left out 1 picture",
        "left out 1 chart or other object",
    )
    assert where(found, "end\tend") == "sheet Hills, cells A1000004:B1000004"


def test_comments_of_an_open_document_are_noted() -> None:
    words = "<text:p>12</text:p><office:annotation><text:p>sure?</text:p></office:annotation>"
    cell = f'<table:table-cell office:value-type="float" office:value="12">{words}</table:table-cell>'
    found = read(ods(open_table("A", open_row(cell))))
    assert (found.text, found.notes) == ("A\n\n12", ("left out 1 comment",))


def test_an_old_workbook() -> None:
    book = xlwt.Workbook()
    sheet, hidden, very = (book.add_sheet(name) for name in ("Träger", "Lists", "Macros"))
    for column, name in enumerate(("Name", "Since", "Share", "Fee", "Paid")):
        sheet.write(0, column, name, xlwt.easyxf("font: bold on"))
    sheet.write(1, 0, "Süd\nWest")
    sheet.write(1, 1, date(2024, 3, 1), xlwt.easyxf(num_format_str="DD.MM.YYYY"))
    sheet.write(1, 2, 0.125, xlwt.easyxf(num_format_str="0.0%"))
    sheet.write(1, 3, 1234.5, xlwt.easyxf(num_format_str='#,##0.00 "EUR"'))
    sheet.write(1, 4, True)
    hidden.write(0, 0, "yes")
    hidden.visibility, very.visibility = 1, 2
    very.write(0, 0, "secret")
    stream = io.BytesIO()
    book.save(stream)
    found = read(stream.getvalue())
    assert found.text == (
        "Träger\n\nName\tSince\tShare\tFee\tPaid\n"
        "Name: Süd West; Since: 2024-03-01; Share: 12.5%; Fee: 1,234.50 EUR; Paid: TRUE\n\nLists\n\nyes"
    )
    assert where(found, "1,234.50 EUR") == "sheet Träger, cell D2"
    assert found.notes == (
        "hidden sheet, read like the others: Lists",
        "left out 1 sheet that no one can unhide: Macros",
    )
    for size in range(600, len(stream.getvalue()), 97):
        with pytest.raises(Unreadable, match=r"^damaged"):
            read(stream.getvalue()[:size])


def test_an_old_workbook_that_is_encrypted() -> None:
    begin, password = b"\x09\x08\x10\x00\x00\x06\x05\x00" + b"\0" * 12, b"\x2f\x00\x06\x00" + b"\0" * 6
    with pytest.raises(Unreadable, match=r"^encrypted: save it without a password$"):
        read_xls(begin + password + b"\x0a\x00\x00\x00")


def test_what_is_over_the_limit_is_left_out_and_noted() -> None:
    data = written(
        lambda book: [book.add_worksheet(name).write_column("A1", ["word"] * 100) for name in ("One", "Two", "Three")]
    )
    found = read(data, Limits(characters=700))
    assert len(found.text) == 700
    assert found.text.endswith("word\nword")
    assert found.notes == (
        "sheet Two: rows after 38 left out: more than 700 characters",
        "sheets left out: Three",
    )


GOOD = f"<row>{inline('A1', 'a')}</row>"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"Name,Age\nAda,36\n", "no spreadsheet of a kind that is read"),
        (by_hand(GOOD)[:-30], "damaged or truncated archive (File is not a zip file)"),
        (zipped({"a.txt": "a"}), "damaged: xl/workbook.xml is missing"),
        (by_hand("<row>"), "damaged: xl/sheets/1.xml is no XML "),
        (by_hand(GOOD, styles__xml="<a>"), "damaged: xl/styles.xml is no XML "),
        (ods("<table:table>"), "damaged: content.xml is no XML "),
        (ods("", manifest="<encryption-data/>"), "encrypted: save it without a password"),
        (by_hand(f"<row>{'<c/>' * 10_000_000}</row>"), "unpacks to 38 MiB, more than the 4 MiB that are allowed"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 1000, "damaged or truncated ("),
    ],
)
def test_what_cannot_be_read_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as raised:
        extract_sheets(data, Limits(expanded=4 * 2**20))
    assert str(raised.value).startswith(reason)


def test_a_sheet_that_is_missing() -> None:
    whole = by_hand(GOOD)
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist() if "sheets" not in name}
    with pytest.raises(Unreadable, match=r"^damaged: xl/sheets/1\.xml is missing$"):
        extract_sheets(zipped(parts), Limits())


def test_entities_are_not_followed() -> None:
    with zipfile.ZipFile(io.BytesIO(by_hand(""))) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}

    def declaring(entities: str) -> bytes:
        rows = sheet_of("<row><c t='str'><v>&last;</v></c><c t='str'><v>kept</v></c></row>")
        return zipped({**parts, "xl/sheets/1.xml": f"<!DOCTYPE a [{entities}]>{rows}"})

    with pytest.raises(Unreadable, match=r"^damaged: its XML declares entities, as no office program does$"):
        read(declaring('<!ENTITY last SYSTEM "file:///etc/hostname">'))
    bomb = '<!ENTITY e0 "ha">' + "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 50}">' for n in range(1, 9))
    with pytest.raises(Unreadable, match=r"^damaged: xl/sheets/1\.xml is no XML"):
        read(declaring(f'{bomb}<!ENTITY last "&e8;">'))


def test_empty_workbooks_have_no_text() -> None:
    assert read(written(lambda book: book.add_worksheet())).blocks == ()


def test_cells_that_are_out_of_order_are_read_from_left_to_right() -> None:
    found = read(by_hand(f"<row r='1'>{inline('C1', 'c')}{inline('A1', 'a')}</row>"))
    assert found.text == "S1\n\na\tc"
    assert where(found, "a\tc") == "sheet S1, cells A1:C1"
