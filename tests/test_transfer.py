"""Snapshots that move from one folder to another; tests/test_milvus.py moves them to a server and back."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from index import build
from index.errors import BuildLocked, SnapshotDamaged, SnapshotMissing
from index.folder import FolderCatalog, as_catalog, in_force, receive
from index.layout import IndexPaths
from index.lock import lock
from index.manifest import FILES, read_manifest, write_manifest
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
    assert str(error.value).startswith(f"{built}: vectors.faiss has sha256 ")
    assert str(error.value).endswith(f", expected {record.sha256[:16]}…; look at its source: qa doctor --index {built}")
    assert in_force(as_catalog(tmp_path / "copy")) == ""
    assert list((tmp_path / "copy" / "snapshots").iterdir()) == []


def test_what_is_here_already_stays_as_it_is_and_is_put_in_force(
    built: Path, seeds: Path, tmp_path: Path, encoder: HashEncoder
) -> None:
    source, target = as_catalog(built), as_catalog(tmp_path / "copy")
    ident = source.current()
    receive(target.home, source, ident, no_progress)
    (seeds / "owl.txt").write_text("An owl.", "utf-8")
    build(seeds, target.home.root, encoder)
    here = target.home.snapshot(ident).manifest.stat().st_ino
    receive(target.home, source, ident, no_progress)
    assert (target.current(), target.home.snapshot(ident).manifest.stat().st_ino) == (ident, here)
    target.home.snapshot(ident).origin.write_bytes(b"{}")
    receive(target.home, source, ident, no_progress)
    assert (target.examine(), target.origin(ident)) == ([], seeds)


def test_a_source_that_can_t_be_read_is_named_as_such(built: Path, tmp_path: Path) -> None:
    source = as_catalog(built)
    ident = source.current()
    gone = source.home.snapshot(ident).vectors
    gone.unlink()
    with pytest.raises(SnapshotDamaged) as error:
        receive(IndexPaths(tmp_path / "copy"), source, ident, no_progress)
    assert str(error.value) == (
        f"{gone} can't be read (No such file or directory); look at its index: qa doctor --index {built}"
    )
    assert list((tmp_path / "copy" / "snapshots").iterdir()) == []


def test_no_prune_removes_what_is_being_copied(built: Path, seeds: Path, tmp_path: Path, encoder: HashEncoder) -> None:
    source = as_catalog(built)
    ident = source.current()
    (seeds / "owl.txt").write_text("An owl.", "utf-8")
    build(seeds, built, encoder)
    removed: list[list[str]] = []
    receive(IndexPaths(tmp_path / "copy"), source, ident, lambda *_: removed.append(source.prune(0)))
    assert [one for one in removed[:-1] if one] == []
    assert as_catalog(tmp_path / "copy").current() == ident


@pytest.mark.parametrize(
    "name", ["../../../evil", "/etc/evil", "lexical/../../evil", "..\\evil", "manifest.json", "lexical", ""]
)
def test_a_manifest_with_another_name_of_a_file_is_refused(built: Path, tmp_path: Path, name: str) -> None:
    source = as_catalog(built)
    ident = source.current()
    paths = source.home.snapshot(ident)
    manifest = source.manifest(ident)
    assert manifest.files.keys() <= FILES
    record = manifest.files["vectors.faiss"]
    data = write_manifest(replace(manifest, files={**manifest.files, name: record}))
    with pytest.raises(SnapshotDamaged) as error:
        read_manifest(data, "here")
    assert str(error.value) == f"here lists {name!r}, which is no file of a snapshot; rebuild the index: qa build"
    paths.manifest.chmod(0o644)
    paths.manifest.write_bytes(data)
    with pytest.raises(SnapshotDamaged):
        receive(IndexPaths(tmp_path / "copy"), source, ident, no_progress)
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
        f"qa: no index in {missing}; name a folder that qa export or qa build has written\n",
    )
    with pytest.raises(SnapshotMissing):
        as_catalog(missing).open()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("A note.", "utf-8")
    for command, folder, line in (
        ("export", tmp_path / "notes", "holds other files and no index; name a new folder, or that of an index"),
        ("export", built, "is the index itself; name another folder, or another --index"),
        ("import", built, "is the index itself; name another folder, or another --index"),
        ("import", tmp_path / "notes" / "a.txt", "is a file; expected the folder of an index"),
    ):
        assert qa(command, folder, "--index", built) == (2, "", f"qa: {folder} {line}; see qa --help\n")
    assert os.listdir(tmp_path / "notes") == ["a.txt"]
    (tmp_path / "empty").mkdir()
    assert qa("export", tmp_path / "empty", "--index", built)[0] == 0


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("export", "to send one to a server: qa import FOLDER --index ADDRESS"),
        ("import", "to fetch one from a server: qa export FOLDER --index ADDRESS"),
    ],
)
def test_an_address_is_no_folder(command: str, message: str, qa: Run, built: Path) -> None:  # noqa: F811
    code, out, told = qa(command, "milvus://127.0.0.1:1/x", "--index", str(built))
    assert (code, out) == (2, "")
    assert f"FOLDER is an index in a folder; {message}" in " ".join(told.split())
