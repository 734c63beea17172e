"""Disks that fail: at any write, sync, rename or removal, because they are full, or by losing what was not synced.

SEEDQA_FAULTS=all lets every operation fail in every way (some minutes); without it each fails in one of nine.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import index.layout
from index import build
from index.errors import BuildError, SnapshotMissing
from index.examine import examine
from index.layout import IndexPaths
from index.lock import lock
from index.snapshot import current_id, prune, snapshot_ids
from qa import open_index
from qa.calibration import write_calibration
from qa.feedback import Feedback
from tests.conftest import ROOT
from tests.failing_disk import FIRST, QUESTION, SECOND
from tests.fakes import HashEncoder
from tests.test_build import tree
from tests.test_calibration import KEPT
from tests.test_feedback import vote

ALL = os.environ.get("SEEDQA_FAULTS") == "all"
SOURCE = Path(__file__).with_name("failing_disk.c")
WORDS = {
    "ENOSPC": ("No space left on device", "database or disk is full", "disk I/O error", "unable to open database file"),
    "EIO": ("Input/output error", "disk I/O error", "unable to open database file"),
    "EROFS": ("Read-only file system", "disk I/O error", "unable to open database file"),
}
REMEDIES = (
    "free some space and try again", "check the folder's permissions",
    "check the disk, and that it has space left, then try again",
)  # fmt: skip


@pytest.fixture(scope="module")
def failing_disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that lets operations fail, compiled."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not sys.platform.startswith("linux") or compiler is None:
        pytest.skip("faults are put under the C library of Linux, with a C compiler")
    library = tmp_path_factory.mktemp("disk") / "failing_disk.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
    return library


def faults(library: Path, folder: Path, deed: str, step: int) -> Iterator[dict[str, Any]]:
    """Yield what came of each fault (tests/failing_disk.py)."""
    command = [sys.executable, "-m", "tests.failing_disk", str(folder), deed, str(0 if ALL else step)]
    environment = {**os.environ, "LD_PRELOAD": str(library)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        for line in run.stdout:
            yield json.loads(line)
    assert run.returncode == 0


@pytest.mark.parametrize(
    ("deed", "step", "failed", "done", "following"),
    [
        ("rebuild", 1, FIRST, SECOND, SECOND),
        ("first build", 5, "SnapshotMissing", FIRST, FIRST),
        ("prune", 1, FIRST, FIRST, FIRST),
        ("restore", 1, FIRST, "Owls live in the barn.", FIRST),
        ("judge", 1, FIRST, FIRST, FIRST),
        ("calibrate", 1, FIRST, FIRST, FIRST),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) and len(value) < 12 else "",
)
def test_whatever_operation_fails_the_index_stays_whole(
    failing_disk: Path, tmp_path: Path, deed: str, step: int, failed: str, done: str, following: str
) -> None:
    """Old or new, an error that says so and what to do, nothing else altered, no handle lost, no build blocked."""
    count = 0
    kept: list[list[str]] = [[]] if deed == "first build" else [["Kept?"]]
    for found in faults(failing_disk, tmp_path, deed, step):
        fault = found["fault"]
        count += found["hit"]
        assert found["handles"] <= 0, fault
        if found["code"]:
            assert found["hit"], fault
            assert found["answer"] in (failed, done), fault
            assert found["votes"] in ([*kept, ["Kept?", "New?"]] if deed == "judge" else kept), fault
            assert_says_what_to_do(found, deed)
        else:
            assert found["answer"] == done, fault
            assert found["votes"] in ([["Kept?", "New?"]] if deed == "judge" else kept), fault
        assert set(found["altered"]) <= {"CURRENT", "holder.json", "feedback.jsonl"}, fault
        if deed != "prune":
            assert set(found["missing"]) <= {"holder.json"}, fault
        assert found["next"] == [0, ""], fault
        assert (found["next answer"], found["findings"]) == (following, []), fault
        assert set(found["leftovers"]) <= ({"calibration.json.tmp"} if deed == "calibrate" else set()), fault
    assert count >= {"rebuild": 90, "first build": 18, "prune": 15, "restore": 10, "judge": 3, "calibrate": 4}[deed]


def assert_says_what_to_do(found: dict[str, Any], deed: str) -> None:
    """Check the one line of an error, and that what it says of the snapshot in force is true."""
    fault, said = found["fault"], found["said"]
    kind = fault.removeprefix(deed).split()[1]
    if deed in ("judge", "calibrate"):
        name = {"judge": "feedback.jsonl", "calibrate": "calibration.json"}[deed]
        assert re.fullmatch(rf"/.*{name} can't be written \([^\n]*\); check the folder's permissions and space\n", said)
        return
    match = re.fullmatch(r"qa: the index in /\S* can't be written \(([^\n]*)\); ([^;\n]*); ([^;\n]*)\n", said)
    assert match is not None, (fault, said)
    why, held, remedy = match.groups()
    assert (found["code"], why in WORDS[kind], remedy in REMEDIES) == (1, True, True), (fault, said)
    if deed == "first build" and held == "no snapshot is in force":
        assert found["answer"] == "SnapshotMissing", (fault, said)
    elif held != "the snapshot in force is unchanged":
        assert held == f"snapshot {found['current']} is in force already", (fault, said)
        assert found["answer"] != FIRST or deed == "first build", (fault, said)
    else:
        assert deed != "first build", (fault, said)
        assert found["answer"] == FIRST, (fault, said)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mounts a disk of some KiB."""
    mounted: list[Path] = []

    def mount(kib: int) -> Path:
        folder = tmp_path / f"disk-{kib}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={kib}k,mode=700", "none", str(folder)]
        if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("needs a user who may mount a small disk")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_that_is_really_full(small_disk: Callable[[int], Path], seeds: Path, encoder: HashEncoder) -> None:
    """The last buffer included: the room for a rebuild shrinks by a block at a time."""
    index = small_disk(600) / "index"
    paths = IndexPaths(index)
    build(seeds, index, encoder)
    (seeds / "garden.md").write_text("# Garden\n\nFrogs live in the ditch.\n", "utf-8")
    old = build(seeds, index, encoder).snapshot
    before = tree(paths.snapshots)
    (seeds / "garden.md").write_text("# Garden\n\nToads live in the ditch.\n", "utf-8")
    filler = index.parent / "filler"
    failed = 0
    for free in range(0, 200_000, 8192):
        _fill(filler, free)
        error = failure(seeds, index, encoder)
        if error is None:
            break
        failed += 1
        assert error.startswith(f"the index in {index} can't be written (")
        assert "; the snapshot in force is unchanged; " in error
        assert current_id(paths) == old
        found = tree(paths.snapshots)  # may hold the new snapshot as well, whole, where CURRENT found no room
        assert {name: data for name, data in found.items() if name in before} == before
        assert examine(paths) == []
    assert failed > 5
    assert current_id(paths) != old
    assert examine(paths) == []


def failure(seeds: Path, index: Path, encoder: HashEncoder) -> str | None:
    """Build; return what went wrong."""
    try:
        build(seeds, index, encoder)
    except BuildError as error:
        return str(error)
    return None


def _fill(filler: Path, free: int) -> None:
    """Let a file take all of its disk but for ``free`` bytes."""
    filler.unlink(missing_ok=True)
    found = os.statvfs(filler.parent)
    with filler.open("wb") as file:
        file.write(bytes(max(found.f_bavail * found.f_frsize - free, 0)))


def test_a_prune_frees_a_full_disk(small_disk: Callable[[int], Path], seeds: Path, encoder: HashEncoder) -> None:
    index = small_disk(600) / "index"
    paths = IndexPaths(index)
    older = build(seeds, index, encoder).snapshot
    (seeds / "garden.md").write_text("# Garden\n\nToads live in the ditch.\n", "utf-8")
    newer = build(seeds, index, encoder).snapshot
    _fill(index.parent / "filler", 0)
    with lock(paths, "prune"):
        assert prune(paths, keep=0) == [older]
    assert snapshot_ids(paths) == [newer]
    assert examine(paths) == []


def test_a_build_that_finds_the_disk_full_leaves_it_as_it_was(
    small_disk: Callable[[int], Path], seeds: Path, encoder: HashEncoder
) -> None:
    """What it had read and kept for the next one would fill the disk for good."""
    index = small_disk(600) / "index"
    paths = IndexPaths(index)
    old = build(seeds, index, encoder).snapshot
    for number in range(200):
        (seeds / f"more-{number}.txt").write_text(f"Sentence number {number} is here. " * 200, "utf-8")
    error = failure(seeds, index, encoder)
    assert error is not None
    assert error.endswith("; the snapshot in force is unchanged; free some space and try again")
    assert current_id(paths) == old
    assert [path.name for path in index.glob("unfinished*")] == []
    for number in range(1, 200):
        (seeds / f"more-{number}.txt").unlink()
    assert failure(seeds, index, encoder) is None
    assert current_id(paths) != old


class Recorder:
    """Remembers what of a folder is on disk for certain: what was synced, files and names of folders each."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.names: dict[int, dict[str, int]] = {}
        """Entries of each folder when it was last synced; folders and files go by their numbers."""
        self.contents: dict[int, bytes] = {}
        self.points: list[Callable[[Path, random.Random], None]] = []
        """Each makes the folder as a power cut at that point may leave it."""
        for path in [root, *root.rglob("*")]:
            self._keep(path)
        self._flush = index.layout._flush  # by whatever call the system has for it
        monkeypatch.setattr(index.layout, "_flush", self._synced)
        for name in ("replace", "mkdir", "unlink", "rmdir", "utime"):
            monkeypatch.setattr(os, name, self._before(getattr(os, name)))

    def _keep(self, path: Path) -> None:
        number = path.stat().st_ino
        if path.is_dir():
            self.names[number] = {entry.name: entry.inode() for entry in os.scandir(path)}
        else:
            self.contents[number] = path.read_bytes()

    def _synced(self, handle: int) -> None:
        self._flush(handle)
        number = os.fstat(handle).st_ino
        for path in [self.root, *self.root.rglob("*")]:
            if path.lstat().st_ino == number:
                self._keep(path)
        self.take()

    def _before(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def change(*arguments: Any, **named: Any) -> Any:
            self.take()
            return real(*arguments, **named)

        return change

    def take(self) -> None:
        """Remember what is there now and what is certain."""
        names, contents = dict(self.names), dict(self.contents)
        now = {path.lstat().st_ino: path for path in [self.root, *self.root.rglob("*")]}
        listed = {n: {e.name: e.inode() for e in os.scandir(p)} for n, p in now.items() if p.is_dir()}
        data = {n: p.read_bytes() for n, p in now.items() if not p.is_dir()}
        top = self.root.stat().st_ino

        def make(target: Path, chance: random.Random) -> None:
            """Each folder may have its names as they were synced or as they are now, each file likewise."""

            def put(number: int, path: Path) -> None:
                if number in listed or number in names:
                    path.mkdir()
                    old, new = names.get(number, {}), listed.get(number, {})
                    for name, inner in (new if chance.random() < 0.5 else old).items():
                        put(inner, path / name)
                else:
                    kept, written = contents.get(number, b""), data.get(number, b"")
                    if written == kept:
                        path.write_bytes(kept)
                    else:
                        half = written[: len(written) // 2]
                        zeros = bytes(len(written))
                        path.write_bytes(chance.choice([kept, written, half, zeros, b""]))

            put(top, target)

        self.points.append(make)


@pytest.mark.skipif(os.name == "nt", reason="Windows syncs no folders")
def test_a_power_cut_leaves_the_old_snapshot_or_the_new_one(
    built: Path, seeds: Path, encoder: HashEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every sync and rename of a rebuild, what was not synced is kept, cut, zeroed or lost, at random."""
    Feedback(built).add(vote("Kept?"))
    write_calibration(built / "calibration.json", KEPT)
    old, before = current_id(IndexPaths(built)), tree(built / "snapshots")
    (seeds / "garden.md").write_text("# Garden\n\nToads live in the ditch.\n", "utf-8")
    with monkeypatch.context() as patched:
        recorder = Recorder(built, patched)
        new = build(seeds, built, encoder).snapshot
        recorder.take()
    after = tree(built / "snapshots")
    whole = {ident: {n: d for n, d in after.items() if n.startswith(ident)} for ident in (old, new)}
    assert {name: data for name, data in after.items() if name in before} == before
    seen = set()
    for point, make in enumerate(recorder.points):
        for seed in range(20 if ALL else 3):
            place = tmp_path / "cut"
            make(place, random.Random(1000 * point + seed))
            paths = IndexPaths(place)
            ident = current_id(paths)
            seen.add(ident)
            found = tree(paths.snapshots)
            assert {n: d for n, d in found.items() if n.startswith(f"{ident}/")} == whole[ident], (point, seed)
            with open_index(place, encoder=encoder) as opened:
                answer = opened.search(QUESTION)
            assert answer.snapshot == ident
            assert answer.results[0].citation.evidence == (FIRST if ident == old else SECOND)
            assert [one.question for one in Feedback(place).read()] == ["Kept?"]
            if seed == point % 3 and point % 4 == 0:
                build(seeds, place, encoder)
                assert snapshot_tree(paths, new) == {n: d for n, d in whole[new].items() if "origin" not in n}
                assert examine(paths) == []
            shutil.rmtree(place)
    assert seen == {old, new}


def snapshot_tree(paths: IndexPaths, ident: str) -> dict[str, bytes]:
    """Return the files of a snapshot but for the one that says where the seeds are."""
    return {n: d for n, d in tree(paths.snapshots).items() if n.startswith(f"{ident}/") and "origin" not in n}


@pytest.mark.skipif(os.name == "nt", reason="Windows syncs no folders")
def test_a_first_build_is_there_after_a_power_cut(
    seeds: Path, encoder: HashEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the names of the folders above it are synced, and before CURRENT names a snapshot all of it is there."""
    outer = tmp_path / "outer"
    outer.mkdir()
    with monkeypatch.context() as patched:
        recorder = Recorder(outer, patched)
        build(seeds, outer / "new" / "index", encoder)
    certain = random.Random()
    monkeypatch.setattr(certain, "random", lambda: 1.0)  # nothing but what was synced
    monkeypatch.setattr(certain, "choice", lambda choices: choices[0])
    there = []
    for make in recorder.points:
        make(tmp_path / "cut", certain)
        index = tmp_path / "cut" / "new" / "index"
        try:
            with open_index(index, encoder=encoder) as opened:
                there.append(opened.search(QUESTION).results[0].citation.evidence)
        except SnapshotMissing:
            assert not there
        shutil.rmtree(tmp_path / "cut")
    assert set(there) == {FIRST}
