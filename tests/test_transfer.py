"""Snapshots that move from one folder to another; tests/test_milvus.py moves them to a server and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from index import build
from index.errors import BuildLocked, SnapshotDamaged, SnapshotMissing
from index.folder import FolderCatalog, as_catalog, in_force, receive
from index.layout import IndexPaths
from index.lock import lock
from index.records import no_progress
from qa import open_index
from tests.fakes import HashEncoder
from tests.test_cli import Run, qa  # noqa: F401 - a fixture


def files(index: Path) -> dict[str, bytes]:
    """Return the files of the snapshot in force."""
    catalog = FolderCatalog(IndexPaths(index))
    root = catalog.home.snapshot(catalog.current()).root
    names = (*catalog.manifest(catalog.current()).files, "manifest.json", "origin.json")
    return {name: (root / name).read_bytes() for name in names}


def test_the_copy_is_the_same_to_the_byte_and_answers(built: Path, tmp_path: Path, encoder: HashEncoder) -> None:
    source = as_catalog(built)
    receive(IndexPaths(tmp_path / "copy"), source, source.current(), no_progress)
    assert files(tmp_path / "copy") == files(built)
    with open_index(built, encoder=encoder) as first, open_index(tmp_path / "copy", encoder=encoder) as copy:
        assert copy.search("Where do frogs live?") == first.search("Where do frogs live?")


def test_what_the_target_held_stays_as_an_earlier_snapshot(
    built: Path, seeds: Path, tmp_path: Path, encoder: HashEncoder
) -> None:
    source, target = as_catalog(built), as_catalog(tmp_path / "target")
    (seeds / "owl.txt").write_text("An owl.", "utf-8")
    earlier = build(seeds, tmp_path / "target", encoder).snapshot
    target.take(source.home.snapshot(source.current()), no_progress)
    assert target.ids() == [source.current(), earlier]
    assert target.restore(earlier) == source.current()
    target.take(target.home.snapshot(earlier), no_progress)  # its own: nothing to do
    assert target.current() == earlier


def test_a_damaged_snapshot_does_not_arrive(built: Path, tmp_path: Path) -> None:
    source = as_catalog(built)
    ident = source.current()
    broken = source.home.snapshot(ident).vectors
    data = bytearray(broken.read_bytes())
    data[-1] ^= 1
    broken.write_bytes(data)
    with pytest.raises(SnapshotDamaged) as error:
        receive(IndexPaths(tmp_path / "copy"), source, ident, no_progress)
    record = source.manifest(ident).files["vectors.faiss"]
    copied = tmp_path / "copy" / "snapshots" / f"{ident}.tmp" / "vectors.faiss"
    assert str(error.value).startswith(f"{copied} has sha256 ")
    assert str(error.value).endswith(f", expected {record.sha256[:16]}…; look at its source: qa doctor --index {built}")
    assert in_force(as_catalog(tmp_path / "copy")) == ""
    assert list((tmp_path / "copy" / "snapshots").iterdir()) == []


def test_an_index_that_is_being_built_takes_nothing(built: Path, tmp_path: Path) -> None:
    source = as_catalog(built)
    with lock(IndexPaths(tmp_path / "copy"), "a test"), pytest.raises(BuildLocked):
        receive(IndexPaths(tmp_path / "copy"), source, source.current(), no_progress)


def test_the_commands(qa: Run, built: Path, tmp_path: Path) -> None:  # noqa: F811
    ident = as_catalog(built).current()
    held = f"3 documents, 4 passages, 10 sentences; {len(files(built)) - 2} files of the same sha256."
    out = tmp_path / "out"
    assert qa("export", out, "--index", built) == (0, f"Snapshot {ident} is in force in {out}: {held}\n", "")
    code, printed, _ = qa("import", out, "--index", tmp_path / "in", "--json")
    assert (code, json.loads(printed)) == (
        0,
        {
            "index": str(tmp_path / "in"),
            "snapshot": ident,
            "counts": {"documents": 3, "passages": 4, "sentences": 10, "terms": json.loads(printed)["counts"]["terms"]},
            "files": len(files(built)) - 2,
        },
    )
    assert files(tmp_path / "in") == files(built)
    missing = tmp_path / "none"
    assert qa("import", missing) == (
        1,
        "",
        f"qa: no index in {missing}; build one: qa build FOLDER --index {missing}\n",
    )
    with pytest.raises(SnapshotMissing):
        as_catalog(missing).open()
