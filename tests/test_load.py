"""Bytes to text, and plain text to blocks. Markdown, HTML and the walk have modules of their own."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.load.decode import decode
from index.load.detect import detect
from index.load.formats import FORMATS
from index.load.html import extract_html
from index.load.limits import Limits, Unreadable
from index.load.markdown import extract_markdown
from index.load.plain import extract_plain
from index.load.read import Reading, read_document
from index.records import Block, Extract


def extract(path: str, data: bytes) -> tuple[str, str, Extract]:
    """Return the format's name, the encoding's name and what the file holds, also where that is nothing."""
    name = detect(path, data)
    found = {"text": extract_plain, "markdown": extract_markdown, "html": extract_html}[name](data, Limits())
    return name, found.encoding, found


GERMAN = (
    "Die Königin aß süße Äpfel für übermütige Gäste. Größe und Maße waren schön, "
    "und die Straße führte über „neue“ Brücken für 5 € in die Höhe."
)
FRENCH = (
    "Le château a été construit à côté de la forêt. Où êtes-vous allés? Les élèves préfèrent le café "
    "crème; ça coûte très peu, voilà. La bibliothèque est ouverte dès le mois de février."
)
SPANISH = "El niño compró piñas en la montaña. ¿Dónde está el señor? Mañana será otro día, dijo María."
RUSSIAN = "Привет, мир. Это русский текст, который нужно прочитать правильно, без единой ошибки в словах."
JAPANESE = "これは日本語の文章です。テストのために十分な長さが必要です。東京は日本の首都であり、大きな都市です。"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (GERMAN.encode(), "utf-8"),
        (codecs.BOM_UTF8 + GERMAN.encode(), "utf-8-sig"),
        (codecs.BOM_UTF16_LE + GERMAN.encode("utf-16-le"), "utf-16"),
        (codecs.BOM_UTF16_BE + GERMAN.encode("utf-16-be"), "utf-16"),
        (codecs.BOM_UTF32_LE + GERMAN.encode("utf-32-le"), "utf-32"),
        (codecs.BOM_UTF32_BE + GERMAN.encode("utf-32-be"), "utf-32"),
    ],
)
def test_unicode_with_and_without_byte_order_mark(data: bytes, encoding: str) -> None:
    assert decode(data) == (GERMAN, encoding)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GERMAN, "windows-1252"),
        (GERMAN.replace("„", '"').replace("“", '"').replace("€", "EUR"), "latin-1"),
        (FRENCH, "latin-1"),
        (SPANISH, "latin-1"),
        (RUSSIAN, "windows-1251"),
        (JAPANESE, "shift-jis"),
    ],
    ids=lambda value: value[:12],
)
def test_older_encodings_are_detected(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding))[0] == text


def test_a_single_word_in_an_older_encoding() -> None:
    assert decode("Müller".encode("latin-1"))[0] == "Müller"


@given(st.text())
def test_utf8_is_always_read_as_utf8(text: str) -> None:
    data = text.encode()
    if b"\0" in data or data.startswith((b"%PDF-", codecs.BOM_UTF8)):
        return
    assert decode(data) == (text, "utf-8")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "picture (PNG), not text: put scans into a PDF"),
        (bytes(range(128, 256)) * 4, "binary file, or text in an unknown encoding"),
        (GERMAN.encode("utf-16-le"), "binary file"),
        (codecs.BOM_UTF8 + b"a\xff", "not valid utf-8-sig at byte 1"),
        (codecs.BOM_UTF16_LE + b"a", "not valid utf-16 at byte 2"),
    ],
)
def test_what_is_not_text_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        extract("a.txt", data)
    assert str(caught.value) == reason


@given(st.binary())
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for path in ("a.txt", "a.md", "a.html"):
        event = read_document(path, data, Limits())
        if isinstance(event, Reading):
            assert event.format in FORMATS
            event.extract.text.encode()  # no lone surrogates
        else:
            assert event.reason


def page(charset: str, words: str) -> str:
    return f'<!doctype html><html><head><meta charset="{charset}"></head><body><p>{words}</p></body></html>'


@pytest.mark.parametrize(
    ("declared", "stored", "words"),
    [
        ("utf-8", "utf-8", "Gräfin"),
        ("iso-8859-1", "latin-1", "Gräfin à l'été"),
        ("iso-8859-1", "windows-1252", "„Gräfin“ für 5 €"),  # what browsers take the label for
        ("windows-1251", "windows-1251", "Привет"),
        ("shift_jis", "shift_jis", "日本"),
        ("gb2312", "gbk", "朱镕基"),
        ("koi8-r", "koi8-r", "Привет"),
    ],
)
def test_a_page_is_read_as_it_declares(declared: str, stored: str, words: str) -> None:
    assert extract("a.html", page(declared, words).encode(stored))[2].text == words


def test_the_declaration_may_stand_in_http_equiv() -> None:
    text = '<meta http-equiv="Content-Type" content="text/html; charset=koi8-r"><p>Привет</p>'
    assert decode(text.encode("koi8-r"), html=True) == (text, "koi8-r")


@pytest.mark.parametrize(
    ("declared", "stored"),
    [
        ("ascii", "utf-8"),  # declared wrongly, valid UTF-8 in fact
        ("shift_jis", "utf-8"),
        ("utf-16", "utf-8"),  # can't be: the declaration itself was read byte by byte
        ("utf-8", "windows-1252"),
        ("no-such-charset", "utf-8"),
        ("hex", "utf-8"),
        ("undefined", "utf-8"),
        ("punycode", "utf-8"),
        ("unicode_escape", "utf-8"),
        ("\u00e4", "utf-8"),
    ],
)
@pytest.mark.parametrize("words", [GERMAN, GERMAN + ".", "C:\\new - plain words", "C:\\new - plain words."])
def test_a_wrong_declaration_does_no_harm(declared: str, stored: str, words: str) -> None:
    assert extract("a.html", page(declared, words).encode(stored))[2].text == words


@pytest.mark.parametrize(
    ("path", "data", "name"),
    [
        ("a.txt", b"text", "text"),
        ("a", b"text", "text"),
        ("a.MD", b"text", "markdown"),
        ("a.markdown", b"text", "markdown"),
        ("a.HTM", b"text", "html"),
        ("a.xhtml", b"text", "html"),
        ("a.py", b"x = 1", "text"),
        ("a.txt", b"\n<!DOCTYPE html><p>x", "html"),
        ("a", b'<?xml version="1.0"?>\n<!-- c -->\n<html><p>x', "html"),
        ("a.txt", b"<p>x", "text"),
        ("a.md", b"<!doctype html>", "markdown"),
    ],
)
def test_format_by_name_then_by_content(path: str, data: bytes, name: str) -> None:
    assert extract(path, data)[0] == name


def test_plain_text_is_kept_character_for_character() -> None:
    text = "\n one\ttwo \r\nthree\r\n\r\n  \r\nfour\rfive\n\n\nsix  "
    found = extract("a.txt", text.encode())[2]
    assert found.text == text
    assert [
        (found.text[b.start : b.end], b.kind, found.places.number(b.start), found.places.number(b.end - 1))
        for b in found.blocks
    ] == [
        ("one\ttwo \r\nthree", "text", 2, 3),
        ("four\rfive", "text", 6, 7),
        ("six  ", "text", 10, 10),
    ]
    assert (found.title, found.notes) == ("", ())


@pytest.mark.parametrize("text", ["", " ", "\n\r\n\t"])
def test_plain_text_without_words_has_no_blocks(text: str) -> None:
    found = extract("a.txt", text.encode())[2]
    assert (found.text, found.blocks, found.places.number(0)) == (text, (), 1)


def test_a_block_knows_its_place() -> None:
    assert extract("a.txt", b"One.\n\ntwo")[2].blocks == (
        Block(start=0, end=4, kind="text", section=()),
        Block(start=6, end=9, kind="text", section=()),
    )


def test_a_first_line_that_is_no_sentence_is_the_title() -> None:
    found = extract("a.txt", "Café in Göteborg\n\nFounded in 1902.".encode())[2]
    assert found.title == "Café in Göteborg"
    assert [block.kind for block in found.blocks] == ["header", "text"]
    assert extract("a.txt", b"Founded in 1902")[2].title == ""
    for sentence in ("It is said: “Pets are allowed.”", "(As it was.)", "Who says 'why?'"):
        assert extract("a.txt", f"{sentence}\n\nMore of it.".encode())[2].title == ""
    for title in ("Notes (draft)", "What “title” means: “words”"):
        assert extract("a.txt", f"{title}\n\nMore of it.".encode())[2].title == title
