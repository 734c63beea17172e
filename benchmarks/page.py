"""How fast the page is: its start, an answer over HTTP and in the browser, and an answer while the index is rebuilt.

``python -m benchmarks.page`` serves an index of seeds/ and writes benchmarks/out/page.json, medians all:

- page_start_s: from the start of ``qa serve`` to its first answer over HTTP
- gradio_import_s: importing Gradio alone, in a process of its own
- answer_http_ms, answer_http_p95_ms: the ``search`` endpoint
- answer_browser_ms: from Enter to the cards on the page, where there is a browser
- rebuilding_ratio, rebuilding_p95_ratio: ``search`` while a large index is rebuilt, over ``search`` before
- rebuilding_answers: how many answers that is measured on
- rss_mb: the memory of ``qa serve`` after that
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil

from benchmarks.browser import MISSING, browsing, find_browser, serving
from benchmarks.retrieval import OUT
from benchmarks.server import ROOT
from index import build, load_encoder
from qa.config import read_settings

STARTS, QUESTIONS, BROWSED = 5, 200, 15
FILES = 400
ASKED = (
    "What is SeedQA?",
    "Can two builds run at the same time?",
    "What does exit code 3 mean?",
    "How many countries has China established partnerships with?",
    "Where is the index stored?",
)


def ask(client: httpx.Client, question: str) -> float:
    """Return how many milliseconds an answer takes."""
    started = time.perf_counter()
    client.post("/gradio_api/run/search", json={"data": [question]}).raise_for_status()
    return (time.perf_counter() - started) * 1000


def p95(times: list[float]) -> float:
    """Return the time within which 19 of 20 lie."""
    return statistics.quantiles(times, n=20, method="inclusive")[-1]


def starts(index: Path, cache: Path) -> dict[str, float]:
    """Measure the way from nothing to the first answer."""
    whole, gradio = [], []
    for _ in range(STARTS):
        started = time.perf_counter()
        with serving(index, cache) as server, server.client() as client:
            ask(client, ASKED[0])
            whole.append(time.perf_counter() - started)
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import gradio"], check=True)
        gradio.append(time.perf_counter() - started)
    return {"page_start_s": statistics.median(whole), "gradio_import_s": statistics.median(gradio)}


def answers(index: Path, cache: Path, seeds: Path) -> dict[str, float]:
    """Measure answers while nothing else is going on, and while a large folder is indexed."""
    with serving(index, cache) as server, server.client(timeout=60) as client:
        for question in ASKED * 4:
            ask(client, question)
        idle = [ask(client, ASKED[n % len(ASKED)]) for n in range(QUESTIONS)]
        client.post("/gradio_api/run/rebuild", json={"data": [str(seeds)]}).raise_for_status()
        busy: list[float] = []
        while client.post("/gradio_api/run/rebuild_status", json={"data": []}).json()["data"][0]["running"]:
            busy.extend(ask(client, question) for question in ASKED)
        memory = psutil.Process(server.pid).memory_info().rss / 2**20
    return {
        "answer_http_ms": statistics.median(idle),
        "answer_http_p95_ms": p95(idle),
        "rebuilding_ratio": statistics.median(busy) / statistics.median(idle),
        "rebuilding_p95_ratio": p95(busy) / p95(idle),
        "rebuilding_answers": float(len(busy)),
        "rss_mb": memory,
    }


def browsed(index: Path, cache: Path) -> dict[str, float]:
    """Measure what a reader waits for in the browser."""
    if find_browser() is None:
        print(MISSING)
        return {}
    times = []
    with serving(index, cache) as server, browsing() as browser:
        page = browser.new_page()
        page.goto(server.url)
        page.wait_for_selector(".sq-chip")
        box = page.locator("#sq-question textarea")
        for number in range(BROWSED):
            question = ASKED[number % len(ASKED)]
            box.fill(question)
            started = time.perf_counter()
            box.press("Enter")
            page.wait_for_function("text => document.querySelector('#sq-heading')?.textContent === text", arg=question)
            times.append((time.perf_counter() - started) * 1000)
    return {"answer_browser_ms": statistics.median(times)}


def write_many(folder: Path) -> Path:
    """Write files whose indexing takes some seconds; no sentence occurs twice."""
    folder.mkdir()
    for number in range(FILES):
        lines = (f"Record {number} line {n} tells of lot {number * n % 977} in hall {n % 13}." for n in range(40))
        (folder / f"{number}.txt").write_text("\n".join(lines), "utf-8")
    return folder


def main() -> None:
    """Measure everything and write it down."""
    settings = read_settings({}, ROOT)
    encoder = load_encoder(settings.model, settings.cache, settings.backend)
    with tempfile.TemporaryDirectory() as name:
        index, cache = Path(name) / "index", settings.cache
        build(ROOT / "seeds", index, encoder)
        figures = starts(index, cache) | browsed(index, cache) | answers(index, cache, write_many(Path(name) / "many"))
    OUT.mkdir(exist_ok=True)
    text = json.dumps({key: round(value, 3) for key, value in figures.items()}, indent=2)
    (OUT / "page.json").write_text(text + "\n", "utf-8")
    print(text)


if __name__ == "__main__":
    main()
