"""The users of benchmarks/load.py, for locust, which runs this file in an environment of its own.

Each writes a line of JSON for every request: seconds since 1970 at its start, name, milliseconds, status, and whether
it said when to ask again.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from pathlib import Path
from typing import Any

from locust import FastHttpUser, between, constant, constant_throughput, task

STAGE = os.environ["LOAD_STAGE"]
RATE = float(os.environ.get("LOAD_RATE", "1"))
QUESTIONS = json.loads(Path(os.environ["LOAD_QUESTIONS"]).read_text("utf-8"))
OUT = Path(os.environ["LOAD_OUT"]).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115 - as long as the process
DICE = random.Random(7)
WRITING = threading.Lock()

WAITS: dict[str, Any] = {
    "users": between(1, 5),
    "knee": constant(0),
    "beyond": constant_throughput(RATE),
    "slow": between(1, 5),
}
"""Seconds that a user thinks; beyond capacity each asks RATE times a second, however long its answers take."""


class Asker(FastHttpUser):  # type: ignore[misc]
    """Somebody who asks different questions, opens what was found, and checks it."""

    wait_time = WAITS[STAGE]
    connection_timeout = network_timeout = 60.0
    link = ""

    def call(self, name: str, *values: Any) -> Any:
        """Call an endpoint and write down how it went; return its answer if there is one."""
        return self.timed(name, "POST", f"/gradio_api/run/{name}", json={"data": values})

    def timed(self, name: str, method: str, path: str, **more: Any) -> Any:
        """Send a request in the same way."""
        began, clock = time.time(), time.perf_counter()
        with self.client.request(method, path, name=name, catch_response=True, **more) as response:
            took = (time.perf_counter() - clock) * 1000
            again = bool((response.headers or {}).get("retry-after"))
            response.success()  # counted by us, not by locust
            line = json.dumps([round(began, 3), name, round(took, 2), response.status_code, again])
            with WRITING:
                OUT.write(line + "\n")
            return response.json() if response.status_code == 200 and method == "POST" else None

    @task(30)
    def search(self) -> None:
        """Ask."""
        found = self.call("search", DICE.choice(QUESTIONS), DICE.choice((3, 5, 5, 5, 10)))
        if found:
            self.link = found["data"][0]["results"][0]["citation"]["link"]

    if STAGE in ("users", "slow"):

        @task(6)
        def open_passage(self) -> None:
            """Open what was found."""
            if self.link:
                self.call("open_passage", self.link)

        @task(3)
        def verify(self) -> None:
            """Check what was found."""
            if self.link:
                self.call("verify_citation", self.link)

        @task(1)
        def list_documents(self) -> None:
            """Look at what there is."""
            self.call("list_documents")

        @task(1)
        def arrive(self) -> None:
            """Open the page."""
            self.timed("page", "GET", "/")


if STAGE == "users":

    class Keeper(FastHttpUser):  # type: ignore[misc]
        """The one who rebuilds the index, twice a minute."""

        fixed_count = 1
        wait_time = constant(30)
        timed, call = Asker.timed, Asker.call

        @task
        def rebuild(self) -> None:
            """Rebuild unless that is going on."""
            status = self.call("rebuild_status")
            if status and not status["data"][0]["running"]:
                self.call("rebuild")
