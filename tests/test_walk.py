"""The walk of the seeds: what is read, what is left out and why."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from index import build
from index.errors import SeedsError
from index.load.walk import MAX_BYTES, walk
from index.records import SeedFile, Skipped
from tests.fakes import HashEncoder

posix = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX file system")


def put(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_files_in_sorted_order(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.md", "a.txt", "Ä.txt", "a/b/c.html", "B.txt"):
        put(tmp_path / name, name)
    names = ["B.txt", "a.txt", "a/b/c.html", "a/z.md", "b.txt", "Ä.txt"]
    assert walk(tmp_path) == ([SeedFile(path=name, bytes=len(name.encode())) for name in names], [])


def test_hidden_and_empty_files_are_listed(tmp_path: Path) -> None:
    put(tmp_path / ".git/config")
    put(tmp_path / ".hidden")
    put(tmp_path / "sub/.hidden")
    put(tmp_path / "empty.txt", "")
    put(tmp_path / "a.txt")
    assert walk(tmp_path) == (
        [SeedFile(path="a.txt", bytes=1)],
        [
            Skipped(source=".git/", reason="hidden folder"),
            Skipped(source=".hidden", reason="hidden file"),
            Skipped(source="empty.txt", reason="empty file"),
            Skipped(source="sub/.hidden", reason="hidden file"),
        ],
    )


@posix
def test_links_stay_inside(tmp_path: Path) -> None:
    seeds = tmp_path / "seeds"
    put(seeds / "a.txt")
    put(seeds / "d/b.txt")
    put(tmp_path / "outside.txt")
    put(tmp_path / "seeds-too/c.txt")  # a sibling whose name begins with that of the seeds
    for name, target in {
        "inside.txt": "a.txt",
        "out.txt": "../outside.txt",
        "absolute.txt": str(tmp_path / "outside.txt"),
        "sibling.txt": "../seeds-too/c.txt",
        "folder": "d",
        "up": "..",
        "gone.txt": "missing.txt",
        "loop.txt": "loop.txt",
        "d/up": "../d",
    }.items():
        (seeds / name).symlink_to(target)
    assert walk(seeds) == (
        [SeedFile(path=name, bytes=1) for name in ("a.txt", "d/b.txt", "inside.txt")],
        [
            Skipped(source="absolute.txt", reason="link out of the seeds folder"),
            Skipped(source="d/up/", reason="link to a folder"),
            Skipped(source="folder/", reason="link to a folder"),
            Skipped(source="gone.txt", reason="can't be read (No such file or directory)"),
            Skipped(source="loop.txt", reason=walk_loop(seeds / "loop.txt")),
            Skipped(source="out.txt", reason="link out of the seeds folder"),
            Skipped(source="sibling.txt", reason="link out of the seeds folder"),
            Skipped(source="up/", reason="link to a folder"),
        ],
    )


def walk_loop(path: Path) -> str:
    """Return the reason for a link to itself; Python's words for it changed in 3.13."""
    try:
        path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        return f"can't be read ({getattr(error, 'strerror', None) or error})"
    raise AssertionError("a link to itself was resolved")


@posix
def test_the_seeds_may_be_a_link_themselves(tmp_path: Path) -> None:
    put(tmp_path / "real/a.txt")
    (tmp_path / "link").symlink_to("real")
    assert walk(tmp_path / "link") == ([SeedFile(path="a.txt", bytes=1)], [])


@posix
def test_pipes_and_sockets_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's name may not be long
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        assert walk(tmp_path) == (
            [],
            [
                Skipped(source="pipe", reason="not a regular file"),
                Skipped(source="socket", reason="not a regular file"),
            ],
        )


@pytest.mark.skipif(os.name != "posix" or os.uname().sysname == "Darwin", reason="needs names that are any bytes")
def test_a_name_that_is_not_unicode(tmp_path: Path) -> None:
    put(tmp_path / "a.txt")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/b\xff.txt")).write_text("x", "utf-8")
    files, skipped = walk(tmp_path)
    assert files == [SeedFile(path="a.txt", bytes=1)]
    assert [entry.reason for entry in skipped] == ["file name is not valid Unicode"]
    assert skipped[0].source.encode()  # the report and the manifest have to hold it


@pytest.mark.skipif(os.name != "posix" or os.uname().sysname == "Darwin", reason="needs names that are any bytes")
def test_a_folder_whose_name_is_not_unicode(tmp_path: Path) -> None:
    put(tmp_path / "a.txt")
    put(Path(os.fsdecode(os.fsencode(tmp_path) + b"/d\xff")) / "b.txt")
    files, skipped = walk(tmp_path)
    assert files == [SeedFile(path="a.txt", bytes=1)]
    assert len(skipped) == 1
    assert skipped[0].source.encode()


@posix
def test_a_very_large_file(tmp_path: Path) -> None:
    put(tmp_path / "exact.txt")
    put(tmp_path / "large.txt")
    os.truncate(tmp_path / "exact.txt", MAX_BYTES)
    os.truncate(tmp_path / "large.txt", MAX_BYTES + 1)
    assert walk(tmp_path) == (
        [SeedFile(path="exact.txt", bytes=MAX_BYTES)],
        [Skipped(source="large.txt", reason="larger than 256 MiB")],
    )


def test_a_folder_that_is_missing_a_file_or_empty(tmp_path: Path) -> None:
    put(tmp_path / "file")
    (tmp_path / "empty/sub").mkdir(parents=True)
    for name, message in {
        "missing": "seeds folder {} does not exist; name a folder of documents: qa build FOLDER",
        "file": "seeds {} is a file, expected a folder; put the file into a folder and name that",
        "empty": "seeds folder {} is empty; put documents into it",
    }.items():
        with pytest.raises(SeedsError) as caught:
            walk(tmp_path / name)
        assert str(caught.value) == message.format(tmp_path / name)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a user who may not read everything")
def test_a_folder_that_may_not_be_read(tmp_path: Path) -> None:
    put(tmp_path / "a.txt")
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0)
    try:
        assert walk(tmp_path) == (
            [SeedFile(path="a.txt", bytes=1)],
            [Skipped(source="closed/", reason="folder can't be read (Permission denied)")],
        )
        with pytest.raises(SeedsError) as caught:
            walk(closed)
        assert str(caught.value) == (
            f"seeds folder {closed} can't be read (Permission denied); give yourself permission to read it"
        )
    finally:
        closed.chmod(0o755)


def test_an_index_inside_the_seeds_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Some text.", "utf-8")
    build(tmp_path, tmp_path / "index", HashEncoder())
    assert walk(tmp_path) == (
        [SeedFile(path="a.txt", bytes=10)],
        [Skipped(source="index/", reason="an index of SeedQA")],
    )
