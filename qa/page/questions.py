"""Questions as they are watched: how long each took, and what became of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from index.errors import Busy, QuestionError
from qa.answer import Answer

Outcome = Literal["found", "not_found", "refused", "busy", "failed"]
"""Refused: it can't be asked so. Busy: others were before it for too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question and what became of it."""

    question: str
    outcome: Outcome
    seconds: float
    """Waiting included."""
    confidence: float | None
    passages: int
    snapshot: str


def unobserved(asked: Asked) -> None:
    """Take no notice of a question."""


@contextmanager
def asking(question: str, observe: Callable[[Asked], None]) -> Iterator[Callable[[Answer], None]]:
    """Tell ``observe`` of a question whose answer, if there is one, is told to what this yields."""
    answers: list[Answer] = []
    began = time.perf_counter()
    outcome: Outcome = "failed"
    try:
        yield answers.append
        outcome = "found" if answers[-1].found else "not_found"
    except Busy:
        outcome = "busy"
        raise
    except QuestionError:
        outcome = "refused"
        raise
    finally:
        answer = answers[-1] if answers else None
        observe(
            Asked(
                question=question,
                outcome=outcome,
                seconds=time.perf_counter() - began,
                confidence=answer.confidence if answer else None,
                passages=len(answer.results) if answer else 0,
                snapshot=answer.snapshot if answer else "",
            )
        )
