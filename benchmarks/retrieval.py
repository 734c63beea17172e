"""Retrieval, evidence and abstention on the sets of an evaluation folder, with default settings.

``python -m benchmarks.retrieval EVAL`` writes benchmarks/out/retrieval.json. The measures are defined in
docs/ranking.md; retrieval and evidence go through the public Python API alone.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.progress import track
from sklearn.metrics import roc_auc_score

from benchmarks.datasets import (
    Paragraph,
    ParagraphQuestion,
    SpanQuestion,
    chunking_corpora,
    chunking_questions,
    write_texts,
    xquad,
)
from index import build, load_encoder
from qa import Answer, Index, open_index
from qa.config import read_settings

OUT = Path(__file__).parent / "out"


def build_and_open(texts: dict[str, str], scratch: Path, name: str) -> Index:
    """Build an index of ``texts`` with the settings as they are and open it."""
    settings = read_settings()
    seeds = write_texts(scratch / name / "seeds", texts)
    encoder = load_encoder(settings.model, settings.cache, settings.backend)
    build(seeds, scratch / name / "index", encoder, search=settings.search)
    return open_index(scratch / name / "index")


def covered(answer: Answer, asked: SpanQuestion) -> tuple[float, float]:
    """Return recall and intersection over union of the characters of the reference spans."""
    reference = {at for start, end in asked.spans for at in range(start, end)}
    found: set[int] = set()
    retrieved = 0
    for result in answer.results:
        citation = result.citation
        retrieved += citation.end - citation.start
        if Path(citation.source).stem == asked.corpus:
            found.update(range(citation.start, citation.end))
    hit = len(reference & found)
    return hit / len(reference), hit / (len(reference) + retrieved - hit)


def evidence_recall(folder: Path, scratch: Path) -> dict[str, float]:
    """Return evidence recall@5 and IoU@5 over all corpora of the chunking set together."""
    questions = chunking_questions(folder)
    texts = {f"{name}.md": text for name, text in chunking_corpora(folder).items()}
    with build_and_open(texts, scratch, "chunking") as opened:
        pairs = [covered(opened.search(q.question, k=5), q) for q in track(questions, "chunking", transient=True)]
    return {
        "evidence_recall_at_5": sum(recall for recall, _ in pairs) / len(pairs),
        "iou_at_5": sum(iou for _, iou in pairs) / len(pairs),
    }


def hits(folder: Path, scratch: Path) -> dict[str, float]:
    """Return hit rates, MRR@10 and evidence hit@1 on XQuAD; ranks are those of passages."""
    paragraphs, questions = xquad(folder)
    ranks: list[int] = []
    evidence = 0
    with build_and_open({p.name: p.text for p in paragraphs}, scratch, "xquad") as opened:
        for asked in track(questions, "xquad", transient=True):
            results = opened.search(asked.question, k=10).results
            right = [result.rank for result in results if result.citation.source == asked.paragraph]
            ranks.append(right[0] if right else 0)
            best = results[0].citation
            evidence += ranks[-1] == 1 and best.evidence_start <= asked.answer_start < best.evidence_end
    total = len(questions)
    return {
        "hit_at_1": sum(rank == 1 for rank in ranks) / total,
        "hit_at_5": sum(1 <= rank <= 5 for rank in ranks) / total,
        "mrr_at_10": sum(1 / rank for rank in ranks if rank) / total,
        "evidence_hit_at_1": evidence / total,
    }


def auroc(
    kept: Sequence[Paragraph],
    answerable: Sequence[bool],
    questions: Sequence[ParagraphQuestion],
    scratch: Path,
    name: str,
) -> float:
    """Return the AUROC of the confidence for "the index holds the answer"."""
    with build_and_open({p.name: p.text for p in kept}, scratch, name) as opened:
        scores = [opened.search(q.question, k=1).confidence for q in track(questions, name, transient=True)]
    return float(roc_auc_score(answerable, scores))


def abstention(folder: Path, scratch: Path) -> dict[str, float]:
    """Return the AUROC far (every second article indexed) and near (every second paragraph), mean of both folds."""
    paragraphs, questions = xquad(folder)
    articles = {title: row for row, title in enumerate(sorted({p.article for p in paragraphs}))}
    places = {p.name: row for row, p in enumerate(paragraphs)}
    far, near = [], []
    for fold in (0, 1):
        kept = [p for p in paragraphs if articles[p.article] % 2 == fold]
        answerable = [articles[q.article] % 2 == fold for q in questions]
        far.append(auroc(kept, answerable, questions, scratch, f"far-{fold}"))
        kept = [p for row, p in enumerate(paragraphs) if row % 2 == fold]
        answerable = [places[q.paragraph] % 2 == fold for q in questions]
        near.append(auroc(kept, answerable, questions, scratch, f"near-{fold}"))
    return {"auroc_far": sum(far) / 2, "auroc_near": sum(near) / 2}


def main(folder: Path) -> None:
    """Measure everything and write it down."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        figures = {**evidence_recall(folder, scratch), **hits(folder, scratch), **abstention(folder, scratch)}
    OUT.mkdir(exist_ok=True)
    text = json.dumps({name: round(value, 4) for name, value in figures.items()}, indent=2)
    (OUT / "retrieval.json").write_text(text + "\n", "utf-8")
    print(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
