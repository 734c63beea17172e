"""From ranked passages to results: the evidence sentence, the confidence and the citation of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from index.analyse import joined_spans, occurrences, terms
from index.encode import EncoderInfo
from index.opened import OpenSnapshot, Passages
from index.records import Passage, Sentence
from index.store import StoredDocument, StoredPassage
from qa.answer import Citation, Result
from qa.cite import cite
from qa.confidence import SHIPPED, Curve, Signals, confidence
from qa.evidence import Terms, coverage, sentence_scores
from qa.rank import Candidate
from qa.ranking import SENTENCE_SPREAD, alpha


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessed:
    """A ranked passage with its evidence and what the confidence in it rests on."""

    candidate: Candidate
    document: StoredDocument
    stored: StoredPassage
    evidence: int
    """Which of the passage's sentences answers best."""
    signals: Signals
    hits: tuple[tuple[int, int], ...]
    """Where the question's words stand in the document's text."""


def assess(snapshot: OpenSnapshot, asked: Terms, candidates: Sequence[Candidate]) -> list[Assessed]:
    """Choose the evidence of each candidate and measure its signals; ``asked`` are the question's terms."""
    passages = snapshot.store.passages([candidate.row for candidate in candidates])
    idf = {term: snapshot.idf(term) for variants in asked for term in variants}
    return [
        _assess(snapshot.store.document(stored.document), snapshot.manifest.encoder, asked, idf, candidate, stored)
        for candidate, stored in zip(candidates, passages, strict=True)
    ]


def _assess(
    document: StoredDocument,
    encoder: EncoderInfo,
    asked: Terms,
    idf: Mapping[str, float],
    candidate: Candidate,
    stored: StoredPassage,
) -> Assessed:
    passage = stored.passage
    occurring = occurrences(stored.text, document.language, idf)
    found = _by_sentence(passage, occurring)
    lengths = [sentence.end - sentence.start for sentence in passage.sentences]
    scores = sentence_scores(
        candidate.cosines.tolist(), lengths, found, idf, alpha(encoder.cosine_std, SENTENCE_SPREAD)
    )
    chosen = max(range(len(scores)), key=lambda at: (_states(passage.sentences[at], stored), scores[at]))
    context = terms(" ".join((document.title, *passage.section)), document.language)
    signals = Signals(
        closeness=(float(candidate.cosines.max()) - encoder.cosine_mean) / encoder.cosine_std,
        in_passage=coverage(asked, {*context, *(term for said in found for term in said)}, idf),
        in_evidence=coverage(asked, set(found[chosen]), idf),
    )
    hits = joined_spans((passage.start + first, passage.start + last) for first, last, _ in occurring)
    return Assessed(
        candidate=candidate, document=document, stored=stored, evidence=chosen, signals=signals, hits=hits
    )  # fmt: skip


def _by_sentence(passage: Passage, occurring: Sequence[tuple[int, int, str]]) -> list[list[str]]:
    """Return the terms that occur in each sentence of a passage; sentences and occurrences are in order."""
    found: list[list[str]] = [[] for _ in passage.sentences]
    at = 0
    for start, _, term in occurring:
        while at + 1 < len(found) and passage.start + start >= passage.sentences[at + 1].start:
            at += 1
        found[at].append(term)
    return found


def _states(sentence: Sentence, stored: StoredPassage) -> int:
    """Return how far a sentence can answer: a statement before a question, a question before a heading."""
    if sentence.heading:
        return 0
    return 1 if stored.sentence_text(sentence).endswith(("?", "？", "؟")) else 2


def results_of(
    snapshot: OpenSnapshot, asked: Terms, candidates: Sequence[Candidate], curve: Curve = SHIPPED
) -> tuple[Result, ...]:
    """Return the results of a search in the order of ``candidates``; ``curve`` gives their confidence."""
    found = assess(snapshot, asked, candidates)
    return tuple(_result(snapshot.store, place, item, curve) for place, item in enumerate(found, 1))


def _result(store: Passages, place: int, found: Assessed, curve: Curve) -> Result:
    return Result(
        rank=place,
        score=found.candidate.score,
        confidence=confidence(found.signals, curve),
        cosine=round(float(found.candidate.cosines.max()), 6),
        closeness=round(found.signals.closeness, 6),
        bm25=round(found.candidate.bm25, 6),
        coverage=round(found.signals.in_passage, 6),
        evidence_coverage=round(found.signals.in_evidence, 6),
        hits=found.hits,
        citation=_citation(store, found.document, found.stored, found.evidence),
    )


def _citation(store: Passages, document: StoredDocument, stored: StoredPassage, chosen: int) -> Citation:
    passage, evidence = stored.passage, stored.passage.sentences[chosen]
    ranges = (passage.start, passage.end), (evidence.start, evidence.end)
    return cite(store, document, passage.section, passage.places, *ranges, stored.text)
