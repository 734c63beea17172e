"""Builds beside the questions: real processes, held at a stage, ended, killed and left alone."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from index.encode import DEFAULT_MODEL
from index.encode.protocol import FloatArray
from index.errors import BuildError, BuildLocked, SeedsError
from index.examine import examine
from index.layout import IndexPaths
from index.lock import lock
from index.manifest import Manifest
from index.records import Progress
from index.snapshot import current_id, load_manifest
from qa import open_index
from qa.rebuild import BuildState, Loader, Rebuilder
from qa.watch import Watcher
from tests.fakes import HashEncoder

ROOT = Path(__file__).resolve().parents[1]

PATIENCE = 30
"""Seconds after which what has not come about counts as never coming."""

posix = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")


# What runs in the build's process, which imports this module. The folder of encoders holds the test's orders.


def _pause(orders: Path, stage: str) -> None:
    """Stay at a stage for as long as the orders say so."""
    while (orders / "hold").read_text("utf-8") == stage:
        time.sleep(0.01)


class _HeldEncoder(HashEncoder):
    def __init__(self, orders: Path) -> None:
        super().__init__()
        self._orders = orders

    def token_spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        _pause(self._orders, "load")
        return super().token_spans(texts)

    def encode(self, texts: Sequence[str], progress: Progress) -> FloatArray:
        progress("encode", 0, len(texts))
        _pause(self._orders, "encode")
        return super().encode(texts, progress)


def load_held(model: str, orders: Path, backend: str, progress: Progress) -> HashEncoder:
    """Return an encoder without a model that can be held at any stage that touches files or encodes."""
    progress("prepare", 0, 0)
    _pause(orders, "prepare")

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.listdir":
            _pause(orders, "scan")
        elif event == "open" and str(arguments[0]).endswith(".tmp/first_sentences.npy"):
            _pause(orders, "write")
        elif event == "open" and str(arguments[0]).endswith(".tmp/manifest.json") and arguments[1] == "r":
            _pause(orders, "check")
        elif event == "os.utime" and not str(arguments[0]).endswith(".tmp"):
            _pause(orders, "publish")

    sys.addaudithook(hear)
    return _HeldEncoder(orders)


def load_with_helper(model: str, orders: Path, backend: str, progress: Progress) -> HashEncoder:
    """Start another process, as the preparation of a model does, and wait for it."""
    with (orders / "alive").open("wb") as pipe, subprocess.Popen(["sleep", "60"], stdout=pipe):
        pipe.close()
        progress("prepare", 0, 0)
    return HashEncoder()


def load_broken(model: str, orders: Path, backend: str, progress: Progress) -> HashEncoder:
    raise RuntimeError("odd\nthing")


STAGES = ("prepare", "scan", "load", "encode", "write", "check", "publish")
"""Those at which a build can be held."""


# The test's side.


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    """The folder in the place of that of the encoders; builds run through unless ``hold`` says otherwise."""
    folder = tmp_path / "orders"
    folder.mkdir()
    hold(folder, "")
    return folder


def hold(orders: Path, stage: str) -> None:
    """Let builds stay at ``stage``, and go on where they are if it is another one."""
    beside = orders / "hold.new"
    beside.write_text(stage, "utf-8")
    beside.replace(orders / "hold")


Make = Callable[..., Rebuilder]


@pytest.fixture
def make(orders: Path, built: Path) -> Iterator[Make]:
    """Makes a Rebuilder of the small index, to be closed after the test."""
    made: list[Rebuilder] = []

    def make_one(index: Path = built, load: Loader = load_held, seeds: Path | None = None) -> Rebuilder:
        made.append(Rebuilder(index, orders, seeds=seeds, model="fake", backend="fake", load=load))
        return made[-1]

    yield make_one
    for rebuilder in made:
        rebuilder.close()
    assert multiprocessing.active_children() == []


@pytest.fixture
def changed(built: Path, seeds: Path) -> Path:
    """The seeds with a document that says something else since the index was built."""
    (seeds / "garden.md").write_text("# Garden\n\nToads live in the ditch.\n", "utf-8")
    return seeds


def reach(rebuilder: Rebuilder, stage: str) -> BuildState:
    """Return the state as soon as the build is at a stage."""
    end = time.monotonic() + PATIENCE
    while (state := rebuilder.state).stage != stage:
        assert state.running, state
        assert time.monotonic() < end, state
        time.sleep(0.005)
    return state


def until(true: Callable[[], object]) -> None:
    """Return as soon as something is so."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.005)


def builder_of(index: Path) -> int:
    """Return the process that holds the lock."""
    return int(json.loads(IndexPaths(index).holder.read_text("utf-8"))["pid"])


def bytes_of(index: Path, ident: str) -> dict[str, bytes]:
    """Return the bytes of a snapshot's files."""
    root = IndexPaths(index).snapshot(ident).root
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def in_force(index: Path) -> Manifest:
    """Return what is in force."""
    paths = IndexPaths(index)
    return load_manifest(paths.snapshot(current_id(paths)))


def test_questions_are_answered_from_the_old_snapshot_until_the_new_one_is_in_force(
    built: Path, changed: Path, encoder: HashEncoder, make: Make, orders: Path
) -> None:
    rebuilder = make()
    assert rebuilder.state == BuildState()
    old = in_force(built).id
    hold(orders, "prepare")
    assert rebuilder.start() == BuildState(number=1, running=True, seeds=str(changed))
    with open_index(built, encoder=encoder) as opened:
        for stage, following in zip(STAGES, (*STAGES[1:], ""), strict=True):
            state = reach(rebuilder, stage)
            assert state == BuildState(
                number=1,
                running=True,
                stage=stage,
                total={"load": 3, "encode": 3, "write": 3}.get(stage, 0),
                left=state.left,
                seconds=state.seconds,
                seeds=str(changed),
            )
            assert state.seconds > 0
            answer = opened.search("Where do frogs live?")
            assert (answer.snapshot, answer.results[0].citation.evidence) == (old, "Frogs live in the pond.")
            hold(orders, following)
        state = rebuilder.wait(PATIENCE)
        answer = opened.search("Where do toads live?")
    report = state.report
    assert report is not None
    assert state == BuildState(
        number=1, stage="publish", seconds=state.seconds, outcome="done", report=report, seeds=str(changed)
    )
    assert (report.previous, report.documents, report.seeds) == (old, 3, str(changed))
    assert (answer.snapshot, answer.results[0].citation.evidence) == (report.snapshot, "Toads live in the ditch.")
    assert rebuilder.state == state == rebuilder.wait() == rebuilder.cancel()
    assert BuildState.from_json(state.to_json()) == state


@pytest.mark.parametrize("stage", STAGES)
def test_a_cancelled_build_changes_nothing_and_the_next_one_works(
    built: Path, changed: Path, make: Make, orders: Path, stage: str
) -> None:
    rebuilder = make()
    old = in_force(built).id
    before = bytes_of(built, old)
    hold(orders, stage)
    rebuilder.start()
    reach(rebuilder, stage)
    state = rebuilder.cancel()
    assert state == BuildState(
        number=1, stage=stage, done=state.done, total=state.total, seconds=state.seconds, outcome="cancelled",
        seeds=str(changed),
    )  # fmt: skip
    assert in_force(built).id == old
    assert bytes_of(built, old) == before
    hold(orders, "")
    rebuilder.start()
    state = rebuilder.wait(PATIENCE)
    assert (state.number, state.outcome, state.message) == (2, "done", "")
    assert in_force(built).id != old
    assert examine(IndexPaths(built)) == []


def test_one_build_at_a_time(make: Make, orders: Path, built: Path) -> None:
    rebuilder = make()
    hold(orders, "encode")
    first = rebuilder.start()
    with pytest.raises(BuildLocked) as caught:
        rebuilder.start()
    assert str(caught.value) == f"the index in {built} is being built already; wait for it or cancel it"
    assert rebuilder.state.number == first.number == 1


def test_another_process_at_the_index_is_named(make: Make, built: Path) -> None:
    rebuilder = make()
    with lock(IndexPaths(built), "build of elsewhere"):
        rebuilder.start()
        state = rebuilder.wait(PATIENCE)
    assert state.outcome == "failed"
    assert state.message.startswith(f"{built} is locked by process {os.getpid()} on ")
    assert state.message.endswith("(build of elsewhere); wait until it ends, or end it, then try again")


def test_refresh_waits_for_the_build_under_way_and_builds_again(
    make: Make, orders: Path, built: Path, seeds: Path
) -> None:
    rebuilder = make()
    hold(orders, "write")
    (seeds / "bridge.txt").write_text("Early.", "utf-8")
    rebuilder.start()
    reach(rebuilder, "write")
    (seeds / "bridge.txt").write_text("Late.", "utf-8")
    hold(orders, "")
    state = rebuilder.refresh()
    assert (state.number, state.outcome) == (2, "done")
    with open_index(built, encoder=HashEncoder()) as opened:
        assert opened.search("Late").results[0].citation.quote == "Late."


def test_refresh_tells_of_a_build_that_failed(make: Make) -> None:
    with pytest.raises(BuildError) as caught:
        make(load=load_broken).refresh()
    assert str(caught.value) == "the build failed (RuntimeError: odd thing); the error output says where"


def test_a_refresh_that_is_cancelled_is_no_failure(make: Make, orders: Path) -> None:
    rebuilder = make()
    hold(orders, "prepare")
    with ThreadPoolExecutor(1) as pool:
        refreshed = pool.submit(rebuilder.refresh)
        until(lambda: rebuilder.state.running)
        reach(rebuilder, "prepare")
        rebuilder.cancel()
        assert refreshed.result(PATIENCE).outcome == "cancelled"


def test_what_could_not_be_taken_in_while_another_held_the_lock_is_taken_in_later(
    make: Make, built: Path, seeds: Path
) -> None:
    rebuilder = make()
    old = in_force(built).id
    with closing(Watcher(rebuilder.folder, rebuilder.refresh, built, quiet=0.1, again=0.1)) as watcher:
        until(lambda: watcher.watching)
        with lock(IndexPaths(built), "build of elsewhere"):
            (seeds / "bridge.txt").write_text("Late.", "utf-8")
            until(lambda: watcher.trouble)
            assert watcher.trouble.startswith("changes of the documents are not taken in: ")
            assert "(build of elsewhere)" in watcher.trouble
            failed = rebuilder.state.number
            until(lambda: rebuilder.state.number > failed)  # it is tried again
            assert watcher.trouble
            assert in_force(built).id == old
        until(lambda: not watcher.trouble)
        assert in_force(built).id != old
    with open_index(built, encoder=HashEncoder()) as opened:
        assert opened.search("Late").results[0].citation.quote == "Late."


@posix
@pytest.mark.usefixtures("changed")
def test_a_build_yields_to_questions_and_its_death_is_told(built: Path, make: Make, orders: Path) -> None:
    rebuilder = make()
    old = in_force(built).id
    hold(orders, "encode")
    rebuilder.start()
    reach(rebuilder, "encode")
    builder = builder_of(built)
    assert os.getpriority(os.PRIO_PROCESS, builder) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 5)
    os.kill(builder, signal.SIGKILL)
    state = rebuilder.wait(PATIENCE)
    assert (state.outcome, state.message) == (
        "failed",
        "the build's process died without a word (SIGKILL); the snapshot in force is unchanged; "
        "try again, with more memory free if the system ended it",
    )
    assert in_force(built).id == old


@posix
@pytest.mark.usefixtures("changed")
def test_a_build_that_dies_after_the_last_step_is_told_so(built: Path, make: Make, orders: Path) -> None:
    """Between CURRENT and the report there is no place to hold it, so CURRENT is replaced for it."""
    rebuilder = make()
    hold(orders, "publish")
    rebuilder.start()
    reach(rebuilder, "publish")
    paths = IndexPaths(built)
    (new,) = (path.name for path in paths.snapshots.iterdir() if path.name != current_id(paths))
    paths.current.write_text(f"{new}\n")
    state = rebuilder.cancel()
    assert (state.outcome, state.message) == ("cancelled", f"too late: snapshot {new} is in force already")


@posix
@pytest.mark.usefixtures("changed")
def test_a_process_that_does_not_listen_is_ended_all_the_same(
    built: Path, make: Make, orders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qa.rebuild.GRACE", 0.3)
    rebuilder = make()
    hold(orders, "encode")
    rebuilder.start()
    reach(rebuilder, "encode")
    os.kill(builder_of(built), signal.SIGSTOP)  # deaf to all but SIGKILL
    assert rebuilder.cancel().outcome == "cancelled"


@posix
def test_what_a_build_has_started_ends_with_it(make: Make, orders: Path) -> None:
    os.mkfifo(orders / "alive")
    reading = os.open(orders / "alive", os.O_RDONLY | os.O_NONBLOCK)
    try:
        rebuilder = make(load=load_with_helper)
        rebuilder.start()
        reach(rebuilder, "prepare")
        with pytest.raises(BlockingIOError):  # somebody can still write
            os.read(reading, 1)
        assert rebuilder.cancel().outcome == "cancelled"
        end = time.monotonic() + 5
        while time.monotonic() < end:
            try:
                assert os.read(reading, 1) == b""
                return
            except BlockingIOError:
                time.sleep(0.01)
        pytest.fail("the helper lives on")
    finally:
        os.close(reading)


def test_an_unexpected_error_is_one_line_and_leaves_its_trace(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    rebuilder = make(load=load_broken)
    rebuilder.start()
    state = rebuilder.wait(PATIENCE)
    assert (state.outcome, state.message) == (
        "failed", "the build failed (RuntimeError: odd thing); the error output says where",
    )  # fmt: skip
    assert "in load_broken" in capfd.readouterr().err


def test_a_folder_that_cannot_be_used_is_refused_at_once(make: Make, tmp_path: Path) -> None:
    rebuilder = make()
    with pytest.raises(SeedsError, match=r"does not exist; name a folder of documents: qa build FOLDER$"):
        rebuilder.start(tmp_path / "nowhere")
    assert rebuilder.state == BuildState()


def test_a_folder_is_kept_only_when_its_build_is_done(make: Make, tmp_path: Path, seeds: Path, built: Path) -> None:
    rebuilder = make(seeds=seeds)
    other = tmp_path / "other"
    other.mkdir()
    (other / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n\0")
    rebuilder.start(other)
    state = rebuilder.wait(PATIENCE)
    assert (state.outcome, state.message, state.seeds) == (
        "failed",
        f"nothing readable in {other}: 1 skipped; photo.png: "
        "picture (PNG), not text: put scans into a PDF; put documents into it",
        str(other),
    )
    assert rebuilder.folder() == seeds
    (other / "owl.txt").write_text("An owl sits on the roof.", "utf-8")
    rebuilder.start(other)
    assert rebuilder.wait(PATIENCE).outcome == "done"
    assert rebuilder.folder() == other
    assert [document.path for document in in_force(built).documents] == ["owl.txt"]


def test_the_folder_must_be_known(make: Make, tmp_path: Path, seeds: Path) -> None:
    rebuilder = make(index=tmp_path / "new")
    with pytest.raises(SeedsError) as caught:
        rebuilder.start()
    assert str(caught.value) == (
        f"the index in {tmp_path / 'new'} does not say which documents it was built from; name their folder"
    )
    rebuilder.start(seeds)
    state = rebuilder.wait(PATIENCE)
    assert (state.outcome, rebuilder.folder()) == ("done", seeds)
    assert state.report is not None
    assert state.report.previous == ""


def test_close_ends_the_build_and_starts_no_other(make: Make, orders: Path, built: Path, changed: Path) -> None:
    rebuilder = make()
    old = in_force(built).id
    hold(orders, "write")
    rebuilder.start()
    reach(rebuilder, "write")
    rebuilder.close()
    assert multiprocessing.active_children() == []
    assert rebuilder.state.outcome == "cancelled"
    assert in_force(built).id == old
    with pytest.raises(BuildError) as caught:
        rebuilder.refresh()
    assert str(caught.value) == f"the index in {built} is being closed; start again to rebuild it"
    with lock(IndexPaths(built), "test"):  # which is free again
        pass


@pytest.mark.usefixtures("real_encoder")  # prepares it, where no test has yet
def test_the_real_model_is_that_of_the_snapshot_in_force(seeds: Path, cache: Path, tmp_path: Path) -> None:
    shutil.copytree(seeds, tmp_path / "documents")
    index = tmp_path / "new"
    first = Rebuilder(index, cache, seeds=tmp_path / "documents", model=DEFAULT_MODEL, backend="openvino")
    first.start()
    state = first.wait(PATIENCE)
    assert (state.outcome, state.message) == ("done", "")
    assert in_force(index).encoder.model == DEFAULT_MODEL
    other = Rebuilder(index, cache, model="no/such-model", backend="torch")
    other.start()
    state = other.wait(PATIENCE)
    assert (state.outcome, state.message) == ("done", "")
    assert state.report is not None
    assert state.report.reused == state.report.sentences
    lost = Rebuilder(tmp_path / "third", cache, seeds=seeds, model="nonsense", backend="openvino")
    lost.start()
    state = lost.wait(PATIENCE)
    assert (state.outcome, state.message) == (
        "failed", f"model 'nonsense' is neither a folder nor a model's name; the default is {DEFAULT_MODEL}",
    )  # fmt: skip


SERVER = """
import os, signal, sys, time
from pathlib import Path
from qa.rebuild import Rebuilder
from tests.test_rebuild import load_held, reach

rebuilder = Rebuilder(Path(sys.argv[1]), Path(sys.argv[2]), model="fake", backend="fake", load=load_held)
"""

DYING = "rebuilder.start(); reach(rebuilder, 'encode'); os.kill(os.getpid(), signal.SIGKILL)"

INTERRUPTED = """
signal.signal(signal.SIGINT, lambda *_: None)  # this process decides to go on
rebuilder.start()
while rebuilder.state.running:
    os.killpg(0, signal.SIGINT)
    time.sleep(0.002)
print(rebuilder.state.outcome)
"""


@posix
def test_a_build_whose_server_dies_ends_quietly(built: Path, changed: Path, orders: Path) -> None:
    hold(orders, "encode")
    old = in_force(built).id
    with subprocess.Popen(
        [sys.executable, "-c", SERVER + DYING, str(built), str(orders)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as server:  # fmt: skip
        assert server.wait(PATIENCE) == -signal.SIGKILL
        hold(orders, "")
        assert server.communicate(timeout=PATIENCE) == ("", "")  # the end of output is that of the build, too
    assert in_force(built).id != old
    with lock(IndexPaths(built), "test"):
        pass


@posix
@pytest.mark.usefixtures("changed")
def test_ctrl_c_in_the_terminal_does_not_reach_a_build(built: Path, orders: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SERVER + INTERRUPTED, str(built), str(orders)],
        cwd=ROOT, capture_output=True, text=True, check=True, start_new_session=True, timeout=PATIENCE,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("done\n", "")


COMMAND = """
import runpy, sys
from pathlib import Path
import click
from qa.rebuild import Rebuilder
from tests.test_rebuild import load_held

main, index, orders = sys.argv[1:]

def run(*_, **__):
    rebuilder = Rebuilder(Path(index), Path(orders), model="fake", backend="fake", load=load_held)
    rebuilder.start()
    print(rebuilder.wait().outcome)

click.Command.main = run  # whatever the command line is asked, this is what it does
if main == "qa.cli":
    runpy.run_module(main, run_name="__main__", alter_sys=True)
else:
    runpy.run_path(main, run_name="__main__")
"""


@pytest.mark.parametrize("main", ["qa.cli", str(Path(sys.executable).with_name("qa"))])
@pytest.mark.usefixtures("changed")
def test_the_command_line_is_not_run_again_by_a_build(built: Path, orders: Path, main: str) -> None:
    """The build's process imports ``python -m qa.cli`` or the script ``qa`` once more, as any main module."""
    if main != "qa.cli" and not Path(main).is_file():
        pytest.skip("the command is not installed as a script here")
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, main, str(built), str(orders)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("done\n", "")
