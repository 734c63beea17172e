"""Markdown: the extracted text is the file's own; a CommonMark parser says where its blocks are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import zip_longest
from typing import Any

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.front_matter import front_matter_plugin

from index.load.clean import author_of, day_of, title_of
from index.load.decode import decode
from index.load.limits import Limits
from index.load.plain import line_starts, verbatim
from index.load.sections import Sections
from index.records import Block, Extract

_KINDS = {
    "heading_open": "heading",
    "paragraph_open": "text",
    "html_block": "text",
    "front_matter": "row",
    "fence": "code",
    "code_block": "code",
    "tr_open": "row",
}

MAX_HEADING = 200
_LONGEST_MARKED = 2000
"""Characters of a heading with its markup; what is longer is a paragraph that happens to stand on a rule."""


def extract_markdown(data: bytes, _limits: Limits) -> Extract:
    """Read a Markdown file in whatever encoding it is. Raises Unreadable where it is no text."""
    text, encoding = decode(data)
    return replace(read_markdown(text), encoding=encoding)


def read_markdown(text: str) -> Extract:
    """Take headings as section path, and paragraphs, list items, table rows and code as blocks.

    Lines that belong to none of these (link definitions, rules) become blocks too: nothing is lost.
    """
    parser = MarkdownIt("commonmark").enable("table").disable("inline").use(front_matter_plugin)
    definitions: dict[str, Any] = {}
    tokens = parser.parse(text, definitions)
    starts = (*line_starts(text), len(text))
    sections = Sections()
    blocks: list[Block] = []

    def add(first: int, last: int, kind: str, section: tuple[str, ...]) -> None:
        raw = text[starts[first] : starts[last]]
        body = raw.strip()
        if body:
            begin = starts[first] + raw.index(body[0])
            blocks.append(Block(start=begin, end=begin + len(body), kind=kind, section=section))

    done = 0
    lines = len(starts) - 1
    for opens, closes, kind, level, words in _leaves(tokens, partial(_words, parser, definitions)):
        first, last = max(opens, done), min(closes, lines)
        if last <= first:
            continue
        add(done, first, "text", sections.path)
        if kind == "heading":
            sections.enter(level, words)
        add(first, last, kind, sections.path)
        done = last
    add(done, lines, "text", sections.path)
    said = _front_matter(tokens)
    return verbatim(
        text,
        tuple(sections.without_title(blocks)),
        title=title_of(said.get("title")) or sections.title,
        author=author_of(said.get("author") or said.get("authors")),
        date=day_of(said.get("date")),
    )


def _front_matter(tokens: list[Token]) -> dict[str, str]:
    """Return what a document says of itself before its text; several values of one name are joined by commas."""
    if not tokens or tokens[0].type != "front_matter":
        return {}
    try:
        found = yaml.load(tokens[0].content, Loader=yaml.BaseLoader)  # noqa: S506 - makes nothing but strings
    except (yaml.YAMLError, RecursionError):  # the document is read all the same, with this as its first block
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(name).casefold(): _value(value) for name, value in found.items()}


def _value(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(item for item in value if isinstance(item, str))
    return value if isinstance(value, str) else ""


def _leaves(tokens: list[Token], read_heading: Callable[[str], str]) -> Iterator[tuple[int, int, str, int, str]]:
    """Yield first line, line after the last, kind, heading level and heading words of each block."""
    inside_head = False
    for token, following in zip_longest(tokens, tokens[1:]):
        if token.type in ("thead_open", "thead_close"):
            inside_head = token.type == "thead_open"
        kind = _KINDS.get(token.type)
        if kind and token.map:
            level = int(token.tag[1]) if kind == "heading" else 0
            words = read_heading(following.content) if kind == "heading" and following else ""
            if len(words) > MAX_HEADING:
                kind, words = "text", ""
            if token.type == "tr_open" and inside_head:
                kind = "header"
            yield token.map[0], token.map[1], kind, level, words


def _words(parser: MarkdownIt, definitions: dict[str, Any], marked: str) -> str:
    """Return a heading as it reads, without its markup; links may be defined elsewhere.

    Of all Markdown only headings are parsed to their words: it costs most of the time, and of hostile text too much.
    """
    if len(marked) > _LONGEST_MARKED:
        return marked
    children: list[Token] = []
    parser.inline.parse(marked, parser, definitions, children)
    parts = (child.content if child.content else " " for child in children)
    return " ".join("".join(parts).split())
