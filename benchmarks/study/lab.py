"""One cut of one set with everything that variants are made of, computed when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from benchmarks.study import fusions
from benchmarks.study.passages import Cut, IntArray
from benchmarks.study.sets import StudySet
from benchmarks.study.vectors import TextVectors
from benchmarks.study.words import Analyser, Formula, Words, our_question, our_terms
from index.encode import FloatArray
from qa.ranking import MEAN, PASSAGE_SPREAD, SENTENCE_SPREAD, WHOLE, alpha


class Lab:
    """The product's parts over all questions and passages of a cut: arrays of (questions, passages)."""

    def __init__(self, found: StudySet, cut: Cut, vectors: TextVectors) -> None:
        self.set = found
        self.cut = cut
        self.vectors = vectors
        self.questions = [question.text for question in found.questions]
        self.alpha = alpha(vectors.encoder.info.cosine_std, PASSAGE_SPREAD)
        self.sentence_alpha = alpha(vectors.encoder.info.cosine_std, SENTENCE_SPREAD)
        self._words: dict[tuple[Analyser, str], Words] = {}
        self._kept: dict[str, FloatArray] = {}

    def keep(self, name: str, make: Callable[[], FloatArray]) -> FloatArray:
        """Return what was made under that name before, or make it."""
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]

    @cached_property
    def asked(self) -> FloatArray:
        """The vectors of the questions."""
        encoder = self.vectors.encoder
        return np.stack([encoder.encode_question(text) for text in self.questions])

    @cached_property
    def sentence_vectors(self) -> FloatArray:
        """The vectors of the sentences, in the half precision in which they are stored."""
        return self.vectors.of(self.cut.sentences).astype(np.float16).astype(np.float32)

    @cached_property
    def cosines(self) -> FloatArray:
        """Cosine of each question and each sentence."""
        return self.asked @ self.sentence_vectors.T

    def best(self, cosines: FloatArray | None = None) -> FloatArray:
        """Return the nearest sentence's cosine of each passage."""
        return np.maximum.reduceat(self.cosines if cosines is None else cosines, self.cut.first, axis=1)

    def mean(self, cosines: FloatArray | None = None) -> FloatArray:
        """Return the mean sentence's cosine of each passage."""
        summed = np.add.reduceat(self.cosines if cosines is None else cosines, self.cut.first, axis=1)
        return np.asarray(summed / self.cut.sizes, dtype=np.float32)

    def parts(self, cosines: FloatArray | None = None, mean: float = MEAN) -> FloatArray:
        """Return what the sentences of each passage give s(p), also from other cosines or with another mean."""
        return np.asarray((1 - mean) * self.best(cosines) + mean * self.mean(cosines), dtype=np.float32)

    def similarity(self, parts: FloatArray | None = None, whole: float = WHOLE) -> FloatArray:
        """Return s(p) as docs/ranking.md has it, also from other parts or with another weight of the whole."""
        parts = self.parts() if parts is None else parts
        return np.asarray((1 - whole) * parts + whole * self.passage_cosines(), dtype=np.float32)

    @cached_property
    def default_similarity(self) -> FloatArray:
        """s(p) as the product has it."""
        return self.similarity()

    def passage_cosines(self, context: bool = True) -> FloatArray:
        """Return the cosine of each question and each passage as a whole, with title and headings or without."""
        return self.keep(f"passage {context}", lambda: self.asked @ self.passage_vectors(context).T)

    def passage_vectors(self, context: bool = True) -> FloatArray:
        """Return the vectors of the passages, in half precision as stored, with title and headings or without."""
        texts: Sequence[str] = self.cut.texts
        if context:
            texts = [f"{c} {t}".strip() for c, t in zip(self.cut.named_contexts(), texts, strict=True)]
        return self.vectors.of(texts).astype(np.float16).astype(np.float32)

    def context_cosines(self) -> FloatArray:
        """Return the cosine of each question and each passage's title and headings; −1 where there are none."""

        def make() -> FloatArray:
            contexts = self.cut.named_contexts()
            none = np.array([not context.strip() for context in contexts])
            found = self.asked @ self.vectors.of(contexts).T
            return np.where(none[None, :], np.float32(-1), found)

        return self.keep("context", make)

    def words(self, analyser: Analyser = our_terms, context: str = "once") -> Words:
        """Return term counts; title and headings count ``once`` where a passage lacks them, ``full`` or ``none``."""
        key = (analyser, context)
        if key not in self._words:
            own = [analyser(text) for text in self.cut.texts]
            above = [analyser(text) for text in self.cut.contexts()] if context != "none" else [[] for _ in own]
            if context == "once":
                above = [sorted(set(a) - set(o)) for a, o in zip(above, own, strict=True)]
            self._words[key] = Words([o + a for o, a in zip(own, above, strict=True)])
        return self._words[key]

    def bm25(
        self,
        formula: Formula | None = None,
        analyser: Analyser = our_terms,
        question: Analyser = our_question,
        context: str = "once",
    ) -> FloatArray:
        """Return b(p), as the product has it or with another formula, analyser or context."""
        formula = formula or Formula()
        name = f"bm25 {formula} {analyser.__name__} {question.__name__} {context}"
        asked = [question(text) for text in self.questions]
        return self.keep(name, lambda: self.words(analyser, context).scores(asked, formula))

    def fused(self, similarity: FloatArray | None = None, words: FloatArray | None = None) -> FloatArray:
        """Return the default's score, also with another part in place of one of its own."""
        meaning = self.default_similarity if similarity is None else similarity
        return fusions.theoretical(meaning, self.bm25() if words is None else words, self.alpha)

    def rows(self) -> IntArray:
        """Return the passage of each sentence."""
        return np.repeat(np.arange(len(self.cut.first)), self.cut.sizes)
