"""TREC's judgements and runs: a run that any system wrote is scored, nothing is asked.

qrels: query 0 document grade            run: query Q0 document rank score tag
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from math import isfinite
from pathlib import Path

from index.errors import SeedQAError
from qa.evaluate.ask import Asked
from qa.evaluate.beir import read_text
from qa.evaluate.dataset import Dataset, Query, answerable

QRELS, RUN = 4, 6
"""Fields of a line."""
_RUN_LINE = "query, Q0, document, rank, score and tag"


def is_qrels(path: Path) -> bool:
    """Tell whether the first line of a file is a judgement."""
    lines = read_text(path).split("\n")
    return len(next((line for line in lines if line.strip()), "").split()) == QRELS


def read_qrels(path: Path) -> Dataset:
    """Return the judgements in a file as a data set without documents; its questions are known by id alone.

    Raises SeedQAError where a line is broken, a document is judged twice for a query, or nothing is relevant.
    """
    judged: dict[str, dict[str, int]] = {}
    for number, (query, _, document, grade) in _fields(path, QRELS, "query, 0, document and grade"):
        grades = judged.setdefault(query, {})
        if document in grades:
            raise SeedQAError(_twice(path, number, "judges", query, document))
        try:
            grades[document] = int(grade)
        except ValueError as error:
            raise SeedQAError(f"{path}, line {number}, has the grade {grade!r}, expected a whole number") from error
    dataset = Dataset(
        name=path.stem,
        documents=(),
        queries=tuple(
            Query(id=ident, text=ident, relevant={name: grade for name, grade in grades.items() if grade > 0})
            for ident, grades in judged.items()
        ),
    )
    if not answerable(dataset):
        raise SeedQAError(f"{path} has no query with a relevant document, so there is nothing to measure")
    return dataset


def read_run(path: Path) -> tuple[Asked, ...]:
    """Return what a run ranks, by falling score; ties by falling document id, as in trec_eval.

    Raises SeedQAError where a line is broken, a document is ranked twice for a query, or there is no line.
    """
    scores: dict[str, dict[str, float]] = {}
    for number, (query, _, document, _, score, _) in _fields(path, RUN, _RUN_LINE):
        found = scores.setdefault(query, {})
        if document in found:
            raise SeedQAError(_twice(path, number, "ranks", query, document))
        found[document] = _score(path, number, score)
    if not scores:
        raise SeedQAError(f"{path} is empty; a run has lines of {_RUN_LINE}")
    return tuple(
        Asked(query=query, documents=tuple(sorted(found.items(), key=lambda pair: (pair[1], pair[0]), reverse=True)))
        for query, found in scores.items()
    )


def _score(path: Path, number: int, field: str) -> float:
    """Return the score of a line; what is no number has no place in an order."""
    try:
        score = float(field)
        if isfinite(score):
            return score
    except ValueError:
        pass
    raise SeedQAError(f"{path}, line {number}, has the score {field!r}, expected a number")


def _twice(path: Path, number: int, does: str, query: str, document: str) -> str:
    where = f"{path}, line {number}, {does} document {document!r} for query {query!r}"
    return f"{where} a second time; keep one of the lines"


def written(ident: str) -> str:
    """Return an id as a run can hold it: white space, which parts the fields of a line, is written as ``_``."""
    return "_".join(ident.split()) or "_"


def named_as(dataset: Dataset, asked: Sequence[Asked]) -> tuple[Asked, ...]:
    """Return a run with the ids of the data set, where it has them as ``written``; an id that is exact stays."""
    queries = _by_written(query.id for query in dataset.queries)
    relevant = (ident for query in dataset.queries for ident in query.relevant)
    documents = _by_written(chain(relevant, (document.id for document in dataset.documents)))
    return tuple(
        replace(
            one,
            query=queries.get(one.query, one.query),
            documents=tuple((documents.get(ident, ident), score) for ident, score in one.documents),
        )
        for one in asked
    )


def _by_written(idents: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for ident in idents:
        if written(ident) == ident:
            found[ident] = ident
        else:
            found.setdefault(written(ident), ident)
    return found


def write_run(asked: Sequence[Asked], tag: str) -> str:
    """Return a run in TREC's format. Scores are lowered in the ninth decimal, so that ties keep the order."""
    lines = []
    for one in asked:
        lowest = float("inf")
        for place, (document, score) in enumerate(one.documents, 1):
            lowest = min(score, lowest - 1e-9)
            lines.append(f"{written(one.query)} Q0 {written(document)} {place} {lowest:.9f} {tag}\n")
    return "".join(lines)


def _fields(path: Path, count: int, what: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(read_text(path).split("\n"), 1):
        fields = line.split()
        if fields and len(fields) != count:
            raise SeedQAError(f"{path}, line {number}, has {len(fields)} fields, expected {count}: {what}")
        if fields:
            yield number, fields
