"""``python -m benchmarks.study EVAL [--set FOLDER ...] [--cross-encoder MODEL]``: run the study, print its table.

EVAL holds ``chunking`` and ``xquad``; a set is a BEIR folder or a SQuAD-style file. Results go to
benchmarks/out/study, with the vectors that were encoded, so that a second run takes minutes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from rich.progress import track

from benchmarks.study import report
from benchmarks.study.evidence import choices, hits, shipped
from benchmarks.study.lab import Lab
from benchmarks.study.late import in_context
from benchmarks.study.measures import Compared, FigureArray, compare, figures
from benchmarks.study.passages import cut
from benchmarks.study.report import Row
from benchmarks.study.rerank import reranked
from benchmarks.study.sets import StudySet, read_sets
from benchmarks.study.variants import Variant, variants
from benchmarks.study.vectors import TextVectors
from index import load_encoder
from index.encode import Encoder, FloatArray
from qa.config import read_settings

OUT = Path(__file__).parents[1] / "out" / "study"
STANDARD = (256, 0)
Figures = dict[tuple[str, str], Compared]
"""Of one set, by factor and name of the variant."""


class Workbench:
    """The labs of one set, made when a variant first needs them, and the default's figures on it."""

    def __init__(self, found: StudySet, vectors: TextVectors, precise: Encoder | None) -> None:
        self.set = found
        self._vectors = vectors
        self._precise = precise
        self._standard = self._labs(*STANDARD)
        self.default = self.of(Variant(factor="default", name="as shipped", scores=Lab.fused))

    def _labs(self, limit: int, overlap: int) -> list[Lab]:
        cuts = (cut(self.set, self._vectors, limit * at // 256, overlap) for at in self.set.limits)
        return [Lab(self.set, made, self._vectors) for made in cuts]

    def of(self, variant: Variant) -> FigureArray:
        """Return a variant's figure for each question, the mean over the set's cuts."""
        same = (variant.limit, variant.overlap) == STANDARD
        labs = self._standard if same else self._labs(variant.limit, variant.overlap)
        return np.asarray(np.mean([figures(self.set, lab.cut, variant.scores(lab)) for lab in labs], axis=0))

    def of_original_model(self) -> Iterator[tuple[str, str, FigureArray]]:
        """Yield factor, name and figures of what only the original model can do, where that was asked for."""
        if self._precise is None:
            return
        vectors = TextVectors(self._precise, OUT)
        labs = [Lab(self.set, lab.cut, vectors) for lab in self._standard]
        found = np.mean([figures(self.set, lab.cut, lab.fused()) for lab in labs], axis=0)
        vectors.keep()
        yield "precision", "32 bits instead of 8", np.asarray(found)
        for share in (0.0, 0.3, 0.5):
            found = np.mean([figures(self.set, lab.cut, self._in_context(lab, share)) for lab in labs], axis=0)
            yield "sentences read in their passage", f"{share:.1f} of the passage's vector", np.asarray(found)

    def _in_context(self, lab: Lab, share: float) -> FloatArray:
        sentences, passages = in_context(lab.cut, lab.vectors.encoder, OUT)
        meaning = (1 - share) * lab.parts(lab.asked @ sentences.T) + share * (lab.asked @ passages.T)
        return lab.fused(np.asarray(meaning, dtype=np.float32))

    def evidence(self) -> Iterator[tuple[str, Compared]]:
        """Yield each choice of evidence with its hits, where the set tells where answers stand."""
        default = hits(self._standard[0], shipped)
        for name, choice in choices():
            yield name, compare(hits(self._standard[0], choice), default)


def measure(bench: Workbench, cross_encoder: str) -> Figures:
    """Return every variant's figures on one set."""
    every = list(variants())
    if cross_encoder:
        scores = partial(reranked, model=cross_encoder)
        every.append(Variant(factor="cross-encoder", name=f"{Path(cross_encoder).name} on the ten best", scores=scores))
    found = {
        (v.factor, v.name): compare(bench.of(v), bench.default) for v in track(every, bench.set.name, transient=True)
    }
    for factor, name, figure in bench.of_original_model():
        found[factor, name] = compare(figure, bench.default)
    return found


def _rows(by_set: dict[str, Figures]) -> list[Row]:
    """Return one row a variant from the figures of each set."""
    keys = dict.fromkeys(key for found in by_set.values() for key in found)
    return [
        Row(factor=f, name=n, compared={s: found[f, n] for s, found in by_set.items() if (f, n) in found})
        for f, n in keys
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the study and print what it found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.study", description=__doc__)
    parser.add_argument("evaluation", type=Path, help="folder with chunking and xquad")
    parser.add_argument("--set", type=Path, action="append", default=[], dest="sets", help="a data set more")
    parser.add_argument("--cross-encoder", default="", help="folder or name of a cross-encoder; without it, none")
    parser.add_argument("--precise", action="store_true", help="measure the original model, too, which takes longest")
    asked = parser.parse_args(arguments)
    settings = read_settings()
    vectors = TextVectors(load_encoder(settings.model, settings.cache), OUT)
    precise = load_encoder(settings.model, settings.cache, "torch") if asked.precise else None
    by_set: dict[str, Figures] = {}
    rows: list[Row] = []
    evidence: list[Row] = []
    for found in read_sets(asked.evaluation, asked.sets, OUT):
        bench = Workbench(found, vectors, precise)
        print(f"{found.name}: {len(found.documents):,} documents, {len(found.questions):,} questions, {found.measure}")
        by_set[found.name] = measure(bench, asked.cross_encoder)
        if found.name == "xquad":
            evidence = [Row(factor="evidence", name=n, compared={"xquad": c}) for n, c in bench.evidence()]
        vectors.keep()
        rows = _rows(by_set)
        report.write(rows, list(by_set), OUT)  # after each set, for whoever stops here
    (OUT / "evidence.md").write_text(report.table(evidence, ["xquad"]), "utf-8")
    print(report.table(rows, list(by_set)), report.table(evidence, ["xquad"]), sep="\n")
    if not asked.cross_encoder:
        print("cross-encoder: not measured, none was named")


if __name__ == "__main__":
    main()
