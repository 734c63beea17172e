"""What a reader asked, and how the page shows what was found."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from index.errors import SeedQAError
from qa.context import AROUND
from qa.page import cards, pictures, texts
from qa.page.service import Service

MOST = 50
"""Passages that the page shows at most."""

K = 5

_SHARE = re.compile(r"0(\.\d{1,4})?|1(\.0)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What stands in the form."""

    question: str
    k: int
    documents: tuple[str, ...]
    threshold: float


def ask(service: Service, question: Question, *, group: bool) -> str:
    """Return the answer to a question as HTML, each citation verified; why there is none is told in its place."""
    try:
        answer = service.search(question.question, question.k, list(question.documents), question.threshold)
        checks = service.verify_answer(answer)
    except SeedQAError as error:
        return cards.problem(str(error))
    votes, trouble = service.votes_or_note(answer.question)
    answer = replace(answer, notes=(*answer.notes, trouble)) if trouble else answer
    asked = {
        "question": answer.question,
        "k": question.k,
        "documents": question.documents,
        "threshold": question.threshold,
        "at": time.time_ns(),  # no two are the same text, so that the browser takes every one for new
    }
    more = len(answer.results) == question.k < MOST
    calibrated = service.index.calibration
    return cards.answer(answer, checks, votes, asked, group=group, more=more, calibrated=calibrated)


def ask_again(service: Service, asked: Any, *, group: bool) -> str:
    """Return the answer to what the page says it was asked, or the empty place where it was asked nothing."""
    if not asked:
        return cards.empty()
    try:
        question = msgspec.convert(asked, Question)
    except msgspec.ValidationError:
        return cards.problem(texts.NOT_ASKED)
    return ask(service, question, group=group)


def source(service: Service, link: str, question: str, rank: int = 0, ranks: int = 0) -> str:
    """Return the source that a citation link opens; why it can't be opened is told in its place.

    ``rank`` is the passage's among ``ranks`` of an answer, 0 for none.
    """
    try:
        shown = service.open_passage(link, question, AROUND)
        check = service.verify_known(shown.citation) if shown.citation else None
        return cards.context(shown, check, rank, ranks, pictures.draw(shown, service.page_picture))
    except SeedQAError as error:
        return cards.no_context(str(error))


def from_address(query: Mapping[str, str], threshold: float) -> Question:
    """Return the question in a page's address: ``q``, ``k``, ``t`` (threshold) and ``in``, a document a line.

    What is missing or makes no sense takes its default, ``threshold`` for one.
    """
    k, limit = query.get("k", ""), query.get("t", "")
    return Question(
        question=query.get("q", ""),
        k=min(max(1, int(k)), MOST) if k.isascii() and k.isdigit() and len(k) < 4 else K,
        documents=tuple(filter(None, query.get("in", "").split("\n"))),
        threshold=float(limit) if _SHARE.fullmatch(limit) else threshold,
    )
