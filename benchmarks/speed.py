"""Speed beside plain sentence-transformers and FAISS, in the same run: figures are medians, ratios pair both.

``python -m benchmarks.speed EVAL`` writes benchmarks/out/speed.json:

- index_ratio: texts a second of the default encoder over ``SentenceTransformer.encode`` on the same sentences
- query_p50_ms, query_p95_ms: a whole ``search`` call on the chunking corpora
- query_ratio: query_p50 over encoding the same questions with sentence-transformers
- cold_start_s: from the start of the process to the end of ``qa ask``, its answer printed
- cold_ratio: the same for benchmarks/plain.py, over ours
- peak_rss_mb: the most memory of ``qa ask``
- rebuild_ratio: rebuilding after changing one of 500 documents, over the full build (``index.build``, encoder open)
- rebuild_cli_ratio: the same for ``qa build`` as a process, start of Python and encoder included
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.datasets import chunking_corpora, chunking_questions, write_texts
from benchmarks.retrieval import OUT, build_and_open
from index import build, load_encoder
from index.encode import DEFAULT_MODEL, Encoder
from index.encode.models import find_model
from index.layout import IndexPaths
from index.records import no_progress
from index.snapshot import open_current
from qa.config import read_settings

ROUNDS = 3
COLD_ROUNDS = 7
SENTENCES = 3000
DOCUMENTS = 500
QA = [sys.executable, "-m", "qa.cli"]


def plain(command: str, folder: Path, texts: Sequence[str]) -> float:
    """Return what benchmarks/plain.py measures for ``texts``."""
    line = [sys.executable, "-m", "benchmarks.plain", command, str(find_model(DEFAULT_MODEL)), str(folder)]
    done = subprocess.run(line, input=json.dumps(texts), capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout.splitlines()[-1]))


_TIMER = """
import json, resource, subprocess, sys, time
started = time.perf_counter()
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(json.dumps([code, time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss]))
"""


def run_process(command: Sequence[str]) -> tuple[float, float]:
    """Run a command; return its seconds from start to end and its peak memory in MB.

    A small process starts it, because the memory of a large one would count as its child's.
    """
    done = subprocess.run([sys.executable, "-c", _TIMER, *command], capture_output=True, text=True, check=True)
    code, seconds, memory = json.loads(done.stdout)
    if code:
        raise SystemExit(f"{' '.join(command)} ended with {code}: {done.stderr}")
    return float(seconds), float(memory) / (2**20 if sys.platform == "darwin" else 2**10)


def encoding(encoder: Encoder, sentences: list[str], scratch: Path) -> dict[str, float]:
    """Measure both encoders in turns on the same sentences."""
    chosen = [sentences[at] for at in np.random.default_rng(1).permutation(len(sentences))[:SENTENCES]]
    ours, theirs = [], []
    encoder.encode(chosen[:64], no_progress)
    for _ in range(ROUNDS):
        started = time.perf_counter()
        encoder.encode(chosen, no_progress)
        ours.append(time.perf_counter() - started)
        theirs.append(plain("encode", scratch, chosen))
    return {"index_ratio": statistics.median(theirs) / statistics.median(ours),
            "index_texts_per_s": SENTENCES / statistics.median(ours)}  # fmt: skip


def queries(folder: Path, scratch: Path) -> dict[str, float]:
    """Measure whole searches, and plain encoding of the same questions before and after."""
    questions = [asked.question for asked in chunking_questions(folder)]
    texts = {f"{name}.md": text for name, text in chunking_corpora(folder).items()}
    with build_and_open(texts, scratch, "chunking") as opened:
        for question in questions[:50]:
            opened.search(question)
        before = plain("questions", scratch, questions)
        times = []
        for question in questions:
            started = time.perf_counter()
            opened.search(question)
            times.append((time.perf_counter() - started) * 1000)
        after = plain("questions", scratch, questions)
    p50 = statistics.median(times)
    return {
        "query_p50_ms": p50,
        "query_p95_ms": float(np.percentile(times, 95)),
        "query_ratio": p50 / (statistics.mean((before, after)) * 1000),
    }


def cold(index: Path, sentences: list[str], scratch: Path) -> dict[str, float]:
    """Measure first answers of fresh processes, ours and the plain script's in turns."""
    question = "Which country is Putin invading?"
    (scratch / "sentences.txt").write_text("\n".join(" ".join(s.split()) for s in sentences), "utf-8")
    script = [sys.executable, "-m", "benchmarks.plain"]
    model = str(find_model(DEFAULT_MODEL))
    run_process([*script, "index", model, str(scratch)])
    ours, theirs = [], []
    for _ in range(COLD_ROUNDS):
        ours.append(run_process([*QA, "ask", question, "--index", str(index)]))
        theirs.append(run_process([*script, "ask", model, str(scratch), question]))
    start = statistics.median(seconds for seconds, _ in ours)
    return {
        "cold_start_s": start,
        "cold_ratio": statistics.median(seconds for seconds, _ in theirs) / start,
        "peak_rss_mb": max(memory for _, memory in ours),
    }


def documents(folder: Path) -> dict[str, str]:
    """Cut the chunking corpora at white space into DOCUMENTS documents of about one size."""
    text = "\n".join(chunking_corpora(folder).values())
    size = len(text) // DOCUMENTS
    space = re.compile(r"\s")
    inner = (space.search(text, at * size) for at in range(1, DOCUMENTS))
    cuts = [0, *(found.start() for found in inner if found), len(text)]
    return {f"{at:03}.txt": text[start:end] for at, (start, end) in enumerate(pairwise(cuts))}


def rebuilds(encoder: Encoder, folder: Path, scratch: Path) -> dict[str, float]:
    """Measure a rebuild after one document gained a sentence, over the full build."""
    seeds = write_texts(scratch / "documents", documents(folder))
    paths = sorted(seeds.iterdir())
    figures = {}
    for name, command in (("rebuild_ratio", None), ("rebuild_cli_ratio", [*QA, "build", str(seeds)])):
        index = scratch / name

        def once(command: Sequence[str] | None = command, index: Path = index) -> float:
            if command:
                return run_process([*command, "--index", str(index)])[0]
            started = time.perf_counter()
            build(seeds, index, encoder)
            return time.perf_counter() - started

        full = once()
        again = []
        for number in range(ROUNDS + 2):
            path = paths[number * 37 % len(paths)]
            path.write_text(path.read_text("utf-8") + f"\n\nSentence {number} of {name} was added.\n", "utf-8")
            again.append(once())
        figures[name] = statistics.median(again) / full
    return figures


def main(folder: Path) -> None:
    """Measure everything and write it down."""
    settings = read_settings()
    encoder = load_encoder(settings.model, settings.cache, settings.backend)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        figures = queries(folder, scratch)
        with open_current(IndexPaths(scratch / "chunking" / "index")) as snapshot:
            stored = [p for d in snapshot.store.documents for p in snapshot.store.passages_of(d)]
            sentences = [p.sentence_text(sentence) for p in stored for sentence in p.passage.sentences]
        figures |= encoding(encoder, sentences, scratch)
        figures |= cold(scratch / "chunking" / "index", sentences, scratch)
        figures |= rebuilds(encoder, folder, scratch)
    OUT.mkdir(exist_ok=True)
    text = json.dumps({key: round(value, 4) for key, value in figures.items()}, indent=2)
    (OUT / "speed.json").write_text(text + "\n", "utf-8")
    print(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
