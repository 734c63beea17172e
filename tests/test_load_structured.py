"""JSON and JSON Lines: every value with the keys that lead to it, on the line where it stands."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.load.limits import Limits, Unreadable
from index.load.tables.jsontree import MAX_DEPTH, BrokenJSON, Value, parse
from index.load.tables.structured import extract_json, extract_jsonl
from index.records import Extract
from index.split import split
from tests.test_split import TOKENS, check


def read(text: str | bytes, limits: Limits | None = None, *, lines: bool = False) -> Extract:
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    found = (extract_jsonl if lines else extract_json)(data, limits or Limits())
    check(found, split(found, "en", TOKENS, 40))
    return found


def where(found: Extract, words: str) -> str:
    at = found.text.index(words)
    return found.places.locate(at, at + len(words)).words


ATLAS = """{
  "title": "Atlas of rivers",
  "edition": 2,
  "licence": {"name": "CC0",
     "url": "https://example.org"},
  "keywords": ["river", "map", null, ""],
  "rivers": [
    {"name": "Rhine", "length": 1233.0, "countries": ["CH",
       "DE"], "mouth": {"sea": "North Sea", "flow": 2.9e3}},
    {"name": "Loire", "tidal": true, "mouth": null},
    {"name": "Ems", "name": "Eems"}
  ],
  "preface": "Rivers were roads.\\r\\n\\r\\nThen came\\nthe railways.",
  "empty": {}, "odd\\nkey": "\\u0000a\\ud800\\u0007"
}
"""


def test_a_document() -> None:
    found = read(ATLAS)
    assert [(block.kind, block.section, found.text[block.start : block.end]) for block in found.blocks] == [
        ("row", (), "title: Atlas of rivers"),
        ("row", (), "edition: 2"),
        ("row", (), "licence.name: CC0; licence.url: https://example.org"),
        ("row", (), "keywords: river, map"),
        ("text", (), "preface: Rivers were roads."),
        ("text", (), "Then came\nthe railways."),
        ("row", (), "odd key: \ufffda\ufffd"),
        ("heading", ("rivers",), "rivers"),
        ("row", ("rivers",), "name: Rhine; length: 1233.0; countries: CH, DE; mouth.sea: North Sea; mouth.flow: 2.9e3"),
        ("row", ("rivers",), "name: Loire; tidal: true"),
        ("row", ("rivers",), "name: Ems, Eems"),
    ]
    places = {
        words: where(found, words) for words in ("CC0", "https:", "map", "CH", "DE", "Loire", "Then", "rivers\n\nname")
    }
    assert places == {
        "CC0": "line 4",
        "https:": "line 5",
        "map": "line 6",
        "CH": "line 8",
        "DE": "line 9",
        "Loire": "line 10",
        "Then": "line 13",
        "rivers\n\nname": "lines 7–8",
    }
    assert (found.title, found.encoding, found.notes) == ("Atlas of rivers", "utf-8", ())


def test_titles() -> None:
    assert read('{"a": 1}').title == ""
    assert read('{"name": "Ada", "Title": "Notes"}').title == "Notes"
    assert read('{"title": 5, "name": "untitled"}').title == ""
    assert read('[{"title": "Notes"}]').title == ""


def test_an_array_of_records_is_a_table() -> None:
    found = read('[{"name": "Ada", "born": 1815},\n {"name": "Bob"},\n {"name": "Eve", "tags": ["x", "y"]}]')
    assert found.text == "name: Ada; born: 1815\nname: Bob\nname: Eve; tags: x, y"
    assert split(found, "en", TOKENS, 40)[0].location.words == "lines 1–3"


def test_records_that_are_too_long_for_a_row_become_sections() -> None:
    body = "Owls hunt at night. " * 20
    text = json.dumps([{"id": 7, "title": "The owl", "body": body}, {"body": "short"}, [1, 2], "loose", 5])
    found = read(text)
    assert [(block.kind, block.section, found.text[block.start : block.end]) for block in found.blocks] == [
        ("heading", ("The owl",), "The owl"),
        ("row", ("The owl",), "id: 7"),
        ("text", ("The owl",), f"body: {body.strip()}"),
        ("heading", ("2",), "2"),
        ("row", ("2",), "body: short"),
        ("heading", ("3",), "3"),
        ("row", ("3",), "1, 2"),
        ("row", ("3",), "loose, 5"),
    ]


def test_sections_go_three_levels_deep() -> None:
    words = "word " * 200
    found = read(json.dumps({"a": {"b": {"c": {"d": {"e": {"f": words, "g": 1}}}}}}))
    assert found.text == f"a\n\nb\n\nc\n\nd.e.f: {words.strip()}\n\nd.e.g: 1"
    assert found.blocks[-1].section == ("a", "b", "c")


def test_long_lists_of_values_are_several_rows() -> None:
    found = read(json.dumps({"n": list(range(1000, 1400))}))
    rows = found.text.split("\n\n")[1].split("\n")
    assert rows[0].startswith("1000, 1001, ")
    assert ", ".join(rows) == ", ".join(map(str, range(1000, 1400)))
    assert max(map(len, rows)) < 600


def test_single_values() -> None:
    assert [read(text).text for text in ('"a\\tb"', "5", "[]", "null", " [[], {}] ")] == ["a b", "5", "", "", ""]


def test_documents_that_follow_each_other() -> None:
    found = read('{"a": 1}\n{"a": 2}\n\x1e{"a": 3}')
    assert found.text == "a: 1\na: 2\na: 3"
    assert where(found, "a: 3") == "line 3"


def test_lines_that_are_broken_are_noted_and_the_others_read() -> None:
    good = "".join(f'{{"n": {n}}}\n' for n in range(8))
    broken = "{\n{}}\nno\n'x'\n[1,]\n[\n"
    found = read(f"{good}\n{broken}{good}", lines=True)
    assert found.text == "\n".join(f"n: {n}" for n in [*range(8), *range(8)])
    assert found.notes == ("left out what is no JSON: lines 10, 11, 12, 13, 14 and 1 more",)
    assert where(found, "n: 7\nn: 0") == "lines 8–16"


def test_lines_of_long_records() -> None:
    body = "Owls hunt at night.\n\nThey hear well."
    found = read("\n".join(json.dumps({"id": n, "body": body}) for n in (1, 2)) + "\n", lines=True)
    assert found.text == "\n\n".join(f"{n}\n\nbody: Owls hunt at night.\n\nThey hear well." for n in (1, 2))
    assert [block.section for block in found.blocks] == [("1",)] * 3 + [("2",)] * 3
    assert where(found, "They") == "line 1"


def test_a_document_with_the_suffix_of_lines_is_read_as_one() -> None:
    assert read(ATLAS, lines=True) == read(ATLAS)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "broken JSON at line 1, column 1: a value expected"),
        ('{"a": 1,\n "b": [1,,2]}', "broken JSON at line 2, column 10: a value expected"),
        ('{"a": 1,\r\n "b" 2}', "broken JSON at line 2, column 6: ':' expected"),
        ('{"a": 1, }', "broken JSON at line 1, column 10: a key in double quotes expected"),
        ('{"a": 1 "b"}', "broken JSON at line 1, column 9: ',' or '}' expected"),
        ("[1, 2", "broken JSON at line 1, column 6: ',' or ']' expected"),
        ("[1, 2] 3", "broken JSON at line 1, column 8: nothing more expected"),
        ("[,]", "broken JSON at line 1, column 2: a value expected"),
        ('{"a": [}', "broken JSON at line 1, column 8: ']' expected"),
        ('{"a": "b', "broken JSON at line 1, column 7: a string goes wrong: Unterminated string starting at"),
        ("// note\n{}", "broken JSON at line 1, column 1: a value expected"),
        ("[" * 100_000, "broken JSON at line 1, column 202: nested more than 200 levels deep"),
        ('{"a":' * 100_000, "broken JSON at line 1, column 1001: nested more than 200 levels deep"),
    ],
)
def test_what_is_broken_says_where(text: str, reason: str) -> None:
    with pytest.raises(Unreadable) as raised:
        extract_json(text.encode(), Limits())
    assert str(raised.value) == reason


def test_what_is_no_text_says_so() -> None:
    for extract in (extract_json, extract_jsonl):
        with pytest.raises(Unreadable, match=r"^binary file$"):
            extract(b"{}\0\1", Limits())
    with pytest.raises(Unreadable, match=r"^broken JSON at line 1, column 1: a value expected$"):
        extract_jsonl(b"no\nlines\n", Limits())


def test_the_deepest_that_is_read() -> None:
    deep = "[" * MAX_DEPTH + '"end"' + "]" * MAX_DEPTH
    assert read(deep).text == "end"
    assert read('{"a":' * MAX_DEPTH + '"end"' + "}" * MAX_DEPTH).text == ".".join("a" * MAX_DEPTH) + ": end"


def test_what_is_over_the_limit_is_left_out_and_noted() -> None:
    text = "[\n" + ",\n".join('{"n": 1}' for _ in range(100)) + "\n]"
    found = read(text, Limits(characters=23))
    assert (found.text, found.notes) == (
        "n: 1\nn: 1\nn: 1\nn: 1",
        ("what follows line 5 left out: more than 23 characters",),
    )


def plain(value: Value) -> Any:
    if value.kind == "{":
        return [(key, plain(held)) for key, held in value.items]
    if value.kind == "[":
        return [plain(held) for _, held in value.items]
    return value.words if value.kind == '"' else json.loads(value.words)


def whole(text: str) -> list[Any] | None:
    """Return the one value that a text is, in a list, or None where it is none."""
    try:
        value, end = parse(text, 0)
    except BrokenJSON:
        return None
    return None if text[end:].strip(" \t\r\n") else [plain(value)]


TREES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
)


@given(TREES, st.sampled_from((None, 1)), st.booleans(), st.integers(0), st.sampled_from(("", ",", "}", "]", '"', "x")))
def test_it_reads_what_python_reads(tree: Any, indent: int | None, escapes: bool, at: int, odd: str) -> None:
    text = json.dumps(tree, indent=indent, ensure_ascii=escapes)
    text = text[: at % len(text)] + odd + text[at % len(text) :]
    try:
        expected = json.loads(text, object_pairs_hook=list, strict=False)
    except json.JSONDecodeError:
        assert whole(text) is None
    else:
        assert whole(text) == [expected]
        read(text)
