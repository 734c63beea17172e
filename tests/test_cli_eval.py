"""``qa eval`` on data sets, as a user meets it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from qa.evaluate.compare import read_report
from qa.evaluate.read import read_dataset
from qa.evaluate.report import Report
from qa.evaluate.trec import read_run
from tests.test_cli import Run, qa  # noqa: F401 - the fixture
from tests.test_evaluate_dataset import beir, squad

CORPUS = """{"_id": "bees", "title": "Bees", "text": "Bees make honey from nectar. They live in hives."}
{"_id": "tea", "title": "Tea", "text": "Tea came to Europe in 1610 on Dutch ships."}
{"_id": "wasps", "title": "Wasps", "text": "Wasps build nests of paper | wood."}
"""
QUERIES = """{"_id": "1", "text": "What do bees make from nectar?"}
{"_id": "2", "text": "When did tea reach Europe?"}
{"_id": "3", "text": "Which *insects* sting?"}
"""
TEST = "query-id\tcorpus-id\tscore\n1\tbees\t1\n2\ttea\t1\n3\twasps\t1\n3\tbees\t1\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return beir(tmp_path / "insects", CORPUS, QUERIES, test=TEST)


def test_a_beir_folder_is_indexed_and_asked(qa: Run, data: Path, tmp_path: Path) -> None:  # noqa: F811
    code, out, err = qa("eval", "--dataset", data, "--out", "found", "--keep", "kept", "--rows", "2")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == (
        "insects (test): 3 questions on 3 documents, ranking default, model all-MiniLM-L6-v2, int8 on openvino."
    )
    assert lines[1] == "Measure     Mean   95 % interval   Questions"
    assert re.fullmatch(r"nDCG@10     \d\.\d{3}  \d\.\d{3} to \d\.\d{3}  3", lines[2])
    assert [line.split()[0] for line in lines[2:8]] == "nDCG@10 recall@10 recall@100 MRR@10 hit@1 hit@5".split()
    assert lines[8].startswith("Area under the risk-coverage curve 0.")
    assert lines[9] == "The worst first, 2 of 3 questions:"
    report = read_report(tmp_path / "found" / "report.json")
    assert lines[10:] == [
        "",
        "Which *insects* sting?",
        f"  rank 1 · nDCG@10 1.00 · confidence {report.rows[0].confidence:.2f}, refused",
        "  came first  bees",
        "  evidence    They live in hives.",
        "",
        "When did tea reach Europe?",
        f"  rank 1 · nDCG@10 1.00 · confidence {report.rows[1].confidence:.2f}, found",
        "  came first  tea",
        "  evidence    Tea came to Europe in 1610 on Dutch ships.",
        "Written to found.",
    ]
    assert {row.query: row.rank for row in report.rows}.keys() == {"1", "2", "3"}
    assert report.measures["hit@1"].questions == 3
    ranked = {one.query: one.documents[0][0] for one in read_run(tmp_path / "found" / "run.trec")}
    assert ranked == {row.query: row.first for row in report.rows}
    text = (tmp_path / "found" / "report.md").read_text("utf-8")
    assert text.startswith("# Evaluation: insects (test)\n\ninsects (test): 3 questions on 3 documents")
    assert "## The worst 2 questions of 3" in text
    for name in ("ranks.png", "risk-coverage.png", "confidence.png"):
        assert f"]({name})" in text
        with Image.open(tmp_path / "found" / name) as picture:
            assert picture.size == (1050, 630)
    code, again, _ = qa("eval", "--dataset", data, "--keep", "kept", "--json")
    assert (code, Report.from_json(again)) == (0, report)


def test_a_run_is_scored_and_compared(qa: Run, data: Path, tmp_path: Path) -> None:  # noqa: F811
    assert qa("eval", "--dataset", data, "--out", "found", "--keep", "kept")[0] == 0
    run = tmp_path / "run.txt"
    run.write_text("1 Q0 tea 1 2.0 x\n1 Q0 bees 2 1.0 x\n2 Q0 tea 1 1.0 x\n", "utf-8")
    code, out, _ = qa("eval", "--dataset", data, "--run", run, "--against", "found", "--rows", "0")
    assert code == 0
    assert out.splitlines()[0] == "insects (test): 3 questions on 3 documents, ranking run."
    assert "Note: 1 question is not in the run and scores 0." in out
    assert re.search(r"^hit@1 +0\.333  1\.000  -0\.667  .* 0/1/2$", out, re.MULTILINE)
    qrels = tmp_path / "qrels.txt"
    qrels.write_text("1 0 bees 1\n2 0 tea 1\n3 0 wasps 1\n3 0 bees 1\n", "utf-8")
    scored = json.loads(qa("eval", "--dataset", qrels, "--run", run, "--json")[1])
    whole = json.loads(qa("eval", "--dataset", data, "--run", run, "--json")[1])
    assert scored["measures"] == whole["measures"]
    assert {name: round(mean["mean"], 4) for name, mean in scored["measures"].items()} == {
        "nDCG@10": 0.5436, "recall@10": 0.6667, "recall@100": 0.6667, "MRR@10": 0.5, "hit@1": 0.3333, "hit@5": 0.6667,
    }  # fmt: skip
    assert qa("eval", "--dataset", qrels) == (
        2, "", f"qa: {qrels} holds judgements alone; name the run to score: --run FILE; see qa --help\n",
    )  # fmt: skip


def test_other_rankings_and_holdouts(qa: Run, data: Path) -> None:  # noqa: F811
    for ranking in ("words", "sentences"):
        found = json.loads(qa("eval", "--dataset", data, "--keep", "kept", "--ranking", ranking, "--json")[1])
        assert (found["ranking"], found["abstention"]) == (ranking, [])
    code, out, _ = qa("eval", "--dataset", data, "--keep", "kept", "--holdout", "near")
    assert code == 0
    assert "\nWith every second document left out (near): AUROC of the confidence " in out
    assert " of 3 answerable questions refused, " in out
    assert " of 3 unanswerable ones let through.\n" in out


def test_a_draft_is_written_and_asked_of_the_index(qa: Run, tmp_path: Path) -> None:  # noqa: F811
    code, out, err = qa("eval", "--suggest", "draft.json")
    assert (code, err) == (0, "")
    assert re.match(r"Drafted \d+ questions on \d documents into draft\.json\. Drafted by rules", out)
    assert out.endswith("Then: qa eval --dataset draft.json\n")
    assert qa("eval", "--suggest", "draft.json") == (
        1, "", "qa: draft.json is there already and stays as it is; name another file\n",
    )  # fmt: skip
    questions = len(read_dataset(tmp_path / "draft.json").queries)
    code, out, _ = qa("eval", "--dataset", "draft.json", "--rows", "0")
    assert code == 0
    assert out.splitlines()[1] == (
        f"Note: {questions} questions were drafted by rules and not reviewed by a person; made of the documents' own "
        "words, such questions flatter the index."
    )
    told = json.loads(qa("eval", "--suggest", "other.json", "--json")[1])
    assert (told["file"], told["questions"]) == ("other.json", questions)


def test_a_set_on_own_documents_needs_the_index_named(qa: Run, shipped_index: Path, tmp_path: Path) -> None:  # noqa: F811
    asked = {"question": "Do I need a GPU?", "id": "q", "answers": [{"text": "x", "answer_start": 9}]}
    document = {"id": "handbook/questions.md", "context": "", "qas": [asked]}
    path = squad(tmp_path / "own.json", {"data": [{"paragraphs": [document]}]})
    code, out, _ = qa("eval", "--dataset", path, "--index", shipped_index, "--json")
    found = json.loads(out)
    assert (code, found["rows"][0]["first"], found["documents"]) == (0, "handbook/questions.md", 1)
    assert found["notes"] == ["left out 1 answer that does not stand at its answer_start"]


def test_votes_from_a_file(qa: Run, tmp_path: Path, shipped_index: Path) -> None:  # noqa: F811
    votes = tmp_path / "votes.jsonl"
    code, out, _ = qa("ask", "Do I need a GPU?", "--json")
    citation = json.loads(out)["results"][0]["citation"]
    vote = {
        "question": "Do I need a GPU?", "useful": True, "path": citation["source"], "link": citation["link"],
        "evidence": "You need no GPU; an ordinary processor is enough.", "quote_sha256": "0" * 16, "snapshot": "",
        "at": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    votes.write_text(json.dumps(vote) + "\n", "utf-8")
    code, out, _ = qa("eval", "--dataset", votes)
    assert code == 0
    assert out.startswith("1 question with 1 judged passage: hit@1 1.000, hit@5 1.000, MRR@10 1.000, nDCG@10 1.000.\n")
    votes.write_text("", "utf-8")
    assert qa("eval", "--dataset", votes) == (
        1, "", f"qa: no passage of {votes} was marked as an answer yet; mark some on the page: qa serve\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--dataset", "gone"], 1, "gone is not there; name a BEIR folder or a SQuAD-style JSON file"),
        (["--split", "dev", "--rows", "3"], 2, "measuring on judgements goes without --split, --rows; see qa --help"),
        (["--run", "x"], 2, "--run is scored on a data set; name the data set: --dataset PATH; see qa --help"),
        (["--suggest", "x", "--out", "y", "-k", "3"], 2, "--suggest goes without --out, -k; see qa --help"),
        (["--dataset", "set.json", "-k", "3"], 2, "a data set goes without -k; see qa --help"),
        (
            ["--dataset", "set.json", "--run", "x", "--keep", "y", "--ranking", "words"],
            2,
            "--run goes without --ranking, --keep; see qa --help",
        ),
        (
            ["--dataset", "set.json", "--index", "x", "--holdout", "near"],
            2,
            "asking an index at hand goes without --holdout; see qa --help",
        ),
        (["--dataset", "set.json", "--run", "gone.txt"], 1, "gone.txt is not there; check the path"),
        (["--dataset", "set.json", "--against", "gone.json"], 1, "gone.json is not there; check the path"),
    ],
)
def test_what_does_not_go_together_is_one_line(
    arguments: list[str],
    code: int,
    message: str,
    qa: Run,  # noqa: F811
    tmp_path: Path,
) -> None:
    squad(tmp_path / "set.json")
    assert qa("eval", *arguments) == (code, "", f"qa: {message}\n")


def test_a_folder_that_can_not_be_written(qa: Run, data: Path, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "file").write_text("", "utf-8")
    for name, message in (
        ("file", "file is a file, not a folder; name another folder: --out DIR"),
        ("file/x", "file/x can't be written (Not a directory); name another folder: --out DIR"),
    ):
        # told before anything is asked: the model that would be needed is not there
        assert qa("eval", "--dataset", data, "--model", "gone", "--out", name) == (1, "", f"qa: {message}\n")
        assert qa("calibrate", "--questions", "1", "--out", name) == (1, "", f"qa: {message}\n")


def test_a_kept_index_of_another_set_stays(qa: Run, data: Path, tmp_path: Path) -> None:  # noqa: F811
    assert qa("eval", "--dataset", data, "--keep", "kept")[0] == 0
    other = beir(tmp_path / "other", CORPUS, QUERIES, test=TEST)
    assert qa("eval", "--dataset", other, "--keep", "kept") == (
        1, "", f"qa: kept holds the index of {data}, which would be replaced; name another folder\n",
    )  # fmt: skip


def test_names_of_data_sets_do_no_harm_to_reports(qa: Run, tmp_path: Path) -> None:  # noqa: F811
    folder = beir(tmp_path / "x_$a^b$ <b> 数据", CORPUS, QUERIES, test=TEST)
    run = tmp_path / "run.txt"
    run.write_text("3 Q0 wasps 1 2.0 x\n", "utf-8")
    assert qa("eval", "--dataset", folder, "--run", run, "--out", "found")[0] == 0
    text = (tmp_path / "found" / "report.md").read_text("utf-8")
    assert "| Which \\*insects\\* sting? | wasps | wasps |" in text
    assert text.startswith("# Evaluation: x\\_$a^b$ \\<b\\> 数据 (test)\n")
