"""Reading in processes of their own: what a bad file costs, and what it does not."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from index.load.limits import Limits, Unreadable
from index.load.read import LeftOut
from index.load.readers import Readers
from index.records import Location
from tests.documents import zipped

TEXT = "The bridge was built in 1902.\n"
ENDLESS = b"-\n" * 3_000_000
"""A table that takes minutes to be read: every line is a row."""


@pytest.fixture
def readers() -> Iterator[Readers]:
    with Readers(workers=2) as opened:
        yield opened


OTHERS: set[int] = set()
"""Reading processes that other tests hold."""


@pytest.fixture(autouse=True)
def _others() -> None:
    OTHERS.clear()
    OTHERS.update(process.pid for process in workers())


def workers() -> list[psutil.Process]:
    """Return the reading processes that this test has started."""
    children = (p for p in psutil.Process().children() if p.pid not in OTHERS)
    return [p for p in children if "index.load.worker" in p.cmdline()]


def test_files_come_in_order_with_their_hashes(tmp_path: Path, readers: Readers) -> None:
    names = [f"{number}.txt" for number in range(30)]
    for name in names:
        (tmp_path / name).write_text(f"{TEXT}This is {name}.\n", "utf-8")
    found = list(readers.read_all(tmp_path, names))
    assert [outcome.path for outcome in found] == names
    for outcome in found:
        data = (tmp_path / outcome.path).read_bytes()
        assert (outcome.sha256, outcome.bytes, outcome.left_out) == (hashlib.sha256(data).hexdigest(), len(data), ())
        (reading,) = outcome.readings
        assert (reading.path, reading.sha256, reading.format) == (outcome.path, outcome.sha256, "text")
        assert reading.extract.text == data.decode()


def test_a_file_that_is_gone_is_left_out(tmp_path: Path, readers: Readers) -> None:
    outcome = readers.read_file(tmp_path, "gone.txt")
    assert (outcome.sha256, outcome.readings) == ("", ())
    assert outcome.left_out == (
        LeftOut(path="gone.txt", reason="can't be read (No such file or directory)", passing=True),
    )


def test_archives_within_archives(tmp_path: Path, readers: Readers) -> None:
    inner = zipped({"b.md": b"# B\n\nBelow.\n", "photo.png": b"\x89PNG\r\n\x1a\n\0\0"})
    (tmp_path / "a.zip").write_bytes(zipped({"one.txt": TEXT.encode(), "sub/inner.zip": inner, ".hidden": b"x"}))
    outcome = readers.read_file(tmp_path, "a.zip")
    assert [(r.path, r.format) for r in outcome.readings] == [
        ("a.zip/one.txt", "text"),
        ("a.zip/sub/inner.zip/b.md", "markdown"),
    ]
    assert {left.path for left in outcome.left_out} == {"a.zip/.hidden", "a.zip/sub/inner.zip/photo.png"}
    member = readers.read_document(tmp_path, "a.zip", "a.zip/sub/inner.zip/b.md")
    assert member == outcome.readings[1]
    assert member.extract.places.locate(5, 11) == Location(unit="line", first=3, last=3)
    with pytest.raises(Unreadable, match=r"^a.zip/none.txt is no longer in a.zip$"):
        readers.read_document(tmp_path, "a.zip", "a.zip/none.txt")


def test_archives_are_opened_to_a_depth(tmp_path: Path) -> None:
    data, name = TEXT.encode(), "a.txt"
    for _ in range(3):
        data, name = zipped({name: data}), "deep.zip"
    (tmp_path / name).write_bytes(data)
    with Readers(Limits(depth=2), workers=1) as readers:
        outcome = readers.read_file(tmp_path, name)
    assert outcome.left_out == (
        LeftOut(path="deep.zip/deep.zip/deep.zip", reason="lies within 2 archives, the most that are opened"),
    )
    with Readers(Limits(depth=3), workers=1) as readers:
        assert [r.path for r in readers.read_file(tmp_path, name).readings] == ["deep.zip/deep.zip/deep.zip/a.txt"]


def test_what_unpacks_to_too_much_is_read_up_to_there(tmp_path: Path) -> None:
    inner = zipped({"big.txt": b"word " * 2**18})
    (tmp_path / "a.zip").write_bytes(zipped({f"{number}.zip": inner for number in range(4)}))
    with Readers(Limits(expanded=3 * 2**20), workers=1) as readers:
        outcome = readers.read_file(tmp_path, "a.zip")
    assert [r.path for r in outcome.readings] == ["a.zip/0.zip/big.txt", "a.zip/1.zip/big.txt"]
    reason = "unpacks to more than 3 MiB: the rest is left out"
    assert LeftOut(path="a.zip", reason=reason) in outcome.left_out


def test_a_file_that_takes_too_long_affects_no_other(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_bytes(ENDLESS)
    for name in ("a.txt", "c.txt"):
        (tmp_path / name).write_text(TEXT, "utf-8")
    with Readers(Limits(seconds=1.0), workers=1) as readers:
        outcomes = list(readers.read_all(tmp_path, ["a.txt", "b.csv", "c.txt"]))
    assert [(o.path, len(o.readings)) for o in outcomes] == [("a.txt", 1), ("b.csv", 0), ("c.txt", 1)]
    assert outcomes[1].left_out == (
        LeftOut(path="b.csv", reason="takes longer than 1 s to be read (setting read_seconds)", passing=True),
    )
    assert workers() == []


def test_a_member_that_ends_its_process_affects_no_other(tmp_path: Path) -> None:
    short = TEXT.encode()
    (tmp_path / "a.zip").write_bytes(zipped({"1.txt": short, "2.txt": b"a\n" * 2**25, "3.txt": short}))
    with Readers(Limits(memory=200 * 2**20), workers=1) as readers:
        outcome = readers.read_file(tmp_path, "a.zip")
    assert [r.path for r in outcome.readings] == ["a.zip/1.txt", "a.zip/3.txt"]
    assert outcome.left_out == (
        LeftOut(path="a.zip/2.txt", reason="needs more than 200 MiB of memory to be read (setting read_memory)"),
    )


def test_a_process_that_died_meanwhile_is_no_fault_of_the_next_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT, "utf-8")
    with Readers(workers=1) as readers:
        assert len(readers.read_file(tmp_path, "a.txt").readings) == 1
        (worker,) = workers()
        worker.kill()
        worker.wait()
        outcome = readers.read_file(tmp_path, "a.txt")
        assert (len(outcome.readings), outcome.left_out) == (1, ())


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals")
def test_a_process_that_dies_at_work_leaves_out_its_document_in_passing(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_bytes(ENDLESS)
    with Readers(workers=1) as readers, ThreadPoolExecutor(1) as threads:
        reading = threads.submit(readers.read_file, tmp_path, "b.csv")
        while not workers():
            time.sleep(0.01)
        os.kill(workers()[0].pid, signal.SIGKILL)
        (left,) = reading.result().left_out
        assert left == LeftOut(
            path="b.csv", reason="its reader died (signal 9), as a damaged or hostile file can make it", passing=True
        )
    assert workers() == []


def test_closing_ends_what_is_being_read(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_bytes(ENDLESS)
    readers = Readers(workers=1)
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(readers.read_file, tmp_path, "b.csv")
        while not workers():
            time.sleep(0.01)
        readers.close()
        assert reading.result().readings == ()
    with pytest.raises(Unreadable, match=r"^the index is closed$"):
        readers.read_document(tmp_path, "b.csv", "b.csv")
    assert workers() == []


def test_a_mailbox_deep_within_archives_is_read_though_its_messages_attachments_are_not(tmp_path: Path) -> None:
    box = b"From a@b.c Mon Mar  4 10:00:00 2024\nFrom: a@b.c\nSubject: Hello\n\nThe bridge is closed.\n"
    (tmp_path / "m.zip").write_bytes(zipped({"in.zip": zipped({"post.mbox": box})}))
    with Readers(workers=1) as readers:
        outcome = readers.read_file(tmp_path, "m.zip")
    assert [r.path for r in outcome.readings] == ["m.zip/in.zip/post.mbox/1.eml"]
    assert outcome.left_out == ()


def test_a_folder_in_an_archive_that_is_called_like_a_file(tmp_path: Path) -> None:
    inner = zipped({"c.txt": b"One."})
    (tmp_path / "a.zip").write_bytes(zipped({"b.zip": inner, "b.zip/c.txt": b"Two."}))
    with Readers(workers=1) as readers:
        outcome = readers.read_file(tmp_path, "a.zip")
    assert [(r.path, r.extract.text) for r in outcome.readings] == [("a.zip/b.zip/c.txt", "One.")]
    reason = "its folder is called like a file of the archive: rename one of them"
    assert outcome.left_out == (LeftOut(path="a.zip/b.zip/c.txt", reason=reason),)


def test_what_is_longer_than_allowed_is_cut_at_a_word(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("word " * 100, "utf-8")
    with Readers(Limits(characters=52), workers=1) as readers:
        (reading,) = readers.read_file(tmp_path, "a.txt").readings
    assert reading.extract.text == "word word word word word word word word word word"
    assert reading.extract.notes == ("left out the last 451 characters: longer than 52",)


def test_closing_leaves_no_process_behind(tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / f"{number}.txt").write_text(TEXT, "utf-8")
    with Readers(workers=2) as readers:
        list(readers.read_all(tmp_path, [f"{number}.txt" for number in range(8)]))
        assert len(workers()) == 2
    assert workers() == []
