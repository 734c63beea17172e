"""Changes of the documents, with the system's own notices: one call for a burst, none for what is hidden."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from queue import Empty, Queue

import pytest

from index.errors import BuildError, SeedsError
from qa import watch
from qa.watch import Watcher

QUIET = 0.3
"""Seconds; short enough for tests."""
LONG_QUIET = 2.0
"""Seconds; longer than a busy machine stalls between two writes of a burst."""
NEVER = 3600.0
PREFIX = "changes of the documents are not taken in: "


def until(true: Callable[[], object], seconds: float = 30.0) -> None:
    """Return as soon as something is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.01)


class Calls:
    """Stands for a rebuild: counts the calls, and lasts as long as ``gate`` is closed."""

    def __init__(self) -> None:
        self.started: Queue[int] = Queue()
        self.count = 0
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self) -> None:
        self.count += 1
        self.started.put(self.count)
        self.gate.wait()

    def next(self) -> int:
        """Return the number of the next call, once it has begun."""
        return self.started.get(timeout=30)

    def no_more(self, quiet: float = QUIET) -> bool:
        """Tell whether none comes in a good deal longer than the quiet that ends a burst."""
        try:
            self.started.get(timeout=quiet + 2 * QUIET)
        except Empty:
            return True
        return False

    def settle(self) -> None:
        """Wait for one at least, and until no more come: a stalled machine may make two bursts of one."""
        self.next()
        while not self.no_more():
            pass


@pytest.fixture
def calls() -> Iterator[Calls]:
    found = Calls()
    yield found
    found.gate.set()


@pytest.fixture
def watcher(seeds: Path, calls: Calls) -> Iterator[Watcher]:
    """A watcher of the small seeds whose index lies inside them, at work already."""
    (seeds / "index").mkdir()
    found = Watcher(lambda: seeds, calls, seeds / "index", quiet=QUIET)
    until(lambda: found.watching)
    yield found
    calls.gate.set()
    found.close()


@pytest.fixture
def patient(seeds: Path, calls: Calls) -> Iterator[Watcher]:
    """A watcher whose bursts only end after a long quiet."""
    found = Watcher(lambda: seeds, calls, seeds / "index", quiet=LONG_QUIET)
    until(lambda: found.watching)
    yield found
    found.close()


@pytest.mark.usefixtures("patient")
def test_a_burst_of_writes_makes_one_call(seeds: Path, calls: Calls) -> None:
    for number in range(20):
        (seeds / f"{number}.txt").write_text("An owl sits on the roof.", "utf-8")
    assert calls.next() == 1
    assert calls.no_more(LONG_QUIET)


@pytest.mark.usefixtures("patient")
def test_one_file_written_for_longer_than_the_quiet_makes_one_call(seeds: Path, calls: Calls) -> None:
    begun = time.monotonic()
    with (seeds / "growing.txt").open("w", encoding="utf-8") as file:
        while time.monotonic() - begun < 1.5 * LONG_QUIET:
            file.write("An owl sits on the roof. ")
            file.flush()
            time.sleep(LONG_QUIET / 20)
    assert calls.next() == 1
    assert calls.no_more(LONG_QUIET)


@pytest.mark.usefixtures("watcher")
def test_a_burst_that_does_not_end_is_taken_in_all_the_same(
    seeds: Path, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "LONGEST", 3 * QUIET)
    end = time.monotonic() + 30
    while calls.started.empty():
        assert time.monotonic() < end
        with (seeds / "log.txt").open("a", encoding="utf-8") as file:
            file.write("Another line.\n")
        time.sleep(QUIET / 10)


@pytest.mark.usefixtures("watcher")
def test_every_kind_of_change_counts(seeds: Path, calls: Calls) -> None:
    changes: tuple[Callable[[], object], ...] = (
        lambda: (seeds / "deep" / "er").mkdir(parents=True),
        lambda: (seeds / "deep" / "er" / "new.txt").write_text("New.", "utf-8"),
        lambda: (seeds / "deep" / "er" / "new.txt").rename(seeds / "moved.txt"),
        (seeds / "moved.txt").unlink,
        lambda: shutil.rmtree(seeds / "deep"),
    )
    for change in changes:
        change()
        calls.settle()


@pytest.mark.usefixtures("watcher")
def test_reading_hidden_files_and_the_index_make_no_call(seeds: Path, calls: Calls) -> None:
    (seeds / ".hidden.txt").write_text("no", "utf-8")
    (seeds / ".git").mkdir()
    (seeds / ".git" / "HEAD").write_text("no", "utf-8")
    (seeds / "index" / "CURRENT").write_text("no", "utf-8")
    assert all(path.read_bytes() for path in seeds.rglob("*") if path.is_file())
    assert calls.no_more()
    (seeds / "shown.txt").write_text("yes", "utf-8")
    assert calls.next() == 1


@pytest.mark.usefixtures("watcher")
def test_changes_during_a_rebuild_make_one_more_call(seeds: Path, calls: Calls) -> None:
    calls.gate.clear()
    (seeds / "one.txt").write_text("One.", "utf-8")
    assert calls.next() == 1
    for number in range(5):
        (seeds / f"more-{number}.txt").write_text("More.", "utf-8")
    assert calls.no_more()
    calls.gate.set()
    assert calls.next() == 2
    assert calls.no_more()


def test_a_folder_that_goes_and_comes_back(watcher: Watcher, seeds: Path, calls: Calls, tmp_path: Path) -> None:
    seeds.rename(tmp_path / "away")
    until(lambda: watcher.trouble)
    assert watcher.trouble == f"seeds folder {seeds} is gone; put it back, or build from another folder"
    assert watcher.watching is None
    assert calls.count == 0
    (tmp_path / "away").rename(seeds)
    assert calls.next() == 1
    assert watcher.trouble == ""
    (seeds / "new.txt").write_text("New.", "utf-8")
    assert calls.next() == 2


def test_a_folder_replaced_by_another_of_the_same_name(
    watcher: Watcher, seeds: Path, calls: Calls, tmp_path: Path
) -> None:
    shutil.copytree(seeds, tmp_path / "copy")
    seeds.rename(tmp_path / "old")
    (tmp_path / "copy").rename(seeds)
    assert calls.next() == 1
    (seeds / "new.txt").write_text("New.", "utf-8")
    assert calls.next() == 2
    assert watcher.watching == seeds


def test_another_folder_is_watched_as_soon_as_it_is_named(tmp_path: Path, seeds: Path, calls: Calls) -> None:
    other = tmp_path / "other"
    other.mkdir()
    named = [seeds]
    watcher = Watcher(lambda: named[0], calls, tmp_path / "index", quiet=QUIET)
    try:
        until(lambda: watcher.watching == seeds)
        named[0] = other
        assert calls.next() == 1  # it may have changed while it was being read
        (seeds / "unseen.txt").write_text("Unseen.", "utf-8")
        assert calls.no_more()
        (other / "seen.txt").write_text("Seen.", "utf-8")
        assert calls.next() == 2
    finally:
        watcher.close()


class Failing:
    """Stands for a rebuild that fails with ``error``, as long as there is one."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error
        self.count = 0

    def __call__(self) -> None:
        self.count += 1
        if self.error:
            raise self.error


def test_errors_are_told_and_cost_only_themselves(tmp_path: Path, seeds: Path) -> None:
    nowhere = [SeedsError("no folder is known; name one")]
    changed = Failing(OSError("disk\non fire"))

    def folder() -> Path:
        if nowhere:
            raise nowhere[0]
        return seeds

    with closing(Watcher(folder, changed, tmp_path / "index", quiet=QUIET, again=NEVER)) as watcher:
        until(lambda: watcher.trouble == PREFIX + "no folder is known; name one")
        nowhere.clear()
        until(lambda: watcher.trouble == PREFIX + "OSError: disk on fire")
        changed.error = SeedsError("nothing readable")
        (seeds / "a.txt").write_text("A.", "utf-8")
        until(lambda: watcher.trouble == PREFIX + "nothing readable")
        changed.error = None
        (seeds / "b.txt").write_text("B.", "utf-8")
        until(lambda: not watcher.trouble)


def test_what_could_not_be_taken_in_is_tried_again_until_it_is(tmp_path: Path, seeds: Path) -> None:
    changed = Failing(BuildError("the index is locked"))
    with closing(Watcher(lambda: seeds, changed, tmp_path / "index", quiet=QUIET, again=0.05)) as watcher:
        until(lambda: watcher.watching)
        (seeds / "a.txt").write_text("A.", "utf-8")
        until(lambda: changed.count >= 3)
        assert watcher.trouble == PREFIX + "the index is locked"
        changed.error = None
        until(lambda: not watcher.trouble)


def test_close_does_not_wait_for_a_rebuild(watcher: Watcher, seeds: Path, calls: Calls) -> None:
    calls.gate.clear()
    (seeds / "one.txt").write_text("One.", "utf-8")
    assert calls.next() == 1
    watcher.close()
    (seeds / "two.txt").write_text("Two.", "utf-8")
    calls.gate.set()
    assert calls.no_more()


def test_close_ends_the_thread(seeds: Path, calls: Calls) -> None:
    before = set(threading.enumerate())
    watcher = Watcher(lambda: seeds, calls, seeds / "index")
    watcher.close()
    until(lambda: set(threading.enumerate()) <= before)
