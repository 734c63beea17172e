"""The one place where a citation is put together."""

from __future__ import annotations

from index.boxes import boxes_of
from index.opened import Passages
from index.records import Places
from index.store import StoredDocument
from qa.answer import Citation
from qa.citation import make_link


def cite(
    store: Passages,
    document: StoredDocument,
    section: tuple[str, ...],
    places: Places,
    passage: tuple[int, int],
    evidence: tuple[int, int],
    quote: str,
) -> Citation:
    """Return the citation of ``quote``, which stands at ``passage`` in a document; ``evidence`` lies within it.

    ``places`` maps at least that range back to the source.
    """
    pages = store.pages(document.row, *passage)
    return Citation(
        title=document.title,
        author=document.author,
        date=document.date,
        source=document.path,
        copies=document.copies,
        sha256=document.sha256,
        section=section,
        location=places.locate(*passage),
        evidence_location=places.locate(*evidence),
        start=passage[0],
        end=passage[1],
        quote=quote,
        evidence_start=evidence[0],
        evidence_end=evidence[1],
        boxes=boxes_of(pages, *passage),
        evidence_boxes=boxes_of(pages, *evidence),
        link=make_link(document.path, document.sha256, passage, evidence, quote),
    )
