"""Example questions, drawn from the documents themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, islice, zip_longest

from index.opened import Passages
from index.store import StoredDocument

DOCUMENTS, PASSAGES = 24, 12
"""How many documents, and passages of each, are looked at: spread evenly over the index."""

_QUESTION = re.compile(r"[A-Z\d“\"'¿][^\n\t|]{8,90}\?")
_ASIDE = re.compile(r"(?<!\s)\s*\([^()]*\)\s*$")
_LABEL = re.compile(r"[#>*\-\s]*(?:\d+(?:\.\d+)*[.)]?\s+)?(?:[\w ]{1,20}:\s+)?")
"""Marks of lists and headings, a number and a label before a question."""
_ASKS = frozenset(
    "who whom whose what when where which why how can could do does did is are was were may should".split()
)


def example_questions(store: Passages) -> Iterator[str]:
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


def _drawn(store: Passages, document: StoredDocument) -> tuple[list[str], list[str], list[str]]:
    """Return the questions in a document, those made of its sections, and the one made of its title."""
    passages = list(islice(store.passages_of(document), PASSAGES))
    texts = (bare(s.sentence_text(p)) for s in passages for p in s.passage.sentences)
    asked = [text for text in texts if is_question(text, document.language)]
    headings = dict.fromkeys(
        _ASIDE.sub("", stored.passage.section[-1]) for stored in passages if stored.passage.section
    )
    about = [f"What does it say about “{heading}”?" for heading in headings if not heading.endswith("?")]
    return asked, about, [f"What is “{document.title}” about?"]


def bare(sentence: str) -> str:
    """Return a sentence without what stands around it in headings and lists, its first letter a capital."""
    found = _ASIDE.sub("", _LABEL.sub("", sentence, count=1)).strip()
    return found[:1].upper() + found[1:]


def is_question(text: str, language: str) -> bool:
    """Tell whether a text asks for something by itself; other languages than English are given credit."""
    return bool(_QUESTION.fullmatch(text)) and (language != "en" or _asks(text))


def _asks(question: str) -> bool:
    return question.split(maxsplit=1)[0].casefold().strip("“\"'") in _ASKS
