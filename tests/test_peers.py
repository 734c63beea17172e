"""The pure parts of the comparison with other systems, and the protocol that all of them are measured by."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.datasets import SpanQuestion
from benchmarks.peers import report, systems
from benchmarks.peers.__main__ import Options, read_options
from benchmarks.peers.report import Absent, Figures, Ratio
from benchmarks.peers.rounds import ASKED, WARMING, drawn
from benchmarks.peers.sets import beginnings, documents_of, evidence_recall, of_dataset, parse_id, passage_id
from benchmarks.peers.systems import HERE, OUT, SYSTEMS, Process, System, Unavailable, chosen, run_step
from qa.evaluate.dataset import Dataset, Document, Query
from tests.conftest import ROOT


def figures(name: str, mode: str, factor: float, **quality: float) -> Figures:
    return Figures(
        name=name,
        version="1.0",
        mode=mode,
        cold_start_s=2.0 * factor,
        index_texts_per_s=30.0 / factor,
        query_p50_ms=8.0 * factor,
        query_p95_ms=1000.0 * factor,
        queries_per_s=100.0 / factor,
        peak_rss_mb=400.0 * factor,
        index_mb=3.14159 * factor,
        quality=quality,
    )


OURS = figures("SeedQA", "default", 0.25, xquad=0.96, faq=0.5)
ROWS = [OURS, figures("Other", "vectors", 1, xquad=0.9, faq=0.55), figures("Third", "hybrid", 2, xquad=0.95)]


@pytest.mark.parametrize("source", ["finance.md", "000012.txt", "post/a:b.eml"])
def test_the_id_of_a_passage_is_read_as_it_was_written(source: str) -> None:
    assert parse_id(passage_id(source, 12, 345)) == (source, 12, 345)


@pytest.mark.parametrize("ident", ["", "finance.md", "finance.md:12", "finance.md:12-", "finance.md:a-b", "12-345"])
def test_what_is_no_id_of_a_passage_is_refused(ident: str) -> None:
    with pytest.raises(ValueError, match="is not the id of a passage, expected FILE:START-END") as caught:
        parse_id(ident)
    assert str(caught.value) == f"{ident!r} is not the id of a passage, expected FILE:START-END"


def test_a_document_stands_where_its_best_passage_does() -> None:
    assert documents_of(["b.txt:0-5", "a.txt:9-12", "b.txt:5-9", "c.txt:0-1"]) == ["b.txt", "a.txt", "c.txt"]


def test_evidence_recall_counts_reference_characters_of_the_right_corpus_once() -> None:
    asked = SpanQuestion(question="?", corpus="law", spans=((10, 20), (15, 30)))
    assert evidence_recall(asked, ["law.md:0-12", "law.md:8-14", "tax.md:10-30", "law.md:28-40"]) == 6 / 20
    assert evidence_recall(asked, []) == 0.0


def test_a_beginning_ends_with_a_line_and_holds_at_least_the_share() -> None:
    texts = {"a.md": "one\ntwo\nthree\nfour\n", "b.md": "a single line without an end"}
    assert beginnings(texts, 4) == {"a.md": "one\ntwo", "b.md": "a single line without an end"}


def test_a_data_set_is_judged_by_documents_and_by_one_file_for_the_same_text() -> None:
    documents = (
        Document(id="d1", title="Ships", text="They sail."),
        Document(id="d2", text="Trees grow."),
        Document(id="d3", text="Trees grow."),
    )
    queries = (
        Query(id="q1", text="What sails?", relevant={"d1": 1}),
        Query(id="q2", text="What grows?", relevant={"d3": 1}),
        Query(id="q3", text="What sings?", relevant={}),
    )
    asked = of_dataset("wood", Dataset(name="wood", documents=documents, queries=queries), ["hit@1"])
    assert asked.files == {"000000.txt": "Ships\n\nThey sail.", "000001.txt": "Trees grow."}
    assert asked.questions == ("What sails?", "What grows?")
    first = asked.score([["000000.txt:0-17"], ["000001.txt:0-11", "000000.txt:0-17"]])
    assert first == {"wood": 1.0, "wood hit@1": 1.0}
    assert asked.score([["000000.txt:0-17"], []]) == {"wood": 0.5, "wood hit@1": 0.5}


def test_ratios_are_those_to_the_best_rival_of_each_column() -> None:
    found = {one.column: one for one in report.ratios(ROWS)}
    assert found["first answer, s"] == Ratio(
        column="first answer, s", ours=0.5, best=2.0, rival="Other (vectors)", asked=0.2, higher=False
    )
    assert {name: (one.rival, one.ratio, one.met, one.wanted) for name, one in found.items()} == {
        "first answer, s": ("Other (vectors)", 0.25, False, "≤ 0.2"),
        "texts indexed a second": ("Other (vectors)", 4.0, True, "≥ 3"),
        "query p50, ms": ("Other (vectors)", 0.25, True, "≤ 0.25"),
        "query p95, ms": ("Other (vectors)", 0.25, None, ""),
        "queries a second, 4 threads": ("Other (vectors)", 4.0, None, ""),
        "peak memory, MB": ("Other (vectors)", 0.25, True, "≤ 0.5"),
        "index, MB": ("Other (vectors)", 0.25, None, ""),
        "xquad": ("Third (hybrid)", 0.96 / 0.95, True, "≥ 1"),
        "faq": ("Other (vectors)", 0.5 / 0.55, False, "≥ 1"),
    }


def test_there_are_no_ratios_without_rivals_or_without_ours() -> None:
    assert report.ratios([OURS]) == []
    assert report.ratios(ROWS[1:]) == []


def test_a_ratio_over_nothing_is_infinite() -> None:
    assert Ratio(column="faq", ours=0.5, best=0.0, rival="Other", asked=1.0, higher=True).ratio == float("inf")


def test_the_tables_mark_the_best_of_each_column() -> None:
    assert report.times_table(ROWS) == (
        "| system, mode | first answer, s | texts indexed a second | query p50, ms | query p95, ms "
        "| queries a second, 4 threads | peak memory, MB | index, MB |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- |\n"
        "| SeedQA 1.0, default | **0.50** | **120.0** | **2.0** | **250.0** | **400** | **100** | **0.8** |\n"
        "| Other 1.0, vectors | 2.00 | 30.0 | 8.0 | 1,000.0 | 100 | 400 | 3.1 |\n"
        "| Third 1.0, hybrid | 4.00 | 15.0 | 16.0 | 2,000.0 | 50 | 800 | 6.3 |"
    )
    assert report.quality_table(ROWS) == (
        "| system, mode | xquad | faq |\n"
        "| --- | --- | --- |\n"
        "| SeedQA (default) | **96.0** | 50.0 |\n"
        "| Other (vectors) | 90.0 | **55.0** |\n"
        "| Third (hybrid) | 95.0 | – |"
    )
    assert report.quality_table([figures("SeedQA", "default", 1)]) == ""


def test_the_table_of_ratios_says_what_is_met() -> None:
    assert report.ratios_table(report.ratios(ROWS)[-2:]) == (
        "|  | SeedQA | best rival | which | ratio | asked | met |\n"
        "| --- | --- | --- | --- | --- | --- | --- |\n"
        "| xquad | 0.96 | 0.95 | Third (hybrid) | 1.01 | ≥ 1 | yes |\n"
        "| faq | 0.5 | 0.55 | Other (vectors) | 0.909 | ≥ 1 | **no** |"
    )


def test_the_figures_are_a_list_with_ours_first_and_the_absent_last() -> None:
    absent = Absent(name="Gone", mode="vectors", absent="installing it ended with 1: ERROR: no such version")
    written = json.loads(report.to_json([OURS], [absent]))
    assert written == [
        {
            "name": "SeedQA",
            "version": "1.0",
            "mode": "default",
            "cold_start_s": 0.5,
            "index_texts_per_s": 120.0,
            "query_p50_ms": 2.0,
            "query_p95_ms": 250.0,
            "queries_per_s": 400.0,
            "peak_rss_mb": 100.0,
            "index_mb": 0.7854,
            "quality": {"xquad": 0.96, "faq": 0.5},
        },
        {"name": "Gone", "mode": "vectors", "absent": "installing it ended with 1: ERROR: no such version"},
    ]


def test_the_section_names_what_could_not_be_measured() -> None:
    absent = Absent(name="Gone", mode="vectors", absent="its process ended with 1; see gone.log")
    text = report.section([figures("SeedQA", "default", 1)], [absent], "Measured.", "p.svg")
    assert text.startswith("Measured.\n\n| system, mode |")
    assert text.endswith("\n\nNot measured: Gone (vectors), because its process ended with 1; see gone.log")


def test_figures_replace_what_stands_between_the_markers() -> None:
    page = f"# Peers\n\n{report.BEGIN}\nold\n{report.END}\n\nThe rest.\n"
    once = report.insert(page, "new")
    assert once == f"# Peers\n\n{report.BEGIN}\n\nnew\n\n{report.END}\n\nThe rest.\n"
    assert report.insert(once, "new") == once


@pytest.mark.parametrize("page", ["", report.BEGIN, f"{report.END} {report.BEGIN}", f"{report.BEGIN}{report.END}" * 2])
def test_a_page_without_one_place_for_figures_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="the page has no place for figures") as caught:
        report.insert(page, "new")
    assert str(caught.value) == (
        f"the page has no place for figures; expected {report.BEGIN} and then {report.END}, each once"
    )


def test_the_page_has_its_place() -> None:
    page = (ROOT / "docs" / "peers.md").read_text("utf-8")
    assert report.insert(page, "x").count("\n\nx\n\n") == 1


def test_systems_are_chosen_by_name_with_ours_always() -> None:
    assert chosen([]) == SYSTEMS
    assert [system.name for system in chosen(["haystack", "Chroma"])] == ["SeedQA", "Chroma", "Haystack"]
    with pytest.raises(ValueError, match="no system is called") as caught:
        chosen(["Chroma", "Lucene"])
    assert str(caught.value) == (
        "no system is called 'Lucene'; expected one of SeedQA, txtai, LangChain, LlamaIndex, Chroma, Haystack"
    )


@pytest.mark.parametrize("system", SYSTEMS[1:], ids=lambda system: system.module)
def test_every_rival_has_a_driver_and_exact_versions_with_torch_first(system: System) -> None:
    assert (HERE / f"{system.module}.py").is_file()
    lines = [line for line in system.requirements.read_text("utf-8").splitlines() if not line.startswith("#")]
    assert lines[0].startswith("torch==")
    assert [line for line in lines if line.count("==") != 1] == []
    assert any(line.startswith(f"{system.distribution}==") for line in lines)


def test_options(tmp_path: Path) -> None:
    found = read_options(["a", "b", "a", "--eval", str(tmp_path), "--only", "txtai"])
    faq = OUT.parent / "faq"
    measured = [faq.resolve()] if (faq / "corpus.jsonl").is_file() else []
    assert found == Options(
        evaluation=tmp_path,
        folders=(*measured, Path("a").resolve(), Path("b").resolve()),
        only=("txtai",),
        quick=False,
        fresh=False,
    )
    part, whole = read_options(["--eval", "e", "--quick"]), read_options(["--eval", "e"])
    assert (found.whole, part.whole, whole.whole) == (False, False, True)


def test_each_round_draws_its_own_questions_and_the_same_again() -> None:
    questions = [f"question {number}" for number in range(300)]
    first, second = drawn(questions, 0), drawn(questions, 1)
    assert first == drawn(questions, 0)
    assert first != second
    assert (len(first), len(set(first)), set(first) - set(questions)) == (WARMING + ASKED, WARMING + ASKED, set())


DRIVER = """
from benchmarks.peers import protocol

def load(*, mode, model):
    print("a library that talks")

def index(*, mode, model, passages, seeds, folder):
    folder.mkdir()
    (folder / mode).write_text(repr(passages))

def open_index(*, mode, model, folder):
    passages = eval((folder / mode).read_text())
    return lambda question, k: [pair for pair in passages if question in pair[1]][:k]

protocol.main(load, index, open_index)
"""


def drive(*arguments: str, requests: Sequence[dict[str, object]] = ()) -> list[object]:
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, *arguments],
        input="".join(json.dumps(request) + "\n" for request in requests),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_driver_answers_line_by_line_and_survives_what_it_cannot_do(tmp_path: Path) -> None:
    (tmp_path / "passages.json").write_text('[["a:0-9", "red apples"], ["b:0-5", "ships"]]', "utf-8")
    made = {"mode": "plain", "folder": str(tmp_path / "made")}
    answers = drive(
        "serve",
        "model",
        requests=[
            {"do": "ask", "question": "apples", "k": 3},
            {"do": "load", "mode": "plain"},
            {"do": "index", "passages": str(tmp_path / "passages.json"), "seeds": str(tmp_path), **made},
            {"do": "open", **made},
            {"do": "ask", "question": "apples", "k": 3},
            {"do": "ask_all", "questions": ["apples", "ships", "pears"], "k": 1, "threads": 2},
            {"do": "dance"},
        ],
    )
    assert answers == [
        {"error": 'ValueError: no index is open; send {"do": "open"} first'},
        {},
        {},
        {},
        {"passages": [["a:0-9", "red apples"]]},
        {"answered": 2},
        {"error": "ValueError: unknown request 'dance'"},
    ]
    assert drive("answer", "model", "plain", str(tmp_path / "made"), "ships") == [["ships"]]


@pytest.mark.parametrize(
    ("code", "expected"), [("print('an answer')", 0), ("pass", 1), ("print('x'); raise SystemExit(3)", 3)]
)
def test_the_timer_tells_an_answer_from_none(code: str, expected: int) -> None:
    command = [sys.executable, "-I", "-S", str(HERE / "timer.py"), sys.executable, "-I", "-S", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    ended, seconds, memory = json.loads(done.stdout)
    assert ended == expected
    assert seconds > 0
    assert memory > 1


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        ("ERROR: no such version\nnotice", "installing it ended with 1: ERROR: no such version"),
        ("Traceback\nValueError: no", "installing it ended with 1: ValueError: no"),
        ("", "installing it ended with 1: it said nothing"),
    ],
)
def test_a_step_that_fails_says_why(printed: str, reason: str) -> None:
    code = f"import sys; sys.stderr.write({printed!r}); sys.exit(1)"
    with pytest.raises(Unavailable) as caught:
        run_step("installing it", [sys.executable, "-c", code], dict(os.environ))
    assert str(caught.value) == reason


def test_a_process_that_is_gone_is_told_with_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systems, "OUT", tmp_path)
    monkeypatch.setattr(systems, "ROOT", tmp_path)
    broken = System(name="Broken", module="seedqa", distribution="seedqa", modes=("default",))
    with Process(broken, tmp_path) as process:
        for _ in range(2):  # the second finds the pipe closed
            with pytest.raises(Unavailable) as caught:
                process.ask(do="load", mode="default")
            assert str(caught.value) == "its process ended with 1; see logs/seedqa.log"
    assert "No module named" in (tmp_path / "logs" / "seedqa.log").read_text("utf-8")
