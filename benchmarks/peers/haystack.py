"""Haystack: InMemoryDocumentStore with embeddings, alone and with BM25 in a DocumentJoiner, saved to disk and loaded.

The joiner fuses by reciprocal ranks, as the documentation's hybrid pipelines do.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from haystack import Document, Pipeline
from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack_integrations.components.embedders.sentence_transformers import (
    SentenceTransformersDocumentEmbedder,
    SentenceTransformersTextEmbedder,
)

from benchmarks.peers import protocol

STORE = "store.json"


@cache
def document_embedder(model: Path) -> SentenceTransformersDocumentEmbedder:
    """Return the embedder of texts, loaded."""
    embedder = SentenceTransformersDocumentEmbedder(model=str(model), progress_bar=False)
    embedder.warm_up()
    return embedder


def load(*, mode: str, model: Path) -> object:  # noqa: ARG001 - one model for both modes
    """Load the model."""
    return document_embedder(model)


def index(*, mode: str, model: Path, passages: Sequence[tuple[str, str]], seeds: Path, folder: Path) -> None:  # noqa: ARG001
    """Embed the texts, write them to the store and save that."""
    documents = document_embedder(model).run([Document(id=ident, content=text) for ident, text in passages])
    store = InMemoryDocumentStore()
    store.write_documents(documents["documents"])
    folder.mkdir(parents=True)
    store.save_to_disk(str(folder / STORE))


def open_folder(*, mode: str, model: Path, folder: Path) -> protocol.Search:
    """Load the store and make the pipeline of a mode."""
    store = InMemoryDocumentStore.load_from_disk(str(folder / STORE))
    pipeline = Pipeline()
    pipeline.add_component("embedder", SentenceTransformersTextEmbedder(model=str(model), progress_bar=False))
    pipeline.add_component("meaning", InMemoryEmbeddingRetriever(document_store=store))
    pipeline.connect("embedder.embedding", "meaning.query_embedding")
    if mode == "hybrid":
        return _hybrid(pipeline, store)

    def search(question: str, k: int) -> list[tuple[str, str]]:
        found = pipeline.run({"embedder": {"text": question}, "meaning": {"top_k": k}})
        return [(document.id, document.content) for document in found["meaning"]["documents"]]

    return search


def _hybrid(pipeline: Pipeline, store: InMemoryDocumentStore) -> protocol.Search:
    from haystack.components.joiners import DocumentJoiner
    from haystack.components.retrievers.in_memory import InMemoryBM25Retriever

    pipeline.add_component("words", InMemoryBM25Retriever(document_store=store))
    pipeline.add_component("joiner", DocumentJoiner(join_mode="reciprocal_rank_fusion"))
    pipeline.connect("meaning", "joiner")
    pipeline.connect("words", "joiner")

    def search(question: str, k: int) -> list[tuple[str, str]]:
        found = pipeline.run(
            {
                "embedder": {"text": question},
                "meaning": {"top_k": k},
                "words": {"query": question, "top_k": k},
                "joiner": {"top_k": k},
            }
        )
        return [(document.id, document.content) for document in found["joiner"]["documents"]]

    return search


if __name__ == "__main__":
    protocol.main(load, index, open_folder)
