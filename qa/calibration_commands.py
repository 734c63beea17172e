"""``qa calibrate``: fitting the confidence and the threshold of an index."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from index.encode import Encoder, open_encoder
from index.errors import SeedQAError
from index.folder import FolderCatalog, in_force
from index.layout import IndexPaths
from index.opened import Catalog
from index.records import Progress
from index.snapshot import Snapshot, current_id, open_current
from qa import show
from qa.calibration import write_calibration
from qa.catalogs import configured
from qa.options import CACHE, INDEX, JSON, make_output_folder, path_type, settings_with

if TYPE_CHECKING:  # the fit is loaded for this command only
    from qa.calibrate.run import CalibrationReport

_QUESTIONS = 400


@click.command()
@click.option("--dataset", type=path_type(), metavar="PATH", help="BEIR folder, SQuAD JSON or judgements of readers.")
@click.option("--split", metavar="NAME", help="Which qrels of a BEIR folder: test where there are several.")
@click.option(
    "--questions", type=click.IntRange(1), help=f"Questions drawn from the index at most [default: {_QUESTIONS}]."
)
@click.option(
    "--refuse-at-most", type=click.FloatRange(0, 1), default=0.1, show_default=True, metavar="SHARE",
    help="Share of answerable questions that the threshold may refuse.",
)  # fmt: skip
@click.option("--out", type=path_type(), metavar="DIR", help="Write report.json, report.md and plots.")
@click.option("--dry-run", is_flag=True, help="Report, but change nothing.")
@click.option("--reset", is_flag=True, help="Remove the calibration of the index.")
@INDEX
@CACHE
@JSON
def calibrate(
    dataset: Path | None,
    split: str | None,
    questions: int | None,
    refuse_at_most: float,
    out: Path | None,
    dry_run: bool,
    reset: bool,
    index: Path | str | None,
    cache: Path | None,
    as_json: bool,
) -> None:
    """Fit confidence and threshold of an index, and tell what they are worth.

    With --dataset, on its labelled questions. Without, on questions drawn from the index's own passages by rules, each
    asked with its passage and again with it held out; they only choose the threshold. Where answerable and
    unanswerable questions can't be told apart, that is said and nothing changed.
    """
    settings = settings_with(index=index, cache=cache)
    paths = _at_hand(configured(settings))
    if reset:
        given = {"--dataset": dataset, "--split": split, "--questions": questions, "--out": out, "--dry-run": dry_run}
        if extra := [name for name, value in given.items() if value]:
            raise click.UsageError(f"--reset goes without {', '.join(extra)}")
        _reset(paths, as_json)
        return
    if dataset is None and split is not None:
        raise click.UsageError("--split is of a --dataset; name one")
    if dataset is not None and questions is not None:
        raise click.UsageError("--questions is for questions drawn from the index; leave it or --dataset out")
    make_output_folder(out)
    with show.progress(quiet=as_json) as progress, open_current(paths) as snapshot:
        encoder = open_encoder(snapshot.manifest.encoder, settings.cache, progress)
        report = _report(snapshot, encoder, dataset, split, questions or _QUESTIONS, refuse_at_most, progress)
    _finish(paths, report, out, dry_run, as_json)


def _at_hand(catalog: Catalog) -> IndexPaths:
    """Return the folder on this computer that holds the snapshot in force.

    Raises SeedQAError where an index is on a server and the folder that belongs to it holds another snapshot.
    """
    if not isinstance(catalog, FolderCatalog) and in_force(FolderCatalog(catalog.home)) != catalog.current():
        raise SeedQAError(
            f"{catalog.home.root} does not hold the snapshot in force in {catalog.name}, which a calibration reads as "
            f"files; fetch it first: qa export {catalog.home.root} --index {catalog.name}"
        )
    return catalog.home


def _reset(paths: IndexPaths, as_json: bool) -> None:
    current_id(paths)
    was_there = paths.calibration.is_file()
    paths.calibration.unlink(missing_ok=True)
    if as_json:
        show.json_line({"removed": was_there})
    else:
        show.line("The calibration that ships is in force." if was_there else "There was no calibration to remove.")


def _report(
    snapshot: Snapshot,
    encoder: Encoder,
    dataset: Path | None,
    split: str | None,
    questions: int,
    refuse_at_most: float,
    progress: Progress,
) -> CalibrationReport:
    from qa.calibrate.run import calibrate_labelled, calibrate_own, votes_dataset  # noqa: PLC0415 - for this command
    from qa.evaluate.read import kind_of, read_dataset  # noqa: PLC0415 - as above
    from qa.feedback import Feedback  # noqa: PLC0415 - as above

    if dataset is None:
        return calibrate_own(snapshot, encoder, questions, refuse_at_most, progress)
    if kind_of(dataset) == "votes":
        if split is not None:
            raise click.UsageError("judgements of readers have no splits; leave --split out")
        labelled = votes_dataset(Feedback(dataset.parent, dataset.name).read())
        if not labelled.queries:
            raise SeedQAError(f"no passage of {dataset} was marked as an answer yet; mark some on the page: qa serve")
    else:
        labelled = read_dataset(dataset, split)
    return calibrate_labelled(labelled, snapshot, encoder, refuse_at_most, progress)


def _finish(paths: IndexPaths, report: CalibrationReport, out: Path | None, dry_run: bool, as_json: bool) -> None:
    """Keep what was found, and tell it."""
    from qa.calibrate import report as words  # noqa: PLC0415 - loaded for this command only
    from qa.calibrate.run import calibration_of  # noqa: PLC0415 - as above

    made = datetime.now(UTC).isoformat(timespec="seconds")
    calibration = calibration_of(report, made)
    if out is not None:
        words.write_files(out, report, made)
    if calibration is not None and not dry_run:
        write_calibration(paths.calibration, calibration)
    saved = calibration is not None and not dry_run
    if as_json:
        show.json_line({"saved": saved, "report": report})
        return
    for line in words.summary(report):
        show.text(line)
    if report.fitted.rates:
        show.table(*words.error_rates(report.fitted))
    if saved:
        show.text(f"Kept in {paths.calibration}; qa calibrate --reset removes it.")
    elif calibration is not None:
        show.text("Dry run: nothing is changed.")


COMMANDS = (calibrate,)
