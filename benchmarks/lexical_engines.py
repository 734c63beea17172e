"""Compare three BM25 engines on the same terms: index/lexical.py, bm25s and tantivy.

``python -m benchmarks.lexical_engines EVAL [--passages N]`` ranks the sets of an evaluation folder with each
engine, then builds, opens and asks an index of N made-up passages, and writes benchmarks/out/lexical.json.
Every build and every open at that size runs in a process of its own, so that its memory can be told.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks.datasets import SpanQuestion, chunking_corpora, chunking_questions, xquad
from index import lexical
from index.analyse import question_terms, terms
from index.load.limits import Limits
from index.load.read import Reading, read_document
from index.postings import write_lexical
from index.split import TokenSpans, split

OUT = Path(__file__).parent / "out"
CACHE = Path(".seedqa/cache")
LANGUAGE = "en"
FIELD = "terms"

VOCABULARY = 500_000
SHORTEST, LONGEST = 30, 90
COMMON = 50
"""So many of the most frequent terms are in no question: the analyser drops stop words."""
QUESTIONS = 200
QUESTION_TERMS = 6
DEPTH = 100
"""Passages asked for at full size: as many candidates as the hybrid ranking takes."""
ROUNDS = 3
SEED = 20261124

Rows = NDArray[np.int64]
Scores = NDArray[np.float32]
Ranker = Callable[[Sequence[str], int], Rows]
"""Given a question's terms and k, return the rows of at most k passages that have one of them, best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """How one engine makes an index in a new folder, and how it opens that folder again."""

    build: Callable[[Path, Sequence[Sequence[str]]], None]
    open: Callable[[Path, int], Ranker]
    folder: str
    """Two engines that name the same folder read the same index in two ways."""


def best(scores: Scores, k: int) -> Rows:
    """Return the rows of the ``k`` highest scores above 0, best first, ties by row."""
    rows = np.flatnonzero(scores > 0)
    found = scores[rows]
    if len(rows) > k:
        near = found >= np.partition(found, -k)[-k]
        rows, found = rows[near], found[near]
    return rows[np.lexsort((rows, -found))][:k]


def build_arrays(folder: Path, passages: Sequence[Sequence[str]]) -> None:
    """Build our own index, in the steps that a build of seeds takes."""
    write_lexical(folder, passages, len(passages))


def open_arrays(folder: Path, passages: int) -> Ranker:
    """Open our own index."""
    opened = lexical.Lexical(folder, passages)
    return opened.best


def build_bm25s(folder: Path, passages: Sequence[Sequence[str]], k1: float = lexical.K1, b: float = lexical.B) -> None:
    """Build a bm25s index with Lucene's idf."""
    import bm25s

    made = bm25s.BM25(method="lucene", k1=k1, b=b)
    made.index(list(passages), show_progress=False)
    made.save(folder, show_progress=False)


def load_bm25s(folder: Path, mmap: bool) -> Any:
    """Open a bm25s index, its arrays mapped or read into memory."""
    import bm25s

    return bm25s.BM25.load(folder, mmap=mmap, show_progress=False)


def open_bm25s(folder: Path, passages: int, mmap: bool = True) -> Ranker:
    """Open a bm25s index and rank with the scores it gives to all passages."""
    opened = load_bm25s(folder, mmap)
    assert opened.scores["num_docs"] == passages
    return lambda question, k: best(opened.get_scores(list(question)), k)


def build_tantivy(folder: Path, passages: Sequence[Sequence[str]]) -> None:
    """Build a tantivy index with one thread; terms are joined by spaces and split there again."""
    import tantivy

    schema = tantivy.SchemaBuilder()
    schema.add_text_field(FIELD, tokenizer_name="whitespace", index_option="freq")
    schema.add_integer_field("row", fast=True)
    folder.mkdir()
    writer = tantivy.Index(schema.build(), path=str(folder)).writer(heap_size=512 << 20, num_threads=1)
    for row, words in enumerate(passages):
        writer.add_document(tantivy.Document(**{FIELD: " ".join(words), "row": row}))
    writer.commit()
    writer.wait_merging_threads()


def open_tantivy(folder: Path, passages: int) -> Ranker:
    """Open a tantivy index."""
    import tantivy

    opened = tantivy.Index.open(str(folder))
    searcher, schema = opened.searcher(), opened.schema
    assert searcher.num_docs == passages

    def rank(question: Sequence[str], k: int) -> Rows:
        parts = [(tantivy.Occur.Should, tantivy.Query.term_query(schema, FIELD, term)) for term in question]
        hits = searcher.search(tantivy.Query.boolean_query(parts), limit=k, count=False).hits
        return np.array(searcher.fast_field_values("row", [address for _, address in hits]), dtype=np.int64)

    return rank


RANKED = {
    "arrays": Engine(build=build_arrays, open=open_arrays, folder="arrays"),
    "bm25s": Engine(build=build_bm25s, open=open_bm25s, folder="bm25s"),
    "bm25s 1.2/0.75": Engine(build=partial(build_bm25s, k1=1.2, b=0.75), open=open_bm25s, folder="bm25s-lucene"),
    "tantivy 1.2/0.75": Engine(build=build_tantivy, open=open_tantivy, folder="tantivy"),
}
"""For quality; named with k1 and b where they are not our own."""

TIMED = {
    "arrays": RANKED["arrays"],
    "bm25s mapped": RANKED["bm25s"],
    "bm25s loaded": Engine(build=build_bm25s, open=partial(open_bm25s, mmap=False), folder="bm25s"),
    "tantivy": RANKED["tantivy 1.2/0.75"],
}
"""For time and memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A passage of an evaluation set."""

    source: str
    start: int
    end: int
    terms: tuple[str, ...]


def pieces_of(texts: dict[str, str], tokens: TokenSpans, sentence_tokens: int) -> list[Piece]:
    """Split texts, named by file, as a build of seeds does."""
    found = []
    for name, text in texts.items():
        read = read_document(name, text.encode("utf-8"), Limits())
        assert isinstance(read, Reading), read
        extracted = read.extract
        for part in split(extracted, LANGUAGE, tokens, sentence_tokens):
            words = tuple(terms(extracted.text[part.start : part.end], LANGUAGE))
            found.append(Piece(source=name, start=part.start, end=part.end, terms=words))
    return found


def asked_terms(question: str) -> list[str]:
    """Return the terms of a question."""
    return [term for variants in question_terms(question, [LANGUAGE]) for term in variants]


def recall(pieces: Sequence[Piece], asked: SpanQuestion) -> float:
    """Return the share of the reference characters that the pieces cover."""
    reference = {at for start, end in asked.spans for at in range(start, end)}
    covered = {at for p in pieces if p.source == f"{asked.corpus}.md" for at in range(p.start, p.end)}
    return len(reference & covered) / len(reference)


def score_gap(folder: Path, passages: int, questions: Sequence[str]) -> dict[str, float]:
    """Return the largest differences of our scores from those of bm25s, which leaves out δ and the factor k1 + 1.

    Each weight is rounded by at most half a unit, so idf / (2 · UNIT) for each term bounds the difference.
    """
    ours, theirs = lexical.Lexical(folder / "arrays", passages), load_bm25s(folder / "bm25s", True)
    worst = share = highest = 0.0
    for question in map(asked_terms, questions):
        floor = sum(lexical.DELTA * ours.idf(term) * (ours.scores([term]) > 0) for term in question)
        mine, other = ours.scores(question), theirs.get_scores(question) * (lexical.K1 + 1) + floor
        gap = float(np.abs(mine - other).max())
        bound = sum(ours.idf(term) for term in question) / (2 * lexical.UNIT)
        worst, share, highest = max(worst, gap), max(share, gap / bound), max(highest, float(mine.max()))
    ours.close()
    return {"largest_gap": worst, "largest_share_of_bound": share, "highest_score": highest}


def quality(folder: Path, scratch: Path) -> dict[str, Any]:
    """Rank both evaluation sets with every engine."""
    from index.encode import DEFAULT_MODEL, load_encoder

    encoder = load_encoder(DEFAULT_MODEL, CACHE)
    paragraphs, hits = xquad(folder)
    spans = chunking_questions(folder)
    sets: dict[str, dict[str, str]] = {
        "chunking": {f"{name}.md": text for name, text in chunking_corpora(folder).items()},
        "xquad": {p.name: p.text for p in paragraphs},
    }
    asked = {"chunking": [q.question for q in spans], "xquad": [q.question for q in hits]}
    figures: dict[str, dict[str, float]] = {name: {} for name in RANKED}
    gaps = {}
    for name, texts in sets.items():
        pieces = pieces_of(texts, encoder.token_spans, encoder.info.sentence_tokens)
        (scratch / name).mkdir()
        for engine, found in rank_all(scratch / name, pieces, asked[name]).items():
            top = [[pieces[row] for row in rows] for rows in found]
            if name == "chunking":
                values = [recall(rows, q) for rows, q in zip(top, spans, strict=True)]
                figures[engine]["evidence_recall_at_5"] = sum(values) / len(values)
            else:
                for k in (1, 5):
                    right = [q.paragraph in {p.source for p in rows[:k]} for rows, q in zip(top, hits, strict=True)]
                    figures[engine][f"hit_at_{k}"] = sum(right) / len(right)
        gaps[name] = {"passages": len(pieces), **score_gap(scratch / name, len(pieces), asked[name])}
    return {"ranking": figures, "arrays_against_bm25s": gaps}


def rank_all(folder: Path, pieces: Sequence[Piece], questions: Sequence[str]) -> dict[str, list[list[int]]]:
    """Return for every engine the five best rows for every question."""
    found = {}
    for name, engine in RANKED.items():
        engine.build(folder / engine.folder, [list(piece.terms) for piece in pieces])
        ranker = engine.open(folder / engine.folder, len(pieces))
        found[name] = [ranker(asked_terms(question), 5).tolist() for question in questions]
    return found


def made_up(rank: int) -> str:
    """Return the made-up word of a frequency rank from 0; frequent words are shorter."""
    word = ""
    rank += 1
    while rank:
        rank, digit = divmod(rank - 1, 100)
        word += "bcdfghjklmnprstvwxyz"[digit // 5] + "aeiou"[digit % 5]
    return word


def draw(random: np.random.Generator, total: int, first: int = 0) -> NDArray[np.int32]:
    """Draw ranks from a Zipf distribution with exponent 1 over the vocabulary from rank ``first`` on."""
    chances = np.cumsum(1 / np.arange(first + 1, VOCABULARY + 1))
    chunks = []
    for start in range(0, total, 1 << 22):
        size = min(1 << 22, total - start)
        drawn = np.searchsorted(chances, random.random(size) * chances[-1], side="right")
        chunks.append((drawn + first).astype(np.int32))
    return np.concatenate(chunks)


def write_corpus(folder: Path, passages: int) -> None:
    """Write the ranks of the terms of passages and questions, the same for the same number of passages."""
    random = np.random.default_rng(SEED)
    lengths = random.integers(SHORTEST, LONGEST + 1, passages)
    np.save(folder / "ends.npy", np.cumsum(lengths))
    np.save(folder / "ranks.npy", draw(random, int(lengths.sum())))
    np.save(folder / "asked.npy", draw(random, QUESTIONS * QUESTION_TERMS, COMMON).reshape(QUESTIONS, -1))


def read_corpus(folder: Path) -> list[list[str]]:
    """Return the terms of every passage; equal terms are one string."""
    words = [made_up(rank) for rank in range(VOCABULARY)]
    ranks = np.load(folder / "ranks.npy", mmap_mode="r")
    ends = np.load(folder / "ends.npy").tolist()
    return [[words[at] for at in ranks[a:b].tolist()] for a, b in zip([0, *ends[:-1]], ends, strict=True)]


def child_build(folder: Path, engine: Engine) -> dict[str, float]:
    """Build one engine's index of the written corpus."""
    passages = read_corpus(folder)
    before = psutil.Process().memory_info().rss
    start = time.perf_counter()
    engine.build(folder / engine.folder, passages)
    return {
        "build_s": time.perf_counter() - start,
        "build_added_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before / 2**20,
        "disk_mib": sum(path.stat().st_size for path in (folder / engine.folder).rglob("*")) / 2**20,
    }


def child_ask(folder: Path, engine: Engine) -> dict[str, Any]:
    """Open one engine's index from disk and ask every question a few times; keep the round with the best p50."""
    passages = len(np.load(folder / "ends.npy", mmap_mode="r"))
    asked = [list(dict.fromkeys(map(made_up, row))) for row in np.load(folder / "asked.npy").tolist()]
    bare = psutil.Process().memory_info().rss
    if engine.folder != "arrays":
        __import__(engine.folder)
    start = time.perf_counter()
    ranker = engine.open(folder / engine.folder, passages)
    opened = time.perf_counter() - start
    rounds = []
    for _ in range(ROUNDS):
        took, top = [], []
        for question in asked:
            start = time.perf_counter()
            rows = ranker(question, DEPTH)
            took.append(time.perf_counter() - start)
            top.append(rows[:10].tolist())
        rounds.append([float(np.percentile(took, share) * 1000) for share in (50, 95)])
    p50, p95 = min(rounds)
    memory = psutil.Process().memory_info()
    sizes = {"rss_mib": memory.rss, "private_mib": memory.rss - memory.shared, "rss_before_mib": bare}
    times = {"open_ms": opened * 1000, "query_p50_ms": p50, "query_p95_ms": p95}
    return {**times, **{name: size / 2**20 for name, size in sizes.items()}, "top": top}


def in_child(step: str, folder: Path, name: str) -> dict[str, Any]:
    """Run a step for one engine in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.lexical_engines", str(folder), "--child", step, name]
    answer: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return answer


def at_scale(scratch: Path, passages: int) -> dict[str, dict[str, float]]:
    """Return time, memory and disk of every engine on made-up passages, and how far its ten best are ours."""
    write_corpus(scratch, passages)
    figures: dict[str, dict[str, float]] = {}
    built: dict[str, dict[str, float]] = {}
    first: list[list[int]] = []
    for name, engine in TIMED.items():
        if engine.folder not in built:
            built[engine.folder] = in_child("build", scratch, name)
        asked = in_child("ask", scratch, name)
        top = asked.pop("top")
        first = first or top
        same = sum(len(set(a) & set(b)) / max(1, len(a)) for a, b in zip(first, top, strict=True)) / len(top)
        figures[name] = {**built[engine.folder], **asked, "top_10_as_arrays": same}
    return figures


def table(figures: dict[str, dict[str, float]]) -> str:
    """Return figures as a Markdown table with a row for each engine."""
    columns = list(next(iter(figures.values())))
    lines = ["| engine | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    lines += [f"| {name} | " + " | ".join(f"{row[c]:.4g}" for c in columns) + " |" for name, row in figures.items()]
    return "\n".join(lines)


def rounded(value: Any) -> Any:
    """Return ``value`` with every float in it rounded to 6 decimals."""
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    return round(value, 6) if isinstance(value, float) else value


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.lexical_engines", description="Compare BM25 engines.")
    parser.add_argument("folder", type=Path, help="the evaluation sets")
    parser.add_argument("--passages", type=int, default=1_000_000, help="made-up passages; 0 leaves them out")
    parser.add_argument("--child", nargs=2, metavar=("STEP", "ENGINE"), help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Measure everything and write it down."""
    given = arguments()
    if given.child:
        step, name = given.child
        print(json.dumps({"build": child_build, "ask": child_ask}[step](given.folder, TIMED[name])))
        return
    versions = {"python": platform.python_version(), **{n: version(n) for n in ("numpy", "bm25s", "tantivy")}}
    report: dict[str, Any] = {"versions": versions, "machine": platform.machine(), "passages": given.passages}
    with tempfile.TemporaryDirectory() as scratch:
        report |= quality(given.folder, Path(scratch))
        print(table(report["ranking"]), table(report["arrays_against_bm25s"]), sep="\n\n", end="\n\n", flush=True)
    if given.passages:
        with tempfile.TemporaryDirectory() as scratch:
            report["scale"] = at_scale(Path(scratch), given.passages)
            print(table(report["scale"]))
    OUT.mkdir(exist_ok=True)
    (OUT / "lexical.json").write_text(json.dumps(rounded(report), indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
