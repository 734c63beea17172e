"""From ranked passages to results: the evidence sentence, the confidence and the citation of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from index.analyse import keyword_spans, terms
from index.encode import EncoderInfo
from index.records import Sentence
from index.snapshot import Snapshot
from index.store import Store, StoredDocument, StoredPassage
from qa.answer import Citation, Result
from qa.cite import cite
from qa.confidence import Signals, confidence
from qa.evidence import Terms, coverage, sentence_scores
from qa.rank import Candidate
from qa.ranking import alpha


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


def assess(snapshot: Snapshot, asked: Terms, candidates: Sequence[Candidate]) -> list[Assessed]:
    """Choose the evidence of each candidate and measure its signals; ``asked`` are the question's terms."""
    passages = snapshot.store.passages([candidate.row for candidate in candidates])
    idf = {term: snapshot.lexical.idf(term) for variants in asked for term in variants}
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
    sentences = stored.passage.sentences
    spoken = [terms(stored.sentence_text(sentence), document.language) for sentence in sentences]
    scores = sentence_scores(candidate.cosines, spoken, asked, idf, alpha(encoder.cosine_std))
    chosen = max(range(len(sentences)), key=lambda at: (_states(sentences[at], stored), scores[at]))
    context = terms(" ".join((document.title, *stored.passage.section)), document.language)
    signals = Signals(
        closeness=(float(candidate.cosines.max()) - encoder.cosine_mean) / encoder.cosine_std,
        in_passage=coverage(asked, {*context, *(term for part in spoken for term in part)}, idf),
        in_evidence=coverage(asked, set(spoken[chosen]), idf),
    )
    return Assessed(
        candidate=candidate,
        document=document,
        stored=stored,
        evidence=chosen,
        signals=signals,
        hits=tuple(_hits(stored, spoken, document.language, frozenset(idf))),
    )


def _hits(
    stored: StoredPassage, spoken: Sequence[Sequence[str]], language: str, wanted: frozenset[str]
) -> Iterator[tuple[int, int]]:
    """Yield the ranges of ``wanted`` terms, looking only into sentences that are known to have some."""
    for sentence, terms_of_it in zip(stored.passage.sentences, spoken, strict=True):
        if not wanted.isdisjoint(terms_of_it):
            for first, last in keyword_spans(stored.sentence_text(sentence), language, wanted):
                yield sentence.start + first, sentence.start + last


def _states(sentence: Sentence, stored: StoredPassage) -> int:
    """Return how far a sentence can answer: a statement before a question, a question before a heading."""
    if sentence.heading:
        return 0
    return 1 if stored.sentence_text(sentence).endswith(("?", "？", "؟")) else 2


def results_of(snapshot: Snapshot, asked: Terms, candidates: Sequence[Candidate]) -> tuple[Result, ...]:
    """Return the results of a search in the order of ``candidates``."""
    found = assess(snapshot, asked, candidates)
    return tuple(_result(snapshot.store, place, item) for place, item in enumerate(found, 1))


def _result(store: Store, place: int, found: Assessed) -> Result:
    return Result(
        rank=place,
        score=found.candidate.score,
        confidence=confidence(found.signals),
        cosine=round(float(found.candidate.cosines.max()), 6),
        closeness=round(found.signals.closeness, 6),
        bm25=round(found.candidate.bm25, 6),
        coverage=round(found.signals.in_passage, 6),
        evidence_coverage=round(found.signals.in_evidence, 6),
        hits=found.hits,
        citation=_citation(store, found.document, found.stored, found.evidence),
    )


def _citation(store: Store, document: StoredDocument, stored: StoredPassage, chosen: int) -> Citation:
    passage, evidence = stored.passage, stored.passage.sentences[chosen]
    ranges = (passage.start, passage.end), (evidence.start, evidence.end)
    return cite(store, document, passage.section, passage.places, *ranges, stored.text)
