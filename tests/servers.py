"""Starts the page as users do, as a process of its own that listens on a socket, and ends it again."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import httpx

from index import build
from index.encode import Encoder
from tests.conftest import ROOT, TEXTS

READY = "Ask in the browser: "
STARTS_WITHIN = 60.0
ENDS_WITHIN = 8.0


class Server:
    """A process that serves the page. A context manager that ends it, and then fails if it had anything to complain."""

    def __init__(
        self,
        scratch: Path,
        *arguments: str | Path,
        environment: Mapping[str, str] | None = None,
        code: str = "",
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        """Run ``qa serve --port 0 ARGUMENTS``, or other Python ``code``; its output goes to files in ``scratch``."""
        program = ["-c", code] if code else ["-m", "qa.cli", "serve", "--port", "0"]
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("SEEDQA_", "GRADIO_"))}
        self._errors = scratch / "errors.txt"
        self._verify = verify
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, *program, *map(str, arguments)],
                cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True, env={**variables, **(environment or {})},
            )  # fmt: skip
        self.url = self._await()
        """Where the page is, without the slash at its end."""

    def _await(self) -> str:
        patience = threading.Timer(STARTS_WITHIN, self.process.kill)
        patience.start()
        assert self.process.stdout
        line = self.process.stdout.readline()
        patience.cancel()
        if not line.startswith(READY):
            self.process.kill()
            self._close()
            raise AssertionError(f"the server did not start: {line}{self.errors()}")
        return line.removeprefix(READY).strip().removesuffix("/")

    def _close(self) -> None:
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()

    def errors(self) -> str:
        """Return what the process has written to its standard error so far."""
        return self._errors.read_text("utf-8")

    def client(self, **settings: object) -> httpx.Client:
        """Return a client whose addresses begin with that of the page."""
        return httpx.Client(
            base_url=self.url, trust_env=False, verify=self._verify, timeout=20, **settings,  # type: ignore[arg-type]
        )  # fmt: skip

    def stop(self, sent: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """End the process; return its exit code and how many seconds that took."""
        begun = time.monotonic()
        self.process.send_signal(sent)
        try:
            self.process.wait(ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self._close()
        return self.process.returncode, time.monotonic() - begun

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        code = self.stop()[0] if self.process.returncode is None else 0
        if error is None and (code, self.errors()) != (0, ""):
            raise AssertionError(f"the server ended with {code} and has said: {self.errors()}")


def small_index(folder: Path, encoder: Encoder) -> tuple[Path, Path]:
    """Build an index of the small seeds in ``folder``; return the folders of the index and of its seeds."""
    seeds = folder / "seeds"
    seeds.mkdir()
    for name, text in TEXTS.items():
        (seeds / name).write_text(text, "utf-8")
    build(seeds, folder / "index", encoder)
    return folder / "index", seeds
