"""The page in a real browser: one that the system has, and ``qa serve`` as a process of its own.

For the tests of the page and for its pictures. Nothing is downloaded.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
VARIABLE = "SEEDQA_BROWSER"
MISSING = f"no browser is installed; get one, e.g. apt-get install chromium, or name one in {VARIABLE}"

ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
"""Containers have no sandbox to give, nor a graphics card; and a browser of its own accord should ask nobody."""

SAYS = "Ask in the browser: "


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A page that is being served."""

    url: str
    pid: int
    index: Path
    log: Path
    """What the server writes to its error output: nothing, if all goes well."""


@contextmanager
def serving(index: Path, cache: Path, *flags: str) -> Iterator[Server]:
    """Serve the page of ``index`` on a free port, by the command that users type, until left."""
    command = [sys.executable, "-m", "qa.cli", "serve", "--port", "0", "--index", str(index), "--cache", str(cache)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEEDQA_")}
    log = index.with_name(f"{index.name}{'-'.join(('', *flags))}.log")
    with (
        log.open("wb") as errors,
        subprocess.Popen([*command, *flags], stdout=subprocess.PIPE, stderr=errors, text=True, env=environment) as run,
    ):
        try:
            assert run.stdout is not None
            said = run.stdout.readline()
            if not said.startswith(SAYS):
                raise RuntimeError(f"qa serve did not start: {said}{log.read_text('utf-8', 'replace')}")
            yield Server(url=said.removeprefix(SAYS).strip(), pid=run.pid, index=index, log=log)
        finally:
            run.terminate()
            run.wait()
