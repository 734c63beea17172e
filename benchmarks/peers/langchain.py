"""LangChain: its FAISS vector store with HuggingFaceEmbeddings, alone and with BM25 in an EnsembleRetriever.

The vector store is saved and loaded as its documentation says. BM25Retriever has no way to the disk of its own and
is documented as made from documents, so the hybrid mode keeps the texts beside the vectors and makes it when opened.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from langchain_community.vectorstores import FAISS
from langchain_huggingface import HuggingFaceEmbeddings

from benchmarks.peers import protocol

TEXTS = "texts.json"


@cache
def embeddings(model: Path) -> HuggingFaceEmbeddings:
    """Return the model, loaded."""
    return HuggingFaceEmbeddings(model_name=str(model))


def load(*, mode: str, model: Path) -> object:  # noqa: ARG001 - one model for both modes
    """Load the model."""
    return embeddings(model)


def index(*, mode: str, model: Path, passages: Sequence[tuple[str, str]], seeds: Path, folder: Path) -> None:  # noqa: ARG001
    """Embed the texts and save the store."""
    ids, texts = zip(*passages, strict=True)
    store = FAISS.from_texts(list(texts), embeddings(model), ids=list(ids))
    store.save_local(str(folder))
    if mode == "hybrid":
        (folder / TEXTS).write_text(json.dumps(passages), "utf-8")


def open_folder(*, mode: str, model: Path, folder: Path) -> protocol.Search:
    """Load the store; in the hybrid mode count the words of the texts, too."""
    store = FAISS.load_local(str(folder), embeddings(model), allow_dangerous_deserialization=True)
    if mode == "vectors":
        return lambda question, k: [(str(d.id), d.page_content) for d in store.similarity_search(question, k=k)]

    from langchain_classic.retrievers import EnsembleRetriever
    from langchain_community.retrievers import BM25Retriever

    ids, texts = zip(*protocol.read_passages(folder / TEXTS), strict=True)
    words = BM25Retriever.from_texts(texts, ids=ids)

    @cache
    def retriever(k: int) -> EnsembleRetriever:
        meaning = store.as_retriever(search_kwargs={"k": k})
        return EnsembleRetriever(retrievers=[words.model_copy(update={"k": k}), meaning], weights=[0.5, 0.5])

    return lambda question, k: [(str(d.id), d.page_content) for d in retriever(k).invoke(question)[:k]]


if __name__ == "__main__":
    protocol.main(load, index, open_folder)
