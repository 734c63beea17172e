"""Search among ten thousand to ten million vectors: latency, recall, memory, disk and build time.

``python -m benchmarks.scale EVAL SIZE ... [--engine NAME ...]`` writes scale.json, scale.md and
scale.svg into benchmarks/out. What was measured before and is not measured anew stays in them, each row with its date.

Vectors: those of the distinct sentences of the evaluation texts by the default model, each perturbed again and again
until there are enough. The noise is normal with the covariance of the sentences themselves, and so strong that two
vectors made of one sentence are to each other, on average, as near as that sentence is to its nearest neighbour among
the real ones. They are made block by block and written to disk; ten million are never in memory. Questions: the real
ones of the evaluation sets, by the real model, drawn with a fixed seed.

Each engine is built and searched in processes of their own, one question at a time on one thread, after WARM questions
that do not count, with its files in the system's cache. Recall is the share of the hundred that exact search finds.
Memory is that of the searching process beyond what it held before it opened the index, mapped pages included. ``exact``
and ``ours`` share the file of vectors, which both need; the disk of ``ours`` is what comes on top. hnswlib and usearch
run in an environment of their own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets import chunking_corpora, chunking_questions, xquad
from benchmarks.retrieval import OUT, build_and_open
from benchmarks.scale_peers import ENGINES as PEERS
from benchmarks.scale_peers import STEP, resident
from index import load_encoder
from index.candidates import Candidates
from index.compress import write_candidates
from index.encode import FloatArray
from index.layout import IndexPaths
from index.manifest import SearchRecord
from index.snapshot import open_current
from index.vectors import Vectors, write_vectors
from qa.config import read_settings

mpl.use("Agg")
from matplotlib import pyplot as plt

SIZES = (10_000, 100_000, 1_000_000)
COUNT = 100
WARM, ASKED = 20, 200
PATIENCE = 20 * 60
"""Seconds that another engine may take to build."""
PEERS_PYTHON = Path(__file__).parents[1] / ".venv-scale" / "bin" / "python"


def real_vectors(folder: Path) -> tuple[FloatArray, FloatArray]:
    """Return the vectors of the distinct sentences and of the questions of the evaluation sets, kept in OUT."""
    kept = OUT / "scale-real.npz"
    if not kept.exists():
        settings = read_settings()
        paragraphs, asked = xquad(folder)
        texts = {f"{name}.md": text for name, text in chunking_corpora(folder).items()}
        texts |= {paragraph.name: paragraph.text for paragraph in paragraphs}
        with tempfile.TemporaryDirectory() as name:
            build_and_open(texts, Path(name), "real").close()
            with open_current(IndexPaths(Path(name) / "real" / "index")) as snapshot:
                sentences = snapshot.vectors.take(np.arange(len(snapshot.vectors)))
        encoder = load_encoder(settings.model, settings.cache, settings.backend)
        questions = [q.question for q in chunking_questions(folder)] + [q.question for q in asked]
        OUT.mkdir(exist_ok=True)
        _, first = np.unique(sentences, axis=0, return_index=True)
        vectors = np.stack([encoder.encode_question(question) for question in questions])
        np.savez(kept, sentences=sentences[np.sort(first)], questions=vectors)
    with np.load(kept) as found:
        return found["sentences"], found["questions"]


class Maker:
    """Makes vectors that resemble real ones."""

    def __init__(self, real: FloatArray) -> None:
        self._real = real
        cosines = real @ real.T
        np.fill_diagonal(cosines, -1)
        self.nearest = cosines.max(axis=1)
        """Cosine of each real vector with its nearest."""
        values, axes = np.linalg.eigh(np.cov(real.T))
        spread = np.sqrt(values.clip(0) / values.clip(0).sum())
        self._shape = ((axes * spread) @ axes.T).astype(np.float32)  # noise of length 1, in the mean
        self._strength = np.sqrt(1 / self.nearest.clip(0.3, 0.97) - 1).astype(np.float32)

    def block(self, first: int, size: int) -> FloatArray:
        """Return vectors ``first`` and following, always the same ones: shape (size, dimension), float32, length 1."""
        noise = np.random.default_rng([1, first]).standard_normal((size, self._real.shape[1]), dtype=np.float32)
        rows = (first + np.arange(size)) % len(self._real)
        made = self._real[rows] + self._strength[rows, None] * (noise @ self._shape)
        return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), dtype=np.float32)

    def write(self, path: Path, size: int) -> None:
        """Write vectors as an array in half precision that can be mapped."""
        array = np.lib.format.open_memmap(path, "w+", np.float16, (size, self._real.shape[1]))
        for first in range(0, size, STEP):
            array[first : first + STEP] = self.block(first, min(STEP, size - first))
        array.flush()


def ours(step: str, name: str, source: Path, questions: Path, path: Path) -> dict[str, Any]:
    """Build or search by ``exact`` or ``ours`` in this process."""
    stored = np.load(source, mmap_mode="r")
    count, dimension = stored.shape
    shared = source.with_suffix(".faiss")
    started = time.perf_counter()
    if step == "build" and name == "exact":
        blocks = (np.asarray(stored[at : at + STEP], np.float32) for at in range(0, count, STEP))
        write_vectors(shared, blocks, count, dimension)
        return {"build_s": time.perf_counter() - started, "disk": shared.stat().st_size}
    if step == "build":
        with shared.open("rb") as file:
            made = write_candidates(path, Vectors(shared, file, count, dimension), "compressed")
        seconds, record = time.perf_counter() - started, path.with_suffix(".json")
        way = {name: getattr(made, name) for name in ("kind", "lists", "probes", "factor", "recall")}
        record.write_text(json.dumps(way), "utf-8")
        disk = path.stat().st_size if path.exists() else 0
        return {"build_s": seconds, "disk": disk, "way": way, "peak_anonymous_mib": _anonymous()}
    asked = np.load(questions)
    before = resident()
    candidates = None
    if name == "ours":
        how = SearchRecord(**json.loads(path.with_suffix(".json").read_text("utf-8")))
        if how.kind != "exact":
            with path.open("rb") as file:
                candidates = Candidates(path, file, count, dimension, how.lists), how
    with shared.open("rb") as file:
        vectors = Vectors(shared, file, count, dimension, candidates)
    opened = time.perf_counter() - started
    times, found = [], []
    for question in asked:
        started = time.perf_counter()
        found.append(vectors.nearest(question, COUNT).tolist())
        times.append((time.perf_counter() - started) * 1e3)
    return {"ms": times, "found": found, "memory_mib": resident() - before, "open_s": opened}


def _anonymous() -> int:
    with Path("/proc/self/status").open(encoding="ascii") as file:
        return next(int(line.split()[1]) // 1024 for line in file if line.startswith("RssAnon"))


def in_cache(file: Path) -> None:
    """Bring a file into the system's cache."""
    with file.open("rb", buffering=0) as opened:
        block = bytearray(2**24)
        while opened.readinto(block):
            pass


def run(step: str, engine: str, source: Path, questions: Path, path: Path) -> dict[str, Any] | None:
    """Return what a step of an engine measured, in a process of its own, or nothing where it took too long."""
    if engine in PEERS:
        command = [str(PEERS_PYTHON), "benchmarks/scale_peers.py", step, engine, str(source), str(questions)]
        command += [str(COUNT), str(path)]
    else:
        command = [sys.executable, "-m", "benchmarks.scale", "--step", step, "--engine", engine]
        command += ["--files", str(source), str(questions), str(path)]
    try:
        limit = PATIENCE if engine in PEERS else None
        done = subprocess.run(command, check=True, timeout=limit, stdout=subprocess.PIPE, text=True)
    except subprocess.TimeoutExpired:
        return None
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def measure(
    size: int, engines: Sequence[str], maker: Maker, questions: FloatArray, folder: Path
) -> list[dict[str, Any]]:
    """Measure all engines on the first ``size`` vectors; ``exact`` always, which tells what is right."""
    source, asked = folder / f"{size}.npy", folder / "questions.npy"
    maker.write(source, size)
    np.save(asked, questions[np.random.default_rng(1).choice(len(questions), WARM + ASKED, replace=False)])
    rows, right = [], None
    for engine in ("exact", *(name for name in engines if name != "exact")):
        path = folder / f"{size}.{engine}"
        print(f"{size:,} {engine} …", file=sys.stderr, flush=True)
        built = run("build", engine, source, asked, path)
        for file in (source.with_suffix(".faiss"), path):
            if file.exists():
                in_cache(file)
        searched = run("search", engine, source, asked, path) if built else None
        path.unlink(missing_ok=True)
        if built is None or searched is None:
            rows.append({"size": size, "engine": engine, "left_out": f"more than {PATIENCE // 60} minutes to build"})
            continue
        found = searched["found"][WARM:]
        right = found if right is None else right
        shares = [len(set(a) & set(b)) / COUNT for a, b in zip(found, right, strict=True)]
        times = np.array(searched["ms"][WARM:])
        row = {
            "size": size, "engine": engine, "p50_ms": float(np.percentile(times, 50)),
            "p95_ms": float(np.percentile(times, 95)), "recall_at_100": sum(shares) / len(shares),
            "memory_mib": searched["memory_mib"], "disk_mib": built["disk"] / 2**20, "build_s": built["build_s"],
            "date": datetime.now(UTC).date().isoformat(),
        }  # fmt: skip
        rows.append(row | {k: v for k, v in {**built, **searched}.items() if k in _MORE})
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    for path in (source, source.with_suffix(".faiss")):
        path.unlink()
    return rows


_MORE = ("way", "open_s", "peak_anonymous_mib")


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the rows as a Markdown table."""
    lines = [
        "| vectors | engine | p50 / p95 ms | recall@100 | memory MiB | disk MiB | build s |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        start = f"| {row['size']:,} | {row['engine']} |"
        if "left_out" in row:
            lines.append(f"{start} {row['left_out']} | | | | |")
            continue
        lines.append(
            f"{start} {row['p50_ms']:.2f} / {row['p95_ms']:.2f} | {row['recall_at_100']:.4f} | {row['memory_mib']:,} | "
            f"{row['disk_mib']:,.0f} | {row['build_s']:,.1f} |"
        )
    return "\n".join(lines) + "\n"


def draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw size against each figure."""
    shown = (
        ("p50_ms", "p50 (dashed: p95), ms"), ("recall_at_100", "recall@100"), ("memory_mib", "memory, MiB"),
        ("disk_mib", "disk, MiB"), ("build_s", "build, s"),
    )  # fmt: skip
    figure, axes = plt.subplots(1, len(shown), figsize=(4 * len(shown), 3.6), layout="constrained")
    measured = [row for row in rows if "left_out" not in row]
    for axis, (key, title) in zip(axes, shown, strict=True):
        for number, engine in enumerate(dict.fromkeys(row["engine"] for row in measured)):
            own = [row for row in measured if row["engine"] == engine]
            sizes: NDArray[np.int64] = np.array([row["size"] for row in own])
            axis.plot(sizes, [row[key] for row in own], "o-", color=f"C{number}", label=engine)
            if key == "p50_ms":
                axis.plot(sizes, [row["p95_ms"] for row in own], "--", color=f"C{number}")
        axis.set(title=title, xlabel="vectors", xscale="log")
        if key != "recall_at_100":
            axis.set_yscale("log")
        axis.grid(alpha=0.3)
    axes[0].legend()
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("eval", type=Path, nargs="?")
    parser.add_argument("sizes", type=int, nargs="*")
    parser.add_argument("--engine", action="append", choices=("exact", "ours", *PEERS))
    parser.add_argument("--step", choices=("build", "search"), help=argparse.SUPPRESS)
    parser.add_argument("--files", type=Path, nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        print(json.dumps(ours(given.step, given.engine[0], *given.files)))
        return
    engines = given.engine or ["exact", "ours", *PEERS]
    real, questions = real_vectors(given.eval)
    maker = Maker(real)
    kept = OUT / "scale.json"
    rows: list[dict[str, Any]] = json.loads(kept.read_text("utf-8")) if kept.exists() else []
    for size in given.sizes or SIZES:
        rows = [row for row in rows if row["size"] != size or row["engine"] not in ("exact", *engines)]
        with tempfile.TemporaryDirectory(dir=OUT) as name:
            rows += measure(size, engines, maker, questions, Path(name))
        rows.sort(key=lambda row: row["size"])  # of one size they stay in order
        kept.write_text(json.dumps(rows, indent=2) + "\n", "utf-8")
        (OUT / "scale.md").write_text(table(rows), "utf-8")
        draw(rows, OUT / "scale.svg")
    print(table(rows))


if __name__ == "__main__":
    main()
