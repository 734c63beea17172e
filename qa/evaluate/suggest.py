"""A first draft of an evaluation set from an index's own documents, made by rules, to be reviewed by a person.

In the order of what they are worth:

    Bridges are ways over water.          What are bridges?
    Tower Bridge was built in 1894.       When was Tower Bridge built?
    Tower Bridge has two towers.          How many towers does Tower Bridge have?
    Who sings at night? Frogs do.         Who sings at night?
    a section "Pond" of "Garden"          What does "Garden" say about "Pond"?

The answer is the definition, the date, the number, or the statement that follows. A rule that is not sure keeps
silent: few good questions are worth more than many. All but questions that stand in a document are made from English
alone. The same index gives the same draft.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise, zip_longest

from index.errors import SeedQAError
from index.opened import Passages
from index.store import StoredDocument, StoredPassage
from qa.evaluate.squad import Answer, Article, File, Paragraph, Question
from qa.examples import bare, is_question

QUESTIONS = 60
"""At most so many are drafted."""

DOCUMENTS = 200
"""Documents looked at, spread evenly over the index."""

EACH = 5
"""Questions on one document at most."""

FEW = 2
"""Where the better rules find fewer, sections fill up."""

LEAST = 3
"""Words that a question in a document has more of."""

MAX_TITLE = 60
"""Characters of a title that a question can carry."""

MAX_TEXT = 200_000
"""Characters of a document; a longer one would make a file that nobody can review."""

NOTE = (
    "Drafted by rules from the documents; nobody has read it yet. Reword questions as people would ask them, delete "
    "bad ones, add your own, and set reviewed to true. Questions made from a text's own words flatter every search."
)

_NO_NAME = frozenset(
    "it its this that these those there here he she they we you i one some many most both each all such what which who "
    "whom whose when where why how if as in on at for by with from to of and but or not no so then thus also only "
    "since below above more less whether "
    "another other others his her their our my your".split()
)
_GENERAL = frozenset(
    "abstract acknowledgements appendix background bibliography conclusion conclusions contents details discussion "
    "example examples faq further references introduction links more notes overview preface see also summary table "
    "the and of reading usage".split()
)
_SUBJECT = r"(?P<subject>(?:(?:An?|The) )?[A-Za-z][\w’'-]*(?: [A-Za-z0-9][\w’'-]*){0,4}?)"
_DEFINED = re.compile(
    _SUBJECT
    + r" (?P<verb>is|are) (?:an? |one of |short for |ways? |parts? of |kinds? of |the [a-z]+ (?:of|that|which) )"
    r"[^?!;]{20,}[.]"
)
_MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
_DATED = re.compile(
    _SUBJECT + r" (?P<verb>was|were) (?P<what>[a-z]+(?:ed|ilt|ade|own|ent|ld|und|en|aid|pt|un)\b(?: [\w’'-]+){0,6}?) "
    rf"(?:in|on) (?P<answer>(?:(?:{_MONTH}) (?:\d{{1,2}}, )?|\d{{1,2}} (?:{_MONTH}) )?(?:1\d|20)\d\d)\b(?! [a-z]+s\b)"
)
_NUMBER = "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|" + r"\d{1,3}(?:,\d{3})*"
_COUNTED = re.compile(
    _SUBJECT
    + rf" (?P<verb>has|have|had) (?P<answer>{_NUMBER}) (?P<what>(?:[a-z-]+ )?[a-z]+s)(?=[.,;]| (?:and|in|on|of) )"
)
_PLAIN = re.compile(r"(?!```)[\w“\"'`(*][^|]*[^?？؟|:]", re.DOTALL)
_DO = {"has": "does", "have": "do", "had": "did"}


@dataclass(frozen=True, slots=True)
class _Statement:
    """A sentence with its place in its document."""

    start: int
    text: str
    heading: bool
    section: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Draft:
    question: str
    start: int
    answer: str


def suggest(store: Passages) -> File:
    """Return a draft, as SQuAD-style JSON keeps it: one paragraph a document, its path as id.

    Raises SeedQAError where no rule finds anything to ask.
    """
    known = [document for document in store.documents if document.passages]
    count = min(len(known), DOCUMENTS)
    chosen = [known[at * len(known) // count] for at in range(count)]
    texts = {document.row: store.document_text(document.row) for document in chosen}
    chosen = [document for document in chosen if len(texts[document.row]) <= MAX_TEXT]
    drafts = {document.row: _drafts(store, document) for document in chosen}
    counts = Counter(draft.question for found in drafts.values() for draft in found)
    turns = zip_longest(*([(row, d) for d in found if counts[d.question] == 1] for row, found in drafts.items()))
    taken = [pair for pair in chain.from_iterable(turns) if pair is not None][:QUESTIONS]
    if not taken:
        raise SeedQAError(
            "no question could be drafted from these documents: they hold no definitions, dates, numbers, questions or "
            "headings that the rules know; write questions yourself as docs/evaluation.md shows"
        )
    articles = []
    for document in chosen:
        asked = [draft for row, draft in taken if row == document.row]
        if asked:
            articles.append(_article(document, texts[document.row], asked))
    return File(version="1.1", drafted=True, note=NOTE, data=articles)


def _article(document: StoredDocument, text: str, drafts: Sequence[_Draft]) -> Article:
    questions = [
        Question(
            id=f"{document.path}#{draft.start}",
            question=draft.question,
            answers=[Answer(text=draft.answer, answer_start=draft.start)],
            reviewed=False,
        )
        for draft in sorted(drafts, key=lambda draft: draft.start)
    ]
    paragraph = Paragraph(id=document.path, title=document.title, context=text, qas=questions)
    return Article(title=document.title, paragraphs=[paragraph])


def _drafts(store: Passages, document: StoredDocument) -> list[_Draft]:
    """Return what the rules make of one document, the best first, at most one of a place and EACH in all."""
    statements = list(_statements(store.passages_of(document)))
    english = document.language == "en"
    said = [s for s in statements if not s.heading] if english else []
    kinds = [
        [draft for s in said if (draft := _defined(s))],
        [draft for s in said if (draft := _dated(s, document.title))],
        [draft for s in said if (draft := _counted(s, document.title))],
        list(_asked(statements, document.language)),
    ]
    chosen: dict[int, _Draft] = {}
    for draft in chain.from_iterable(zip_longest(*kinds)):
        if draft is not None:
            chosen.setdefault(draft.start, draft)
    if english and len(chosen) < FEW:
        for draft in islice(_sections(statements, document.title), FEW - len(chosen)):
            chosen.setdefault(draft.start, draft)
    return list({draft.question: draft for draft in chosen.values()}.values())[:EACH]


def _statements(passages: Iterator[StoredPassage]) -> Iterator[_Statement]:
    for stored in passages:
        for sentence in stored.passage.sentences:
            yield _Statement(sentence.start, stored.sentence_text(sentence), sentence.heading, stored.passage.section)


def _defined(said: _Statement) -> _Draft | None:
    """Draft from a definition: "X is a …" and the like."""
    found = _DEFINED.fullmatch(said.text)
    subject = _named(found["subject"]) if found else None
    if found is None or subject is None or subject.startswith("the "):  # what was spoken of before is no term
        return None
    return _Draft(f"What {found['verb']} {subject}?", said.start, said.text)


def _dated(said: _Statement, title: str) -> _Draft | None:
    found = _DATED.match(said.text)
    subject = _clear_subject(found, title)
    if found is None or subject is None:
        return None
    return _Draft(
        f"When {found['verb']} {subject} {found['what']}?", said.start + found.start("answer"), found["answer"]
    )


def _counted(said: _Statement, title: str) -> _Draft | None:
    found = _COUNTED.match(said.text)
    subject = _clear_subject(found, title)
    if found is None or subject is None:
        return None
    question = f"How many {found['what']} {_DO[found['verb']]} {subject} have?"
    return _Draft(question, said.start + found.start("answer"), found["answer"])


def _clear_subject(found: re.Match[str] | None, title: str) -> str | None:
    """Return the subject of a statement that can be understood by itself, or nothing."""
    subject = _named(found["subject"]) if found else None
    if found is None or subject is None or _NO_NAME.intersection(found["what"].split()):
        return None
    return subject if _is_clear(subject, title) else None


def _is_clear(subject: str, title: str) -> bool:
    """Tell whether readers know what a subject is without its text: "the bridge" only of a document on a bridge."""
    lead, *rest = subject.split()
    if lead in ("a", "an"):
        return False
    about = title.casefold().split()
    return lead != "the" or len(rest) > 2 or any(w[0].isupper() or w.casefold() in about for w in rest)


def _named(subject: str) -> str | None:
    """Return a subject as it stands within a sentence, or nothing where it does not name anything by itself."""
    words = subject.split()
    lead = words[0] in ("A", "An", "The")
    if _NO_NAME.intersection(word.casefold() for word in words[lead:]) or (
        not lead and words[0].casefold() in _NO_NAME
    ):
        return None
    if lead:
        return f"{words[0].lower()} {' '.join(words[1:])}" if words[1:] else None
    plain = (
        words[0][1:].isalpha()
        and words[0][1:].islower()
        and (words[0].endswith("s") if len(words) == 1 else all(map(str.islower, words[1:])))
    )
    return " ".join((words[0].lower(), *words[1:])) if plain else subject


def _asked(statements: Sequence[_Statement], language: str) -> Iterator[_Draft]:
    """Yield questions that stand in a document, a heading or not, with the statement that follows."""
    for question, answer in pairwise(statements):
        words = bare(question.text)
        if is_question(words, language) and len(words.split()) > LEAST and _states(answer):
            yield _Draft(words, answer.start, answer.text)


def _states(said: _Statement) -> bool:
    """Tell whether a sentence is a plain statement: no heading, question, code, table or piece of a list."""
    return not said.heading and bool(_PLAIN.fullmatch(said.text))


def _sections(statements: Sequence[_Statement], title: str) -> Iterator[_Draft]:
    """Yield a question on each section whose heading says something, with the first statement below it."""
    for heading, answer in pairwise(statements):
        name = bare(heading.text)
        words = name.casefold().split()
        if (
            heading.heading
            and _states(answer)
            and answer.section
            and bare(answer.section[-1]) == name
            and 0 < len(title) <= MAX_TITLE
            and name != title
            and 1 < len(words) <= 8
            and not name.endswith(("?", ":", "."))
            and not _GENERAL.issuperset(words)
        ):
            yield _Draft(f"What does “{title}” say about “{name}”?", answer.start, answer.text)
