"""Tables: which row holds the names of the columns, what cells show, and where each stands."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.load.assemble import Assembly
from index.load.limits import Limits
from index.load.tables.cellformat import formatter
from index.load.tables.cells import BOLD, NUMBER, TEXT, Cell
from index.load.tables.sheets import extract_sheets
from index.load.tables.table import Table
from index.split import split
from tests.test_split import TOKENS, check
from tests.workbooks import rows_of


def text_of(*rows: list[Any]) -> str:
    return extract_sheets(rows_of(*rows), Limits()).text.removeprefix("Data\n\n")


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


@pytest.mark.parametrize(
    ("rows", "shown"),
    [
        ([["Name", "Age"], ["Ada", 36], ["Bob", 9]], "Name\tAge\nName: Ada; Age: 36\nName: Bob; Age: 9"),
        ([["Company", "Acme"], ["Founded", 1999], ["Chair", "Eve"]], "Company\tAcme\nFounded\t1999\nChair\tEve"),
        ([["Company:", "Acme", "x"], ["Founded:", 1, 2]], "Company:\tAcme\tx\nFounded:\t1\t2"),
        ([["Date", "Day"], [date(2024, 3, 1), 1], [5, 2]], "Date\tDay\nDate: 2024-03-01; Day: 1\nDate: 5; Day: 2"),
        ([["", "2023", 2024], ["Rent", 5, 6]], "2023\t2024\nRent\t5\t6"),
        ([[None, 2023, 2024], ["Rent", 5, 6], ["Food", 3, 4]],
         "2023\t2024\nRent; 2023: 5; 2024: 6\nFood; 2023: 3; 2024: 4"),
        ([["Item", 7, 9], ["Rent", 5, 6]], "Item\t7\t9\nRent\t5\t6"),
        ([["a", "b", "c"], ["d", "e", "f"], ["g", "h", "i"]], "a\tb\tc\nd\te\tf\ng\th\ti"),
        ([["*a", "*b"], ["d", "e"]], "a\tb\na: d; b: e"),
        ([["Name", "Town", "x"], ["Ada", "Ham", "y"], ["Bob", "Ely", "z"]],
         "Name\tTown\tx\nName: Ada; Town: Ham; x: y\nName: Bob; Town: Ely; x: z"),
        ([["Name", "Town", "x"], ["Name tag", "Town hall", "y"], ["Bob", "Ely", "z"]],
         "Name\tTown\tx\nName tag\tTown hall\ty\nBob\tEly\tz"),
        ([["Sales 2024"], ["Shop", "Sum", "Cost"], ["A", 5, 2]],
         "Sales 2024\n\nShop\tSum\tCost\nShop: A; Sum: 5; Cost: 2"),
        ([["Shop", "Sum"], ["A", 5], ["Total"], ["B", 6], ["Shop", "Sum"], ["C", 7]],
         "Shop\tSum\nShop: A; Sum: 5\nTotal\nShop: B; Sum: 6\nShop\tSum\nShop: C; Sum: 7"),
        ([["From", None, "To", None], ["City", "Day", "City", "Day"], ["Rome", 1, "Bari", 2]],
         "From\tTo\nCity\tDay\tCity\tDay\nFrom City: Rome; From Day: 1; To City: Bari; To Day: 2"),
        ([["X", "Y", None, "X", "Y"], [1, 2, None, 3, 4], [5, 6, None, 7, 8], [9, 0]],
         "X\tY\nX\tY\nX: 1; Y: 2\nX: 3; Y: 4\nX: 5; Y: 6\nX: 7; Y: 8\nX: 9; Y: 0"),
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
