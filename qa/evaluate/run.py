"""One evaluation from beginning to end: a data set in, a report and the ranking behind it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from index.encode import Encoder, EncoderInfo
from index.errors import SeedQAError, SnapshotError
from index.layout import IndexPaths
from index.lock import lock
from index.opened import OpenSnapshot
from index.records import Progress, no_progress
from index.snapshot import Snapshot, current_id, open_current, read_origin, restore
from qa.engine import Index
from qa.evaluate.ask import Asked, ask_product, ask_sentences, ask_vectors, ask_words
from qa.evaluate.corpus import indexed
from qa.evaluate.dataset import Dataset, counted, folds
from qa.evaluate.report import Abstention, Report, abstention_of, means_of, rows_of
from qa.evaluate.trec import named_as

RANKINGS = ("default", "vectors", "sentences", "words")
"""The product's own, and for comparison: one vector a document, the nearest sentence, and BM25 alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A report, and what was asked to write it."""

    report: Report
    asked: tuple[Asked, ...]


def evaluate_dataset(
    dataset: Dataset,
    folder: Path,
    encoder: Encoder,
    *,
    origin: Path | None = None,
    ranking: str = "default",
    holdout: str = "",
    threshold: float | None = None,
    progress: Progress = no_progress,
) -> Outcome:
    """Index the documents of a data set in ``folder`` and ask its queries; ``vectors`` needs no index.

    With a ``holdout`` each half of the documents is indexed as well, and all queries asked of it; afterwards, and
    after a failure, the index of all is in force again. ``origin`` is where the data set was read from, ``folder``
    itself where it stands nowhere; what a kept index was made of is known by it.

    Raises SeedQAError where ``folder`` holds an index of another origin, or what is asked for makes no sense.
    """
    if ranking not in RANKINGS:
        raise SeedQAError(f"ranking is {ranking!r}, expected one of {', '.join(RANKINGS)}")
    if holdout and ranking != "default":
        raise SeedQAError(f"ranking {ranking} knows no confidence, so a holdout tells nothing; leave it out")
    halves = folds(dataset, holdout) if holdout else ()
    if ranking == "vectors":
        return _outcome(dataset, ask_vectors(encoder, dataset, progress), ranking, encoder.info)
    origin = origin or folder
    check_folder(folder, origin)
    with indexed(dataset, folder, encoder, origin=origin, threshold=threshold, progress=progress) as index:
        if ranking == "default":
            whole = _measured(dataset, index, encoder.info, progress)
        else:
            with open_current(IndexPaths(folder)) as snapshot:
                whole = _one_side(ranking, snapshot, encoder, dataset, progress)
    if not halves:
        return whole
    asked = [
        (half, _ask_half(half, folder, encoder, origin, whole.report.snapshot, threshold, progress)) for half in halves
    ]
    held_out = abstention_of(asked, whole.report.abstention[0].threshold, holdout)
    return replace(whole, report=replace(whole.report, abstention=(*whole.report.abstention, held_out)))


def _ask_half(
    half: Dataset,
    folder: Path,
    encoder: Encoder,
    origin: Path,
    whole: str,
    threshold: float | None,
    progress: Progress,
) -> tuple[Asked, ...]:
    """Index and ask one half; then the snapshot ``whole`` is in force again, from which the next takes its vectors."""
    try:
        with indexed(half, folder, encoder, origin=origin, threshold=threshold, progress=progress) as index:
            return ask_product(index, half, progress, depth=1)
    finally:
        paths = IndexPaths(folder)
        with lock(paths, f"evaluation in {folder}"):
            restore(paths, whole)


def check_folder(folder: Path, origin: Path) -> None:
    """Raise SeedQAError where a folder holds an index of anything but ``origin``, which must not be replaced."""
    paths = IndexPaths(folder)
    try:
        held = read_origin(paths.snapshot(current_id(paths)))
    except SnapshotError:
        return
    if held != origin.resolve():
        raise SeedQAError(f"{folder} holds the index of {held}, which would be replaced; name another folder")


def evaluate_index(dataset: Dataset, index: Index, snapshot: OpenSnapshot, progress: Progress = no_progress) -> Outcome:
    """Ask the queries of a data set of an index at hand, whose paths are the ids of its documents.

    ``snapshot`` is the one in force in ``index``. Raises SeedQAError where a document is not in the index.
    """
    bound = on_index(dataset, snapshot)
    return _measured(bound, index, snapshot.manifest.encoder, progress)


def on_index(dataset: Dataset, snapshot: OpenSnapshot) -> Dataset:
    """Return a data set with the paths under which an index holds its documents, only the relevant ones.

    An answer whose words no longer stand at its place is left out and counted.
    Raises SeedQAError where a relevant document is not in the index.
    """
    stored = {name: document for document in snapshot.store.documents for name in (document.path, *document.copies)}
    wanted = dict.fromkeys(ident for query in dataset.queries for ident in query.relevant)
    if missing := [ident for ident in wanted if ident not in stored]:
        raise SeedQAError(
            f"{len(missing):,} of {len(wanted):,} documents of {dataset.name} are not in the index asked, first "
            f"{missing[0]!r}; name another with --index, or see with qa status --documents what this one holds"
        )
    given = {document.id: document.text for document in dataset.documents}
    texts = {ident: snapshot.store.document_text(stored[ident].row) for ident in wanted}
    queries = []
    moved = 0
    for query in dataset.queries:
        kept = tuple(
            replace(span, document=stored[span.document].path)
            for span in query.answers
            if texts[span.document].startswith(given[span.document][span.start : span.end], span.start)
        )
        moved += len(query.answers) - len(kept)
        relevant = {stored[ident].path: grade for ident, grade in query.relevant.items()}
        queries.append(replace(query, relevant=relevant, answers=kept))
    several = "answers that no longer stand at their place in the index"
    left_out = counted(moved, "answer that no longer stands at its place in the index", several)
    notes = (f"left out {left_out}",) if moved else ()
    return replace(dataset, queries=tuple(queries), notes=(*dataset.notes, *notes))


def score_run(dataset: Dataset, asked: Sequence[Asked]) -> Outcome:
    """Score a run that was made elsewhere; queries that it lacks score 0, those that nobody judged do not count.

    Ids of the set that have white space may stand in the run as ``write_run`` writes them.
    """
    asked = named_as(dataset, asked)
    judged = {query.id for query in dataset.queries}
    kept = tuple(one for one in asked if one.query in judged)
    lacking = len(judged) - len(kept)
    unknown = len(asked) - len(kept)
    notes = [
        note
        for number, note in (
            (lacking, f"{counted(lacking, 'question is', 'questions are')} not in the run and {_score(lacking)} 0"),
            (unknown, f"{counted(unknown, 'question of the run is', 'questions of the run are')} not in the data set"),
        )
        if number
    ]
    return _outcome(replace(dataset, notes=(*dataset.notes, *notes)), kept, "run", None)


def _score(questions: int) -> str:
    return "scores" if questions == 1 else "score"


def _measured(dataset: Dataset, index: Index, encoder: EncoderInfo, progress: Progress) -> Outcome:
    asked = ask_product(index, dataset, progress)
    abstention = abstention_of([(dataset, asked)], index.threshold)
    return _outcome(dataset, asked, "default", encoder, index.manifest.id, (abstention,))


def _one_side(ranking: str, snapshot: Snapshot, encoder: Encoder, dataset: Dataset, progress: Progress) -> Outcome:
    if ranking == "words":
        return _outcome(dataset, ask_words(snapshot, dataset, progress), ranking, None, snapshot.id)
    return _outcome(dataset, ask_sentences(snapshot, encoder, dataset, progress), ranking, encoder.info, snapshot.id)


def _outcome(
    dataset: Dataset,
    asked: tuple[Asked, ...],
    ranking: str,
    encoder: EncoderInfo | None,
    snapshot: str = "",
    abstention: tuple[Abstention, ...] = (),
) -> Outcome:
    rows = rows_of(dataset, asked)
    troubled = [row for row in rows if row.trouble]
    report = Report(
        dataset=dataset.name,
        drafted=dataset.drafted,
        ranking=ranking,
        model=f"{encoder.model}, {encoder.precision} on {encoder.backend}" if encoder else "",
        snapshot=snapshot,
        documents=len(dataset.documents),
        questions=len(dataset.queries),
        unanswerable=sum(not row.answerable for row in rows),
        measures=means_of(rows),
        abstention=abstention,
        notes=(
            *dataset.notes,
            *(
                [f"{counted(len(troubled), 'question')} could not be asked and {_score(len(troubled))} 0"]
                if troubled
                else []
            ),
        ),
        rows=rows,
    )
    return Outcome(report=report, asked=asked)
