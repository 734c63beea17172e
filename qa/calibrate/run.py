"""One calibration from beginning to end: an index and maybe a labelled set in, a report out."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from index.encode import Encoder
from index.layout import IndexPaths
from index.records import Progress, no_progress
from index.snapshot import Snapshot, open_current
from qa.answer import JsonRecord
from qa.calibrate.fit import Fitted, Source, fit
from qa.calibrate.trials import Trial, drawn_trials, labelled_trials
from qa.calibration import Calibration
from qa.evaluate.corpus import indexed
from qa.evaluate.dataset import Dataset, Document, Query
from qa.evaluate.run import on_index
from qa.feedback import Judgement

OWN = "its own passages"
"""What an index without a labelled set is calibrated on, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationReport(JsonRecord):
    """What a calibration found."""

    fitted_on: str
    snapshot: str
    encoder: str
    """Fingerprint."""
    fitted: Fitted
    notes: tuple[str, ...] = ()


def calibrate_own(
    snapshot: Snapshot, encoder: Encoder, questions: int, refuse_at_most: float, progress: Progress = no_progress
) -> CalibrationReport:
    """Calibrate an index on questions drawn from its own passages, at most ``questions``."""
    trials = drawn_trials(snapshot, encoder, questions, progress)
    return _report(OWN, snapshot, trials, "drawn", refuse_at_most, ())


def calibrate_labelled(
    dataset: Dataset, snapshot: Snapshot, encoder: Encoder, refuse_at_most: float, progress: Progress = no_progress
) -> CalibrationReport:
    """Calibrate an index on a labelled set: on the index itself where that holds the set's documents.

    Where it holds none of them, an index of the set is made with the same encoder and thrown away again, and a note
    tells that. A drafted set counts as drawn questions.

    Raises SeedQAError where the index holds only some of the relevant documents.
    """
    source: Source = "drawn" if dataset.drafted else "labelled"
    paths = {path for document in snapshot.store.documents for path in (document.path, *document.copies)}
    if any(ident in paths for query in dataset.queries for ident in query.relevant):
        bound = on_index(dataset, snapshot)
        renamed = _renamed(bound, snapshot)
        trials = labelled_trials(renamed, snapshot, encoder, progress)
        return _report(dataset.name, snapshot, trials, source, refuse_at_most, bound.notes)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        indexed(dataset, folder, encoder, progress=progress).close()
        with open_current(IndexPaths(folder)) as made:
            trials = labelled_trials(dataset, made, encoder, progress)
            place = snapshot.paths.root.parent.parent
            foreign = f"fitted on {dataset.name}, none of whose documents are in {place}"
            return _report(dataset.name, made, trials, source, refuse_at_most, (*dataset.notes, foreign))


def _renamed(dataset: Dataset, snapshot: Snapshot) -> Dataset:
    """Return a set whose documents are called as the index calls them; those it does not hold are left out."""
    rows = {path: document.path for document in snapshot.store.documents for path in (document.path, *document.copies)}
    kept = tuple(replace(d, id=rows[d.id]) for d in dataset.documents if d.id in rows)
    return replace(dataset, documents=kept)


def votes_dataset(judgements: Sequence[Judgement]) -> Dataset:
    """Return the questions for which readers marked a passage as useful, with the documents of these passages."""
    useful: dict[str, dict[str, int]] = {}
    for judgement in judgements:
        if judgement.useful:
            useful.setdefault(judgement.question, {})[judgement.path] = 1
    return Dataset(
        name="the judgements of its readers",
        documents=tuple(Document(id=path, text="") for path in sorted({p for found in useful.values() for p in found})),
        queries=tuple(Query(id=text, text=text, relevant=relevant) for text, relevant in useful.items()),
    )


def _report(
    fitted_on: str,
    snapshot: Snapshot,
    trials: Sequence[Trial],
    source: Source,
    refuse_at_most: float,
    notes: tuple[str, ...],
) -> CalibrationReport:
    return CalibrationReport(
        fitted_on=fitted_on,
        snapshot=snapshot.id,
        encoder=snapshot.manifest.encoder.fingerprint,
        fitted=fit(trials, source, refuse_at_most),
        notes=notes,
    )


def calibration_of(report: CalibrationReport, made: str) -> Calibration | None:
    """Return what can be kept of a report, or nothing where its verdict is against it; ``made`` is the time in UTC."""
    fitted = report.fitted
    if fitted.verdict or fitted.chosen is None or fitted.near is None:
        return None
    return Calibration(
        source=fitted.source,
        fitted_on=report.fitted_on,
        questions=fitted.questions,
        made=made,
        encoder=report.encoder,
        snapshot=report.snapshot,
        curve=fitted.curve,
        threshold=fitted.chosen.threshold,
        near=fitted.near,
        far=fitted.far,
        rates=fitted.rates,
    )
