"""Starts the page as users do, as a process of its own that listens on a socket, and ends it again."""

from __future__ import annotations

from pathlib import Path

from benchmarks.server import Server, plain_environment
from index import build
from index.encode import Encoder
from tests.conftest import TEXTS

__all__ = ["Server", "plain_environment", "small_index"]


def small_index(folder: Path, encoder: Encoder) -> tuple[Path, Path]:
    """Build an index of the small seeds in ``folder``; return the folders of the index and of its seeds."""
    seeds = folder / "seeds"
    seeds.mkdir()
    for name, text in TEXTS.items():
        (seeds / name).write_text(text, "utf-8")
    build(seeds, folder / "index", encoder)
    return folder / "index", seeds
