"""The systems that are compared: their environments, their processes, and how a process is asked and timed."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
OUT = ROOT / "benchmarks" / "out" / "peers"
HOME = OUT / "home"
"""The home folder of the rivals: they neither read nor change settings and caches of the user."""

PLACE = Path(".cache", "chroma", "onnx_models", "all-MiniLM-L6-v2", "onnx")
"""Below a home folder, where Chroma's default embedding function looks for its model."""
COMPARED = "compared.txt"
"""A file beside it that tells how the model was found to be the one that all are given."""

QUIET = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "ANONYMIZED_TELEMETRY": "False",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "LANGSMITH_TRACING": "false",
    "DO_NOT_TRACK": "1",
}
"""The model is a folder: nothing is fetched, and nobody waits for a server that is told about it."""


class Unavailable(Exception):
    """A system can't be measured here; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One system: its driver is ``benchmarks/peers/MODULE.py``."""

    name: str
    module: str
    distribution: str
    """Whose version is reported."""
    modes: tuple[str, ...]
    """The documented default first."""

    @property
    def ours(self) -> bool:
        """Whether it is the one that the others are compared with."""
        return self.module == "seedqa"

    @property
    def requirements(self) -> Path:
        """The exact versions of its environment."""
        return HERE / "requirements" / f"{self.module}.txt"

    @property
    def python(self) -> Path:
        """The interpreter that runs its driver."""
        folder = OUT / "venvs" / self.module
        inside = folder / "Scripts" / "python.exe" if os.name == "nt" else folder / "bin" / "python"
        return Path(sys.executable) if self.ours else inside

    @property
    def environment(self) -> dict[str, str]:
        """The variables that its processes see."""
        return {**os.environ, **QUIET, **({} if self.ours else {"HOME": str(HOME), "USERPROFILE": str(HOME)})}

    def driver(self, *arguments: str) -> list[str]:
        """Return the command line of its driver."""
        return [str(self.python), "-m", f"benchmarks.peers.{self.module}", *arguments]


SYSTEMS = (
    System(name="SeedQA", module="seedqa", distribution="seedqa", modes=("default",)),
    System(name="txtai", module="txtai", distribution="txtai", modes=("vectors", "hybrid")),
    System(name="LangChain", module="langchain", distribution="langchain", modes=("vectors", "hybrid")),
    System(name="LlamaIndex", module="llamaindex", distribution="llama-index-core", modes=("vectors", "hybrid")),
    System(name="Chroma", module="chroma", distribution="chromadb", modes=("onnx", "sentence-transformers")),
    System(name="Haystack", module="haystack", distribution="haystack-ai", modes=("vectors", "hybrid")),
)


def chosen(names: list[str]) -> tuple[System, ...]:
    """Return SeedQA and the systems of these names, or all where none is named. Raises ValueError for another name."""
    known = {system.name.lower(): system for system in SYSTEMS}
    unknown = [name for name in names if name.lower() not in known]
    if unknown:
        raise ValueError(f"no system is called {unknown[0]!r}; expected one of {', '.join(s.name for s in SYSTEMS)}")
    wanted = {name.lower() for name in names}
    return tuple(system for system in SYSTEMS if system.ours or not wanted or system.name.lower() in wanted)


def run_step(what: str, command: list[str], environment: dict[str, str]) -> str:
    """Run a step of making an environment; return what it printed. Raises Unavailable with the last line of trouble."""
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        why = next((line for line in said if line.startswith("ERROR")), said[-1] if said else "it said nothing")
        raise Unavailable(f"{what} ended with {done.returncode}: {why.strip()[:300]}")
    return done.stdout


def prepare(system: System, model: Path) -> str:
    """Make a system's environment unless it is there as its requirements say; return the system's version.

    Raises Unavailable where that fails.
    """
    if not system.ours:
        stamp = OUT / "venvs" / system.module / "requirements.sha256"
        digest = hashlib.sha256(system.requirements.read_bytes()).hexdigest()
        if not stamp.is_file() or stamp.read_text("utf-8") != digest:
            _make(system)
            stamp.write_text(digest, "utf-8")
        HOME.mkdir(parents=True, exist_ok=True)
    if system.module == "chroma" and not (HOME / PLACE / COMPARED).is_file():
        command = [str(system.python), "-m", "benchmarks.peers.chroma_model", str(model), str(HOME)]
        run_step("exporting its default model", command, system.environment)
    code = f"import importlib.metadata as m; print(m.version({system.distribution!r}))"
    return run_step("asking for its version", [str(system.python), "-c", code], system.environment).strip()


def _make(system: System) -> None:
    """Make a virtual environment. torch comes first, so that no other package's range draws in another build."""
    folder = OUT / "venvs" / system.module
    print(f"{system.name}: making its environment in {folder.relative_to(ROOT)}", file=sys.stderr, flush=True)
    environment = dict(os.environ)
    run_step("making its environment", [sys.executable, "-m", "venv", "--clear", str(folder)], environment)
    pip = [str(system.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    wanted = system.requirements.read_text("utf-8").splitlines()
    torch = next(line for line in wanted if line.startswith("torch=="))
    run_step("installing torch", [*pip, torch], environment)
    run_step("installing it", [*pip, "-r", str(system.requirements)], environment)


class Process:
    """A running driver that is asked line by line. Its own output goes to a log."""

    def __init__(self, system: System, model: Path) -> None:
        """Start the driver, which loads nothing yet."""
        self.model = model
        log = OUT / "logs" / f"{system.module}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as file:
            self._child = subprocess.Popen(
                system.driver("serve", str(model)),
                cwd=ROOT,
                env=system.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                encoding="utf-8",
                bufsize=1,
            )
        self._log = log

    def ask(self, **request: object) -> dict[str, Any]:
        """Send a request and return the answer. Raises Unavailable where the driver reports an error or is gone."""
        if self._child.stdin is None or self._child.stdout is None:
            raise Unavailable("its process has no way to be asked")
        try:
            self._child.stdin.write(json.dumps(request) + "\n")
            line = self._child.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise Unavailable(f"its process ended with {self._child.wait()}; see {self._log.relative_to(ROOT)}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise Unavailable(f"{request['do']}: {answer['error']}")
        return answer

    def timed(self, **request: object) -> float:
        """Return the seconds from sending a request to having its answer."""
        started = time.perf_counter()
        self.ask(**request)
        return time.perf_counter() - started

    def close(self) -> None:
        """End the driver, which may be gone already."""
        if self._child.stdin:
            with suppress(BrokenPipeError):  # what it was asked last was never read
                self._child.stdin.close()
        try:
            self._child.wait(20)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        if self._child.stdout:
            self._child.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def first_answer(system: System, model: Path, mode: str, folder: Path, question: str) -> tuple[float, float]:
    """Return the seconds from the start of a fresh process to its printed answer, and its peak memory in MB."""
    command = [sys.executable, "-I", "-S", str(HERE / "timer.py")]
    command += system.driver("answer", str(model), mode, str(folder), question)
    code, seconds, memory = json.loads(run_step("its first answer", command, system.environment))
    if code:
        raise Unavailable(f"its program ended with {code} instead of an answer")
    return float(seconds), float(memory)
