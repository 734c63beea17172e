"""Plain sentence-transformers: for GPUs, and for models that do not convert."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from index.encode import quiet
from index.encode.protocol import EncoderInfo, FloatArray
from index.encode.tokens import Tokens
from index.records import Progress

os.environ.update(quiet.OFFLINE)

from sentence_transformers import SentenceTransformer

_BATCH = 256


class TorchEncoder:
    """Encoder over a SentenceTransformer. Thread-safe by a lock."""

    def __init__(self, entry: Path, info: EncoderInfo, folder: Path) -> None:
        self._info = info
        self._tokens = Tokens(entry / "tokenizer.json", info)
        safe = {"use_safetensors": True}
        self._model = SentenceTransformer(
            str(folder), local_files_only=True, trust_remote_code=False, model_kwargs=safe
        )
        self._lock = threading.Lock()

    @property
    def info(self) -> EncoderInfo:
        """What an index remembers of this encoder."""
        return self._info

    def _encode(self, texts: list[str]) -> FloatArray:
        with self._lock:
            rows = self._model.encode(texts, normalize_embeddings=True, show_progress_bar=False, prompt="")
        return np.asarray(rows, dtype=np.float32)

    def encode_question(self, question: str) -> FloatArray:
        """Return the vector of a question: shape (dimension,), float32, length 1."""
        vector: FloatArray = self._encode([self._info.query_prompt + question])[0]
        return vector

    def encode(self, texts: Sequence[str], progress: Progress) -> FloatArray:
        """Return one row for each text: shape (len(texts), dimension), float32, rows of length 1."""
        vectors = np.zeros((len(texts), self._info.dimension), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        for first in range(0, len(order), _BATCH):
            rows = order[first : first + _BATCH]
            vectors[rows] = self._encode([self._info.document_prompt + texts[row] for row in rows])
            progress("encode", first + len(rows), len(texts))
        return vectors

    def token_spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Return for each text the half-open character range of each of its tokens, none special."""
        return self._tokens.spans(texts)
