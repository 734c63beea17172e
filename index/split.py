"""Documents in, passages and their sentences out.

A passage holds whole sentences of one section, at most ``limit`` tokens of the model's own tokenizer.
Every character that is not white space lies in exactly one sentence of exactly one passage.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sentencex import get_sentence_boundaries

from index.records import Block, Extract, Passage, Sentence

PASSAGE_TOKENS = 256
CODE_TOKENS = 96
"""Code is searched in runs of lines of about this size: a line alone says too little."""
FILL = 0.5
"""A passage at least this full ends at the paragraph rather than cut the next one in two."""
LONG_TOKEN = 64
"""Characters of the longest token that counts as one: tokenizers take an endless word for a single unknown."""

WRAPPED = 200
"""No one wraps lines by hand at more characters than this."""

APART = ("slide", "chapter")
"""Units whose text is never in one passage with that of another."""

STRETCH = 8192
"""Characters that are searched for the ends of sentences at once: sentencex takes time by the square of them where
marks of punctuation follow each other."""

SPLITTER = "structure-4"
"""Changes whenever the same document would be split differently."""

_SPAN = re.compile(r"\S(?:.*\S)?", re.DOTALL)
_LINE = re.compile(r"\S[^\r\n]*")
_WORD = re.compile(r"\w")
_MARKER = re.compile(r"\(?(?:[0-9]{1,3}|[A-Za-z]|[ivxIVX]{1,4})[.)]")

TokenSpans = Callable[[Sequence[str]], list[list[tuple[int, int]]]]
"""For each text, the half-open character range of each of its tokens, without special tokens."""


@dataclass(frozen=True, slots=True)
class _Piece:
    start: int
    end: int
    tokens: int
    heading: bool
    opens: bool
    """True for the first piece of a block."""


def split(extract: Extract, language: str, tokens: TokenSpans, sentence_tokens: int) -> tuple[Passage, ...]:
    """Return the passages of a document, in order.

    ``sentence_tokens`` is the most that the encoder reads of one text; longer sentences, table rows
    and code are cut at white space where there is any, so that nothing is truncated unseen.
    """
    cap = min(sentence_tokens, PASSAGE_TOKENS)
    passages: list[Passage] = []
    for section, blocks in _by_section(extract):
        spans = [(block, span) for block in blocks for span in _spans(extract.text, block, language)]
        counted = tokens([extract.text[start:end] for _, (start, end) in spans])
        pieces: list[_Piece] = []
        last: Block | None = None
        for (block, (start, end)), offsets in zip(spans, counted, strict=True):
            for begin, stop, count in _fit(extract.text[start:end], offsets, cap):
                words = _WORD.search(extract.text, start + begin, start + stop)
                heading = block.kind in ("heading", "header") or words is None
                pieces.append(_Piece(start + begin, start + stop, count, heading, block is not last))
                last = block
        pieces = _code_runs(pieces, blocks, min(CODE_TOKENS, cap))
        passages.extend(_passage(extract, section, group) for group in _pack(pieces, PASSAGE_TOKENS))
    return tuple(passages)


def _by_section(extract: Extract) -> Iterator[tuple[tuple[str, ...], list[Block]]]:
    """Group blocks so that each heading begins a group; a heading directly under another joins it.

    Each slide and each chapter begins one, too.
    """
    places = extract.places
    group: list[Block] = []
    filled = False
    for block in extract.blocks:
        begins = block.kind == "heading" and filled
        if group and places.unit in APART:
            begins = begins or places.number(block.start) != places.number(group[-1].start)
        if begins:
            yield group[-1].section, group
            group, filled = [], False
        group.append(block)
        filled = filled or block.kind != "heading"
    if group:
        yield group[-1].section, group


def _spans(text: str, block: Block, language: str) -> Iterator[tuple[int, int]]:
    """Yield the trimmed range of each sentence of a block, or of each line of code."""
    if block.kind in ("heading", "row", "header"):
        trimmed = _SPAN.search(text, block.start, block.end)
        if trimmed is not None:
            yield trimmed.span()
        return
    if block.kind == "code":
        for line in _LINE.finditer(text, block.start, block.end):
            yield line.start(), line.start() + len(line.group().rstrip())
        return
    for start, end in _paragraphs(text, block.start, block.end):
        yield from _sentences(text[start:end], start, language)


def _paragraphs(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the block whole where its lines are wrapped, else line by line: then a line is a paragraph."""
    lines = [(line.start(), line.end()) for line in _LINE.finditer(text, start, end)]
    if any(stop - begin > WRAPPED for begin, stop in lines):
        yield from lines
    else:
        yield start, end


def _sentences(body: str, offset: int, language: str) -> Iterator[tuple[int, int]]:
    """Yield the trimmed range of each sentence of ``body``, which stands at ``offset``."""
    held: int | None = None
    for begin, stop in _boundaries(body, language):
        trimmed = _SPAN.search(body, begin, stop)
        if trimmed is None:
            continue
        start = held if held is not None else trimmed.start()
        if not _WORD.search(trimmed.group()) or (_MARKER.fullmatch(trimmed.group()) and trimmed.end() < len(body)):
            held = start  # a bare list marker or ornament joins what follows
            continue
        yield offset + start, offset + trimmed.end()
        held = None
    if held is not None:
        yield offset + held, offset + len(body.rstrip())


def _boundaries(body: str, language: str) -> Iterator[tuple[int, int]]:
    """Yield where each sentence begins and ends; together they are ``body``."""
    begin = at = 0
    while at < len(body):
        end = at + STRETCH
        if end < len(body):
            end = max(body.rfind(space, at + STRETCH // 2, end) + 1 for space in " \n\t") or end
        stops = [at + found["end_index"] for found in get_sentence_boundaries(language, body[at:end])]
        if end < len(body):
            stops.pop()  # the last sentence may go on: the next stretch begins with it, or behind it if it is so long
        for stop in stops:
            yield begin, stop
            begin = stop
        at = begin if stops else end
    if begin < len(body):
        yield begin, len(body)


def _fit(body: str, offsets: list[tuple[int, int]], cap: int) -> Iterator[tuple[int, int, int]]:
    """Yield ``(start, end, tokens)`` of the parts of ``body`` that have at most ``cap`` tokens each."""
    offsets = [part for span in offsets for part in _parts(*span)]
    count = len(offsets)
    if count <= cap:
        yield 0, len(body), count
        return
    first, start = 0, 0
    while count - first > cap:
        cut = first + cap
        while cut > first + cap // 2 and not body[offsets[cut][0] - 1 : offsets[cut][0]].isspace():
            cut -= 1
        if cut == first + cap // 2:
            cut = first + cap  # no white space: between two tokens, but not within a character
            while cut > first + 1 and offsets[cut][0] == offsets[cut - 1][0]:
                cut -= 1
        yield start, len(body[: offsets[cut][0]].rstrip()), cut - first
        first, start = cut, offsets[cut][0]
    yield start, len(body), count - first


def _parts(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield a token whole, or one that stands for an endless word in parts, as if it were several."""
    for begin in range(start, max(end, start + 1), LONG_TOKEN):
        yield begin, min(end, begin + LONG_TOKEN)


def _code_runs(pieces: list[_Piece], blocks: Sequence[Block], limit: int) -> list[_Piece]:
    """Join lines of one code block into runs of at most ``limit`` tokens."""
    code = {block.start for block in blocks if block.kind == "code"}
    if not code:
        return pieces
    joined: list[_Piece] = []
    inside = False
    for piece in pieces:
        if piece.opens:
            inside = piece.start in code
        previous = joined[-1] if joined else None
        if inside and previous and not piece.opens and previous.tokens + piece.tokens <= limit:
            joined[-1] = _Piece(previous.start, piece.end, previous.tokens + piece.tokens, False, previous.opens)
        else:
            joined.append(piece)
    return joined


def _pack(pieces: Sequence[_Piece], limit: int) -> Iterator[list[_Piece]]:
    """Fill passages up to ``limit`` tokens, ending at a paragraph where that leaves them FILL full."""
    ends = [i for i, piece in enumerate(pieces) if piece.opens] + [len(pieces)]
    group: list[_Piece] = []
    size = 0
    for first, last in pairwise(ends):
        whole = sum(piece.tokens for piece in pieces[first:last])
        if group and size >= FILL * limit and size + whole > limit >= whole:
            yield group
            group, size = [], 0
        for piece in pieces[first:last]:
            if group and size + piece.tokens > limit:
                yield group
                group, size = [], 0
            group.append(piece)
            size += piece.tokens
    if group:
        yield group


def _passage(extract: Extract, section: tuple[str, ...], pieces: Sequence[_Piece]) -> Passage:
    start, end = pieces[0].start, pieces[-1].end
    return Passage(
        start=start,
        end=end,
        section=section,
        sentences=tuple(Sentence(start=p.start, end=p.end, heading=p.heading) for p in pieces),
        places=extract.places.within(start, end),
    )
