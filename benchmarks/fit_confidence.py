"""Fit the two numbers that turn the strength of an answer into a confidence, and measure the threshold.

``python -m benchmarks.fit_confidence EVAL`` indexes every second paragraph of XQuAD and asks all questions:
the unanswerable ones still find other paragraphs of their article (near-topic, the hard case). Each half of
the paragraphs is fitted alone and judged on the other half; what ships is the mean of the two fits. Far-topic
questions (every second article indexed) only test it. Writes benchmarks/out/confidence.json.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track
from sklearn.linear_model import LogisticRegression

from benchmarks.datasets import write_texts, xquad
from benchmarks.retrieval import OUT
from index import build, load_encoder
from index.analyse import question_terms
from index.encode import Encoder
from index.layout import IndexPaths
from index.snapshot import Snapshot, open_current
from qa.assess import assess
from qa.confidence import OFFSET, SCALE, THRESHOLD, strength
from qa.config import read_settings
from qa.rank import rank

THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Those of the table in qa/confidence.py, which the page shows to whoever moves the threshold."""

Sample = tuple[NDArray[np.float64], NDArray[np.bool_]]
"""Strength of the best passage of each question, and whether the index holds the answer: shapes (n,), (n,)."""


def measure(snapshot: Snapshot, encoder: Encoder, question: str) -> float:
    """Return the strength of the best passage."""
    asked = question_terms(question, snapshot.manifest.languages)
    best = rank(snapshot, encoder.encode_question(question), asked, 1)
    return strength(assess(snapshot, asked, best)[0].signals)


def samples(folder: Path, scratch: Path, kind: str) -> list[Sample]:
    """Return the sample of each half: halves of paragraphs (near) or of articles (far)."""
    settings = read_settings()
    encoder = load_encoder(settings.model, settings.cache, settings.backend)
    paragraphs, questions = xquad(folder)
    articles = {title: row for row, title in enumerate(sorted({p.article for p in paragraphs}))}
    half = {p.name: (articles[p.article] if kind == "far" else row) % 2 for row, p in enumerate(paragraphs)}
    found: list[Sample] = []
    for fold in (0, 1):
        place = scratch / f"{kind}-{fold}"
        texts = {p.name: p.text for p in paragraphs if half[p.name] == fold}
        build(write_texts(place / "seeds", texts), place, encoder)
        with open_current(IndexPaths(place)) as snapshot:
            strengths = [measure(snapshot, encoder, q.question) for q in track(questions, place.name, transient=True)]
        found.append((np.array(strengths), np.array([half[q.paragraph] == fold for q in questions])))
    return found


def fit(sample: Sample) -> tuple[float, float]:
    """Return scale and offset of the logistic function that fits a sample best."""
    model = LogisticRegression(C=1e6, max_iter=1000).fit(sample[0][:, None], sample[1])
    return float(model.coef_[0][0]), float(model.intercept_[0])


def errors(sample: Sample, scale: float, offset: float, threshold: float = THRESHOLD) -> dict[str, float]:
    """Return the share of answerable and of unanswerable questions that the threshold refuses."""
    refused = 1 / (1 + np.exp(-(scale * sample[0] + offset))) < threshold
    return {"answerable_refused": refused[sample[1]].mean(), "unanswerable_refused": refused[~sample[1]].mean()}


def report(near: list[Sample], far: list[Sample]) -> dict[str, Any]:
    """Return the fit and, from the halves not fitted on, its error rates."""
    fits = [fit(sample) for sample in near]
    figures: dict[str, Any] = {
        "scale": sum(scale for scale, _ in fits) / 2,
        "offset": sum(offset for _, offset in fits) / 2,
        "threshold": THRESHOLD,
    }
    for name, sample in (("near", near), ("far", far)):
        parts = [errors(sample[fold], *fits[1 - fold]) for fold in (0, 1)]
        figures[name] = {key: round(float(sum(part[key] for part in parts)) / 2, 3) for key in parts[0]}
    figures["thresholds"] = [shipped_errors(near, far, threshold) for threshold in THRESHOLDS]
    return figures


def shipped_errors(near: list[Sample], far: list[Sample], threshold: float) -> dict[str, float]:
    """Return what a threshold refuses with the scale and offset that ship: means of both halves."""
    found = {
        kind: [errors(sample, SCALE, OFFSET, threshold) for sample in halves]
        for kind, halves in (("near", near), ("far", far))
    }
    means = {
        f"{kind}_{key}": round(float(sum(part[key] for part in parts)) / len(parts), 3)
        for kind, parts in found.items()
        for key in parts[0]
    }
    return {"threshold": threshold, **means}


def main(folder: Path) -> None:
    """Fit, and write down what came of it."""
    with tempfile.TemporaryDirectory() as name:
        figures = report(samples(folder, Path(name), "near"), samples(folder, Path(name), "far"))
    OUT.mkdir(exist_ok=True)
    text = json.dumps(figures, indent=2)
    (OUT / "confidence.json").write_text(text + "\n", "utf-8")
    print(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
