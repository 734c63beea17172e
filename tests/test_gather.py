"""Which documents a build holds: copies once, archives opened, and no work done twice."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from index import Limits, build
from index.journal import Journal, journal_key
from index.layout import IndexPaths
from index.load.read import LeftOut
from index.load.readers import Outcome, Readers
from index.records import BuildReport, Skipped
from index.snapshot import current_id, load_manifest, open_current
from qa import open_index
from tests.conftest import TEXTS
from tests.documents import zipped
from tests.fakes import HashEncoder
from tests.test_build import snapshot_tree

OWL = "An owl sits on the roof of the old barn."


def documents(index: Path) -> dict[str, tuple[str, ...]]:
    """Return the paths of an index's documents, each with those of its copies."""
    paths = IndexPaths(index)
    return {d.path: d.copies for d in load_manifest(paths.snapshot(current_id(paths))).documents}


def accounted(report: BuildReport) -> set[str]:
    """Return the names that a report lists as left out."""
    return {skipped.source for skipped in report.skipped}


def test_the_same_content_is_indexed_once_and_cited_with_all_its_names(
    tmp_path: Path, seeds: Path, encoder: HashEncoder
) -> None:
    (seeds / "sub").mkdir()
    (seeds / "sub" / "again.txt").write_bytes((seeds / "bridge.txt").read_bytes())
    (seeds / "a.zip").write_bytes(zipped({"copy.md": TEXTS["garden.md"].encode(), "owl.txt": OWL.encode()}))
    report = build(seeds, tmp_path / "index", encoder)
    assert documents(tmp_path / "index") == {
        "a.zip/owl.txt": (),
        "bridge.txt": ("sub/again.txt",),
        "garden.md": ("a.zip/copy.md",),
        "mill.html": (),
    }
    assert [(s.source, s.copy_of) for s in report.skipped] == [
        ("a.zip/copy.md", "garden.md"), ("sub/again.txt", "bridge.txt")
    ]  # fmt: skip
    assert report.skipped[1].reason == "same content as bridge.txt, with which it is indexed"
    assert report.documents + len(report.skipped) == report.found == 6
    with open_index(tmp_path / "index", encoder=encoder) as opened:
        (result,) = opened.search("When was the bridge built?", k=1).results
        assert result.citation.copies == ("sub/again.txt",)
        assert result.citation.place == "bridge.txt, lines 1–3 (also as sub/again.txt)"
        assert opened.search("bridge", documents="sub/*", k=1).results == (
            opened.search("bridge", documents="bridge.txt", k=1).results
        )
        (seeds / "bridge.txt").unlink()
        for found in (opened.verify(result.citation), *opened.verify_answer(opened.search("bridge", k=1))):
            assert (found.status, found.detail) == (
                "verified",
                "bridge.txt is gone; sub/again.txt, lines 1–3: the file is unchanged and says exactly what is quoted",
            )


def test_a_copy_takes_the_place_of_an_original_that_went(tmp_path: Path, seeds: Path, encoder: HashEncoder) -> None:
    (seeds / "z.zip").write_bytes(zipped({"copy.txt": TEXTS["bridge.txt"].encode()}))
    build(seeds, tmp_path / "index", encoder)
    assert documents(tmp_path / "index")["bridge.txt"] == ("z.zip/copy.txt",)
    (seeds / "bridge.txt").unlink()
    encoder.encoded.clear()
    report = build(seeds, tmp_path / "index", encoder)
    assert documents(tmp_path / "index") == {"garden.md": (), "mill.html": (), "z.zip/copy.txt": ()}
    assert (report.skipped, encoder.encoded) == ((), [])
    build(seeds, tmp_path / "fresh", HashEncoder())
    assert snapshot_tree(tmp_path / "index") == snapshot_tree(tmp_path / "fresh")


def test_copies_of_what_can_not_be_read_have_its_reason(tmp_path: Path, seeds: Path, encoder: HashEncoder) -> None:
    for name in ("one.bin", "two.bin"):
        (seeds / name).write_bytes(b"\0\1\2")
    report = build(seeds, tmp_path / "index", encoder)
    assert report.skipped == (
        Skipped(source="one.bin", reason="binary file"), Skipped(source="two.bin", reason="binary file")
    )  # fmt: skip
    assert report.found == 5


def test_equal_archives_are_opened_once(tmp_path: Path, seeds: Path, encoder: HashEncoder) -> None:
    data = zipped({"owl.txt": OWL.encode(), "photo.png": b"\x89PNG\r\n\x1a\n\0"})
    for name in ("a.zip", "b.zip"):
        (seeds / name).write_bytes(data)
    report = build(seeds, tmp_path / "index", encoder)
    assert documents(tmp_path / "index")["a.zip/owl.txt"] == ("b.zip/owl.txt",)
    assert accounted(report) == {"a.zip/photo.png", "b.zip/owl.txt", "b.zip/photo.png"}


def test_members_of_archives_are_cited_and_verified(tmp_path: Path, seeds: Path, encoder: HashEncoder) -> None:
    archive = seeds / "post" / "2024.zip"
    archive.parent.mkdir()
    archive.write_bytes(zipped({"letters/owl.txt": f"Letter\n\n{OWL}\n".encode()}))
    build(seeds, tmp_path / "index", encoder)
    with open_index(tmp_path / "index", encoder=encoder) as opened:
        (result,) = opened.search("Where does the owl sit?", k=1).results
        assert result.citation.place == "post/2024.zip/letters/owl.txt, lines 1–3"
        assert [opened.verify(result.citation).status, opened.verify_known(result.citation).status] == ["verified"] * 2
        assert opened.open_passage(result.citation.link).citation == result.citation
        statuses = {status.source: status.status for status in opened.list_documents()}
        assert statuses["post/2024.zip/letters/owl.txt"] == "current"
        archive.write_bytes(zipped({"letters/owl.txt": b"Letter\n\nNo bird.\n"}))
        assert opened.verify(result.citation).status == "source changed"
        assert opened.verify_known(result.citation).status == "source changed"
        archive.write_bytes(zipped({"other.txt": b"Nothing."}))
        assert opened.verify(result.citation).detail == (
            "post/2024.zip/letters/owl.txt can no longer be read "
            "(post/2024.zip/letters/owl.txt is no longer in post/2024.zip)"
        )
        archive.unlink()
        assert opened.verify(result.citation).status == "source missing"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note which files are read by a process."""
    names: list[str] = []
    original: Callable[..., object] = Readers.read_file

    def note(self: Readers, seeds: Path, path: str) -> object:
        names.append(path)
        return original(self, seeds, path)

    monkeypatch.setattr(Readers, "read_file", note)
    return names


def test_a_rebuild_reads_only_what_changed(tmp_path: Path, seeds: Path, encoder: HashEncoder, read: list[str]) -> None:
    (seeds / "a.zip").write_bytes(zipped({"owl.txt": OWL.encode(), "photo.png": b"\x89PNG\r\n\x1a\n\0"}))
    (seeds / "data.bin").write_bytes(b"\0\1\2")
    first = build(seeds, tmp_path / "index", encoder)
    assert sorted(read) == ["a.zip", "bridge.txt", "data.bin", "garden.md", "mill.html"]
    read.clear()
    (seeds / "mill.html").write_text("<p>The mill stands still.</p>", "utf-8")
    second = build(seeds, tmp_path / "index", encoder)
    assert read == ["mill.html"]
    assert second.skipped == first.skipped
    build(seeds, tmp_path / "fresh", HashEncoder())
    assert snapshot_tree(tmp_path / "index") == snapshot_tree(tmp_path / "fresh")


@pytest.mark.parametrize("stage", ["load", "encode", "lexical", "check"])
def test_an_interrupted_build_goes_on_where_it_was(
    tmp_path: Path, seeds: Path, encoder: HashEncoder, read: list[str], monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    monkeypatch.setattr("index.prepare.BATCH", 4)

    def interrupt(at: str, done: int, total: int) -> None:
        if at == stage and done == total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(seeds, tmp_path / "index", encoder, interrupt)
    assert sorted(read) == ["bridge.txt", "garden.md", "mill.html"]
    before = list(encoder.encoded)
    read.clear()
    encoder.encoded.clear()
    report = build(seeds, tmp_path / "index", encoder)
    assert read == []
    kept = {"load": [], "encode": before[:8]}.get(stage, before)  # of the third batch nothing was kept
    assert not set(encoder.encoded) & set(kept)
    assert (report.documents, report.sentences) == (3, 10)
    assert not IndexPaths(tmp_path / "index").journal.exists()
    build(seeds, tmp_path / "fresh", HashEncoder())
    assert snapshot_tree(tmp_path / "index") == snapshot_tree(tmp_path / "fresh")


def test_a_damaged_journal_is_thrown_away(tmp_path: Path, seeds: Path, encoder: HashEncoder) -> None:
    (tmp_path / "index").mkdir()
    IndexPaths(tmp_path / "index").journal.write_bytes(b"no database" * 1000)
    assert build(seeds, tmp_path / "index", encoder).documents == 3
    assert not IndexPaths(tmp_path / "index").journal.exists()


def test_a_journal_keeps_what_it_is_given(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with Journal(path) as journal:
        assert journal.get(journal_key("a")) is None
        assert not path.exists()
        journal.keep([(journal_key("a"), b"1"), (journal_key("b"), b"2")])
    with Journal(path) as journal:
        assert [journal.get(journal_key(name)) for name in "abc"] == [b"1", b"2", None]
        journal.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_changes_while_it_is_read_is_what_was_read(
    tmp_path: Path, seeds: Path, encoder: HashEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    original: Callable[..., object] = Readers.read_file

    def change(self: Readers, folder: Path, path: str) -> object:
        if path == "bridge.txt":
            (folder / path).write_text(OWL, "utf-8")
        return original(self, folder, path)

    monkeypatch.setattr(Readers, "read_file", change)
    build(seeds, tmp_path / "index", encoder)
    with open_current(IndexPaths(tmp_path / "index")) as snapshot:
        found = snapshot.store.by_path("bridge.txt")
        source = snapshot.source_of("bridge.txt")
        assert found is not None
        assert source is not None
        assert snapshot.store.document_text(found.row) == OWL
        assert source.sha256 == found.sha256


def test_what_failed_in_passing_is_tried_again(
    tmp_path: Path, seeds: Path, encoder: HashEncoder, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Readers, folder: Path, path: str) -> Outcome:
        found = original(self, folder, path)
        if path != "mill.html":
            return found
        return replace(found, readings=(), left_out=(LeftOut(path=path, reason="too slow", passing=True),))

    original = Readers.read_file
    monkeypatch.setattr(Readers, "read_file", fail)
    report = build(seeds, tmp_path / "index", encoder)
    assert report.skipped == (Skipped(source="mill.html", reason="too slow", passing=True),)
    monkeypatch.setattr(Readers, "read_file", original)
    read.clear()
    assert build(seeds, tmp_path / "index", encoder).skipped == ()
    assert read == ["mill.html"]


def test_a_copy_is_read_itself_where_the_original_changed_meanwhile(
    tmp_path: Path, seeds: Path, encoder: HashEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    (seeds / "bridge-copy.txt").write_bytes((seeds / "bridge.txt").read_bytes())
    original: Callable[..., Outcome] = Readers.read_file

    def change(self: Readers, folder: Path, path: str) -> Outcome:
        if path == "bridge.txt":
            (folder / path).write_text(OWL, "utf-8")
        return original(self, folder, path)

    monkeypatch.setattr(Readers, "read_file", change)
    build(seeds, tmp_path / "index", encoder)
    assert documents(tmp_path / "index") == {"bridge-copy.txt": (), "bridge.txt": (), "garden.md": (), "mill.html": ()}


def test_copies_with_other_suffixes_are_tried_themselves_where_the_first_can_not_be_read(
    tmp_path: Path, seeds: Path, encoder: HashEncoder, read: list[str]
) -> None:
    data = b'{"owl": "roof"}\xff'  # neither JSON nor text that is declared to be UTF-8
    for name in ("a.json", "b.csv"):
        (seeds / name).write_bytes(codecs.BOM_UTF8 + data)
    report = build(seeds, tmp_path / "index", encoder)
    assert [skipped.source for skipped in report.skipped] == ["a.json", "b.csv"]
    assert not any(skipped.copy_of for skipped in report.skipped)
    assert {"a.json", "b.csv"} <= set(read)


def test_an_archive_with_a_member_that_is_indexed_elsewhere_is_not_read_again(
    tmp_path: Path, seeds: Path, encoder: HashEncoder, read: list[str]
) -> None:
    (seeds / "z.zip").write_bytes(zipped({"copy.txt": TEXTS["bridge.txt"].encode(), "owl.txt": OWL.encode()}))
    first = build(seeds, tmp_path / "index", encoder)
    read.clear()
    (seeds / "mill.html").write_text("<p>The mill stands still.</p>", "utf-8")
    second = build(seeds, tmp_path / "index", encoder)
    assert (read, second.skipped) == (["mill.html"], first.skipped)
    assert documents(tmp_path / "index")["bridge.txt"] == ("z.zip/copy.txt",)
    build(seeds, tmp_path / "fresh", HashEncoder())
    assert snapshot_tree(tmp_path / "index") == snapshot_tree(tmp_path / "fresh")


@pytest.mark.parametrize("damage", [b"\xff" * 4096, b""])
def test_a_journal_damaged_within_is_thrown_away(
    tmp_path: Path, seeds: Path, encoder: HashEncoder, damage: bytes
) -> None:
    def interrupt(at: str, done: int, total: int) -> None:
        if at == "check":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(seeds, tmp_path / "index", encoder, interrupt)
    journal = IndexPaths(tmp_path / "index").journal
    data = journal.read_bytes()
    journal.write_bytes(data[:4096] + damage)
    for end in ("-wal", "-shm"):
        journal.with_name(journal.name + end).unlink(missing_ok=True)
    assert build(seeds, tmp_path / "index", encoder).documents == 3


def test_a_file_is_verified_under_the_limits_that_it_was_read_under(
    tmp_path: Path, seeds: Path, encoder: HashEncoder
) -> None:
    (seeds / "long.txt").write_text("The owl sits. " * 50, "utf-8")
    build(seeds, tmp_path / "index", encoder, limits=Limits(characters=100))
    with open_index(tmp_path / "index", encoder=encoder) as opened:
        (result,) = opened.search("Where does the owl sit?", k=1).results
        assert opened.verify(result.citation).status == "verified"
