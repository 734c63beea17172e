"""The page in a real browser: one that the system has, and ``qa serve`` as a process of its own.

For the tests of the page and for its pictures. Nothing is downloaded.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from benchmarks import server

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
VARIABLE = "SEEDQA_BROWSER"
MISSING = f"no browser is installed; get one, e.g. apt-get install chromium, or name one in {VARIABLE}"

ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
"""Containers have no sandbox to give, nor a graphics card; and a browser of its own accord should ask nobody."""


def find_browser() -> str | None:
    """Return the path of a browser of Chromium's kind, or nothing where there is none."""
    return os.environ.get(VARIABLE) or next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def browsing() -> Iterator[Browser]:
    """Start the browser without a window. Raises FileNotFoundError where there is none."""
    path = find_browser()
    if path is None:
        raise FileNotFoundError(MISSING)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


class Server(server.Server):
    """The page of an index, served on a free port."""

    def __init__(self, index: Path, cache: Path, *flags: str) -> None:
        """Start ``qa serve``; what it complains goes to a folder beside the index."""
        self.index = index
        scratch = index.with_name("-".join((index.name, "log", *flags)))
        scratch.mkdir(exist_ok=True)
        super().__init__(scratch, "--index", index, "--cache", cache, *flags)


def serving(index: Path, cache: Path, *flags: str) -> Server:
    """Serve the page of ``index``, by the command that users type, until left."""
    return Server(index, cache, *flags)
