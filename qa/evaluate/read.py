"""Which format a data set has is told by what stands there."""

from __future__ import annotations

from pathlib import Path

from index.errors import SeedQAError
from qa.evaluate.beir import CORPUS, QRELS, QUERIES, is_beir, read_beir, read_text
from qa.evaluate.dataset import Dataset, answerable
from qa.evaluate.squad import read_squad
from qa.evaluate.trec import is_qrels


def kind_of(path: Path) -> str:
    """Return what stands at a path: ``beir``, ``squad``, ``qrels`` of TREC, or ``votes``, judgements of readers.

    A folder is BEIR's; of files those named ``.jsonl`` hold judgements, those that begin with a brace SQuAD's JSON.
    Raises SeedQAError where there is nothing, or something else.
    """
    if not path.exists():
        raise SeedQAError(f"{path} is not there; name a BEIR folder or a SQuAD-style JSON file")
    if path.is_dir():
        return "beir"
    if path.suffix == ".jsonl":
        return "votes"
    if read_text(path).lstrip()[:1] == "{":
        return "squad"
    if is_qrels(path):
        return "qrels"
    raise SeedQAError(f"{path} is no data set; expected a BEIR folder, SQuAD-style JSON, TREC qrels or feedback.jsonl")


def read_dataset(path: Path, split: str | None = None) -> Dataset:
    """Return the BEIR folder or the SQuAD-style JSON at a path; ``split`` names one of several qrels of a folder.

    Raises SeedQAError where there is nothing, or what is there is of neither format, broken, or asks nothing that
    a document answers.
    """
    kind = kind_of(path)
    if kind not in ("beir", "squad"):
        raise SeedQAError(f"{path} holds no documents; expected a BEIR folder or SQuAD-style JSON")
    if kind == "beir" and not is_beir(path):
        raise SeedQAError(f"{path} has no {CORPUS}; a BEIR folder holds {CORPUS}, {QUERIES} and {QRELS}/")
    if split is not None and kind != "beir":
        raise SeedQAError(f"{path} is one file and has no splits; leave --split out")
    dataset = read_beir(path, split) if kind == "beir" else read_squad(path)
    if not answerable(dataset):
        raise SeedQAError(f"{path} has no query with a relevant document, so there is nothing to measure")
    return dataset
