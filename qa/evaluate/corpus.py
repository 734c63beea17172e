"""An index of a data set, built and opened by the product itself."""

from __future__ import annotations

from pathlib import Path

from index.encode import Encoder
from index.records import Progress, no_progress
from index.texts import Text, build_texts
from qa.engine import Index
from qa.evaluate.dataset import Dataset


def indexed(
    dataset: Dataset,
    folder: Path,
    encoder: Encoder,
    *,
    origin: Path | None = None,
    threshold: float | None = None,
    progress: Progress = no_progress,
) -> Index:
    """Build an index of a data set's documents in ``folder`` and return it open.

    The path of each document is its id, its text enters character for character, so that the offsets of answers
    hold. ``origin`` is kept as the place that they were read from; without one, ``folder`` is. What the folder's
    snapshot has already is not encoded again; where nothing changed, nothing is written.

    Raises what ``index.build`` raises.
    """
    texts = [Text(path=document.id, title=document.title, text=document.text) for document in dataset.documents]
    build_texts(texts, origin or folder, folder, encoder, progress)
    return Index(folder, folder, encoder=encoder, threshold=threshold)
