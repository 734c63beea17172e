"""Starts the page as users do, as a process of its own that listens on a socket, and ends it again."""

from __future__ import annotations

from pathlib import Path

from benchmarks.server import Server, plain_environment
from index import build
from index.encode import Encoder
from tests.conftest import TEXTS

__all__ = ["WITNESS", "Server", "plain_environment", "small_index"]

WITNESS = """
import os, sys

def saw(event, arguments):
    if event in {"socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"}:
        address = arguments[0 if event in {"socket.getaddrinfo", "socket.gethostbyname"} else 1]
        host = address[0] if isinstance(address, tuple) else address
        if host not in {"127.0.0.1", "::1", "localhost"}:
            note(f"{event} {address!r}")
    elif event == "open" and "planted" in str(arguments[0]):
        note(f"{event} {arguments[0]!r}")
    elif event in {"subprocess.Popen", "os.posix_spawn", "os.system"}:
        note(f"{event} {arguments[0]!r}")

def note(line):
    with open(os.environ["WITNESS"], "a") as file:
        file.write(line + "\\n")

open(os.environ["WITNESS"], "a").close()
sys.addaudithook(saw)
"""
"""Notes whatever a process does beyond itself and loopback, from its beginning on, and opening what is "planted"."""


def small_index(folder: Path, encoder: Encoder) -> tuple[Path, Path]:
    """Build an index of the small seeds in ``folder``; return the folders of the index and of its seeds."""
    seeds = folder / "seeds"
    seeds.mkdir()
    for name, text in TEXTS.items():
        (seeds / name).write_text(text, "utf-8")
    build(seeds, folder / "index", encoder)
    return folder / "index", seeds
