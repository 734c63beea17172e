"""An encoder with no model behind it: a real one in every other respect."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from index.encode.protocol import EncoderInfo, FloatArray
from index.records import Progress

DIMENSION = 32

WORD = re.compile(r"\w+")

TOKEN = re.compile(r"\w{1,12}|[^\w\s]")
"""Every character that is not white space is in a token; long words are several."""


class HashEncoder:
    """Encoder whose vectors are sums of the hashed words of a text: the more words two texts share, the nearer.

    The same text always has the same vector, in every process.
    """

    def __init__(self, sentence_tokens: int = 40, fingerprint: str = "fake-1") -> None:
        self._info = EncoderInfo(
            model="fake",
            fingerprint=fingerprint,
            backend="fake",
            precision="fp32",
            dimension=DIMENSION,
            sentence_tokens=sentence_tokens,
            query_prompt="",
            document_prompt="",
            cosine_mean=0.1,
            cosine_std=0.2,
            fidelity=1.0,
        )
        self.encoded: list[str] = []
        """Every text that encode() was given, so that a test can tell which vectors were reused."""

    @property
    def info(self) -> EncoderInfo:
        """What an index remembers of this encoder."""
        return self._info

    def encode(self, texts: Sequence[str], progress: Progress) -> FloatArray:
        """Return one row for each text: shape (len(texts), 32), float32, rows of length 1."""
        self.encoded.extend(texts)
        vectors = np.zeros((len(texts), DIMENSION), dtype=np.float32)
        for row, text in enumerate(texts):
            vectors[row] = _vector(text)
        progress("encode", len(texts), len(texts))
        return vectors

    def encode_question(self, question: str) -> FloatArray:
        """Return the vector of a question: shape (32,), float32, length 1."""
        return _vector(question)

    def token_spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Return for each text the half-open character range of each of its tokens."""
        return [[match.span() for match in TOKEN.finditer(text)] for text in texts]


def _vector(text: str) -> FloatArray:
    words = WORD.findall(text.casefold()) or [text]
    total = np.stack([_hashed(word) for word in words]).sum(axis=0)
    return np.asarray(total / np.linalg.norm(total), dtype=np.float32)


def _hashed(word: str) -> NDArray[np.float64]:
    """Return a vector of -1 and 1, all of one length."""
    digest = hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest()[: DIMENSION // 8]
    bits = np.unpackbits(np.frombuffer(digest, dtype=np.uint8))
    return np.asarray(bits, dtype=np.float64) * 2 - 1
