"""BEIR folders: corpus.jsonl, queries.jsonl and qrels/*.tsv (Thakur et al., "BEIR", 2021)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from index.errors import SeedQAError
from qa.evaluate.dataset import Dataset, Document, Query, counted

CORPUS, QUERIES, QRELS = "corpus.jsonl", "queries.jsonl", "qrels"
SPLIT = "test"
"""Taken where there are several and none is named."""


class _Text(msgspec.Struct, kw_only=True):
    """A line of either file of texts; ``metadata`` and whatever else stands there is passed over."""

    id: str | int = msgspec.field(name="_id")
    title: str | None = None
    text: str | None = None


def is_beir(path: Path) -> bool:
    """Tell whether a folder is of this format."""
    return (path / CORPUS).is_file()


def read_beir(path: Path, split: str | None = None) -> Dataset:
    """Return the data set in a folder; queries without judgements in the split are left out and counted.

    Raises SeedQAError where a file is missing or broken, or a judgement is of an unknown query or document, or
    stands there twice.
    """
    documents = _by_id(path / CORPUS)
    queries = _by_id(path / QUERIES)
    chosen = _split(path, split)
    judged: dict[str, dict[str, int]] = {}
    for entry in _judgements(chosen):
        if entry.document not in documents:
            raise SeedQAError(
                f"{chosen}, line {entry.line}, judges document {entry.document!r}, which is not in {path / CORPUS}"
            )
        if entry.query not in queries:
            raise SeedQAError(
                f"{chosen}, line {entry.line}, judges query {entry.query!r}, which is not in {path / QUERIES}"
            )
        grades = judged.setdefault(entry.query, {})
        if entry.document in grades:
            raise SeedQAError(
                f"{chosen}, line {entry.line}, judges document {entry.document!r} for query {entry.query!r} a second "
                "time; keep one of the lines"
            )
        grades[entry.document] = entry.grade
    left_out = len(queries) - len(judged)
    return Dataset(
        name=f"{path.resolve().name} ({chosen.stem})",
        documents=tuple(
            Document(id=ident, title=line.title or "", text=line.text or "") for ident, line in documents.items()
        ),
        queries=tuple(
            Query(id=ident, text=line.text or "", relevant={name: g for name, g in judged[ident].items() if g > 0})
            for ident, line in queries.items()
            if ident in judged
        ),
        notes=(f"left out {counted(left_out, 'query', 'queries')} without judgements in {chosen.name}",)
        if left_out
        else (),
    )


def _split(path: Path, split: str | None) -> Path:
    """Return the file of judgements to read."""
    known = sorted((path / QRELS).glob("*.tsv"))
    if not known:
        raise SeedQAError(f"{path / QRELS} holds no judgements; expected a file such as {QRELS}/{SPLIT}.tsv")
    if split is None and len(known) == 1:
        return known[0]
    wanted = [found for found in known if found.stem == (split or SPLIT)]
    if not wanted:
        names = ", ".join(found.stem for found in known)
        raise SeedQAError(f"{path / QRELS} has no split {split or SPLIT!r}; name one with --split: {names}")
    return wanted[0]


@dataclass(frozen=True, slots=True)
class _Judgement:
    line: int
    query: str
    document: str
    grade: int


def _judgements(path: Path) -> Iterator[_Judgement]:
    """Yield the judgements of a table with a query, a document and a grade in each line; the first may be a header."""
    for number, line in enumerate(read_text(path).split("\n"), 1):
        fields = line.split("\t")
        if not line.strip() or (number == 1 and not _is_number(fields[-1])):
            continue
        if len(fields) != 3 or not _is_number(fields[2]):
            raise SeedQAError(
                f"{path}, line {number}, is {line[:60]!r}; expected query, document and grade with tabs between"
            )
        yield _Judgement(number, fields[0], fields[1], int(fields[2]))


def _is_number(field: str) -> bool:
    return field.strip().removeprefix("-").isdecimal()


def _by_id(path: Path) -> dict[str, _Text]:
    """Return each line of a file of texts by its id, in order."""
    found: dict[str, _Text] = {}
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            text = msgspec.json.decode(line, type=_Text)
        except msgspec.MsgspecError as error:
            raise SeedQAError(f"{path}, line {number}, is not such a line of JSON ({error}); mend it") from error
        ident = str(text.id)
        if not ident or ident in found:
            raise SeedQAError(f"{path}, line {number}, has the id {ident!r}, expected one of its own")
        found[ident] = text
    return found


def read_text(path: Path) -> str:
    """Return a file's text. Raises SeedQAError where it can't be read or is not UTF-8."""
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError as error:
        raise SeedQAError(f"{path} is not there; check the path") from error
    except OSError as error:
        raise SeedQAError(f"{path} can't be read ({error.strerror}); check its permissions") from error
    except UnicodeDecodeError as error:
        raise SeedQAError(f"{path} is not UTF-8 text (byte {error.start:,}); save it as UTF-8") from error
