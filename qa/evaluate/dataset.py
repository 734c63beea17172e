"""The records of an evaluation set, and the halves of one whose other half is left out."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace

from index.errors import SeedQAError

HOLDOUTS = ("near", "far")
"""What can be left out: every second document, or every second group of documents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a data set counts as one document; a result is right or wrong as a whole one."""

    id: str
    title: str = ""
    text: str = field(repr=False)
    group: str = ""
    """What belongs together, such as the paragraphs of one article; empty where the set has no groups."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Where an answer stands: half-open code points of the document's text."""

    document: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question and what is known of its answer."""

    id: str
    text: str
    relevant: Mapping[str, int]
    """Grade of each relevant document by id, above 0; empty where no document answers."""
    answers: tuple[Span, ...] = ()
    """Every place that answers, where the set tells them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Documents, questions on them, and what reading them had to tell."""

    name: str
    documents: tuple[Document, ...]
    queries: tuple[Query, ...]
    notes: tuple[str, ...] = ()
    """What was left out in reading, in plain words."""
    drafted: bool = False
    """Its questions were drafted from an index (qa.evaluate.suggest): the ids of documents are paths in that index."""


def counted(number: int, one: str, several: str = "") -> str:
    """Return a number of things in words; ``several`` is for words that do not only take an s."""
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


def answerable(dataset: Dataset) -> tuple[Query, ...]:
    """Return the queries that some document answers."""
    return tuple(query for query in dataset.queries if query.relevant)


def folds(dataset: Dataset, holdout: str) -> tuple[Dataset, Dataset]:
    """Return two data sets with all queries and half of the documents each: what one has, the other has not.

    ``near`` leaves out every second document, so that others on the same topic stay; ``far`` every second group,
    in the order of their names, so that the topic goes as well. A query whose relevant documents are all left out
    has none: it is unanswerable.

    Raises SeedQAError where ``holdout`` is neither, there are no two documents or groups, or a set has no groups.
    """
    if holdout not in HOLDOUTS:
        raise SeedQAError(f"holdout is {holdout!r}, expected {' or '.join(HOLDOUTS)}")
    if holdout == "near":
        number = {document.id: row for row, document in enumerate(dataset.documents)}
        what = "documents"
    else:
        names = sorted({document.group for document in dataset.documents})
        if names == [""]:
            raise SeedQAError(f"{dataset.name} has no groups of documents, so none can be left out; use near")
        rows = {name: row for row, name in enumerate(names)}
        number = {document.id: rows[document.group] for document in dataset.documents}
        what = "groups of documents"
    if len(set(number.values())) < 2:
        raise SeedQAError(f"{dataset.name} has fewer than two {what}, so none can be left out")
    even = {ident for ident, row in number.items() if row % 2 == 0}
    return _only(dataset, even), _only(dataset, number.keys() - even)


def _only(dataset: Dataset, kept: Set[str]) -> Dataset:
    """Return a data set without the documents that are not kept; queries lose what stood in these."""
    return replace(
        dataset,
        documents=tuple(document for document in dataset.documents if document.id in kept),
        queries=tuple(
            replace(
                query,
                relevant={ident: grade for ident, grade in query.relevant.items() if ident in kept},
                answers=tuple(span for span in query.answers if span.document in kept),
            )
            for query in dataset.queries
        ),
    )
