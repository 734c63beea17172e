"""RTF: what a reader sees, in order, in every encoding, and where it stands."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.load.limits import Limits, Unreadable
from index.load.office.rtf import extract_rtf
from index.records import Extract
from tests.office import shown, texts

HEAD = (
    r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 Arial Cyr;}{\f2\fcharset128 Mincho;}"
    r"{\f3\fcharset2 Symbol;}}{\colortbl;\red0\green0\blue0;}{\stylesheet{\s0 Normal;}{\s1\outlinelevel0 heading 1;}"
    r"{\s2\sbasedon1 heading 2;}{\s3 toc 1;}{\s4 Source Code;}{\*\cs5\s1 Strong;}{\s6 Title;}}"
)
INFO = (
    r"{\info{\title Garden\'a0Book}{\author Ann Other}{\operator Bob}{\creatim\yr2024\mo3\dy1\hr9\min30}"
    r"{\revtim\yr2025\mo1\dy2}{\doccomm unseen}}"
)


def read(body: str, head: str = HEAD, limits: Limits | None = None) -> Extract:
    return extract_rtf((head + body + "}").encode("latin-1"), limits or Limits())


def test_headings_lists_and_properties() -> None:
    found = read(
        INFO
        + r"\pard\s6 The garden\par\pard\s1 Roses\par\pard\plain They grow\~by {\b the} wall.\par\par"
        + r"{\listtext\pard\plain\f3\'b7\tab}Water\par{\pntext\f0 3.\tab}Cut\par\bullet\tab Typed\par"
        + r"\pard\s2 Kinds\par\pard\outlinelevel2 Old ones\par\pard The end."
    )
    assert (found.title, found.author, found.date, found.notes) == ("Garden Book", "Ann Other", "2024-03-01", ())
    assert shown(found) == [
        ("heading", "paragraph 1", "", "The garden"),
        ("heading", "paragraph 2", "Roses", "Roses"),
        ("text", "paragraph 3", "Roses", "They grow by the wall."),
        ("text", "paragraph 4", "Roses", "- Water"),
        ("text", "paragraph 5", "Roses", "3. Cut"),
        ("text", "paragraph 6", "Roses", "- Typed"),
        ("heading", "paragraph 7", "Roses › Kinds", "Kinds"),
        ("heading", "paragraph 8", "Roses › Kinds › Old ones", "Old ones"),
        ("text", "paragraph 9", "Roses › Kinds › Old ones", "The end."),
    ]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (r"caf\'e9 \'80 na\'efve", "café € naïve"),
        ("caf\xe9 raw", "café raw"),
        (r"{\f1\'cf\'f0\'e8\'e2\'e5\'f2} and \'e9", "Привет and é"),
        (r"{\f2\'93\'fa\'96\'7b\'83A}", "日本ア"),
        (r"\u8364?5 \u-10179?\u-8704? \uc2\u233\'e9xy", "€5 😀 éy"),
        (r"{\uc0\u233}t{\uc0\u233 }", "été"),
        (r"\u55357? alone", "\N{REPLACEMENT CHARACTER} alone"),
        (r"{\upr{caf?}{\*\ud{caf\u233 ?}}}", "café"),
        (r"a\_b so\-ft \ldblquote q\rdblquote\emdash x\line\tab y", "a-b soft “q”—x\ny"),
        (r"\{braces\} and back\\slash", "{braces} and back\\slash"),
        (r"{\f3\u-3913?} dot", "- dot"),
        ("wrapped\r\n line", "wrapped line"),
    ],
)
def test_characters(body: str, words: str) -> None:
    assert texts(read(rf"\pard {body}\par"))[0] == words


@pytest.mark.parametrize(
    ("head", "word"),
    [
        (r"{\rtf1\ansi\ansicpg1251 ", "Привет"),
        (r"{\rtf1\mac ", bytes.fromhex("cff0e8e2e5f2").decode("mac_roman")),
        (r"{\rtf1\ansi\ansicpg65001 ", "\N{REPLACEMENT CHARACTER}" * 6),
        (r"{\rtf1\ansi\ansicpg99999 ", "Ïðèâåò"),
    ],
)
def test_the_code_page_of_the_document(head: str, word: str) -> None:
    raw = b"\\'cf\\'f0\\'e8\\'e2\\'e5\\'f2}"
    assert texts(extract_rtf(head.encode() + raw, Limits())) == [word]


def test_fields_notes_and_text_boxes() -> None:
    found = read(
        r'See {\field{\*\fldinst{HYPERLINK "http://x"}}{\fldrslt the page}}{\super\chftn}{\footnote\pard '
        r"{\super\chftn} First.\par More.} and \chftn{\footnote\ftnalt Second.} this*{\footnote By hand.}.\par"
        r"{\shp{\*\shpinst{\sp{\sn name}{\sv value}}{\shptxt \pard In the box\par two\par}}}Anchor.\par After.\par"
    )
    assert shown(found) == [
        ("text", "paragraph 1", "", "See the page[1] and [2] this*."),
        ("text", "paragraph 1", "", "[1] First. More."),
        ("text", "paragraph 1", "", "[2] Second."),
        ("text", "paragraph 1", "", "By hand."),
        ("text", "paragraph 2", "", "Anchor."),
        ("text", "paragraph 2", "", "In the box"),
        ("text", "paragraph 2", "", "two"),
        ("text", "paragraph 3", "", "After."),
    ]


def test_tables() -> None:
    head = r"\trowd\trhdr\cellx1000\cellx2000\cellx3000"
    down = r"\trowd\clvmgf\cellx1000\cellx2010\cellx3000"
    on = r"\trowd\clvmrg\cellx1000\cellx2000\cellx3000"
    found = read(
        rf"Before.\par{head}\pard\intbl City\cell May\cell June\cell\row"
        rf"{down}\pard\intbl Rome\cell 12\cell\cell\row"
        rf"{on}\pard\intbl\cell 14\par mm\cell 3\cell\row"
        r"\trowd\cellx3000\pard\intbl All of them\cell\row"
        r"\trowd\cellx1000\clmgf\cellx2000\clmrg\cellx3000\pard\intbl Oslo\cell none\cell\cell\row"
        r"\pard After.\par"
    )
    assert shown(found) == [
        ("text", "paragraph 1", "", "Before."),
        ("header", "paragraph 2", "", "City\tMay\tJune"),
        ("row", "paragraph 3", "", "City: Rome; May: 12"),
        ("row", "paragraph 4", "", "City: Rome; May: 14 mm; June: 3"),
        ("row", "paragraph 5", "", "All of them"),
        ("row", "paragraph 6", "", "City: Oslo; May: none"),
        ("text", "paragraph 7", "", "After."),
    ]
    assert "\n\nCity\tMay\tJune\nCity: Rome; May: 12\n" in found.text


def test_a_first_row_in_bold_holds_names_and_one_column_is_no_table() -> None:
    layout = r"\trowd\cellx1000\cellx2000\pard\intbl"
    found = read(
        rf"{layout}{{\b Name\cell Age\cell}}\row\pard\intbl Bob\cell 33\cell\row\pard\par"
        r"\trowd\cellx1000\pard\intbl alone\cell\row\pard\par"
    )
    assert [(block[0], block[3]) for block in shown(found)] == [
        ("header", "Name\tAge"),
        ("row", "Name: Bob; Age: 33"),
        ("text", "alone"),
    ]


def test_code_keeps_its_lines() -> None:
    found = read(r"\pard\s4 if x:\line\~\~y\par\pard\s4   z\par\pard Then.\par")
    assert shown(found) == [
        ("code", "paragraphs 1–2", "", "if x:\n  y\n  z"),
        ("text", "paragraph 3", "", "Then."),
    ]


def test_what_is_left_out_is_said() -> None:
    found = read(
        r"{\header\pard Secret\par}\pard\s3 One\tab 1\par\pard Seen{\v unseen}{\deleted gone}{\revised new}"
        r"{\*\atnid x}{\*\annotation why}{\*\shppict{\pict\pngblip 89504e47}}{\nonshppict{\pict 00}}"
        r"{\*\unknown\stuff words}{\object\objemb{\*\objdata 0105}{\result shown}}\par"
    )
    assert texts(found) == ["Seennewshown"]
    assert found.notes == (
        "left out 1 picture",
        "left out 1 comment",
        "left out 1 stretch of text that tracked changes delete",
        "left out 1 stretch of hidden text",
        "left out 1 line of the table of contents",
        "left out headers and footers of pages",
    )


def test_the_bytes_of_a_picture_are_passed_over() -> None:
    data = rb"{\rtf1 before {\pict\bin10 }}}\par{{{}after}"
    assert texts(extract_rtf(data, Limits())) == ["before after"]


def test_a_file_that_is_cut_short_is_read_as_far_as_it_goes() -> None:
    found = extract_rtf(rb"{\rtf1 One.\par\trowd\cellx1000\cellx2000\pard\intbl a\cell {\b half", Limits())
    assert texts(found) == ["One.", "a\thalf"]
    assert found.notes == ("cut short: its last groups are not closed; what is there is read",)


def test_what_follows_the_end_or_the_limit_is_left_out() -> None:
    assert texts(extract_rtf(rb"{\rtf1 One.}\par Two.", Limits())) == ["One."]
    found = read(r"{\pard 0123456789\par}" * 100, limits=Limits(characters=50))
    assert (texts(found), found.notes) == (["0123456789"] * 5, ("left out what follows the first 50 characters",))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"Hello", "damaged: no RTF document, it does not begin with {\\rtf"),
        (b"{\\rtf1" + b"{" * 10_000, "damaged: nested too deeply to be RTF"),
    ],
)
def test_what_cannot_be_read_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=f"^{re.escape(reason)}$"):
        extract_rtf(data, Limits())


WORDS = st.sampled_from(
    r"\par|\cell|\row|\trowd|\cellx900|\cellx1800|\intbl|\pard|\plain|\b|{|}|{\footnote |{\listtext |\chftn|\s1|\s4|"
    r"\outlinelevel1|{\*\x |\'e9|\'|\u55357?|\u-8704?|\u0 |\u|\uc3|\bin3|\bin-1|{\pict |{\shptxt |{\title |\v|\v0|"
    r"\f2|\f7|word |One. Two. |\~|\*|\\|\tab|\line|\ud|{\upr|\cellx-5|\clmrg|\clvmrg|\rquote|\trhdr|;".split("|")
)


@given(st.lists(WORDS, max_size=60).map("".join))
def test_whatever_comes_is_read_or_refused(body: str) -> None:
    found = read(body)
    shown(found)
    assert found == read(body)
