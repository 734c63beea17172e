"""``python -m benchmarks.peers --eval EVAL [--only NAME]... [--quick] [--fresh] [FOLDER]...``.

Makes an environment for each rival, measures every system in the same run, writes benchmarks/out/peers.json, the
section of docs/peers.md between its markers and docs/images/peers.svg, and prints the ratios. A run with ``--only`` or
``--quick`` writes benchmarks/out/peers-part.json alone.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.peers import report
from benchmarks.peers.rounds import ASKED, Contender, measure_all, say
from benchmarks.peers.sets import quality_sets
from benchmarks.peers.systems import OUT, ROOT, Process, System, Unavailable, chosen, prepare
from index.encode import DEFAULT_MODEL
from index.encode.models import find_model

ROUNDS, QUICK_ROUNDS = 3, 1
SHARE, QUICK_SHARE = 6, 40
"""Of the files of the first set the part that is indexed for time: a sixth, a fortieth."""
QUICK_ASKED = 20

PAGE = ROOT / "docs" / "peers.md"
PICTURE = "images/peers.svg"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says."""

    evaluation: Path
    folders: tuple[Path, ...]
    only: tuple[str, ...]
    quick: bool
    fresh: bool

    @property
    def whole(self) -> bool:
        """Whether everything is measured, and the page may be written."""
        return not self.quick and not self.only


def read_options(arguments: Sequence[str]) -> Options:
    """Return the options. benchmarks/out/faq is measured wherever it is there."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description="SeedQA beside its peers.")
    parser.add_argument("folders", type=Path, nargs="*", help="further BEIR folders")
    parser.add_argument("--eval", type=Path, required=True, help="folder with chunking/ and xquad/")
    parser.add_argument("--only", action="append", default=[], help="measure this rival only; may be repeated")
    parser.add_argument("--quick", action="store_true", help="one round on few texts, without quality: a trial")
    parser.add_argument("--fresh", action="store_true", help="make the rivals' kept indexes and rankings again")
    found = parser.parse_args(arguments)
    faq = OUT.parent / "faq"
    folders = [*([faq] if (faq / "corpus.jsonl").is_file() else []), *found.folders]
    return Options(
        evaluation=found.eval,
        folders=tuple(dict.fromkeys(folder.resolve() for folder in folders)),
        only=tuple(found.only),
        quick=found.quick,
        fresh=found.fresh,
    )


def conditions(options: Options, rounds: int, minutes: float) -> str:
    """Return when and on what it was measured."""
    name = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.is_file():
        models = [line for line in information.read_text("utf-8").splitlines() if line.startswith("model name")]
        name = models[0].partition(":")[2].strip() if models else name
    sets = ", ".join(["chunking", "xquad", *(folder.name for folder in options.folders)])
    return (
        f"Measured on {time.strftime('%Y-%m-%d')} on {psutil.cpu_count()} cores ({name}), "
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB of memory, {platform.system()}, Python "
        f"{platform.python_version()}; {rounds} round{'s' * (rounds > 1)}, {minutes:.0f} minutes; sets: {sets}. "
        f"The best of each column is in bold."
    )


def contenders_of(
    systems: Sequence[System], model: Path, stack: ExitStack
) -> tuple[list[Contender], list[report.Absent]]:
    """Prepare, start and load each system; return what runs, and what does not with its reason."""
    running: list[Contender] = []
    absent: list[report.Absent] = []
    for system in systems:
        say(f"starting {system.name}")
        try:
            version = prepare(system, model)
        except Unavailable as error:
            absent += [report.Absent(name=system.name, mode=mode, absent=str(error)) for mode in system.modes]
            continue
        process = stack.enter_context(Process(system, model))
        for mode in system.modes:
            try:
                process.ask(do="load", mode=mode)
            except Unavailable as error:
                absent.append(report.Absent(name=system.name, mode=mode, absent=str(error)))
            else:
                running.append(Contender(system=system, mode=mode, version=version, process=process))
    return running, absent


def main(arguments: Sequence[str]) -> None:
    """Measure everything and write it down."""
    options = read_options(arguments)
    try:
        systems = chosen(list(options.only))
    except ValueError as error:
        raise SystemExit(str(error)) from error
    started = time.monotonic()
    rounds = QUICK_ROUNDS if options.quick else ROUNDS
    sets = list(quality_sets(options.evaluation, options.folders))
    OUT.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=OUT)))
        running, absent = contenders_of(systems, find_model(DEFAULT_MODEL), stack)
        if not any(contender.system.ours for contender in running):
            raise SystemExit(f"SeedQA itself can't be measured: {absent[0].absent}")
        results = measure_all(
            running,
            sets,
            scratch,
            rounds=rounds,
            share=QUICK_SHARE if options.quick else SHARE,
            asked=QUICK_ASKED if options.quick else ASKED,
            fresh=options.fresh,
            quality=not options.quick,
        )
    rows = [found for found in results.values() if isinstance(found, report.Figures)]
    absent += [
        report.Absent(name=contender.system.name, mode=contender.mode, absent=found)
        for contender, found in results.items()
        if isinstance(found, str)
    ]
    target = OUT.parent / ("peers.json" if options.whole else "peers-part.json")
    target.write_text(report.to_json(rows, absent), "utf-8")
    text = report.section(rows, absent, conditions(options, rounds, (time.monotonic() - started) / 60), PICTURE)
    if options.whole:
        from benchmarks.peers.plot import draw

        draw(rows, PAGE.parent / PICTURE)
        report.write_page(PAGE, text)
    print(text)


if __name__ == "__main__":
    main(sys.argv[1:])
