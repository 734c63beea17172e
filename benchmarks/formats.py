"""Measure the reading of every format: speed, memory, and how true the text is to a reference by other means.

``python -m benchmarks.formats [--docs FOLDER] [--only FORMATS]`` reads documents of the Debian packages that
benchmarks.packages names, fetched to benchmarks/out/packages where apt-get exists or found in FOLDER, and made-up
ones where a format has few or no real ones. It writes benchmarks/out/formats.json:

- formats: for real and made documents of each format, megabytes and thousands of characters of text a second (median
  of ROUNDS, one reading process that is warm, from the file to its text here), the most memory of a process that
  reads them all, started for that, and fidelity over all files that have a reference, in words: completeness (share
  of the reference's words that were read), order (longest common subsequence, over the reference's words), added
  (share of the words read that the reference lacks)
- files: fidelity of each file, by which reference, and the words that are missing or added most often
- pdf: our reading beside pypdfium2's plain text, in turns in the same run
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

import pypdfium2

from benchmarks.fidelity import Score, compare, differences, missing_programs, total, unbroken
from benchmarks.made import MAKERS
from benchmarks.packages import Item, fetch, made_item, real_items
from index.load.formats import FORMATS
from index.load.limits import Limits
from index.load.readers import Outcome, Readers

OUT = Path(__file__).parent / "out"
ROUNDS = 3
FEW = 200_000
"""Bytes of real documents of a format below which a made-up one is measured as well."""
MANY = 20
"""Files of one package in one format above which one line tells of all."""
LIMITS = Limits(ocr="")

NOTES = """\
Completeness and order are lower, by design, where running headers and footers, page numbers and tables of contents
of a reference are not read, and where a web page's navigation is left out; order also where a reference has footnotes
at the end of a chapter and the page at its foot. Words are added, by design, where a row of a table repeats the names
of its columns. A .txt edition, less its tables of contents, lacks what it can't show. Dates and numbers in tables are
written in one form, not in each cell's own. Text recognition was off."""

_PEAK = """
import resource, sys
from pathlib import Path
from index.load.limits import Limits
from index.load.readers import Readers
with Readers(Limits(ocr=""), workers=1) as readers:
    for file in map(Path, sys.argv[1:]):
        readers.read_file(file.parent, file.name)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def timed(readers: Readers, file: Path) -> tuple[float, Outcome]:
    """Read a file; return the seconds that it took, and what came of it."""
    started = time.perf_counter()
    outcome = readers.read_file(file.parent, file.name)
    return time.perf_counter() - started, outcome


def plain_pdf(file: Path) -> tuple[float, list[str]]:
    """Read a PDF with pypdfium2 alone; return the seconds that it took, and the text of each page."""
    started = time.perf_counter()
    with pypdfium2.PdfDocument(file.read_bytes()) as document:
        pages = [page.get_textpage().get_text_range() for page in document]
    return time.perf_counter() - started, pages


def peak(files: Sequence[Path]) -> float:
    """Return the most memory, in MB, of a reading process that reads these files.

    A small process starts it, because the memory of a large one would count as its child's.
    """
    command = [sys.executable, "-c", _PEAK, *map(str, files)]
    most = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return most / (2**20 if sys.platform == "darwin" else 2**10)


def score_of(item: Item, text: str) -> Score | None:
    """Compare what was read of a document with its reference, if there is one."""
    return compare(text, item.reference) if item.reference else None


def check(item: Item, outcome: Outcome) -> tuple[str, list[str]]:
    """Return the text of all documents in a file, and what is wrong with the reading."""
    problems = [f"left out {part.path.split('/', 1)[-1]}: {part.reason}" for part in outcome.left_out]
    if outcome.readings and item.format in FORMATS and outcome.readings[0].format != item.format:
        problems.append(f"read as {outcome.readings[0].format}")
    return "\n".join(reading.extract.text for reading in outcome.readings), problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Figures of the documents of one format."""

    row: dict[str, Any]
    files: list[dict[str, Any]]
    pdf: list[dict[str, Any]]


def measure(name: str, items: Sequence[Item]) -> Measured:
    """Read the documents of one format, warm, a few times in turns with what they are compared with."""
    files, scores, plain, texts = [], [], [], 0
    with Readers(LIMITS, workers=1) as readers:
        for item in items:
            text, problems = check(item, timed(readers, item.file)[1])
            texts += len(text)
            score = score_of(item, text)
            entry: dict[str, Any] = {"format": name, "file": item.label, "reference": item.source}
            if score:
                scores.append(score)
                entry |= {
                    "words": score.reference,
                    "words_read": score.read,
                    **score.shares,
                    **differences(text, item.reference),
                }
            files.append(entry | {"problems": problems})
            if name == "pdf":
                plain.append(plain_entry(item, score))
        rounds = []
        for _ in range(ROUNDS):
            took = 0.0
            for at, item in enumerate(items):
                seconds = timed(readers, item.file)[0]
                took += seconds
                if name == "pdf":
                    plain[at]["ours_s"].append(seconds)
                    plain[at]["plain_s"].append(plain_pdf(item.file)[0])
            rounds.append(took)
    megabytes, seconds = sum(item.file.stat().st_size for item in items) / 1e6, statistics.median(rounds)
    row = {
        "format": name, "documents": "made" if items[0].made else "real", "files": len(items), "mb": megabytes,
        **(total(scores).shares if scores else {}),
    }  # fmt: skip
    if texts:  # the speed of failing is none
        row |= {"mb_per_s": megabytes / seconds, "kchars_per_s": texts / 1000 / seconds,
                "peak_mb": peak([item.file for item in items])}  # fmt: skip
    if name == "pdf":
        row["pages_per_s"] = sum(entry["pages"] for entry in plain) / seconds
    return Measured(row=row, files=files, pdf=plain)


def plain_entry(item: Item, ours: Score | None) -> dict[str, Any]:
    """Return the beginning of a comparison with pypdfium2, its text at its best: broken words are joined."""
    pages = plain_pdf(item.file)[1]
    theirs = score_of(item, unbroken("\n".join(pages).replace("\ufffe", "")))
    entry: dict[str, Any] = {"file": item.label, "pages": len(pages), "ours_s": [], "plain_s": []}
    for who, score in (("ours", ours), ("plain", theirs)):
        if score:
            entry |= {f"{who}_{key}": value for key, value in score.shares.items()}
    return entry


def finish_pdf(entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put medians for the seconds of a comparison: pages a second, and the median of the ratios of each round."""
    done = []
    for entry in entries:
        ours, plain = entry.pop("ours_s"), entry.pop("plain_s")
        ratio = statistics.median(a / b for a, b in zip(ours, plain, strict=True))
        rates = {
            f"{who}_pages_per_s": entry["pages"] / statistics.median(s) for who, s in (("ours", ours), ("plain", plain))
        }
        done.append({"file": entry.pop("file"), "pages": entry.pop("pages"), **rates, "time_ratio": ratio, **entry})
    return done


def table(rows: Sequence[dict[str, Any]], columns: dict[str, str]) -> str:
    """Return rows as lines of aligned columns; ``columns`` gives the heading and format of each."""
    cells = [list(columns)]
    cells[0] = [key.replace("_", " ").replace(" per ", "/") for key in columns]
    cells += [[format(row[key], how) if key in row else "–" for key, how in columns.items()] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = [not how.endswith("s") for how in columns.values()]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in cells
    )


def rounded(value: Any) -> Any:
    """Return ``value`` with every float in it rounded to 4 decimals."""
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    return round(value, 4) if isinstance(value, float) else value


SHARES = {"completeness": ".3f", "order": ".3f", "added": ".3f"}
FORMAT_COLUMNS = {"format": "s", "documents": "s", "files": "d", "mb": ".2f", "mb_per_s": ".2f", "kchars_per_s": ".0f",
                  "pages_per_s": ".0f", "peak_mb": ".0f", **SHARES}  # fmt: skip
PDF_COLUMNS = {"file": "s", "pages": "d", "ours_pages_per_s": ".0f", "plain_pages_per_s": ".0f", "time_ratio": ".1f",
               **{f"{who}_{key}": ".3f" for key in SHARES for who in ("ours", "plain")}}  # fmt: skip
FILE_COLUMNS = {"format": "s", "file": "s", "words": "d", **SHARES, "reference": "s"}


def grouped(files: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one row for each file, or one for all of a package's in one format where they are many."""
    rows = []
    for (kind, package), group in groupby(files, key=lambda entry: (entry["format"], entry["file"].split(": ")[0])):
        entries = list(group)
        scored = [entry for entry in entries if "words" in entry]
        if len(entries) <= MANY or not scored:
            rows += entries
            continue
        row = {"format": kind, "file": f"{package}: {len(entries)} files", "reference": entries[0]["reference"]}
        for key, weight in (("completeness", "words"), ("order", "words"), ("added", "words_read")):
            weights = sum(entry[weight] for entry in scored)
            row[key] = sum(entry[key] * entry[weight] for entry in scored) / max(1, weights)
        rows.append(row | {"words": sum(entry["words"] for entry in scored)})
    return rows


def show(report: dict[str, Any]) -> None:
    """Print the tables."""
    print("", table(grouped(report["files"]), FILE_COLUMNS), table(report["formats"], FORMAT_COLUMNS), sep="\n\n")
    if report["pdf"]:
        print("", "PDF, ours beside the plain text of pypdfium2:", table(report["pdf"], PDF_COLUMNS), sep="\n")
    print("", f"A reading process before its first large document: {report['idle_mb']:.0f} MB.", NOTES, sep="\n")
    for entry in report["files"]:
        for problem in entry["problems"]:
            print(f"{entry['file']}: {problem}")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.formats", description="Measure the reading of every format.")
    parser.add_argument("--docs", type=Path, help="a folder of unpacked packages, each in a folder of its name")
    parser.add_argument("--only", default=",".join(MAKERS), help="formats, with commas between; all by default")
    return parser.parse_args()


def main() -> None:
    """Measure everything and write it down."""
    given = arguments()
    chosen = given.only.split(",")
    folder = given.docs or OUT / "packages"
    if given.docs is None and shutil.which("apt-get"):
        print(*fetch(folder), sep="\n")
    for program in missing_programs():
        print(f"{program} is not installed: what it would be the reference for is not compared")
    report: dict[str, Any] = {
        "versions": {"python": platform.python_version(), "pypdfium2": version("pypdfium2")},
        "machine": platform.machine(), "formats": [], "files": [], "pdf": [],
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        report["idle_mb"] = peak([made_item("text", scratch).file])
        items = real_items(folder, scratch, chosen)
        for kind in (kind for kind in MAKERS if kind in chosen):
            real = [item for item in items if item.format == kind]
            groups = [real] if real else []
            if sum(item.file.stat().st_size for item in real) < FEW:
                groups.append([made_item(kind, scratch)])
            for group in groups:
                print(f"reading {kind}", flush=True)
                found = measure(kind, group)
                report["formats"].append(found.row)
                report["files"] += found.files
                report["pdf"] += finish_pdf(found.pdf)
    show(report)
    OUT.mkdir(exist_ok=True)
    (OUT / "formats.json").write_text(json.dumps(rounded(report), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
