"""Encoding on the nodes of a cluster."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from index.encode.protocol import Encoder, EncoderInfo, FloatArray
from index.records import Progress
from index.spread.pool import Pool, Task

BATCH = 512
"""Texts that are sent together."""


class SpreadEncoder:
    """Encoder that has others encode documents, and does all else here."""

    def __init__(self, local: Encoder, pool: Pool) -> None:
        self._local = local
        self._pool = pool

    @property
    def info(self) -> EncoderInfo:
        """What an index remembers of this encoder."""
        return self._local.info

    def encode(self, texts: Sequence[str], progress: Progress) -> FloatArray:
        """Return one row for each text: shape (len(texts), dimension), float32, rows of length 1.

        Texts of about the same length go together, as encoders pad them, the longest first, so that all end at about
        the same time.
        """
        vectors = np.zeros((len(texts), self.info.dimension), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))
        batches = [order[first : first + BATCH] for first in range(0, len(order), BATCH)]
        tasks = (Task(arguments=([texts[row] for row in rows],)) for rows in batches)
        done = 0
        for rows, found in zip(batches, self._pool.map("encode", tasks), strict=True):
            vectors[rows] = found
            done += len(rows)
            progress("encode", done, len(texts))
        return vectors

    def encode_question(self, question: str) -> FloatArray:
        """Return the vector of a question: shape (dimension,), float32, length 1."""
        return self._local.encode_question(question)

    def token_spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Return for each text the half-open character range of each of its tokens, none special."""
        return self._local.token_spans(texts)
