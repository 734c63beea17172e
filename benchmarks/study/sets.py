"""The sets of the study: documents, questions, and what counts as an answer."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.datasets import chunking_corpora, chunking_questions, xquad
from index.load.limits import Limits
from index.load.read import Reading, read_document
from index.records import Extract
from qa.evaluate.dataset import Dataset
from qa.evaluate.read import read_dataset

DESCRIPTIONS = 4_000
"""Descriptions of Debian packages that are searched."""
ASKED = 1_000
"""Questions asked of them."""

_WHOLE_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyDocument:
    """A document as its reader left it."""

    id: str
    extract: Extract


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyQuestion:
    """A question with the documents that answer it, or with the ranges that do."""

    text: str
    relevant: Mapping[str, int]
    spans: tuple[tuple[int, int], ...] = ()
    """Half-open ranges of the one relevant document: of chunking the references, of XQuAD the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySet:
    """Documents, questions, and the measure by which rankings of them are compared."""

    name: str
    documents: tuple[StudyDocument, ...]
    questions: tuple[StudyQuestion, ...]
    measure: str = "nDCG@10"
    """``nDCG@10`` of documents, or ``recall@5`` of the characters of the reference ranges."""
    limits: tuple[int, ...] = field(default=(256,))
    """Passage limits over whose cuts each question's figure is averaged, where it hangs on the cut."""


def read_sets(evaluation: Path, folders: list[Path], scratch: Path) -> Iterator[StudySet]:
    """Yield every set: those of the evaluation folder, the folders named, and the descriptions if apt is there."""
    yield _chunking(evaluation)
    yield _xquad(evaluation)
    for folder in folders:
        yield of_dataset(read_dataset(folder))
    yield from descriptions(scratch / "apt")


def _read(name: str, text: str) -> Extract:
    found = read_document(name, text.encode("utf-8"), Limits())
    if not isinstance(found, Reading):
        raise ValueError(f"{name} can't be read: {found.reason}")
    return replace(found.extract, title=found.extract.title or Path(name).stem)


def _chunking(folder: Path) -> StudySet:
    return StudySet(
        name="chunking",
        documents=tuple(
            StudyDocument(id=name, extract=_read(f"{name}.md", text)) for name, text in chunking_corpora(folder).items()
        ),
        questions=tuple(
            StudyQuestion(text=asked.question, relevant={asked.corpus: 1}, spans=asked.spans)
            for asked in chunking_questions(folder)
        ),
        measure="recall@5",
        limits=(256, 248, 240),
    )


def _xquad(folder: Path) -> StudySet:
    paragraphs, questions = xquad(folder)
    return StudySet(
        name="xquad",
        documents=tuple(StudyDocument(id=p.name, extract=_read(p.name, p.text)) for p in paragraphs),
        questions=tuple(
            StudyQuestion(text=q.question, relevant={q.paragraph: 1}, spans=((q.answer_start, q.answer_start + 1),))
            for q in questions
        ),
    )


def _titled(name: str, title: str, text: str) -> StudyDocument:
    """Return a document whose title is known and is no part of its text."""
    return StudyDocument(id=name, extract=replace(_read("text.txt", text), title=title))


def of_dataset(found: Dataset) -> StudySet:
    """Return a data set of questions and documents; questions without an answer and empty documents are left out."""
    kept = [document for document in found.documents if document.text.strip()]
    return StudySet(
        name=found.name,
        documents=tuple(_titled(document.id, document.title, document.text) for document in kept),
        questions=tuple(StudyQuestion(text=q.text, relevant=q.relevant) for q in found.queries if q.relevant),
    )


def descriptions(lists: Path) -> Iterator[StudySet]:
    """Yield two sets made of the descriptions of Debian packages, or none where there is no apt.

    ``synopsis``: a package's one-line synopsis is the question, its description the answer, without a title.
    ``removed``: a sentence is taken out of a description and is the question; the synopsis is the title.
    Packages and questions are those with the lowest hashes; of packages that share a synopsis or a description,
    as binaries of one source do, one is taken.
    """
    found = sorted(_packages(lists).items(), key=lambda item: hashlib.sha256(item[0].encode()).digest())[:DESCRIPTIONS]
    if not found:
        return
    yield StudySet(
        name="synopsis",
        documents=tuple(_titled(name, "", text) for name, (_, text) in found),
        questions=tuple(StudyQuestion(text=synopsis, relevant={name: 1}) for name, (synopsis, _) in found[:ASKED]),
    )
    documents: list[StudyDocument] = []
    questions: list[StudyQuestion] = []
    for name, (synopsis, text) in found:
        sentences = _WHOLE_SENTENCE.split(text)
        taken = len(sentences) // 2
        if len(questions) < ASKED and len(sentences) >= 4 and len(sentences[taken].split()) >= 6:
            questions.append(StudyQuestion(text=" ".join(sentences[taken].split()), relevant={name: 1}))
            sentences[taken] = ""
        documents.append(_titled(name, synopsis, " ".join(sentences)))
    yield StudySet(name="removed", documents=tuple(documents), questions=tuple(questions))


def _packages(lists: Path) -> dict[str, tuple[str, str]]:
    """Return synopsis and description of each package that apt knows in English, fetching the lists once."""
    if not next(lists.glob("*_main_i18n_Translation-en*"), None):
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        places = [f"Dir::State::Lists={lists.resolve()}", "Acquire::Languages=en", f"Dir::Cache={lists.resolve()}"]
        try:
            subprocess.run(["apt-get", "-qq", *(f"-o{place}" for place in places), "update"], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"no descriptions of Debian packages: {error}")
            return {}
    found: dict[str, tuple[str, str]] = {}
    seen: set[str] = set()
    for path in sorted(lists.glob("*_debian_dists_*_main_i18n_Translation-en*")):
        run = subprocess.run(["/usr/lib/apt/apt-helper", "cat-file", str(path)], check=True, capture_output=True)
        for entry in run.stdout.decode("utf-8").split("\n\n"):
            name, _, rest = entry.partition("\nDescription-md5:")
            synopsis, _, text = rest.partition("\nDescription-en: ")[2].partition("\n")
            text = "\n".join("" if line.strip() == "." else line.strip() for line in text.split("\n")).strip()
            opening = text[:80]
            if len(text) >= 200 and len(synopsis.split()) >= 4 and seen.isdisjoint((synopsis, opening)):
                seen.update((synopsis, opening))
                found[name.removeprefix("Package: ").strip()] = synopsis, text
    return found
