"""BM25 against a second implementation, and postings that come back as they were."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count as counter
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import lexical
from index.errors import SnapshotDamaged
from index.lexical import DELTA, K1, UNIT, B, Lexical, Postings, count, merge, write_lexical

Corpus = list[list[str]]

TERMS = st.sampled_from("tree root leaf bark seed wood é 東京 𝒳 z".split())
CORPORA: st.SearchStrategy[Corpus] = st.lists(st.lists(TERMS, max_size=12), max_size=12)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return an endless supply of names of new folders."""
    root = tmp_path_factory.mktemp("lexical")
    return (root / str(number) for number in counter())


@contextmanager
def opened(folder: Path, postings: Postings, passages: int) -> Iterator[Lexical]:
    write_lexical(folder, postings, passages)
    index = Lexical(folder, passages)
    try:
        yield index
    finally:
        index.close()


def plain(postings: Postings) -> dict[tuple[int, str], int]:
    """Return postings as what they mean, in whatever order they stand."""
    rows = zip(postings.passage.tolist(), postings.term.tolist(), postings.frequency.tolist(), strict=True)
    found = {(passage, postings.terms[term]): frequency for passage, term, frequency in rows}
    assert len(found) == len(postings.passage)
    assert postings.terms == tuple(sorted({term for _, term in found}))
    return found


def expected(corpus: Corpus) -> dict[tuple[int, str], int]:
    return {(row, term): words.count(term) for row, words in enumerate(corpus) for term in set(words)}


@given(CORPORA)
def test_count(corpus: Corpus) -> None:
    assert plain(count(corpus)) == expected(corpus)


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
    with opened(next(folders), count(corpus), len(corpus)) as index:
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
    with opened(tmp_path / "lexical", count(corpus), 3) as index:
        tree = (DELTA + round(2 * 1.9 / (2 + 0.9 * (0.6 + 0.4 * 3 / 2)) * UNIT) / UNIT) * lexical.idf(3, 1)
        assert index.scores(["tree"]).tolist() == pytest.approx([tree, 0, 0])
        assert index.scores(["tree", "none"]).tolist() == index.scores(["tree"]).tolist()
        assert index.scores(["none"]).tolist() == [0, 0, 0]
        assert index.scores([]).tolist() == [0, 0, 0]
        assert index.idf("tree") == lexical.idf(3, 1)
        assert index.idf("leaf") == lexical.idf(3, 2)
        assert index.idf("none") == lexical.idf(3, 0)


@given(corpus=CORPORA, question=st.lists(TERMS, max_size=4, unique=True))
def test_postings_come_back_and_score_the_same(folders: Iterator[Path], corpus: Corpus, question: list[str]) -> None:
    with opened(next(folders), count(corpus), len(corpus)) as index:
        read = index.postings()
        scores = index.scores(question)
    assert plain(read) == expected(corpus)
    with opened(next(folders), read, len(corpus)) as again:
        np.testing.assert_array_equal(again.scores(question), scores)


@given(st.lists(st.tuples(st.lists(TERMS, max_size=12), st.integers(0, 2), st.booleans()), max_size=12))
def test_merging_parts_is_counting_everything_at_once(rows: list[tuple[list[str], int, bool]]) -> None:
    kept = [row for row in rows if row[2]]
    target = iter(range(len(kept)))
    targets = [next(target) if keep else -1 for _, _, keep in rows]
    parts = []
    for part in range(3):
        mine = [at for at, (_, of, _) in enumerate(rows) if of == part]
        parts.append((count([rows[at][0] for at in mine]), np.array([targets[at] for at in mine], dtype=np.int64)))
    assert plain(merge(parts)) == expected([words for words, _, _ in kept])


def test_merging_nothing() -> None:
    none = np.zeros(0, dtype=np.int64)
    for parts in ([], [(count([]), none)], [(count([["a"]]), np.array([-1]))]):
        assert plain(merge(parts)) == {}


@pytest.mark.parametrize("corpus", [[], [[]], [[], []]])
def test_corpora_without_terms(tmp_path: Path, corpus: Corpus) -> None:
    with opened(tmp_path / "lexical", count(corpus), len(corpus)) as index:
        assert index.scores(["tree"]).tolist() == [0.0] * len(corpus)
        assert plain(index.postings()) == {}
        assert index.idf("tree") == lexical.idf(len(corpus), 0)


def test_a_term_may_occur_very_often(tmp_path: Path) -> None:
    with opened(tmp_path / "lexical", count([["a"] * 70_000, ["b"]]), 2) as index:
        assert plain(index.postings()) == {(0, "a"): 65_535, (1, "b"): 1}
        most = DELTA + round(1.9 * UNIT) / UNIT
        assert index.scores(["a"]).tolist() == pytest.approx([most * lexical.idf(2, 1), 0], rel=1e-2)


def test_damage_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "lexical"
    write_lexical(folder, count([["a", "b"], ["b"]]), 2)
    whole = (folder / "starts.npy").read_bytes()
    np.save(folder / "starts.npy", np.zeros(1, dtype=np.int64))
    with pytest.raises(SnapshotDamaged) as caught:
        Lexical(folder, 2)
    assert str(caught.value) == f"{folder} holds arrays that do not fit each other; rebuild the index: qa build"
    (folder / "starts.npy").write_bytes(b"no array")
    with pytest.raises(SnapshotDamaged, match="can't be read"):
        Lexical(folder, 2)
    (folder / "starts.npy").write_bytes(whole)
    (folder / "terms.sqlite").unlink()
    with pytest.raises(SnapshotDamaged) as caught:
        Lexical(folder, 2)
    assert str(caught.value) == (f"{folder} can't be read (unable to open database file); rebuild the index: qa build")
    assert isinstance(caught.value.__cause__, sqlite3.Error)
