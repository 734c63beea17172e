"""What a reader asked, and how the page shows what was found."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from index.errors import CitationError, QuestionError
from qa.answer import Answer
from qa.page import cards
from qa.page.service import Service

MOST = 50
"""Passages that the page shows at most."""

K = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What stands in the form."""

    question: str
    k: int
    documents: tuple[str, ...]
    threshold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question and its answer, kept for the reader's next click."""

    question: Question
    answer: Answer

    def html(self, service: Service, *, group: bool) -> str:
        """Return the answer as the page shows it, each citation verified."""
        k = self.question.k
        asked = {
            "question": self.answer.question,
            "k": k,
            "documents": self.question.documents,
            "threshold": self.question.threshold,
            "at": time.time_ns(),  # no two are the same text, so that the browser takes every one for new
        }
        checks = service.index.verify_answer(self.answer)
        votes = service.votes(self.answer.question)
        return cards.answer(self.answer, checks, votes, asked, group=group, more=len(self.answer.results) == k < MOST)

    def source(self, service: Service, rank: int) -> str:
        """Return the source of the passage of that rank, or of the nearest rank that there is."""
        results = self.answer.results
        place = min(max(1, rank), len(results))
        return source(service, results[place - 1].citation.link, self.answer.question, place, len(results))


def ask(service: Service, question: Question, *, group: bool) -> tuple[Asked | None, str]:
    """Return the answer to a question and its HTML; what can't be asked is told in the answer's place."""
    try:
        answer = service.search(question.question, question.k, list(question.documents), question.threshold)
    except QuestionError as error:
        return None, cards.problem(str(error))
    asked = Asked(question=question, answer=answer)
    return asked, asked.html(service, group=group)


def source(service: Service, link: str, question: str, rank: int = 0, ranks: int = 0) -> str:
    """Return the source that a citation link opens; why it can't be opened is told in its place."""
    try:
        return cards.context(service.index.open_passage(link, question), rank, ranks)
    except CitationError as error:
        return cards.no_context(str(error))


def from_address(query: Mapping[str, str], threshold: float) -> Question:
    """Return the question in a page's address: ``q``, ``k`` and ``in``, a document a line."""
    k = query.get("k", "")
    return Question(
        question=query.get("q", ""),
        k=min(max(1, int(k)), MOST) if k.isascii() and k.isdigit() and len(k) < 4 else K,
        documents=tuple(filter(None, query.get("in", "").split("\n"))),
        threshold=threshold,
    )
