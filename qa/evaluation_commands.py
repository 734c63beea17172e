"""``qa eval``: measuring an index on judgements of readers and on data sets, and drafting one."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from index.encode import load_encoder
from index.errors import SeedQAError
from qa import show
from qa.catalogs import configured
from qa.config import Settings
from qa.engine import Index
from qa.options import CACHE, INDEX, JSON, make_output_folder, path_type, settings_with

if TYPE_CHECKING:  # the measures are loaded for this command only
    from qa.evaluate.dataset import Dataset
    from qa.evaluate.report import Report
    from qa.evaluate.run import Outcome
    from qa.evaluate.votes import Evaluation

_K, _ROWS = 10, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What was asked for, beside the settings."""

    dataset: Path
    split: str | None
    run: Path | None
    ranking: str
    holdout: str
    keep: Path | None
    model: str | None
    at_hand: bool
    """An index was named."""


@click.command("eval")
@click.option("--dataset", type=path_type(), metavar="PATH", help="BEIR folder, SQuAD JSON, TREC qrels or votes.")
@click.option("--split", metavar="NAME", help="Which qrels of a BEIR folder: test where there are several.")
@click.option("--run", type=path_type(), metavar="FILE", help="Score this TREC run instead of asking.")
@click.option(
    "--ranking", type=click.Choice(["default", "vectors", "sentences", "words"]),
    help="Of whole documents by one vector each, or by sentences or words alone, for comparison.",
)  # fmt: skip
@click.option("--holdout", type=click.Choice(["near", "far"]), help="Leave out half, to measure abstention.")
@click.option("--keep", type=path_type(), metavar="DIR", help="Keep the data set's index here, to be taken again.")
@click.option(
    "--against", type=path_type(), metavar="REPORT", help="Compare with the report.json or --out of another run."
)
@click.option("--rows", type=click.IntRange(0), help=f"Questions to list, the worst first [default: {_ROWS}].")
@click.option("--out", type=path_type(), metavar="DIR", help="Write report.json, report.md, run.trec and plots.")
@click.option("--suggest", type=path_type(), metavar="FILE", help="Draft a data set from the index into this file.")
@click.option("-k", type=click.IntRange(1, 100), help=f"Passages looked at for judgements [default: {_K}].")
@INDEX
@CACHE
@click.option("--model", metavar="NAME_OR_PATH", help="The model to index a data set with.")
@JSON
def eval_command(
    dataset: Path | None,
    split: str | None,
    run: Path | None,
    ranking: str | None,
    holdout: str | None,
    keep: Path | None,
    against: Path | None,
    rows: int | None,
    out: Path | None,
    suggest: Path | None,
    k: int | None,
    index: Path | str | None,
    cache: Path | None,
    model: str | None,
    as_json: bool,
) -> None:
    """Measure how well questions are answered.

    Without --dataset, on the passages that readers marked as answering their questions, or not. With it, the
    documents of the data set are indexed and its questions asked; with --index as well, they are asked of that index.
    """
    settings = settings_with(index=index, cache=cache, model=model)
    only_sets = {
        "--split": split, "--run": run, "--ranking": ranking, "--holdout": holdout, "--keep": keep,
        "--against": against, "--rows": rows, "--out": out, "--model": model,
    }  # fmt: skip
    given = [name for name, value in only_sets.items() if value is not None]
    if suggest is not None:
        _refuse("--suggest", [*given, *(["--dataset"] if dataset else []), *(["-k"] if k else [])])
        _suggest(settings, suggest, named=index is not None, as_json=as_json)
        return
    if dataset is None and run is not None:
        raise click.UsageError("--run is scored on a data set; name the data set: --dataset PATH")
    if dataset is None or _holds_votes(dataset):
        _refuse("measuring on judgements", given)
        _print_votes(_judged(settings, dataset, k or _K), as_json)
        return
    _refuse("a data set", ["-k"] if k else [])
    wanted = _Wanted(
        dataset=dataset, split=split, run=run, ranking=ranking or "default", holdout=holdout or "", keep=keep,
        model=model, at_hand=index is not None,
    )  # fmt: skip
    _report(settings, wanted, against, _ROWS if rows is None else rows, out, as_json)


def _refuse(what: str, options: list[str]) -> None:
    """Raise a usage error where options were given that ``what`` does not know."""
    if options:
        raise click.UsageError(f"{what} goes without {', '.join(options)}")


def _suggest(settings: Settings, target: Path, *, named: bool, as_json: bool) -> None:
    """Write a draft; a file that is there already may hold somebody's work and stays."""
    from qa.evaluate.dataset import counted  # noqa: PLC0415 - loaded for this command only
    from qa.evaluate.squad import write_squad  # noqa: PLC0415 - loaded for this command only
    from qa.evaluate.suggest import suggest  # noqa: PLC0415 - as above

    with closing(configured(settings).open()) as snapshot:
        drafted = suggest(snapshot.store)
    write_squad(target, drafted)
    questions = sum(len(paragraph.qas) for article in drafted.data for paragraph in article.paragraphs)
    if as_json:
        show.json_line({"file": str(target), "documents": len(drafted.data), "questions": questions})
        return
    made = f"{counted(questions, 'question')} on {counted(len(drafted.data), 'document')}"
    show.text(f"Drafted {made} into {target}. {drafted.note}")
    at = f" --index {configured(settings).name}" if named else ""
    show.text(f"Then: qa eval --dataset {target}{at}")


def _holds_votes(dataset: Path) -> bool:
    """Tell whether judgements of readers were named as the data set."""
    from qa.evaluate.read import kind_of  # noqa: PLC0415 - loaded for this command only

    return kind_of(dataset) == "votes"


def _judged(settings: Settings, path: Path | None, k: int) -> Evaluation:
    """Measure the index on the judgements in a file, or on those that are kept with it."""
    from qa.evaluate.votes import evaluate  # noqa: PLC0415 - loaded for this command only
    from qa.feedback import Feedback  # noqa: PLC0415 - as above

    feedback = Feedback(configured(settings).home.root) if path is None else Feedback(path.parent, path.name)
    with Index(configured(settings), settings.cache, threshold=settings.threshold) as opened:
        judgements = feedback.read()
        if not any(judgement.useful for judgement in judgements):
            of = path or configured(settings).name
            raise SeedQAError(f"no passage of {of} was marked as an answer yet; mark some on the page: qa serve")
        return evaluate(lambda question, k: opened.search(question, k=k), judgements, k)


def _report(
    settings: Settings, wanted: _Wanted, against: Path | None, rows: int, out: Path | None, as_json: bool
) -> None:
    """Evaluate, compare, write and print."""
    from qa.evaluate.compare import compare, read_report  # noqa: PLC0415 - loaded for this command only

    earlier = read_report(against) if against is not None else None
    make_output_folder(out)
    outcome = _evaluated(settings, wanted, quiet=as_json)
    if earlier is not None:
        compared = compare(outcome.report, earlier)
        outcome = replace(outcome, report=replace(outcome.report, compared=compared))
    if out is not None:
        from qa.evaluate.files import write_files  # noqa: PLC0415 - loads what draws the plots

        write_files(out, outcome, rows)
    if as_json:
        show.line(outcome.report.to_json(indent=2))
    else:
        _print_report(outcome.report, rows)
        if out is not None:
            show.text(f"Written to {out}.")


def _evaluated(settings: Settings, wanted: _Wanted, *, quiet: bool) -> Outcome:
    """Score a run, ask an index at hand, or build one and ask that."""
    from qa.evaluate.read import kind_of, read_dataset  # noqa: PLC0415 - loaded for this command only
    from qa.evaluate.run import evaluate_dataset, score_run  # noqa: PLC0415 - as above
    from qa.evaluate.trec import read_qrels, read_run  # noqa: PLC0415 - as above

    is_qrels = kind_of(wanted.dataset) == "qrels"
    if is_qrels and wanted.run is None:
        raise click.UsageError(f"{wanted.dataset} holds judgements alone; name the run to score: --run FILE")
    if wanted.run is not None:
        _refuse("--run", _named(wanted, "holdout", "keep", "model", "at_hand", *(["split"] if is_qrels else [])))
        dataset = read_qrels(wanted.dataset) if is_qrels else read_dataset(wanted.dataset, wanted.split)
        return score_run(dataset, read_run(wanted.run))
    dataset = read_dataset(wanted.dataset, wanted.split)
    if wanted.at_hand or dataset.drafted:
        _refuse("asking an index at hand", _named(wanted, "holdout", "keep", "model"))
        return _asked_at_hand(settings, dataset, quiet)
    backend = "torch" if wanted.ranking == "vectors" else settings.backend  # published figures are not of int8
    with ExitStack() as stack:
        progress = stack.enter_context(show.progress(quiet=quiet))
        folder = wanted.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qa-eval-")))
        return evaluate_dataset(
            dataset,
            folder,
            load_encoder(settings.model, settings.cache, backend, progress),
            origin=wanted.dataset,
            ranking=wanted.ranking,
            holdout=wanted.holdout,
            threshold=settings.threshold,
            progress=progress,
        )


def _named(wanted: _Wanted, *fields: str) -> list[str]:
    """Return the options that were given, of some; a ranking is never among what is needed there."""
    flags = {"at_hand": "--index"}
    found = [flags.get(name, f"--{name}") for name in fields if getattr(wanted, name)]
    return found if wanted.ranking == "default" else ["--ranking", *found]


def _asked_at_hand(settings: Settings, dataset: Dataset, quiet: bool) -> Outcome:
    from qa.evaluate.run import evaluate_index  # noqa: PLC0415 - loaded for this command only

    with ExitStack() as stack:
        progress = stack.enter_context(show.progress(quiet=quiet))
        catalog = configured(settings)
        opened = stack.enter_context(Index(catalog, settings.cache, threshold=settings.threshold, progress=progress))
        snapshot = stack.enter_context(closing(catalog.open()))
        return evaluate_index(dataset, opened, snapshot, progress)


def _print_report(report: Report, rows: int) -> None:
    from qa.evaluate import markdown  # noqa: PLC0415 - loaded for this command only
    from qa.evaluate.dataset import counted  # noqa: PLC0415 - as above

    for sentence in markdown.summary(report):
        show.text(sentence)
    show.table(*markdown.measures(report))
    for sentence in markdown.abstentions(report):
        show.text(sentence)
    if report.compared:
        show.text("Against the other run:")
        show.table(*markdown.comparison(report.compared))
    if rows and report.rows:
        show.text(f"The worst first, {min(rows, len(report.rows))} of {counted(len(report.rows), 'question')}:")
        for row in report.rows[:rows]:
            for line in ("", *markdown.fared(row)):
                show.text(line)


def _print_votes(found: Evaluation, as_json: bool) -> None:
    if as_json:
        show.json_line(found)
        return
    questions = f"{found.questions} question{'' if found.questions == 1 else 's'}"
    passages = f"{found.judgements} judged passage{'' if found.judgements == 1 else 's'}"
    show.text(
        f"{questions} with {passages}: hit@1 {found.hit_at_1:.3f}, hit@5 {found.hit_at_5:.3f}, "
        f"MRR@10 {found.mrr_at_10:.3f}, nDCG@10 {found.ndcg_at_10:.3f}."
    )
    show.text(
        f"Refused although a passage answers: {found.refused}. "
        f"Passages marked as no answer among the first five: {found.rejected_shown}."
    )
    rows = [(str(row.rank or "–"), f"{row.confidence:.2f}", row.question, row.path) for row in found.rows]
    show.table(("Rank", "Confidence", "Question", "Document"), rows)
