"""Put all-MiniLM-L6-v2 where Chroma's default embedding function looks for its ONNX file.

Chroma fetches that file from its own server the first time; here it is exported from the very weights that every
other system is given, into the folder that Chroma would unpack it to, and compared with sentence-transformers.

``PYTHON -m benchmarks.peers.chroma_model MODEL HOME``, by the interpreter of Chroma's environment.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from transformers import AutoModel, AutoTokenizer

from benchmarks.peers.systems import COMPARED, PLACE

FILES = ("config.json", "special_tokens_map.json", "tokenizer_config.json", "tokenizer.json", "vocab.txt")
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
PROBES = (
    "How is the model of an embedding function kept?",
    "Passages are cut at sentences; each is padded to the length that the function has fixed.",
    "word " * 400,
)
LEAST_COSINE = 0.9999


class _States(torch.nn.Module):  # type: ignore[misc, unused-ignore]
    """The model as a function of three tensors, int64 (batch, tokens), to states (batch, tokens, dimensions)."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.model = AutoModel.from_pretrained(str(folder), attn_implementation="eager")

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
        states: torch.Tensor = self.model(input_ids=ids, attention_mask=mask, token_type_ids=types)[0]
        return states


def export(model: Path, folder: Path) -> None:
    """Write the ONNX file and the tokenizer's files into ``folder``."""
    example = AutoTokenizer.from_pretrained(str(model))(list(PROBES[:2]), padding=True, return_tensors="pt")
    free = {name: {0: "batch", 1: "tokens"} for name in (*INPUTS, "last_hidden_state")}
    torch.onnx.export(
        _States(model).eval(),
        tuple(example[name] for name in INPUTS),
        str(folder / "model.onnx"),
        input_names=list(INPUTS),
        output_names=["last_hidden_state"],
        dynamic_axes=free,
        opset_version=17,
        dynamo=False,
    )
    for name in FILES:
        shutil.copyfile(model / name, folder / name)


def least_cosine(model: Path) -> float:
    """Return the least cosine between Chroma's vectors and those of sentence-transformers."""
    from chromadb.utils.embedding_functions import ONNXMiniLM_L6_V2

    function = ONNXMiniLM_L6_V2()
    ours = np.array(function(list(PROBES)))
    theirs = SentenceTransformer(str(model), device="cpu").encode(list(PROBES), normalize_embeddings=True)
    return float((ours * theirs).sum(axis=1).min())


def main(model: Path, home: Path) -> None:
    """Export and compare; end with an error where the vectors differ. COMPARED is written last."""
    place = home / PLACE
    if not place.is_dir():
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as name:
            made = Path(name) / "onnx"
            made.mkdir()
            export(model, made)
            os.replace(made, place)
    found = least_cosine(model)
    if found < LEAST_COSINE:
        shutil.rmtree(place)
        raise SystemExit(f"the ONNX file in {place} gives other vectors: cosine {found:.5f}, expected {LEAST_COSINE}")
    (place / COMPARED).write_text(f"least cosine with sentence-transformers: {found:.6f}\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
