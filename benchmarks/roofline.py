"""How far encoding is from the processor's int8 limit, and vector search from its memory.

``python -m benchmarks.roofline EVAL`` writes benchmarks/out/roofline.json. All limits are measured in the same run:

- int8_gmac_per_s: multiply-adds of one large int8 matrix product, as OpenVINO runs it, on one core and on all.
- read_gb_per_s: bytes of memory read by one core, the best of three NumPy reductions over 512 MiB.
- encoding: sentences of the chunking corpora through the default encoder. Multiply-adds are counted from the sizes of
  the model: (4 h² + 2 h i) a layer and token for the products with weights, and 2 h t a layer and token for attention,
  with hidden size h, inner size i and t tokens in a row; padding is told apart.
- questions: one at a time, by length, with the time between them that a search takes.
- search: half-precision vectors through FAISS, by number, in bytes read a second.
- operations: shares of the time in the graph, by OpenVINO's own counters.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from openvino import opset13 as ops

from benchmarks.datasets import chunking_corpora
from benchmarks.retrieval import OUT, build_and_open
from index import load_encoder
from index.encode.models import find_model
from index.encode.openvino_backend import BATCH_TOKENS, QUESTION_STEP, STEP, OpenVinoEncoder
from index.encode.protocol import Encoder
from index.layout import IndexPaths
from index.records import no_progress
from index.snapshot import open_current
from index.vectors import Vectors, write_vectors
from qa.config import read_settings

ROUNDS = 5
SENTENCES = 4000
MATRIX = 2048
MEMORY = 512 * 2**20
SIZES = (10_000, 100_000, 1_000_000)
LENGTHS = (8, 12, 16, 20, 24, 32, 64)
GAP = 0.0025
"""Seconds between two questions: about what is left of a search when its question is encoded."""


def best(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Return the seconds of the quickest of several rounds, after one that does not count."""
    work()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def int8_limit(threads: int) -> float:
    """Return 10⁹ multiply-adds a second of a product of two large int8 matrices."""
    rows = ops.parameter([MATRIX, MATRIX], np.float32)
    generator = np.random.default_rng(1)
    weights = ops.constant(generator.integers(-127, 128, (MATRIX, MATRIX)).astype(np.int8))
    scaled = ops.multiply(ops.convert(weights, np.float32), ops.constant(np.full((MATRIX, 1), 0.01, np.float32)))
    quantised = ops.fake_quantize(rows, np.float32(0), np.float32(2.55), np.float32(0), np.float32(2.55), 256)
    product = ops.matmul(quantised, scaled, False, True)
    settings = {
        "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32", "PERF_COUNT": True
    }  # fmt: skip
    request = openvino.Core().compile_model(openvino.Model([product], [rows]), "CPU", settings).create_infer_request()
    data = generator.random((MATRIX, MATRIX), dtype=np.float32)
    times = []
    for _ in range(ROUNDS + 1):
        request.infer([data])
        times += [n.real_time.total_seconds() for n in request.profiling_info if n.exec_type.casefold().endswith("i8")]
    if not times:
        raise SystemExit("this processor has no int8 kernel for a matrix product, so there is no limit to measure")
    return float(MATRIX**3 / min(times) / 1e9)


def memory_limit() -> float:
    """Return 10⁹ bytes a second that one core reads from memory."""
    array = np.ones(MEMORY // 8)
    work = (array.sum, array.max, array.view(np.uint64).max)
    return MEMORY / min(best(read) for read in work) / 1e9


@cache
def model_sizes() -> tuple[int, int, int]:
    """Return layers, hidden size and inner size of the default model."""
    config = json.loads((find_model(read_settings().model) / "config.json").read_text("utf-8"))
    return config["num_hidden_layers"], config["hidden_size"], config["intermediate_size"]


def multiply_adds(tokens: int) -> int:
    """Return the multiply-adds of one row of ``tokens`` tokens."""
    layers, hidden, inner = model_sizes()
    return layers * tokens * (4 * hidden**2 + 2 * hidden * inner + 2 * hidden * tokens)


def encoding(encoder: Encoder, sentences: list[str], limit: float) -> dict[str, float]:
    """Measure how much of the limit encoding many sentences reaches, with padding and without."""
    lengths = [len(spans) + 2 for spans in encoder.token_spans(sentences)]  # and the two special tokens
    padded = [-(-length // STEP) * STEP for length in lengths]
    seconds = best(lambda: encoder.encode(sentences, no_progress), rounds=3)
    done = sum(map(multiply_adds, padded)) / seconds / 1e9
    needed = sum(map(multiply_adds, lengths)) / seconds / 1e9
    return {
        "sentences_per_s": len(sentences) / seconds,
        "tokens_per_s": sum(lengths) / seconds,
        "gmac_per_s": done,
        "share_of_limit": done / limit,
        "share_of_limit_without_padding": needed / limit,
        "padding": 1 - sum(lengths) / sum(padded),
    }


def questions(encoder: OpenVinoEncoder, limit: float) -> list[dict[str, float]]:
    """Measure questions of several lengths, straight after each other and with a search's work between them."""
    rows = []
    for length in LENGTHS:
        text = " ".join(["bees"] * (length - 2))
        waiting = {}
        for name, gap in (("together", 0.0), ("apart", GAP)):
            times = []
            for _ in range(60):
                until = time.perf_counter() + gap
                while time.perf_counter() < until:
                    pass
                started = time.perf_counter()
                encoder.encode_question(text)
                times.append(time.perf_counter() - started)
            waiting[name] = statistics.median(times)
        padded = -(-length // QUESTION_STEP) * QUESTION_STEP
        row = {"tokens": length, **{f"ms_{name}": seconds * 1e3 for name, seconds in waiting.items()}}
        rows.append({**row, "share_of_limit": multiply_adds(padded) / waiting["together"] / 1e9 / limit})
    return rows


def search(scratch: Path, limit: float) -> list[dict[str, float]]:
    """Measure searches through different numbers of vectors on one core."""
    rows = []
    generator = np.random.default_rng(1)
    for size in SIZES:
        vectors = generator.standard_normal((size, 384), dtype=np.float32)
        path = scratch / f"{size}.faiss"
        write_vectors(path, [vectors], *vectors.shape)
        with path.open("rb") as file:
            stored = Vectors(path, file, size, 384)
        question = vectors[7] / np.linalg.norm(vectors[7])
        seconds = best(lambda stored=stored, question=question: stored.nearest(question, 50))  # type: ignore[misc]
        read = size * 384 * 2 / seconds / 1e9
        rows.append({"vectors": size, "ms": seconds * 1e3, "gb_per_s": read, "share_of_limit": read / limit})
    return rows


def operations(encoder: OpenVinoEncoder) -> dict[str, float]:
    """Return the share of each kind of operation in a batch of rows of 32 tokens."""
    graph = openvino.Core().compile_model(
        encoder.graph, "CPU", {"NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32", "PERF_COUNT": True}
    )
    request = graph.create_infer_request()
    shape = (BATCH_TOKENS // 32, 32)
    vectors = np.random.default_rng(1).standard_normal((*shape, model_sizes()[1]), dtype=np.float32) / 25
    inputs = {"inputs_embeds": vectors, "attention_mask": np.ones(shape, np.int64)}
    spent: Counter[str] = Counter()
    for _ in range(20):
        request.infer(inputs)
        for node in request.profiling_info:
            spent[f"{node.node_type} ({node.exec_type})"] += node.real_time.total_seconds()
    total = spent.total()
    return {name: seconds / total for name, seconds in spent.most_common(8)}


def main(folder: Path) -> None:
    """Measure everything and write it down."""
    settings = read_settings()
    encoder = load_encoder(settings.model, settings.cache, "openvino")
    if not isinstance(encoder, OpenVinoEncoder):
        raise SystemExit(f"{settings.model} does not convert to OpenVINO, so there is no int8 graph to measure")
    cores = os.cpu_count() or 1
    limits = {"one_core": int8_limit(1), "all_cores": int8_limit(cores)}
    memory = memory_limit()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        texts = {f"{name}.md": text for name, text in chunking_corpora(folder).items()}
        build_and_open(texts, scratch, "chunking").close()
        with open_current(IndexPaths(scratch / "chunking" / "index")) as snapshot:
            stored = [p for d in snapshot.store.documents for p in snapshot.store.passages_of(d)]
            sentences = [p.sentence_text(sentence) for p in stored for sentence in p.passage.sentences]
        figures: dict[str, Any] = {
            "cores": cores,
            "int8_gmac_per_s": limits,
            "read_gb_per_s": memory,
            "encoding": encoding(encoder, sentences[:: max(1, len(sentences) // SENTENCES)], limits["all_cores"]),
            "questions": questions(encoder, limits["all_cores"]),
            "search": search(scratch, memory),
            "operations": operations(encoder),
        }
    OUT.mkdir(exist_ok=True)
    text = json.dumps(figures, indent=2)
    (OUT / "roofline.json").write_text(text + "\n", "utf-8")
    print(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
