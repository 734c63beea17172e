"""What is asked and how answers are judged: the same files, passages and questions for every system."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.datasets import SpanQuestion, chunking_corpora, chunking_questions
from index.layout import IndexPaths
from index.snapshot import open_current
from qa.evaluate.dataset import Dataset, Query
from qa.evaluate.measures import measure
from qa.evaluate.read import read_dataset

DEPTH = 30
"""Passages asked for where quality is measured, so that ten documents can be told from them."""

Ranking = Sequence[str]
"""Ids of passages, best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualitySet:
    """Documents as files, questions, and what a ranking of passages for each question is worth."""

    name: str
    files: Mapping[str, str]
    """Text by file name."""
    questions: tuple[str, ...]
    score: Callable[[Sequence[Ranking]], dict[str, float]]
    """From one ranking a question to figures by the name that is reported."""


def passage_id(source: str, start: int, end: int) -> str:
    """Return the id of a passage: its file and range of code points."""
    return f"{source}:{start}-{end}"


def parse_id(ident: str) -> tuple[str, int, int]:
    """Return file, start and end of the passage of an id. Raises ValueError where it is none."""
    source, separator, places = ident.rpartition(":")
    start, dash, end = places.partition("-")
    if not (separator and dash and start.isdecimal() and end.isdecimal()):
        raise ValueError(f"{ident!r} is not the id of a passage, expected FILE:START-END")
    return source, int(start), int(end)


def passages_of(index: Path) -> list[tuple[str, str]]:
    """Return id and text of each passage in an index of SeedQA, in the order of documents and places."""
    with open_current(IndexPaths(index)) as snapshot:
        return [
            (passage_id(document.path, stored.passage.start, stored.passage.end), stored.text)
            for document in snapshot.store.documents
            for stored in snapshot.store.passages_of(document)
        ]


def evidence_recall(asked: SpanQuestion, ranking: Ranking) -> float:
    """Return the share of the reference characters that the passages of the right corpus cover."""
    reference = {at for start, end in asked.spans for at in range(start, end)}
    found: set[int] = set()
    for source, start, end in map(parse_id, ranking):
        if Path(source).stem == asked.corpus:
            found.update(range(start, end))
    return len(reference & found) / len(reference)


def documents_of(ranking: Ranking) -> list[str]:
    """Return the files of a ranking of passages, each where its best passage stands."""
    return list(dict.fromkeys(parse_id(ident)[0] for ident in ranking))


def chunking(folder: Path) -> QualitySet:
    """Return Chroma's chunking set: evidence recall@5 over all corpora together."""
    questions = chunking_questions(folder)

    def score(rankings: Sequence[Ranking]) -> dict[str, float]:
        pairs = zip(questions, rankings, strict=True)
        return {"chunking": statistics.fmean(evidence_recall(asked, ranking[:5]) for asked, ranking in pairs)}

    return QualitySet(
        name="chunking",
        files={f"{name}.md": text for name, text in chunking_corpora(folder).items()},
        questions=tuple(asked.question for asked in questions),
        score=score,
    )


def of_dataset(name: str, dataset: Dataset, also: Sequence[str] = ()) -> QualitySet:
    """Return a set whose documents are files: nDCG@10 under the set's name, and the measures named in ``also``.

    Documents of the same text are one file, which stands for all of them.
    """
    files: dict[str, str] = {}
    known: dict[str, str] = {}
    named: dict[str, str] = {}
    for row, document in enumerate(dataset.documents):
        text = f"{document.title}\n\n{document.text}" if document.title else document.text
        file = known.setdefault(text, f"{row:06}.txt")
        files[file] = text
        named[document.id] = file
    queries = [
        Query(
            id=query.id,
            text=query.text,
            relevant={named[ident]: grade for ident, grade in query.relevant.items() if ident in named},
        )
        for query in dataset.queries
        if query.relevant
    ]

    def score(rankings: Sequence[Ranking]) -> dict[str, float]:
        ranked = {q.id: documents_of(ranking) for q, ranking in zip(queries, rankings, strict=True)}
        values = measure(queries, ranked).values()
        return {
            (f"{name} {what}" if what in also else name): statistics.fmean(value[what] for value in values)
            for what in ("nDCG@10", *also)
        }

    return QualitySet(name=name, files=files, questions=tuple(query.text for query in queries), score=score)


def quality_sets(evaluation: Path, folders: Sequence[Path]) -> Iterator[QualitySet]:
    """Yield the sets of an evaluation folder, then one for each further BEIR folder, named after it."""
    yield chunking(evaluation)
    yield of_dataset("xquad", read_dataset(evaluation / "xquad" / "xquad.en.json"), ["hit@1"])
    for folder in folders:
        yield of_dataset(folder.resolve().name, read_dataset(folder))


def beginnings(files: Mapping[str, str], share: int) -> dict[str, str]:
    """Return the first ``share``-th of each file, to the end of a line."""
    cut = {}
    for name, text in files.items():
        end = text.find("\n", len(text) // share)
        cut[name] = text[: end if end >= 0 else len(text)]
    return cut
