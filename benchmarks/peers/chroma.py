"""Chroma: a persistent collection, with its default embedding function and with that of sentence-transformers.

The default is all-MiniLM-L6-v2 in ONNX, padded to 256 tokens; ``chroma_model.py`` puts it in place. Used as it comes,
``DefaultEmbeddingFunction`` loads the model anew for every question, so here the class behind it is kept instead. A
local Chroma has no hybrid search: its documentation offers that on the company's servers only.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import chromadb
from chromadb.config import Settings
from chromadb.utils.embedding_functions import ONNXMiniLM_L6_V2, SentenceTransformerEmbeddingFunction

from benchmarks.peers import protocol

COLLECTION = "texts"


@cache
def load(*, mode: str, model: Path) -> Any:
    """Return the embedding function of a mode, ready to embed."""
    if mode == "sentence-transformers":
        return SentenceTransformerEmbeddingFunction(model_name=str(model))
    function = ONNXMiniLM_L6_V2()
    function(["ready"])  # it loads its model with the first text
    return function


def client(folder: Path) -> Any:
    """Open a folder, without telemetry."""
    return chromadb.PersistentClient(path=str(folder), settings=Settings(anonymized_telemetry=False))


def index(*, mode: str, model: Path, passages: Sequence[tuple[str, str]], seeds: Path, folder: Path) -> None:  # noqa: ARG001
    """Add the texts to a collection, in batches as large as Chroma takes."""
    opened = client(folder)
    collection = opened.create_collection(COLLECTION, embedding_function=load(mode=mode, model=model))
    most = opened.get_max_batch_size()
    for at in range(0, len(passages), most):
        ids, texts = zip(*passages[at : at + most], strict=True)
        collection.add(ids=list(ids), documents=list(texts))


def open_folder(*, mode: str, model: Path, folder: Path) -> protocol.Search:
    """Open the collection."""
    collection = client(folder).get_collection(COLLECTION, embedding_function=load(mode=mode, model=model))

    def search(question: str, k: int) -> list[tuple[str, str]]:
        found = collection.query(query_texts=[question], n_results=k)
        return list(zip(found["ids"][0], found["documents"][0], strict=True))

    return search


if __name__ == "__main__":
    protocol.main(load, index, open_folder)
