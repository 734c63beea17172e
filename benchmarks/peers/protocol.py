"""What the process of every system speaks, so that all of them are measured by the same code, from outside.

Standard library only: each system's own interpreter runs it. A driver (``benchmarks/peers/NAME.py``) hands two
functions to ``main``, which then knows two commands:

``serve MODEL`` reads requests from standard input and answers each on standard output, one JSON object a line:

    {"do": "load", "mode"}                                  loads the model of a mode
    {"do": "index", "mode", "passages", "seeds", "folder"}  makes an index on disk in a new folder
    {"do": "open", "mode", "folder"}                        opens it again; later questions go there
    {"do": "ask", "question", "k"}                          {"passages": [[id, text], ...]}, best first
    {"do": "ask_all", "questions", "k", "threads"}          the same questions by several threads; {"answered"}

``answer MODEL MODE FOLDER QUESTION`` is a whole program: it opens an index, answers, and prints the passages.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, Protocol

K = 5
"""Passages of an answer."""

Search = Callable[[str, int], Sequence[tuple[str, str]]]
"""From a question and a number to the ids and texts of so many passages, best first."""


class Opener(Protocol):
    """Opens an index in a mode."""

    def __call__(self, *, mode: str, model: Path, folder: Path) -> Search:
        """Open the index in ``folder`` and return its search."""


class Indexer(Protocol):
    """Makes an index on disk."""

    def __call__(
        self, *, mode: str, model: Path, passages: Sequence[tuple[str, str]], seeds: Path, folder: Path
    ) -> None:
        """Index ``passages`` (pairs of id and text), or the files in ``seeds``, in the new ``folder``."""


class Loader(Protocol):
    """Loads what a mode needs before the first text."""

    def __call__(self, *, mode: str, model: Path) -> object:
        """Load the model, and keep it."""


def read_passages(path: Path) -> list[tuple[str, str]]:
    """Return the pairs of id and text that the runner wrote."""
    return [(ident, text) for ident, text in json.loads(path.read_text("utf-8"))]


class _Server:
    """One system with at most one index open."""

    def __init__(self, model: Path, load: Loader, index: Indexer, open_index: Opener) -> None:
        self._model, self._load, self._index, self._open = model, load, index, open_index
        self._search: Search | None = None

    def reply(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what a request asks and return its answer."""
        match request["do"]:
            case "load":
                self._load(mode=request["mode"], model=self._model)
            case "index":
                self._index(
                    mode=request["mode"],
                    model=self._model,
                    passages=read_passages(Path(request["passages"])),
                    seeds=Path(request["seeds"]),
                    folder=Path(request["folder"]),
                )
            case "open":
                self._search = self._open(mode=request["mode"], model=self._model, folder=Path(request["folder"]))
            case "ask":
                return {"passages": list(self.search(request["question"], request["k"]))}
            case "ask_all":
                search, questions = self.search, request["questions"]
                with ThreadPoolExecutor(request["threads"]) as threads:
                    found = list(threads.map(search, questions, [request["k"]] * len(questions)))
                return {"answered": sum(bool(passages) for passages in found)}
            case unknown:
                raise ValueError(f"unknown request {unknown!r}")
        return {}

    @property
    def search(self) -> Search:
        """The search of the index that is open."""
        if self._search is None:
            raise ValueError('no index is open; send {"do": "open"} first')
        return self._search


def _private_output() -> IO[str]:
    """Keep standard output for answers; whatever libraries print goes to standard error."""
    kept = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    return kept


def main(load: Loader, index: Indexer, open_index: Opener) -> None:
    """Run a driver as the command line says."""
    command, model, *rest = sys.argv[1:]
    output = _private_output()
    if command == "answer":
        mode, folder, question = rest
        search = open_index(mode=mode, model=Path(model), folder=Path(folder))
        print(json.dumps([text for _, text in search(question, K)]), file=output, flush=True)
        return
    server = _Server(Path(model), load, index, open_index)
    for line in sys.stdin:
        try:
            answer = server.reply(json.loads(line))
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=output, flush=True)
