"""SIGKILL at every stage of a build and at random moments: the old snapshot answers, and the next build finishes.

SEEDQA_CRASHES sets how many kills at random moments there are, SEEDQA_SEED which.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from index import build
from index.builder import STAGES
from index.examine import examine
from index.layout import IndexPaths
from index.snapshot import current_id, snapshot_ids
from qa import open_index
from qa.calibration import read_calibration
from qa.feedback import Feedback
from tests.conftest import ROOT
from tests.fakes import HashEncoder
from tests.test_build import tree

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")

DEEDS = """
import json, os, signal, sys, traceback
from dataclasses import replace
from pathlib import Path
from index import build
from index.layout import IndexPaths
from index.lock import lock
from index.snapshot import prune, restore
from qa.calibration import write_calibration
from qa.feedback import Feedback
from tests.fakes import HashEncoder
from tests.test_calibration import KEPT
from tests.test_feedback import vote

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def die_at_operation(index, left):
    # what comes before something in the index is opened, made, moved or removed once more than so many times
    def look(event, arguments):
        nonlocal left
        named = any(index in os.fsdecode(a) for a in arguments if isinstance(a, (str, bytes, os.PathLike)))
        if named and event in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "sqlite3.connect", "os.utime"):
            left -= 1
            if left < 0:
                die()
    sys.addaudithook(look)

def do(deed, seeds, index, word):
    paths = IndexPaths(index)
    if deed == "build":
        build(seeds, index, HashEncoder())
    elif deed == "die in stage":
        build(seeds, index, HashEncoder(), lambda stage, done, total: die() if stage == word else None)
    elif deed == "die at operation":
        die_at_operation(str(index), int(word))
        build(seeds, index, HashEncoder())
    elif deed == "judge":
        Feedback(index).add(vote(word))
    elif deed == "calibrate":
        write_calibration(paths.calibration, replace(KEPT, fitted_on=word))
    else:
        with lock(paths, deed):
            prune(paths, keep=1) if deed == "prune" else restore(paths, word)

for line in sys.stdin:
    deed, seeds, index, word = json.loads(line)
    child = os.fork()
    if not child:
        try:
            do(deed, Path(seeds), Path(index), word)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Doer:
    """Does deeds in processes of their own, which can be killed at any moment."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", DEEDS], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.took: dict[str, float] = {}
        """Seconds that each deed took the last time that it was left alone."""

    def do(self, deed: str, seeds: Path, index: Path, word: str = "", kill_at: float | None = None) -> int:
        """Return the exit code of a deed that is killed after a share of the time that it takes."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        started = time.monotonic()
        print(json.dumps([deed, str(seeds), str(index), word]), file=self._process.stdin, flush=True)
        child = int(self._process.stdout.readline())
        if kill_at is not None:
            time.sleep(kill_at * self.took[deed])
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        code = int(self._process.stdout.readline())
        if kill_at is None:
            self.took[deed] = time.monotonic() - started
        return code

    def __enter__(self) -> Doer:
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()


@pytest.fixture(scope="module")
def doer() -> Iterator[Doer]:
    with Doer() as started:
        yield started


@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_rebuild_changes_nothing(
    built: Path, seeds: Path, encoder: HashEncoder, doer: Doer, stage: str
) -> None:
    paths = IndexPaths(built)
    old = current_id(paths)
    before = tree(paths.snapshot(old).root)
    with open_index(built, encoder=encoder) as opened:
        answer = opened.search("Where do frogs live?")
    (seeds / "garden.md").write_text("# Garden\n\nToads live in the ditch.\n", "utf-8")
    assert doer.do("die in stage", seeds, built, stage) == -signal.SIGKILL
    assert current_id(paths) == old
    assert tree(paths.snapshot(old).root) == before
    with open_index(built, encoder=encoder) as opened:
        assert opened.search("Where do frogs live?") == answer
    report = build(seeds, built, encoder)
    assert report.previous == old
    assert current_id(paths) == report.snapshot != old
    assert sorted(p.name for p in paths.snapshots.iterdir()) == sorted(snapshot_ids(paths))
    assert examine(paths) == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_first_build_leaves_no_index_and_the_next_one_finishes(
    tmp_path: Path, seeds: Path, encoder: HashEncoder, doer: Doer, stage: str
) -> None:
    index = tmp_path / "index"
    assert doer.do("die in stage", seeds, index, stage) == -signal.SIGKILL
    assert not IndexPaths(index).current.exists()
    assert build(seeds, index, encoder).documents == 3
    assert examine(IndexPaths(index)) == []


@pytest.mark.parametrize("operation", range(0, 90, 6))
def test_a_build_killed_at_any_file_operation_leaves_the_old_or_the_new_snapshot(
    built: Path, seeds: Path, encoder: HashEncoder, doer: Doer, operation: int
) -> None:
    """The kill comes before the n-th time that the build opens, makes, moves or removes something in the index."""
    paths = IndexPaths(built)
    old = current_id(paths)
    (seeds / "garden.md").write_text("# Garden\n\nToads live in the ditch.\n", "utf-8")
    assert doer.do("die at operation", seeds, built, str(operation)) in (-signal.SIGKILL, 0)
    with open_index(built, encoder=encoder) as opened:
        found = opened.search("Where do frogs live?").results[0].citation.evidence
    assert found == ("Frogs live in the pond." if current_id(paths) == old else "Toads live in the ditch.")
    build(seeds, built, encoder)
    assert sorted(p.name for p in paths.snapshots.iterdir()) == sorted(snapshot_ids(paths))
    assert examine(paths) == []


CRASHES = int(os.environ.get("SEEDQA_CRASHES", "40"))
"""Kills at random moments; hundreds take minutes."""
SEED = int(os.environ.get("SEEDQA_SEED", "1"))
KINDS = ("build", "prune", "restore", "judge", "calibrate")


def test_kills_at_random_moments_lose_nothing(built: Path, seeds: Path, encoder: HashEncoder, doer: Doer) -> None:
    """Builds, prunes, restores, votes, calibrations: old or new, the next build finishes, the doctor finds nothing."""
    chance = random.Random(SEED)
    paths, feedback = IndexPaths(built), Feedback(built)
    said = {current_id(paths): "Frogs live in the pond."}
    votes: list[str] = []
    fitted = ""
    died = 0
    for number in range(CRASHES + len(KINDS)):
        deed = KINDS[number] if number < len(KINDS) else chance.choice(KINDS)
        old, before = current_id(paths), tree(paths.snapshots)
        word, text = f"{deed} {number}", said[old]
        if deed == "build":
            text = f"Animal number {number} lives in the pond."
            (seeds / "garden.md").write_text(f"# Garden\n\n{text}\n", "utf-8")
        elif deed == "restore":
            word = chance.choice(snapshot_ids(paths))
            text = said[word]
        kill_at = None if number < len(KINDS) else chance.uniform(0, 1.1)
        code = doer.do(deed, seeds, built, word, kill_at)
        died += code == -signal.SIGKILL
        where = (SEED, number, deed, kill_at, code)
        assert code in (0, -signal.SIGKILL), where
        now, after = current_id(paths), tree(paths.snapshots)
        said.setdefault(now, text)
        assert now == old or said[now] == text, where
        assert code or deed not in ("build", "restore") or said[now] == text, where
        kept = {name: data for name, data in before.items() if name.startswith(old) and "origin" not in name}
        assert {name: after.get(name) for name in kept} == kept, where
        with open_index(built, encoder=encoder) as opened:
            answer = opened.search("Where do frogs and animals live in the pond?")
        assert (answer.snapshot, answer.results[0].citation.evidence) == (now, said[now]), where
        asked = [vote.question for vote in feedback.read()]
        may = [*votes, word] if deed == "judge" else votes
        assert asked == may or (code and asked == votes), where
        votes = asked
        calibration = read_calibration(paths.calibration)
        on = calibration.fitted_on if calibration else ""
        assert on == (word if deed == "calibrate" else fitted) or (code and on == fitted), where
        fitted = on
        assert examine(paths) == [], where
        if deed in ("build", "prune", "restore"):
            report = build(seeds, built, encoder)
            said[report.snapshot] = (seeds / "garden.md").read_text("utf-8").split("\n")[2].partition(".")[0] + "."
            left = sorted(path.name for path in paths.snapshots.iterdir())
            assert left == sorted(snapshot_ids(paths)), where
            assert not paths.journal.exists(), where
    assert CRASHES < 20 or died > CRASHES / 5
