"""``qa calibrate`` as a user meets it, and what ``qa status`` and ``qa doctor`` say of its result."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from index.layout import IndexPaths
from qa.calibration import read_calibration, write_calibration
from qa.confidence import SHIPPED, THRESHOLD
from tests.test_cli import Run


@pytest.fixture
def index(tmp_path: Path, shipped_index: Path) -> Path:
    """A copy of the index of the seeds that ship, to be changed."""
    return Path(shutil.copytree(shipped_index, tmp_path / "index"))


@pytest.fixture
def qa(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path, index: Path
) -> Run:
    """The command in an empty folder, with the prepared encoder at hand and that index as default."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEEDQA_CACHE", str(cache))
    monkeypatch.setenv("SEEDQA_INDEX", str(index))
    return Run(capsys, monkeypatch)


def test_an_index_is_calibrated_on_its_own_passages_and_set_back(qa: Run, index: Path) -> None:
    paths = IndexPaths(index)
    assert f"Threshold  {THRESHOLD:.2f}, as shipped" in qa("status")[1]
    code, out, err = qa("calibrate", "--dry-run")
    assert (code, err, paths.calibration.exists()) == (0, "", False)
    assert out.endswith("Dry run: nothing is changed.\n")
    code, out, err = qa("calibrate")
    kept = read_calibration(paths.calibration)
    assert (code, err) == (0, "")
    assert kept is not None
    assert (kept.source, kept.curve, kept.fitted_on) == ("drawn", SHIPPED, "its own passages")
    assert kept.near.low > 0.75
    assert out.startswith(
        f"{kept.questions} questions on its own passages, each asked with its answer in the index; "
        f"{kept.questions} asked with the answer held out.\nNear topic, AUROC {kept.near.value:.3f} (95 % interval "
    )
    assert out.endswith(f"Kept in {paths.calibration}; qa calibrate --reset removes it.\n")
    status = " ".join(qa("status")[1].split())
    asked = f"{kept.questions} questions of its own passages"
    assert f"Threshold {kept.threshold:.2f}, calibrated on {asked}, {kept.made}" in status
    assert json.loads(qa("status", "--json")[1])["calibration"]["threshold"] == kept.threshold
    assert json.loads(qa("ask", "What is a snapshot?", "--json")[1])["threshold"] == kept.threshold
    assert json.loads(qa("ask", "What is a snapshot?", "--threshold", "0.01", "--json")[1])["threshold"] == 0.01
    assert qa("calibrate", "--reset") == (0, "The calibration that ships is in force.\n", "")
    assert qa("calibrate", "--reset") == (0, "There was no calibration to remove.\n", "")
    assert not paths.calibration.exists()


def test_too_few_questions_change_nothing(qa: Run, index: Path, tmp_path: Path) -> None:
    code, out, err = qa("calibrate", "--questions", "10", "--out", tmp_path / "report")
    assert (code, err, IndexPaths(index).calibration.exists()) == (0, "", False)
    assert "Too few questions: 10 of the rarer kind, 50 are needed. Nothing is changed.\n" in out
    names = ["reliability.svg", "report.json", "report.md", "risk-coverage.svg"]
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == names
    written = (tmp_path / "report" / "report.md").read_text("utf-8")
    assert written.startswith("# Calibration on its own passages\n")
    columns = "| Threshold | Answerable refused | Near let through | Far let through |\n"
    assert f"{columns}| --- | --- | --- | --- |\n" in written
    assert json.loads((tmp_path / "report" / "report.json").read_text("utf-8"))["fitted"]["questions"] == 10
    assert (tmp_path / "report" / "reliability.svg").read_text("utf-8").startswith("<?xml")


def test_a_labelled_set_is_asked_of_an_index_of_its_own(qa: Run, index: Path, tmp_path: Path) -> None:
    paragraphs = [
        {"context": f"The {name} of the old town was built of {stone}.",
         "qas": [{"id": name, "question": f"What was the {name} built of?",
                  "answers": [{"text": stone, "answer_start": 40 + len(name) - len("bridge")}]}]}
        for name, stone in (("bridge", "granite"), ("tower", "brick"), ("mill", "oak"))
    ]  # fmt: skip
    for paragraph in paragraphs:
        answer = paragraph["qas"][0]["answers"][0]  # type: ignore[index]
        answer["answer_start"] = paragraph["context"].index(answer["text"])
    file = tmp_path / "town.json"
    file.write_text(json.dumps({"data": [{"title": "town", "paragraphs": paragraphs}]}), "utf-8")
    code, out, _ = qa("calibrate", "--dataset", file, "--json")
    found = json.loads(out)
    assert (code, found["saved"], found["report"]["fitted_on"]) == (0, False, "town")
    assert found["report"]["fitted"]["verdict"] == "too few questions: 3 of the rarer kind, 50 are needed"
    note = f"fitted on town, none of whose documents are in {index}"
    assert found["report"]["notes"] == [note]
    assert f"\nNote: {note}.\n" in qa("calibrate", "--dataset", file)[1]


def test_a_threshold_that_is_set_is_the_one_in_force(qa: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEDQA_THRESHOLD", "0.25")
    assert "Threshold  0.25, as set" in qa("status")[1]
    assert json.loads(qa("ask", "What is a snapshot?", "--json")[1])["threshold"] == 0.25


def test_a_damaged_or_foreign_calibration_is_a_finding_and_left_aside(qa: Run, index: Path) -> None:
    path = IndexPaths(index).calibration
    qa("calibrate")
    kept = read_calibration(path)
    assert kept is not None
    write_calibration(path, replace(kept, encoder=f"0000{kept.encoder}"))
    code, out, _ = qa("doctor")
    assert code == 1
    assert out.startswith("✘ calibration.json: the calibration is left aside: it was fitted with encoder 0000")
    path.write_text("[]", "utf-8")
    code, out, _ = qa("doctor", "--json")
    assert (code, json.loads(out)["findings"]) == (
        1,
        [
            {
                "snapshot": "calibration.json",
                "problem": f"the calibration is left aside: {path} is no calibration (Expected `object`, got "
                "`array`); calibrate again: qa calibrate, or remove it: qa calibrate --reset",
            }
        ],
    )
    assert f"{THRESHOLD:.2f}, as shipped; the calibration is left aside" in qa("status")[1]
    assert qa("calibrate", "--reset")[0] == 0
    assert qa("doctor")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--reset", "--dry-run"], "--reset goes without --dry-run; see qa --help"),
        (["--split", "dev"], "--split is of a --dataset; name one; see qa --help"),
        (
            ["--dataset", "x", "--questions", "5"],
            "--questions is for questions drawn from the index; leave it or --dataset out; see qa --help",
        ),
    ],
)
def test_what_does_not_go_together_is_told(qa: Run, arguments: list[str], message: str) -> None:
    assert qa("calibrate", *arguments) == (2, "", f"qa: {message}\n")


def test_votes_without_a_useful_passage_are_told(qa: Run, tmp_path: Path) -> None:
    file = tmp_path / "feedback.jsonl"
    file.write_text("", "utf-8")
    assert qa("calibrate", "--dataset", file, "--split", "dev") == (
        2, "", "qa: judgements of readers have no splits; leave --split out; see qa --help\n"
    )  # fmt: skip
    assert qa("calibrate", "--dataset", file) == (
        1, "", f"qa: no passage of {file} was marked as an answer yet; mark some on the page: qa serve\n"
    )  # fmt: skip
