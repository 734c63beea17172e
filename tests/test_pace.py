"""The pace of a build and the time that is left."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from qa import show
from qa.pace import Pace, time_left


class Clock:
    """Stands where it is put."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def state(pace: Pace) -> tuple[float, int]:
    return round(pace.rate, 3), round(pace.left)


def test_a_pace_is_that_of_the_last_minute_of_a_stage() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert state(pace) == (0, 0)
    told = []
    for second in range(200):
        clock.now += 1
        pace.tell("encode", 10 * second if second < 100 else 1000 + 2 * (second - 100), 2000)
        told.append(state(pace))
    assert [told[at] for at in (0, 1, 99, 199)] == [(0, 0), (10, 199), (10, 101), (2, 401)]
    clock.now += 1
    pace.tell("lexical", 0, 50)
    assert state(pace) == (0, 0)
    clock.now += 2
    pace.tell("lexical", 50, 50)
    assert state(pace) == (25, 0)
    pace.tell("check", 0, 0)
    assert state(pace) == (0, 0)


def test_steps_that_take_longer_than_a_minute_have_a_pace_too() -> None:
    clock = Clock()
    pace = Pace(clock)
    for done in range(4):
        pace.tell("lexical", done, 10)
        clock.now += 90
    assert (round(pace.rate, 4), round(pace.left)) == (0.0111, 630)


def test_a_pace_that_is_told_often_remembers_little() -> None:
    clock = Clock()
    pace = Pace(clock)
    for step in range(100_000):
        clock.now += 0.001
        pace.tell("encode", step, 10**6)
    assert pace.rate == pytest.approx(1000, rel=0.01)
    assert len(pace._told) < 130


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "5 s"),
        (12, "10 s"),
        (54, "55 s"),
        (56, "1 min"),
        (3500, "58 min"),
        (3600, "1 h 0 min"),
        (9000, "2 h 30 min"),
    ],
)
def test_time_left_in_words(seconds: float, words: str) -> None:
    assert time_left(seconds) == words


def test_a_terminal_shows_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    written = io.StringIO()
    monkeypatch.setattr(show, "_err", Console(file=written, force_terminal=True, width=200))
    monkeypatch.setattr(show, "Pace", lambda: Pace(clock))
    with show.progress(quiet=False) as report:
        report("encode", 0, 10_000)
        clock.now += 4
        report("encode", 5_000, 10_000)
    said = written.getvalue()
    assert "Encoding sentences" in said
    assert "1,250/s, 5 s left" in said
