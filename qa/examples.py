"""Example questions, drawn from the documents themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, islice, zip_longest

from index.store import Store, StoredDocument

DOCUMENTS, PASSAGES = 24, 12
"""How many documents, and passages of each, are looked at: spread evenly over the index."""

_QUESTION = re.compile(r"[A-Z\d“\"'¿][^\n\t|]{8,90}\?")
_ASIDE = re.compile(r"\s*\([^)]*\)\s*$")


def example_questions(store: Store) -> Iterator[str]:
    """Yield candidates: questions that stand in the documents, then ones about sections, then about documents.

    Documents take turns, so that the first few come from different ones. Whether the index answers them is
    for the caller to see.
    """
    step = max(1, len(store.documents) // DOCUMENTS)
    drawn = [_drawn(store, document) for document in store.documents[::step][:DOCUMENTS]]
    seen: set[str] = set()
    for rank in range(3):
        turns = zip_longest(*(kinds[rank] for kinds in drawn))
        for question in chain.from_iterable(turns):
            if question and question not in seen:
                seen.add(question)
                yield question


def _drawn(store: Store, document: StoredDocument) -> tuple[list[str], list[str], list[str]]:
    """Return the questions in a document, those made of its sections, and the one made of its title."""
    passages = list(islice(store.passages_of(document), PASSAGES))
    texts = (_ASIDE.sub("", s.sentence_text(p).lstrip("#> -*").strip()) for s in passages for p in s.passage.sentences)
    asked = [text for text in texts if _QUESTION.fullmatch(text)]
    headings = dict.fromkeys(
        _ASIDE.sub("", stored.passage.section[-1]) for stored in passages if stored.passage.section
    )
    about = [f"What does it say about “{heading}”?" for heading in headings if not heading.endswith("?")]
    return asked, about, [f"What is “{document.title}” about?"]
