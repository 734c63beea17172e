"""Every variant of the ranking that the study compares with the default."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.study import fusions
from benchmarks.study.lab import Lab
from benchmarks.study.words import Formula, all_stems, our_question, pairs, plain_words, unstemmed
from index.encode import FloatArray
from qa.ranking import MEAN, WHOLE

BEST_FEEDBACK = 3
"""Passages that pseudo-relevance feedback takes for right."""
EVERY = 10**9

Scores = Callable[[Lab], FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way to rank, apart from the default in one choice only."""

    factor: str
    name: str
    scores: Scores
    limit: int = 256
    overlap: int = 0


def variants() -> Iterator[Variant]:
    """Yield all variants; the default comes first."""
    yield Variant(factor="default", name="as shipped", scores=Lab.fused)
    yield from _each("one list alone", _alone())
    yield from _each("rivals' fusions", _rivals())
    yield from _each("passage vector", _passage_vectors())
    yield from _each("title and headings", _contexts())
    yield from _each("α", ((f"{a:.2f}", partial(_alpha, a)) for a in (0.6, 0.7, 0.75, 0.8, 0.9, 0.95)))
    yield from _each("fusion", _fusions())
    yield from _each("aggregation", _aggregations())
    yield from _each("windows", ((f"{width} sentences", partial(_windows, width)) for width in (2, 3)))
    yield from _each("BM25", _formulas())
    yield from _each("words", _analysers())
    yield from _each("prompt", ((f"“{prompt}”", partial(_prompt, prompt)) for prompt in PROMPTS))
    yield from _each("feedback", (("vector", _vector_feedback), ("words", _word_feedback)))
    for limit, overlap in ((128, 0), (192, 0), (384, 0), (256, 32), (256, 64)):
        name = f"{limit} tokens" + (f", {overlap} repeated" if overlap else "")
        yield Variant(factor="passages", name=name, scores=Lab.fused, limit=limit, overlap=overlap)


PROMPTS = ("query: ", "Represent this sentence for searching relevant passages: ")


def _each(factor: str, found: Iterator[tuple[str, Scores]] | tuple[tuple[str, Scores], ...]) -> Iterator[Variant]:
    for name, scores in found:
        yield Variant(factor=factor, name=name, scores=scores)


def _alone() -> Iterator[tuple[str, Scores]]:
    yield "passage vectors", lambda lab: lab.passage_cosines(context=False)
    yield "passage vectors with title and headings", Lab.passage_cosines
    yield "best sentence", Lab.best
    yield "sentences, best and mean", Lab.parts
    yield "s(p)", lambda lab: lab.default_similarity
    yield "BM25", Lab.bm25


def _rivals() -> Iterator[tuple[str, Scores]]:
    """Yield the hybrid modes of other stacks, over passages with their titles and words without an analyser."""

    def plain(lab: Lab, formula: Formula) -> FloatArray:
        return lab.bm25(formula, plain_words, plain_words, context="full")

    usual = Formula(k1=1.5, b=0.75, delta=0)
    lower = Formula(k1=1.5, b=0.75, delta=0.5, inside=True)
    yield (
        "LangChain, LlamaIndex: RRF of 10 and 10, BM25 1.5/0.75",
        lambda lab: fusions.reciprocal(lab.passage_cosines(), plain(lab, usual), 10),
    )
    yield (
        "Haystack: RRF of 10 and 10, BM25L",
        lambda lab: fusions.reciprocal(lab.passage_cosines(), plain(lab, lower), 10),
    )
    yield (
        "txtai: half and half, BM25 1.2/0.75",
        lambda lab: 0.5 * lab.passage_cosines() + 0.5 * _of_top(plain(lab, Formula(k1=1.2, b=0.75, delta=0))),
    )
    yield (
        "RRF of 100 and 100, our BM25",
        lambda lab: fusions.reciprocal(lab.passage_cosines(), lab.bm25(), 100),
    )


def _of_top(words: FloatArray) -> FloatArray:
    return np.asarray(words / np.maximum(words.max(axis=1, keepdims=True), 1e-9), dtype=np.float32)


def _passage_vectors() -> Iterator[tuple[str, Scores]]:
    yield "none, α = 0.80", lambda lab: fusions.theoretical(lab.parts(), lab.bm25(), 0.8)
    for share in (0.0, 0.2, 0.3, 0.4, 0.6, 0.7, 1.0):
        yield f"weight {share:.1f}", partial(_mixed, share)
    yield "0.5, without title and headings", _without_context
    yield "as one more sentence", lambda lab: lab.fused(_with_best(lab, lab.passage_cosines()))
    yield "the sentences' mean vector instead", _with_pooled


def _mixed(share: float, lab: Lab) -> FloatArray:
    return lab.fused(lab.similarity(whole=share))


def _without_context(lab: Lab) -> FloatArray:
    return lab.fused(_half(lab.parts(), lab.passage_cosines(context=False)))


def _half(parts: FloatArray, whole: FloatArray) -> FloatArray:
    return np.asarray((1 - WHOLE) * parts + WHOLE * whole, dtype=np.float32)


def _with_best(lab: Lab, cosines: FloatArray) -> FloatArray:
    return np.asarray((1 - MEAN) * np.maximum(lab.best(), cosines) + MEAN * lab.mean(), dtype=np.float32)


def _with_pooled(lab: Lab) -> FloatArray:
    summed = np.add.reduceat(lab.sentence_vectors, lab.cut.first, axis=0)
    pooled = lab.asked @ (summed / np.linalg.norm(summed, axis=1, keepdims=True)).T
    return lab.fused(_half(lab.parts(), np.asarray(pooled, dtype=np.float32)))


def _contexts() -> Iterator[tuple[str, Scores]]:
    def added(share: float, lab: Lab) -> FloatArray:
        meaning = lab.default_similarity + share * np.maximum(lab.context_cosines(), 0)
        return lab.fused(np.asarray(meaning, dtype=np.float32))

    yield "a sentence of their own", lambda lab: lab.fused(lab.similarity(_with_best(lab, lab.context_cosines())))
    for share in (0.1, 0.2):
        yield f"their cosine added, {share:.1f}", partial(added, share)
    yield "not in BM25", lambda lab: lab.fused(words=lab.bm25(context="none"))
    yield "in BM25 in full", lambda lab: lab.fused(words=lab.bm25(context="full"))


def _alpha(weight: float, lab: Lab) -> FloatArray:
    return fusions.theoretical(lab.default_similarity, lab.bm25(), weight)


def _fusions() -> Iterator[tuple[str, Scores]]:
    def joined(join: Callable[[FloatArray, FloatArray, float], FloatArray], weight: float, lab: Lab) -> FloatArray:
        return join(lab.default_similarity, lab.bm25(), weight)

    for weight in (0.4, 0.5, 0.6, 0.7):
        yield f"min-max, α = {weight}", partial(joined, fusions.least_most, weight)
    for weight in (0.4, 0.5, 0.6, 0.7):
        yield f"z-score, α = {weight}", partial(joined, fusions.standard, weight)
    for depth in (50, EVERY):
        deep = str(depth) if depth < EVERY else "all"
        yield (
            f"RRF, k = 60, {deep} deep",
            partial(lambda depth, lab: fusions.reciprocal(lab.default_similarity, lab.bm25(), depth), depth),
        )
    yield "CombMNZ, 50 deep", lambda lab: fusions.comb_mnz(lab.default_similarity, lab.bm25(), 50)


def _aggregations() -> Iterator[tuple[str, Scores]]:
    for share in (0.0, 0.1, 0.3, 0.4, 1.0):
        yield (
            f"weight of the mean {share:.1f}",
            partial(lambda share, lab: lab.fused(lab.similarity(lab.parts(mean=share))), share),
        )
    yield "mean of the two best", lambda lab: lab.fused(lab.similarity(_two_best(lab)))
    for heat in (10, 20):
        yield f"log of the mean exp, {heat}", partial(_soft, heat)


def _two_best(lab: Lab) -> FloatArray:
    ends = np.append(lab.cut.first[1:], len(lab.cut.sentences))
    parts = zip(lab.cut.first.tolist(), ends.tolist(), strict=True)
    best = [np.sort(lab.cosines[:, first:end], axis=1)[:, -2:].mean(axis=1) for first, end in parts]
    return np.stack(best, axis=1)


def _soft(heat: float, lab: Lab) -> FloatArray:
    summed = np.add.reduceat(np.exp(heat * lab.cosines), lab.cut.first, axis=1)
    return lab.fused(lab.similarity(np.asarray(np.log(summed / lab.cut.sizes) / heat, dtype=np.float32)))


def _windows(width: int, lab: Lab) -> FloatArray:
    return lab.fused(lab.similarity(lab.parts(lab.asked @ lab.vectors.of(lab.cut.windows(width)).T)))


def _formulas() -> Iterator[tuple[str, Scores]]:
    def scored(formula: Formula, lab: Lab) -> FloatArray:
        return lab.fused(words=lab.bm25(formula))

    for k1, b in ((0.6, 0.4), (1.2, 0.4), (0.9, 0.2), (0.9, 0.6), (0.9, 0.75), (1.2, 0.75), (1.5, 0.75)):
        yield f"k1 = {k1}, b = {b}", partial(scored, Formula(k1=k1, b=b))
    yield "BM25 (δ = 0)", partial(scored, Formula(delta=0))
    for delta in (0.5, 1.5, 2.0):
        yield f"δ = {delta}", partial(scored, Formula(delta=delta))
    yield "BM25L", partial(scored, Formula(delta=0.5, inside=True))


def _analysers() -> Iterator[tuple[str, Scores]]:
    yield "not stemmed", lambda lab: lab.fused(words=lab.bm25(analyser=unstemmed, question=unstemmed))
    yield "stop words kept", lambda lab: lab.fused(words=lab.bm25(analyser=all_stems, question=all_stems))
    yield "neither", lambda lab: lab.fused(words=lab.bm25(analyser=plain_words, question=plain_words))
    for share in (0.1, 0.2, 0.4):
        yield f"and pairs of neighbours, {share}", partial(_paired, share)


def _paired(share: float, lab: Lab) -> FloatArray:
    return lab.fused(words=lab.bm25() + share * lab.bm25(analyser=pairs, question=pairs))


def _prompt(prompt: str, lab: Lab) -> FloatArray:
    encoder = lab.vectors.encoder
    asked = np.stack([encoder.encode_question(prompt + text) for text in lab.questions])
    return lab.fused(_asked_otherwise(lab, np.asarray(asked, dtype=np.float32)))


def _asked_otherwise(lab: Lab, asked: FloatArray) -> FloatArray:
    """Return s(p) with other vectors for the questions."""
    return _half(lab.parts(asked @ lab.sentence_vectors.T), asked @ lab.passage_vectors().T)


def _vector_feedback(lab: Lab) -> FloatArray:
    """Move each question towards the nearest sentences of its best passages (Rocchio, 1971; weight 0.3)."""
    best = np.argsort(-lab.fused(), axis=1, kind="stable")[:, :BEST_FEEDBACK]
    asked = lab.asked.copy()
    ends = np.append(lab.cut.first[1:], len(lab.cut.sentences))
    for row, passages in enumerate(best.tolist()):
        nearest = [lab.cut.first[p] + int(lab.cosines[row, lab.cut.first[p] : ends[p]].argmax()) for p in passages]
        asked[row] += 0.3 * lab.sentence_vectors[nearest].mean(axis=0)
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    return lab.fused(_asked_otherwise(lab, np.asarray(asked, dtype=np.float32)))


def _word_feedback(lab: Lab) -> FloatArray:
    """Add to each question the ten terms that its best passages share most, at a fifth of the weight."""
    best = np.argsort(-lab.fused(), axis=1, kind="stable")[:, :BEST_FEEDBACK]
    counted = lab.words()
    asked = [our_question(text) for text in lab.questions]
    more = [counted.common(rows, 10, without) for rows, without in zip(best.tolist(), asked, strict=True)]
    return lab.fused(words=lab.bm25() + 0.2 * counted.scores(more, Formula()))
