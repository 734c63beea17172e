"""The model's own tokenizer, as a file that needs no transformers to read."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from tokenizers import Tokenizer

from index.encode.protocol import EncoderInfo

_BATCH = 4096


class Tokens:
    """Counts and numbers tokens. Thread-safe: two tokenizers, neither changed after it is made."""

    def __init__(self, path: Path, info: EncoderInfo) -> None:
        self._info = info
        self._cut = Tokenizer.from_file(str(path))
        self._cut.no_padding()
        self._cut.no_truncation()
        prompt = len(self._cut.encode(info.document_prompt, add_special_tokens=False).ids)
        special = self._cut.num_special_tokens_to_add(is_pair=False)
        self._cut.enable_truncation(info.sentence_tokens + prompt + special)

    @cached_property
    def _whole(self) -> Tokenizer:
        """The tokenizer without a limit; asking seldom needs it, perhaps when its file is long gone."""
        tokenizer = Tokenizer.from_str(self._cut.to_str())
        tokenizer.no_truncation()
        return tokenizer

    def question(self, question: str) -> list[int]:
        """Return the token ids of a question with its prompt; what the model can't read is cut off."""
        return list(self._cut.encode(self._info.query_prompt + question).ids)

    def documents(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of texts with the document prompt."""
        prompt = self._info.document_prompt
        rows: list[list[int]] = []
        for first in range(0, len(texts), _BATCH):
            batch = [prompt + text for text in texts[first : first + _BATCH]]
            rows.extend(encoding.ids for encoding in self._cut.encode_batch(batch))
        return rows

    def spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Return for each text the character range of each token, none special, none cut off."""
        rows: list[list[tuple[int, int]]] = []
        for first in range(0, len(texts), _BATCH):
            batch = self._whole.encode_batch(list(texts[first : first + _BATCH]), add_special_tokens=False)
            rows.extend(encoding.offsets for encoding in batch)
        return rows
