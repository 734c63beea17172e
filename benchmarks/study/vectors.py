"""Vectors of any text, encoded once and kept on disk between runs of the study."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from index.encode import Encoder, FloatArray

KEEP = 5_000
"""Texts encoded before all are written down, so that a run that is stopped has not worked for nothing."""


class TextVectors:
    """The vectors of texts under one encoder, in a file for each of its fingerprints."""

    def __init__(self, encoder: Encoder, folder: Path) -> None:
        self.encoder = encoder
        self._path = folder / f"{encoder.info.fingerprint[:16]}.npz"
        self._rows: dict[bytes, int] = {}
        self._new = 0
        self._vectors = np.zeros((0, encoder.info.dimension), dtype=np.float32)
        if self._path.is_file():
            with np.load(self._path, allow_pickle=False) as kept:
                self._vectors = kept["vectors"].astype(np.float32)
                self._rows = {key.tobytes(): row for row, key in enumerate(kept["keys"])}

    def of(self, texts: Sequence[str]) -> FloatArray:
        """Return one row for each text: shape (len(texts), dimension), float32, rows of length 1."""
        keys = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._rows}
        if missing:
            encoded = self.encoder.encode(list(missing.values()), _quietly)
            self._rows |= {key: row for row, key in enumerate(missing, len(self._vectors))}
            self._vectors = np.concatenate([self._vectors, encoded])
            self._new += len(missing)
            if self._new >= KEEP:
                self.keep()
        return self._vectors[[self._rows[key] for key in keys]]

    def keep(self) -> None:
        """Write all vectors, for the next run."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        keys = np.array([np.frombuffer(key, dtype=np.uint8) for key in self._rows])
        partial = self._path.with_name("partial.npz")
        np.savez(partial, keys=keys, vectors=self._vectors.astype(np.float16))
        partial.replace(self._path)
        self._new = 0


def _quietly(stage: str, done: int, total: int) -> None:
    del stage, done, total
