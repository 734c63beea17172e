"""What an encoder is. The tests have one of their own (tests/fakes.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from index.records import Progress

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderInfo:
    """What an index remembers of the encoder that made its vectors."""

    model: str
    """As the user named it: a name or a folder."""
    fingerprint: str
    """sha256 of everything that decides the vectors; two encoders with the same one are interchangeable."""
    backend: str
    precision: str
    """``int8`` or ``fp32``."""
    dimension: int
    sentence_tokens: int
    """The most tokens of one text that the model reads, without special tokens and prompt."""
    query_prompt: str
    document_prompt: str
    cosine_mean: float
    cosine_std: float
    """Mean and standard deviation of the cosine of unrelated sentences (convert.py)."""
    fidelity: float
    """Mean cosine between this encoder's vectors and those of the original model, 1.0 for the original."""
    languages: tuple[str, ...] = ()
    """ISO 639 codes of the languages that the model's card says it reads; empty where it does not say."""


class Encoder(Protocol):
    """Turns text into vectors of length 1, so that their inner product is their cosine (higher is nearer)."""

    @property
    def info(self) -> EncoderInfo:
        """What an index remembers of this encoder."""

    def encode(self, texts: Sequence[str], progress: Progress) -> FloatArray:
        """Return one row for each text: shape (len(texts), dimension), float32, rows of length 1.

        A row depends on its own text alone, whatever else is encoded with it.
        """

    def encode_question(self, question: str) -> FloatArray:
        """Return the vector of a question: shape (dimension,), float32, length 1. Thread-safe."""

    def token_spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Return for each text the half-open character range of each of its tokens, none special."""
