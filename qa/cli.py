"""The command line: the one place that prints, and that turns expected errors into one line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import click

from index.encode import BACKENDS, load_encoder
from index.errors import CitationError, QuestionError, SeedQAError, SettingsError, SnapshotError
from index.folder import FolderCatalog
from index.load.readers import Readers
from index.load.walk import walk
from index.manifest import SEARCHES
from index.opened import Catalog
from index.records import BuildReport
from index.spread import DEADLINE, open_cluster
from qa import calibration_commands, maintenance, show, transfer_commands
from qa.answer import Answer
from qa.catalogs import build_into, built_from, configured
from qa.citation import Known, parse_link, verify_link
from qa.engine import Index
from qa.evaluation_commands import eval_command
from qa.options import (
    CACHE,
    ERROR,
    INDEX,
    INTERRUPTED,
    JSON,
    NOT_FOUND,
    OK,
    SOURCE_CHANGED,
    SOURCE_MISSING,
    USAGE,
    path_type,
    settings_with,
)  # fmt: skip
from qa.question import check_question

_STATUS_CODES = {"verified": OK, "source changed": SOURCE_CHANGED, "source missing": SOURCE_MISSING}

_EPILOG = """\b
Exit codes: 0 done, 1 error, 2 wrong usage, 3 not found in these documents,
4 source changed, 5 source missing, 130 interrupted."""


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="seedqa", prog_name="qa")
def cli() -> None:
    """Answer questions from your own documents, with passages and citations that can be checked."""


@cli.command()
@click.argument("seeds", type=path_type(), required=False)
@INDEX
@CACHE
@click.option("--model", metavar="NAME_OR_PATH", help="A sentence-transformers model: a name or a folder.")
@click.option("--backend", type=click.Choice(BACKENDS), help="What runs the model.")
@click.option("--search", type=click.Choice(SEARCHES), help="How the nearest vectors are found; auto goes by size.")
@click.option(
    "--engine",
    type=click.Choice(("local", "ray")),
    default="local",
    show_default=True,
    help="What reads and encodes: this machine, or a Ray cluster.",
)
@click.option(
    "--address",
    metavar="HOST:PORT",
    default="",
    help="The Ray cluster, of which this machine is a node; without it, one of this machine alone.",
)
@click.option(
    "--deadline",
    type=click.FloatRange(min=1),
    metavar="SECONDS",
    help=f"How long the Ray cluster is waited for, from the start of the build on.  [default: {DEADLINE:g}]",
)
@JSON
def build(
    seeds: Path | None,
    index: Path | str | None,
    cache: Path | None,
    model: str | None,
    backend: str | None,
    search: str | None,
    engine: str,
    address: str,
    deadline: float | None,
    as_json: bool,
) -> None:
    """Read the documents in SEEDS and put an index of them in force.

    Without SEEDS, the folder that the index was built from is read again. Unchanged documents are not
    encoded again. The index in force answers until the new one is complete. It is the same whatever the engine.
    """
    if address and engine != "ray":
        raise click.UsageError("--address names a Ray cluster: it needs --engine ray")
    if deadline is not None and engine != "ray":
        raise click.UsageError("--deadline is for a Ray cluster: it needs --engine ray")
    settings = settings_with(seeds=seeds, index=index, cache=cache, model=model, backend=backend, search=search)
    catalog = configured(settings)
    folder = settings.seeds or _built_from(catalog)
    walk(folder)  # a wrong folder is told before the model is prepared
    with show.progress(quiet=as_json) as progress:
        encoder = load_encoder(settings.model, settings.cache, settings.backend, progress)
        build_with = partial(
            build_into, catalog, folder, progress=progress, limits=settings.limits, search=settings.search
        )
        if engine == "ray":
            seconds = deadline or DEADLINE
            with open_cluster(encoder, settings.cache, show.problem, address, seconds, progress) as cluster:
                report = build_with(cluster.encoder, engine=cluster)
        else:
            report = build_with(encoder)
    if as_json:
        show.json_line(report)
    else:
        show.build_report(report)
        _tell_of_search(catalog, report)


def _tell_of_search(catalog: Catalog, report: BuildReport) -> None:
    """Say so where the build has changed how vectors are searched, which nobody may have meant."""
    if not report.previous:
        return
    try:
        before, now = (catalog.manifest(ident).search for ident in (report.previous, report.snapshot))
    except SeedQAError:  # the one before can't be read any more
        return
    if before != now:
        show.line(f"Search is {now} now, it was {before}; to go back: --search {before}, or search in the settings.")


def _built_from(catalog: Catalog) -> Path:
    """Return the folder that the snapshot in force was read from."""
    if not isinstance(catalog, FolderCatalog):
        return built_from(catalog)
    try:
        known = [catalog.current()]
    except SnapshotError:
        known = catalog.ids()
    for ident in known:
        with suppress(SnapshotError):
            return catalog.origin(ident)
    raise click.UsageError("name the folder of documents: qa build FOLDER")


@cli.command()
@click.argument("question", required=False)
@click.option("-k", type=int, help="How many passages to show.")
@click.option("--document", "documents", multiple=True, metavar="GLOB", help="Only documents whose path matches.")
@INDEX
@CACHE
@click.option("--model", metavar="NAME_OR_PATH", help="Refuse an index that was built with another model.")
@click.option("--weak", is_flag=True, help="Show passages below the threshold in full, too.")
@click.option("--threshold", type=click.FloatRange(0, 1), help='Confidence below which an answer is "not found".')
@JSON
def ask(
    question: str | None,
    k: int | None,
    documents: tuple[str, ...],
    index: Path | str | None,
    cache: Path | None,
    model: str | None,
    threshold: float | None,
    weak: bool,
    as_json: bool,
) -> int:
    """Show the passages that answer QUESTION best; without one, ask for questions until end of input."""
    settings = settings_with(index=index, cache=cache, threshold=threshold, k=k)
    if question is not None:
        check_question(question)
    elif as_json and sys.stdin.isatty():
        raise click.UsageError("--json needs a QUESTION, or questions on standard input, one a line")
    with show.progress(quiet=as_json) as progress:
        opened = Index(
            configured(settings), settings.cache, model=model, threshold=settings.threshold, progress=progress
        )
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
@click.option("--seeds", type=path_type(), metavar="DIR", help="Folder of the documents; else that of the index.")
@INDEX
@JSON
def verify(citation: str, seeds: Path | None, index: Path | str | None, as_json: bool) -> int:
    """Re-read the source of CITATION, the link printed with an answer, and say whether it still holds."""
    link = parse_link(citation)
    known = Known()
    if seeds is None:
        catalog = configured(settings_with(index=index))
        ident = catalog.current()
        seeds, manifest = catalog.origin(ident), catalog.manifest(ident)
        copies = next((d.copies for d in manifest.documents if d.path == link.path), ())
        known = Known(copies=copies, limits=manifest.recipe.limits)
    with Readers(settings_with().limits, workers=1) as readers:
        found = verify_link(citation, seeds, readers, known)
    if as_json:
        show.json_line(found)
    else:
        show.verification(found)
    return _STATUS_CODES[found.status]


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=7860, show_default=True, help="Port; 0 for a free one.")
@click.option("--auth", metavar="FILE", help="File with a line user:password that is asked for (or SEEDQA_AUTH).")
@click.option(
    "--allow-host", "allowed", multiple=True, metavar="NAME", help="Name under which the page is reached, too."
)
@click.option("--root-path", default="", metavar="PATH", help="Where a proxy publishes the page, such as /seedqa.")
@click.option("--tls-cert", type=path_type(), metavar="FILE", help="Certificate, to serve over https.")
@click.option("--tls-key", type=path_type(), metavar="FILE", help="Key of the certificate.")
@click.option("--watch", is_flag=True, help="Rebuild when the documents change.")
@click.option("--read-only", is_flag=True, help="Let readers ask, but not change the index.")
@click.option("--mcp", is_flag=True, help="Offer search, open, verify and list as tools of an MCP server, too.")
@click.option("--log", metavar="FILE", help="Write what happens to FILE, a line of JSON each; - is standard error.")
@click.option("--log-questions", is_flag=True, help="Write what was asked to the log, too.")
@INDEX
@CACHE
@click.option("--threshold", type=click.FloatRange(0, 1), help='Confidence below which an answer is "not found".')
def serve(
    host: str,
    port: int,
    auth: str | None,
    allowed: tuple[str, ...],
    root_path: str,
    tls_cert: Path | None,
    tls_key: Path | None,
    watch: bool,
    read_only: bool,
    mcp: bool,
    log: str | None,
    log_questions: bool,
    index: Path | str | None,
    cache: Path | None,
    threshold: float | None,
) -> None:
    """Open the page in which to ask, read and check, and to look after the index; with it comes the API."""
    from qa.guard import read_login  # noqa: PLC0415 - the server is loaded for this command only
    from qa.page.serve import Serving, run  # noqa: PLC0415 - as above

    serving = Serving(
        host=host,
        port=port,
        root_path=root_path,
        allowed_hosts=allowed,
        login=read_login(auth, os.environ),
        certificate=tls_cert,
        key=tls_key,
        watch=watch,
        mcp=mcp,
        read_only=read_only,
        log=log,
        log_questions=log_questions,
    )
    run(settings_with(index=index, cache=cache, threshold=threshold), serving, show.line, show.progress(quiet=False))


for command in (*maintenance.COMMANDS, *transfer_commands.COMMANDS, eval_command, *calibration_commands.COMMANDS):
    cli.add_command(command)


_INTERRUPTED = "interrupted; nothing is left half-done"


def _interrupted(error: BaseException | None) -> bool:
    """Tell whether what went wrong began with a Ctrl-C."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


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
        show.problem(_INTERRUPTED)
        code = INTERRUPTED
    except (QuestionError, CitationError, SettingsError) as error:
        show.problem(str(error))
        code = USAGE
    except SeedQAError as error:
        show.problem(str(error))
        code = ERROR
    except ImportError as error:  # some libraries make one of a Ctrl-C that meets them while they are loaded
        if not _interrupted(error):
            raise
        show.problem(_INTERRUPTED)
        code = INTERRUPTED
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
