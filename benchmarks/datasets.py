"""Read the evaluation sets that benchmarks are run on; their folder is named by the user."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanQuestion:
    """A question of the chunking set with the ranges of the corpus that answer it."""

    question: str
    corpus: str
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """A paragraph of the XQuAD set, one document each."""

    name: str
    article: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParagraphQuestion:
    """A question of the XQuAD set, the paragraph that answers it and where the answer begins."""

    question: str
    paragraph: str
    article: str
    answer_start: int


def chunking_corpora(folder: Path) -> dict[str, str]:
    """Return the text of each corpus by name."""
    paths = sorted((folder / "chunking").glob("*.md"))
    return {path.stem: path.read_bytes().decode("utf-8") for path in paths}


def chunking_questions(folder: Path) -> list[SpanQuestion]:
    """Return the questions of the chunking set."""
    csv.field_size_limit(sys.maxsize)
    with (folder / "chunking" / "questions_df.csv").open(encoding="utf-8", newline="") as file:
        return [
            SpanQuestion(
                question=row["question"],
                corpus=row["corpus_id"],
                spans=tuple((span["start_index"], span["end_index"]) for span in json.loads(row["references"])),
            )
            for row in csv.DictReader(file)
        ]


def xquad(folder: Path) -> tuple[list[Paragraph], list[ParagraphQuestion]]:
    """Return paragraphs and questions of XQuAD, in the order of the file."""
    data = json.loads((folder / "xquad" / "xquad.en.json").read_text("utf-8"))["data"]
    paragraphs: list[Paragraph] = []
    questions: list[ParagraphQuestion] = []
    for article in data:
        for entry in article["paragraphs"]:
            name = f"{len(paragraphs):04}.txt"
            paragraphs.append(Paragraph(name=name, article=article["title"], text=entry["context"]))
            questions.extend(
                ParagraphQuestion(
                    question=asked["question"],
                    paragraph=name,
                    article=article["title"],
                    answer_start=asked["answers"][0]["answer_start"],
                )
                for asked in entry["qas"]
            )
    return paragraphs, questions


def write_texts(folder: Path, texts: dict[str, str]) -> Path:
    """Write each text to the file of that name in a new folder, and return the folder."""
    folder.mkdir(parents=True)
    for name, text in texts.items():
        (folder / name).write_bytes(text.encode("utf-8"))
    return folder
