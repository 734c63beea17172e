"""Snapshots: opening, damage, pruning, restoring and comparing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from index import build
from index.compare import Difference, diff
from index.errors import SeedQAError, SnapshotDamaged, SnapshotFormat, SnapshotMissing
from index.examine import examine
from index.layout import IndexPaths
from index.lock import lock
from index.manifest import FORMAT, read_manifest, write_manifest
from index.snapshot import (
    current_id,
    load_manifest,
    open_current,
    prune,
    publish,
    restore,
    snapshot_ids,
)  # fmt: skip
from qa import open_index
from tests.fakes import HashEncoder

FILES = (
    "manifest.json", "origin.json", "passage_vectors.faiss", "passages.sqlite", "vectors.faiss", "lexical/terms.sqlite",
    "lexical/starts.npy", "lexical/passages.npy", "lexical/frequencies.npy", "lexical/weights.npy",
    "first_sentences.npy", "passage_documents.npy",
)  # fmt: skip
"""Of a small snapshot."""
WHOLE = (*FILES, "candidates.faiss", "passage_candidates.faiss")


@pytest.fixture
def whole(tmp_path: Path, seeds: Path, encoder: HashEncoder) -> Path:
    """An index with every kind of file that a snapshot can have."""
    build(seeds, tmp_path / "whole", encoder, search="compressed")
    return tmp_path / "whole"


def file_of(index: Path, name: str) -> Path:
    """Return a file of the snapshot in force."""
    return IndexPaths(index).snapshot(current_id(IndexPaths(index))).root / name


def test_the_list_of_files_is_complete(whole: Path) -> None:
    root = file_of(whole, "manifest.json").parent
    assert sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()) == sorted(WHOLE)


@pytest.mark.parametrize("name", WHOLE)
def test_any_flipped_byte_is_found(whole: Path, encoder: HashEncoder, name: str) -> None:
    path = file_of(whole, name)
    good = path.read_bytes()
    step = max(1, len(good) // 40)
    for at in [*range(0, len(good), step), len(good) - 1]:
        path.write_bytes(good[:at] + bytes([good[at] ^ (1 << at % 8)]) + good[at + 1 :])
        assert examine(IndexPaths(whole)) != []
        if name == "origin.json":  # says where the seeds are: needed to verify, not to answer
            with open_index(whole, encoder=encoder) as opened, pytest.raises(SnapshotDamaged):
                opened.verify("seedqa:bridge.txt?chars=0-9&evidence=0-9&source=0123456789abcdef&quote=0123456789abcdef")
        else:
            with pytest.raises(SeedQAError, match=r"(rebuild the index: qa build|install a newer SeedQA)$"):
                open_index(whole, encoder=encoder)
    path.write_bytes(good)
    assert examine(IndexPaths(whole)) == []


@pytest.mark.parametrize("name", WHOLE)
def test_any_truncated_or_missing_file_is_found(whole: Path, encoder: HashEncoder, name: str) -> None:
    path = file_of(whole, name)
    good = path.read_bytes()
    for size in (0, 1, len(good) // 2, len(good) - 1):
        path.write_bytes(good[:size])
        assert examine(IndexPaths(whole)) != []
        if name != "origin.json":
            with pytest.raises(SnapshotDamaged, match=r"rebuild the index: qa build$"):
                open_index(whole, encoder=encoder)
    path.unlink()
    assert examine(IndexPaths(whole)) != []
    if name != "origin.json":
        with pytest.raises(SeedQAError, match=r"rebuild the index: qa build$"):
            open_index(whole, encoder=encoder)


def test_no_index(tmp_path: Path) -> None:
    place = tmp_path / "none"
    with pytest.raises(SnapshotMissing) as caught:
        open_current(IndexPaths(place))
    assert str(caught.value) == f"no index in {place}; build one: qa build FOLDER --index {place}"


@pytest.mark.parametrize("content", ["", "0123456789abcdef\n", "../../etc\n", "x" * 1000, "0123456789ABCDEF\n"])
def test_a_current_file_that_names_no_snapshot(built: Path, content: str) -> None:
    IndexPaths(built).current.write_text(content)
    with pytest.raises(SnapshotDamaged, match=r"rebuild the index: qa build$"):
        open_current(IndexPaths(built))
    assert [finding.snapshot for finding in examine(IndexPaths(built))] == ["CURRENT"]


def test_a_newer_format_is_refused_untouched(built: Path) -> None:
    path = file_of(built, "manifest.json")
    newer = json.loads(path.read_bytes()) | {"format": FORMAT + 1, "something": "else"}
    path.write_text(json.dumps(newer))
    with pytest.raises(SnapshotFormat) as caught:
        open_current(IndexPaths(built))
    assert str(caught.value) == (
        f"{path} has format version {FORMAT + 1}, this SeedQA reads {FORMAT}; install a newer SeedQA"
    )
    assert json.loads(path.read_bytes()) == newer


def test_an_older_format_asks_for_a_rebuild_which_works(built: Path, seeds: Path, encoder: HashEncoder) -> None:
    path = file_of(built, "manifest.json")
    path.write_text(json.dumps({"format": 0}))
    with pytest.raises(SnapshotFormat, match=rf"version 0, this SeedQA reads {FORMAT}; rebuild the index: qa build$"):
        open_current(IndexPaths(built))
    build(seeds, built, encoder)
    open_current(IndexPaths(built)).close()


def test_manifest_round_trip(built: Path) -> None:
    data = file_of(built, "manifest.json").read_bytes()
    assert write_manifest(read_manifest(data, "here")) == data


def versions(seeds: Path, index: Path, encoder: HashEncoder, count: int) -> list[str]:
    """Build ``count`` snapshots and return their ids, oldest first."""
    ids = []
    for number in range(count):
        (seeds / "bridge.txt").write_text(f"Version {number} of the bridge.", "utf-8")
        ids.append(build(seeds, index, encoder).snapshot)
    return ids


def test_prune_keeps_the_current_those_asked_for_and_those_being_read(
    tmp_path: Path, seeds: Path, encoder: HashEncoder
) -> None:
    index = IndexPaths(tmp_path / "index")
    first, *others = versions(seeds, index.root, encoder, 2)
    with open_current(index) as held:
        assert held.id == others[0]
        rest = versions(seeds, index.root, encoder, 5)[2:]
        with lock(index, "prune"):
            removed = prune(index, keep=1)
        assert set(snapshot_ids(index)) == {held.id, *rest[-2:]}
        assert set(removed) == {first, rest[0]} - {held.id} | (set(rest[:-2]) - {held.id})
        assert held.store.document_text(0) == "Version 1 of the bridge."
    with lock(index, "prune"):
        prune(index, keep=0)
    assert snapshot_ids(index) == [current_id(index)]


def restored(index: IndexPaths, ident: str) -> str:
    """Put a snapshot back in force, as whoever does so should."""
    with lock(index, "restore"):
        return restore(index, ident)


def test_restore_toggles_between_two_snapshots(tmp_path: Path, seeds: Path, encoder: HashEncoder) -> None:
    index = IndexPaths(tmp_path / "index")
    oldest, older, newest = versions(seeds, index.root, encoder, 3)
    with open_index(index.root, encoder=encoder) as opened:
        assert opened.search("bridge").results[0].citation.quote == "Version 2 of the bridge."
        assert restored(index, older) == newest
        assert snapshot_ids(index) == [older, newest, oldest]
        assert opened.search("bridge").results[0].citation.quote == "Version 1 of the bridge."
    for _ in range(5):  # as quickly as it goes: the order does not hang on the clock's ticks
        before = snapshot_ids(index)
        assert restored(index, before[1]) == before[0]
        assert snapshot_ids(index) == [before[1], before[0], oldest]
        assert current_id(index) == before[1]
    assert examine(index) == []
    assert restored(index, current_id(index)) == current_id(index)


def test_the_order_of_snapshots_survives_a_clock_set_back(tmp_path: Path, seeds: Path, encoder: HashEncoder) -> None:
    index = IndexPaths(tmp_path / "index")
    older, newer = versions(seeds, index.root, encoder, 2)
    os.utime(index.snapshot(newer).root, ns=(2**62, 2**62))  # in the year 2116
    publish(index, older)
    assert snapshot_ids(index) == [older, newer]


def test_restore_mends_a_broken_current_file(tmp_path: Path, seeds: Path, encoder: HashEncoder) -> None:
    index = IndexPaths(tmp_path / "index")
    older, _ = versions(seeds, index.root, encoder, 2)
    for mischief in (lambda: index.current.write_text("nonsense"), index.current.unlink):
        mischief()
        assert restored(index, older) == ""
        assert current_id(index) == older


@pytest.mark.parametrize("ident", ["0123456789abcdef", "", "..", "../../etc", "CURRENT"])
def test_only_a_snapshot_can_be_restored(built: Path, ident: str) -> None:
    index = IndexPaths(built)
    known = current_id(index)
    with pytest.raises(SnapshotMissing) as caught:
        restored(index, ident)
    assert str(caught.value) == f"no snapshot {ident!r} in {built}; expected one of {known}"
    assert current_id(index) == known


def test_nothing_to_restore(tmp_path: Path) -> None:
    with pytest.raises(SnapshotMissing) as caught:
        restored(IndexPaths(tmp_path), "0123456789abcdef")
    assert str(caught.value) == f"no snapshot '0123456789abcdef' in {tmp_path}; build one: qa build FOLDER"


@pytest.mark.parametrize("name", [name for name in WHOLE if name != "origin.json"])
def test_a_damaged_snapshot_is_not_restored(whole: Path, seeds: Path, encoder: HashEncoder, name: str) -> None:
    index = IndexPaths(whole)
    older = current_id(index)
    broken = file_of(whole, name)
    (seeds / "bridge.txt").write_text("Another bridge.", "utf-8")
    newer = build(seeds, whole, encoder, search="compressed").snapshot
    good = broken.read_bytes()
    broken.write_bytes(bytes([good[0] ^ 1]) + good[1:])
    with pytest.raises(SnapshotDamaged, match=rf"^{broken}[^\n]*; rebuild the index: qa build$"):
        restored(index, older)
    broken.unlink()
    with pytest.raises(SnapshotMissing if name == "manifest.json" else SnapshotDamaged, match=r"^[^\n]*$"):
        restored(index, older)
    assert current_id(index) == newer


def test_diff(built: Path, seeds: Path) -> None:
    paths = IndexPaths(built)
    old = current_id(paths)
    (seeds / "bridge.txt").write_text("Another bridge.", "utf-8")
    (seeds / "mill.html").unlink()
    (seeds / "owl.txt").write_text("An owl.", "utf-8")
    new = build(seeds, built, HashEncoder(fingerprint="fake-2")).snapshot
    assert diff(load_manifest(paths.snapshot(old)), load_manifest(paths.snapshot(new))) == Difference(
        old=old,
        new=new,
        added=("owl.txt",),
        changed=("bridge.txt",),
        removed=("mill.html",),
        settings=("encoder.fingerprint: fake-1 → fake-2",),
    )
