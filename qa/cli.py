"""The command line: the one place that prints, and that turns expected errors into one line and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from index.build import build as build_index
from index.encode import BACKENDS, load_encoder
from index.errors import CitationError, QuestionError, SeedQAError, SettingsError, SnapshotError
from index.layout import IndexPaths
from index.load import walk
from index.lock import lock
from index.manifest import Manifest
from index.snapshot import current_id, diff, examine, load_manifest, prune, read_origin, snapshot_ids
from qa import show
from qa.answer import Answer
from qa.citation import parse_link, verify_link
from qa.config import Settings, read_settings
from qa.engine import Index, check_question

OK, ERROR, USAGE, NOT_FOUND, SOURCE_CHANGED, SOURCE_MISSING, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130

_STATUS_CODES = {"verified": OK, "source changed": SOURCE_CHANGED, "source missing": SOURCE_MISSING}

_EPILOG = """\b
Exit codes: 0 done, 1 error, 2 wrong usage, 3 not found in these documents,
4 source changed, 5 source missing, 130 interrupted."""


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="seedqa", prog_name="qa")
def cli() -> None:
    """Answer questions from your own documents, with passages and citations that can be checked."""


def _path_type() -> click.Path:
    return click.Path(path_type=Path)


_INDEX = click.option("--index", type=_path_type(), metavar="DIR", help="Folder of the index.")
_CACHE = click.option("--cache", type=_path_type(), metavar="DIR", help="Folder of prepared encoders.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


def _settings(**flags: Any) -> Settings:
    """Return the settings with the flags that were given above them."""
    return replace(read_settings(), **{name: value for name, value in flags.items() if value is not None})


@cli.command()
@click.argument("seeds", type=_path_type(), required=False)
@_INDEX
@_CACHE
@click.option("--model", metavar="NAME_OR_PATH", help="A sentence-transformers model: a name or a folder.")
@click.option("--backend", type=click.Choice(BACKENDS), help="What runs the model.")
@_JSON
def build(
    seeds: Path | None, index: Path | None, cache: Path | None, model: str | None, backend: str | None, as_json: bool
) -> None:
    """Read the documents in SEEDS and put an index of them in force.

    Without SEEDS, the folder that the index was built from is read again. Unchanged documents are not
    encoded again. The index in force answers until the new one is complete.
    """
    settings = _settings(seeds=seeds, index=index, cache=cache, model=model, backend=backend)
    folder = settings.seeds or _built_from(IndexPaths(settings.index))
    walk(folder)  # a wrong folder is told before the model is prepared
    with show.progress(quiet=as_json) as progress:
        encoder = load_encoder(settings.model, settings.cache, settings.backend, progress)
        report = build_index(folder, settings.index, encoder, progress)
    if as_json:
        show.json_line(report)
    else:
        show.build_report(report)


def _built_from(paths: IndexPaths) -> Path:
    """Return the folder that the snapshot in force was read from."""
    try:
        known = [current_id(paths)]
    except SnapshotError:
        known = snapshot_ids(paths)
    for ident in known:
        with suppress(SnapshotError):
            return read_origin(paths.snapshot(ident))
    raise click.UsageError("name the folder of documents: qa build FOLDER")


@cli.command()
@click.argument("question", required=False)
@click.option("-k", type=int, help="How many passages to show.")
@click.option("--document", "documents", multiple=True, metavar="GLOB", help="Only documents whose path matches.")
@_INDEX
@_CACHE
@click.option("--model", metavar="NAME_OR_PATH", help="Refuse an index that was built with another model.")
@click.option("--weak", is_flag=True, help="Show passages below the threshold in full, too.")
@click.option("--threshold", type=click.FloatRange(0, 1), help='Confidence below which an answer is "not found".')
@_JSON
def ask(
    question: str | None,
    k: int | None,
    documents: tuple[str, ...],
    index: Path | None,
    cache: Path | None,
    model: str | None,
    threshold: float | None,
    weak: bool,
    as_json: bool,
) -> int:
    """Show the passages that answer QUESTION best; without one, ask for questions until end of input."""
    settings = _settings(index=index, cache=cache, threshold=threshold, k=k)
    if question is not None:
        check_question(question)
    elif as_json and sys.stdin.isatty():
        raise click.UsageError("--json needs a QUESTION, or questions on standard input, one a line")
    with show.progress(quiet=as_json) as progress:
        opened = Index(settings.index, settings.cache, model=model, threshold=settings.threshold, progress=progress)
    with opened:
        if question is None:
            show_one = _show_json_line if as_json else partial(show.answer, weak=weak)
            return _converse(partial(opened.search, k=settings.k, documents=documents or None), show_one)
        answer = opened.search(question, k=settings.k, documents=documents or None)
    if as_json:
        show.json_line(answer)
    else:
        show.answer(answer, weak=weak)
    return OK if answer.found else NOT_FOUND


def _show_json_line(answer: Answer) -> None:
    show.line(answer.to_json())


def _converse(search: Callable[[str], Answer], show_one: Callable[[Answer], None]) -> int:
    """Answer question after question; a question that can't be asked costs only itself."""
    talking = sys.stdin.isatty()
    if talking:
        show.line("Ask a question; an empty line ends.")
    code = OK
    while True:
        try:
            question = show.prompt() if talking else sys.stdin.readline()
        except KeyboardInterrupt:
            show.line("")
            return code
        if not question or (talking and not question.strip()):
            return code
        if not question.strip():
            continue
        try:
            answer = search(question.strip())
        except QuestionError as error:
            show.problem(str(error))
            code = code if talking else USAGE
            continue
        code = code if talking or answer.found or code else NOT_FOUND
        show_one(answer)


@cli.command()
@click.argument("citation")
@click.option("--seeds", type=_path_type(), metavar="DIR", help="Folder of the documents; else that of the index.")
@_INDEX
@_JSON
def verify(citation: str, seeds: Path | None, index: Path | None, as_json: bool) -> int:
    """Re-read the source of CITATION, the link printed with an answer, and say whether it still holds."""
    parse_link(citation)
    if seeds is None:
        paths = IndexPaths(_settings(index=index).index)
        seeds = read_origin(paths.snapshot(current_id(paths)))
    found = verify_link(citation, seeds)
    if as_json:
        show.json_line(found)
    else:
        show.verification(found)
    return _STATUS_CODES[found.status]


def _current(paths: IndexPaths) -> Manifest:
    return load_manifest(paths.snapshot(current_id(paths)))


@cli.command()
@_INDEX
@click.option("--documents", is_flag=True, help="List every document.")
@_JSON
def status(index: Path | None, documents: bool, as_json: bool) -> None:
    """Show the snapshot in force: what it holds, what was left out, and how it was made."""
    paths = IndexPaths(_settings(index=index).index)
    manifest = _current(paths)
    files = paths.snapshot(manifest.id)
    built = datetime.fromtimestamp(files.manifest.stat().st_mtime, UTC).isoformat(timespec="seconds")
    seeds = str(read_origin(files))
    if as_json:
        show.json_line({"index": str(paths.root), "seeds": seeds, "built": built, "manifest": manifest})
    else:
        show.status(manifest, str(paths.root), seeds, built, documents)


@cli.command()
@_INDEX
@_JSON
def doctor(index: Path | None, as_json: bool) -> int:
    """Check every hash, count and format version of every snapshot."""
    paths = IndexPaths(_settings(index=index).index)
    findings = examine(paths)
    checked = snapshot_ids(paths)
    if as_json:
        show.json_line({"snapshots": checked, "findings": findings})
    else:
        show.findings(checked, findings)
    return ERROR if findings else OK


@cli.command("diff")
@click.argument("old", required=False)
@click.argument("new", required=False)
@_INDEX
@_JSON
def diff_command(old: str | None, new: str | None, index: Path | None, as_json: bool) -> None:
    """Compare snapshot OLD with NEW: documents added, changed and removed, and settings.

    NEW is the snapshot in force where it is not named, OLD the one published before it.
    """
    paths = IndexPaths(_settings(index=index).index)
    known = snapshot_ids(paths)
    newer = _named(new, known) if new else current_id(paths)
    if old is None:
        others = [ident for ident in known if ident != newer]
        if not others:
            raise SeedQAError(f"{paths.root} holds one snapshot only, nothing to compare it with; build again first")
        older = others[0]
    else:
        older = _named(old, known)
    found = diff(load_manifest(paths.snapshot(older)), load_manifest(paths.snapshot(newer)))
    if as_json:
        show.json_line(found)
    else:
        show.difference(found)


def _named(prefix: str, known: list[str]) -> str:
    """Return the one snapshot whose id begins with ``prefix``."""
    found = [ident for ident in known if ident.startswith(prefix)]
    if len(found) != 1:
        raise SeedQAError(
            f"{'no' if not found else 'more than one'} snapshot begins with {prefix!r}; "
            f"expected one of {', '.join(known)}"
        )
    return found[0]


@cli.command("prune")
@click.option("--keep", type=click.IntRange(min=0), default=1, show_default=True, help="Older snapshots to keep.")
@_INDEX
@_JSON
def prune_command(keep: int, index: Path | None, as_json: bool) -> None:
    """Remove older snapshots, but never the one in force or one that is being read."""
    paths = IndexPaths(_settings(index=index).index)
    current_id(paths)
    with lock(paths, "prune"):
        removed = prune(paths, keep)
    kept = snapshot_ids(paths)
    if as_json:
        show.json_line({"removed": removed, "kept": kept})
    else:
        show.line(f"Removed {len(removed)} of {len(removed) + len(kept)} snapshots.")


def main() -> None:
    """Run the command line: expected errors become one line and an exit code."""
    show.prepare_streams()
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        show.line(error.format_message())
        code = USAGE
    except click.ClickException as error:
        show.problem(f"{error.format_message().rstrip('.')}; see qa --help")
        code = USAGE
    except (click.Abort, KeyboardInterrupt):
        show.problem("interrupted; nothing is left half-done")
        code = INTERRUPTED
    except (QuestionError, CitationError, SettingsError) as error:
        show.problem(str(error))
        code = USAGE
    except SeedQAError as error:
        show.problem(str(error))
        code = ERROR
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has left; nothing more to say
        code = OK
    except OSError as error:
        show.problem(
            f"{error.filename or 'output'}: {error.strerror or error}; check the path, its permissions and space"
        )
        code = ERROR
    sys.exit(code if isinstance(code, int) else OK)


if __name__ == "__main__":
    main()
