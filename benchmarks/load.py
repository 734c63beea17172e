"""How many people the page serves, over real sockets: with time to think, beyond its capacity, and among slow clients.

``python -m benchmarks.load EVAL`` asks the questions of XQuAD of an index of its paragraphs and of seeds/, and writes
benchmarks/out/load.json and load.png. The clients are locust's, in an environment of their own (``make bench-load``):
it brings a web server and gevent, which should not lie beside what is tested. Stages:

- users: USERS people who think one to five seconds, for MINUTES, while one rebuilds the index every half minute
- knee: people who do not think, to find the capacity C in answers a second
- beyond: 2 C questions a second, whatever becomes of them: each of so many clients asks at a fixed pace, so that
  requests come as fast when answers are slow. Counted are answers, refusals with Retry-After, and all else (errors).
  The server has all processors but the last in this stage and the one before, and the clients have the last, because
  otherwise they take from the server what they measure (Linux; elsewhere they share). They time their answers late all
  the same: a client of its own times /health and refusals beside them
- slow: 200 clients that send a byte a second and 20 a second that hang up, beside ten people who ask
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import psutil

from benchmarks.browser import serving
from benchmarks.datasets import write_texts, xquad
from benchmarks.retrieval import OUT
from benchmarks.server import ROOT, Server
from index import build, load_encoder
from qa.config import read_settings

LOCUST = ROOT / ".venv-load" / ("Scripts" if os.name == "nt" else "bin") / "python"
KNEE_USERS, KNEE_SECONDS = 12, 30
BEYOND_SECONDS, PACE = 60, 0.5
"""Questions that each client asks a second beyond capacity."""
SLOW, HANG_UPS, SLOW_USERS, SLOW_SECONDS = 200, 20, 10, 30
APART = ("knee", "beyond")
"""Stages in which server and clients have processors of their own."""
ALL = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
WARM_SHARE = 0.2
"""Of a stage, after which memory has to stand still."""

Row = tuple[float, str, float, int, bool]
"""When, what, milliseconds, status, whether it said when to ask again."""


class Watcher(threading.Thread):
    """Looks at the server every second: memory, calls waiting, and how long /health takes."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._ended = threading.Event()
        self.seen: list[dict[str, float]] = []

    def run(self) -> None:
        """Look until ``end``."""
        process = psutil.Process(self._server.pid)
        with self._server.client() as client:
            while not self._ended.wait(1):
                began = time.perf_counter()
                client.get("/health").raise_for_status()
                health = (time.perf_counter() - began) * 1000
                counted = dict(
                    line.rsplit(" ", 1) for line in client.get("/metrics").text.splitlines() if line[:1] != "#"
                )
                refusal = self._refusal(client) if float(counted["seedqa_calls_waiting"]) else 0.0
                self.seen.append(
                    {
                        "at": time.time(),
                        "refusal_ms": refusal,
                        "rss_mb": process.memory_info().rss / 2**20,
                        "threads": process.num_threads(),
                        "handles": process.num_fds() if hasattr(process, "num_fds") else 0,
                        "health_ms": health,
                        "waiting": float(counted["seedqa_calls_waiting"]),
                        "under_way": float(counted["seedqa_calls_under_way"]),
                    }
                )

    @staticmethod
    def _refusal(client: httpx.Client) -> float:
        """Return how many milliseconds it takes to be told that the server is busy; 0 where it is not."""
        began = time.perf_counter()
        answer = client.post("/gradio_api/run/search", json={"data": ["Is anybody there?", 1]})
        return (time.perf_counter() - began) * 1000 if answer.status_code == 503 else 0.0

    def end(self) -> None:
        """Look no more."""
        self._ended.set()
        self.join()

    def within(self, began: float, ended: float) -> list[dict[str, float]]:
        """Return what was seen between two moments."""
        return [look for look in self.seen if began <= look["at"] <= ended]


def on_processors(pid: int, processors: list[int]) -> None:
    """Have every thread of a process run on these processors alone, where the system can be told so."""
    if sys.platform == "linux" and processors:
        for thread in psutil.Process(pid).threads():
            os.sched_setaffinity(thread.id, processors)


def run_stage(server: Server, scratch: Path, stage: str, users: int, seconds: float, rate: float = 1.0) -> list[Row]:
    """Have locust's users ask for some seconds; return what they wrote down."""
    out = scratch / f"{stage}.jsonl"
    environment = {
        **os.environ, "LOAD_STAGE": stage, "LOAD_OUT": str(out), "LOAD_QUESTIONS": str(scratch / "questions.json"),
        "LOAD_RATE": str(rate),
    }  # fmt: skip
    command = [
        str(LOCUST), "-m", "locust", "-f", str(Path(__file__).with_name("load_users.py")), "--headless",
        "--users", str(users), "--spawn-rate", str(max(5, users / 5)), "--run-time", f"{round(seconds)}s",
        "--stop-timeout", "10", "--host", server.url, "--only-summary", "--loglevel", "WARNING",
    ]  # fmt: skip
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=scratch
    ) as clients:
        if stage in APART:
            on_processors(clients.pid, ALL[-1:])
        _, said = clients.communicate()
    if clients.returncode not in (0, 1):
        raise RuntimeError(f"locust ended with {clients.returncode}: {said[-2000:]}")
    return [tuple(json.loads(line)) for line in out.read_text("utf-8").splitlines()]


def percentiles(times: list[float]) -> dict[str, float]:
    """Return what half, 95 % and 99 % of the times are below, in milliseconds."""
    if not times:
        return {}
    p50, p95, p99 = np.percentile(times, (50, 95, 99))
    return {"p50_ms": round(p50, 1), "p95_ms": round(p95, 1), "p99_ms": round(p99, 1), "most_ms": round(max(times), 1)}


def told(rows: list[Row], looks: list[dict[str, float]], seconds: float) -> dict[str, Any]:
    """Return the figures of a stage."""
    answered = [row for row in rows if row[3] == 200]
    busy = [row for row in rows if row[3] == 503 and row[4]]
    figures: dict[str, Any] = {
        "requests": len(rows),
        "answered": len(answered),
        "answered_a_second": round(len(answered) / seconds, 1),
        "busy": len(busy),
        "errors": len(rows) - len(answered) - len(busy),
        "statuses": {str(s): sum(row[3] == s for row in rows) for s in sorted({row[3] for row in rows})},
        "answers": percentiles([row[2] for row in answered]),
        "refusals": percentiles([row[2] for row in busy]),
        "by_call": {
            name: percentiles([row[2] for row in answered if row[1] == name]) for name in sorted({r[1] for r in rows})
        },
    }
    if looks:
        warm = looks[int(len(looks) * WARM_SHARE) :]
        third = max(1, len(warm) // 3)
        first, last = (float(np.median([look["rss_mb"] for look in part])) for part in (warm[:third], warm[-third:]))
        figures |= {
            "health": percentiles([look["health_ms"] for look in looks]),
            "refusals_seen_by_another_client": percentiles([ms for look in looks if (ms := look["refusal_ms"])]),
            "rss_mb_after_warm_up": round(first, 1),
            "rss_mb_at_the_end": round(last, 1),
            "growth": round(last / first - 1, 4),
            "most_waiting": max(look["waiting"] for look in looks),
            "most_threads": max(look["threads"] for look in looks),
            "most_handles": max(look["handles"] for look in looks),
        }
    return figures


@contextmanager
def nuisances(server: Server) -> Iterator[None]:
    """Have clients that send a byte a second, and others that ask and hang up."""
    at = urlsplit(server.url)
    where, ended = (at.hostname or "", at.port or 80), threading.Event()
    question = b'{"data": ["Where is the index stored?"]}'
    head = (
        f"POST /gradio_api/run/search HTTP/1.1\r\nHost: {at.netloc}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(question)}\r\n\r\n"
    ).encode()

    def slow() -> None:
        clients: dict[socket.socket, list[bytes]] = {}  # what each has still to send
        while not ended.wait(1):
            with suppress(OSError):
                while len(clients) < SLOW:  # every other one is slow from its body on
                    first = [head] if len(clients) % 2 else [head[at : at + 1] for at in range(len(head))]
                    rest = [question[at : at + 1] for at in range(len(question))]
                    clients[socket.create_connection(where, timeout=5)] = first + rest
            for client, left in list(clients.items()):
                try:
                    client.sendall(left.pop(0))
                except (OSError, IndexError):  # the server has ended it, or it has asked
                    client.close()
                    del clients[client]
        for client in clients:
            client.close()

    def hang_up() -> None:
        while not ended.wait(1 / HANG_UPS):
            with suppress(OSError), closing(socket.create_connection(where, timeout=5)) as client:
                client.sendall(head + question)

    threads = [threading.Thread(target=work, daemon=True) for work in (slow, hang_up)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def plot(path: Path, stages: dict[str, tuple[list[Row], list[dict[str, float]]]]) -> None:
    """Draw latency, memory and waiting calls of every stage over its time."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(3, len(stages), figsize=(4 * len(stages), 8), sharex="col", squeeze=False)
    for column, (stage, (rows, looks)) in enumerate(stages.items()):
        begin = min(row[0] for row in rows)
        for status, colour in ((200, "tab:green"), (503, "tab:orange")):
            chosen = [row for row in rows if row[3] == status]
            label = "answered" if status == 200 else "busy"
            axes[0][column].scatter([r[0] - begin for r in chosen], [r[2] for r in chosen], 2, colour, label=label)
        axes[0][column].set(title=stage, yscale="log", ylabel="ms")
        axes[0][column].legend(loc="upper left")
        moments = [look["at"] - begin for look in looks]
        axes[1][column].plot(moments, [look["rss_mb"] for look in looks])
        axes[1][column].set(ylabel="memory, MB", ylim=(0, 1.2 * max(look["rss_mb"] for look in looks)))
        axes[2][column].plot(moments, [look["waiting"] for look in looks], label="waiting")
        axes[2][column].plot(moments, [look["health_ms"] for look in looks], label="/health, ms")
        axes[2][column].set(xlabel="seconds", ylim=(0, None))
        axes[2][column].legend(loc="upper right")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def measure(server: Server, scratch: Path, minutes: float, users: int, chosen: list[str]) -> dict[str, Any]:
    """Run the stages; return their figures."""
    watcher, figures, kept = Watcher(server), {}, {}
    watcher.start()

    def stage(name: str, users: int, seconds: float, rate: float = 1.0) -> dict[str, Any]:
        began = time.time()
        rows = run_stage(server, scratch, name, users, seconds, rate)
        looks = watcher.within(began, time.time())
        kept[name] = rows, looks
        figures[name] = {"users": users, "seconds": seconds, **told(rows, looks, seconds)}
        print(name, json.dumps(figures[name]), flush=True)
        return figures[name]

    if "users" in chosen:
        stage("users", users + 1, minutes * 60)
    if "knee" in chosen or "beyond" in chosen:
        on_processors(server.pid, ALL[:-1])
        capacity = stage("knee", KNEE_USERS, KNEE_SECONDS)["answered_a_second"]
        stage("beyond", round(2 * capacity / PACE), BEYOND_SECONDS, PACE)
        on_processors(server.pid, ALL)
    if "slow" in chosen:
        with nuisances(server):
            stage("slow", SLOW_USERS, SLOW_SECONDS)
    watcher.end()
    plot(OUT / "load.png", kept)
    return figures


def main() -> None:
    """Measure and write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="EVAL")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--stage", action="append", choices=("users", "knee", "beyond", "slow"), default=[])
    arguments = parser.parse_args()
    settings = read_settings({}, ROOT)
    paragraphs, questions = xquad(arguments.folder)
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        seeds = write_texts(scratch / "seeds", {paragraph.name: paragraph.text for paragraph in paragraphs})
        for path in (ROOT / "seeds").rglob("*.md"):
            (seeds / path.name).write_bytes(path.read_bytes())
        (scratch / "questions.json").write_text(json.dumps([asked.question for asked in questions]), "utf-8")
        build(seeds, scratch / "index", load_encoder(settings.model, settings.cache, settings.backend))
        with serving(scratch / "index", settings.cache) as server:
            with httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client:
                client.post("/gradio_api/run/search", json={"data": [questions[0].question]}).raise_for_status()
            stages = arguments.stage or ["users", "knee", "beyond", "slow"]
            figures = measure(server, scratch, arguments.minutes, arguments.users, stages)
    (OUT / "load.json").write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
