"""Fit the confidence that ships, on FAQs of Debian packages, and measure it on XQuAD, which nothing is fitted on.

``python -m benchmarks.fit_confidence EVAL`` makes benchmarks/out/faq (benchmarks.faq) and asks of an index of it

- each FAQ's questions: with everything in the index, without their own answer (near), without their whole FAQ (far);
- questions drawn from the answers by rules (qa.calibrate.questions): the same.

The curve is fitted to four parts of equal weight: FAQ questions answered and far, drawn questions answered and near.
FAQ questions near are reported but not fitted on: their FAQ often answers them in another place, too. What is told of
the FAQs comes from fits without the FAQ in question. The threshold is the highest of 0.05, 0.1, ... that refuses at
most a tenth of answerable FAQ questions. Of EVAL, xquad/xquad.en.json is measured as its README says, each half of
paragraphs (near) and of articles (far) indexed in turn. Writes benchmarks/out/confidence.json and two plots in
docs/images, and prints the constants of qa/confidence.py.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from benchmarks.faq import OUT, make
from index import load_encoder
from index.encode import Encoder
from index.layout import IndexPaths
from index.snapshot import open_current
from qa.calibrate.fit import fit
from qa.calibrate.measure import auroc_interval, choose, error_table, reliability
from qa.calibrate.plots import draw_reliability, draw_risk_coverage
from qa.calibrate.trials import Asker, Trial, drawn_trials, labelled_trials
from qa.confidence import CLOSENESS, SHIPPED, THRESHOLD, Curve, ErrorRates, Signals, strength
from qa.config import read_settings
from qa.evaluate.abstention import auroc, risk_coverage
from qa.evaluate.corpus import indexed
from qa.evaluate.dataset import Dataset, folds
from qa.evaluate.read import read_dataset

IMAGES = Path(__file__).parents[1] / "docs" / "images"
REFUSED = 0.1
"""Share of answerable FAQ questions that the threshold may refuse."""
DRAWN = 1500
FOLDS = 9

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Signals of one kind of asking, the FAQ of each, and whether the answer was there."""

    signals: tuple[Signals, ...]
    groups: tuple[str, ...]

    @property
    def strengths(self) -> Values:
        """Shape (questions,)."""
        return np.array([strength(signals) for signals in self.signals], dtype=np.float64)

    @property
    def columns(self) -> Values:
        """Closeness, in_passage and in_evidence: shape (questions, 3)."""
        return np.array([(s.closeness, s.in_passage, s.in_evidence) for s in self.signals], dtype=np.float64)


def part(trials: Sequence[Trial], kind: str) -> Part:
    """Return one kind of asking of the trials that have it."""
    found = [(signals, trial.group) for trial in trials if (signals := getattr(trial, kind)) is not None]
    return Part(signals=tuple(signals for signals, _ in found), groups=tuple(group for _, group in found))


def faq_trials(dataset: Dataset, folder: Path, encoder: Encoder) -> tuple[list[Trial], list[Trial]]:
    """Return the trials of the FAQs' own questions and of drawn ones, grouped by FAQ."""
    title = {document.id: document.title for document in dataset.documents}
    indexed(dataset, folder, encoder).close()
    with open_current(IndexPaths(folder)) as snapshot:
        asked = labelled_trials(dataset, snapshot, encoder)
        drawn = drawn_trials(snapshot, encoder, DRAWN)
    return asked, [replace(trial, group=title[trial.group]) for trial in drawn]


def model(parts: Sequence[tuple[Values, bool]]) -> LogisticRegression:
    """Return the logistic function of parts (rows, answerable) that weigh alike."""
    rows = np.vstack([values.reshape(len(values), -1) for values, _ in parts])
    truth = np.concatenate([np.full(len(values), answerable) for values, answerable in parts])
    weights = np.concatenate([np.full(len(values), 1000 / len(values)) for values, _ in parts])
    return LogisticRegression(C=1e4, max_iter=5000).fit(rows, truth, sample_weight=weights)


def curve_of(parts: Sequence[tuple[Values, bool]]) -> Curve:
    """Return the logistic function of strengths that fits the parts best."""
    fitted = model(parts)
    return Curve(scale=float(fitted.coef_[0][0]), offset=float(fitted.intercept_[0]))


def confidences(curve: Curve, strengths: Values) -> Values:
    """Return the confidence at each strength."""
    return np.array([curve.at(value) for value in strengths.tolist()])


def without_their_faq(fitted_on: Sequence[tuple[Part, bool]], judged: Sequence[Part], attribute: str) -> list[Values]:
    """Return the log-odds of what is judged, each from a fit without the FAQs of its fold."""
    names = np.array(sorted({group for p, _ in fitted_on for group in p.groups}))
    found = [np.full(len(p.groups), np.nan) for p in judged]
    for train, _ in GroupKFold(FOLDS).split(names, groups=names):
        kept = set(names[train].tolist())
        chosen = [(getattr(p, attribute)[np.isin(p.groups, list(kept))], truth) for p, truth in fitted_on]
        fitted = model(chosen)
        for values, p in zip(found, judged, strict=True):
            here = ~np.isin(p.groups, list(kept))
            rows = getattr(p, attribute)[here]
            values[here] = fitted.decision_function(rows.reshape(len(rows), -1))
    return found


def xquad_parts(dataset: Dataset, holdout: str, scratch: Path, encoder: Encoder) -> list[tuple[Part, Part]]:
    """Return answerable and unanswerable queries of each half."""
    halves = []
    for number, half in enumerate(folds(dataset, holdout)):
        folder = scratch / f"{holdout}-{number}"
        indexed(half, folder, encoder).close()
        sides: dict[bool, list[tuple[Signals, str]]] = {True: [], False: []}
        groups = {d.id: d.group for d in dataset.documents}
        with open_current(IndexPaths(folder)) as snapshot:
            asker = Asker(snapshot, encoder)
            pairs = zip(half.queries, dataset.queries, strict=True)
            for query, whole in track(list(pairs), folder.name, transient=True):
                if signals := asker.signals(query.text)[0]:
                    sides[bool(query.relevant)].append((signals, groups[next(iter(whole.relevant))]))
        answerable, other = (
            Part(signals=tuple(s for s, _ in sides[kind]), groups=tuple(g for _, g in sides[kind]))
            for kind in (True, False)
        )
        halves.append((answerable, other))
    return halves


def joined(parts: Sequence[Part]) -> Part:
    """Return the parts as one."""
    return Part(
        signals=tuple(s for p in parts for s in p.signals), groups=tuple(group for p in parts for group in p.groups)
    )


def mean_auroc(halves: Sequence[tuple[Part, Part]], weights: Sequence[float] = ()) -> float:
    """Return the mean over both halves, as the README of EVAL asks, with other weights of the three signals or ours."""
    found = []
    for half in halves:
        one, other = (side.columns @ np.array(weights) if weights else side.strengths for side in half)
        found.append(auroc(one.tolist(), other.tolist()) or 0.0)
    return round(sum(found) / len(found), 4)


def interval_of(answerable: Part, other: Part, values: tuple[Values, Values]) -> dict[str, float] | None:
    """Return the AUROC of both halves together, with the interval that drawing whole groups gives."""
    found = auroc_interval(*values, (answerable.groups, other.groups))
    return asdict(found) if found else None


def own_check(asked: Sequence[Trial], drawn: Sequence[Trial]) -> dict[str, Any]:
    """Return what an index would choose by itself, from drawn questions, and what that does to the real ones."""
    own = fit(drawn, "drawn", REFUSED)
    threshold = own.chosen.threshold if own.chosen else THRESHOLD
    sides = [confidences(SHIPPED, part(asked, kind).strengths) for kind in ("answered", "near", "far")]
    return {
        "drawn": own.questions, "auroc_near": asdict(own.near) if own.near else None, "verdict": own.verdict,
        "chosen": asdict(own.chosen) if own.chosen else None,
        "real": asdict(error_table(sides[0], sides[1], sides[2], (threshold,))[0]),
    }  # fmt: skip


def whole_xquad(dataset: Dataset, folder: Path, encoder: Encoder) -> tuple[list[Trial], list[Trial]]:
    """Return the trials of XQuAD's own questions, all paragraphs indexed, and of questions drawn from them."""
    indexed(dataset, folder, encoder).close()
    with open_current(IndexPaths(folder)) as snapshot:
        return labelled_trials(dataset, snapshot, encoder), drawn_trials(snapshot, encoder, 400)


def faq_report(asked: Sequence[Trial], drawn: Sequence[Trial]) -> dict[str, Any]:
    """Fit, and tell what the fits say of FAQs that they have not seen."""
    kinds = {(who, kind): part(trials, kind) for who, trials in (("faq", asked), ("drawn", drawn))
             for kind in ("answered", "near", "far")}  # fmt: skip
    fitted_on = [
        (kinds["faq", "answered"], True), (kinds["faq", "far"], False),
        (kinds["drawn", "answered"], True), (kinds["drawn", "near"], False),
    ]  # fmt: skip
    curve = curve_of([(p.strengths, truth) for p, truth in fitted_on])
    judged = dict(zip(kinds, without_their_faq(fitted_on, list(kinds.values()), "strengths"), strict=True))
    free = dict(zip(kinds, without_their_faq(fitted_on, list(kinds.values()), "columns"), strict=True))
    sure = {key: 1 / (1 + np.exp(-values)) for key, values in judged.items()}
    figures: dict[str, Any] = {"scale": curve.scale, "offset": curve.offset}
    fitted = model([(p.columns, truth) for p, truth in fitted_on])
    figures["free_weights"] = (fitted.coef_[0] / fitted.coef_[0][0] * CLOSENESS).round(3).tolist()
    for who in ("faq", "drawn"):
        table = error_table(sure[who, "answered"], sure[who, "near"], sure[who, "far"])
        figures[who] = {"questions": len(kinds[who, "answered"].signals), "rates": [asdict(row) for row in table]}
        for kind in ("near", "far"):
            pair = kinds[who, "answered"], kinds[who, kind]
            for name, values in (("weights by hand", judged), ("weights fitted", free)):
                found = interval_of(*pair, (values[who, "answered"], values[who, kind]))
                figures[who][f"auroc_{kind}, {name}"] = found
    rows = [ErrorRates(**row) for row in figures["faq"]["rates"]]
    figures["threshold"] = max(row.threshold for row in rows if row.missed <= REFUSED)
    return figures


def xquad_report(near: Sequence[tuple[Part, Part]], far: Sequence[tuple[Part, Part]]) -> dict[str, Any]:
    """Measure what ships, and draw it."""
    sides = [joined([half[at] for half in halves]) for halves in (near, far) for at in (0, 1)]
    known, unknown, _, elsewhere = (confidences(SHIPPED, side.strengths) for side in sides)
    table = error_table(known, unknown, elsewhere)
    rows = {name: reliability(known, values) for name, values in (("near topic", unknown), ("far topic", elsewhere))}
    curves = {
        name: risk_coverage([*known.tolist(), *values.tolist()], [True] * len(known) + [False] * len(values))
        for name, values in (("near topic", unknown), ("far topic", elsewhere))
    }
    draw_reliability(IMAGES / "reliability.svg", {f"XQuAD, {name}": bins for name, bins in rows.items()})
    draw_risk_coverage(IMAGES / "risk-coverage.svg", {f"XQuAD, {name}": curve for name, curve in curves.items()})
    return {
        "questions": len(known),
        "auroc_near": mean_auroc(near),
        "auroc_far": mean_auroc(far),
        "auroc_near_interval": interval_of(sides[0], sides[1], (known, unknown)),
        "risk_coverage_area": {name: curve.area for name, curve in curves.items()},
        "reliability": {name: [asdict(row) for row in bins] for name, bins in rows.items()},
        "rates": [asdict(row) for row in table],
        "best": asdict(choose(table, REFUSED) or table[0]),
    }


def main(folder: Path) -> None:
    """Fit, measure, and write down what came of it."""
    settings = read_settings()
    encoder = load_encoder(settings.model, settings.cache, settings.backend)
    xquad = read_dataset(folder / "xquad" / "xquad.en.json")
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        faq = faq_trials(read_dataset(make()), scratch / "faq", encoder)
        figures: dict[str, Any] = {"fit": faq_report(*faq)}
        whole = whole_xquad(xquad, scratch / "xquad", encoder)
        halves = [xquad_parts(xquad, holdout, scratch, encoder) for holdout in ("near", "far")]
    figures["shipped"] = {"scale": SHIPPED.scale, "offset": SHIPPED.offset, "threshold": THRESHOLD}
    figures["xquad"] = xquad_report(*halves)
    figures["xquad"]["auroc, weights fitted"] = [mean_auroc(half, figures["fit"]["free_weights"]) for half in halves]
    figures["on_its_own"] = {"faq": own_check(*faq), "xquad": own_check(*whole)}
    (OUT / "confidence.json").write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    fitted = figures["fit"]
    print(f"SHIPPED = Curve(scale={fitted['scale']:.1f}, offset={fitted['offset']:.1f})")
    print(f"THRESHOLD = {fitted['threshold']}")
    print("MEASURED, on XQuAD:")
    for row in figures["xquad"]["rates"]:
        print(f"        ({row['threshold']}, {row['missed']:.3f}, {row['near']:.3f}, {row['far']:.3f}),")
    shown = ("auroc_near", "auroc_far", "auroc, weights fitted")
    print(json.dumps({name: figures["xquad"][name] for name in shown}, indent=1))
    print(json.dumps(figures["on_its_own"], indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
