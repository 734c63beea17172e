"""txtai: ``Embeddings`` with content, without and with ``hybrid``, saved and loaded as its documentation says.

With content all searches share one SQLite cursor, which fails when two threads use it at once; so they take turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from txtai import Embeddings

from benchmarks.peers import protocol


@cache
def shared(model: Path) -> dict[str, Any]:
    """Return txtai's cache of models with the model loaded, which indexes that are made or opened later share."""
    models: dict[str, Any] = {}
    Embeddings(path=str(model), models=models)
    return models


def load(*, mode: str, model: Path) -> object:  # noqa: ARG001 - one model for both modes
    """Load the model."""
    return shared(model)


def index(*, mode: str, model: Path, passages: Sequence[tuple[str, str]], seeds: Path, folder: Path) -> None:  # noqa: ARG001
    """Index texts with their ids and save the index."""
    embeddings = Embeddings(path=str(model), hybrid=mode == "hybrid", content=True, models=shared(model))
    embeddings.index(passages)
    embeddings.save(str(folder))
    embeddings.close()


def open_folder(*, mode: str, model: Path, folder: Path) -> protocol.Search:  # noqa: ARG001
    """Load an index."""
    embeddings = Embeddings(models=shared(model))
    embeddings.load(str(folder))

    turns = Lock()

    def search(question: str, k: int) -> list[tuple[str, str]]:
        with turns:
            return [(found["id"], found["text"]) for found in embeddings.search(question, k)]

    return search


if __name__ == "__main__":
    protocol.main(load, index, open_folder)
