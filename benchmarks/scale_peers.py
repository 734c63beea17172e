"""hnswlib and usearch on the vectors of benchmarks/scale.py; run by it with an environment of their own.

``python benchmarks/scale_peers.py STEP ENGINE VECTORS QUESTIONS COUNT PATH`` builds in that engine, or searches
question by question on one thread, and prints a line of JSON. Both take the same parameters: 16 links a vector, 200
looked at while building and while searching. usearch keeps half precision, as we do; hnswlib has single precision.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

LINKS, LOOKED_AT = 16, 200
STEP = 16_384


class Hnswlib:
    """hnswlib, whose index is loaded into memory."""

    def build(self, vectors: Any, path: Path) -> None:
        """Index all vectors and write the index."""
        import hnswlib

        index = hnswlib.Index(space="ip", dim=vectors.shape[1])
        index.init_index(max_elements=len(vectors), M=LINKS, ef_construction=LOOKED_AT, random_seed=1)
        for first in range(0, len(vectors), STEP):
            index.add_items(np.asarray(vectors[first : first + STEP], np.float32), num_threads=os.cpu_count())
        index.save_index(str(path))

    def open(self, path: Path, count: int, dimension: int) -> None:
        """Open a written index of ``count`` vectors to be searched."""
        import hnswlib

        self._index = hnswlib.Index(space="ip", dim=dimension)
        self._index.load_index(str(path), max_elements=count)
        self._index.set_ef(LOOKED_AT)

    def search(self, question: Any, count: int) -> Any:
        """Return the rows that are nearest to a question."""
        return self._index.knn_query(question[None, :], k=count, num_threads=1)[0][0]


class Usearch:
    """usearch, whose index is mapped."""

    def build(self, vectors: Any, path: Path) -> None:
        """Index all vectors and write the index."""
        from usearch.index import Index

        index = Index(
            ndim=vectors.shape[1], metric="ip", dtype="f16", connectivity=LINKS,
            expansion_add=LOOKED_AT, expansion_search=LOOKED_AT,
        )  # fmt: skip
        for first in range(0, len(vectors), STEP):
            block = np.asarray(vectors[first : first + STEP])
            index.add(np.arange(first, first + len(block)), block, threads=os.cpu_count() or 1)
        index.save(str(path))

    def open(self, path: Path, count: int, dimension: int) -> None:
        """Open a written index of ``count`` vectors to be searched."""
        from usearch.index import Index

        self._index = Index(ndim=dimension, metric="ip", dtype="f16", expansion_search=LOOKED_AT)
        self._index.view(str(path))
        assert len(self._index) == count

    def search(self, question: Any, count: int) -> Any:
        """Return the rows that are nearest to a question."""
        return self._index.search(question, count, threads=1).keys


ENGINES = {"hnswlib": Hnswlib, "usearch": Usearch}


def resident() -> int:
    """Return the MiB of memory that this process holds, mapped files included."""
    with Path("/proc/self/status").open(encoding="ascii") as file:
        return next(int(line.split()[1]) // 1024 for line in file if line.startswith("VmRSS"))


def main(step: str, name: str, source: Path, questions: Path, count: int, path: Path) -> None:
    engine: Any = ENGINES[name]()
    vectors = np.load(source, mmap_mode="r")
    if step == "build":
        started = time.perf_counter()
        engine.build(vectors, path)
        print(json.dumps({"build_s": time.perf_counter() - started, "disk": path.stat().st_size}))
        return
    asked = np.load(questions)
    before = resident()
    engine.open(path, *vectors.shape)
    times, found = [], []
    for question in asked:
        started = time.perf_counter()
        found.append([int(row) for row in engine.search(question, count)])
        times.append((time.perf_counter() - started) * 1e3)
    print(json.dumps({"ms": times, "found": found, "memory_mib": resident() - before}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), int(sys.argv[5]), Path(sys.argv[6]))
