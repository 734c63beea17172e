"""Seeds that lie in wait: links, pipes, devices, names that deceive, and a folder that changes while it is read."""

from __future__ import annotations

import os
import shutil
import stat
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index import build
from index.layout import IndexPaths
from index.load.walk import MAX_BYTES, open_seed, walk
from index.records import BuildReport, Progress, SeedFile, no_progress
from index.snapshot import open_current
from tests.bait import SECRET
from tests.fakes import HashEncoder
from tests.hostile import rounds
from tests.test_walk import put

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX file system")

HANG = 600
"""Seconds after which a build that waits for something counts as hung; a machine may be busy, or stand still."""


def built(seeds: Path, index: Path, progress: Progress = no_progress) -> BuildReport:
    """Build in a thread, so that a build that hangs fails its test."""
    made: list[BuildReport | BaseException] = []

    def run() -> None:
        try:
            made.append(build(seeds, index, HashEncoder(), progress=progress))
        except BaseException as error:
            made.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(HANG)
    assert not thread.is_alive(), "the build hangs"
    (report,) = made
    if isinstance(report, BaseException):
        raise report
    return report


def texts(index: Path) -> dict[str, str]:
    with open_current(IndexPaths(index)) as snapshot:
        return {document.path: snapshot.store.document_text(document.row) for document in snapshot.store.documents}


def reasons(report: BuildReport) -> dict[str, str]:
    return {skipped.source: skipped.reason for skipped in report.skipped}


def test_a_folder_that_becomes_a_link_while_it_is_read_leads_nowhere(tmp_path: Path) -> None:
    seeds, outside = tmp_path / "seeds", tmp_path / "outside"
    put(outside / "secret.txt", SECRET)
    put(seeds / "sub" / "secret.txt", "Harmless.")
    put(seeds / "a.txt", "The bridge.")

    def progress(stage: str, done: int, _total: int) -> None:
        if stage == "load" and done == 0 and not (seeds / "sub").is_symlink():
            (seeds / "sub").rename(seeds / "moved")
            (seeds / "sub").symlink_to(outside)

    report = built(seeds, tmp_path / "index", progress)
    assert texts(tmp_path / "index") == {"a.txt": "The bridge."}
    assert reasons(report) == {"sub/secret.txt": "can't be read (Link out of the seeds folder)"}


def test_a_file_that_becomes_a_pipe_while_it_is_read_is_not_waited_for(tmp_path: Path) -> None:
    seeds = tmp_path / "seeds"
    put(seeds / "a.txt", "The bridge.")
    put(seeds / "b.txt", "The mill.")

    def progress(stage: str, done: int, _total: int) -> None:
        if stage == "load" and done == 0 and stat.S_ISREG((seeds / "b.txt").stat().st_mode):
            (seeds / "b.txt").unlink()
            os.mkfifo(seeds / "b.txt")

    report = built(seeds, tmp_path / "index", progress)
    assert texts(tmp_path / "index") == {"a.txt": "The bridge."}
    assert reasons(report) == {"b.txt": "can't be read (Not a regular file)"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path, _outside: os.mkfifo(path), "Not a regular file"),
        (lambda path, _outside: path.mkdir(), "Not a regular file"),
        (lambda path, _outside: path.symlink_to("/dev/zero"), "Link out of the seeds folder"),
        (lambda path, outside: path.symlink_to(outside), "Link out of the seeds folder"),
        (lambda path, outside: path.symlink_to(f"../{outside.name}"), "Link out of the seeds folder"),
        (lambda path, _outside: path.symlink_to(path.name), "Too many levels of symbolic links"),
        (lambda path, _outside: path.symlink_to("gone"), "No such file or directory"),
    ],
)
def test_only_files_within_the_seeds_are_opened(
    make: Callable[[Path, Path], None], message: str, tmp_path: Path
) -> None:
    outside = put(tmp_path / "outside.txt", SECRET)
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    make(seeds / "a", outside)
    with pytest.raises(OSError, match=message) as caught:
        open_seed(seeds, "a")
    assert caught.value.strerror == message


def test_a_path_out_of_the_seeds_is_not_opened(tmp_path: Path) -> None:
    put(tmp_path / "outside.txt", SECRET)
    put(tmp_path / "seeds-too/b.txt", SECRET)
    put(tmp_path / "seeds/a.txt", "The bridge.")
    for path in ("../outside.txt", str(tmp_path / "outside.txt"), "../seeds-too/b.txt"):
        with pytest.raises(OSError, match="Link out of the seeds folder"):
            open_seed(tmp_path / "seeds", path)
    with open_seed(tmp_path / "seeds", "a.txt") as opened:
        assert opened.read() == b"The bridge."


def test_a_file_swapped_back_and_forth_is_never_read_from_outside(tmp_path: Path) -> None:
    """A link put into the place of a folder for a moment, over and over, while a file of the folder is opened."""
    seeds, outside = tmp_path / "seeds", tmp_path / "outside"
    put(seeds / "sub/a.txt", "Harmless.")
    put(outside / "a.txt", SECRET)
    (seeds / "link").symlink_to(outside)
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            (seeds / "sub").rename(seeds / "kept")
            (seeds / "link").rename(seeds / "sub")
            (seeds / "sub").rename(seeds / "link")
            (seeds / "kept").rename(seeds / "sub")

    thread = threading.Thread(target=swap)
    thread.start()
    read, refused = set(), 0
    try:
        for _ in range(rounds(3000)):
            try:
                with open_seed(seeds, "sub/a.txt") as opened:
                    read.add(opened.read())
            except OSError:
                refused += 1
    finally:
        done.set()
        thread.join()
    assert read <= {b"Harmless."}
    assert refused > 0


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may make a device")
def test_devices_are_listed_and_not_opened(tmp_path: Path) -> None:
    try:
        os.mknod(tmp_path / "zero", 0o600 | stat.S_IFCHR, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("this container may not make devices")
    put(tmp_path / "a.txt")
    files, skipped = walk(tmp_path)
    assert files == [SeedFile(path="a.txt", bytes=1)]
    assert [(s.source, s.reason) for s in skipped] == [("zero", "not a regular file")]


def test_a_huge_file_without_contents_costs_nothing(tmp_path: Path) -> None:
    seeds = tmp_path / "seeds"
    put(seeds / "a.txt", "The bridge.")
    for name, size in (("huge.txt", 2**40), ("large.txt", MAX_BYTES)):
        put(seeds / name)
        os.truncate(seeds / name, size)
    report = built(seeds, tmp_path / "index")
    assert reasons(report) == {"huge.txt": "larger than 256 MiB", "large.txt": "binary file"}


NAMES = {
    "a\nb.txt": "a\N{REPLACEMENT CHARACTER}b.txt",
    "a\rb.txt": "a\N{REPLACEMENT CHARACTER}b.txt",
    "a\x1b[2Jb.txt": "a\N{REPLACEMENT CHARACTER}[2Jb.txt",
    "a\x7f.txt": "a\N{REPLACEMENT CHARACTER}.txt",
    "a\x9b1m.txt": "a\N{REPLACEMENT CHARACTER}1m.txt",
    "a\u202etxt.exe": "a\N{REPLACEMENT CHARACTER}txt.exe",
    "a\u2066b.txt": "a\N{REPLACEMENT CHARACTER}b.txt",
    "a\u2028b.txt": "a\N{REPLACEMENT CHARACTER}b.txt",
}


@pytest.mark.parametrize("name", NAMES)
def test_names_that_deceive_are_refused_and_shown_harmless(name: str, tmp_path: Path) -> None:
    put(tmp_path / name)
    put(tmp_path / f"folder{name}" / "inside.txt")
    put(tmp_path / "z.txt")
    files, skipped = walk(tmp_path)
    assert files == [SeedFile(path="z.txt", bytes=1)]
    assert [(s.source, s.reason) for s in skipped] == [
        (NAMES[name], "file name holds control characters: rename it"),
        (f"folder{NAMES[name]}/", "folder name holds control characters: rename it"),
    ]


@pytest.mark.parametrize(
    "name", ["-rf.txt", "'; rm -rf x.txt", "a b.txt", "a\\b.txt", "C:x.txt", "%2e%2e.txt", "é" * 120 + ".txt",
             "עברית.txt", "👩\u200d👧.txt", "a\u0301.txt", "nul.txt", "*?.txt", "<b>.txt", "=cmd.txt"]
)  # fmt: skip
def test_names_that_are_only_odd_are_read(name: str, tmp_path: Path) -> None:
    put(tmp_path / "seeds" / name, "The bridge.")
    report = built(tmp_path / "seeds", tmp_path / "index")
    assert report.skipped == ()
    assert texts(tmp_path / "index") == {name: "The bridge."}


@pytest.mark.parametrize("left", [0, 5, 100], ids=lambda left: f"{left} left")
def test_folders_deeper_than_the_system_can_name_are_listed(left: int, tmp_path: Path) -> None:
    put(tmp_path / "a.txt")
    longest = os.pathconf(tmp_path, "PC_PATH_MAX") - 1
    first = (longest - left - len(str(tmp_path))) % 201 - 1  # of the longest path, ``left`` characters remain
    names = ["d" * (first if first > 0 else first + 201), *["d" * 200] * 29]
    here = os.open(tmp_path, os.O_RDONLY)
    try:
        for name in names:  # beyond the longest path that can be given at once
            os.mkdir(name, dir_fd=here)
            deeper = os.open(name, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = deeper
    finally:
        os.close(here)
    try:
        files, skipped = walk(tmp_path)
    finally:
        shutil.rmtree(tmp_path / names[0])
    assert files == [SeedFile(path="a.txt", bytes=1)]
    assert [s.reason for s in skipped] == ["folder can't be read (File name too long)"]


KINDS = (
    "text",
    "copy",
    "empty",
    "hidden",
    "binary",
    "pipe",
    "link in",
    "link out",
    "link to folder",
    "gone",
    "zip",
    "odd",
)
TREES = st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(("", "d", "d/e", ".h"))), min_size=1, max_size=12)


def plant(seeds: Path, tree: list[tuple[str, str]]) -> None:
    """Make a folder of files of these kinds, each in one of these folders."""
    put(seeds / "first.txt", "The first of all.")
    for at, (kind, folder) in enumerate(tree):
        path = seeds / folder / f"{at}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "zip":
            with zipfile.ZipFile(path.with_suffix(".zip"), "w") as archive:
                for name, data in (
                    ("in.txt", f"Inside {at}."),
                    ("e.txt", ""),
                    ("../up.txt", "x"),
                    ("same.txt", "The first of all."),
                ):
                    archive.writestr(name, data)
        elif kind.startswith("link") or kind == "gone":
            targets = {"link in": seeds / "first.txt", "link out": seeds.parent / "out.txt", "gone": seeds / "none"}
            path.symlink_to(targets.get(kind, seeds))
        elif kind == "odd":
            put(path.with_name(f"{at}\n.txt"), "Odd.")
        else:
            words = {"text": f"Sentence {at}.", "copy": "The first of all.", "empty": "", "binary": "\0\1"}
            put(path if kind != "hidden" else path.with_name(f".{at}"), words.get(kind, "Hidden."))


@settings(max_examples=rounds(12), derandomize=True, deadline=None, database=None,
          suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])  # fmt: skip
@given(tree=TREES)
def test_whatever_is_found_is_indexed_or_listed_once(
    tree: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("tree")
    put(home / "out.txt", SECRET)
    plant(home / "seeds", tree)
    report = built(home / "seeds", home / "index")
    assert report.found == report.documents + len(report.skipped)
    documents = texts(home / "index")
    assert len(documents) == report.documents
    listed = [skipped.source for skipped in report.skipped]
    assert len(set(listed)) == len(listed)
    assert not documents.keys() & set(listed)
    assert not any(SECRET in text for text in documents.values())
    accounted = documents.keys() | set(listed)
    for folder, folders, names in os.walk(home / "seeds"):
        for name in (*names, *(f"{name}/" for name in folders if (Path(folder) / name).is_symlink())):
            path = (
                (Path(folder) / name).relative_to(home / "seeds").as_posix().replace("\n", "\N{REPLACEMENT CHARACTER}")
            )
            path += "/" if name.endswith("/") else ""
            above = [f"{parent}/" for parent in Path(path).parents]
            inside = any(entry.startswith(f"{path}/") for entry in accounted)
            assert path in accounted or inside or any(folder in accounted for folder in above), path
