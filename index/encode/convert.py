"""Prepare a model: ``python -m index.encode.convert MODEL_FOLDER OUT_FOLDER BACKEND``.

Runs in a process of its own (cache.py). For the openvino backend the sentence-transformers model with
its pooling is traced into an OpenVINO graph, quantised to int8 with NNCF on calibration.txt, and kept
if it agrees with the original on sentences that it was not calibrated on; otherwise the graph stays in
full precision. Writes model.xml, model.bin, tokens.npy, tokenizer.json and measured.json.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import warnings
from pathlib import Path
from typing import Any

from index.encode import quiet

os.environ.update(quiet.OFFLINE)
logging.disable(logging.WARNING)
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402 - after the environment is set
import torch  # noqa: E402
from huggingface_hub.repocard import metadata_load  # noqa: E402
from sentence_transformers import SentenceTransformer  # noqa: E402

from index.encode.cache import CALIBRATION  # noqa: E402

MIN_COSINE = 0.99
MIN_AGREEMENT = 0.8
HELD_OUT = 4
"""Every fourth sentence of the calibration text checks what the others calibrated."""


class _Whole(torch.nn.Module):
    """Model, pooling and normalisation as one graph from the vectors of tokens to that of the text."""

    def __init__(self, model: SentenceTransformer) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs_embeds: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        features = {"inputs_embeds": inputs_embeds, "attention_mask": attention_mask}
        vectors = self.model(features)["sentence_embedding"]
        return torch.nn.functional.normalize(vectors, p=2.0, dim=1)


def token_table(model: SentenceTransformer) -> np.ndarray[Any, np.dtype[np.float16]]:
    """Return the vector of every token: shape (tokens, width), half precision.

    They stay out of the graph, which would hold them all in memory: a text has few of them.
    """
    transformer: Any = model[0].auto_model
    embed = transformer.get_input_embeddings()
    with torch.no_grad():
        table = embed(torch.arange(embed.num_embeddings)).numpy()
    return np.asarray(table, dtype=np.float16)


def calibration_texts() -> tuple[list[str], list[str]]:
    """Return texts to calibrate on, single sentences and joined ones, and sentences held out to check."""
    lines = [line for line in CALIBRATION.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    checks = lines[::HELD_OUT]
    used = [line for row, line in enumerate(lines) if row % HELD_OUT]
    joined = [" ".join(used[row : row + 2 + row % 7]) for row in range(0, len(used), 3)]
    return used + joined, checks


def spread(vectors: np.ndarray[Any, np.dtype[np.float32]]) -> tuple[float, float]:
    """Return mean and standard deviation of the cosine between different rows."""
    cosines = (vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]
    return float(cosines.mean()), float(cosines.std())


def agreement(left: np.ndarray[Any, Any], right: np.ndarray[Any, Any], near: int = 3) -> float:
    """Return the mean share of each row's ``near`` nearest other rows on which two encoders agree."""

    def nearest(rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.argsort(-(rows @ rows.T) + 2 * np.eye(len(rows)), axis=1, kind="stable")[:, :near]

    pairs = zip(nearest(left), nearest(right), strict=True)
    return float(np.mean([len(set(a) & set(b)) / near for a, b in pairs]))


def languages(folder: Path) -> list[str]:
    """Return the languages that the model's card names; a card that is missing or says "multilingual" names none."""
    card = folder / "README.md"
    named = (metadata_load(card) or {}).get("language") if card.is_file() else None
    codes = [named] if isinstance(named, str) else named if isinstance(named, list) else []
    return sorted({str(code).lower() for code in codes if re.fullmatch("[A-Za-z]{2,3}", str(code))})


def convert(folder: Path, out: Path, backend: str) -> dict[str, Any]:
    """Prepare the model of ``folder`` in ``out`` and return what was measured."""
    safe = {"use_safetensors": True}
    model = SentenceTransformer(
        str(folder), device="cpu", local_files_only=True, trust_remote_code=False, model_kwargs=safe
    ).eval()
    tokenizer = model.tokenizer
    if not getattr(tokenizer, "is_fast", False):
        raise SystemExit("the model has no tokenizer.json; choose a model with a fast tokenizer")
    tokenizer.backend_tokenizer.save(str(out / "tokenizer.json"))
    prompts = model.prompts or {}
    document_prompt = prompts.get("document") or prompts.get("passage") or ""
    used, checks = calibration_texts()
    original = np.asarray(model.encode(checks, normalize_embeddings=True, prompt=""), dtype=np.float32)
    limit = int(model.max_seq_length or tokenizer.model_max_length)
    prompt_tokens = len(tokenizer.encode(document_prompt, add_special_tokens=False))
    measured: dict[str, Any] = {
        "precision": "fp32",
        "dimension": original.shape[1],
        "sentence_tokens": limit - tokenizer.num_special_tokens_to_add(pair=False) - prompt_tokens,
        "query_prompt": prompts.get("query") or "",
        "document_prompt": document_prompt,
        "fidelity": 1.0,
        "languages": languages(folder),
        "runtime": {"pad": int(tokenizer.pad_token_id or 0)},
    }
    vectors = original
    if backend == "openvino":
        measured["precision"], measured["fidelity"], vectors = _compile(model, out, used, checks, original)
    measured["cosine_mean"], measured["cosine_std"] = (round(value, 6) for value in spread(vectors))
    return measured


def _compile(
    model: SentenceTransformer, out: Path, used: list[str], checks: list[str], original: np.ndarray[Any, Any]
) -> tuple[str, float, np.ndarray[Any, Any]]:
    """Write the graph, in int8 if that is faithful; return its precision, fidelity and check vectors."""
    import nncf  # noqa: PLC0415 - needed by this backend only
    import openvino  # noqa: PLC0415

    nncf.set_log_level(logging.ERROR)

    table = token_table(model)
    np.save(out / "tokens.npy", table, allow_pickle=False)

    def inputs(texts: list[str]) -> dict[str, Any]:
        rows = model.tokenizer(
            texts, padding=True, truncation=True, max_length=model.max_seq_length, return_tensors="np"
        )
        embedded = table[rows["input_ids"]].astype(np.float32)
        return {"inputs_embeds": embedded, "attention_mask": rows["attention_mask"]}

    whole = _Whole(model).eval()
    example = {name: torch.from_numpy(rows) for name, rows in inputs(["one", "a longer example"]).items()}
    with torch.no_grad():
        graph = openvino.convert_model(whole, example_input=example)
    small = nncf.quantize(
        graph,
        nncf.Dataset([inputs([text]) for text in used]),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(used),
    )
    core = openvino.Core()
    chosen: tuple[str, float, np.ndarray[Any, Any]] | None = None
    for precision, candidate in (("int8", small), ("fp32", graph)):
        compiled = core.compile_model(candidate, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        vectors = np.concatenate([np.array(compiled(inputs([text]))[0]) for text in checks])
        fidelity = float((vectors * original).sum(axis=1).mean())
        if fidelity >= MIN_COSINE and agreement(vectors, original) >= MIN_AGREEMENT:
            openvino.save_model(candidate, str(out / "model.xml"), compress_to_fp16=False)
            chosen = precision, round(fidelity, 6), vectors
            break
    if chosen is None:
        raise SystemExit("the converted model does not agree with the original; use the torch backend")
    return chosen


if __name__ == "__main__":
    source, target, name = sys.argv[1:]
    result = convert(Path(source), Path(target), name)
    (Path(target) / "measured.json").write_text(json.dumps(result), "utf-8")
