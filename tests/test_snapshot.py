"""Snapshots: opening, damage, pruning and comparing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from index import build
from index.errors import SeedQAError, SnapshotDamaged, SnapshotFormat, SnapshotMissing
from index.layout import IndexPaths
from index.lock import lock
from index.manifest import FORMAT, read_manifest, write_manifest
from index.snapshot import Difference, current_id, diff, examine, load_manifest, open_current, prune, snapshot_ids
from qa import open_index
from tests.fakes import HashEncoder

FILES = (
    "manifest.json", "origin.json", "passages.sqlite", "vectors.faiss", "lexical/terms.sqlite",
    "lexical/starts.npy", "lexical/passages.npy", "lexical/frequencies.npy", "lexical/weights.npy",
)  # fmt: skip


def file_of(index: Path, name: str) -> Path:
    """Return a file of the snapshot in force."""
    return IndexPaths(index).snapshot(current_id(IndexPaths(index))).root / name


def test_the_list_of_files_is_complete(built: Path) -> None:
    root = file_of(built, "manifest.json").parent
    assert sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()) == sorted(FILES)


@pytest.mark.parametrize("name", FILES)
def test_any_flipped_byte_is_found(built: Path, encoder: HashEncoder, name: str) -> None:
    path = file_of(built, name)
    good = path.read_bytes()
    step = max(1, len(good) // 40)
    for at in [*range(0, len(good), step), len(good) - 1]:
        path.write_bytes(good[:at] + bytes([good[at] ^ (1 << at % 8)]) + good[at + 1 :])
        assert examine(IndexPaths(built)) != []
        if name == "origin.json":  # says where the seeds are: needed to verify, not to answer
            with open_index(built, encoder=encoder) as opened, pytest.raises(SnapshotDamaged):
                opened.verify("seedqa:bridge.txt?chars=0-9&evidence=0-9&source=0123456789abcdef&quote=0123456789abcdef")
        else:
            with pytest.raises(SeedQAError, match=r"(rebuild the index: qa build|install a newer SeedQA)$"):
                open_index(built, encoder=encoder)
    path.write_bytes(good)
    assert examine(IndexPaths(built)) == []


@pytest.mark.parametrize("name", FILES)
def test_any_truncated_or_missing_file_is_found(built: Path, encoder: HashEncoder, name: str) -> None:
    path = file_of(built, name)
    good = path.read_bytes()
    for size in (0, 1, len(good) // 2, len(good) - 1):
        path.write_bytes(good[:size])
        assert examine(IndexPaths(built)) != []
        if name != "origin.json":
            with pytest.raises(SnapshotDamaged, match=r"rebuild the index: qa build$"):
                open_index(built, encoder=encoder)
    path.unlink()
    assert examine(IndexPaths(built)) != []
    if name != "origin.json":
        with pytest.raises(SeedQAError, match=r"rebuild the index: qa build$"):
            open_index(built, encoder=encoder)


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
    with pytest.raises(SnapshotFormat, match=r"format version 0, this SeedQA reads 1; rebuild the index: qa build$"):
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
