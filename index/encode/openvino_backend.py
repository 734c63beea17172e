"""The encoder that answers questions: a compiled graph and a tokenizer, neither torch nor transformers."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from index.encode.protocol import EncoderInfo, FloatArray
from index.encode.tokens import Tokens
from index.errors import ModelError
from index.records import Progress

import index.encode.quiet  # isort: skip  # noqa: F401 - before openvino

# openvino goes without its converter where that can't be imported; it is not needed here, and slow to load.
_without_converter = sys.modules.setdefault("openvino.tools.ovc", None) is None  # type: ignore[arg-type]
import openvino  # isort: skip # noqa: E402

if _without_converter:
    del sys.modules["openvino.tools.ovc"]  # others in this process may need it

from index.encode.compiled import compile_kept, compile_new  # noqa: E402 - as openvino

STEP = 16
"""Lengths are padded to multiples of this many tokens, so that a few shapes serve every text."""

QUESTION_STEP = 4
"""The same for questions, which come alone: less padding for a few more shapes."""

BATCH_TOKENS = 1024
"""Tokens of one batch, padding included. Each shape has one batch size, which short batches are padded
to as well: an int8 graph's results depend on the shape, and so a vector depends on its text alone."""


IN_FLIGHT = 2
"""Batches for each core: one at work, one that waits for it."""


class OpenVinoEncoder:
    """Encoder over an OpenVINO graph of model, pooling and normalisation. Thread-safe."""

    def __init__(self, entry: Path, info: EncoderInfo, pad: int) -> None:
        self._info = info
        self.graph = entry / "model.xml"
        self._pad = pad
        self._tokens = Tokens(entry / "tokenizer.json", info)
        try:
            self._table = np.load(entry / "tokens.npy", mmap_mode="r", allow_pickle=False).view(np.ndarray)
        except (OSError, ValueError) as error:  # it was checked, so whoever wrote it wrote something else
            raise ModelError(f"the prepared model {entry} holds no vectors of tokens ({error}); remove it") from error
        self._core = openvino.Core()
        self._lock = threading.Lock()
        self._local = threading.local()

    @property
    def info(self) -> EncoderInfo:
        """What an index remembers of this encoder."""
        return self._info

    def _compile(self, compile_graph: Callable[..., openvino.CompiledModel], streams: int) -> openvino.CompiledModel:
        settings = {"NUM_STREAMS": streams, "INFERENCE_PRECISION_HINT": "f32"}
        try:
            return compile_graph(self._core, self.graph, settings=settings)
        except RuntimeError as error:
            raise ModelError(f"the prepared model {self.graph} can't be read; try again, it is made anew") from error

    @cached_property
    def _single(self) -> openvino.CompiledModel:
        return self._compile(compile_kept, 1)

    @cached_property
    def _parallel(self) -> openvino.CompiledModel:
        return self._compile(compile_new, os.cpu_count() or 1)

    def encode_question(self, question: str) -> FloatArray:
        """Return the vector of a question: shape (dimension,), float32, length 1."""
        ids = self._tokens.question(question)
        request = getattr(self._local, "request", None)
        if request is None:
            with self._lock:
                request = self._local.request = self._single.create_infer_request()
        request.infer(self._inputs([ids], 1, _padded(len(ids), QUESTION_STEP)), share_inputs=True, share_outputs=True)
        return np.array(request.get_output_tensor(0).data[0], dtype=np.float32)

    def encode(self, texts: Sequence[str], progress: Progress) -> FloatArray:
        """Return one row for each text: shape (len(texts), dimension), float32, rows of length 1."""
        vectors = np.zeros((len(texts), self._info.dimension), dtype=np.float32)
        ids = self._tokens.documents(texts)
        by_length: dict[int, list[int]] = {}
        for row, sequence in enumerate(ids):
            by_length.setdefault(_padded(len(sequence)), []).append(row)
        if not by_length:
            return vectors
        with self._lock:
            compiled = self._parallel
        # Requests in turn, without callbacks: one still on its way when the process ends would bring it down.
        free = [compiled.create_infer_request() for _ in range(IN_FLIGHT * (os.cpu_count() or 1))]
        started: deque[tuple[openvino.InferRequest, list[int]]] = deque()
        done = 0

        def finish() -> None:
            nonlocal done
            request, rows = started.popleft()
            request.wait()
            vectors[rows] = request.get_output_tensor(0).data[: len(rows)]
            free.append(request)
            done += len(rows)
            progress("encode", done, len(texts))

        for length in sorted(by_length):
            size = max(1, BATCH_TOKENS // length)
            group = by_length[length]
            for first in range(0, len(group), size):
                rows = group[first : first + size]
                if not free:
                    finish()
                request = free.pop()
                request.start_async(self._inputs([ids[row] for row in rows], size, length))
                started.append((request, rows))
        while started:
            finish()
        return vectors

    def token_spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Return for each text the half-open character range of each of its tokens, none special."""
        return self._tokens.spans(texts)

    def _inputs(self, sequences: Sequence[Sequence[int]], rows: int, length: int) -> dict[str, Any]:
        ids = np.full((rows, length), self._pad, dtype=np.int64)
        mask = np.zeros((rows, length), dtype=np.int64)
        mask[:, 0] = 1  # a row of padding alone would divide by zero
        for row, sequence in enumerate(sequences):
            ids[row, : len(sequence)] = sequence
            mask[row, : len(sequence)] = 1
        return {"inputs_embeds": self._table[ids].astype(np.float32), "attention_mask": mask}


def _padded(length: int, step: int = STEP) -> int:
    return -(-length // step) * step
