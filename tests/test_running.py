"""An index that is changed, moved, locked or taken away while it is in use.

SEEDQA_SWAPS sets how often the snapshot is swapped beside sixteen readers: a thousand take minutes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import portalocker
import pytest

import index.snapshot
from index import build
from index.encode import Encoder
from index.errors import BuildError, BuildLocked, SeedQAError, SnapshotDamaged, SnapshotError
from index.examine import examine
from index.layout import IndexPaths, SnapshotPaths
from index.lock import lock, what_holds
from index.snapshot import current_id, prune, restore, snapshot_ids
from qa import Index, open_index
from qa.feedback import Feedback
from tests.conftest import ROOT
from tests.fakes import HashEncoder
from tests.test_build import tree
from tests.test_feedback import vote
from tests.test_snapshot import FILES

QUESTION = "Where do frogs live?"
SWAPS = int(os.environ.get("SEEDQA_SWAPS", "24"))
READERS = 16
CHECKED = [name for name in FILES if name not in ("manifest.json", "origin.json")]

posix = pytest.mark.skipif(os.name == "nt", reason="Windows keeps files that are open from being changed")


def paths_of(folder: Path) -> SnapshotPaths:
    return IndexPaths(folder).snapshot(current_id(IndexPaths(folder)))


def evidence(opened: Index) -> str:
    return opened.search(QUESTION).results[0].citation.evidence


# Files under a running reader


@posix
@pytest.mark.parametrize("name", CHECKED)
def test_a_file_that_is_changed_under_a_reader_is_noticed(
    built: Path, seeds: Path, encoder: HashEncoder, name: str
) -> None:
    """Before the next question, also where it was cut, which would end the process where it is mapped."""
    path = paths_of(built).root / name
    good = path.read_bytes()
    with open_index(built, encoder=encoder) as opened:
        answer = opened.search(QUESTION)
        for bad in (bytes([good[0] ^ 1]) + good[1:], good[: len(good) // 2], b"", good + b"\0"):
            with path.open("r+b") as file:
                file.write(bad)
                file.truncate()
            for _ in range(2):
                with pytest.raises(SnapshotDamaged) as caught:
                    opened.search(QUESTION)
                said = str(caught.value)
                assert said.startswith(f"{path} has ")
                assert said.endswith(": it was changed while it was in use; rebuild the index: qa build")
            with path.open("r+b") as file:
                file.write(good)
                file.truncate()
            assert opened.search(QUESTION) == answer
        path.write_bytes(good[:-1])
        with pytest.raises(SnapshotDamaged):
            opened.search(QUESTION)
        build(seeds, built, HashEncoder())
        assert opened.search(QUESTION) == answer
    assert examine(IndexPaths(built)) == []


@posix
def test_a_file_whose_times_change_stays_in_use(built: Path, encoder: HashEncoder, tmp_path: Path) -> None:
    """As a backup by hard links does it."""
    with open_index(built, encoder=encoder) as opened:
        answer = opened.search(QUESTION)
        for name in CHECKED:
            os.link(paths_of(built).root / name, tmp_path / name.replace("/", "-"))
            os.utime(paths_of(built).root / name, ns=(0, 0))
        assert opened.search(QUESTION) == answer


@posix
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_deleted_under_a_reader_is_still_read(built: Path, encoder: HashEncoder, name: str) -> None:
    with open_index(built, encoder=encoder) as opened:
        answer = opened.search(QUESTION)
        path = paths_of(built).root / name
        path.unlink()
        assert opened.search(QUESTION) == answer
        assert [finding.problem.startswith((str(path), "snapshot ")) for finding in examine(IndexPaths(built))] == [
            True
        ]


@posix
@pytest.mark.parametrize("moved", [True, False])
def test_an_index_that_is_taken_away_under_a_reader(
    built: Path, encoder: HashEncoder, tmp_path: Path, moved: bool
) -> None:
    with open_index(built, encoder=encoder) as opened:
        answer = opened.search(QUESTION)
        kept = tmp_path / "kept"
        if moved:
            built.rename(kept)
        else:
            shutil.copytree(built, kept)
            shutil.rmtree(built)
        after = opened.search(QUESTION)
        assert (after.snapshot, after.results) == (answer.snapshot, answer.results)
        assert after.notes == (
            "a newer snapshot can't be opened, so this is from the one before: "
            f"no index in {built}; build one: qa build FOLDER --index {built}",
            *answer.notes,
        )
        assert opened.open_passage(answer.results[0].citation.link).text
        for use in (opened.list_documents, lambda: opened.verify(answer.results[0].citation)):
            with pytest.raises(SnapshotDamaged, match=r"^/.*/origin.json can't be read; rebuild the index: qa build$"):
                use()
        with pytest.raises(SeedQAError, match=r"can't be written \(No such file or directory\)"):
            Feedback(built).add(vote())
        kept.rename(built)
        deadline = time.monotonic() + 60
        while opened.search(QUESTION) != answer:  # it is looked for again once a second
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert opened.list_documents()


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps files that are open from being removed")
def test_a_cache_that_is_deleted_under_a_reader(
    shipped_index: Path, cache: Path, real_encoder: Encoder, tmp_path: Path
) -> None:
    """Before its first question: what asking needs is open already, for long questions, too."""
    (entry,) = (cache / "encoders").glob(f"{real_encoder.info.fingerprint[:24]}-*")
    shutil.copytree(entry, tmp_path / "cache" / "encoders" / entry.name)
    with open_index(shipped_index, encoder=real_encoder) as right:
        questions = ("What happens if a build is killed?", "What happens if a build is killed? " * 60)
        expected = [right.search(question) for question in questions]
    with open_index(shipped_index, cache=tmp_path / "cache") as opened:
        shutil.rmtree(tmp_path / "cache")
        assert [opened.search(question) for question in questions] == expected
    assert any(note.startswith("the question has ") for note in expected[1].notes)


# A folder that can't be written


READ_ONLY = """
import sys
from pathlib import Path
import qa.cli
from qa import open_index
from tests.fakes import HashEncoder

index, seeds = Path(sys.argv[1]), sys.argv[2]
with open_index(index, encoder=HashEncoder()) as opened:
    print(opened.search("Where do frogs live?").results[0].citation.evidence)
qa.cli.load_encoder = lambda *_: HashEncoder()
for words in (["build", seeds], ["prune"], ["restore"], ["doctor"]):
    sys.argv = ["qa", *words, "--index", str(index)]
    try:
        qa.cli.main()
    except SystemExit as end:
        print(words[0], end.code, flush=True)
"""


@posix
def test_a_read_only_folder_answers_and_says_that_it_is_read_only(
    built: Path, seeds: Path, encoder: HashEncoder
) -> None:
    (seeds / "owl.txt").write_text("An owl sits on the roof.", "utf-8")
    build(seeds, built, encoder)
    command = [sys.executable, "-c", READ_ONLY, str(built), str(seeds)]
    if os.geteuid() == 0:  # whom no permissions hold, unless that right is taken away
        if not shutil.which("setpriv"):
            pytest.skip("needs setpriv, or a user who is not root")
        rights = "-dac_override,-dac_read_search,-fowner"
        command = ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}", *command]
    before = tree(built)
    folders = [built, *(path for path in built.rglob("*"))]
    for path in folders:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    finally:
        for path in folders:
            path.chmod(0o755 if path.is_dir() else 0o644)
    line = (
        f"qa: the index in {built} can't be written (Permission denied); the snapshot in force is unchanged; "
        "check the folder's permissions"
    )
    assert done.stderr.splitlines() == [line] * 3
    said = done.stdout.splitlines()
    assert said[:4] == ["Frogs live in the pond.", "build 1", "prune 1", "restore 1"]
    assert said[-1] == "doctor 0"
    assert tree(built) == before


# Clocks


def test_no_clock_decides_which_snapshot_is_in_force_or_their_order(
    tmp_path: Path, seeds: Path, encoder: HashEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that stands still, runs backwards and jumps a hundred years, and times that a copy has lost."""
    paths = IndexPaths(tmp_path / "index")
    now = time.time_ns()
    order: list[str] = []
    opened: Index | None = None
    for number, clock in enumerate((now, now, now - 10**18, 0, now + 3 * 10**18, now, now)):
        monkeypatch.setattr(time, "time_ns", lambda clock=clock: clock)
        (seeds / "garden.md").write_text(f"# Garden\n\nFrogs live in pond {number}.\n", "utf-8")
        for file in seeds.iterdir():
            os.utime(file, ns=(clock, clock))
        order.insert(0, build(seeds, paths.root, encoder).snapshot)
        os.utime(paths.current, ns=(now, now))
        assert (current_id(paths), snapshot_ids(paths)) == (order[0], order)
        opened = opened or open_index(paths.root, encoder=encoder)
        assert evidence(opened) == f"Frogs live in pond {number}."
    with lock(paths, "test"):
        restore(paths, order[3])
        assert snapshot_ids(paths)[:2] == [order[3], order[0]]
        os.utime(paths.current, ns=(now, now))
        assert opened is not None
        assert evidence(opened) == "Frogs live in pond 3."
        assert prune(paths, keep=1) == [order[1], order[2], *order[4:]]
    assert snapshot_ids(paths) == [order[3], order[0]]
    opened.close()


# Others at work


RACING = """
import sys
from pathlib import Path
from index import build
from index.errors import BuildLocked
from tests.fakes import HashEncoder

print("ready", flush=True)
sys.stdin.readline()
try:
    print(build(Path(sys.argv[1]), Path(sys.argv[2]), HashEncoder()).snapshot)
except BuildLocked as error:
    print("locked", error)
"""


def test_of_two_builds_at_once_one_wins_and_the_other_leaves(built: Path, seeds: Path) -> None:
    (seeds / "garden.md").write_text("# Garden\n\nToads live in the pond.\n", "utf-8")
    builders = [
        subprocess.Popen(
            [sys.executable, "-c", RACING, str(seeds), str(built)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    for builder in builders:
        assert builder.stdout is not None
        assert builder.stdout.readline() == "ready\n"
    for builder in builders:
        assert builder.stdin is not None
        builder.stdin.write("\n")
        builder.stdin.flush()
    said = [builder.communicate()[0] for builder in builders]
    now = current_id(IndexPaths(built))
    won = [line for line in said if line == f"{now}\n"]
    lost = [line for line in said if line.startswith(f"locked {built} is locked by ")]
    assert (len(won) > 0, len(won) + len(lost)) == (True, 3)
    assert all(line.endswith("; wait until it ends, or end it, then try again\n") for line in lost)
    assert examine(IndexPaths(built)) == []


def test_sixteen_readers_beside_builds_restores_and_prunes(built: Path, seeds: Path) -> None:
    """No reader meets an error, and each answer is of one snapshot: its id and its text agree."""
    paths = IndexPaths(built)
    said = {current_id(paths): "Frogs live in the pond."}
    stop = threading.Event()

    def read() -> tuple[int, set[str]]:
        answers, seen = 0, set()
        with open_index(built, encoder=HashEncoder()) as opened:
            while not stop.is_set():
                answer = opened.search(QUESTION, k=1)
                assert answer.results[0].citation.evidence == said[answer.snapshot]
                assert not answer.notes
                seen.add(answer.snapshot)
                answers += 1
        return answers, seen

    with ThreadPoolExecutor(READERS) as pool:
        readers = [pool.submit(read) for _ in range(READERS)]
        try:
            for number in range(SWAPS):
                _swap(paths, seeds, number, said)
                for reader in readers:
                    assert not reader.done() or reader.result()
        finally:
            stop.set()
        found = [reader.result() for reader in readers]
    assert min(answers for answers, _ in found) > 0
    assert len(set[str]().union(*(seen for _, seen in found))) > min(SWAPS, 20) / 5
    with lock(paths, "prune"):
        prune(paths, keep=0)
    assert snapshot_ids(paths) == [current_id(paths)]
    assert examine(paths) == []


def _swap(paths: IndexPaths, seeds: Path, number: int, said: dict[str, str]) -> None:
    """Put another snapshot in force: every fourth time a new one, else the one before, with a prune now and then."""
    if number % 4 == 0:
        (seeds / "garden.md").write_text(f"# Garden\n\nFrogs live in pond {number}.\n", "utf-8")

        def tell(stage: str, done: int, total: int) -> None:
            if stage == "publish":  # a reader may answer from it at once
                (new,) = {path.name for path in paths.snapshots.iterdir()} - said.keys()
                said[new] = f"Frogs live in pond {number}."

        build(seeds, paths.root, HashEncoder(), tell)
    else:
        with lock(paths, "restore"):
            restore(paths, snapshot_ids(paths)[1])
    if number % 6 == 5:
        with lock(paths, "prune"):
            prune(paths, keep=2)


@posix
def test_ten_swaps_cost_a_reader_no_handle(built: Path, seeds: Path, encoder: HashEncoder) -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("counts handles where the system lists them")
    (seeds / "owl.txt").write_text("An owl sits on the roof.", "utf-8")
    build(seeds, built, encoder)
    paths = IndexPaths(built)
    with open_index(built, encoder=encoder) as opened:
        counts = []
        for _ in range(10):
            with lock(paths, "restore"):
                restore(paths, snapshot_ids(paths)[1])
            assert opened.search(QUESTION).snapshot == current_id(paths)
            counts.append(len(os.listdir("/proc/self/fd")))
        assert len(set(counts)) == 1


# What others have left


@pytest.mark.parametrize("holder", [b"", b"{}", b"\xff\xfe", b'{"pid": 1, "host": "gone", "since": "then"}'])
def test_a_stale_lock_and_holder_hold_nobody_up(built: Path, seeds: Path, encoder: HashEncoder, holder: bytes) -> None:
    paths = IndexPaths(built)
    paths.lock.write_bytes(b"left over")
    paths.holder.write_bytes(holder)
    assert build(seeds, built, encoder).documents == 3
    with lock(paths, "test"):
        paths.holder.write_bytes(holder)
        with pytest.raises(BuildLocked) as caught, lock(paths, "other"):
            pass
        assert str(caught.value) == (
            f"{built} is locked by another process; wait until it ends, or end it, then try again"
        )


def test_leftovers_of_every_kind_block_no_build(built: Path, seeds: Path, encoder: HashEncoder) -> None:
    paths = IndexPaths(built)
    (paths.snapshots / "0123456789abcdef.tmp" / "lexical").mkdir(parents=True)
    (paths.snapshots / "0123456789abcdef.tmp" / "lexical" / "half").write_text("x")
    (paths.snapshots / "0123456789abcdef-damaged.tmp").mkdir()
    (paths.snapshots / "fedcba9876543210.tmp").write_text("a file in the place of a folder")
    if os.name != "nt":
        (paths.snapshots / "aaaaaaaaaaaaaaaa.tmp").symlink_to(seeds)
    for name in ("CURRENT.tmp", "holder.json.tmp", "unfinished.sqlite-wal", "unfinished.sqlite-shm"):
        (built / name).write_bytes(b"torn")
    (seeds / "owl.txt").write_text("An owl sits on the roof.", "utf-8")
    assert build(seeds, built, encoder).documents == 4
    assert sorted(path.name for path in paths.snapshots.iterdir()) == sorted(snapshot_ids(paths))
    assert sorted(path.name for path in built.iterdir()) == ["CURRENT", "build.lock", "holder.json", "snapshots"]
    assert sorted(path.name for path in seeds.iterdir()) == ["bridge.txt", "garden.md", "mill.html", "owl.txt"]
    assert examine(paths) == []


def test_what_holds_after_a_failure_is_said_of_every_case() -> None:
    assert [what_holds(before, now) for before, now in (("", ""), ("a", "a"), ("", "b"), ("a", "b"), ("a", ""))] == [
        "no snapshot is in force",
        "the snapshot in force is unchanged",
        "snapshot b is in force already",
        "snapshot b is in force already",
        "snapshot a, which was in force, can't be found",
    ]


def test_what_follows_once_a_snapshot_is_in_force_does_not_call_it_unchanged(
    built: Path, seeds: Path, encoder: HashEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: object) -> None:
        raise OSError(5, "Input/output error")

    (seeds / "owl.txt").write_text("An owl sits on the roof.", "utf-8")
    monkeypatch.setattr("index.journal.Journal.remove", fail)
    with pytest.raises(BuildError) as caught:
        build(seeds, built, encoder)
    now = current_id(IndexPaths(built))
    assert str(caught.value) == (
        f"the index in {built} can't be written (Input/output error); snapshot {now} is in force already; "
        "check the disk, and that it has space left, then try again"
    )
    with open_index(built, encoder=encoder) as opened:
        assert opened.manifest.counts.documents == 4


@posix
def test_a_snapshot_that_is_pruned_while_it_is_being_opened(
    built: Path, seeds: Path, encoder: HashEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its manifest was opened but not locked yet: the reader notices, and takes the one that is in force now."""
    paths = IndexPaths(built)
    older = current_id(paths)
    (seeds / "owl.txt").write_text("An owl sits on the roof.", "utf-8")
    newer = build(seeds, built, encoder).snapshot
    take = portalocker.lock
    paths.current.write_text(f"{older}\n")

    def late(file: Any, flags: Any) -> None:
        monkeypatch.setattr(portalocker, "lock", take)
        paths.current.write_text(f"{newer}\n")
        with lock(paths, "prune"):
            assert prune(paths, keep=0) == [older]
        take(file, flags)

    monkeypatch.setattr(portalocker, "lock", late)
    with open_index(built, encoder=encoder) as opened:
        assert opened.manifest.id == newer
    with pytest.raises(SnapshotError):
        index.snapshot.Snapshot(paths.snapshot(older))


def test_a_snapshot_that_never_came_into_force_is_not_the_one_before(
    built: Path, seeds: Path, encoder: HashEncoder
) -> None:
    """Its build was interrupted just before: it is the oldest of all until the next build puts it in force."""
    paths = IndexPaths(built)
    older = current_id(paths)
    (seeds / "owl.txt").write_text("An owl sits on the roof.", "utf-8")
    newer = build(seeds, built, encoder).snapshot

    def interrupt(stage: str, done: int, total: int) -> None:
        if stage == "publish":
            raise KeyboardInterrupt

    (seeds / "owl.txt").write_text("An owl sits on the wall.", "utf-8")
    with pytest.raises(KeyboardInterrupt):
        build(seeds, built, encoder, interrupt)
    (third,) = {path.name for path in paths.snapshots.iterdir()} - {older, newer}
    assert (current_id(paths), snapshot_ids(paths)) == (newer, [newer, older, third])
    assert build(seeds, built, encoder).snapshot == third
    assert snapshot_ids(paths) == [third, newer, older]
