"""Which sentence of the right passage is marked: the product's choice beside others, on answers with offsets."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.study import fusions
from benchmarks.study.lab import Lab
from benchmarks.study.measures import FigureArray
from benchmarks.study.words import our_question, our_terms, pairs
from index.encode import FloatArray
from qa.evidence import sentence_bm25

_STATED = re.compile(r"[^?？؟]\Z")
_NUMBER = re.compile(r"\b(?:\d[\d,.]*|one|two|three|four|five|six|seven|eight|nine|ten|dozen|hundred|thousand|million"
                     r"|billion|half|third|quarter|once|twice)\b", re.IGNORECASE)  # fmt: skip
_TIME = re.compile(r"\b(?:\d{3,4}s?|january|february|march|april|may|june|july|august|september|october|november"
                   r"|december|century|centuries|monday|tuesday|wednesday|thursday|friday|saturday|sunday)\b",
                   re.IGNORECASE)  # fmt: skip
_NAME = re.compile(r"(?<=[^.!?\s]\s)[A-Z][a-z]+")

CUES = (
    (
        re.compile(r"\b(?:how (?:many|much|long|old|often|far|large|big|tall|high)|what (?:number|percent\w*))\b"),
        _NUMBER,
    ),
    (re.compile(r"\b(?:when|(?:what|which|in what) (?:year|date|day|month|century|decade))\b"), _TIME),
    (re.compile(r"\b(?:who|whom|whose|where)\b"), _NAME),
)
"""What a question asks for, and what an answer to it looks like."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """All that a choice of evidence may look at in one passage, for one question."""

    question: str
    asked: Sequence[str]
    sentences: Sequence[str]
    cosines: FloatArray
    words: FloatArray
    """BM25+ of each sentence within the passage."""
    idf: Callable[[str], float]
    weight: float


Choice = Callable[[Passage], FloatArray]


def shipped(passage: Passage) -> FloatArray:
    """Return the product's score of each sentence."""
    scores: FloatArray = fusions.theoretical(passage.cosines[None, :], passage.words[None, :], passage.weight)[0]
    return scores


def by_weight(weight: float) -> Choice:
    """Return the product's choice with another α."""
    return lambda p: shipped(replace(p, weight=weight))


def covering(share: float, within: Choice = shipped) -> Choice:
    """Return a choice that also counts the share of the question's words in each sentence, by idf."""

    def score(p: Passage) -> FloatArray:
        weights = {term: p.idf(term) for term in set(p.asked)}
        total = max(sum(weights.values()), 1e-9)
        held = [sum(w for term, w in weights.items() if term in set(our_terms(s))) / total for s in p.sentences]
        return within(p) + share * np.array(held, dtype=np.float32)

    return score


def with_neighbours(share: float) -> Choice:
    """Return a choice in which a sentence borrows from those before and after it."""

    def score(p: Passage) -> FloatArray:
        own = shipped(p)
        padded = np.pad(own, 1, mode="edge")
        beside = np.maximum(padded[:-2], padded[2:])
        return np.asarray((1 - share) * own + share * beside, dtype=np.float32)

    return score


def with_cues(bonus: float, within: Choice = shipped) -> Choice:
    """Return a choice that prefers sentences which hold what the question asks for: a number, a time, a name."""

    def score(p: Passage) -> FloatArray:
        own = within(p)
        for asks, answers in CUES:
            if asks.search(p.question.lower()):
                return own + bonus * np.array([bool(answers.search(s)) for s in p.sentences], dtype=np.float32)
        return own

    return score


def with_new(bonus: float, within: Choice = shipped) -> Choice:
    """Return a choice that prefers sentences which say more than the question does: terms that it lacks."""

    def score(p: Passage) -> FloatArray:
        known = set(p.asked)
        return within(p) + bonus * np.array(
            [min(1.0, len(set(our_terms(s)) - known) / 8) for s in p.sentences], dtype=np.float32
        )

    return score


def with_pairs(bonus: float, within: Choice = shipped) -> Choice:
    """Return a choice that counts pairs of neighbouring words which question and sentence share."""

    def score(p: Passage) -> FloatArray:
        wanted = set(zip(p.asked, p.asked[1:], strict=False))
        wanted_text = {f"{a} {b}" for a, b in wanted}
        return within(p) + bonus * np.array(
            [len(wanted_text & set(pairs(s))) / max(len(wanted), 1) for s in p.sentences], dtype=np.float32
        )

    return score


def hits(lab: Lab, choice: Choice) -> FigureArray:
    """Return 1 for each question whose best passage is right and whose marked sentence holds the answer's place."""
    best = np.argsort(-np.round(lab.fused(), 6), axis=1, kind="stable")[:, 0]
    found = []
    for row, question in enumerate(lab.set.questions):
        at = int(best[row])
        passage = lab.cut.passages[at]
        right = lab.set.documents[int(lab.cut.document[at])].id in question.relevant
        sentence = passage.sentences[_chosen(lab, row, at, choice)]
        found.append(right and any(sentence.start <= start < sentence.end for start, _ in question.spans))
    return np.array(found, dtype=np.float64)


def _chosen(lab: Lab, row: int, at: int, choice: Choice) -> int:
    first, count = int(lab.cut.first[at]), int(lab.cut.sizes[at])
    sentences = lab.cut.sentences[first : first + count]
    asked = our_question(lab.questions[row])
    scored = choice(
        Passage(
            question=lab.questions[row],
            asked=asked,
            sentences=sentences,
            cosines=lab.cosines[row, first : first + count],
            words=_bm25(lab, asked, sentences),
            idf=lab.words().idf,
            weight=lab.sentence_alpha,
        )
    )
    states = [
        0 if part.heading else 2 if _STATED.search(text) else 1
        for part, text in zip(lab.cut.passages[at].sentences, sentences, strict=True)
    ]
    return max(range(count), key=lambda n: (states[n], scored[n]))


def _bm25(lab: Lab, asked: Sequence[str], sentences: Sequence[str]) -> FloatArray:
    """Return the product's own BM25+ of each sentence."""
    idf = {term: lab.words().idf(term) for term in asked}
    found = [[term for term in our_terms(sentence) if term in idf] for sentence in sentences]
    return np.array(sentence_bm25([len(sentence) for sentence in sentences], found, idf), dtype=np.float32)


def choices() -> tuple[tuple[str, Choice], ...]:
    """Return the choices that are compared; the product's comes first."""
    return (
        ("as shipped", shipped),
        ("cosine alone", lambda p: p.cosines),
        ("words alone", lambda p: p.words),
        *((f"α = {weight}", by_weight(weight)) for weight in (0.5, 0.6, 0.7, 0.75, 0.85, 0.9)),
        *((f"share of the question's words, {share}", covering(share)) for share in (0.1, 0.2, 0.4)),
        *((f"a neighbour's score, {share}", with_neighbours(share)) for share in (0.1, 0.2, 0.3)),
        *((f"cues of number, time and name, {bonus}", with_cues(bonus)) for bonus in (0.02, 0.05, 0.1)),
        *((f"terms that the question lacks, {bonus}", with_new(bonus)) for bonus in (0.02, 0.05, 0.1)),
        *((f"pairs of words in common, {bonus}", with_pairs(bonus)) for bonus in (0.05, 0.1, 0.2)),
    )
