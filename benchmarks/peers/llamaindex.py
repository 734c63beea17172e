"""LlamaIndex: VectorStoreIndex, alone and with BM25 in a QueryFusionRetriever, persisted to disk and loaded again.

The fusion retriever asks a language model for more questions by default; none is given to any system here, so it is
told to ask the one question only, and fuses by reciprocal ranks, both as its documentation shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from llama_index.core import StorageContext, VectorStoreIndex, load_index_from_storage
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import TextNode
from llama_index.embeddings.huggingface import HuggingFaceEmbedding

from benchmarks.peers import protocol

BATCH = 32
"""Texts a batch, as the others take; the default is 10, and the documentation names this as the way to be quicker."""
WORDS = "bm25"


@cache
def embedding(model: Path) -> HuggingFaceEmbedding:
    """Return the model, loaded."""
    return HuggingFaceEmbedding(model_name=str(model), embed_batch_size=BATCH)


def load(*, mode: str, model: Path) -> object:  # noqa: ARG001 - one model for both modes
    """Load the model."""
    return embedding(model)


def index(*, mode: str, model: Path, passages: Sequence[tuple[str, str]], seeds: Path, folder: Path) -> None:  # noqa: ARG001
    """Index the texts as nodes and persist; in the hybrid mode count their words, too."""
    nodes = [TextNode(id_=ident, text=text) for ident, text in passages]
    made = VectorStoreIndex(nodes, embed_model=embedding(model))
    made.storage_context.persist(persist_dir=str(folder))
    if mode == "hybrid":
        from llama_index.retrievers.bm25 import BM25Retriever

        BM25Retriever.from_defaults(nodes=nodes).persist(str(folder / WORDS))


def open_folder(*, mode: str, model: Path, folder: Path) -> protocol.Search:
    """Load the index, and in the hybrid mode the retriever for words."""
    storage = StorageContext.from_defaults(persist_dir=str(folder))
    loaded = load_index_from_storage(storage, embed_model=embedding(model))

    @cache
    def retriever(k: int) -> BaseRetriever:
        meaning: BaseRetriever = loaded.as_retriever(similarity_top_k=k)
        return meaning if mode == "vectors" else _fused(meaning, folder / WORDS, k)

    def search(question: str, k: int) -> list[tuple[str, str]]:
        return [(found.node.node_id, found.node.get_content()) for found in retriever(k).retrieve(question)]

    return search


def _fused(meaning: BaseRetriever, folder: Path, k: int) -> BaseRetriever:
    from llama_index.core.llms import MockLLM
    from llama_index.core.retrievers import QueryFusionRetriever
    from llama_index.retrievers.bm25 import BM25Retriever

    words = BM25Retriever.from_persist_dir(str(folder))
    words.similarity_top_k = k
    return QueryFusionRetriever(
        [meaning, words], llm=MockLLM(), mode="reciprocal_rerank", similarity_top_k=k, num_queries=1, use_async=False
    )


if __name__ == "__main__":
    protocol.main(load, index, open_folder)
