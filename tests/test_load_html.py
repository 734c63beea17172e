"""HTML: visible text in order, section paths, and the line of the file for each block."""

from __future__ import annotations

import pytest

from index.load.html import read_html

Shown = tuple[str, tuple[str, ...], str, int, int]


def shown(text: str) -> list[Shown]:
    """Return kind, section, text and first and last line of each block."""
    found = read_html(text)
    assert found.text == "\n\n".join(found.text[b.start : b.end] for b in found.blocks)
    return [
        (b.kind, b.section, found.text[b.start : b.end], found.places.number(b.start), found.places.number(b.end - 1))
        for b in found.blocks
    ]


def texts(text: str) -> list[str]:
    return [block[2] for block in shown(text)]


PAGE = """<!DOCTYPE html>
<html>
<head><title>The
 Page</title><script>var x = "<p>never</p>";</script>
<style>p { color: red }</style></head>
<body>
<nav>Home | About</nav>
<h1>Main <b>head</b></h1>
<p>First
paragraph <!-- a comment
over lines --> tail of it.</p>
<h2
 class="x">Part</h2>
<ul><li>one<li>two <p>inner</p></li></ul>
<table><tr><th>Name</th><th>Age</th></tr>
<tr><td>Ann
 Lee</td><td><p>30</p></td></tr></table>
<pre>
line one
  line two
</pre>
text<br>after &amp; break
<aside>Side note</aside>
<div class="sidebar">S</div>
<div role="navigation">R</div>
<h3>Deep</h3><p>x <img
src="y.png"> z</p>
<h2>Next</h2>n
<footer>Foot</footer>
<noscript>never</noscript>
</body></html>
"""

BLOCKS: list[Shown] = [
    ("heading", (), "Main head", 8, 8),
    ("text", (), "First paragraph tail of it.", 9, 11),
    ("heading", ("Part",), "Part", 13, 13),
    ("text", ("Part",), "one", 14, 14),
    ("text", ("Part",), "two", 14, 14),
    ("text", ("Part",), "inner", 14, 14),
    ("header", ("Part",), "Name\tAge", 15, 15),
    ("row", ("Part",), "Ann Lee\t30", 16, 17),
    ("code", ("Part",), "line one\n  line two", 19, 20),
    ("text", ("Part",), "text after & break", 22, 22),
    ("heading", ("Part", "Deep"), "Deep", 26, 26),
    ("text", ("Part", "Deep"), "x z", 26, 27),
    ("heading", ("Next",), "Next", 28, 28),
    ("text", ("Next",), "n", 28, 28),
]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_page(newline: str) -> None:
    text = PAGE.replace("\n", newline)
    assert shown(text) == BLOCKS
    found = read_html(text)
    assert (found.title, found.notes) == ("The Page", ("left out 27 characters of navigation or footer",))


def test_only_the_main_part_is_read_and_the_rest_counted() -> None:
    text = "<body><nav>abc</nav><main><h1>M</h1><p>in main</p></main><footer>four</footer></body>"
    assert texts(text) == ["M", "in main"]
    assert read_html(text).notes == ("left out 7 characters of navigation or footer",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<p>a</p><div role=main><p>in</p></div>", ["in"]),
        ("<p>a</p><main>one</main><main>two</main>", ["a", "one", "two"]),
        ("<p>a</p><main> </main>", ["a"]),
        ("<p>a</p><main><script>only()</script></main>", ["a"]),
        ("<p>a</p><main><!-- only --></main>", ["a"]),
    ],
)
def test_which_part_is_the_main_one(text: str, expected: list[str]) -> None:
    assert texts(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<p>one <script>never</script>two</p>", ["one two"]),
        ("<p>click <svg><text>never</text></svg> here</p>", ["click here"]),
        ("<p>one <b>bo</b>ld <a href=x>li</a>nk</p>", ["one bold link"]),
        ("<p>seen</p><p hidden>never</p><template>never</template><select><option>never</select>", ["seen"]),
        ("a<?pi x?>b<!-- c -->d", ["abd"]),
        ("<header>top</header><p>x</p>", ["top", "x"]),
        ("<dl><dt>term<dd>meaning</dl>", ["term", "meaning"]),
        ("<b>a<p>c</b>d</p>e", ["a", "cd", "e"]),
    ],
)
def test_what_a_reader_sees(text: str, expected: list[str]) -> None:
    assert texts(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<table><tr><td>a<td>b<tr><td>c</table>", ["a\tb", "c"]),
        ("<table><caption>T</caption><thead><tr><th>h</th></tr></thead></table>", ["T", "h"]),
        ("<table>\n<tr>\n<td> a </td>\n<td><p>b</p><p>c</p></td>\n</tr></table>", ["a\tb c"]),
        ("<table><tr><td>a<table><tr><td>i</td></tr></table></td><td>b</td></tr></table>", ["a\ti\tb"]),
        ("<table><tr><td>a</td><td><script>s</script>b</td></tr></table>", ["a\tb"]),
        ("<table><tr><td>a</td><td><nav>n</nav>b</td></tr></table>", ["a\tb"]),
    ],
)
def test_tables_by_row(text: str, expected: list[str]) -> None:
    assert texts(text) == expected
    assert {kind for kind, _, body, _, _ in shown(text) if body not in ("T", "h")} <= {"row"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<pre>\nx = 1\n\n\n\ty  =  2\n</pre>", "x = 1\n\n\n\ty  =  2"),
        ("<pre>a<br>  b</pre>", "a\n  b"),
        ("<pre><code>a\n  <b>b</b></code></pre>", "a\n  b"),
        ("<pre>a <script>never</script>b</pre>", "a b"),
    ],
)
def test_preformatted_text_is_kept(text: str, expected: str) -> None:
    assert [(kind, body) for kind, _, body, _, _ in shown(text)] == [("code", expected)]


def test_title_is_the_first_heading_where_the_head_has_none() -> None:
    assert read_html("<h2>First</h2><h1>Second</h1>").title == "First"
    assert read_html("<title> </title><h1>Only</h1>").title == "Only"
    assert read_html("<p>x</p>").title == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<p>x</p><!-- c\nd\n-->\n<p>y</p>", [1, 4]),
        ("<!--a\nb-->\n<p>y</p>", [3]),
        ("<p>x<?pi\n\n?></p>y", [1, 3]),
        ("<script>\n\n</script>x", [3]),
        ("<nav>\n\n</nav>x\n<p>y", [3, 4]),
        ("<p\n\nid=x>a</p>", [3]),
        ("a<br>\n<br>\n\nb", [1]),
    ],
)
def test_lines(text: str, expected: list[int]) -> None:
    assert [first for _, _, _, first, _ in shown(text)] == expected


def test_lines_beyond_the_65535th() -> None:
    found = read_html("".join(f"<p>{line}</p>\n" for line in range(1, 66001)))
    assert [found.places.number(block.start) for block in found.blocks[65530:]] == list(range(65531, 66001))


@pytest.mark.parametrize("tag", ["div", "span", "ul><li", "table><tr><td", "blockquote"])
def test_deep_nesting_is_found_or_reported(tag: str) -> None:
    found = read_html("<p>before</p>" + f"<{tag}>" * 10_000 + "deep words")
    assert found.text == "before"
    assert found.notes == ("nested too deeply: what follows the 2048th level is not in the index",)
    assert texts("<p>before</p>" + "<div>" * 1000 + "deep words") == ["before", "deep words"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n ", []),
        ("<!-- only -->", []),
        ("<!-- a --><!-- b -->", []),
        ("<!doctype html>", []),
        ("<html></html>", []),
        ("<p>&nbsp;</p>", []),
        ("\0", ["\ufffd"]),
        ("<p>a\0b</p>", ["a\ufffdb"]),
        ("<", ["<"]),
        ("no tags", ["no tags"]),
        ("<table><tr><td>open", ["open"]),
        ("<plaintext>a<b>", ["a<b>"]),
        ("<p>&#xD800;&#0;&lt;</p>", ["\ufffd\ufffd<"]),
    ],
)
def test_hostile_input(text: str, expected: list[str]) -> None:
    assert texts(text) == expected


def test_meta_elements_say_who_and_when() -> None:
    head = '<meta name="Author" content="Ann Lee"><meta property="article:published_time" content="2024-03-01T10:00">'
    found = read_html(f"<html><head><title>Tea</title>{head}</head><body><p>Text.</p></body></html>")
    assert (found.title, found.author, found.date) == ("Tea", "Ann Lee", "2024-03-01")
    assert (read_html("<p>Text.</p>").author, read_html("<p>Text.</p>").date) == ("", "")
