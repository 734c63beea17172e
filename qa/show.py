"""What the command line prints. Text from documents is shown as it is, never read as markup."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from index.compare import Difference
from index.examine import Recall
from index.manifest import EXACT, Manifest, SearchRecord
from index.opened import Finding
from index.records import BuildReport, Skipped, no_progress
from index.records import Progress as Report
from qa.answer import Answer, Result, Verification
from qa.pace import Pace, time_left


class _Console(Console):
    """A console that leaves a reader who has gone away to the command line."""

    def on_broken_pipe(self) -> None:
        """Raise BrokenPipeError instead of ending the process."""
        raise BrokenPipeError


_out = _Console(highlight=False)
_err = _Console(stderr=True, highlight=False)

_STAGES = {
    "prepare": "Preparing the model (once)",
    "cluster": "Waiting for the cluster",
    "scan": "Finding files",
    "load": "Reading documents",
    "encode": "Encoding sentences",
    "sort": "Sorting vectors",
    "lexical": "Counting words",
    "write": "Writing the snapshot",
    "check": "Checking it",
    "send": "Sending it",
    "publish": "Putting it in force",
    "ask": "Asking questions",
}
_CONTROL = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160)), "\N{REPLACEMENT CHARACTER}")


def _clean(text: str) -> str:
    """Return a document's text without control characters, which could drive the terminal."""
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_CONTROL)


def prepare_streams() -> None:
    """Let output go on where the terminal's encoding lacks a character."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


with suppress(ImportError):  # gives the prompt editing and history, where Python has it
    import readline  # noqa: F401


@contextmanager
def progress(*, quiet: bool) -> Iterator[Report]:
    """Show a bar for each stage on a terminal; elsewhere, or when ``quiet``, nothing."""
    if quiet or not _err.is_terminal:
        yield no_progress
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[pace]}"),
    )
    tasks: dict[str, Any] = {}
    pace = Pace()
    with Progress(*columns, console=_err, transient=True) as bars:

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(_STAGES[stage], total=None, pace="")
            pace.tell(stage, done, total)
            for other, task in tasks.items():
                if other != stage:
                    bars.update(task, total=1, completed=1, visible=False)
            bars.update(tasks[stage], completed=done, total=total or None, visible=True, pace=_pace(pace))

        yield report


def _pace(pace: Pace) -> str:
    """Return how fast it goes and how long it takes yet, as far as that is known."""
    if not pace.rate:
        return ""
    left = f", {time_left(pace.left)} left" if pace.left else ""
    return f"{pace.rate:,.0f}/s{left}" if pace.rate >= 10 else f"{pace.rate:.1f}/s{left}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def json_line(value: Any) -> None:
    """Print a record or plain value as one JSON document."""
    _write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def line(text: str) -> None:
    """Print one line."""
    _write(text)


def _write(text: str) -> None:
    sys.stdout.write(
        text.encode(sys.stdout.encoding or "utf-8", "replace").decode(sys.stdout.encoding or "utf-8") + "\n"
    )
    sys.stdout.flush()


def problem(text: str) -> None:
    """Print an error as one line."""
    one_line = _clean(" ".join(text.split()))
    _err.print(Text("qa: ", style="bold red") + Text(one_line), soft_wrap=True)


def prompt() -> str:
    """Ask for a question on the terminal; an empty string at the end of input."""
    try:
        return _out.input(Text("\n? ", style="bold"))
    except EOFError:
        return ""


def answer(found: Answer, *, weak: bool = False) -> None:
    """Print an answer: numbered passages, or that there is none, with weak passages in full if asked for."""
    for note in found.notes:
        _out.print(Text(f"Note: {note}", style="yellow"), soft_wrap=True)
    if not found.found:
        _out.print(
            Text("Not found in these documents.", style="bold yellow")
            + Text(f" Confidence {found.confidence:.3f} is below {found.threshold:.3f}.")
            + Text("" if weak else " Nearest, in full with --weak:"),
            soft_wrap=True,
        )
    aside = "\nWeaker, in full with --weak:" if found.found else ""
    for result in found.results:
        if weak or (found.found and result.confidence >= found.threshold):
            _result(result)
            continue
        if aside:
            _out.print(Text(aside))
            aside = ""
        citation = result.citation
        near = f"{result.rank}. {citation.heading} ({citation.place}, confidence {result.confidence:.2f})"
        _out.print(Text(_clean(near), style="dim"), soft_wrap=True)


def _result(result: Result) -> None:
    citation = result.citation
    _out.print()
    _out.print(Text(f"{result.rank}. ") + Text(_clean(citation.heading), style="bold"), soft_wrap=not _out.is_terminal)
    body = Text()
    cuts = citation.evidence_start - citation.start, citation.evidence_end - citation.start
    body.append(_clean(citation.quote[: cuts[0]]))
    if _out.is_terminal and _out.color_system and not _out.no_color:
        body.append(_clean(citation.evidence), style="bold reverse")
    else:
        body.append(f">>>{_clean(citation.evidence)}<<<")
    body.append(_clean(citation.quote[cuts[1] :]))
    origin = f" · {citation.origin}" if citation.origin else ""
    place = f"{citation.place}{origin} · confidence {result.confidence:.2f} · score {result.score:.3f}"
    _indented(Text(_clean(place), style="cyan"))
    _indented(body)
    _out.print(Text("   " + citation.link, style="dim"), soft_wrap=True)


def _indented(text: Text) -> None:
    """Print text under a heading; only a terminal gets lines broken to its width."""
    if _out.is_terminal:
        _out.print(Padding(text, (0, 0, 0, 3)))
    else:
        _out.print(Text("\n").join(Text("   ") + line if line else line for line in text.split("\n")), soft_wrap=True)


def verification(found: Verification) -> None:
    """Print what became of a citation, as a sign, a word and a sentence."""
    sign, style = {"verified": ("✔", "green"), "source changed": ("≠", "yellow")}.get(found.status, ("✘", "red"))
    _out.print(
        Text(f"{sign} {found.status}", style=f"bold {style}") + Text(f": {_clean(found.detail)}"), soft_wrap=True
    )


def build_report(report: BuildReport) -> None:
    """Print the summary of a build and its coverage report."""
    _out.print(
        f"Indexed {_count(report.documents, 'document')}, {_count(report.passages, 'passage')}, "
        f"{_count(report.sentences, 'sentence')} ({_count(report.reused, 'vector')} reused) in {report.seconds:.1f} s.",
        soft_wrap=True,
    )
    same = " (nothing changed)" if report.snapshot == report.previous else ""
    _out.print(f"Snapshot {report.snapshot} is in force{same}.")
    left_out = [skipped for skipped in report.skipped if not skipped.copy_of]
    _listing(f"Left out {len(left_out)} of {report.found}:", left_out)
    _listing("Indexed once, with a document of the same content:", _copies(report.skipped))
    _listing("Notes on indexed files:", report.notes)


def _copies(skipped: Sequence[Skipped]) -> list[Skipped]:
    return [Skipped(source=copy.source, reason=copy.copy_of) for copy in skipped if copy.copy_of]


def _listing(title: str, rows: Sequence[Skipped]) -> None:
    """Print files with reasons: wrapped to a terminal, else one line each, for programs that read them."""
    if not rows:
        return
    _out.print(title)
    if not _out.is_terminal:
        width = max(len(_clean(row.source)) for row in rows)
        for row in rows:
            _write(f"  {_clean(row.source):<{width}}  {_clean(row.reason)}")
        return
    table = Table.grid(padding=(0, 2))
    for row in rows:
        table.add_row(Text("  " + _clean(row.source), overflow="fold"), Text(_clean(row.reason), style="yellow"))
    _out.print(table)


def status(manifest: Manifest, index: str, seeds: str, built: str, threshold: str, documents: bool) -> None:
    """Print what a snapshot holds."""
    encoder, counts = manifest.encoder, manifest.counts
    table = Table.grid(padding=(0, 2))
    rows = (
        ("Snapshot", f"{manifest.id}, built {built}, format {manifest.format}"),
        ("Index", index),
        ("Seeds", seeds),
        ("Holds", f"{counts.documents} documents, {counts.passages} passages, {counts.sentences} sentences"),
        ("Model", f"{encoder.model}, {encoder.precision} on {encoder.backend}, {encoder.fingerprint[:12]}"),
        ("Search", f"sentences: {_way(manifest.sentence_search)}; passages: {_way(manifest.passage_search)}"),
        ("Languages", ", ".join(manifest.languages)),
        ("Threshold", threshold),
    )
    for name, value in rows:
        table.add_row(Text(name, style="bold"), Text(_clean(value)))
    _out.print(table, soft_wrap=True)
    if documents:
        listing = Table("Path", "Title", "Passages", "Bytes", "sha256", box=None, pad_edge=False)
        for document in manifest.documents:
            listing.add_row(
                Text(_clean(document.path)), Text(_clean(document.title)), str(document.passages),
                str(document.bytes), document.sha256[:12],
            )  # fmt: skip
        _out.print(listing)
    left_out = [skipped for skipped in manifest.skipped if not skipped.copy_of]
    _listing(f"Left out {len(left_out)}:", left_out)
    _listing("Indexed once, with a document of the same content:", _copies(manifest.skipped))
    _listing(
        "Notes on indexed files:", [Skipped(source=d.path, reason=note) for d in manifest.documents for note in d.notes]
    )


def _way(search: SearchRecord) -> str:
    """Return how vectors are searched, in a few words."""
    if search.kind == EXACT:
        return "all are compared"
    return f"{search.recall:.3f} of the nearest found in {search.probes} of {search.lists} lists"


def recalls(measured: Sequence[Recall]) -> None:
    """Print how many of the nearest vectors are found."""
    for one in measured:
        how = one.search
        if how.kind == EXACT:
            _out.print(f"{one.of}: all are compared")
            continue
        line = f"{one.of}: {one.found:.3f} of the hundred nearest are found, {how.recall:.3f} when it was built "
        _out.print(f"{line}({how.probes} of {how.lists} lists, {how.factor} candidates for each)", soft_wrap=True)


def findings(checked: Sequence[str], found: Sequence[Finding], current: str) -> None:
    """Print what a check of the index found, whose snapshot ``current`` is in force."""
    for finding in found:
        _out.print(Text(f"✘ {finding.snapshot}: {_clean(finding.problem)}", style="red"), soft_wrap=True)
    if not found:
        _out.print(f"✔ {_count(len(checked), 'snapshot')} checked: every hash, count and format version fits.")
    elif {finding.snapshot for finding in found} & (set(checked) - {current}):
        _out.print("Earlier snapshots are needed for going back alone; remove them with qa prune --keep 0.")


def difference(found: Difference) -> None:
    """Print what changed between two snapshots."""
    _out.print(f"{found.old} → {found.new}")
    for sign, style, paths in (
        ("+", "green", found.added),
        ("~", "yellow", found.changed),
        ("-", "red", found.removed),
    ):
        for path in paths:
            _out.print(Text(f"{sign} {_clean(path)}", style=style))
    for setting in found.settings:
        _out.print(Text(f"! {setting}", style="cyan"))
    if not (found.added or found.changed or found.removed or found.settings):
        _out.print("No difference.")


def text(sentence: str) -> None:
    """Print a sentence that may hold text of documents."""
    _out.print(Text(_clean(sentence)), soft_wrap=not _out.is_terminal)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under the names of their columns: fitted to a terminal, else each on one line."""
    if _out.is_terminal:
        grid = Table(*columns, box=None, pad_edge=False)
        for row in rows:
            grid.add_row(*(Text(_clean(cell), overflow="fold") for cell in row))
        _out.print(grid)
        return
    lines = [[_clean(" ".join(cell.split())) for cell in row] for row in (columns, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for row in lines:
        _write("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
