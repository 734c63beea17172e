"""Taking the measurements: quality once, times in rounds in which every system has its turn."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.datasets import write_texts
from benchmarks.peers.protocol import K
from benchmarks.peers.report import Figures
from benchmarks.peers.sets import DEPTH, QualitySet, Ranking, beginnings, passages_of
from benchmarks.peers.systems import OUT, Process, System, Unavailable, first_answer

WARMING = 10
"""Questions asked before any is timed."""
ASKED = 100
"""Questions that are timed in a round, drawn from those of the first set."""
THREADS = 4
SEED = 20_261_124


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A system in one mode, with its running process."""

    system: System
    mode: str
    version: str
    process: Process

    @property
    def label(self) -> str:
        """Name and mode, to be read."""
        return f"{self.system.name} ({self.mode})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """One set as files for SeedQA and as passages for the others, cut by SeedQA's splitter."""

    seeds: Path
    passages: Path
    count: int
    index: Path
    """Of SeedQA."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """All measurements of one contender."""

    texts_per_s: list[float] = field(default_factory=list)
    query_ms: list[list[float]] = field(default_factory=list)
    """One list a round."""
    queries_per_s: list[float] = field(default_factory=list)
    cold_s: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)
    quality: dict[str, float] = field(default_factory=dict)


def say(words: str) -> None:
    """Tell on standard error how far it is."""
    print(words, file=sys.stderr, flush=True)


def material(files: Mapping[str, str], folder: Path, ours: Contender) -> Material:
    """Write the files, have SeedQA index them, and write the passages that it cut."""
    seeds, index, passages = write_texts(folder / "seeds", dict(files)), folder / "index", folder / "passages.json"
    passages.write_text("[]", "utf-8")
    ours.process.ask(do="index", mode=ours.mode, passages=str(passages), seeds=str(seeds), folder=str(index))
    cut = passages_of(index)
    passages.write_text(json.dumps(cut), "utf-8")
    return Material(seeds=seeds, passages=passages, count=len(cut), index=index)


def make_index(contender: Contender, given: Material, folder: Path) -> float:
    """Have an index made in a new folder; return the seconds that it took."""
    return contender.process.timed(
        do="index", mode=contender.mode, passages=str(given.passages), seeds=str(given.seeds), folder=str(folder)
    )


def rank_all(contender: Contender, index: Path, questions: Sequence[str]) -> list[Ranking]:
    """Return one ranking a question. A question that a system refuses has none; one that refuses all is broken."""
    contender.process.ask(do="open", mode=contender.mode, folder=str(index))
    rankings: list[Ranking] = []
    trouble: Unavailable | None = None
    for question in questions:
        try:
            found = contender.process.ask(do="ask", question=question, k=DEPTH)["passages"]
        except Unavailable as error:
            trouble, found = error, []
        rankings.append([ident for ident, _ in found])
    if trouble and not any(rankings):
        raise trouble
    if trouble:
        say(f"{contender.label}: {sum(not ranking for ranking in rankings)} questions without an answer; {trouble}")
    return rankings


def _key(contender: Contender, given: Material, questions: Sequence[str]) -> str:
    """Return a hash of everything that a rival's ranking depends on."""
    driver = OUT.parents[1] / "peers" / f"{contender.system.module}.py"
    parts = (driver.read_bytes(), contender.system.requirements.read_bytes(), given.passages.read_bytes())
    told = json.dumps([contender.mode, DEPTH, list(questions)]).encode()
    return hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in (*parts, told))).hexdigest()


def rankings_of(contender: Contender, given: Material, asked: QualitySet, *, fresh: bool) -> tuple[Path, list[Ranking]]:
    """Return a contender's index of a set and its rankings.

    A rival's depend on nothing that changes between two runs, so they are kept; SeedQA's are always made anew.
    """
    if contender.system.ours:
        return given.index, rank_all(contender, given.index, asked.questions)
    folder = OUT / "kept" / f"{contender.system.module}-{contender.mode}-{asked.name}"
    kept, index = folder / "rankings.json", folder / "index"
    key = _key(contender, given, asked.questions)
    if kept.is_file() and not fresh:
        read = json.loads(kept.read_text("utf-8"))
        if read["key"] == key:
            return index, read["rankings"]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    make_index(contender, given, index)
    rankings = rank_all(contender, index, asked.questions)
    kept.write_text(json.dumps({"key": key, "rankings": rankings}), "utf-8")
    return index, rankings


def one_round(contender: Contender, given: Material, index: Path, questions: Sequence[str], taken: Taken) -> None:
    """Measure one contender once: indexing in a new folder, questions on its index, a fresh process."""
    with tempfile.TemporaryDirectory(dir=OUT) as name:
        taken.texts_per_s.append(given.count / make_index(contender, given, Path(name) / "index"))
    process, (warming, timed) = contender.process, (questions[:WARMING], questions[WARMING:])
    process.ask(do="open", mode=contender.mode, folder=str(index))
    for question in warming:
        process.ask(do="ask", question=question, k=K)
    taken.query_ms.append([1000 * process.timed(do="ask", question=question, k=K) for question in timed])
    seconds = process.timed(do="ask_all", questions=list(timed), k=K, threads=THREADS)
    taken.queries_per_s.append(len(timed) / seconds)
    cold, peak = first_answer(contender.system, process.model, contender.mode, index, timed[0])
    taken.cold_s.append(cold)
    taken.peak_mb.append(peak)


def drawn(questions: Sequence[str], number: int, asked: int = ASKED) -> list[str]:
    """Return the questions of a round, WARMING and ``asked``: others in each, the same for every contender."""
    return random.Random(SEED + number).sample(list(questions), min(len(questions), WARMING + asked))


def figures(contender: Contender, taken: Taken, index: Path) -> Figures:
    """Return medians over rounds."""
    p50 = statistics.median(statistics.median(times) for times in taken.query_ms)
    p95 = statistics.median(float(np.percentile(times, 95)) for times in taken.query_ms)
    return Figures(
        name=contender.system.name,
        version=contender.version,
        mode=contender.mode,
        cold_start_s=statistics.median(taken.cold_s),
        index_texts_per_s=statistics.median(taken.texts_per_s),
        query_p50_ms=p50,
        query_p95_ms=p95,
        queries_per_s=statistics.median(taken.queries_per_s),
        peak_rss_mb=statistics.median(taken.peak_mb),
        index_mb=sum(path.stat().st_size for path in index.rglob("*") if path.is_file()) / 2**20,
        quality=dict(taken.quality),
    )


def measure_all(
    contenders: Sequence[Contender],
    sets: Sequence[QualitySet],
    scratch: Path,
    *,
    rounds: int,
    share: int,
    asked: int,
    fresh: bool,
    quality: bool,
) -> dict[Contender, Figures | str]:
    """Return the figures of each contender, or why it has none.

    ``sets`` begins with the one whose index is asked, opened and weighed; the first ``share``-th of its files is what
    is indexed for time, and ``asked`` questions are timed in each round. Without ``quality`` that part is all that is
    indexed, and no ranking is judged.
    """
    ours = next(contender for contender in contenders if contender.system.ours)
    short = material(beginnings(sets[0].files, share), scratch / "short", ours)
    indexes: dict[Contender, Path] = {}
    taken = {contender: Taken() for contender in contenders}
    failed: dict[Contender, str] = {}
    for one in sets if quality else ():
        given = material(one.files, scratch / one.name, ours)
        for contender in contenders:
            if contender in failed:
                continue
            say(f"quality on {one.name}: {contender.label}")
            try:
                index, rankings = rankings_of(contender, given, one, fresh=fresh)
            except Unavailable as error:
                failed[contender] = str(error)
                continue
            indexes.setdefault(contender, index)
            taken[contender].quality.update(one.score(rankings))
    for number in range(rounds):
        questions = drawn(sets[0].questions, number, asked)
        turn = number * len(contenders) // max(rounds, 1)
        for contender in (*contenders[turn:], *contenders[:turn]):
            if contender in failed:
                continue
            say(f"round {number + 1} of {rounds}: {contender.label}")
            try:
                if contender not in indexes:
                    indexes[contender] = scratch / f"{contender.system.module}-{contender.mode}"
                    make_index(contender, short, indexes[contender])
                one_round(contender, short, indexes[contender], questions, taken[contender])
            except Unavailable as error:
                failed[contender] = str(error)
    return {c: failed[c] if c in failed else figures(c, taken[c], indexes[c]) for c in contenders}
