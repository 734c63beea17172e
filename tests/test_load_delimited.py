"""Delimited text: found out how it is written, and rows that make sense alone."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.load.limits import Limits, Unreadable
from index.load.tables.cells import DATE, NUMBER, OTHER, TEXT
from index.load.tables.delimited import extract_delimited
from index.load.tables.dialect import Dialect, find_dialect, kind_of
from index.records import Extract
from index.split import split
from tests.test_split import TOKENS, check


def read(text: str | bytes, limits: Limits | None = None) -> Extract:
    found = extract_delimited(text.encode() if isinstance(text, str) else text, limits or Limits())
    check(found, split(found, "en", TOKENS, 40))
    return found


def where(found: Extract, words: str) -> str:
    at = found.text.index(words)
    return found.places.locate(at, at + len(words)).words


def test_a_table() -> None:
    found = read('City,Population,Motto\r\nParis,"2,102,650","Tossed, not ""sunk"""\r\nLyon,520774,\r\n')
    assert [(block.kind, found.text[block.start : block.end]) for block in found.blocks] == [
        ("header", "City\tPopulation\tMotto"),
        ("row", 'City: Paris; Population: 2,102,650; Motto: Tossed, not "sunk"'),
        ("row", "City: Lyon; Population: 520774"),
    ]
    assert [where(found, words) for words in ("City\t", "2,102,650", "City: Lyon")] == ["row 1", "row 2", "row 3"]
    assert (found.title, found.author, found.date, found.encoding, found.notes) == ("", "", "", "utf-8", ())
    (passage,) = split(found, "en", TOKENS, 40)
    assert passage.location.words == "rows 1–3"


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a,b\n1,2\n3,4\n", ","),
        ("a;b\n1,5;2,5\n3,5;4,5\n", ";"),
        ("Name;Summe\nAda;1.234,50\nBob;7,00\n", ";"),
        ("a\tb, c\n1\t2, 3\n4\t5\n", "\t"),
        ("id|text\n1|a, b, c\n2|d, e, f\n", "|"),
        ('a,b\n"x;y;z",1\n"p;q;r",2\n', ","),
        ('"a","b"\n"1\n\n2","3"\n', ","),
        ("root:x:0:/root\nbin:x:1:/bin\nsys:x:2:/sys\n", ":"),
        ("1 2 3\n4 5 6\n7 8 9\n", " "),
        ("Title of it\na,b,c\n1,2,3\n4,5,6\nand a remark\n", ","),
        ("one\ntwo\nthree\n", ""),
        ("A sentence, with a comma.\nAnother sentence.\nNo more: done\n", ""),
        (
            "Dear Bob,\nas I said, here, I write, now.\nIt is old, cold, but cheap.\nCome soon, please.\nYours, Ada\n",
            "",
        ),
        ("12:30\n13:30\n14:30\n", ""),
        ("x", ""),
        ("", ""),
    ],
)
def test_the_delimiter_is_found_out(text: str, delimiter: str) -> None:
    assert find_dialect(text) == Dialect(delimiter=delimiter, escapes=False)


def test_a_hint_for_spreadsheet_programs_counts_as_a_row_but_is_not_read() -> None:
    found = read("sep=;\na;b\n1,5;2\n2,5;3\n")
    assert found.text == "a\tb\na: 1,5; b: 2\na: 2,5; b: 3"
    assert where(found, "1,5") == "row 3"


def test_backslashes_before_quotes() -> None:
    assert (
        read('id,text\n1,"say \\"hi\\" now"\n2,"a, b"\n').text
        == 'id\ttext\nid: 1; text: say "hi" now\nid: 2; text: a, b'
    )
    assert read('id,text\n1,"C:\\"\n2,"a ""b"" c"\n').text == 'id\ttext\nid: 1; text: C:\\\nid: 2; text: a "b" c'


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("1", NUMBER), ("-1.5e-3", NUMBER), ("1.234,50", NUMBER), ("1 234", NUMBER), ("12 %", NUMBER), ("$5", NUMBER),
        ("(1,234)", NUMBER), ("5 EUR", NUMBER), (".5", NUMBER), ("007", NUMBER), ("1.2.3", TEXT), ("5 apples", TEXT),
        ("2024-03-01", DATE), ("1.3.24", DATE), ("2024-03-01T10:00:00Z", DATE), ("10:30", DATE), ("12/31/1999", DATE),
        ("true", OTHER), ("No", OTHER), ("N/A", TEXT), ("A1", TEXT), ("-", TEXT), ("Ünal", TEXT),
    ],
)  # fmt: skip
def test_kinds_of_cells(words: str, kind: str) -> None:
    assert kind_of(words) == kind


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("term,definition\nowl,a bird\nelm,a tree\n",
         "term\tdefinition\nterm: owl; definition: a bird\nterm: elm; definition: a tree"),
        ("owl,a bird\nelm,a tree\n", "owl\ta bird\nelm\ta tree"),
        ("a_1,a_2\nx,y\n", "a_1\ta_2\na_1: x; a_2: y"),
        ("1,2\n3,4\n", "1\t2\n3\t4"),
        ("year,rain\n2023,5\n2024,6\n", "year\train\nyear: 2023; rain: 5\nyear: 2024; rain: 6"),
        ("land,2023,2024\nUK,5,6\n", "land\t2023\t2024\nland: UK; 2023: 5; 2024: 6"),
        ("x,y\n1,2,3\n4,5,6\n7,8,9\n", "x\ty\n1\t2\t3\n4\t5\t6\n7\t8\t9"),
        ("x,y\n1,2\n4,5,6\n7\n8,\n,9\n", "x\ty\nx: 1; y: 2\nx: 4; y: 5; 6\nx: 7\nx: 8\ny: 9"),
        ("x,y\n1,2\n\n3,4\n", "x\ty\nx: 1; y: 2\nx: 3; y: 4"),
        ("Rain of 2024\nyear,rain\n2024,6\n", "Rain of 2024\n\nyear\train\nyear: 2024; rain: 6"),
        ("mail\na@b.c\nd@e.f\n", "mail\na@b.c\nd@e.f"),
    ],
)  # fmt: skip
def test_column_names_are_taken_where_they_are_unmistakable(text: str, shown: str) -> None:
    assert read(text).text == shown


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_encodings(encoding: str) -> None:
    towns = "Köln,Düsseldorf,Nürnberg,Würzburg,Göttingen,Tübingen,Lübeck,Mönchengladbach".split(",")
    text = "Stadt;Größe\r\n" + "".join(f"{town};{at}\r\n" for at, town in enumerate(towns))
    found = read(text.encode(encoding))
    assert found.text.startswith("Stadt\tGröße\nStadt: Köln; Größe: 0\nStadt: Düsseldorf; Größe: 1\n")
    assert found.encoding == encoding


def test_values_of_several_lines() -> None:
    found = read('id,text\n1,"first\nsecond\n\nthird"\n2,short\n')
    assert found.text == "id\ttext\nid: 1; text: first second third\nid: 2; text: short"
    assert where(found, "short") == "row 3"


def test_a_quote_that_never_ends_costs_one_row() -> None:
    rows = "".join(f"{n},word{n}\n" for n in range(3, 3000))
    found = read(f'id,text\n1,"never ends\n2,fine\n{rows}')
    assert found.text.startswith('id\ttext\nid: 1; text: "never ends\nid: 2; text: fine\nid: 3; text: word3\n')
    assert found.notes == ("a quote that never ends, taken as it stands: row 2",)
    found = read('id,text\n1,fine\n2,"never ends\n3,last\n')
    assert found.text == 'id\ttext\nid: 1; text: fine\nid: 2; text: "never ends\nid: 3; text: last'
    assert found.notes == ("a quote that never ends, taken as it stands: row 3",)
    many = "".join(f'{n},"x\n' + "".join(f"{n},y\n" for _ in range(2001)) for n in range(7))
    assert read(f"id,text\n{many}").notes == (
        "a quote that never ends, taken as it stands: rows 2, 2004, 4006, 6008, 8010 and 2 more",
    )


def test_long_values_are_whole() -> None:
    words = "word " * 40_000
    assert len(read(f'id,text\n1,"{words}"\n').text) == len("id\ttext\nid: 1; text: ") + len(words) - 1


def test_what_is_over_the_limit_is_left_out_and_noted() -> None:
    found = read("id,n\n" + "1,2\n" * 100, Limits(characters=50))
    assert found.text == "id\tn\nid: 1; n: 2\nid: 1; n: 2\nid: 1; n: 2"
    assert found.notes == ("rows after 4 left out: more than 50 characters",)


def test_what_is_not_delimited_is_read_line_by_line() -> None:
    found = read("A letter to Bob.\n\nDear Bob,\nall is well\x01\u200b here.\n")
    assert found.text == "A letter to Bob.\nDear Bob,\nall is well here."
    assert where(found, "Dear") == "row 3"


def test_what_is_no_text_says_so() -> None:
    with pytest.raises(Unreadable, match=r"^binary file$"):
        extract_delimited(b"a,b\0\1\2\n", Limits())


WORDS = st.text("ab,;\t\"\\'\r\n é", max_size=6)


@given(st.lists(st.lists(WORDS, min_size=3, max_size=3), min_size=1, max_size=30), st.sampled_from(",;\t|"))
def test_every_cell_is_found_in_its_row(table: list[list[str]], delimiter: str) -> None:
    """Words around each value keep it apart from others; what stands between them is the value on one line."""
    rows = [
        [f"A{at}q{column} {value} Z{at}q{column}" for column, value in enumerate(row)] for at, row in enumerate(table)
    ]
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([["q", "r", "s"], *rows])
    found = read(stream.getvalue())
    assert found.notes == ()
    for number, row in enumerate(rows, 2):
        for value in row:
            assert where(found, " ".join(value.split())) == f"row {number}"
