"""The documentation says what is so: its examples are run, and their output compared."""

from __future__ import annotations

import doctest
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qa import cli
from qa.config import Settings
from qa.options import ERROR, INTERRUPTED, NOT_FOUND, OK, SOURCE_CHANGED, SOURCE_MISSING, USAGE
from tests.conftest import ROOT
from tests.servers import Server

README = (ROOT / "README.md").read_text("utf-8")
CONSOLE = [
    (command, output)
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    for command, output in re.findall(r"^\$ (.*?)\n(.*?)(?=^\$ |\Z)", block, re.DOTALL | re.MULTILINE)
]
"""Each command that README shows, with its output."""
OURS = [pair for pair in CONSOLE if pair[0].startswith("qa ")]
ADDRESS = "http://127.0.0.1:7860"

_VARYING = (
    (r"in \d+\.\d s", "in 0.0 s"),
    (r"\b[0-9a-f]{16}\b is in force", "ID is in force"),
    (r" +$", ""),
    (r'"event_id":"[0-9a-f]{32}"', '"event_id":"ID"'),
    (r'"modified": "[^"]*"', '"modified": "THEN"'),
    (r'"sha256": "[0-9a-f]*"', '"sha256": "HASH"'),
)


def steady(text: str) -> str:
    """Return output without what differs from run to run."""
    for pattern, replacement in _VARYING:
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    return text


@pytest.fixture
def checkout(monkeypatch: pytest.MonkeyPatch, shipped_index: Path, cache: Path, tmp_path: Path, seeds: Path) -> None:
    """The shipped index as default, and a folder my-documents to build from."""
    (seeds / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n\0")
    seeds.rename(tmp_path / "my-documents")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEEDQA_INDEX", str(shipped_index))
    monkeypatch.setenv("SEEDQA_CACHE", str(cache))


@pytest.fixture(scope="module")
def server(shipped_index: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The page of the shipped index, as ``qa serve --mcp`` serves it."""
    scratch = tmp_path_factory.mktemp("server")
    with Server(scratch, "--mcp", "--index", shipped_index, "--cache", cache) as started:
        yield started


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize(("command", "expected"), OURS)
def test_the_commands_print_what_the_readme_shows(
    command: str, expected: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", shlex.split(command))
    with pytest.raises(SystemExit):
        cli.main()
    assert steady(capsys.readouterr().out) == steady(expected)


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_curl_prints_what_the_readme_shows(server: Server) -> None:
    event = ""
    for command, expected in (pair for pair in CONSOLE if pair[0].startswith("curl ")):
        typed = re.sub("[0-9a-f]{32}", event, command.replace(ADDRESS, server.url))
        done = subprocess.run(["bash", "-c", typed], capture_output=True, text=True, check=True)
        assert steady(done.stdout).strip() == steady(expected).strip()
        event = next(iter(re.findall('"event_id":"([0-9a-f]{32})"', done.stdout)), event)


def test_the_python_examples_return_what_the_readme_shows(
    monkeypatch: pytest.MonkeyPatch, server: Server, shipped_index: Path, cache: Path, tmp_path: Path
) -> None:
    monkeypatch.setenv("SEEDQA_INDEX", str(shipped_index))
    monkeypatch.setenv("SEEDQA_CACHE", str(cache))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "seeds").symlink_to(ROOT / "seeds")
    (tmp_path / ".seedqa").mkdir()
    (tmp_path / ".seedqa" / "cache").symlink_to(cache)
    page = tmp_path / "README.md"
    page.write_text(README.replace(ADDRESS, server.url), "utf-8")
    result = doctest.testfile(str(page), module_relative=False)
    assert (result.failed, result.attempted > 20) == (0, True)


def test_every_command_setting_and_exit_code_is_in_the_readme() -> None:
    for name in cli.cli.commands:
        assert f"| `qa {name}" in README
    for name in Settings.__dataclass_fields__:
        assert re.search(rf"^{name} = ", README, re.MULTILINE)
    for code in (OK, ERROR, USAGE, NOT_FOUND, SOURCE_CHANGED, SOURCE_MISSING, INTERRUPTED):
        assert re.search(rf"Exit codes: .*\b{code} ", README)


def test_links_between_documents_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_module_is_drawn() -> None:
    drawing = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    for path in [*(ROOT / "index").rglob("*.py"), *(ROOT / "qa").rglob("*.py")]:
        name = path.parent.name if path.stem == "__init__" else path.stem
        assert re.search(rf"\b{name}\b", drawing), f"docs/architecture.md does not show {path.relative_to(ROOT)}"


@pytest.mark.parametrize("name", ["reliability", "security"])
def test_every_test_that_is_named_is_there(name: str) -> None:
    text = (ROOT / "docs" / f"{name}.md").read_text("utf-8")
    named = set(re.findall(r"`(?:tests/)?(test_\w+?)(?:\.py)?(?:::(test_\w+))?`", text))
    assert len(named) > 5
    for module, test in named:
        source = (ROOT / "tests" / f"{module}.py").read_text("utf-8")
        assert not test or re.search(rf"^(?:async )?def {test}\(", source, re.MULTILINE), f"{module} has no {test}"
