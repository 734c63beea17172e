"""BM25 against a second implementation, and postings that come back as they were."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count as counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bm25s
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import index.aside
import index.postings
from index import lexical
from index.errors import SnapshotDamaged
from index.lexical import DELTA, K1, UNIT, B, Lexical
from index.postings import Tally, write_lexical
from tests.test_build import tree

Corpus = list[list[str]]

TERMS = st.sampled_from("tree root leaf bark seed wood é 東京 𝒳 z".split())
CORPORA: st.SearchStrategy[Corpus] = st.lists(st.lists(TERMS, max_size=12), max_size=12)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return an endless supply of names of new folders."""
    root = tmp_path_factory.mktemp("lexical")
    return (root / str(number) for number in counter())


@contextmanager
def opened(folder: Path, corpus: Corpus) -> Iterator[Lexical]:
    write_lexical(folder, corpus, len(corpus))
    index = Lexical(folder, len(corpus))
    try:
        yield index
    finally:
        index.close()


def plain(index: Lexical, size: int = lexical.BLOCK) -> dict[tuple[int, str], int]:
    """Return what an index has counted, by passage and term, read in blocks."""
    found: dict[tuple[int, str], int] = {}
    for block in index.blocks(size):
        assert len(block.passage) == len(block.frequency) == block.sizes.sum()
        assert len(block.passage) <= size or len(block.terms) == 1
        named = np.repeat(np.array(block.terms, dtype=object), block.sizes).tolist()
        rows = zip(block.passage.tolist(), named, block.frequency.tolist(), strict=True)
        found |= {(passage, term): frequency for passage, term, frequency in rows}
    return found


def expected(corpus: Corpus) -> dict[tuple[int, str], int]:
    return {(row, term): words.count(term) for row, words in enumerate(corpus) for term in set(words)}


@given(CORPORA, st.integers(1, 9))
def test_what_was_counted_comes_back(folders: Iterator[Path], corpus: Corpus, size: int) -> None:
    with opened(next(folders), corpus) as index:
        assert plain(index) == plain(index, size) == expected(corpus)


def second_opinion(corpus: Corpus, question: list[str]) -> list[float]:
    """Return the scores of bm25s, which knows no empty corpus and wants every term in its vocabulary."""
    engine: Any = bm25s.BM25(method="lucene", k1=K1, b=B)
    engine.index(corpus, show_progress=False)
    known = {term for words in corpus for term in words}
    scores: list[float] = engine.get_scores([term for term in question if term in known]).tolist()
    return scores


@given(
    corpus=st.lists(st.lists(TERMS, min_size=1, max_size=30), min_size=1, max_size=12),
    question=st.lists(TERMS, min_size=1, max_size=5, unique=True),
)
def test_scores_are_those_of_bm25s(folders: Iterator[Path], corpus: Corpus, question: list[str]) -> None:
    known = [term for term in question if any(term in words for words in corpus)]
    with opened(next(folders), corpus) as index:
        ours = index.scores(question)
        heaviest = sum(index.idf(term) for term in known)
    theirs = second_opinion(corpus, known) if known else [0.0] * len(corpus)
    # bm25s leaves out the factor k1 + 1 and δ; rounding to 1/512 is off by half of it at most.
    floor = [DELTA * sum(index.idf(term) for term in known if term in words) for words in corpus]
    theirs = np.array(theirs) * (K1 + 1) + np.array(floor)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=heaviest * 0.5 / UNIT + 1e-6)


def test_the_formula_by_hand() -> None:
    frequency, length = np.array([1, 3]), np.array([10, 20])
    expect = [1 + 1 * 1.9 / (1 + 0.9 * (0.6 + 0.4 * 10 / 15)), 1 + 3 * 1.9 / (3 + 0.9 * (0.6 + 0.4 * 20 / 15))]
    assert lexical.weight(frequency, length, 15.0).tolist() == pytest.approx(expect)
    assert lexical.idf(10, 2) == pytest.approx(1.4816045)
    assert lexical.idf(10, 0) == pytest.approx(3.0910425)


def test_scores_of_a_small_corpus(tmp_path: Path) -> None:
    corpus = [["tree", "root", "tree"], ["leaf"], ["root", "leaf"]]
    with opened(tmp_path / "lexical", corpus) as index:
        tree = (DELTA + round(2 * 1.9 / (2 + 0.9 * (0.6 + 0.4 * 3 / 2)) * UNIT) / UNIT) * lexical.idf(3, 1)
        assert index.scores(["tree"]).tolist() == pytest.approx([tree, 0, 0])
        assert index.scores(["tree", "none"]).tolist() == index.scores(["tree"]).tolist()
        assert index.scores(["none"]).tolist() == [0, 0, 0]
        assert index.scores([]).tolist() == [0, 0, 0]
        assert index.idf("tree") == lexical.idf(3, 1)
        assert index.idf("leaf") == lexical.idf(3, 2)
        assert index.idf("none") == lexical.idf(3, 0)


@given(
    corpus=st.lists(st.lists(TERMS, max_size=12), min_size=1, max_size=40),
    question=st.lists(TERMS, max_size=6),
    count=st.integers(0, 9),
    flags=st.none() | st.lists(st.booleans(), min_size=40, max_size=40),
    lookup=st.sampled_from([0, 1, 16, 10**6]),
    part=st.sampled_from([1, 3, 8, 40]),
)
def test_the_best_are_those_of_all_scores(
    folders: Iterator[Path],
    corpus: Corpus,
    question: list[str],
    count: int,
    flags: list[bool] | None,
    lookup: int,
    part: int,
) -> None:
    """Whatever is looked up instead of being added up, and however many are scored together; ties go by row."""
    allowed = None if flags is None else np.array(flags[: len(corpus)])
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setattr(lexical, "_LOOKUP", lookup)
        patch.setattr(lexical, "SMALLEST", part)
        patch.setattr(lexical, "LARGEST", part)
        index = stack.enter_context(opened(next(folders), corpus))
        scores = index.scores(question)
        rows = [row for row in range(len(corpus)) if scores[row] > 0 and (allowed is None or allowed[row])]
        for _ in range(2):  # the second time with the array that the first has left
            found = index.best(question, count, allowed).tolist()
            assert found == sorted(rows, key=lambda row: (-scores[row], row))[:count]
        some = np.array(rows[::-1], dtype=np.int64)
        assert index.scores_of(question, some).tolist() == scores[some].tolist()


def test_the_best_of_many_passages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Terms as frequent as in real text, so that many postings need no look."""
    monkeypatch.setattr(lexical, "SMALLEST", 256)
    added = postings = 0

    def add(total: Any, places: Any, gains: Any) -> None:
        nonlocal added
        added += len(places)
        total[places] += gains

    monkeypatch.setattr(lexical, "np", SimpleNamespace(**{**vars(np), "add": SimpleNamespace(at=add)}))
    chance = np.random.default_rng(1)
    drawn = chance.zipf(1.3, size=(3000, 30)) % 500
    corpus = [[f"w{word}" for word in row] for row in drawn.tolist()]
    with opened(tmp_path / "lexical", corpus) as index:
        for question in [["w1", "w2"], ["w1", "w400", "w30"], ["w77", "w5", "w1", "w300"], [f"w{n}" for n in range(9)]]:
            scores = index.scores(question)
            best = np.lexsort((np.arange(3000), -scores))[:50]
            postings += sum(word in words for words in corpus for word in question)
            assert index.best(question, 50).tolist() == best[scores[best] > 0].tolist()
    assert 0 < added < postings * 0.6


def test_many_may_ask_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexical, "SMALLEST", 64)
    corpus = [[f"w{word}" for word in row] for row in (np.random.default_rng(2).zipf(1.3, (600, 20)) % 90).tolist()]
    questions = [[f"w{number % 90}", f"w{number % 7}", f"w{number % 31}"] for number in range(400)]
    with opened(tmp_path / "lexical", corpus) as index, ThreadPoolExecutor(8) as pool:
        alone = [index.best(question, 9).tolist() for question in questions]
        together = pool.map(lambda question: index.best(question, 9).tolist(), questions)
        assert list(together) == alone


@given(
    rows=st.lists(st.tuples(st.lists(TERMS, max_size=12), st.sampled_from(["new", "old", "gone"])), max_size=14),
    run=st.integers(1, 12),
    part=st.integers(1, 12),
    memory=st.sampled_from([0, 50, 10**6]),
)
def test_small_runs_and_what_an_earlier_index_counted_give_the_same_bytes(
    folders: Iterator[Path], rows: list[tuple[list[str], str]], run: int, part: int, memory: int
) -> None:
    kept = [words for words, fate in rows if fate != "gone"]
    old = [words for words, fate in rows if fate != "new"]
    targets = iter(range(len(kept)))
    target = [-1 if fate == "gone" else next(targets) for _, fate in rows]
    moved = np.array([row for row, (_, fate) in zip(target, rows, strict=True) if fate != "new"], dtype=np.int64)
    whole, small = next(folders), next(folders)
    write_lexical(whole, kept, len(kept))
    with opened(next(folders), old) as earlier, pytest.MonkeyPatch.context() as patch:
        patch.setattr(index.postings, "RUN", run)
        patch.setattr(index.postings, "PART", part)
        patch.setattr(index.aside, "IN_MEMORY", memory)
        with Tally(small.parent, len(kept)) as tally:
            for row, (words, fate) in zip(target, rows, strict=True):
                if fate == "new":
                    tally.add(row, words)
            for block in earlier.blocks(part):
                tally.take(block, moved[block.passage])
            assert tally.write(small) == len({word for words in kept for word in words})
    assert tree(small) == tree(whole)


@pytest.mark.parametrize("corpus", [[], [[]], [[], []]])
def test_corpora_without_terms(tmp_path: Path, corpus: Corpus) -> None:
    with opened(tmp_path / "lexical", corpus) as index:
        assert index.scores(["tree"]).tolist() == [0.0] * len(corpus)
        assert plain(index) == {}
        assert index.idf("tree") == lexical.idf(len(corpus), 0)


def test_a_term_may_occur_very_often(tmp_path: Path) -> None:
    with opened(tmp_path / "lexical", [["a"] * 70_000, ["b"]]) as index:
        assert plain(index) == {(0, "a"): 65_535, (1, "b"): 1}
        most = DELTA + round(1.9 * UNIT) / UNIT
        assert index.scores(["a"]).tolist() == pytest.approx([most * lexical.idf(2, 1), 0], rel=1e-2)


def test_damage_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "lexical"
    write_lexical(folder, [["a", "b"], ["b"]], 2)
    whole = (folder / "starts.npy").read_bytes()
    np.save(folder / "starts.npy", np.zeros(1, dtype=np.int64), allow_pickle=False)
    with pytest.raises(SnapshotDamaged) as caught:
        Lexical(folder, 2)
    assert str(caught.value) == f"{folder} holds arrays that do not fit each other; rebuild the index: qa build"
    (folder / "starts.npy").write_bytes(b"no array")
    with pytest.raises(SnapshotDamaged) as caught:
        Lexical(folder, 2)
    assert str(caught.value) == f"{folder} can't be read (starts.npy is no array of <i8); rebuild the index: qa build"
    (folder / "starts.npy").write_bytes(whole)
    (folder / "terms.sqlite").unlink()
    with pytest.raises(SnapshotDamaged) as caught:
        Lexical(folder, 2)
    assert str(caught.value) == (f"{folder} can't be read (unable to open database file); rebuild the index: qa build")
    assert isinstance(caught.value.__cause__, sqlite3.Error)
