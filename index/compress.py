"""Making the candidates of very many vectors (candidates.py), and measuring how many of the nearest they find.

Memory hardly grows with the vectors: the lists' centroids are learnt on a sample, vectors are taken in blocks to find
the list and the code of each, which go to disk, and these are brought in order part by part. Only where very many
vectors are nearly the same, so that one list has them all, is a part as large as they are.
The same vectors give the same bytes, whatever the number of threads.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from index.candidates import KIND, MOST_BYTES, MOST_LISTS, Candidates, RowArray, code_bytes, empty_lists, head
from index.encode.protocol import FloatArray
from index.layout import TEMPORARY, SnapshotPaths, synced
from index.manifest import AUTO, COMPRESSED, EXACT, Counts, SearchRecord
from index.records import Progress, no_progress
from index.vectors import Vectors

COMPRESS_ABOVE = 100_000
"""Vectors that are compared one and all at most: of more, candidates take less than half the time (docs/scale.md)."""

RECALL = 0.98
"""Share of the hundred nearest that candidates must find."""

WAYS = ((64, 10), (128, 10), (128, 20), (256, 20), (512, 20), (512, 40))
"""Probes and candidates for each vector wanted, the quickest first: the first one that finds enough is taken."""

DEPTH = 100
QUESTIONS = 100
"""Of the nearest, and for how many vectors, recall is measured."""

NEARNESS = 0.75
"""Cosine of each of these with the vector that it was made of. With this, what is measured is a little less than what
real questions find (docs/scale.md)."""

_SAMPLE = 3 * 2**16
"""Vectors that centroids are learnt on at most, 24 for each of 8,192."""
_A_LIST = 32
_ROUNDS = 8
_PART = 2**18
"""Vectors whose codes are sorted in memory at a time, about."""
_ROUNDING = np.float32(1e-6)
"""By so much may two ways of computing a cosine differ."""


def write_all_candidates(
    paths: SnapshotPaths, counts: Counts, dimension: int, search: str, progress: Progress = no_progress
) -> tuple[SearchRecord, SearchRecord]:
    """Write the candidates of the sentences and passages of a snapshot whose vectors are written.

    Returns how both are to be searched; the rest is as ``write_candidates`` says.
    """
    progress("sort", 0, 0)
    done = []
    for path, lists, count in (
        (paths.vectors, paths.candidates, counts.sentences),
        (paths.passage_vectors, paths.passage_candidates, counts.passages),
    ):
        with path.open("rb") as file:
            done.append(write_candidates(lists, Vectors(path, file, count, dimension), search, progress))
    return done[0], done[1]


def write_candidates(path: Path, vectors: Vectors, search: str, progress: Progress = no_progress) -> SearchRecord:
    """Write the candidates of ``vectors`` into the new file ``path``, or nothing where all are to be compared.

    ``search`` is one of ``index.manifest.SEARCHES``. Returns how the nearest will be found, with the recall that was
    measured. Where no way finds enough, the file is removed again and all are compared. Raises OSError where the disk
    fails.
    """
    if search != COMPRESSED and not (search == AUTO and len(vectors) > COMPRESS_ABOVE):
        return SearchRecord(kind=EXACT)
    centroids = _centroids(vectors)
    questions = questions_like(vectors, seed=1)
    bars = _Bars(questions, len(vectors))
    _write(path, vectors, centroids, bars, progress)
    with path.open("rb") as file:
        found = Candidates(path, file, len(vectors), vectors.dimension, len(centroids))
    for probes, factor in WAYS:
        way = SearchRecord(kind=KIND, lists=len(centroids), probes=min(probes, len(centroids)), factor=factor)
        share = float(_shares(vectors, partial(vectors.by_way_of, found, way), questions, bars).mean())
        if share >= RECALL:
            return replace(way, recall=round(share, 4))
    del found  # a file that is mapped can't be removed everywhere
    path.unlink()
    return SearchRecord(kind=EXACT)


def questions_like(vectors: Vectors, seed: int) -> FloatArray:
    """Return vectors that lie to some of those stored as questions do: shape (at most QUESTIONS, dimension), float32.

    Each is a stored vector with noise in all directions, so that its cosine with that vector is NEARNESS.
    """
    generator = np.random.default_rng(seed)
    rows = np.sort(generator.choice(len(vectors), min(QUESTIONS, len(vectors)), replace=False))
    noise = generator.standard_normal((len(rows), vectors.dimension), dtype=np.float32)
    return _unit(_unit(vectors.take(rows)) + _unit(noise) * np.float32((1 / NEARNESS**2 - 1) ** 0.5))


def measured_recall(vectors: Vectors, seed: int) -> tuple[float, float]:
    """Return the share of the hundred nearest that ``vectors.nearest`` finds, and the standard error of that.

    The share is the mean over questions drawn by ``seed``.
    """
    questions = questions_like(vectors, seed)
    bars = _Bars(questions, len(vectors))
    for block in vectors.blocks():
        bars.see(block)
    shares = _shares(vectors, vectors.nearest, questions, bars)
    return float(shares.mean()), float(shares.std() / math.sqrt(len(shares)))


class _Bars:
    """The cosines of each question's nearest vectors among those that were seen."""

    def __init__(self, questions: FloatArray, count: int) -> None:
        self._questions = questions
        self._best = np.full((len(questions), min(DEPTH, count)), -np.inf, dtype=np.float32)

    def see(self, block: FloatArray) -> None:
        depth = self._best.shape[1]
        both = np.concatenate((self._best, self._questions @ block.T), axis=1)
        self._best = np.partition(both, -depth, axis=1)[:, -depth:]

    def least(self) -> FloatArray:
        """Return the cosine of each question's hundredth: shape (questions,), float32."""
        least: FloatArray = self._best.min(axis=1)
        return least


def _shares(
    vectors: Vectors, nearest: Callable[[FloatArray, int], RowArray], questions: FloatArray, bars: _Bars
) -> NDArray[np.float64]:
    """Return the share of each question's nearest that were found. Among equal vectors, either counts."""
    found = [
        (vectors.cosines(question, nearest(question, DEPTH)) >= least - _ROUNDING).sum()
        for question, least in zip(questions, bars.least(), strict=True)
    ]
    return np.array(found) / min(DEPTH, len(vectors))


def _lists(count: int, dimension: int) -> int:
    """Return how many lists ``count`` vectors are sorted into: four times the root, rounded up to a power of two."""
    wanted: int = 2 ** math.ceil(math.log2(4 * math.sqrt(count)))
    return min(wanted, count, MOST_LISTS, MOST_BYTES // (4 * dimension))


def _centroids(vectors: Vectors) -> FloatArray:
    """Return the centroids of the lists: shape (lists, dimension), float32, length 1."""
    count, lists = len(vectors), _lists(len(vectors), vectors.dimension)
    size = min(lists * _A_LIST, _SAMPLE, count)
    within = np.random.default_rng(0).random(size)  # one of every so many, not always the same of them
    sample = vectors.take(((np.arange(size) + within) * (count / size)).astype(np.int64))
    with _all_cores():
        learnt = faiss.Kmeans(
            vectors.dimension,
            lists,
            niter=_ROUNDS,
            seed=1,
            spherical=True,
            min_points_per_centroid=1,
            max_points_per_centroid=size,
        )
        learnt.train(sample)
    centroids: Any = learnt.centroids
    return np.asarray(centroids, dtype=np.float32)


def _write(path: Path, vectors: Vectors, centroids: FloatArray, bars: _Bars, progress: Progress) -> None:
    """Write the file and show all vectors to ``bars``.

    Codes go into parts first, each for as many of the lists as the others.
    """
    lists, dimension = centroids.shape
    index, size = empty_lists(centroids), code_bytes(dimension)
    record = np.dtype([("list", "<u2"), ("row", "<i8"), ("code", "u1", (size,))])
    lengths = np.zeros(lists, dtype="<u8")
    count = min(-(-len(vectors) // _PART), lists)
    bounds = np.linspace(0, lists, count + 1).astype(np.int64)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix=path.name, suffix=TEMPORARY, dir=path.parent)))
        parts = [stack.enter_context((folder / str(number)).open("w+b")) for number in range(count)]
        first = 0
        for block in vectors.blocks():
            found = np.empty(len(block), dtype=record)
            found["list"], found["code"] = _encoded(index, block, size)
            found["row"] = np.arange(first, first + len(block))
            lengths += np.bincount(found["list"], minlength=lists).astype("<u8")
            found = found[np.argsort(found["list"], kind="stable")]
            ends = np.searchsorted(found["list"], bounds)
            for part, (start, end) in zip(parts, pairwise(ends), strict=True):
                part.write(found[start:end].tobytes())
            bars.see(block)
            first += len(block)
            progress("sort", first, len(vectors))
        before, after = head(len(vectors), lists, dimension)
        with synced(path) as file:
            file.write(before + centroids.astype("<f4").tobytes() + after + lengths.tobytes())
            for part, (start, end) in zip(parts, pairwise(bounds), strict=True):
                part.seek(0)
                found = np.frombuffer(part.read(), dtype=record)
                found = found[np.argsort(found["list"], kind="stable")]
                edges = np.searchsorted(found["list"], np.arange(start, end + 1))
                for at, to in pairwise(edges):
                    file.write(found["code"][at:to].tobytes())
                    file.write(found["row"][at:to].tobytes())


def _encoded(index: Any, block: FloatArray, size: int) -> tuple[RowArray, NDArray[np.uint8]]:
    """Return the list of each vector, shape (vectors,), and its code, shape (vectors, size)."""
    codes = np.empty((len(block), size), dtype=np.uint8)
    with _all_cores():
        _, nearest = index.quantizer.search(block, 1)
        owners = np.ascontiguousarray(nearest[:, 0])
        index.encode_vectors(len(block), faiss.swig_ptr(block), faiss.swig_ptr(owners), faiss.swig_ptr(codes))
    return owners, codes


def _unit(vectors: FloatArray) -> FloatArray:
    """Return each row at length 1; a row of zeros stays one."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)


@contextmanager
def _all_cores() -> Iterator[None]:
    """Let FAISS use all cores; it uses one otherwise."""
    faiss.omp_set_num_threads(os.cpu_count() or 1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(1)
