"""Markdown: blocks, section paths and lines; the text stays the file's own."""

from __future__ import annotations

import pytest

from index.load.markdown import MAX_HEADING, read_markdown

Shown = tuple[str, tuple[str, ...], str, int, int]


def shown(text: str) -> list[Shown]:
    """Return kind, section, text and first and last line of each block."""
    found = read_markdown(text)
    assert found.text == text
    return [
        (b.kind, b.section, text[b.start : b.end], found.places.number(b.start), found.places.number(b.end - 1))
        for b in found.blocks
    ]


def test_headings_make_section_paths() -> None:
    text = "# Top\n\nintro\n\n## A\na\n### B\nb\n## C\nc\n# Other\no\n"
    assert shown(text) == [
        ("heading", (), "# Top", 1, 1),
        ("text", (), "intro", 3, 3),
        ("heading", ("A",), "## A", 5, 5),
        ("text", ("A",), "a", 6, 6),
        ("heading", ("A", "B"), "### B", 7, 7),
        ("text", ("A", "B"), "b", 8, 8),
        ("heading", ("C",), "## C", 9, 9),
        ("text", ("C",), "c", 10, 10),
        ("heading", ("Other",), "# Other", 11, 11),
        ("text", ("Other",), "o", 12, 12),
    ]
    assert read_markdown(text).title == "Top"


@pytest.mark.parametrize(
    ("heading", "words"),
    [
        ("## Two *words* and `code`", "Two words and code"),
        ("## [link](http://example.com) text ##", "link text"),
        ("## ![picture](a.png) of it", "picture of it"),
        ("## A &amp; B \\* C", "A & B * C"),
        ("Setext\nover two lines\n---", "Setext over two lines"),
    ],
)
def test_a_heading_is_named_as_it_reads(heading: str, words: str) -> None:
    assert shown(f"# T\n\n{heading}\n\ntext\n")[-1][:3] == ("text", (words,), "text")


def test_setext_headings() -> None:
    assert shown("Top\n===\n\nSub\n---\ntext\n") == [
        ("heading", (), "Top\n===", 1, 2),
        ("heading", ("Sub",), "Sub\n---", 4, 5),
        ("text", ("Sub",), "text", 6, 6),
    ]


def test_a_long_paragraph_on_a_rule_is_no_heading() -> None:
    long = "word " * (MAX_HEADING // 5) + "end"
    assert shown(f"# T\n\n{long}\n---\n\ntext\n") == [
        ("heading", (), "# T", 1, 1),
        ("text", (), f"{long}\n---", 3, 4),
        ("text", (), "text", 6, 6),
    ]


def test_headings_without_words_are_ignored() -> None:
    assert shown("# T\n## A\n##\ntext\n") == [
        ("heading", (), "# T", 1, 1),
        ("heading", ("A",), "## A", 2, 2),
        ("heading", ("A",), "##", 3, 3),
        ("text", ("A",), "text", 4, 4),
    ]


def test_front_matter_is_one_block_and_no_heading() -> None:
    assert shown("---\nname: x\ndate: 2020\n---\n# T\n") == [
        ("row", (), "---\nname: x\ndate: 2020\n---", 1, 4),
        ("heading", (), "# T", 5, 5),
    ]


def test_tables_by_row() -> None:
    assert shown("| a | b |\n|---|:-:|\n| 1 | 2 |\n| 3 |\n\nafter\n") == [
        ("header", (), "| a | b |", 1, 1),
        ("text", (), "|---|:-:|", 2, 2),
        ("row", (), "| 1 | 2 |", 3, 3),
        ("row", (), "| 3 |", 4, 4),
        ("text", (), "after", 6, 6),
    ]


def test_code_keeps_its_blank_lines() -> None:
    assert shown("```py\nx = 1\n\n# no heading\n```\n\n    indented\n\n    more\n") == [
        ("code", (), "```py\nx = 1\n\n# no heading\n```", 1, 5),
        ("code", (), "indented\n\n    more", 7, 9),
    ]


def test_an_open_fence_ends_with_the_file() -> None:
    assert shown("a\n```\nx\n\ny") == [("text", (), "a", 1, 1), ("code", (), "```\nx\n\ny", 2, 5)]


def test_lists_by_item() -> None:
    assert shown("- one\n- two\n\n  more\n  - in\n1) num\n") == [
        ("text", (), "- one", 1, 1),
        ("text", (), "- two", 2, 2),
        ("text", (), "more", 4, 4),
        ("text", (), "- in", 5, 5),
        ("text", (), "1) num", 6, 6),
    ]


def test_what_is_no_block_of_its_own_is_not_lost() -> None:
    assert shown("para\n\n[ref]: http://example.com 'Title'\n\n***\n\n> quoted\n> on\n\n<div>html</div>\n") == [
        ("text", (), "para", 1, 1),
        ("text", (), "[ref]: http://example.com 'Title'\n\n***", 3, 5),
        ("text", (), "> quoted\n> on", 7, 8),
        ("text", (), "<div>html</div>", 10, 10),
    ]


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_other_line_ends(newline: str) -> None:
    text = "# T\n\n## A\n\ntext\nmore\n\n```\nx\n\ny\n```\n"
    expected = [(k, s, t.replace("\n", newline), first, last) for k, s, t, first, last in shown(text)]
    assert shown(text.replace("\n", newline)) == expected


@pytest.mark.parametrize("text", ["", "\n", " \n\t\n", "\ufeff"])
def test_nothing_to_read(text: str) -> None:
    assert [block[2] for block in shown(text)] == ([text] if text.strip() else [])


def test_nul_and_deep_nesting_lose_nothing() -> None:
    deep = "> " * 1000 + "end"
    assert shown(f"a\0b\n\n{deep}\n") == [("text", (), "a\0b", 1, 1), ("text", (), deep, 3, 3)]


@pytest.mark.parametrize(
    ("front", "said"),
    [
        ("title: Notes on tea\nauthor: Ann Lee\ndate: 2024-03-01", ("Notes on tea", "Ann Lee", "2024-03-01")),
        (
            "Title: 'Tea: notes'\nauthors: [Ann Lee, Bo Ek]\ndate: 2024-03-01T10:00:00Z",
            ("Tea: notes", "Ann Lee, Bo Ek", "2024-03-01"),
        ),
        ("title: untitled\ndate: spring", ("First", "", "")),
        ("title: [broken\n", ("First", "", "")),
        ("- a list", ("First", "", "")),
        ("date: 2024-06-31\ntitle: T", ("T", "", "")),
    ],
)
def test_front_matter_says_who_and_when(front: str, said: tuple[str, str, str]) -> None:
    found = read_markdown(f"---\n{front}\n---\n\n# First\n\nText.\n")
    assert (found.title, found.author, found.date) == said


def test_front_matter_that_is_nested_without_end_is_read_as_text() -> None:
    found = read_markdown(f"---\ntitle: {'[' * 20_000}\n---\n\n# Swans\n")
    assert (found.title, [block.kind for block in found.blocks]) == ("Swans", ["row", "heading"])


def test_a_heading_of_endless_markup_is_text() -> None:
    found = read_markdown(f"# {'[' * 100_000}\n\n# [Swans][a]\n\n[a]: b\n")
    assert [(block.kind, block.section) for block in found.blocks] == [
        ("text", ()),
        ("heading", ()),
        ("text", ()),
    ]
    assert found.title == "Swans"
