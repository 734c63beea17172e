"""Builds: what they hold, what they reuse, and what they leave alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from index import build
from index.encode.protocol import EncoderInfo, FloatArray
from index.errors import BuildError, BuildLocked, SeedsError
from index.examine import examine
from index.layout import IndexPaths
from index.lock import lock
from index.records import BuildReport, Progress, Skipped
from index.snapshot import current_id, open_current, snapshot_ids
from tests.conftest import ROOT, TEXTS
from tests.fakes import DIMENSION, HashEncoder


def tree(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file under a folder."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def snapshot_tree(index: Path) -> dict[str, bytes]:
    """Return the files of the snapshot in force, without the one that says where the seeds are."""
    found = tree(IndexPaths(index).snapshot(current_id(IndexPaths(index))).root)
    del found["origin.json"]
    return found


def test_report(tmp_path: Path, seeds: Path, encoder: HashEncoder) -> None:
    (seeds / ".hidden").write_text("no")
    (seeds / "blank.txt").write_text(" \n\n")
    (seeds / "data.bin").write_bytes(b"\0\1\2")
    report = build(seeds, tmp_path / "index", encoder)
    assert report == BuildReport(
        snapshot=current_id(IndexPaths(tmp_path / "index")),
        previous="",
        documents=3,
        passages=4,
        sentences=10,
        reused=0,
        seconds=report.seconds,
        seeds=str(seeds),
        found=6,
        skipped=(
            Skipped(source=".hidden", reason="hidden file"),
            Skipped(source="blank.txt", reason="no text"),
            Skipped(source="data.bin", reason="binary file"),
        ),
        notes=(),
    )
    assert report.documents + len(report.skipped) == report.found


def test_same_seeds_give_the_same_bytes_anywhere(tmp_path: Path, seeds: Path, encoder: HashEncoder) -> None:
    build(seeds, tmp_path / "one", encoder)
    copy = tmp_path / "elsewhere"
    shutil.copytree(seeds, copy)
    build(copy, tmp_path / "two", encoder)
    assert snapshot_tree(tmp_path / "one") == snapshot_tree(tmp_path / "two")


def test_unchanged_seeds_publish_the_same_snapshot(built: Path, seeds: Path, encoder: HashEncoder) -> None:
    before = snapshot_tree(built)
    encoder.encoded.clear()
    report = build(seeds, built, encoder)
    assert (report.snapshot, report.reused, encoder.encoded) == (report.previous, report.sentences, [])
    assert snapshot_tree(built) == before


def test_a_rebuild_encodes_what_changed_and_equals_a_full_build(
    tmp_path: Path, built: Path, seeds: Path, encoder: HashEncoder
) -> None:
    (seeds / "bridge.txt").write_text(TEXTS["bridge.txt"] + "\nIt was painted green.\n", "utf-8")
    (seeds / "garden.md").rename(seeds / "park.md")
    (seeds / "mill.html").unlink()
    (seeds / "new.txt").write_text("An owl sits on the roof.", "utf-8")
    encoder.encoded.clear()
    report = build(seeds, built, encoder)
    whole = (
        "The bridge was built in 1902. It carries two lanes.\n\nEngineers inspect the cables each spring.\n\n"
        "It was painted green."
    )
    assert sorted(encoder.encoded) == ["An owl sits on the roof.", "It was painted green.", whole]
    assert report.reused == report.sentences - 2
    build(seeds, tmp_path / "fresh", HashEncoder())
    assert snapshot_tree(built) == snapshot_tree(tmp_path / "fresh")


def test_the_rebuild_of_the_real_model_equals_a_full_build(
    tmp_path: Path, seeds: Path, real_encoder: HashEncoder
) -> None:
    build(seeds, tmp_path / "index", real_encoder)
    (seeds / "bridge.txt").write_text(TEXTS["bridge.txt"] + "\nIt was painted green last year.\n", "utf-8")
    build(seeds, tmp_path / "index", real_encoder)
    build(seeds, tmp_path / "fresh", real_encoder)
    assert snapshot_tree(tmp_path / "index") == snapshot_tree(tmp_path / "fresh")


def test_another_encoder_encodes_everything_again(built: Path, seeds: Path) -> None:
    other = HashEncoder(fingerprint="fake-2")
    report = build(seeds, built, other)
    assert (report.reused, len(other.encoded)) == (0, report.sentences + report.passages)
    assert report.snapshot != report.previous


def test_a_damaged_snapshot_is_replaced_by_the_next_build(built: Path, seeds: Path, encoder: HashEncoder) -> None:
    paths = IndexPaths(built)
    broken = paths.snapshot(current_id(paths)).vectors
    good = broken.read_bytes()
    broken.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    report = build(seeds, built, encoder)
    assert (report.previous, report.reused) == ("", 0)
    assert broken.read_bytes() == good
    assert examine(paths) == []


def test_leftovers_of_dead_builds_are_removed(built: Path, seeds: Path, encoder: HashEncoder) -> None:
    left = IndexPaths(built).snapshots / "0123456789abcdef.tmp"
    left.mkdir()
    (left / "half").write_text("x")
    build(seeds, built, encoder)
    assert [p.name for p in IndexPaths(built).snapshots.iterdir()] == snapshot_ids(IndexPaths(built))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: None, "seeds folder {p} does not exist; name a folder of documents: qa build FOLDER"),
        (
            lambda p: p.write_text("x"),
            "seeds {p} is a file, expected a folder; put the file into a folder and name that",
        ),
        (lambda p: p.mkdir(), "seeds folder {p} is empty; put documents into it"),
        (
            lambda p: (p.mkdir(), (p / "a.bin").write_bytes(b"\0")),
            "nothing readable in {p}: 1 skipped; a.bin: binary file; put documents into it",
        ),
    ],
)
def test_seeds_that_cannot_be_used(
    built: Path, tmp_path: Path, encoder: HashEncoder, make: object, message: str
) -> None:
    assert callable(make)
    bad = tmp_path / "bad"
    make(bad)
    before = tree(built / "snapshots")
    with pytest.raises(SeedsError) as caught:
        build(bad, built, encoder)
    assert str(caught.value) == message.format(p=bad)
    assert tree(built / "snapshots") == before


def test_a_second_build_is_told_who_holds_the_lock(built: Path, seeds: Path, encoder: HashEncoder) -> None:
    code = (
        "import sys; from pathlib import Path; from index.layout import IndexPaths; from index.lock import lock\n"
        "with lock(IndexPaths(Path(sys.argv[1])), 'build of elsewhere'): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(built)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(BuildLocked) as caught:
            build(seeds, built, encoder)
        assert f"{built} is locked by process {other.pid} on " in str(caught.value)
        assert "(build of elsewhere); wait until it ends, or end it, then try again" in str(caught.value)
        other.stdin.close()
    build(seeds, built, encoder)


def test_the_lock_of_a_dead_process_does_not_hold(built: Path) -> None:
    paths = IndexPaths(built)
    paths.lock.write_text("left over")
    with lock(paths, "test"):
        pass


def test_an_index_that_cannot_be_written(tmp_path: Path, seeds: Path, encoder: HashEncoder) -> None:
    place = tmp_path / "file"
    place.write_text("in the way")
    with pytest.raises(BuildError) as caught:
        build(seeds, place, encoder)
    assert str(caught.value) == (
        f"the index in {place} can't be written (Not a directory); no snapshot is in force; "
        "check the folder's permissions"
    )


LIMITED = """
import resource, signal, sys
from pathlib import Path
from index import build
from tests.fakes import HashEncoder
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
try:
    build(Path(sys.argv[1]), Path(sys.argv[2]), HashEncoder())
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.skipif(os.name == "nt", reason="limits the size of files with POSIX's resource limits")
@pytest.mark.parametrize("limit", [0, 100, 1500, 9000, 16000])
def test_a_full_disk_leaves_the_snapshot_in_force(built: Path, seeds: Path, limit: int) -> None:
    """A limit on the size of files makes writes fail as a full disk does, wherever in the build that is."""
    before = {name: data for name, data in tree(built).items() if "holder" not in name}
    for number in range(20):
        (seeds / f"more-{number}.txt").write_text(f"Sentence number {number} is here. " * 40, "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(seeds), str(built), str(limit)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == (  # SQLite does not tell such a limit from a failing disk
        f"BuildError the index in {built} can't be written (disk I/O error); the snapshot in force is unchanged; "
        "check the disk, and that it has space left, then try again\n"
    )
    after = {name: data for name, data in tree(built).items() if "holder" not in name and "unfinished" not in name}
    assert after == before
    assert build(seeds, built, HashEncoder()).documents == 23


def test_an_interrupted_build_leaves_the_snapshot_in_force(built: Path, seeds: Path, encoder: HashEncoder) -> None:
    before = tree(built / "snapshots")
    (seeds / "new.txt").write_text("An owl sits on the roof.", "utf-8")

    def interrupt(stage: str, done: int, total: int) -> None:
        if stage == "check":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(seeds, built, encoder, interrupt)
    assert tree(built / "snapshots") == before
    assert build(seeds, built, encoder).documents == 4


def test_a_reader_keeps_its_snapshot_through_ten_builds(built: Path, seeds: Path, encoder: HashEncoder) -> None:
    with open_current(IndexPaths(built)) as held:
        first = [p.text for p in held.store.passages_of(held.store.documents[0])]
        for number in range(10):
            (seeds / "bridge.txt").write_text(f"Version {number}.", "utf-8")
            build(seeds, built, encoder)
        assert [p.text for p in held.store.passages_of(held.store.documents[0])] == first
        assert len(held.vectors) == held.manifest.counts.sentences


class WideEncoder(HashEncoder):
    """Another model, of vectors twice as long."""

    @property
    def info(self) -> EncoderInfo:
        return replace(super().info, fingerprint="fake-wide", dimension=2 * DIMENSION)

    def encode(self, texts: Sequence[str], progress: Progress) -> FloatArray:
        return np.tile(super().encode(texts, progress), 2) / np.float32(np.sqrt(2))


def test_a_model_of_another_dimension_replaces_the_one_before(built: Path, seeds: Path, tmp_path: Path) -> None:
    """Also where documents are as they were, have changed or went."""
    (seeds / "bridge.txt").write_text("The bridge was built in 1902. It carries three lanes.\n", "utf-8")
    (seeds / "mill.html").unlink()
    report = build(seeds, built, WideEncoder())
    assert report.reused == 0
    build(seeds, tmp_path / "fresh", WideEncoder())
    assert snapshot_tree(built) == snapshot_tree(tmp_path / "fresh")
