"""The command line as a user meets it: output, exit codes, and one clear line for whatever goes wrong."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from index import build
from index.layout import IndexPaths
from index.snapshot import Snapshot, current_id
from qa import Answer, cli
from tests.conftest import ROOT
from tests.fakes import HashEncoder

QUESTION = "What is SeedQA?"


class Run:
    """Runs commands in this process and keeps what they printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def __call__(self, *arguments: str | Path) -> tuple[int, str, str]:
        """Return exit code, standard output and standard error of ``qa ARGUMENTS``."""
        self._monkeypatch.setattr(sys, "argv", ["qa", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = self._capsys.readouterr()
        assert isinstance(left.value.code, int)
        return left.value.code, out, err


@pytest.fixture
def qa(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    cache: Path,
    shipped_index: Path,
) -> Run:
    """The command in an empty folder, with the prepared encoder at hand and the shipped index as default."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEEDQA_CACHE", str(cache))
    monkeypatch.setenv("SEEDQA_INDEX", str(shipped_index))
    return Run(capsys, monkeypatch)


def test_ask_shows_numbered_passages_with_marked_evidence_and_link(qa: Run) -> None:
    code, out, err = qa("ask", QUESTION, "-k", "2", "--weak")
    assert (code, err) == (0, "")
    assert out.startswith("\n1. Start with SeedQA\n   handbook/start.md, lines ") or "\n1. " in out
    assert re.search(
        r"^   handbook/start\.md, lines? \d+.* · confidence \d\.\d\d · score \d\.\d{3}$", out, re.MULTILINE
    )
    assert re.search(r">>>SeedQA [^<]+<<<", out)
    assert len(re.findall(r"^   seedqa:\S+$", out, re.MULTILINE)) == 2
    assert "\n2. " in out


def test_ask_as_json_is_the_answer(qa: Run, shipped_index: Path) -> None:
    code, out, _ = qa("ask", QUESTION, "--json", "--document", "handbook/*")
    answer = Answer.from_json(out)
    assert code == 0
    assert (answer.question, answer.found, len(answer.results)) == (QUESTION, True, 5)
    assert answer.snapshot == current_id(IndexPaths(shipped_index))


def test_not_found_has_its_own_exit_code(qa: Run) -> None:
    code, out, _ = qa("ask", "What is the capital of France?")
    assert code == 3
    assert re.match(
        r"Not found in these documents\. Confidence 0\.\d{3} is below 0\.300\. Nearest, in full with --weak:\n1\. ", out
    )
    assert "seedqa:" not in out
    assert "seedqa:" in qa("ask", "What is the capital of France?", "--weak")[1]
    assert qa("ask", "What is the capital of France?", "--json")[0] == 3
    assert qa("ask", "What is the capital of France?", "--threshold", "0")[0] == 0


def test_verify(qa: Run, tmp_path: Path) -> None:
    link = Answer.from_json(qa("ask", QUESTION, "--json")[1]).results[0].citation.link
    code, out, _ = qa("verify", link)
    assert code == 0
    assert re.fullmatch(
        r"✔ verified: handbook/start\.md, lines \d+–\d+: the file is unchanged and says exactly what is quoted\n", out
    )
    assert json.loads(qa("verify", link, "--json")[1])["status"] == "verified"
    assert qa("verify", link.replace("handbook/start.md", "handbook/gone.md"))[0] == 5
    assert qa("verify", link.replace("handbook/start.md", "handbook/answers.md"))[0] == 4
    code, _, err = qa("verify", "nonsense")
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("qa: 'nonsense' is not a citation link; expected one like seedqa:PATH?chars=")


def test_build_reports_and_rebuilds_from_where_it_was_built(qa: Run, seeds: Path, tmp_path: Path) -> None:
    (seeds / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n\0")
    code, out, err = qa("build", seeds, "--index", tmp_path / "new")
    assert (code, err) == (0, "")
    assert re.match(r"Indexed 3 documents, 4 passages, 10 sentences \(0 vectors reused\) in \d+\.\d s\.\n", out)
    assert re.search(
        r"^Left out 1 of 4:\n  photo\.png  picture \(PNG\), not text: put scans into a PDF *\n", out, re.MULTILINE
    )
    code, out, _ = qa("build", "--index", tmp_path / "new", "--json")
    report = json.loads(out)
    assert (code, report["reused"], report["snapshot"]) == (0, 10, report["previous"])
    assert report["skipped"] == [
        {
            "source": "photo.png",
            "reason": "picture (PNG), not text: put scans into a PDF",
            "copy_of": "",
            "passing": False,
        }
    ]


def test_build_without_a_folder_the_first_time(qa: Run, tmp_path: Path) -> None:
    assert qa("build", "--index", tmp_path / "new") == (
        2, "", "qa: name the folder of documents: qa build FOLDER; see qa --help\n",
    )  # fmt: skip


def test_status_and_doctor(qa: Run, shipped_index: Path) -> None:
    code, out, _ = qa("status", "--documents")
    assert code == 0
    assert f"Snapshot   {current_id(IndexPaths(shipped_index))}, built " in out
    assert "all-MiniLM-L6-v2, int8 on openvino" in out
    assert "Search     sentences: all are compared; passages: all are compared" in out
    assert "handbook/start.md" in out
    found = json.loads(qa("status", "--json")[1])
    assert found["seeds"] == str(ROOT / "seeds")
    assert len(found["manifest"]["documents"]) == found["manifest"]["counts"]["documents"]
    code, out, _ = qa("doctor")
    assert (code, out) == (0, "✔ 1 snapshot checked: every hash, count and format version fits.\n")


def test_a_ctrl_c_that_a_library_makes_an_import_error_of_is_one(qa: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*, interrupted: bool) -> None:
        try:
            raise KeyboardInterrupt if interrupted else ModuleNotFoundError
        except BaseException:
            raise ImportError("can't be loaded")  # noqa: B904 - as such a library does, and one that uses it again

    monkeypatch.setattr(cli, "load_encoder", lambda *_: load(interrupted=True))
    assert qa("build", ROOT / "seeds", "--index", "i") == (130, "", "qa: interrupted; nothing is left half-done\n")
    monkeypatch.setattr(cli, "load_encoder", lambda *_: load(interrupted=False))
    monkeypatch.setattr(sys, "argv", ["qa", "build", str(ROOT / "seeds"), "--index", "i"])
    with pytest.raises(ImportError, match="can't be loaded"):
        cli.main()


def test_doctor_finds_damage(qa: Run, built: Path) -> None:
    paths = IndexPaths(built)
    broken = paths.snapshot(current_id(paths)).passages
    broken.write_bytes(broken.read_bytes()[:-1])
    code, out, _ = qa("doctor", "--index", built)
    assert code == 1
    assert out.startswith(f"✘ {current_id(paths)}: {broken} has ")
    assert len(json.loads(qa("doctor", "--index", built, "--json")[1])["findings"]) == 1


def test_diff_and_prune(qa: Run, built: Path, seeds: Path) -> None:
    code, _, err = qa("diff", "--index", built)
    assert code == 1
    assert err == f"qa: {built} holds one snapshot only, nothing to compare it with; build again first\n"
    old = current_id(IndexPaths(built))
    (seeds / "owl.txt").write_text("An owl.", "utf-8")
    new = build(seeds, built, HashEncoder()).snapshot
    assert qa("diff", "--index", built)[1] == f"{old} → {new}\n+ owl.txt\n"
    assert json.loads(qa("diff", old[:6], new[:6], "--index", built, "--json")[1])["added"] == ["owl.txt"]
    stay = "Removed 0 of 2 snapshots; that in force and up to 1 before it stay.\n"
    assert qa("prune", "--index", built, "--keep", "1")[1] == stay
    with Snapshot(IndexPaths(built).snapshot(old)):
        stay = "Removed 0 of 2 snapshots; that in force stays, and 1 that is being read.\n"
        assert qa("prune", "--index", built, "--keep", "0")[1] == stay
    assert qa("prune", "--index", built, "--keep", "0")[1] == "Removed 1 of 2 snapshots; that in force stays.\n"
    assert json.loads(qa("prune", "--index", built, "--json")[1]) == {"removed": [], "kept": [new]}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["ask", ""], 2, "the question is empty; ask in a few words"),
        (["ask", "🙂"], 2, "the question '🙂' has no words; ask in a few words"),
        (["ask", "x" * 100_000], 2,
         "the question has 100,000 characters, expected at most 4,000; ask in fewer words"),
        (["ask", QUESTION, "-k", "0"], 2, "k is 0, expected a whole number of 1 or more"),
        (["ask", QUESTION, "-k", "-3"], 2, "k is -3, expected a whole number of 1 or more"),
        (["ask", QUESTION, "-k", "x"], 2, "Invalid value for '-k': 'x' is not a valid integer; see qa --help"),
        (["ask", QUESTION, "--document", "*.pdf"], 2, "no document matches *.pdf; qa status --documents lists them"),
        (["ask", QUESTION, "--index", "none"], 1, "no index in none; build one: qa build FOLDER --index none"),
        (["status", "--index", "none"], 1, "no index in none; build one: qa build FOLDER --index none"),
        (["build", "none"], 1, "seeds folder none does not exist; name a folder of documents: qa build FOLDER"),
        (["build", ".", "--model", "none"], 1,
         "model 'none' is neither a folder nor a model's name; the default is all-MiniLM-L6-v2"),
        (["bogus"], 2, "No such command 'bogus'; see qa --help"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_one_line(qa: Run, tmp_path: Path, arguments: list[str], code: int, message: str) -> None:
    (tmp_path / "a.txt").write_text("Some text.", "utf-8")
    assert qa(*arguments) == (code, "", f"qa: {message}\n")


def test_a_model_that_the_index_was_not_built_with(qa: Run, shipped_index: Path) -> None:
    assert qa("ask", QUESTION, "--model", "other") == (
        1,
        "",
        f"qa: the index in {shipped_index} was built with model all-MiniLM-L6-v2, asked for other; "
        "rebuild it: qa build --model other\n",
    )


def test_k_above_the_corpus_is_noted(qa: Run, seeds: Path, tmp_path: Path) -> None:
    qa("build", seeds, "--index", tmp_path / "new")
    code, out, _ = qa("ask", "Where do frogs live?", "-k", "99", "--index", tmp_path / "new")
    assert code == 0
    assert out.startswith("Note: asked for 99 passages, there are only 4\n")


def test_a_setting_of_the_wrong_type(qa: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEDQA_K", "many")
    assert qa("ask", QUESTION) == (2, "", "qa: k in $SEEDQA_K is 'many', expected int\n")


def test_questions_from_a_pipe(qa: Run, monkeypatch: pytest.MonkeyPatch, shipped_index: Path, cache: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "qa.cli", "ask", "--json", "-k", "1"], input=f"{QUESTION}\n\nIs it free?\n🙂\n",
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "SEEDQA_INDEX": str(shipped_index), "SEEDQA_CACHE": str(cache)},
    )  # fmt: skip
    assert done.returncode == 2
    assert [json.loads(line)["question"] for line in done.stdout.splitlines()] == [QUESTION, "Is it free?"]
    assert done.stderr == "qa: the question '🙂' has no words; ask in a few words\n"


def test_document_text_cannot_drive_the_terminal(qa: Run, tmp_path: Path) -> None:
    folder = tmp_path / "hostile"
    folder.mkdir()
    (folder / "a.txt").write_text("The owl \x1b[31mburns\x1b[0m at [bold]night[/bold] [link=x]y[/link].\x07", "utf-8")
    qa("build", folder, "--index", tmp_path / "new")
    _, out, _ = qa("ask", "owl night", "--index", tmp_path / "new")
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "[bold]night[/bold] [link=x]y[/link]" in out


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_ctrl_c_is_one_line_and_changes_nothing(seeds: Path, built: Path, cache: Path) -> None:
    for number in range(400):
        (seeds / f"{number}.txt").write_text("".join(f"Sentence {number} {n} is here. " for n in range(60)), "utf-8")
    before = current_id(IndexPaths(built))
    with subprocess.Popen(
        [sys.executable, "-m", "qa.cli", "build", str(seeds), "--index", str(built), "--cache", str(cache)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as building:  # fmt: skip
        while not IndexPaths(built).holder.read_text("utf-8").startswith(f'{{"pid": {building.pid},'):
            assert building.poll() is None
        building.send_signal(signal.SIGINT)
        out, err = building.communicate()
    assert (building.returncode, out) == (130, "")
    assert err.strip() == "qa: interrupted; nothing is left half-done"
    assert current_id(IndexPaths(built)) == before


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_ctrl_c_while_the_command_is_loaded_is_one_line() -> None:
    """Wherever the import that takes its time is met."""
    for module in ("click", "Stemmer", "qa.cli"):
        code = f"""
import builtins, os, signal
real = builtins.__import__
def met(name, *rest):
    if name == {module!r} or (name == "qa" and rest[2] == ("cli",) and {module!r} == "qa.cli"):
        os.kill(os.getpid(), signal.SIGINT)
    return real(name, *rest)
builtins.__import__ = met
from qa.start import main
main()
"""
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (130, "", "qa: interrupted; nothing was begun\n")


def test_every_command_has_help(qa: Run) -> None:
    code, out, _ = qa("--help")
    assert code == 0
    for name, command in cli.cli.commands.items():
        assert re.search(rf"^  {name} +[A-Z]", out, re.MULTILINE)
        assert command.help
        code, text, _ = qa(name, "--help")
        assert code == 0
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("-"):
                    assert option in text
