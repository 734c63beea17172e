"""Votes on passages: there and back, taken back, from many writers at once, and after a crash."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import portalocker
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index import build
from index.errors import QuestionError, SeedQAError
from qa import open_index
from qa.citation import quote_digest
from qa.feedback import MAX_BYTES, Feedback, Judgement, judgement
from tests.conftest import ROOT
from tests.fakes import HashEncoder
from tests.test_export import QUOTE, answer_of, cite

SHARED = portalocker.LockFlags.SHARED | portalocker.LockFlags.NON_BLOCKING
NOON = datetime(2026, 3, 1, 12, 30, 15, 999999, tzinfo=UTC)


def vote(
    question: str = "What do frogs do?", *, useful: bool | None = True, quote: str = QUOTE, path: str = "a.md"
) -> Judgement:
    citation = cite(quote, quote, path=path)
    answer = answer_of(citation, question=question)
    return judgement(answer.question, answer.results[0].citation, useful, snapshot=answer.snapshot, at=NOON)


def test_a_judgement_holds_what_recognises_the_passage_later() -> None:
    answer = answer_of(cite("Other.", "Other."), cite())
    assert judgement(
        answer.question,
        answer.results[1].citation,
        False,
        snapshot=answer.snapshot,
        at=NOON.astimezone(timezone(timedelta(hours=5))),
    ) == Judgement(
        question="What do frogs do?",
        useful=False,
        path="notes/garden.md",
        link=cite().link,
        evidence="They sing at night.",
        quote_sha256=quote_digest(QUOTE),
        snapshot="abc-1",
        at="2026-03-01T12:30:15+00:00",
    )


def test_there_and_back(tmp_path: Path) -> None:
    feedback = Feedback(tmp_path)
    assert feedback.read() == ()
    given = (vote("One?"), vote("Two?", useful=False), vote("One?", quote="Other\u2028\r\n\0 “text”."))
    for one in given:
        feedback.add(one)
    assert feedback.read() == Feedback(tmp_path).read() == given
    assert feedback.path == tmp_path / "feedback.jsonl"
    lines = [json.loads(line) for line in feedback.path.read_bytes().splitlines()]
    assert [{name: value for name, value in line.items() if name != "sha256"} for line in lines] == [
        asdict(one) for one in given
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["feedback.jsonl", "feedback.lock"]


def test_the_last_vote_counts_and_can_be_taken_back(tmp_path: Path) -> None:
    feedback = Feedback(tmp_path)
    first, second = vote("One?"), vote("Two?")
    for one in (first, second, replace(first, useful=False)):
        feedback.add(one)
    assert feedback.read() == (replace(first, useful=False), second)
    feedback.add(replace(first, useful=None))
    assert feedback.read() == (second,)
    feedback.add(first)
    assert feedback.read() == (first, second)
    assert len(feedback.path.read_bytes().splitlines()) == 5


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.sampled_from([True, False, None]))))
def test_any_votes(tmp_path_factory: pytest.TempPathFactory, votes: list[tuple[str, str, bool | None]]) -> None:
    feedback = Feedback(tmp_path_factory.mktemp("votes"))
    expected: dict[tuple[str, str], bool | None] = {}
    for question, quote, useful in votes:
        feedback.add(vote(question, useful=useful, quote=quote))
        expected[question, quote] = useful
    assert [(one.question, one.evidence, one.useful) for one in feedback.read()] == [
        (*key, useful) for key, useful in expected.items() if useful is not None
    ]


WRITER = """
import sys
from pathlib import Path
from tests.test_feedback import vote
from qa.feedback import Feedback

for number in range(25):
    Feedback(Path(sys.argv[1])).add(vote(f"Question {number} of {sys.argv[2]}?" * 50))
"""


def test_many_processes_lose_nothing(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(name)], cwd=ROOT) for name in range(4)
    ]
    assert [writer.wait() for writer in writers] == [0] * 4
    votes = Feedback(tmp_path).read()
    asked = [one.question for one in votes]
    assert sorted(asked) == sorted(f"Question {number} of {name}?" * 50 for number in range(25) for name in range(4))
    for name in range(4):  # each writer's own votes stand in the order that it gave them
        own = [text for text in asked if f"of {name}?" in text]
        assert own == [f"Question {number} of {name}?" * 50 for number in range(25)]


def test_many_threads_lose_nothing(tmp_path: Path) -> None:
    feedback = Feedback(tmp_path)
    votes = [vote(f"Question {number}?") for number in range(100)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(feedback.add, votes))
    assert sorted(feedback.read(), key=lambda one: one.question) == sorted(votes, key=lambda one: one.question)


@pytest.mark.parametrize("kept", [1, 20, -30, -2])
def test_a_line_torn_off_by_a_crash(tmp_path: Path, kept: int) -> None:
    feedback = Feedback(tmp_path)
    feedback.add(vote("Before?"))
    whole = feedback.path.read_bytes()
    feedback.add(vote("Torn — off?"))
    torn = feedback.path.read_bytes()[len(whole) :][:kept]
    feedback.path.write_bytes(whole + torn)
    assert feedback.read() == (vote("Before?"),)
    feedback.add(vote("After?"))
    feedback.add(vote("Later?"))
    assert feedback.read() == (vote("Before?"), vote("After?"), vote("Later?"))
    assert feedback.path.read_bytes().splitlines()[1] == torn + b" <- torn off by a crash"


def test_a_crash_while_mending_is_mended_too(tmp_path: Path) -> None:
    feedback = Feedback(tmp_path)
    feedback.path.write_bytes(b'{"question":"\xe2\x80 <- torn o')
    feedback.add(vote())
    assert feedback.read() == (vote(),)


def test_a_line_that_lacks_only_its_end_is_kept(tmp_path: Path) -> None:
    feedback = Feedback(tmp_path)
    feedback.add(vote("Before?"))
    feedback.path.write_bytes(feedback.path.read_bytes().removesuffix(b"\n"))
    assert feedback.read() == (vote("Before?"),)
    feedback.add(vote("After?"))
    assert feedback.read() == (vote("Before?"), vote("After?"))
    assert b"torn" not in feedback.path.read_bytes()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{}", "Object missing required field `question`"),
        (b"[1]", "Expected `object`, got `array`"),
        (b'{"question":"x"', "Input data was truncated"),
        (b"\xff", "JSON is malformed: invalid character (byte 0)"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: bytes, why: str) -> None:
    feedback = Feedback(tmp_path)
    feedback.add(vote())
    feedback.path.write_bytes(feedback.path.read_bytes() + b"\n" + line + b"\n")
    with pytest.raises(SeedQAError) as caught:
        feedback.read()
    assert str(caught.value) == f"{feedback.path}, line 3, is not a judgement ({why}); mend or delete that line"


def test_a_question_that_is_too_long(tmp_path: Path) -> None:
    feedback = Feedback(tmp_path)
    feedback.add(vote("x" * 4000))
    with pytest.raises(QuestionError) as caught:
        feedback.add(vote("x" * 4001))
    assert str(caught.value) == "the question has 4,001 characters, expected at most 4,000; ask in fewer words"
    assert len(feedback.read()) == 1


def test_a_file_that_has_grown_too_large(tmp_path: Path) -> None:
    feedback = Feedback(tmp_path)
    feedback.path.touch()
    os.truncate(feedback.path, MAX_BYTES + 1)
    with pytest.raises(SeedQAError) as caught:
        feedback.add(vote())
    assert str(caught.value) == (
        f"{feedback.path} is larger than 64 MiB, so no more is kept; move it elsewhere, and a new one begins"
    )
    assert feedback.path.stat().st_size == MAX_BYTES + 1
    feedback.path.rename(tmp_path / "elsewhere.jsonl")
    feedback.add(vote())
    assert feedback.read() == (vote(),)


def test_a_file_is_read_again_only_where_it_has_changed(tmp_path: Path) -> None:
    feedback = Feedback(tmp_path)
    feedback.add(vote("One?"))
    first = feedback.read()
    assert feedback.read() is first
    Feedback(tmp_path).add(vote("Two?"))
    assert feedback.read() == (vote("One?"), vote("Two?"))
    whole = feedback.path.stat()
    feedback.path.unlink()
    for question in ("One?", "Few?"):
        Feedback(tmp_path).add(vote(question))
    os.utime(feedback.path, ns=(whole.st_atime_ns, whole.st_mtime_ns + 1_000_000_000))
    assert feedback.read() == (vote("One?"), vote("Few?"))
    feedback.path.unlink()
    assert feedback.read() == ()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    feedback = Feedback(tmp_path / "gone")
    assert feedback.read() == ()
    with pytest.raises(SeedQAError) as caught:
        feedback.add(vote())
    assert str(caught.value) == (
        f"{feedback.path} can't be written (No such file or directory); check the folder's permissions and space"
    )
    assert not (tmp_path / "gone").exists()


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    feedback = Feedback(tmp_path)
    feedback.path.mkdir()
    for use, verb in ((feedback.read, "read"), (lambda: feedback.add(vote()), "written")):
        with pytest.raises(SeedQAError) as caught:
            use()
        assert str(caught.value).startswith(f"{feedback.path} can't be {verb} (")


def test_a_lock_that_is_not_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qa.feedback.WAIT_SECONDS", 0.1)
    feedback = Feedback(tmp_path)
    with portalocker.Lock(tmp_path / "feedback.lock", mode="a"), pytest.raises(SeedQAError) as caught:
        feedback.add(vote())
    assert str(caught.value) == (
        f"{tmp_path / 'feedback.lock'} has been held by another process for 0 s; end it, then try again"
    )
    assert feedback.read() == ()
    feedback.add(vote())
    assert feedback.read() == (vote(),)


def test_the_lock_is_held_until_the_vote_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []

    def sync(path: Path) -> None:
        synced.append(path)
        with pytest.raises(portalocker.AlreadyLocked):
            portalocker.Lock(tmp_path / "feedback.lock", mode="a", flags=SHARED, fail_when_locked=True).acquire()

    monkeypatch.setattr("qa.feedback.sync", sync)
    feedback = Feedback(tmp_path)
    feedback.add(vote("One?"))
    feedback.add(vote("Two?"))
    assert synced == [feedback.path, tmp_path, feedback.path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
def test_a_full_disk_loses_no_earlier_vote(tmp_path: Path) -> None:
    feedback = Feedback(tmp_path)
    feedback.path.symlink_to("/dev/full")
    with pytest.raises(SeedQAError) as caught:
        feedback.add(vote())
    assert str(caught.value) == (
        f"{feedback.path} can't be written (No space left on device); check the folder's permissions and space"
    )


def test_a_rebuild_leaves_votes_alone(built: Path, seeds: Path, encoder: HashEncoder) -> None:
    with open_index(built, encoder=encoder) as opened:
        answer = opened.search("Where do frogs live?")
    given = judgement(answer.question, answer.results[0].citation, True, snapshot=answer.snapshot, at=NOON)
    Feedback(built).add(given)
    before = Feedback(built).path.stat()
    (seeds / "more.txt").write_text("More text.", "utf-8")
    build(seeds, built, encoder)
    assert Feedback(built).path.stat() == before
    assert Feedback(built).read() == (given,)
