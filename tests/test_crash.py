"""SIGKILL at every stage of a build: the old snapshot answers, and the next build finishes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from index import build
from index.builder import STAGES
from index.layout import IndexPaths
from index.snapshot import current_id, examine, snapshot_ids
from qa import open_index
from tests.conftest import ROOT
from tests.fakes import HashEncoder
from tests.test_build import tree

DYING = """
import os, signal, sys
from pathlib import Path
from index import build
from tests.fakes import HashEncoder

def die(stage, done, total):
    if stage == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)

build(Path(sys.argv[1]), Path(sys.argv[2]), HashEncoder(), die)
"""

DYING_AT_OPERATION = """
import os, signal, sys
from pathlib import Path
from index import build
from tests.fakes import HashEncoder

index, left = os.path.abspath(sys.argv[2]), int(sys.argv[3])

def die(event, arguments):
    global left
    named = any(index in os.fsdecode(a) for a in arguments if isinstance(a, (str, bytes, os.PathLike)))
    if named and event in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "sqlite3.connect", "os.utime"):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(die)
build(Path(sys.argv[1]), Path(sys.argv[2]), HashEncoder())
"""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")


def killed_build(seeds: Path, index: Path, stage: str) -> None:
    """Run a build in a process of its own that is killed when it reaches ``stage``."""
    done = subprocess.run([sys.executable, "-c", DYING, str(seeds), str(index), stage], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_rebuild_changes_nothing(built: Path, seeds: Path, encoder: HashEncoder, stage: str) -> None:
    paths = IndexPaths(built)
    old = current_id(paths)
    before = tree(paths.snapshot(old).root)
    with open_index(built, encoder=encoder) as opened:
        answer = opened.search("Where do frogs live?")
    (seeds / "garden.md").write_text("# Garden\n\nToads live in the ditch.\n", "utf-8")
    killed_build(seeds, built, stage)
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
    tmp_path: Path, seeds: Path, encoder: HashEncoder, stage: str
) -> None:
    index = tmp_path / "index"
    killed_build(seeds, index, stage)
    assert not IndexPaths(index).current.exists()
    assert build(seeds, index, encoder).documents == 3
    assert examine(IndexPaths(index)) == []


@pytest.mark.parametrize("operation", range(0, 90, 6))
def test_a_build_killed_at_any_file_operation_leaves_the_old_or_the_new_snapshot(
    built: Path, seeds: Path, encoder: HashEncoder, operation: int
) -> None:
    """The kill comes before the n-th time that the build opens, makes, moves or removes something in the index."""
    paths = IndexPaths(built)
    old = current_id(paths)
    (seeds / "garden.md").write_text("# Garden\n\nToads live in the ditch.\n", "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", DYING_AT_OPERATION, str(seeds), str(built), str(operation)], cwd=ROOT, check=False
    )
    assert done.returncode in (-signal.SIGKILL, 0)
    with open_index(built, encoder=encoder) as opened:
        found = opened.search("Where do frogs live?").results[0].citation.evidence
    assert found == ("Frogs live in the pond." if current_id(paths) == old else "Toads live in the ditch.")
    build(seeds, built, encoder)
    assert sorted(p.name for p in paths.snapshots.iterdir()) == sorted(snapshot_ids(paths))
    assert examine(paths) == []
