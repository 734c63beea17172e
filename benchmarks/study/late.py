"""Sentence vectors pooled from their passage's tokens, which the model reads once, and the passage's vector with them.

"Late chunking" (Günther and others, 2024): a sentence's vector is the mean of its tokens as the model sees them in
their passage. One reading of a passage gives both kinds of vectors.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from benchmarks.study.passages import Cut
from index.encode import Encoder, FloatArray
from index.encode.models import find_model

BATCH = 16
MOST_TOKENS = 400
"""Of a passage with its special tokens: more than any has."""


def in_context(cut: Cut, encoder: Encoder, folder: Path) -> tuple[FloatArray, FloatArray]:
    """Return the vectors of sentences and of passages, rows of length 1; kept in ``folder`` for the next run."""
    key = hashlib.sha256("\0".join((encoder.info.fingerprint, *cut.texts)).encode("utf-8", "surrogatepass"))
    kept = folder / f"context-{key.hexdigest()[:16]}.npz"
    if not kept.is_file():
        sentences, passages = _read(cut, encoder)
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(kept, sentences=sentences.astype(np.float16), passages=passages.astype(np.float16))
    with np.load(kept, allow_pickle=False) as found:
        return found["sentences"].astype(np.float32), found["passages"].astype(np.float32)


def _read(cut: Cut, encoder: Encoder) -> tuple[FloatArray, FloatArray]:
    """Read every passage with the original model and pool its tokens by mean, as the default model does."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(find_model(encoder.info.model)), device="cpu", local_files_only=True)
    model.max_seq_length = MOST_TOKENS
    sentences = np.zeros((len(cut.sentences), encoder.info.dimension), dtype=np.float32)
    passages = np.zeros((len(cut.texts), encoder.info.dimension), dtype=np.float32)
    spans = encoder.token_spans(cut.texts)
    order = sorted(range(len(spans)), key=lambda row: len(spans[row]))
    for first in range(0, len(order), BATCH):
        rows = order[first : first + BATCH]
        read = model.encode(
            [cut.texts[row] for row in rows], output_value="token_embeddings", batch_size=BATCH, show_progress_bar=False
        )
        for row, tokens in zip(rows, read, strict=True):
            found = np.asarray(tokens, dtype=np.float32)
            passages[row] = found.mean(axis=0)
            starts = np.array([start for start, _ in spans[row]])
            passage = cut.passages[row]
            begins = np.searchsorted(starts, [s.start - passage.start for s in passage.sentences])
            for at, (begin, end) in enumerate(zip(begins, [*begins[1:], len(starts)], strict=True)):
                sentences[cut.first[row] + at] = found[1 + begin : 1 + max(end, begin + 1)].mean(axis=0)
    return _unit(sentences), _unit(passages)


def _unit(rows: FloatArray) -> FloatArray:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), dtype=np.float32)
