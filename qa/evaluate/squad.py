"""SQuAD-style JSON: articles, their paragraphs, and questions with the places of their answers.

One paragraph is one document, its article the group. Versions 1.1 and 2.0 and XQuAD are read, and sets on a user's
own documents: there a paragraph has the ``id`` of its document, the path in the index, and its whole text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from index.errors import SeedQAError
from qa.evaluate.beir import read_text
from qa.evaluate.dataset import Dataset, Document, Query, Span, counted


class Answer(msgspec.Struct, kw_only=True):
    """An answer, word for word, and where it begins in the paragraph."""

    text: str
    answer_start: int


class Question(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A question; without answers it is one that the paragraph does not answer."""

    id: str | int = ""
    question: str
    answers: list[Answer] = []
    is_impossible: bool = False
    reviewed: bool | None = None
    """Of drafted questions: whether a person has seen it."""


class Paragraph(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A paragraph, or a whole document of the user's."""

    id: str | int = ""
    title: str = ""
    context: str
    qas: list[Question]


class Article(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Paragraphs that belong together."""

    title: str = ""
    paragraphs: list[Paragraph]


class File(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The whole file."""

    version: str = ""
    drafted: bool = False
    note: str = ""
    data: list[Article]


def read_squad(path: Path) -> Dataset:
    """Return the data set in a file. An answer that does not stand where it should is left out and counted.

    Paragraphs without ``id`` are numbered: ``0000``, ``0001`` and so on. A question all of whose answers are
    misplaced stays: its paragraph is still the one to find.

    Raises SeedQAError where the file is broken or two paragraphs or questions have one id.
    """
    data = read_text(path)
    try:
        file = msgspec.json.decode(data, type=File)
    except msgspec.MsgspecError as error:
        raise SeedQAError(f"{path}{_line(data, error)} is not SQuAD-style JSON ({error}); mend it") from error
    documents: list[Document] = []
    queries: list[Query] = []
    misplaced = unread = 0
    for number, article in enumerate(file.data, 1):
        group = article.title or f"article {number}"
        for paragraph in article.paragraphs:
            ident = str(paragraph.id) or f"{len(documents):04}"
            documents.append(Document(id=ident, title=paragraph.title, text=paragraph.context, group=group))
            for asked in paragraph.qas:
                given = [] if asked.is_impossible else asked.answers
                spans = _spans(ident, paragraph.context, given)
                misplaced += len(given) - len(spans)
                unread += asked.reviewed is False
                queries.append(
                    Query(
                        id=str(asked.id) or f"q{len(queries):05}",
                        text=asked.question,
                        relevant={ident: 1} if given else {},
                        answers=tuple(dict.fromkeys(spans)),
                    )
                )
    _check_ids(path, "paragraphs", [document.id for document in documents])
    _check_ids(path, "questions", [query.id for query in queries])
    return Dataset(
        name=path.stem,
        documents=tuple(documents),
        queries=tuple(queries),
        notes=tuple(_notes(misplaced, unread if file.drafted else 0)),
        drafted=file.drafted,
    )


def _notes(misplaced: int, unread: int) -> Iterator[str]:
    if misplaced:
        several = "answers that do not stand at their answer_start"
        yield f"left out {counted(misplaced, 'answer that does not stand at its answer_start', several)}"
    if unread:
        yield (
            f"{counted(unread, 'question was', 'questions were')} drafted by rules and not reviewed by a person; made "
            "of the documents' own words, such questions flatter the index"
        )


def _spans(ident: str, context: str, answers: list[Answer]) -> list[Span]:
    return [
        Span(document=ident, start=answer.answer_start, end=answer.answer_start + len(answer.text))
        for answer in answers
        if answer.text and answer.answer_start >= 0 and context.startswith(answer.text, answer.answer_start)
    ]


def _check_ids(path: Path, what: str, ids: list[str]) -> None:
    repeated = [ident for ident, count in Counter(ids).items() if count > 1]
    if repeated:
        raise SeedQAError(f"{path}: {len(repeated):,} ids are those of several {what}, first {repeated[0]!r}")


def _line(data: str, error: msgspec.MsgspecError) -> str:
    """Return the line on which JSON breaks, in words, where the message tells the byte."""
    _, found, rest = str(error).partition("byte ")
    digits = rest.split(")")[0]
    if not found or not digits.isdecimal():
        return ""
    line = data.encode()[: int(digits)].count(b"\n") + 1
    return f", line {line},"


def write_squad(path: Path, file: File) -> None:
    """Write a file of this format. One that is there already may hold somebody's work: then nothing is written.

    Raises SeedQAError where it is there or can't be written.
    """
    text = msgspec.json.format(msgspec.json.encode(file), indent=1).decode() + "\n"
    try:
        with path.open("x", encoding="utf-8", newline="\n") as opened:
            opened.write(text)
    except FileExistsError as error:
        raise SeedQAError(f"{path} is there already and stays as it is; name another file") from error
    except OSError as error:
        raise SeedQAError(f"{path} can't be written ({error.strerror}); check the folder") from error
