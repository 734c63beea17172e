"""Candidates of very many vectors: what is written, what is found, and what is not read."""

from __future__ import annotations

import errno
import gc
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from index import build, compress
from index.candidates import Candidates, code_bytes, empty_lists, head
from index.compress import RECALL, measured_recall, write_candidates
from index.encode.protocol import FloatArray
from index.errors import SnapshotDamaged
from index.examine import recalls
from index.layout import IndexPaths
from index.manifest import FileRecord, SearchRecord, write_manifest
from index.snapshot import current_id, load_manifest, open_current
from index.vectors import Vectors, write_vectors
from qa.cli import cli
from tests.conftest import ROOT
from tests.fakes import HashEncoder

COUNT, DIMENSION = 3_000, 32
EXACT = SearchRecord(kind="exact")


def clustered(count: int = COUNT, seed: int = 1) -> FloatArray:
    """Return vectors of length 1 around forty centres."""
    generator = np.random.default_rng(seed)
    centres = generator.standard_normal((40, DIMENSION))
    rows = centres[generator.integers(0, 40, count)] + 0.6 * generator.standard_normal((count, DIMENSION))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def opened(folder: Path, vectors: FloatArray, search: str = "compressed") -> tuple[Vectors, SearchRecord]:
    """Write vectors and their candidates and open both."""
    path, lists = folder / "vectors.faiss", folder / "candidates.faiss"
    folder.mkdir(exist_ok=True)
    write_vectors(path, [vectors], len(vectors), vectors.shape[1])
    with path.open("rb") as file:
        plain = Vectors(path, file, len(vectors), DIMENSION)
        how = write_candidates(lists, plain, search)
        if how.kind == "exact":
            return plain, how
        with lists.open("rb") as other:
            found = Candidates(lists, other, len(vectors), DIMENSION, how.lists)
        return Vectors(path, file, len(vectors), DIMENSION, (found, how)), how


def test_how_the_nearest_are_found_goes_by_number_unless_it_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = clustered(300)
    for search, limit, kind in (
        ("auto", 300, "exact"), ("auto", 9, "ivf-rabitq-1"), ("exact", 9, "exact"), ("compressed", 300, "ivf-rabitq-1")
    ):  # fmt: skip
        monkeypatch.setattr(compress, "COMPRESS_ABOVE", limit)
        _, how = opened(tmp_path, vectors, search)
        assert (search, how.kind) == (search, kind)
        assert (tmp_path / "candidates.faiss").exists() == (kind != "exact")
        (tmp_path / "candidates.faiss").unlink(missing_ok=True)
        (tmp_path / "vectors.faiss").unlink()


def test_nearly_all_of_the_nearest_are_found_with_their_own_cosines(tmp_path: Path) -> None:
    vectors = clustered()
    found, how = opened(tmp_path, vectors)
    assert how == SearchRecord(kind="ivf-rabitq-1", lists=256, probes=how.probes, factor=how.factor, recall=how.recall)
    assert how.recall >= RECALL
    stored = found.take(np.arange(COUNT))
    shares = []
    for question in clustered(50, seed=2):
        rows = found.nearest(question, 20)
        cosines = found.cosines(question, rows)
        assert len(set(rows.tolist())) == 20
        assert list(zip(-cosines, rows, strict=True)) == sorted(zip(-cosines, rows, strict=True))
        assert np.allclose(cosines, stored[rows] @ question, atol=1e-6)
        shares.append(len(np.intersect1d(rows, np.argsort(-(stored @ question), kind="stable")[:20])) / 20)
    assert np.mean(shares) >= 0.95  # of twenty, which is harder than of a hundred
    assert measured_recall(found, seed=2)[0] >= RECALL


def test_rows_of_a_large_file_are_read_as_others_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mapped, _ = opened(tmp_path / "mapped", clustered())
    monkeypatch.setattr("index.vectors.LARGE", 0)
    read, _ = opened(tmp_path / "read", clustered())
    rows = np.array([7, 8, 9, 3, 4, COUNT - 1, 0, 0, 1])
    assert read.take(rows).tobytes() == mapped.take(rows).tobytes()
    assert read.take(rows[:0]).shape == (0, DIMENSION)
    assert b"".join(block.tobytes() for block in read.blocks()) == mapped.take(np.arange(COUNT)).tobytes()
    for question in clustered(5, seed=2):
        assert read.cosines(question, rows).tolist() == mapped.cosines(question, rows).tolist()
        assert read.nearest(question, 20).tolist() == mapped.nearest(question, 20).tolist()
    if hasattr(os, "pread"):  # where there is none, they are looked at
        os.truncate(tmp_path / "read" / "vectors.faiss", 10_000)
        with pytest.raises(SnapshotDamaged, match=r"vectors.faiss ends before its last vector; rebuild the index"):
            read.take(rows)

        def fail(*_: int) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(os, "pread", fail)
        with pytest.raises(SnapshotDamaged, match=r"vectors.faiss can't be read \(Input/output error\); rebuild"):
            read.take(rows)


@pytest.mark.skipif(not hasattr(os, "pread"), reason="where rows can't be read they are looked at")
def test_a_large_file_is_let_go_of_with_its_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.vectors.LARGE", 0)
    duplicated: list[int] = []

    def dup(number: int, real: Callable[[int], int] = os.dup) -> int:
        duplicated.append(real(number))
        return duplicated[-1]

    monkeypatch.setattr(os, "dup", dup)
    found, _ = opened(tmp_path, clustered(100), "exact")
    assert os.fstat(duplicated[-1]).st_size
    del found
    gc.collect()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(duplicated[-1])


class Listed:
    """Candidates with given estimates."""

    def __init__(self, rows: NDArray[np.int64], estimates: FloatArray) -> None:
        order = np.argsort(-estimates, kind="stable")
        self._rows, self._estimates = rows[order], estimates[order]

    def best(self, vector: FloatArray, count: int, probes: int, allowed: Any) -> tuple[NDArray[np.int64], FloatArray]:
        return self._rows[:count], self._estimates[:count]


def asked_of(
    found: Vectors, question: FloatArray, off: FloatArray, count: int, among: NDArray[np.int64]
) -> tuple[list[int], int]:
    """Return what is found where the estimates of these rows are ``off``, and how many were compared."""
    compared = 0
    estimates = found.cosines(question, among) + off

    def cosines(vector: FloatArray, rows: NDArray[np.int64]) -> FloatArray:
        nonlocal compared
        compared += len(rows)
        return Vectors.cosines(found, vector, rows)

    found.cosines = cosines  # type: ignore[method-assign]
    try:
        lists: Any = Listed(among, estimates)
        how = SearchRecord(kind="ivf-rabitq-1", lists=1, probes=1, factor=8)
        return found.by_way_of(lists, how, question, count).tolist(), compared
    finally:
        del found.cosines


def test_of_candidates_only_those_are_compared_that_may_be_better(tmp_path: Path) -> None:
    found, _ = opened(tmp_path, clustered(), "exact")
    question = clustered(1, seed=4)[0]
    among = np.argsort(-found.cosines(question, np.arange(COUNT)), kind="stable")[:160]
    noise = np.random.default_rng(3).normal(0.1, 0.005, 160).astype(np.float32)
    rows, compared = asked_of(found, question, noise, 20, among)
    assert rows == among[:20].tolist()
    assert 40 <= compared < 120
    few = among[:7]  # fewer than are wanted
    assert asked_of(found, question, noise[:7], 20, few) == (few.tolist(), 7)


def test_copies_of_one_vector_do_not_tell_how_far_estimates_are_off(tmp_path: Path) -> None:
    vectors = clustered()
    question = vectors[0]
    vectors[100:160] = 0.9 * question + np.sqrt(1 - 0.9**2) * (vectors[1] - (vectors[1] @ question) * question)
    vectors[100:160] /= np.linalg.norm(vectors[100])
    found, _ = opened(tmp_path, vectors, "exact")
    among = np.concatenate((np.arange(100, 160), [0], np.arange(200, 299)))
    off = np.full(160, 0.2, np.float32)
    off[60] = -0.5  # the best of all, whose estimate is far too low
    assert asked_of(found, question, off, 20, among)[0][0] == 0


def test_only_allowed_rows_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = opened(tmp_path, clustered())
    stored = found.take(np.arange(COUNT))
    question = clustered(1, seed=3)[0]
    order = np.argsort(-(stored @ question), kind="stable")
    for few in (50_000, 0):  # compared one and all, and by way of candidates
        monkeypatch.setattr("index.vectors.FEW", few)
        for allowed in (np.arange(COUNT) % 2 == 0, np.arange(COUNT) < 900, stored @ stored[order[-1]] > 0.4):
            rows = found.nearest(question, 5, allowed)
            assert allowed[rows].all()
            assert len(np.intersect1d(rows, order[allowed[order]][:5])) >= 4
        assert found.nearest(question, 5, np.arange(COUNT) == 7).tolist() == [7]
        assert found.nearest(question, 5, np.zeros(COUNT, dtype=bool)).tolist() == []


def test_where_all_are_wanted_all_are_found(tmp_path: Path) -> None:
    found, _ = opened(tmp_path, clustered())
    assert sorted(found.nearest(clustered(1)[0], COUNT).tolist()) == list(range(COUNT))


@pytest.mark.parametrize("count", [1, 2, 7])
def test_very_few_vectors_can_be_compressed(tmp_path: Path, count: int) -> None:
    vectors = clustered(count)
    found, how = opened(tmp_path, vectors)
    assert (how.recall, how.lists) == (1.0, {1: 1, 2: 2, 7: 7}[count])
    assert found.nearest(vectors[0], 50)[0] == 0
    assert len(found.nearest(vectors[0], 50)) == count


def test_equal_vectors_and_vectors_without_direction_can_be_compressed(tmp_path: Path) -> None:
    vectors = np.concatenate((np.zeros((700, DIMENSION), np.float32), np.tile(clustered(1), (900, 1))))
    found, how = opened(tmp_path, vectors)
    assert how.recall == 1.0
    assert found.nearest(vectors[-1], 20).tolist() == list(range(700, 720))


def test_where_too_few_are_found_all_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compress, "WAYS", ((1, 1), (1, 2)))
    found, how = opened(tmp_path, clustered())
    assert how == EXACT
    assert not (tmp_path / "candidates.faiss").exists()
    assert len(found.nearest(clustered(1)[0], 10)) == 10


def test_more_lists_are_looked_into_until_enough_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compress, "WAYS", ((1, 1), (1, 2), (256, 30)))
    assert opened(tmp_path, clustered())[1].probes == 256


SCRIPT = """
import hashlib, sys
from pathlib import Path
from tests.test_candidates import clustered, opened
opened(Path(sys.argv[1]), clustered())
print(hashlib.sha256((Path(sys.argv[1]) / "candidates.faiss").read_bytes()).hexdigest())
"""


def test_the_same_bytes_in_every_process_and_with_any_number_of_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = set()
    for name, environment in (("one", {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}), ("many", {})):
        (tmp_path / name).mkdir()
        command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", SCRIPT, str(tmp_path / name)]
        inherited = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
        found.add(subprocess.run(command, env=inherited, capture_output=True, text=True, check=True).stdout)
    monkeypatch.setattr(compress, "_PART", 700)
    (tmp_path / "here").mkdir()
    opened(tmp_path / "here", clustered())
    found.add(hashlib.sha256((tmp_path / "here" / "candidates.faiss").read_bytes()).hexdigest() + "\n")
    assert len(found) == 1
    assert sorted(os.listdir(tmp_path / "here")) == ["candidates.faiss", "vectors.faiss"]


def test_faiss_would_have_written_the_same(tmp_path: Path) -> None:
    vectors = clustered()
    found, how = opened(tmp_path, vectors)
    data = (tmp_path / "candidates.faiss").read_bytes()
    before, _ = head(COUNT, how.lists, DIMENSION)
    centroids = np.frombuffer(data[len(before) :][: 4 * how.lists * DIMENSION], dtype="<f4")
    other = empty_lists(centroids.reshape(how.lists, DIMENSION).copy())
    other.add(found.take(np.arange(COUNT)))
    assert faiss.serialize_index(other).tobytes() == data
    assert code_bytes(DIMENSION) == other.code_size


def bad_files(data: bytes, how: SearchRecord) -> dict[str, bytes]:
    """Return files of candidates that are not ours, or lie about their sizes."""
    before, after = head(COUNT, how.lists, DIMENSION)
    lengths = len(before) + 4 * how.lists * DIMENSION + len(after)
    first = int.from_bytes(data[lengths : lengths + 8], "little")
    huge = (2**63).to_bytes(8, "little")
    vectors = clustered()
    other = faiss.index_factory(DIMENSION, "IVF256,Flat", faiss.METRIC_INNER_PRODUCT)
    other.train(vectors)
    other.add(vectors)
    return {
        "empty": b"",
        "short": data[:100],
        "cut in the lengths": data[: lengths + 20],
        "a byte less": data[:-1],
        "a byte more": data + b"\0",
        "more rows": data[:8] + huge + data[16:],
        "more lists": data[:-1].replace(how.lists.to_bytes(8, "little"), huge, 1) + data[-1:],
        "a huge list": data[:lengths] + huge + data[lengths + 8 :],
        "a longer list": data[:lengths] + (first + 1).to_bytes(8, "little") + data[lengths + 8 :],
        "lists that wrap around": data[:lengths] + huge + huge + data[lengths + 16 :],
        "another kind": faiss.serialize_index(other).tobytes(),
    }


def test_the_reader_is_not_called_for_what_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, how = opened(tmp_path, clustered())
    path = tmp_path / "candidates.faiss"
    data = path.read_bytes()
    monkeypatch.setattr(faiss, "read_index", lambda *_: pytest.fail("FAISS's reader was called"))
    for kind, bad in bad_files(data, how).items():
        path.write_bytes(bad)
        with path.open("rb") as file, pytest.raises(SnapshotDamaged, match=r"; rebuild the index: qa build$") as caught:
            Candidates(path, file, COUNT, DIMENSION, how.lists)
        assert str(path) in str(caught.value), kind
    path.write_bytes(data)
    for lists in (0, 2**40):
        with path.open("rb") as file, pytest.raises(SnapshotDamaged):
            Candidates(path, file, COUNT, DIMENSION, lists)


def test_a_row_that_there_is_not_is_damage(tmp_path: Path) -> None:
    found, how = opened(tmp_path, clustered())
    path = tmp_path / "candidates.faiss"
    data = path.read_bytes()
    row = int(found.nearest(clustered(1)[0], 1)[0])
    path.write_bytes(data[:20_000] + data[20_000:].replace(row.to_bytes(8, "little"), (2**40).to_bytes(8, "little")))
    with path.open("rb") as file:
        lists = Candidates(path, file, COUNT, DIMENSION, how.lists)
    with pytest.raises(
        SnapshotDamaged, match=rf"^{path} names vector 1099511627776 of {COUNT}; rebuild the index: qa "
    ):
        lists.best(clustered(1)[0], 500, how.lists)

    path.write_bytes(data[:20_000] + data[20_000:].replace(row.to_bytes(8, "little"), b"\xfe" + b"\xff" * 7))
    with path.open("rb") as file:
        lists = Candidates(path, file, COUNT, DIMENSION, how.lists)
    with pytest.raises(SnapshotDamaged, match=rf"^{path} names vector -2 of {COUNT}; rebuild the index: qa build$"):
        lists.best(clustered(1)[0], 500, how.lists)


@pytest.fixture
def compressed(tmp_path: Path, seeds: Path, encoder: HashEncoder) -> Path:
    """An index whose nearest vectors are found by way of candidates."""
    (seeds / "many.txt").write_text(
        "".join(f"Frog number {n} sings of stone {n * 7}.\n\n" for n in range(700)), "utf-8"
    )
    build(seeds, tmp_path / "compressed", encoder, search="compressed")
    return tmp_path / "compressed"


def test_a_snapshot_states_how_it_is_searched(compressed: Path, seeds: Path, encoder: HashEncoder) -> None:
    first = load_manifest(IndexPaths(compressed).snapshot(os.listdir(compressed / "snapshots")[0]))
    assert first.search == "compressed"
    assert (first.sentence_search.kind, first.passage_search.kind) == ("ivf-rabitq-1", "ivf-rabitq-1")
    assert {"candidates.faiss", "passage_candidates.faiss"} <= first.files.keys()
    report = build(seeds, compressed, encoder, search="exact")
    with open_current(IndexPaths(compressed)) as snapshot:
        exact = snapshot.manifest
    assert (exact.search, exact.sentence_search, exact.passage_search) == ("exact", EXACT, EXACT)
    assert report.snapshot == exact.id != first.id
    assert report.reused == report.sentences
    assert exact.files.items() == {n: r for n, r in first.files.items() if "candidates" not in n}.items()


@pytest.mark.parametrize("other", [{"kind": "hnsw"}, {"probes": 0}, {"probes": 10**6}, {"factor": 0}])
def test_a_way_of_searching_that_is_not_known_is_refused(compressed: Path, other: dict[str, Any]) -> None:
    paths = IndexPaths(compressed).snapshot(current_id(IndexPaths(compressed)))
    manifest = load_manifest(paths)
    way = replace(manifest.sentence_search, **other)
    paths.manifest.write_bytes(write_manifest(replace(manifest, sentence_search=way, checksum="")))
    with pytest.raises(SnapshotDamaged) as caught:
        open_current(IndexPaths(compressed))
    assert str(caught.value) == (
        f"{paths.manifest} names no way of searching that is known; rebuild the index: qa build"
    )


def test_the_doctor_tells_of_a_broken_index_also_where_recall_is_asked(compressed: Path) -> None:
    IndexPaths(compressed).current.write_text("x")
    said = CliRunner().invoke(cli, ["doctor", "--recall", "--index", str(compressed)], standalone_mode=False)
    assert said.return_value == 1
    assert "CURRENT" in said.output
    assert "nearest" not in said.output


def test_a_small_snapshot_has_no_candidates(built: Path) -> None:
    with open_current(IndexPaths(built)) as snapshot:
        assert (snapshot.manifest.search, snapshot.manifest.sentence_search) == ("auto", EXACT)
        assert not any("candidates" in name for name in snapshot.manifest.files)


def test_candidates_that_are_not_ours_are_not_read_though_the_manifest_names_them(
    compressed: Path,
) -> None:
    with open_current(IndexPaths(compressed)) as snapshot:
        paths, manifest = snapshot.paths, snapshot.manifest
    data = paths.candidates.read_bytes()[:-8]
    paths.candidates.write_bytes(data)
    record = FileRecord(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    paths.manifest.write_bytes(
        write_manifest(replace(manifest, files={**manifest.files, "candidates.faiss": record}, checksum=""))
    )
    with pytest.raises(SnapshotDamaged, match=r"candidates\.faiss does not hold candidates for 710 vectors of 32 numb"):
        open_current(IndexPaths(compressed))


def test_recall_is_measured_again(compressed: Path, built: Path) -> None:
    for one in recalls(IndexPaths(compressed)):
        assert one.search.kind == "ivf-rabitq-1"
        assert one.found >= RECALL
        assert one.problem == ""
    assert [(one.of, one.search, one.found, one.problem) for one in recalls(IndexPaths(built))] == [
        ("sentences", EXACT, 1.0, ""), ("passages", EXACT, 1.0, "")
    ]  # fmt: skip


def test_the_doctor_measures_recall(compressed: Path, built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = partial(CliRunner().invoke, standalone_mode=False)  # returns the code of the command
    said = run(cli, ["doctor", "--recall", "--index", str(built)])
    assert said.return_value == 0
    assert said.output.splitlines()[:2] == ["sentences: all are compared", "passages: all are compared"]
    said = run(cli, ["doctor", "--recall", "--index", str(compressed)])
    assert said.return_value == 0
    assert re.match(
        r"sentences: [01]\.\d{3} of the hundred nearest are found, [01]\.\d{3} when it was built "
        r"\(64 of 128 lists, 10 candidates for each\)\npassages: ",
        said.output,
    )
    shown = " ".join(run(cli, ["status", "--index", str(compressed)]).output.split())
    assert re.search(r"Search sentences: [01]\.\d{3} of the nearest found in 64 of 128 lists; passages: [01]\.", shown)
    told = json.loads(run(cli, ["doctor", "--recall", "--json", "--index", str(compressed)]).output)
    assert told["findings"] == []
    assert [(one["of"], one["search"]["kind"]) for one in told["recall"]] == [
        ("sentences", "ivf-rabitq-1"), ("passages", "ivf-rabitq-1")
    ]  # fmt: skip
    monkeypatch.setattr("index.examine.measured_recall", lambda *_, **__: (0.9793, 0.0003))
    said = run(cli, ["doctor", "--recall", "--index", str(compressed)])
    assert said.return_value == 1
    assert (
        "0.979 of the nearest sentences are found, expected 0.98; have all compared: qa build --search exact"
        in said.output
    )
