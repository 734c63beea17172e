"""What can be asked, and what the one who asks should know."""

from __future__ import annotations

import math
from collections.abc import Collection

from index.analyse import language_name, words
from index.errors import QuestionError
from index.language import unread_language

MAX_QUESTION = 4000
"""Characters of a question; more is a document."""


def check_k(k: int) -> None:
    """Raise QuestionError where ``k`` is no number of passages."""
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise QuestionError(f"k is {k!r}, expected a whole number of 1 or more")


def check_threshold(threshold: float) -> float:
    """Return the threshold. Raises QuestionError where it is no number from 0 to 1."""
    if not 0 <= threshold <= 1 or math.isnan(threshold):
        raise QuestionError(f"threshold is {threshold}, expected a number from 0 to 1")
    return threshold


def check_question(question: str) -> str:
    """Return the question trimmed and in valid Unicode. Raises QuestionError where it can't be asked."""
    if not isinstance(question, str):
        raise QuestionError(f"the question is {type(question).__name__}, expected text")
    trimmed = question.encode("utf-8", "replace").decode("utf-8").strip()
    if not trimmed:
        raise QuestionError("the question is empty; ask in a few words")
    if len(trimmed) > MAX_QUESTION:
        raise QuestionError(
            f"the question has {len(trimmed):,} characters, expected at most {MAX_QUESTION:,}; ask in fewer words"
        )
    if not words(trimmed):
        raise QuestionError(f"the question {trimmed[:40]!r} has no words; ask in a few words")
    return trimmed


def language_note(question: str, read: Collection[str]) -> str:
    """Return a warning where a question is surely in none of the languages that the model reads, or nothing."""
    spoken = unread_language(question, read)
    if not spoken:
        return ""
    return (
        f"the question seems to be in {language_name(spoken)}, which the model does not read: passages are found by "
        f"their words alone; ask in {', '.join(map(language_name, read))}, or build with a model that reads it"
    )
