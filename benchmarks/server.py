"""The page as users start it: ``qa serve`` as a process of its own, that listens on a socket and is ended again.

For tests and measurements alike.
"""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

ROOT = Path(__file__).resolve().parents[1]
READY = "Ask in the browser: "
STARTS_WITHIN, ENDS_WITHIN = 60.0, 15.0
"""Seconds after which a process is taken to hang."""


def plain_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return our variables without those that change what the page does, and with some ``more``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SEEDQA_", "GRADIO_"))}
    return {**kept, **(more or {})}


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
        """Run ``qa serve --port 0 ARGUMENTS``, or other Python ``code``; its complaints go to a file in ``scratch``.

        Raises AssertionError where it does not start.
        """
        program = ["-c", code] if code else ["-m", "qa.cli", "serve", "--port", "0"]
        self.log = scratch / "errors.txt"
        """What the process writes to its standard error: nothing, if all goes well."""
        self._verify = verify
        with self.log.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, *program, *map(str, arguments)],
                cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True, env=plain_environment(environment),
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
            self.close()
            raise AssertionError(f"the server did not start: {line}{self.errors()}")
        return line.removeprefix(READY).strip().removesuffix("/")

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self.process.pid

    def errors(self) -> str:
        """Return what the process has written to its standard error so far."""
        return self.log.read_text("utf-8", "replace")

    def client(self, **settings: Any) -> httpx.Client:
        """Return a client whose addresses begin with that of the page."""
        return httpx.Client(base_url=self.url, trust_env=False, verify=self._verify, **{"timeout": 20, **settings})

    def stop(self, sent: signal.Signals = signal.SIGTERM) -> int:
        """End the process and return its exit code. Raises TimeoutExpired where it hangs."""
        self.process.send_signal(sent)
        try:
            self.process.wait(ENDS_WITHIN)
        finally:
            self.close()
        return self.process.returncode

    def close(self) -> None:
        """End the process, whatever it has said and however it ends."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        code = self.stop() if self.process.returncode is None else 0
        if error is None and (code, self.errors()) != (0, ""):
            raise AssertionError(f"the server ended with {code} and has said: {self.errors()}")
