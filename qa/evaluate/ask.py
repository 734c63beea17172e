"""Asking every query of a data set, of the product and, for comparison, of each side of its ranking alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from index.analyse import question_terms
from index.encode import Encoder
from index.errors import QuestionError
from index.records import Progress, no_progress
from index.snapshot import Snapshot
from qa.answer import Answer
from qa.engine import Index
from qa.evaluate.dataset import Dataset, Query
from qa.evaluate.measures import DEPTH
from qa.question import check_question

SHOWN = 5
"""Passages of an answer that are kept, as many as the product shows."""

Ranked = tuple[tuple[str, float], ...]
"""Ids of documents with their scores, best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A passage of an answer: ranges are offsets into its document's text."""

    document: str
    start: int
    end: int
    evidence_start: int
    evidence_end: int
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What came of one query."""

    query: str
    """Its id."""
    documents: Ranked = ()
    """Ids and scores, best first, each document once: where its best passage stands."""
    confidence: float | None = None
    """None for rankings that know none."""
    found: bool | None = None
    passages: tuple[Shown, ...] = ()
    """The first ones, best first; none for rankings of whole documents."""
    trouble: str = ""
    """Why it could not be asked, or nothing."""


def ask_product(
    index: Index, dataset: Dataset, progress: Progress = no_progress, *, depth: int = DEPTH
) -> tuple[Asked, ...]:
    """Ask each query of an open index, as a user would, for as many passages as make up ``depth`` documents.

    A query that can't be asked, such as one without words, has no result and the confidence 0.
    """
    counts = index.manifest.counts
    wanted = min(depth, counts.documents)
    first = min(counts.passages, wanted * -(-counts.passages // counts.documents))

    def one(query: Query) -> Asked:
        size = first
        while True:
            answer = index.search(query.text, k=size)
            ranked = _ranked(query, ((r.citation.source, r.score) for r in answer.results))
            if len(ranked) >= wanted or size == counts.passages:
                return _asked(query, answer, ranked)
            size = min(counts.passages, 2 * size)

    asked = _each(dataset, one, progress)
    return tuple(replace(one, confidence=0.0, found=False) if one.trouble else one for one in asked)


def ask_words(snapshot: Snapshot, dataset: Dataset, progress: Progress = no_progress) -> tuple[Asked, ...]:
    """Rank documents by the BM25 of their best passage alone; those that share no word are not found."""
    store, languages = snapshot.store, snapshot.manifest.languages

    def one(query: Query) -> Asked:
        terms = question_terms(check_question(query.text), languages)
        scores = snapshot.lexical.scores(term for variants in terms for term in variants)
        rows = np.argsort(-scores, kind="stable")[: np.count_nonzero(scores > 0)]
        names = (store.documents[at].path for at in store.passage_documents[rows].tolist())
        return Asked(query=query.id, documents=_ranked(query, zip(names, scores[rows].tolist(), strict=True)))

    return _each(dataset, one, progress)


def ask_sentences(
    snapshot: Snapshot, encoder: Encoder, dataset: Dataset, progress: Progress = no_progress
) -> tuple[Asked, ...]:
    """Rank documents by the cosine of their nearest sentence alone."""
    store, vectors = snapshot.store, snapshot.vectors
    wanted = min(DEPTH, snapshot.manifest.counts.documents)

    def one(query: Query) -> Asked:
        vector = encoder.encode_question(check_question(query.text))
        size = 8 * DEPTH
        while True:
            rows = vectors.nearest(vector, size)
            passages = np.searchsorted(store.first_sentences, rows, side="right") - 1
            names = (store.documents[at].path for at in store.passage_documents[passages].tolist())
            ranked = _ranked(query, zip(names, vectors.cosines(vector, rows).tolist(), strict=True))
            if len(ranked) >= wanted or size >= len(vectors):
                return Asked(query=query.id, documents=ranked)
            size *= 2

    return _each(dataset, one, progress)


def ask_vectors(encoder: Encoder, dataset: Dataset, progress: Progress = no_progress) -> tuple[Asked, ...]:
    """Rank documents by one vector each, as models are compared in the field: no splitting, no words.

    A document is its title and text with a space between, cut where the model stops reading; the search is exact.
    """
    texts = [f"{document.title} {document.text}".strip() for document in dataset.documents]
    names = [document.id for document in dataset.documents]
    vectors = encoder.encode(texts, progress)

    def one(query: Query) -> Asked:
        scores: NDArray[np.float32] = vectors @ encoder.encode_question(query.text)
        rows = np.argsort(-scores, kind="stable")[: DEPTH + 1].tolist()
        return Asked(query=query.id, documents=_ranked(query, ((names[at], float(scores[at])) for at in rows)))

    return _each(dataset, one, progress)


def _each(dataset: Dataset, one: Callable[[Query], Asked], progress: Progress) -> tuple[Asked, ...]:
    """Ask one query after the other; of what can't be asked the reason is kept."""
    asked = []
    for done, query in enumerate(dataset.queries):
        progress("ask", done, len(dataset.queries))
        try:
            asked.append(one(query))
        except QuestionError as error:
            asked.append(Asked(query=query.id, trouble=str(error)))
    progress("ask", len(dataset.queries), len(dataset.queries))
    return tuple(asked)


def _ranked(query: Query, found: Iterable[tuple[str, float]]) -> Ranked:
    """Return each document with its best score, in the order of ``found``, at most DEPTH.

    As in BEIR a document with the query's own id is the query itself and passed over, unless it is judged relevant.
    """
    best: dict[str, float] = {}
    for ident, score in found:
        if ident != query.id or ident in query.relevant:
            best.setdefault(ident, score)
    return tuple(islice(best.items(), DEPTH))


def _asked(query: Query, answer: Answer, ranked: Ranked) -> Asked:
    return Asked(
        query=query.id,
        documents=ranked,
        confidence=answer.confidence,
        found=answer.found,
        passages=tuple(
            Shown(
                document=cited.source,
                start=cited.start,
                end=cited.end,
                evidence_start=cited.evidence_start,
                evidence_end=cited.evidence_end,
                evidence=cited.evidence,
            )
            for cited in (result.citation for result in answer.results[:SHOWN])
        ),
    )
