"""Spreadsheets: rows that make sense alone, each cell as it is shown and where it stands."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any
from xml.sax.saxutils import quoteattr

import pytest
import xlsxwriter
import xlwt
from hypothesis import given
from hypothesis import strategies as st

from index.load.assemble import Assembly
from index.load.cellformat import formatter
from index.load.cells import BOLD, NUMBER, TEXT, Cell
from index.load.limits import Limits, Unreadable
from index.load.sheet_xls import read_xls
from index.load.sheets import extract_sheets
from index.load.tables import Table
from index.records import Extract
from index.split import split
from tests.test_split import TOKENS, check

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
OPEN = (
    " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in "office table text style".split()
    )
    + ' xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0"'
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


def written(fill: Callable[[xlsxwriter.Workbook], Any]) -> bytes:
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream) as book:
        book.set_properties({"created": datetime(2024, 3, 1, 12)})
        fill(book)
    return stream.getvalue()


def rows_of(*rows: list[Any]) -> bytes:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet("Data")
        bold, day = book.add_format({"bold": True}), book.add_format({"num_format": "dd/mm/yyyy"})
        for at, row in enumerate(rows):
            for column, value in enumerate(row):
                if isinstance(value, str) and value.startswith("*"):
                    sheet.write_string(at, column, value[1:], bold)
                elif isinstance(value, date):
                    sheet.write_datetime(at, column, datetime.combine(value, time()), day)
                elif value is not None:
                    sheet.write(at, column, value)

    return written(fill)


def text_of(*rows: list[Any]) -> str:
    return read(rows_of(*rows)).text.removeprefix("Data\n\n")


def zipped(parts: dict[str, str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in parts.items():
            archive.writestr(name, body)
    return stream.getvalue()


def by_hand(
    *sheets: str, states: tuple[str, ...] = (), kind: str = "worksheet", workbook: str = "", **parts: str
) -> bytes:
    """Return a workbook as other programs write it; ``parts`` go into xl/, with __ for a point."""
    names = [f"S{n}" for n, _ in enumerate(sheets, 1)]
    listed = "".join(
        f'<sheet name="{name}" sheetId="{n}" r:id="r{n}" state="{state or "visible"}"/>'
        for n, (name, state) in enumerate(zip(names, (*states, *[""] * len(names)), strict=False), 1)
    )
    links = "".join(
        f'<Relationship Id="r{n}" Type="{RELATIONS}/{kind}" Target="sheets/{n}.xml"/>' for n, _ in enumerate(sheets, 1)
    )
    links += "".join(
        f'<Relationship Id="p{name}" Type="{RELATIONS}/{name.partition("__")[0]}" Target="{name.replace("__", ".")}"/>'
        for name in parts
    )
    return zipped(
        {
            "_rels/.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="a" Type="{RELATIONS}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
            "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}">{workbook}<sheets>{listed}</sheets></workbook>',
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">{links}</Relationships>',
            **{f"xl/sheets/{n}.xml": body for n, body in enumerate(map(sheet_of, sheets), 1)},
            **{f"xl/{name.replace('__', '.')}": body for name, body in parts.items()},
        }
    )


def sheet_of(rows: str) -> str:
    return f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'


def inline(reference: str, words: str) -> str:
    return f'<c r="{reference}" t="inlineStr"><is><t>{words}</t></is></c>'


def ods(tables: str, styles: str = "", meta: str = "", manifest: str = "", **parts: str) -> bytes:
    return zipped(
        {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "content.xml": f"<office:document-content {OPEN}><office:automatic-styles>{styles}</office:automatic-styles>"
            f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>",
            **({"meta.xml": meta} if meta else {}),
            **({"META-INF/manifest.xml": manifest} if manifest else {}),
            **parts,
        }
    )


def open_table(name: str, *rows: str, style: str = "") -> str:
    return f'<table:table table:name={quoteattr(name)} table:style-name="{style}">{"".join(rows)}</table:table>'


def open_row(*cells: str, times: int = 1) -> str:
    return f'<table:table-row table:number-rows-repeated="{times}">{"".join(cells)}</table:table-row>'


def open_cell(words: str, times: int = 1, kind: str = "string", **values: str) -> str:
    more = "".join(f' {name.replace("__", ":").replace("_", "-")}="{value}"' for name, value in values.items())
    return (
        f'<table:table-cell office:value-type="{kind}" table:number-columns-repeated="{times}"{more}>'
        f"<text:p>{words}</text:p></table:table-cell>"
    )


EMPTY = '<table:table-cell table:number-columns-repeated="16000"/>'


def test_a_workbook_as_excel_writes_it() -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        book.set_properties({"title": "Cities of Europe", "author": "Ada King", "created": datetime(2024, 3, 1, 12)})
        sheet = book.add_worksheet("Cities")
        whole, share, day = (book.add_format({"num_format": f}) for f in ("#,##0", "0.0%", "d mmm yyyy"))
        sheet.write_row("B2", ["City", "Population", "Growth", "Counted on", "Capital", "Density"])
        for row, (city, people, growth, counted, capital) in enumerate(
            [("Paris", 2_102_650, 0.0125, date(2023, 1, 1), True), ("Lyon", 520_774, -0.004, date(2022, 6, 30), False)],
            2,
        ):
            sheet.write_string(row, 1, city)
            sheet.write_number(row, 2, people, whole)
            sheet.write_number(row, 3, growth, share)
            sheet.write_datetime(row, 4, datetime.combine(counted, time()), day)
            sheet.write_boolean(row, 5, capital)
            sheet.write_formula(row, 6, "=C3/105.4", None, 19949.24)
        book.add_worksheet("Notes").write_string("A1", "Counted by INSEE,\nthe office of statistics.")

    found = read(written(fill))
    assert kinds(found) == [
        ("heading", "Cities"),
        ("header", "City\tPopulation\tGrowth\tCounted on\tCapital\tDensity"),
        (
            "row",
            "City: Paris; Population: 2,102,650; Growth: 1.3%; Counted on: 2023-01-01; Capital: TRUE; Density: 19949.24",
        ),
        (
            "row",
            "City: Lyon; Population: 520,774; Growth: -0.4%; Counted on: 2022-06-30; Capital: FALSE; Density: 19949.24",
        ),
        ("heading", "Notes"),
        ("row", "Counted by INSEE, the office of statistics."),
    ]
    assert (found.title, found.author, found.date, found.notes) == ("Cities of Europe", "Ada King", "2024-03-01", ())
    assert [block.section for block in found.blocks] == [("Cities",)] * 4 + [("Notes",)] * 2
    assert where(found, "Population: 520,774; ") == "sheet Cities, cell C4"
    assert where(found, "1.3%; Counted on: 2023-01-01") == "sheet Cities, cells D3:E3"
    assert where(found, "Cities\n\nCity") == "sheet Cities, cell B2"
    assert where(found, "Counted by") == "sheet Notes, cell A1"
    passages = split(found, "en", TOKENS, 40)
    assert [passage.location.words for passage in passages] == ["sheet Cities, cells B2:G4", "sheet Notes, cell A1"]


@pytest.mark.parametrize(
    ("code", "value", "shown"),
    [
        ("General", 3.0, "3"),
        ("General", 0.1 + 0.2, "0.3"),
        ("General", 1e21, "1E+21"),
        ("General", -1.5e-7, "-1.5E-07"),
        ("0", 2.5, "3"),
        ("0", -0.2, "0"),
        ("0.00", 1.005, "1.01"),
        ("0.##", 1.5, "1.5"),
        ("000000", 4711.0, "004711"),
        ("#,##0.00", -1234567.891, "-1,234,567.89"),
        ("#,##0;(#,##0)", -1234.0, "(1,234)"),
        ("0%", 0.125, "13%"),
        ('#,##0.00\\ "€"', 1234.5, "1,234.50 €"),
        ("[$€-407]#,##0", 1234.0, "€1,234"),
        ("[Red]0.0", 1.25, "1.3"),
        ('_("$"* #,##0.00_);_("$"* (#,##0.00);_("$"* "-"??_);_(@_)', 0.0, "$-"),
        ('0.0,,"M"', 12_345_678.0, "12.3M"),
        ("0.00E+00", 12345.0, "1.23E+04"),
        ("@", 12.0, "12"),
        (";;;", 12.0, ""),
        ("# ?/?", 0.5, "0.5"),
        ("[<100]0.0;0", 12.0, "12"),
        ("00-00", 1234.0, "1234"),
        ("0.00", float("inf"), "inf"),
        ("yyyy-mm-dd", 45352.0, "2024-03-01"),
        ("d/m/yy", 1.0, "1900-01-01"),
        ("d/m/yy", 61.0, "1900-03-01"),
        ("mmm yyyy", 45352.0, "2024-03"),
        ("yyyy", 45352.0, "2024"),
        ("dd.mm.yyyy hh:mm", 45352.604167, "2024-03-01 14:30"),
        ("h:mm:ss AM/PM", 0.5, "12:00:00"),
        ("mm:ss", 0.001, "00:01:26"),
        ("[h]:mm", 1.0625, "25:30"),
        ("[mm]:ss", -0.5, "-12:00:00"),
        ("d mmm", -3.0, "-3"),
        ('[$-409]d\\-mmm\\-yy;@', 45352.0, "2024-03-01"),
    ],
)  # fmt: skip
def test_numbers_read_as_they_are_shown(code: str, value: float, shown: str) -> None:
    assert formatter(code)(value)[0] == shown


def test_the_calendar_of_old_macs() -> None:
    styles = f'<styleSheet xmlns="{MAIN}"><cellXfs><xf numFmtId="14" fontId="0"/></cellXfs></styleSheet>'
    rows = '<row><c s="0"><v>43890</v></c></row>'
    assert read(by_hand(rows, styles__xml=styles, workbook='<workbookPr date1904="1"/>')).text == "S1\n\n2024-03-01"
    assert read(by_hand(rows, styles__xml=styles)).text == "S1\n\n2020-02-29"


@pytest.mark.parametrize(
    ("rows", "shown"),
    [
        ([["Name", "Age"], ["Ada", 36], ["Bob", 9]], "Name\tAge\nName: Ada; Age: 36\nName: Bob; Age: 9"),
        ([["Company", "Acme"], ["Founded", 1999], ["Chair", "Eve"]], "Company\tAcme\nFounded\t1999\nChair\tEve"),
        ([["Company:", "Acme", "x"], ["Founded:", 1, 2]], "Company:\tAcme\tx\nFounded:\t1\t2"),
        ([["Date", "Day"], [date(2024, 3, 1), 1], [5, 2]], "Date\tDay\nDate: 2024-03-01; Day: 1\nDate: 5; Day: 2"),
        ([["", "2023", 2024], ["Rent", 5, 6]], "2023\t2024\nRent\t5\t6"),
        ([[None, 2023, 2024], ["Rent", 5, 6], ["Food", 3, 4]], "2023\t2024\nRent; 2023: 5; 2024: 6\nFood; 2023: 3; 2024: 4"),
        ([["Item", 7, 9], ["Rent", 5, 6]], "Item\t7\t9\nRent\t5\t6"),
        ([["a", "b", "c"], ["d", "e", "f"], ["g", "h", "i"]], "a\tb\tc\nd\te\tf\ng\th\ti"),
        ([["*a", "*b"], ["d", "e"]], "a\tb\na: d; b: e"),
        ([["Name", "Town", "x"], ["Ada", "Ham", "y"], ["Bob", "Ely", "z"]],
         "Name\tTown\tx\nName: Ada; Town: Ham; x: y\nName: Bob; Town: Ely; x: z"),
        ([["Name", "Town", "x"], ["Name tag", "Town hall", "y"], ["Bob", "Ely", "z"]],
         "Name\tTown\tx\nName tag\tTown hall\ty\nBob\tEly\tz"),
        ([["Sales 2024"], ["Shop", "Sum", "Cost"], ["A", 5, 2]], "Sales 2024\n\nShop\tSum\tCost\nShop: A; Sum: 5; Cost: 2"),
        ([["Shop", "Sum"], ["A", 5], ["Total"], ["B", 6], ["Shop", "Sum"], ["C", 7]],
         "Shop\tSum\nShop: A; Sum: 5\nTotal\nShop: B; Sum: 6\nShop\tSum\nShop: C; Sum: 7"),
        ([["From", None, "To", None], ["City", "Day", "City", "Day"], ["Rome", 1, "Bari", 2]],
         "From\tTo\nCity\tDay\tCity\tDay\nFrom City: Rome; From Day: 1; To City: Bari; To Day: 2"),
        ([["X", "Y", None, "X", "Y"], [1, 2, None, 3, 4], [5, 6]], "X\tY\nX\tY\nX: 1; Y: 2\nX: 3; Y: 4\nX: 5; Y: 6"),
        ([["X", "Y", None, None], [1, 2, "see", "below"], [5, 6, "and", "above"]],
         "X\tY\nX: 1; Y: 2\nsee\tbelow\nX: 5; Y: 6\nand\tabove"),
        ([["Name", "Age"], ["Ada", 36], ["Eve", 4], [], ["Town", "Size"], ["Ham", 7], ["Ely", 8]],
         "Name\tAge\nName: Ada; Age: 36\nName: Eve; Age: 4\n\nTown\tSize\nTown: Ham; Size: 7\nTown: Ely; Size: 8"),
        ([["One of a list"], ["Another"]], "One of a list\nAnother"),
        ([[f"{'A long remark. ' * 9}"], ["Another"]], f"{('A long remark. ' * 9).strip()}\n\nAnother"),
    ],
)  # fmt: skip
def test_column_names_are_taken_where_they_are_unmistakable(rows: list[list[Any]], shown: str) -> None:
    assert text_of(*rows) == shown


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
        '<row r="2"><c r="B2" t="s"><v>0</v></c><c r="C2" t="s"><v>1</v></c><c r="D2" t="s"><v>99</v></c></row>'
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
        '<style:style style:name="b" style:family="table-cell"><style:text-properties fo:font-weight="bold"/></style:style>'
        '<style:style style:name="h" style:family="table"><style:table-properties table:display="false"/></style:style>'
    )
    meta = (
        f'<office:document-meta {OPEN} xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:meta="urn:oasis:names:tc:opendocument:xmlns:meta:1.0"><office:meta><dc:title>Hills</dc:title>'
        "<meta:initial-creator>Ada King</meta:initial-creator><meta:creation-date>2024-03-01T10:00:00</meta:creation-date>"
        "</office:meta></office:document-meta>"
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
    assert found.blocks[0].section == ()


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
    with pytest.raises(Unreadable, match="^encrypted: save it without a password$"):
        read_xls(begin + password + b"\x0a\x00\x00\x00")


def test_what_is_over_the_limit_is_left_out_and_noted() -> None:
    data = written(
        lambda book: [book.add_worksheet(name).write_column("A1", ["word"] * 100) for name in ("One", "Two", "Three")]
    )
    found = read(data, Limits(characters=700))
    assert len(found.text) == 699
    assert found.text.endswith("word\nword")
    assert found.notes == (
        "sheet Two: rows after 37 left out: more than 700 characters",
        "sheets left out: Three",
    )


GOOD = f"<row>{inline('A1', 'a')}</row>"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"Name,Age\nAda,36\n", "no spreadsheet of a kind that is read"),
        (by_hand(GOOD)[:-30], "damaged or truncated archive (File is not a zip file)"),
        (zipped({"a.txt": "a"}), "damaged: xl/workbook.xml is missing"),
        (by_hand("<row>"), "damaged: xl/sheets/1.xml in it is no XML "),
        (by_hand(GOOD, styles__xml="<a>"), "damaged: xl/styles.xml in it is no XML "),
        (ods("<table:table>"), "damaged: content.xml in it is no XML "),
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
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 50}">' for n in range(1, 9))
    rows = sheet_of("<row><c t='str'><v>&e8;</v></c><c t='str'><v>kept</v></c></row>")
    data = by_hand("")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    parts["xl/sheets/1.xml"] = f'<!DOCTYPE a [<!ENTITY e0 "ha">{bomb}]>{rows}'
    assert read(zipped(parts)).text == "S1\n\nkept"


def test_empty_workbooks_have_no_text() -> None:
    assert read(written(lambda book: book.add_worksheet())).blocks == ()


ROWS = st.lists(st.lists(st.sampled_from(("", "", "name", "bold", "5")), max_size=7), max_size=40)


@given(ROWS)
def test_every_cell_is_found_where_it_stands(grid: list[list[str]]) -> None:
    assembly = Assembly("cell")
    assembly.part("S")
    table = Table(assembly, Limits(), columns=True)
    cells: dict[str, str] = {}
    for row, values in enumerate(grid, 1):
        line: list[Cell] = []
        for column, value in enumerate(values, 1):
            words = f"{value}{row:02d}c{column}e"
            if value:
                line.append((column, words, {"bold": BOLD, "5": NUMBER}.get(value, TEXT)))
                cells[words] = f"sheet S, cell {chr(64 + column)}{row}"
        if line:
            table.row(row, line)
        else:
            table.end()
    table.end()
    found = assembly.finish()
    check(found, split(found, "en", TOKENS, 40))
    for words, place in cells.items():
        ends = [at for at in range(len(found.text)) if found.text.startswith(words, at)]
        places = {found.places.locate(at, at + len(words)).words for at in ends}
        assert place in places
