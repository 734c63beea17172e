"""A passage in its place: the document around it, found again by what a citation link holds."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from index.analyse import keyword_spans, question_terms
from index.boxes import boxes_of
from index.errors import CitationError
from index.opened import OpenSnapshot
from index.records import Passage, joined
from index.store import StoredDocument
from qa.answer import Citation, Context, ShownPage
from qa.citation import Link, parse_link, quote_digest
from qa.cite import cite

AROUND = 20_000
"""Characters shown before and after a passage."""

REACH = 1_000_000
"""How many characters a quote may have moved to be found again."""

SEARCHED = 200_000_000
"""Characters hashed at most to find it. Both bounds together keep the search to about a second."""

_WORD = re.compile(r"\S+")


def passage_context(snapshot: OpenSnapshot, link: str, question: str = "", around: int = AROUND) -> Context:
    """Return the document around the passage that ``link`` names, as ``snapshot`` holds it.

    The passage is found by the hash of its quote: at its old place, elsewhere in the document, or in a
    document of the same content under another name. Where it is in none, the context marks nothing and says so.

    Raises CitationError where the link can't be read or its document is not in the index.
    """
    cited = parse_link(link)
    document, note = _document(snapshot, cited)
    text = snapshot.store.document_text(document.row)
    start = _locate(text, cited.start, cited.end, cited.quote)
    if start is None:
        citation, first, last = None, min(cited.start, len(text)), min(cited.end, len(text))
        note = "the quoted passage is no longer in this document, so nothing is marked"
    else:
        citation = _citation(snapshot, document, text, cited, start)
        first, last = citation.start, citation.end
        if first != cited.start:
            note = note or "the passage has moved within the document since it was cited"
    begin, finish = max(0, first - around), min(len(text), last + around)
    hits = _hits(snapshot, document, question, text[begin:finish], begin)
    return Context(
        title=document.title,
        source=document.path,
        format=document.format,
        length=len(text),
        text_start=begin,
        text=text[begin:finish],
        citation=citation,
        hits=hits,
        pages=_pages(snapshot, document, citation, hits),
        note=note,
        snapshot=snapshot.id,
    )


def _citation(snapshot: OpenSnapshot, document: StoredDocument, text: str, cited: Link, start: int) -> Citation:
    """Return the citation of a quote that stands at ``start`` now."""
    end = start + cited.end - cited.start
    evidence = start + cited.evidence_start - cited.start, start + cited.evidence_end - cited.start
    passages = [stored.passage for stored in snapshot.store.passages_of(document)]
    first, last = _passage_at(passages, start), _passage_at(passages, end - 1)
    places = joined([passage.places for passage in passages[first : last + 1]])
    section = passages[first].section
    return cite(snapshot.store, document, section, places, (start, end), evidence, text[start:end])


def _pages(
    snapshot: OpenSnapshot, document: StoredDocument, citation: Citation | None, hits: Sequence[tuple[int, int]]
) -> tuple[ShownPage, ...]:
    """Return the pages on which the cited passage stands, with the boxes of all that is marked on them."""
    if citation is None:
        return ()
    pages = snapshot.store.pages(document.row, citation.start, citation.end)
    within = [(first, last) for first, last in hits if citation.start <= first and last <= citation.end]
    return tuple(
        ShownPage(
            number=page.number,
            width=page.width,
            height=page.height,
            passage=boxes_of([page], citation.start, citation.end),
            evidence=boxes_of([page], citation.evidence_start, citation.evidence_end),
            hits=tuple(box for first, last in within for box in boxes_of([page], first, last)),
        )
        for page in pages
    )


def _document(snapshot: OpenSnapshot, cited: Link) -> tuple[StoredDocument, str]:
    """Return the cited document, or one of the same content, and what to say about that."""
    if found := snapshot.store.by_path(cited.path):
        return found, ""
    for document in snapshot.store.documents:
        if cited.path in document.copies:
            return document, f"{cited.path} is indexed with {document.path}, which has the same content"
        if document.sha256.startswith(cited.source):
            return document, f"{cited.path} is now {document.path}, with the same content"
    raise CitationError(f"{cited.path} is not in the index any more; put the file back and rebuild to open it")


def _locate(text: str, start: int, end: int, digest: str) -> int | None:
    """Return where the quote of that hash and size stands, nearest to ``start``, or nothing."""
    size = end - start
    if quote_digest(text[start:end]) == digest:
        return start
    budget = SEARCHED
    begin = max(0, start - REACH)
    near = (begin + place for place in _starts(text[begin : end + REACH], size))
    for place in sorted(near, key=lambda place: abs(place - start)):
        budget -= size
        if budget < 0:
            return None
        if quote_digest(text[place : place + size]) == digest:
            return place
    return None


def _starts(text: str, size: int) -> Iterator[int]:
    """Yield where a quote of that size could begin: passages begin and end with a word."""
    for word in _WORD.finditer(text):
        if word.start() + size > len(text):
            return
        if not text[word.start() + size - 1].isspace():
            yield word.start()


def _passage_at(passages: Sequence[Passage], offset: int) -> int:
    """Return the number of the last passage that begins at ``offset`` or before, or of the first one."""
    return max(0, bisect_right(passages, offset, key=lambda passage: passage.start) - 1)


def _hits(
    snapshot: OpenSnapshot, document: StoredDocument, question: str, text: str, begin: int
) -> tuple[tuple[int, int], ...]:
    if not question.strip():
        return ()
    wanted = frozenset(term for variants in question_terms(question, snapshot.manifest.languages) for term in variants)
    return tuple((begin + first, begin + last) for first, last in keyword_spans(text, document.language, wanted))
