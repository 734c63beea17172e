"""Large files that were found intact are not read again, unless anybody has touched them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import index.intact
import index.remembered
from index import build
from index.errors import SnapshotDamaged
from index.examine import examine
from index.layout import IndexPaths, SnapshotPaths
from index.lock import lock
from index.snapshot import Snapshot, current_id, open_current, prune, restore, snapshot_ids
from tests.fakes import HashEncoder
from tests.test_corruption import flips

pytestmark = pytest.mark.skipif(os.name == "nt", reason="nothing is remembered on Windows")


@pytest.fixture(autouse=True)
def all_files_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index.remembered, "LARGE", 1)
    monkeypatch.setattr(index.remembered, "SETTLED", -1.0)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are read to be hashed, as they are."""
    names: list[str] = []
    digest: Callable[..., Any] = hashlib.file_digest

    def note(file: Any, name: str) -> Any:
        names.append(Path(file.name).name)
        return digest(file, name)

    monkeypatch.setattr(hashlib, "file_digest", note)
    return names


def paths_of(folder: Path) -> SnapshotPaths:
    return IndexPaths(folder).snapshot(current_id(IndexPaths(folder)))


def reopen(folder: Path) -> None:
    open_current(IndexPaths(folder)).close()


def test_what_was_found_intact_is_not_read_again(built: Path, hashed: list[str]) -> None:
    reopen(built)
    assert hashed == []  # the build has looked
    paths_of(built).verified.unlink()
    reopen(built)
    assert len(hashed) == 10
    hashed.clear()
    reopen(built)
    assert hashed == []


def test_a_small_file_is_read_each_time(built: Path, hashed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index.remembered, "LARGE", paths_of(built).passages.stat().st_size)
    reopen(built)
    assert len(hashed) == 9
    assert "passages.sqlite" not in hashed


def test_a_file_that_anybody_touched_is_read(built: Path, hashed: list[str]) -> None:
    """Also where its size and its time of change were set back, or where it is another file of the same bytes."""
    path = paths_of(built).vectors
    good, before = path.read_bytes(), path.stat()
    bad = good[:-1] + bytes([good[-1] ^ 1])
    path.write_bytes(bad)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(SnapshotDamaged, match=rf"^{path} has sha256 [^\n]*; rebuild the index: qa build$"):
        reopen(built)
    beside = path.with_name("beside")
    for data in (bad, good):
        beside.write_bytes(data)
        os.utime(beside, ns=(before.st_atime_ns, before.st_mtime_ns))
        beside.replace(path)
        hashed.clear()
        if data == bad:
            with pytest.raises(SnapshotDamaged):
                reopen(built)
        else:
            reopen(built)
        assert "vectors.faiss" in hashed
    hashed.clear()
    reopen(built)
    assert hashed == []


def test_a_file_that_was_changed_a_moment_ago_is_read_again(
    built: Path, hashed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the clock of the file system ticks, another change would leave no trace."""
    monkeypatch.setattr(index.remembered, "SETTLED", 1000.0)
    paths_of(built).verified.unlink()
    for _ in range(2):
        hashed.clear()
        reopen(built)
        assert len(hashed) == 10
    assert not paths_of(built).verified.exists()


def test_a_damaged_memory_counts_as_none(built: Path, hashed: list[str]) -> None:
    path = paths_of(built).verified
    good = path.read_bytes()
    for bad in [*list(flips(good))[::40], b"", good[:-1], good + b"\n", b"{}", b"\xff"]:
        path.write_bytes(bad)
        hashed.clear()
        reopen(built)
        assert len(hashed) == 10


def test_where_nothing_can_be_remembered_everything_is_read(
    built: Path, hashed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    paths_of(built).verified.unlink()
    monkeypatch.setattr(index.remembered, "replace_file", fail)
    for _ in range(2):
        hashed.clear()
        reopen(built)
        assert len(hashed) == 10


def test_what_is_remembered_changes_no_order_of_snapshots(built: Path, seeds: Path, encoder: HashEncoder) -> None:
    paths = IndexPaths(built)
    for text in ("Owls hoot.", "Owls sleep."):
        (seeds / "owl.txt").write_text(text, "utf-8")
        build(seeds, built, encoder)
    before = snapshot_ids(paths)
    for ident in before:
        paths.snapshot(ident).verified.unlink()
    for ident in reversed(before):
        Snapshot(paths.snapshot(ident)).close()
    assert examine(paths) == []
    assert snapshot_ids(paths) == before
    with lock(paths, "prune"):
        removed = prune(paths, 0)
    assert removed == before[1:]
    assert sorted(path.name for path in paths.snapshots.iterdir()) == [before[0], f"{before[0]}.verified.json"]


def test_doctor_builds_and_restores_read_everything(
    built: Path, seeds: Path, encoder: HashEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a drive has altered below the file system shows no trace: opening alone does not find it."""
    paths = paths_of(built)
    good = paths.vectors.read_bytes()
    paths.verified.unlink()
    monkeypatch.setattr(index.intact, "stamp_of", lambda found: (1, 2, 3, 4))
    reopen(built)
    paths.vectors.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    reopen(built)
    assert [finding.problem.startswith(f"{paths.vectors} has sha256 ") for finding in examine(IndexPaths(built))] == [
        True
    ]
    with pytest.raises(SnapshotDamaged), lock(IndexPaths(built), "restore"):
        restore(IndexPaths(built), current_id(IndexPaths(built)))
    encoder.encoded.clear()
    assert build(seeds, built, encoder).reused == 0
    assert paths.vectors.read_bytes() == good
    assert encoder.encoded != []
