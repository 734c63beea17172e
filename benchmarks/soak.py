"""An index in use for an hour: asked, edited, rebuilt, pruned and restored in a loop, with its builds killed at random.

``python -m benchmarks.soak --minutes 60 --seed N`` prints a line a minute and a verdict, and writes
benchmarks/out/soak.json. Builds, prunes and restores are processes of ``qa`` as users start them; a third of them is
ended by SIGKILL at a random moment, with whatever they have started. One index stays open in this process throughout,
as in a server. After each round:

- the index answers from the snapshot in force, which is the one before or the new one, and a question on a document is
  answered from that document with what it says
- once a build has ended well, every file of the seeds is a document, or listed with the reason, and ``qa doctor`` finds
  nothing (every fifth round, for it reads everything)
- every judgement that was given is there

At the end the last quarter is compared with the second: handles, threads, memory of this process and disk of the
index. The exit code is 1 where anything was lost or has grown.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil

from benchmarks.retrieval import OUT
from index.examine import examine
from index.layout import IndexPaths
from index.snapshot import current_id, snapshot_ids
from qa import open_index
from qa.config import read_settings
from qa.engine import Index
from qa.feedback import Feedback, judgement

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = 40
CHECKED = 5
"""Rounds between two examinations of everything."""
KILLED = 1 / 3
ALLOWED = {"handles": (1.0, 3), "threads": (1.0, 1), "rss_mb": (1.05, 8), "disk_kb": (1.1, 64)}
"""Growth of a median that counts as none: a factor and, on top, an amount."""
SIZES = tuple(ALLOWED)
KEEPERS = "Ada Berta Clara Doris Edith Frida Greta Hilda Irma Judith Klara Lydia Maren Nora Olga Paula".split()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What this process and the index take."""

    minute: float
    handles: int
    threads: int
    rss_mb: float
    disk_kb: float


@dataclass(slots=True)
class Soak:
    """One run."""

    folder: Path
    chance: random.Random
    deeds: Counter[str] = field(default_factory=Counter)
    texts: dict[str, str] = field(default_factory=dict)
    """What each readable file of the seeds says."""
    indexed: dict[str, dict[str, str]] = field(default_factory=dict)
    """The same as it was when each snapshot was built."""
    votes: int = 0
    lost: list[str] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    took: dict[str, float] = field(default_factory=dict)
    """Seconds of each command the last time that it was left alone."""

    @property
    def seeds(self) -> Path:
        """The folder of documents."""
        return self.folder / "seeds"

    @property
    def paths(self) -> IndexPaths:
        """The index."""
        return IndexPaths(self.folder / "index")

    def edit(self) -> None:
        """Write, change, rename or delete some files; now and then one that can't be read."""
        for _ in range(self.chance.randint(1, 4)):
            name = f"house-{self.chance.randrange(DOCUMENTS):02}.{self.chance.choice(('txt', 'md'))}"
            path = self.seeds / name
            if path.exists() and self.chance.random() < 0.3:
                path.unlink()
                del self.texts[name]
                continue
            number, keeper = self.chance.randrange(10**6), self.chance.choice(KEEPERS)
            self.texts[name] = f"The lighthouse number {number} is kept by {keeper}."
            path.write_text(f"{self.texts[name]}\n\nIts lamp burns {number % 977} candles a night.\n", "utf-8")
        odd = self.seeds / f"odd-{self.chance.randrange(3)}.png"
        odd.write_bytes(b"\x89PNG\r\n\x1a\n\0" + self.chance.randbytes(40))

    def run(self, *words: object) -> int | None:
        """Run a command of ``qa``, perhaps to its end; return its exit code, or nothing where it was killed."""
        name = str(words[0])
        killed = self.chance.random() < KILLED and name in self.took
        command = [sys.executable, "-m", "qa.cli", *map(str, words), "--index", str(self.paths.root)]
        started = time.monotonic()
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            if killed:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(self.chance.uniform(0, 1.1 * self.took[name]))
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            said = process.communicate()[1]
        if process.returncode == -signal.SIGKILL:
            self.deeds[f"{name} killed"] += 1
            return None
        self.deeds[name] += 1
        self.took[name] = time.monotonic() - started
        if process.returncode:
            self.lost.append(f"qa {name} ended with {process.returncode}: {said.strip()[-300:]}")
        return process.returncode

    def round(self, opened: Index | None) -> None:
        """Do one thing, and check all."""
        self.edit()
        before = current_id(self.paths) if opened else ""
        deed = self.chance.choices(("build", "prune", "restore"), (6, 2, 2))[0] if opened else "build"
        if deed == "restore" and len(snapshot_ids(self.paths)) < 2:
            deed = "build"
        words = (
            ("build", self.seeds) if deed == "build" else ("prune", "--keep", 1) if deed == "prune" else ("restore",)
        )
        code = self.run(*words)
        now = current_id(self.paths)
        for made in set(snapshot_ids(self.paths)) - self.indexed.keys():  # one that was killed in time is no less whole
            if deed != "build":
                self.lost.append(f"after {deed} there is snapshot {made}, which no build has made")
            self.indexed[made] = dict(self.texts)
        if deed == "prune" and now != before:
            self.lost.append(f"a prune has put {now} in the place of {before}")
        if deed == "build" and code == 0:
            self.indexed[now] = dict(self.texts)
            self._check_complete()

    def _check_complete(self) -> None:
        """Every file is a document of the snapshot in force, or listed with the reason."""
        with open_index(self.paths.root, cache=read_settings({}, ROOT).cache) as fresh:
            made = fresh.manifest
        known = {name for d in made.documents for name in (d.path, *d.copies)} | {s.source for s in made.skipped}
        missing = {path.name for path in self.seeds.iterdir()} - known
        if missing:
            self.lost.append(f"in neither list of snapshot {made.id}: {sorted(missing)}")
        left = [path.name for path in self.paths.snapshots.iterdir() if path.name.endswith(".tmp")]
        if left or self.paths.journal.exists():
            self.lost.append(f"left behind by a build that ended well: {left}, {self.paths.journal.name}")

    def ask(self, opened: Index) -> None:
        """Ask on some documents of the snapshot in force, and judge an answer."""
        for _ in range(3):
            if not (known := self.indexed[current_id(self.paths)]):
                return
            name = self.chance.choice(sorted(known))
            number = known[name].split()[3]
            answer = opened.search(f"Who keeps the lighthouse number {number}?", k=1, documents=name)
            self.deeds["questions"] += 1
            text = self.indexed[answer.snapshot][name]
            if answer.notes:
                self.lost.append(f"a note with an answer: {answer.notes}")
            if answer.snapshot != current_id(self.paths) or text not in answer.results[0].citation.quote:
                self.lost.append(
                    f"asked {name} of {answer.snapshot}: {answer.results[0].citation.quote!r}, not {text!r}"
                )
        feedback, at = Feedback(self.paths.root), datetime.now(UTC)
        kept = replace_question(answer.question, self.votes)
        feedback.add(judgement(kept, answer.results[0].citation, True, snapshot=answer.snapshot, at=at))
        self.votes += 1
        if len(feedback.read()) != self.votes:
            self.lost.append(f"{len(feedback.read())} judgements are left of {self.votes}")

    def sample(self, minute: float) -> None:
        """Note what is taken, at a moment when nothing is under way."""
        process = psutil.Process()
        files = [p for p in self.paths.root.rglob("*") if p.is_file() and p.name != "feedback.jsonl"]
        disk = sum(path.stat().st_size for path in files) / 1024
        handles = process.num_fds() if hasattr(process, "num_fds") else process.num_handles()
        rss = process.memory_info().rss / 2**20
        self.samples.append(
            Sample(minute=minute, handles=handles, threads=process.num_threads(), rss_mb=rss, disk_kb=disk)
        )


def replace_question(question: str, number: int) -> str:
    """Return a question that no other judgement is on."""
    return f"{question} ({number})"


def grown(samples: list[Sample]) -> dict[str, tuple[float, float]]:
    """Return the medians of the second quarter and of the last for all that has grown."""
    quarter = max(1, len(samples) // 4)
    found = {}
    for name in SIZES:
        first = statistics.median(getattr(sample, name) for sample in samples[quarter : 2 * quarter] or samples)
        last = statistics.median(getattr(sample, name) for sample in samples[-quarter:])
        factor, amount = ALLOWED[name]
        if last > first * factor + amount:
            found[name] = (round(first, 1), round(last, 1))
    return found


def soak(folder: Path, minutes: float, seed: int) -> Soak:
    """Run for a time; print a line a minute."""
    run = Soak(folder=folder, chance=random.Random(seed))
    run.seeds.mkdir()
    for _ in range(3 * DOCUMENTS // 4):
        run.edit()
    run.round(None)
    started = time.monotonic()
    told = 0
    number = 0
    with open_index(run.paths.root, cache=read_settings({}, ROOT).cache) as opened:
        while (passed := (time.monotonic() - started) / 60) < minutes:
            number += 1
            run.round(opened)
            run.ask(opened)
            if number % CHECKED == 0:
                run.lost += [f"doctor: {finding.snapshot}: {finding.problem}" for finding in examine(run.paths)]
                subprocess.run(
                    [sys.executable, "-m", "qa.cli", "prune", "--keep", "1", "--index", str(run.paths.root)],
                    cwd=ROOT, check=True, stdout=subprocess.DEVNULL,
                )  # fmt: skip
                opened.search("Who keeps the light?")
                run.sample(passed)
            if passed >= told + 1 and run.samples:
                told = int(passed)
                last = run.samples[-1]
                print(
                    f"minute {told}: {number} rounds, {dict(run.deeds)}, {last.handles} handles, "
                    f"{last.threads} threads, {last.rss_mb:.0f} MB, {last.disk_kb:.0f} KB on disk, "
                    f"{len(run.lost)} faults",
                    flush=True,
                )
    return run


def main() -> None:
    """Soak, write the result and tell the verdict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    given = parser.parse_args()
    print(f"seed {given.seed}, {given.minutes:g} minutes", flush=True)
    with tempfile.TemporaryDirectory() as name:
        run = soak(Path(name), given.minutes, given.seed)
    growth = grown(run.samples) if len(run.samples) >= 4 else {}
    result = {
        "seed": given.seed, "minutes": given.minutes, "deeds": dict(run.deeds), "judgements": run.votes,
        "lost": run.lost, "grown": growth, "samples": [asdict(sample) for sample in run.samples],
    }  # fmt: skip
    OUT.mkdir(exist_ok=True)
    (OUT / "soak.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    for line in run.lost[:20]:
        print(line)
    if len(run.samples) < 4:
        print("too short to tell growth")
    print(f"grown: {growth or 'nothing'}; lost or wrong: {len(run.lost)}")
    print("passed" if not run.lost and not growth else "FAILED")
    sys.exit(bool(run.lost or growth))


if __name__ == "__main__":
    main()
