"""SeedQA as a system to measure: its public API with its defaults."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from benchmarks.peers import protocol
from index import build, load_encoder
from index.encode import DEFAULT_MODEL, Encoder
from qa import open_index
from qa.config import read_settings


@cache
def encoder() -> Encoder:
    """Return the default encoder, ready to build."""
    settings = read_settings()
    return load_encoder(DEFAULT_MODEL, settings.cache, settings.backend)


def load(*, mode: str, model: Path) -> object:  # noqa: ARG001 - every system is given our default model
    """Load the encoder."""
    return encoder()


def index(*, mode: str, model: Path, passages: Sequence[tuple[str, str]], seeds: Path, folder: Path) -> None:  # noqa: ARG001
    """Build an index of the files, which includes reading them and cutting the passages that others are given."""
    build(seeds, folder, encoder())


def open_folder(*, mode: str, model: Path, folder: Path) -> protocol.Search:  # noqa: ARG001
    """Open an index."""
    opened = open_index(folder)

    def search(question: str, k: int) -> list[tuple[str, str]]:
        cited = [result.citation for result in opened.search(question, k=k).results]
        return [(f"{found.source}:{found.start}-{found.end}", found.quote) for found in cited]

    return search


if __name__ == "__main__":
    protocol.main(load, index, open_folder)
