"""E-books: chapters in reading order, what they are called, and what is no text of theirs."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace

import pytest

from index.load.books.epub import extract_epub
from index.load.limits import Limits, Unreadable
from index.records import Block, Extract, Location
from index.split import split
from tests.fakes import HashEncoder

LIMITS = Limits()
TOKENS = HashEncoder().token_spans
CONTAINER = '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
DC = 'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:opf="http://www.idpf.org/2007/opf"'
METADATA = "<dc:title>The Lighthouse</dc:title><dc:creator>Ann Example</dc:creator><dc:date>2024-03-01</dc:date>"
OPS = 'xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"'


def page(body: str, head: str = "") -> str:
    return f'<?xml version="1.0" encoding="utf-8"?>\n<html {OPS}><head>{head}</head><body>{body}</body></html>'


def nav(*links: tuple[str, str], more: str = "") -> str:
    items = "".join(f'<li><a href="{href}">{title}</a></li>' for href, title in links)
    return page(f'<nav epub:type="toc"><h1>Contents</h1><ol>{items}</ol></nav>{more}')


def ncx(*links: tuple[str, str]) -> str:
    points = "".join(
        f'<navPoint><navLabel><text>{title}</text></navLabel><content src="{href}"/></navPoint>'
        for href, title in links
    )
    return f'<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap>{points}</navMap></ncx>'


def opf(spine: list[str], metadata: str, guide: str, toc: str) -> str:
    kinds = {"nav.xhtml": 'application/xhtml+xml" properties="nav', "toc.ncx": "application/x-dtbncx+xml"}
    kinds["map.svg"] = "image/svg+xml"
    items = "".join(
        f'<item id="{name}" href="{name}" media-type="{kinds.get(name, "application/xhtml+xml")}"/>'
        for name in dict.fromkeys([*spine, toc])
    )
    refs = "".join(f'<itemref idref="{name}"/>' for name in spine)
    return (
        f'<package xmlns="http://www.idpf.org/2007/opf"><metadata {DC}>{metadata}</metadata>'
        f"<manifest>{items}</manifest><spine>{refs}</spine><guide>{guide}</guide></package>"
    )


def book(
    files: dict[str, str],
    *,
    spine: list[str] | None = None,
    metadata: str = METADATA,
    guide: str = "",
    extra: dict[str, str] | None = None,
    method: int = zipfile.ZIP_DEFLATED,
) -> bytes:
    """Return an EPUB file; its chapters are ``files``, but for the table of contents ``toc.ncx``."""
    order = spine if spine is not None else [name for name in files if name != "toc.ncx"]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
        archive.writestr("META-INF/container.xml", CONTAINER)
        toc = "toc.ncx" if "toc.ncx" in files else "nav.xhtml"
        archive.writestr("OEBPS/book.opf", opf(order, metadata, guide, toc))
        for name, text in files.items():
            archive.writestr(f"OEBPS/{name}", text)
        for name, text in (extra or {}).items():
            archive.writestr(name, text)
    return stream.getvalue()


def shown(found: Extract) -> list[tuple[str, str, tuple[str, ...], str]]:
    return [
        (b.kind, found.text[b.start : b.end], b.section, found.places.locate(b.start, b.end).words)
        for b in found.blocks
    ]


def check(found: Extract) -> None:
    """Assert what holds for every document."""
    at = 0
    for block in found.blocks:
        assert not found.text[at : block.start].strip()
        assert at <= block.start < block.end
        at = block.end
    assert not found.text[at:].strip()
    for passage in split(found, "en", TOKENS, 40):
        assert passage.location == found.places.locate(passage.start, passage.end)
        assert passage.location.unit == "chapter"


CHAPTERS = {
    "nav.xhtml": nav(("one.xhtml", "The storm"), ("two.xhtml#top", "The calm")),
    "one.xhtml": page("<h1>The storm</h1><p>Wind <em>rose</em>.</p><h2>Night</h2><p>It was dark.</p>"),
    "two.xhtml": page("<h1>The calm</h1><p>It was&#160;still.</p><table><tr><td>a</td><td>b</td></tr></table>"),
}


def test_chapters_in_order_with_their_titles_and_sections() -> None:
    found = extract_epub(book(CHAPTERS), LIMITS)
    assert (found.title, found.author, found.date) == ("The Lighthouse", "Ann Example", "2024-03-01")
    assert found.notes == ("left out table of contents",)
    storm, calm = "chapter “The storm”", "chapter “The calm”"
    assert shown(found) == [
        ("heading", "The storm", ("The storm",), storm),
        ("text", "Wind rose.", ("The storm",), storm),
        ("heading", "Night", ("The storm", "Night"), storm),
        ("text", "It was dark.", ("The storm", "Night"), storm),
        ("heading", "The calm", ("The calm",), calm),
        ("text", "It was still.", ("The calm",), calm),
        ("row", "a\tb", ("The calm",), calm),
    ]
    check(found)
    assert found == extract_epub(book(CHAPTERS), LIMITS)


def test_a_passage_names_its_chapter() -> None:
    found = extract_epub(book(CHAPTERS), LIMITS)
    passages = split(found, "en", TOKENS, 40)
    night = next(p for p in passages if "dark" in found.text[p.start : p.end])
    assert found.text[night.start : night.end] == "Night\n\nIt was dark."
    assert night.location == Location(unit="chapter", first=2, last=2, part="The storm")


def test_the_order_is_that_of_the_spine_and_epub_2_has_its_own_contents() -> None:
    files = {
        "b.xhtml": page("<p>second</p>"),
        "a.xhtml": page("<p>first</p>"),
        "toc.ncx": ncx(("a.xhtml", "A"), ("b.xhtml", "B")),
    }
    found = extract_epub(book(files, spine=["a.xhtml", "b.xhtml", "a.xhtml"]), LIMITS)
    assert shown(found) == [
        ("text", "first", ("A",), "chapter “A”"),
        ("text", "second", ("B",), "chapter “B”"),
    ]


def test_a_chapter_in_several_files_goes_on() -> None:
    files = {
        "one.xhtml": page("<h1>I</h1><p>a</p>"),
        "one-more.xhtml": page("<p>b</p><h2>x</h2><p>c</p>"),
        "two.xhtml": page("<h1>II</h1><p>d</p>"),
        "toc.ncx": ncx(("one.xhtml", "First"), ("two.xhtml", "Second")),
    }
    assert [row[1:] for row in shown(extract_epub(book(files), LIMITS))] == [
        ("I", ("I",), "chapter “First”"),
        ("a", ("I",), "chapter “First”"),
        ("b", ("I",), "chapter “First”"),
        ("x", ("I", "x"), "chapter “First”"),
        ("c", ("I", "x"), "chapter “First”"),
        ("II", ("II",), "chapter “Second”"),
        ("d", ("II",), "chapter “Second”"),
    ]


def test_several_chapters_in_one_file_begin_at_their_headings() -> None:
    files = {
        "all.xhtml": page(
            f"<p>{'End of the preface. ' * 20}</p><h2>CHAPTER I.<br/>Down</h2><p>a</p><h2>II</h2><p>b</p>"
        ),
        "toc.ncx": ncx(("all.xhtml#c1", "Chapter I. Down"), ("all.xhtml#c2", "II")),
    }
    found = extract_epub(book(files), LIMITS)
    assert [row[3] for row in shown(found)] == [
        "chapter 1",
        *["chapter “Chapter I. Down”"] * 2,
        *["chapter “II”"] * 2,
    ]


def test_words_above_a_heading_stand_under_the_title_of_the_contents() -> None:
    files = {
        "a.xhtml": page("<h1>Before</h1><p>a</p>"),
        "b.xhtml": page("<p>Chapter 1</p><h2>Going out</h2><p>b</p>"),
        "toc.ncx": ncx(("a.xhtml", "Before"), ("b.xhtml#h", "Going out")),
    }
    assert shown(extract_epub(book(files), LIMITS))[2:] == [
        ("text", "Chapter 1", ("Going out",), "chapter “Going out”"),
        ("heading", "Going out", ("Going out",), "chapter “Going out”"),
        ("text", "b", ("Going out",), "chapter “Going out”"),
    ]


def test_without_a_table_of_contents_the_headings_name_the_chapters() -> None:
    files = {"a.xhtml": page("<p>x</p>"), "b.xhtml": page("<h3>Third\n level</h3><p>y</p>")}
    found = extract_epub(book(files, metadata=""), LIMITS)
    assert [row[3] for row in shown(found)] == ["chapter 1", "chapter “Third level”", "chapter “Third level”"]
    assert (found.title, found.author, found.date) == ("Third level", "", "")


@pytest.mark.parametrize(
    ("metadata", "title", "author", "date"),
    [
        (
            '<dc:title id="t2">A tale</dc:title><dc:title id="t1">The Title</dc:title>'
            '<meta refines="#t1" property="title-type">main</meta>'
            '<dc:creator id="c1">Eddy Tor</dc:creator><meta refines="#c1" property="role">edt</meta>'
            '<dc:creator id="c2">Ann Example</dc:creator><dc:creator>Bob Example</dc:creator>'
            "<dc:date>2012-05-30T12:00:00Z</dc:date>",
            "The Title",
            "Ann Example, Bob Example",
            "2012-05-30",
        ),
        (
            "<dc:title>Old</dc:title>"
            '<dc:creator opf:role="trl">T</dc:creator><dc:creator opf:role="aut">Au</dc:creator>'
            '<dc:date opf:event="modification">2020-1-1</dc:date><dc:date opf:event="publication">1999-12-31</dc:date>',
            "Old",
            "Au",
            "1999-12-31",
        ),
        (
            "<dc:title>untitled</dc:title><dc:creator>Unknown</dc:creator><dc:date>0101-01-01T00:00:00Z</dc:date>",
            "x",
            "",
            "",
        ),
        ("<dc:title>T</dc:title><dc:creator>Ann &lt;ann@example.org&gt;</dc:creator>", "T", "Ann", ""),
        ('<dc:title>T</dc:title><dc:creator opf:role="edt">Ed</dc:creator><dc:date>2012</dc:date>', "T", "Ed", ""),
    ],
)
def test_metadata(metadata: str, title: str, author: str, date: str) -> None:
    found = extract_epub(book({"a.xhtml": page("<h1>x</h1><p>y</p>")}, metadata=metadata), LIMITS)
    assert (found.title, found.author, found.date) == (title, author, date)


def test_cover_contents_pictures_and_navigation_are_left_out_and_said() -> None:
    files = {
        "cover.xhtml": page("<p>THE LIGHTHOUSE</p><img src='a.png'/>"),
        "toc.xhtml": page("<p><a href='a.xhtml'>The storm</a> 1</p>"),
        "start.xhtml": page("<p>A page that the book calls its contents, but which says something.</p><a>x</a>"),
        "map.svg": "<svg/>",
        "a.xhtml": page(
            "<p>a</p><img src='a.png'/><svg><image href='b.png'/></svg><div class='toc'>In this part</div>"
        ),
        "gone.xhtml": "",
        "toc.ncx": ncx(),
    }
    guide = (
        '<reference type="cover" href="cover.xhtml"/><reference type="toc" href="toc.xhtml"/>'
        '<reference type="toc" href="start.xhtml"/>'
    )
    found = extract_epub(book(files, guide=guide), LIMITS)
    assert found.text == "A page that the book calls its contents, but which says something.\n\nx\n\na"
    assert found.notes == (
        "left out cover and table of contents",
        "missing or damaged: chapter 6",
        "left out 1 file of another kind than text",
        "left out 2 pictures",
        "chapter 5: left out 12 characters of navigation or footer",
    )


def test_landmarks_name_the_cover_of_epub_3() -> None:
    more = '<nav epub:type="landmarks"><ol><li><a epub:type="cover" href="c.xhtml">Cover</a></li></ol></nav>'
    files = {"nav.xhtml": nav(("a.xhtml", "A"), more=more), "c.xhtml": page("<p>C</p>"), "a.xhtml": page("<p>a</p>")}
    found = extract_epub(book(files), LIMITS)
    assert (found.text, found.notes) == ("a", ("left out table of contents and cover",))


def test_xhtml_is_read_as_xml() -> None:
    body = (
        '<p>one<a id="x"/> two &copy; &amp; <span/>three</p><div/><p>a<span epub:type="pagebreak">7</span>b</p>'
        '<aside epub:type="footnote"><p>A note.</p></aside><blockquote>Said<footer>by Ann</footer></blockquote>'
    )
    doctype = '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "http://www.w3.org/TR/xhtml11/DTD/xhtml11.dtd">'
    whole = page(body, "<title/><script src='x.js'/>").replace("<html", f"{doctype}<html")
    assert extract_epub(book({"a.xhtml": whole}), LIMITS).text == (
        "one two © & three\n\nab\n\nA note.\n\nSaid\n\nby Ann"
    )


def test_a_chapter_that_is_no_xml_is_read_as_html() -> None:
    files = {"a.xhtml": "<html><body><h1>A & B</h1><p>one<br>two &nbsp; three<p>four", "b.xhtml": page("<p>five</p>")}
    found = extract_epub(book(files), LIMITS)
    assert found.text == "A & B\n\none two three\n\nfour\n\nfive"


def test_entities_are_not_expanded() -> None:
    bomb = '<!DOCTYPE html [<!ENTITY a "ha"><!ENTITY b "' + "&a;" * 50 + '"><!ENTITY c "' + "&b;" * 50 + '">]>'
    secret = '<!DOCTYPE html [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
    files = {
        "a.xhtml": page("<p>one &c; two</p>").replace("<html", f"{bomb}<html"),
        "b.xhtml": page("<p>three &f; four</p>").replace("<html", f"{secret}<html"),
        "toc.ncx": f"{bomb}{ncx(('a.xhtml', 'A &c; B'))}",
    }
    assert extract_epub(book(files), LIMITS).text == "one &c; two\n\nthree &f; four"


LOCK = (
    '<encryption xmlns:enc="http://www.w3.org/2001/04/xmlenc#"><enc:EncryptedData>'
    '<enc:EncryptionMethod Algorithm="{}"/>'
    '<enc:CipherData><enc:CipherReference URI="{}"/></enc:CipherData></enc:EncryptedData></encryption>'
)
AES, FONT = "http://www.w3.org/2001/04/xmlenc#aes128-cbc", "http://www.idpf.org/2008/embedding"


def test_locked_books_and_fonts() -> None:
    locked = book(CHAPTERS, extra={"META-INF/encryption.xml": LOCK.format(AES, "OEBPS/two.xhtml")})
    with pytest.raises(Unreadable) as caught:
        extract_epub(locked, LIMITS)
    assert str(caught.value) == "encrypted: copy protection (DRM) locks its text; use a copy without it"
    for method, path in ((FONT, "OEBPS/two.xhtml"), (AES, "OEBPS/font.otf")):
        free = book(CHAPTERS, extra={"META-INF/encryption.xml": LOCK.format(method, path)})
        assert extract_epub(free, LIMITS) == extract_epub(book(CHAPTERS), LIMITS)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"PK\3\4", "damaged or truncated archive (File is not a zip file)"),
        (book(CHAPTERS)[:-400], "damaged or truncated archive (File is not a zip file)"),
        (book(CHAPTERS, spine=[]), "damaged: no e-book, its package names no chapters"),
        (book(CHAPTERS).replace(b"book.opf", b"book.xyz"), "damaged: no e-book, OEBPS/book.opf is missing"),
    ],
)
def test_damaged_books(data: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        extract_epub(data, LIMITS)
    assert str(caught.value) == reason


def test_a_book_without_a_container_has_its_package_found() -> None:
    data = book(CHAPTERS).replace(b"container.xml", b"c0ntainer.xml")
    assert extract_epub(data, LIMITS) == extract_epub(book(CHAPTERS), LIMITS)


def test_a_chapter_whose_bytes_are_damaged_costs_itself_alone() -> None:
    files = {"a.xhtml": page("<p>first</p>"), "b.xhtml": page("<p>second</p>")}
    data = book(files, method=zipfile.ZIP_STORED).replace(b"<p>first</p>", b"<p>First</p>")
    found = extract_epub(data, LIMITS)
    assert (found.text, found.notes) == ("second", ("missing or damaged: chapter 1",))


def test_reading_stops_at_the_limit() -> None:
    files = {f"{number}.xhtml": page(f"<p>{'words ' * 20}</p>") for number in range(9)}
    found = extract_epub(book(files), replace(LIMITS, characters=300))
    assert found.notes == ("left out the last 6 chapters: longer than 300 characters",)
    assert found.places.locate(found.blocks[-1].start, found.blocks[-1].end).last == 3


def test_links_to_files_are_escaped_and_may_be_spelt_in_other_letters() -> None:
    files = {"The Storm.xhtml": page("<p>a</p>"), "toc.ncx": ncx(("the%20storm.XHTML#x", "Storm"))}
    found = extract_epub(book(files, spine=["The Storm.xhtml"]), LIMITS)
    assert shown(found) == [("text", "a", ("Storm",), "chapter “Storm”")]
    assert found.blocks == (Block(start=0, end=1, kind="text", section=("Storm",)),)


def test_code_has_plain_spaces_and_nothing_unseen() -> None:
    chapter = page("<pre>|&#160;&#160; a\u200b\n|-- b</pre>")
    assert extract_epub(book({"a.xhtml": chapter}), LIMITS).text == "|   a\n|-- b"
