"""A guard over the ranking: questions on ``seeds/`` and the passages that answer them, with the real model.

Whoever changes the ranking, the evidence or the confidence sees here what it does to documents that everyone can
read. Only what is right is expected: a question whose best passage is a wrong one has no place here until the
ranking finds the right one.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass

import pytest

from qa import Answer, Index


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A question and what its best passage must be."""

    question: str
    document: str
    """Its path, or a pattern where more than one document answers."""
    evidence: str = ""
    """Stands in the sentence that is marked; empty where more than one sentence may be."""
    passage: str = ""
    """Stands in the passage."""


def known(question: str, document: str, evidence: str = "", *, passage: str = "") -> Known:
    return Known(question=question, document=document, evidence=evidence, passage=passage or evidence)


FOUND = (
    # in the words of the documents
    known("Which Python version is needed?", "handbook/start.md", "at least 3.11"),
    known("What are seeds?", "handbook/start.md", "what SeedQA calls the documents that you give to it"),
    known("How do I undo a rebuild?", "handbook/index.md", "use `qa restore`"),
    known("Which exit code tells that a source changed?", "handbook/citations.html", "Exit code 4"),
    known("What does a confidence of 0.9 prove?", "handbook/answers.md", "is no proof"),
    known("Which environment variable sets the folder of the index?", "handbook/start.md", "`SEEDQA_INDEX`"),
    known("Who edited the article?", "civilizations/*", "Hong Lin"),
    known("How old is Chinese civilization?", "civilizations/facts.txt", "5,000 years old"),
    known("Which principles underlie the Belt and Road Initiative?", "civilizations/digest.md", "consulting widely"),
    known("What does the Silk Road spirit stand for?", "civilizations/digest.md", "peace, cooperation, openness"),
    known("What are the three negative principles between China and Russia?", "civilizations/digest.md", "no alliance"),
    # freely
    known("Do I have to be connected to the internet?", "handbook/questions.md", "needed only to install SeedQA"),
    known("Can it open encrypted files?", "handbook/questions.md", "reported as encrypted and left out"),
    known("What about pictures of pages without text?", "handbook/questions.md", "A scanned PDF holds pictures"),
    known("How large may a single file be?", "handbook/questions.md", "as big as 256 MiB"),
    known("How do I make it search only part of my documents?", "handbook/answers.md", "add `--document`"),
    known("How do I get several answers as JSON?", "handbook/start.md", "add `--json`"),
    known("In which four areas does China run cooperation platforms?", "civilizations/digest.md", "culture, sports"),
    known("What should academics do according to the author?", "civilizations/digest.md",
          passage="The author makes three proposals to scholars"),
)  # fmt: skip
"""Answered, and not refused."""

FIRST = (
    known("Is a graphics card required?", "handbook/questions.md", "You need no GPU"),
    known("May I use it in my company?", "handbook/questions.md", "also commercially"),
    known("Does it write answers with an LLM like GPT?", "handbook/questions.md", "no language model that writes text"),
    known("Is it possible to index from two terminals at once?", "handbook/index.md", "Two builds cannot work"),
    known("How can I stop somebody from changing the index over the network?", "handbook/questions.md", "--read-only"),
    known("Can a chatbot use it as a tool?", "handbook/questions.md", "after `qa serve --mcp`"),
    known("How can I tell that the index has been corrupted?", "handbook/index.md",
          passage="`qa doctor` checks that the index is not damaged"),
)  # fmt: skip
"""In words so unlike the documents' that a refusal is forgiven, as long as the right passage stands first."""

ABSENT = (
    "Who is the president of France?",
    "How do I bake sourdough bread?",
    "What is the boiling point of water?",
    "Which football club won the Champions League in 2020?",
    "How does photosynthesis work?",
    "How do I reset my password?",
    "When was the Great Wall of China built?",
    "What is the population of Tanzania?",
)
"""Not answered by ``seeds/``; the last ones are about things that it mentions."""


def check_best(shipped: Index, expected: Known) -> Answer:
    """Compare the best passage with what is expected of it; return the answer."""
    answer = shipped.search(expected.question)
    best = answer.results[0].citation
    assert fnmatch.fnmatchcase(best.source, expected.document)
    assert expected.passage in best.quote
    assert expected.evidence in best.evidence
    return answer


@pytest.mark.parametrize("expected", FOUND, ids=lambda known: known.question)
def test_what_the_seeds_answer_is_found(shipped: Index, expected: Known) -> None:
    answer = check_best(shipped, expected)
    assert answer.confidence >= answer.threshold


@pytest.mark.parametrize("expected", FIRST, ids=lambda known: known.question)
def test_the_right_passage_stands_first_whatever_the_words(shipped: Index, expected: Known) -> None:
    check_best(shipped, expected)


@pytest.mark.parametrize("question", ABSENT)
def test_what_the_seeds_do_not_answer_is_not_found(shipped: Index, question: str) -> None:
    answer = shipped.search(question)
    assert (answer.found, answer.confidence < answer.threshold) == (False, True)
