"""The commands that go back to an earlier snapshot, measure an index and serve it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from index import build
from index.encode import Encoder
from index.layout import IndexPaths
from index.lock import lock
from index.snapshot import current_id
from qa import open_index
from qa.feedback import Feedback, judgement
from tests.fakes import HashEncoder
from tests.servers import small_index
from tests.test_cli import Run


@pytest.fixture
def qa(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path) -> Run:
    """The command in an empty folder, with the prepared encoder at hand."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEEDQA_CACHE", str(cache))
    monkeypatch.setenv("SEEDQA_INDEX", str(tmp_path / "index"))
    return Run(capsys, monkeypatch)


@pytest.fixture
def two(built: Path, seeds: Path) -> tuple[str, str]:
    """Ids of an older and of the newer snapshot of an index."""
    old = current_id(IndexPaths(built))
    (seeds / "owl.txt").write_text("An owl.", "utf-8")
    return old, build(seeds, built, HashEncoder()).snapshot


def test_restore(qa: Run, built: Path, two: tuple[str, str]) -> None:
    old, new = two
    assert qa("restore") == (0, f"Snapshot {old} is back in force, before it was {new}.\n", "")
    assert current_id(IndexPaths(built)) == old
    assert qa("restore", new[:6]) == (0, f"Snapshot {new} is back in force, before it was {old}.\n", "")
    assert qa("restore", new) == (0, f"Snapshot {new} is back in force, as it was.\n", "")
    code, out, _ = qa("restore", old, "--json")
    assert (code, json.loads(out)) == (0, {"snapshot": old, "previous": new})
    assert f"Snapshot   {old}" in qa("status")[1]


def test_restore_mends_a_broken_current(qa: Run, built: Path, two: tuple[str, str]) -> None:
    IndexPaths(built).current.write_text("nonsense\n", "utf-8")
    code, out, err = qa("restore")
    assert (code, err) == (0, "")
    assert out == f"Snapshot {current_id(IndexPaths(built))} is back in force, before it was none.\n"


def test_what_can_t_be_restored_is_one_line(qa: Run, built: Path, two: tuple[str, str]) -> None:
    old, new = two
    assert qa("restore", "x") == (
        1, "", f"qa: no snapshot begins with 'x'; expected one of {new}, {old}\n",
    )  # fmt: skip
    assert qa("restore", "") == (
        1, "", f"qa: more than one snapshot begins with ''; expected one of {new}, {old}\n",
    )  # fmt: skip
    with lock(IndexPaths(built), "test"):
        code, _, err = qa("restore", old)
    assert (code, err.count("\n")) == (1, 1)
    assert current_id(IndexPaths(built)) == new
    assert qa("restore", "--index", "none") == (
        1, "", "qa: no index in none; build one: qa build FOLDER --index none\n",
    )  # fmt: skip
    assert qa("prune", "--keep", "0")[0] == 0
    assert qa("restore") == (
        1, "", f"qa: {built} holds one snapshot only, there is none to go back to; build again first\n",
    )  # fmt: skip


def test_eval(qa: Run, tmp_path: Path, real_encoder: Encoder) -> None:
    folder, _ = small_index(tmp_path, real_encoder)
    assert qa("eval") == (
        1, "", f"qa: no passage of {folder} was marked as an answer yet; mark some on the page: qa serve\n",
    )  # fmt: skip
    kept = Feedback(folder)
    with open_index(folder, encoder=real_encoder) as index:
        for question, place in (("When was the bridge built?", 0), ("Where do frogs live?", 1)):
            citation = index.search(question).results[place].citation
            kept.add(judgement(question, citation, useful=True, snapshot=index.manifest.id, at=datetime.now(UTC)))
    code, out, err = qa("eval")
    assert (code, err) == (0, "")
    assert out.startswith("2 questions with 2 judged passages: hit@1 0.500, hit@5 1.000, MRR@10 0.750, nDCG@10 0.8")
    assert re.search(r"^2 +\d\.\d\d +Where do frogs live\?", out, re.MULTILINE)
    code, out, _ = qa("eval", "-k", "1", "--json")
    found = json.loads(out)
    assert (code, found["questions"], found["hit_at_1"], found["mrr_at_10"]) == (0, 2, 0.5, 0.5)
    assert qa("eval", "-k", "0")[0] == 2


def test_serve_tells_its_options(qa: Run) -> None:
    code, out, err = qa("serve", "--help")
    assert (code, err) == (0, "")
    for option in ("--host", "--port", "--auth", "--allow-host", "--root-path", "--tls-cert", "--tls-key", "--watch",
                   "--read-only", "--mcp", "--index", "--cache", "--threshold"):  # fmt: skip
        assert option in out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--port", "70000"], 2, "Invalid value for '--port': 70000 is not in the range 0<=x<=65535; see qa --help"),
        (["--threshold", "2"], 2, "Invalid value for '--threshold': 2.0 is not in the range 0<=x<=1; see qa --help"),
        (["--port", "0"], 1, "no index in index; build one: qa build FOLDER --index index"),
        (["--host", "0.0.0.0"], 2, "host 0.0.0.0 can be reached from other computers, so a login is needed: "
         "--auth FILE with a line user:password, or the variable SEEDQA_AUTH"),
        (["--auth", "none"], 2, "password file none can't be read (No such file or directory); "
         "give a file whose first line is user:password"),
    ],
)  # fmt: skip
def test_what_can_t_be_served_is_one_line(
    qa: Run, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, message: str
) -> None:
    monkeypatch.setenv("SEEDQA_INDEX", "index")
    monkeypatch.delenv("SEEDQA_AUTH", raising=False)
    assert qa("serve", *arguments) == (code, "", f"qa: {message}\n")
