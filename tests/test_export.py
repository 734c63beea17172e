"""Citations and answers for other programs: exact texts, and hostile documents that stay text."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import accumulate

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from index.records import Location
from qa.answer import Answer, Citation, Result
from qa.citation import make_link, quote_digest
from qa.export import answer_markdown, bibtex, markdown, plain

QUOTE = "Frogs live in the pond.\nThey sing at night."
SHA256 = "0123456789abcdef" * 4
LINES = Location(unit="line", first=7, last=8)


def cite(
    quote: str = QUOTE,
    evidence: str = "They sing at night.",
    *,
    path: str = "notes/garden.md",
    title: str = "Garden",
    section: tuple[str, ...] = ("Pond",),
    link: str | None = None,
    start: int = 20,
) -> Citation:
    """Return a citation of ``quote``, with ``evidence`` found in it."""
    first = start + quote.index(evidence)
    ranges = (start, start + len(quote)), (first, first + len(evidence))
    return Citation(
        title=title,
        source=path,
        sha256=SHA256,
        section=section,
        location=LINES,
        evidence_location=LINES,
        start=start,
        end=start + len(quote),
        quote=quote,
        evidence_start=first,
        evidence_end=first + len(evidence),
        link=make_link(path, SHA256, *ranges, quote) if link is None else link,
    )


def answer_of(
    *citations: Citation, question: str = "What do frogs do?", found: bool = True, notes: tuple[str, ...] = ()
) -> Answer:
    """Return an answer with a result for each citation."""
    results = tuple(
        Result(
            rank=rank,
            score=0.5,
            confidence=0.9 if found else 0.1,
            cosine=0.5,
            closeness=2.0,
            bm25=1.0,
            coverage=1.0,
            evidence_coverage=1.0,
            hits=(),
            citation=citation,
        )
        for rank, citation in enumerate(citations, 1)
    )
    return Answer(
        question=question,
        found=found,
        confidence=0.9 if found else 0.1,
        threshold=0.2,
        snapshot="abc-1",
        results=results,
        notes=notes,
    )


LINK = cite().link

PARSERS = (
    MarkdownIt("commonmark"),
    MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]),
)

HOSTILE = [
    "![x](http://e.test/x.png) [y](javascript:alert(1)) <http://e.test> <a@e.test>",
    "<script>alert(1)</script>\n\n<!-- <b>bold</b> --> &lt; &#60;",
    "# Title\n\nText\n===\n\n- item\n1. item\n> quote\n\n***\n---",
    "```\ncode\n```\n~~~\n    indented\n`````",
    "a | b\n--|--\n1 | 2",
    "[x]: http://e.test\n[x]\n\n~~gone~~ **bold** _em_ `code`",
    "\\\\ \\` \\[x](y) \\",
    "` `` ``` ````",
    "\tx\r\ny\rz",
    "1) one\n+ two",
    "",
    " \n ",
]

TEXTS = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.sampled_from("`~#>|-=[]()<>!&;:*_\\1. \t\n\r\0ax\u2028\x0c"), max_size=40),
    st.text(max_size=40),
)


def leaves(tokens: list[Token]) -> list[Token]:
    """Return all tokens, those within inline ones too."""
    return [inner for token in tokens for inner in (token, *leaves(token.children or []))]


def kinds(text: str) -> set[str]:
    """Return the types of all tokens that any parser sees in a Markdown text."""
    return {token.type for parser in PARSERS for token in leaves(parser.parse(text))}


def inline_texts(text: str) -> list[str]:
    """Return what each inline element of a Markdown text reads as."""
    tokens = PARSERS[0].parse(text)
    return ["".join(leaf.content for leaf in token.children or []) for token in tokens if token.type == "inline"]


def shown(text: str) -> str:
    """Return text as one line without controls: said a second time, character by character."""
    harmful = [*range(9), 11, 12, *range(14, 32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
    return re.sub(r"\s+", " ", "".join("\ufffd" if ord(sign) in harmful else sign for sign in text)).strip()


def test_plain() -> None:
    assert plain(cite()) == (
        f"“They sing at night.” Garden › Pond, notes/garden.md, lines 7–8, sha256 0123456789abcdef, {LINK}"
    )


def test_author_date_and_copies_are_told() -> None:
    copies = ("a", "b", "c", "d", "e")
    citation = replace(cite(), author="Ann Oakley and Bob_Lee", date="2024-03-01", copies=copies)
    place = "notes/garden.md, lines 7–8 (also as a, b, c and 2 more)"
    assert plain(citation) == (
        f"“They sing at night.” Garden › Pond, Ann Oakley and Bob_Lee, 2024-03-01, {place}, "
        f"sha256 0123456789abcdef, {LINK}"
    )
    assert inline_texts(markdown(citation))[1] == (
        f"Garden › Pond, Ann Oakley and Bob_Lee, 2024-03-01, {place}, sha256 0123456789abcdef"
    )
    assert (
        "  author = {{Ann Oakley and Bob\\_Lee}},\n  year = {2024},\n  date = {2024-03-01},\n  howpublished"
        in bibtex(citation)
    )
    told = f"Ann Oakley and Bob_Lee, 2024-03-01 · {place} · confidence 0.90"
    assert told in inline_texts(answer_markdown(answer_of(citation)))


@pytest.mark.parametrize(
    ("date", "year"), [("2024", "2024"), ("2024-03", "2024"), ("20240301", ""), ("May", ""), ("", "")]
)
def test_bibtex_has_a_year_where_the_date_has_one(date: str, year: str) -> None:
    fields = entry_fields(bibtex(replace(cite(), date=date)))
    assert (fields.get("year", ""), fields.get("date", "")) == (year, date if year else "")
    assert "author" not in fields


@pytest.mark.parametrize(
    ("copies", "also"),
    [((), ""), (("b",), " (also as b)"), (("b", "c"), " (also as b and c)"),
     (("b", "c", "d"), " (also as b, c and d)"), (("b", "c", "d", "e"), " (also as b, c, d and 1 more)"),
     (("b",) * 2000, " (also as b, b, b and 1,997 more)")],
)  # fmt: skip
def test_few_copies_are_named(copies: tuple[str, ...], also: str) -> None:
    assert replace(cite(), copies=copies).place == f"notes/garden.md, lines 7–8{also}"


def test_of_a_quote_on_several_pages_the_evidence_has_its_own() -> None:
    pages, page = Location(unit="page", first=3, last=4), Location(unit="page", first=4, last=4)
    citation = replace(cite(), location=pages, evidence_location=page, copies=("b",))
    assert citation.place == "notes/garden.md, pages 3–4 (evidence: page 4) (also as b)"
    assert citation.place in inline_texts(markdown(citation))[1]


def test_a_message_says_itself_whose_and_when_it_is() -> None:
    location = Location(unit="message", first=1, last=1, part="from Ann to Bob, 2024-03-01")
    message = replace(cite(), location=location, evidence_location=location, author="Ann", date="2024-03-01")
    assert message.origin == ""
    assert message.place == "notes/garden.md, message from Ann to Bob, 2024-03-01"
    assert entry_fields(bibtex(message))["author"] == "{Ann}"


def test_markdown() -> None:
    assert markdown(cite()) == (
        "> They sing at night\\.\n\n"
        "Garden › Pond, notes\\/garden\\.md\\, lines 7–8, sha256 0123456789abcdef\n\n"
        f"`{LINK}`\n"
    )


def test_bibtex() -> None:
    digest = quote_digest(QUOTE)
    assert bibtex(cite()) == (
        f"@misc{{garden-{digest},\n"
        "  title = {Garden › Pond},\n"
        "  howpublished = {notes/garden.md, lines 7–8},\n"
        f"  note = {{source sha256 {SHA256}, characters 20–63, "
        "seedqa:notes/garden.md?chars=20-63\\&evidence=44-63\\&source=0123456789abcdef"
        f"\\&quote={digest}}},\n"
        "  annote = {They sing at night.},\n"
        "}\n"
    )


def test_answer_markdown() -> None:
    answer = answer_of(cite(), cite("`x`", "x"), notes=("asked for 9 passages, there are only 2",))
    second = answer.results[1].citation.link
    assert answer_markdown(answer, {LINK: "verified"}) == (
        "# What do frogs do\\?\n\n"
        "Found with confidence 0.900; the threshold is 0.200.\n\n"
        "Note: asked for 9 passages\\, there are only 2\n\n"
        "## 1. Garden › Pond\n\n"
        "notes\\/garden\\.md\\, lines 7–8 · confidence 0.90 · verified\n\n"
        f"```text\n{QUOTE}\n```\n\n"
        "Evidence:\n\n"
        "```text\nThey sing at night.\n```\n\n"
        f"`{LINK}`\n\n"
        "## 2. Garden › Pond\n\n"
        "notes\\/garden\\.md\\, lines 7–8 · confidence 0.90\n\n"
        "```text\n`x`\n```\n\n"
        "Evidence:\n\n"
        "```text\nx\n```\n\n"
        f"`{second}`\n\n"
        "***\n\n"
        "Snapshot `abc-1`\n"
    )


def test_answer_markdown_not_found() -> None:
    below = "Not found in these documents. Confidence 0.100 is below the threshold of 0.200."
    assert answer_markdown(answer_of(found=False)) == (f"# What do frogs do\\?\n\n{below}\n\n***\n\nSnapshot `abc-1`\n")
    weak = answer_markdown(answer_of(cite(), found=False))
    assert weak.startswith(f"# What do frogs do\\?\n\n{below} The nearest passages follow.\n\n## 1. Garden › Pond\n\n")


@pytest.mark.parametrize("sign", ["\x00", "\x08", "\x0b", "\x1b", "\x7f", "\x85", "\x9f", "\u202a", "\u202e", "\u2069"])
def test_controls_are_shown_as_replacement_characters(sign: str) -> None:
    citation = cite(f"One{sign}two.\r\n \tThree.", f"One{sign}two.\r\n \tThree.", title=f"A{sign}\nB", path=f"a{sign}")
    assert plain(citation).startswith("“One\ufffdtwo. Three.” A\ufffd B › Pond, a\ufffd, lines 7–8, ")
    assert markdown(citation).startswith("> One\ufffdtwo\\. Three\\.\n\nA\ufffd B › Pond, a\ufffd\\, lines 7–8, ")
    assert "  annote = {One\ufffdtwo. Three.},\n" in bibtex(citation)
    assert "  title = {A\ufffd B › Pond},\n" in bibtex(citation)


@given(TEXTS, TEXTS)
def test_plain_is_one_line_without_controls(evidence: str, title: str) -> None:
    text = plain(cite(evidence, evidence, title=title))
    assert text == " ".join(text.split()) == shown(text)
    assert text.startswith(f"“{shown(evidence)}”")


@given(TEXTS, TEXTS, TEXTS)
def test_markdown_of_any_text_means_that_text(evidence: str, title: str, section: str) -> None:
    citation = replace(cite(evidence, evidence, title=title, section=(section,)), author=title, date=section)
    assert kinds(markdown(citation)) <= {
        "blockquote_open", "blockquote_close", "paragraph_open", "paragraph_close", "inline", "text", "code_inline",
    }  # fmt: skip
    texts = inline_texts(markdown(citation))
    parts = citation.heading, citation.origin, "notes/garden.md, lines 7–8, sha256 0123456789abcdef"
    assert texts[-2:] == [", ".join(shown(part) for part in parts if part), citation.link]
    assert texts[:-2] == ([shown(evidence)] if shown(evidence) else [])


@given(TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS)
def test_answer_markdown_gives_passages_back_and_nothing_comes_alive(
    passage: str, evidence: str, question: str, title: str, status: str, link: str
) -> None:
    quote = passage + evidence + passage
    citation = cite(quote, evidence, title=title, section=(title,), link=link)
    citation = replace(citation, source=title, author=title, date=status, copies=(question,))
    text = answer_markdown(answer_of(citation, cite(), question=question, notes=(status,)), {link: status})
    assert kinds(text) <= {
        "heading_open", "heading_close", "paragraph_open", "paragraph_close", "inline", "text", "code_inline",
        "fence", "hr",
    }  # fmt: skip
    fences = [token for token in PARSERS[0].parse(text) if token.type == "fence"]
    assert {token.info for token in fences} == {"text"}
    assert [token.content for token in fences] == [
        re.sub("\r\n?", "\n", piece).replace("\0", "\ufffd") + "\n"
        for piece in (quote, citation.evidence, QUOTE, "They sing at night.")
    ]
    texts = inline_texts(text)
    assert texts[0] == shown(question)
    assert f"1. {shown(citation.heading)}" in texts
    assert not shown(link) or shown(link) in texts


def test_what_commonmark_cannot_hold() -> None:
    citation = cite("a\r\nb\rc\0d", "b\rc", link="\n")
    assert answer_markdown(answer_of(citation)).endswith(
        "```text\na\nb\nc\ufffdd\n```\n\nEvidence:\n\n```text\nb\nc\n```\n\n\n\n***\n\nSnapshot `abc-1`\n"
    )


@example("```\ncode\n```")
@example("~~~\n`````\n\n    ")
@given(st.text(st.characters(exclude_characters="\r\0")))
def test_a_passage_stands_exactly_in_its_block(quote: str) -> None:
    fences = [t for t in PARSERS[0].parse(answer_markdown(answer_of(cite(quote, "")))) if t.type == "fence"]
    assert fences[0].content == quote + "\n"


def entry_fields(entry: str) -> dict[str, str]:
    """Read an entry as BibTeX does: braces are counted, and a backslash before one means nothing."""
    opened = re.fullmatch(r"@misc\{([A-Za-z0-9-]+),\n(.*)\}\n", entry, re.DOTALL)
    assert opened
    rest, fields = opened[2], {}
    while rest:
        name, _, rest = rest.partition(" = {")
        depths = accumulate(({"{": 1, "}": -1}.get(sign, 0) for sign in rest), initial=1)
        at = list(depths).index(0) - 1
        assert rest[at : at + 3] == "},\n"
        fields[name.strip()], rest = rest[:at], rest[at + 3 :]
    return fields


def read_latex(text: str) -> str:
    """Return what LaTeX would print, and fail where something would still be a command."""
    names = {"backslash": "\\", "braceleft": "{", "braceright": "}", "asciicircum": "^", "asciitilde": "~"}
    assert not re.sub(r"\\text[a-z]+\{\}|\\[$&#_%]|[^\\{}$&#^_~%]", "", text)
    return re.sub(r"\\text([a-z]+)\{\}|\\(.)", lambda m: names[m[1]] if m[1] else m[2], text)


@given(TEXTS | st.text("\\{}$&#^_~%@,=\"' a", max_size=30), TEXTS)
def test_bibtex_of_any_text_is_one_entry(evidence: str, title: str) -> None:
    citation = replace(cite(evidence, evidence, title=title, path=title + "/x~y%{z.txt"), author=evidence, date="2024")
    fields = entry_fields(bibtex(citation))
    author = fields.pop("author", "{}")
    assert (author[0], read_latex(author[1:-1]), author[-1]) == ("{", shown(evidence), "}")
    assert {name: read_latex(value) for name, value in fields.items()} == {
        "year": "2024",
        "date": "2024",
        "title": shown(citation.heading),
        "howpublished": shown(citation.place),
        "note": f"source sha256 {SHA256}, characters {citation.start}–{citation.end}, {citation.link}",
        "annote": shown(evidence),
    }


@pytest.mark.parametrize(
    ("path", "stem"),
    [
        ("a/Notes 2024_v1.md", "Notes-2024-v1"),
        ("über.txt", "uber"),
        ("水.md", "document"),
        ("--.txt", "document"),
        ("a,b}c.txt", "a-b-c"),
        ("archive.tar.gz", "archive-tar"),
    ],
)
def test_bibtex_keys(path: str, stem: str) -> None:
    assert bibtex(cite(path=path)).startswith(f"@misc{{{stem}-{quote_digest(QUOTE)},\n")
