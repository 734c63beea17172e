"""Builds whose memory does not grow with the seeds: parts however small give the same snapshot; what they keep."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import index.aside
import index.known
import index.postings
import index.prepare
from index import build
from index.arrays import new_array, open_array
from index.encode import FloatArray
from index.examine import examine
from index.known import Known, digest
from index.layout import IndexPaths
from index.records import Progress
from index.texts import Text, build_texts
from index.vectors import halved, unhalved
from tests.fakes import HashEncoder
from tests.test_build import snapshot_tree

WORDS = "oak elm ash yew fir bay box fig pear plum rowan birch".split()


def sentence(number: int) -> str:
    return (
        " ".join(WORDS[(number * 7 + at * at + number // 12) % 12] for at in range(3 + number % 6)).capitalize() + "."
    )


def write_seeds(folder: Path, documents: int, changed: int = -1) -> Path:
    """Write documents of which many sentences occur again; ``changed`` gets another sentence in its middle."""
    folder.mkdir(exist_ok=True)
    for number in range(documents):
        said = [sentence(number * 3 + at) for at in range(4 + number % 9)]
        if number == changed:
            said.insert(2, "A new sentence about hazels.")
        (folder / f"{number:02}.md").write_text(f"# Wood {number}\n\n{' '.join(said)}\n\n{said[0]}\n", "utf-8")
    return folder


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that is done in parts is done in tiny ones, and nothing of it stays in memory."""
    monkeypatch.setattr(index.prepare, "BATCH", 3)
    monkeypatch.setattr(index.prepare, "HELD", 2)
    monkeypatch.setattr(index.prepare, "RECENT", 2)
    monkeypatch.setattr(index.known, "RUN", 5)
    monkeypatch.setattr(index.postings, "RUN", 20)
    monkeypatch.setattr(index.postings, "PART", 10)
    monkeypatch.setattr(index.aside, "IN_MEMORY", 1)


def test_parts_however_small_give_the_same_snapshot(
    tmp_path: Path, request: pytest.FixtureRequest, encoder: HashEncoder
) -> None:
    """The first build, and a rebuild in which a document changed, one went and one came."""
    seeds = write_seeds(tmp_path / "seeds", 20)
    first = build(seeds, tmp_path / "large", encoder)
    large = snapshot_tree(tmp_path / "large")
    request.getfixturevalue("small_parts")
    assert build(seeds, tmp_path / "small", encoder).snapshot == first.snapshot
    assert snapshot_tree(tmp_path / "small") == large
    write_seeds(seeds, 21, changed=7)
    (seeds / "03.md").unlink()
    encoder.encoded.clear()
    again = build(seeds, tmp_path / "small", encoder)
    hazels = [text for text in encoder.encoded if "hazels" in text]
    assert len(hazels) == 2  # the sentence and its passage
    assert again.reused > again.sentences - 20
    for path in ("fresh", "large"):
        build(seeds, tmp_path / path, HashEncoder())
        assert snapshot_tree(tmp_path / path) == snapshot_tree(tmp_path / "small")
    assert examine(IndexPaths(tmp_path / "small")) == []
    assert [path.name for path in (tmp_path / "small").iterdir() if "unfinished" in path.name] == []


def interrupt_build(seeds: Path, folder: Path, encoder: HashEncoder) -> None:
    """Build as far as all vectors are there, and forget what was encoded."""

    def interrupt(at: str, done: int, total: int) -> None:
        if at == "check":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(seeds, folder, encoder, interrupt)
    encoder.encoded.clear()


@pytest.mark.usefixtures("small_parts")
def test_vectors_that_an_interrupted_build_kept_count_as_reused(tmp_path: Path, encoder: HashEncoder) -> None:
    seeds = write_seeds(tmp_path / "seeds", 12)
    interrupt_build(seeds, tmp_path / "index", encoder)
    report = build(seeds, tmp_path / "index", encoder)
    assert (report.reused, encoder.encoded) == (report.sentences, [])
    build(seeds, tmp_path / "fresh", HashEncoder())
    assert snapshot_tree(tmp_path / "index") == snapshot_tree(tmp_path / "fresh")


@pytest.mark.usefixtures("small_parts")
def test_what_was_kept_is_used_where_other_documents_came_before(tmp_path: Path, encoder: HashEncoder) -> None:
    """It is kept by document, so that a change at the beginning costs no document after it."""
    seeds = write_seeds(tmp_path / "seeds", 12)
    interrupt_build(seeds, tmp_path / "index", encoder)
    (seeds / "00-first.txt").write_text("Owls sit in the oak.", "utf-8")
    report = build(seeds, tmp_path / "index", encoder)
    assert (report.reused, encoder.encoded) == (report.sentences - 1, ["Owls sit in the oak."])


@pytest.mark.usefixtures("small_parts")
def test_the_memory_of_a_build_does_not_grow_with_its_documents(tmp_path: Path) -> None:
    peaks: list[int] = []
    for count in (12, 72):
        texts = [Text(path=f"{n:03}", text=" ".join(sentence(60 * n + at) for at in range(60))) for n in range(count)]
        if not peaks:
            build_texts(texts, tmp_path, tmp_path / "before", HashEncoder())  # what is loaded once is there now
        tracemalloc.start()
        report = build_texts(texts, tmp_path, tmp_path / str(count), _Forgetful())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert report.sentences > 50 * count
        assert report.reused == 0
    assert peaks[1] < 1.05 * peaks[0]  # the vectors of 3,600 more sentences alone would be two thirds of the peak


class _Forgetful(HashEncoder):
    """Does not remember what it was given."""

    def encode(self, texts: Sequence[str], progress: Progress) -> FloatArray:
        found = super().encode(texts, progress)
        self.encoded.clear()
        return found


def test_known_texts_have_the_rows_that_they_were_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index.known, "RUN", 7)
    texts = [f"Text number {number}" for number in range(40)]
    with Known(tmp_path) as known:
        for first in range(0, 40, 4):
            known.add(texts[first : first + 4], 100 + first)
        assert known.find([digest(text) for text in texts]).tolist() == list(range(100, 140))
        assert known.find([digest("Another"), digest(texts[5]), digest("")]).tolist() == [-1, 105, -1]
        assert known.find([]).tolist() == []
    with Known(tmp_path) as known:
        assert known.find([digest("Another")]).tolist() == [-1]
    assert list(tmp_path.iterdir()) == []


def test_halved_vectors_come_back_as_an_index_has_them() -> None:
    vectors = np.random.default_rng(1).standard_normal((9, 16)).astype(np.float32)
    again = unhalved(halved(vectors), 16)
    assert again.tolist() == vectors.astype(np.float16).astype(np.float32).tolist()
    assert halved(again) == halved(vectors)
    assert unhalved(b"", 16).shape == (0, 16)


@pytest.mark.parametrize("count", [0, 1, 5])
@pytest.mark.parametrize("dtype", ["<i8", "<u4", "<u2"])
def test_an_array_is_what_numpy_would_have_written(tmp_path: Path, dtype: str, count: int) -> None:
    array = np.arange(count, dtype=dtype)
    with new_array(tmp_path / "ours.npy", dtype, count) as file:
        for at in range(0, count, 2):
            file.write(array[at : at + 2])
    np.save(tmp_path / "theirs.npy", array, allow_pickle=False)
    assert (tmp_path / "ours.npy").read_bytes() == (tmp_path / "theirs.npy").read_bytes()
    found = open_array(tmp_path / "ours.npy", dtype)
    assert (found.dtype, found.tolist()) == (array.dtype, array.tolist())
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared
        open_array(tmp_path / "ours.npy", "<f8")
    assert str(caught.value) == "ours.npy is no array of <f8"


def test_an_array_of_another_length_than_announced_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError) as caught, new_array(tmp_path / "a.npy", "<i8", 3) as file:  # noqa: PT011
        file.write(np.arange(2))
    assert str(caught.value) == f"{tmp_path / 'a.npy'} was to hold 3 numbers, was given 2"
