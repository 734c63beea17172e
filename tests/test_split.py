"""Splitting: what holds for every document, and where sentences and passages end."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.load.html import read_html
from index.load.markdown import read_markdown
from index.load.plain import read_plain
from index.records import Extract, Passage
from index.split import CODE_TOKENS, PASSAGE_TOKENS, TokenSpans, split
from tests.fakes import HashEncoder
from tests.timing import limited

TOKENS = HashEncoder().token_spans


def passages_of(
    path: str, text: str, language: str = "en", tokens: TokenSpans = TOKENS, cap: int = 40
) -> tuple[Extract, tuple[Passage, ...]]:
    found = {"txt": read_plain, "md": read_markdown, "html": read_html}[path.rpartition(".")[2]](text)
    return found, split(found, language, tokens, cap)


def sentences_of(path: str, text: str, language: str = "en", cap: int = 40) -> list[str]:
    found, passages = passages_of(path, text, language, cap=cap)
    return [found.text[s.start : s.end] for passage in passages for s in passage.sentences]


def check(found: Extract, passages: tuple[Passage, ...], tokens: TokenSpans = TOKENS, cap: int = 40) -> None:
    """Assert everything that the module promises of the passages of any document."""
    text, at = found.text, 0
    for passage in passages:
        assert passage.sentences
        assert (passage.start, passage.end) == (passage.sentences[0].start, passage.sentences[-1].end)
        assert passage.location == found.places.locate(passage.start, passage.end)
        for sentence in passage.sentences:
            assert passage.places.locate(sentence.start, sentence.end) == found.places.locate(
                sentence.start, sentence.end
            )
        sizes = []
        for sentence in passage.sentences:
            assert not text[at : sentence.start].strip()
            assert at <= sentence.start < sentence.end
            body = text[sentence.start : sentence.end]
            assert body == body.strip()
            sizes.append(len(tokens([body])[0]))
            at = sentence.end
        assert max(sizes) <= cap
        assert sum(sizes) <= PASSAGE_TOKENS
        above = [
            any(b.start <= s.start < b.end for b in found.blocks if b.kind == "heading") for s in passage.sentences
        ]
        assert above == sorted(above, reverse=True), "headings stand at the beginning of a passage only"
        assert all(s.heading for s, is_heading in zip(passage.sentences, above, strict=True) if is_heading)
    assert not text[at:].strip()


LANGUAGES = st.sampled_from("en de fr es it ru el ar hi th zh ja ko qq".split())
CAPS = st.sampled_from((3, 12, 40, 100, 300))
WORDS = st.sampled_from(
    "Dr. U.S. 3.14 e.g. The cat sat. why? Yes! „so“ (and) 世界。 東京は？ สวัสดี हिन्दी। Ärger - * 1. • ... … \u200b \xa0 "
    "\x85 \u2028 \x1c \ufeff 👩‍👧 e\u0301 | # ` verylongwordwithoutanyspaceinitatall".split(" ")
)
GAPS = st.sampled_from((" ", " ", " ", " ", "\n", "\r\n", "\n\n", "\r", "\t", ""))
PROSE = st.lists(st.tuples(WORDS, GAPS), max_size=80).map(lambda pairs: "".join(w + gap for w, gap in pairs))
LINE = PROSE.map(lambda text: " ".join(text.split())[:400])


@given(st.one_of(PROSE, st.text()), LANGUAGES, CAPS)
def test_plain_text(text: str, language: str, cap: int) -> None:
    found, passages = passages_of("a.txt", text, language, cap=cap)
    check(found, passages, cap=cap)
    for passage in passages:
        before = re.findall(r"\r\n|\r|\n", found.text[: passage.start])
        assert passage.location.first == 1 + len(before)


MARKDOWN = st.lists(
    st.one_of(
        LINE,
        LINE.map("# {}".format),
        LINE.map("## {}".format),
        LINE.map("- {}".format),
        LINE.map("> {}".format),
        LINE.map("    {}".format),
        LINE.map("| a | {} |\n|---|---|\n| b | c |".format),
        st.sampled_from(("", "---", "===", "```", "***", "[a]: b", "<div>", "x\n---", "# ", "1. a\n2. b")),
    ),
    max_size=20,
).map("\n".join)


@given(st.one_of(MARKDOWN, st.text()), LANGUAGES, CAPS)
def test_markdown(text: str, language: str, cap: int) -> None:
    found, passages = passages_of("a.md", text, language, cap=cap)
    check(found, passages, cap=cap)


TAGS = st.sampled_from("p h1 h2 h3 div span b ul li table tr td pre nav script br main title a".split())
HTML = st.lists(
    st.one_of(LINE, TAGS.map("<{}>".format), TAGS.map("</{}>".format), LINE.map("<!-- {} -->".format), st.just("\n")),
    max_size=40,
).map("".join)


@given(st.one_of(HTML, st.text()), LANGUAGES, CAPS)
def test_html(text: str, language: str, cap: int) -> None:
    found, passages = passages_of("a.html", text, language, cap=cap)
    check(found, passages, cap=cap)


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("en", ["Dr. Smith et al. paid $3.5 million in the U.S.", "The next day he left.", "It was No. 5, i.e. hers."]),
        ("en", ["Mr. J. R. Jones agreed.", "“Is it?” he asked.", "Yes!"]),
        ("de", ["Das kostet z. B. am 3. Mai ca. 5 Euro.", "Dr. Müller zahlt."]),
        ("fr", ["M. Dupont est arrivé.", "Il est là ?", "Oui."]),
        ("hi", ["यह एक वाक्य है।", "यह दूसरा है।"]),
    ],
)
def test_where_sentences_end(language: str, sentences: list[str]) -> None:
    assert sentences_of("a.txt", " ".join(sentences), language) == sentences


@pytest.mark.parametrize(
    ("language", "sentences"),
    [("zh", ["我喜欢苹果。", "你呢？", "然后走了。"]), ("ja", ["日本は島国です。", "東京に住んでいます！"])],
)
def test_where_sentences_end_without_spaces(language: str, sentences: list[str]) -> None:
    assert sentences_of("a.txt", "".join(sentences), language) == sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("1. First item.\n2. Second item.\n", ["1. First item.", "2. Second item."]),
        ("- one\n* two\n+ three\n", ["- one", "* two", "+ three"]),
        ("- One. Two.\n\n  Three.\n", ["- One.", "Two.", "Three."]),
    ],
)
def test_a_list_marker_is_no_sentence(text: str, sentences: list[str]) -> None:
    assert sentences_of("a.md", text) == sentences


def test_a_sentence_may_run_over_wrapped_lines() -> None:
    assert sentences_of("a.txt", "One sentence that\nruns on. And\nanother.\n") == [
        "One sentence that\nruns on.",
        "And\nanother.",
    ]


def test_long_lines_are_paragraphs() -> None:
    long = "word " * 50 + "end"
    assert sentences_of("a.txt", f"{long}\nnext line", cap=100) == [long, "next line"]


def test_a_heading_starts_a_passage_and_headings_stay_together() -> None:
    found, passages = passages_of("a.md", "intro\n\n# T\n\n## A\n\ntext a\n\n## B\n\ntext b\n\n### C\n")
    shown = [
        (p.section, [(found.text[s.start : s.end], s.heading) for s in p.sentences], p.location.first, p.location.last)
        for p in passages
    ]
    assert shown == [
        ((), [("intro", False)], 1, 1),
        (("A",), [("# T", True), ("## A", True), ("text a", False)], 3, 7),
        (("B",), [("## B", True), ("text b", False)], 9, 11),
        (("B", "C"), [("### C", True)], 13, 13),
    ]


def test_a_line_of_fifty_thousand_characters() -> None:
    text = "x" * 50_000
    found, passages = passages_of("a.txt", text)
    check(found, passages)
    parts = [text[s.start : s.end] for p in passages for s in p.sentences]
    assert parts == ["x" * 480] * 104 + ["x" * 80]
    assert [len(p.sentences) for p in passages] == [6] * 17 + [3]


def test_a_very_long_table_row_is_cut_at_white_space() -> None:
    row = "| " + " | ".join(f"cell {number}" for number in range(300)) + " |"
    found, passages = passages_of("a.md", f"| a |\n|---|\n{row}\n")
    check(found, passages)
    parts = [found.text[s.start : s.end] for p in passages for s in p.sentences]
    assert " ".join(parts[2:]) == row
    assert all(len(TOKENS([part])[0]) > 20 for part in parts[2:-1])


def test_code_is_searched_in_runs_of_lines() -> None:
    lines = [f"line{number} = 1" for number in range(100)]
    text = "```\n" + "\n\n".join(lines) + "\n```\n"
    found, passages = passages_of("a.md", text, cap=256)
    check(found, passages, cap=256)
    runs = [found.text[s.start : s.end] for p in passages for s in p.sentences]
    sizes = [len(TOKENS([run])[0]) for run in runs]
    assert all(CODE_TOKENS - 3 < size <= CODE_TOKENS for size in sizes[:-1])
    assert "\n\n".join(runs[1:]).endswith("\n```")
    assert not any(s.heading for p in passages for s in p.sentences)


def test_code_runs_are_no_longer_than_the_model_reads() -> None:
    found, passages = passages_of("a.md", "```\n" + "a b c d e\n" * 40 + "```\n", cap=40)
    check(found, passages, cap=40)


def test_a_passage_ends_at_a_paragraph_where_that_leaves_it_half_full() -> None:
    paragraph = "One two three four five six seven eight nine. " * 15  # 150 tokens
    found, passages = passages_of("a.txt", f"{paragraph}\n\n{paragraph}\n\n{paragraph}")
    check(found, passages)
    assert [found.text[p.start : p.end] for p in passages] == [paragraph.strip()] * 3


def three_each(texts: Sequence[str]) -> list[list[tuple[int, int]]]:
    """Cut each character into three tokens, as WordPiece cuts a syllable of Hangul."""
    return [[found.span() for found in re.finditer(r"\S", text) for _ in range(3)] for text in texts]


@pytest.mark.parametrize("text", ["한국어문장입니다" * 20, "한 국어 문장입니다 그래서 " * 20])
def test_tokens_that_share_a_character_are_kept_together(text: str) -> None:
    found, passages = passages_of("a.txt", text, "ko", three_each, cap=20)
    check(found, passages, three_each, cap=20)


def test_a_document_without_blocks_has_no_passages() -> None:
    assert passages_of("a.txt", " \n")[1] == ()


WEARING = ("=?", "`", "![", "<!--", "'", "``` \n", "A. ", "x", " ", "\n", "1. ", "（")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no timer of processor time")
@pytest.mark.parametrize("token", WEARING)
def test_no_text_wears_the_splitter_out(token: str) -> None:
    """The splitter runs where nothing bounds it: by the square of such a text it would take minutes."""
    text = f"One.\n\n{token * (150_000 // len(token))}"
    with limited(20):
        found, passages = passages_of("a.txt", text)
    check(found, passages)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no timer of processor time")
def test_very_many_headings_are_split_in_time() -> None:
    with limited(20):
        found, passages = passages_of("a.md", "# a\n" * 40_000)
    assert sum(len(passage.sentences) for passage in passages) == 40_000
    assert found.blocks[-1].kind == "heading"
