"""A snapshot in a folder, copied into collections of its own on a server."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from pymilvus import DataType

from index.errors import StoreError
from index.layout import SnapshotPaths
from index.lexical import UNIT
from index.milvus.blobs import Blobs
from index.milvus.client import Client, Row
from index.milvus.generation import Generation
from index.milvus.rows import (
    WORDLESS,
    DocumentRow,
    Scoring,
    TermRow,
    codes,
    document_key,
    file_key,
    pack,
    page_key,
    passage_key,
    scoring_key,
    term_key,
    text_key,
)
from index.records import Progress
from index.snapshot import Snapshot

BLOCK = 2_000
"""Passages that are read and sent together."""


def create(client: Client, generation: Generation, dimension: int, index: str) -> None:
    """Create the collections of a generation; ``index`` is the kind of index over vectors."""
    vector = DataType.FLOAT_VECTOR, {"dim": dimension}
    number: tuple[DataType, Row] = (DataType.INT64, {})
    client.create(
        generation.sentences, {"row": number, "passage": number, "vector": vector}, {"vector": index}, mapped=False
    )
    client.create(
        generation.passages,
        {"row": number, "vector": vector, "words": (DataType.SPARSE_FLOAT_VECTOR, {})},
        {"vector": index, "words": "SPARSE_INVERTED_INDEX"},
        mapped=False,
    )
    Blobs(client, generation.records).create()
    Blobs(client, generation.files).create()


def fill(client: Client, generation: Generation, snapshot: Snapshot, paths: SnapshotPaths, progress: Progress) -> None:
    """Send everything but the manifest. Raises StoreError where not all rows are there in the end."""
    records, files = Blobs(client, generation.records), Blobs(client, generation.files)
    passages, sentences = snapshot.manifest.counts.passages, snapshot.manifest.counts.sentences
    kept = 0
    for first in range(0, passages, BLOCK):
        progress("send", first, passages)
        kept += _send_block(client, generation, records, snapshot, first, min(first + BLOCK, passages))
    kept += records.put(chain(_documents(snapshot), _terms(snapshot)))
    progress("send", passages, passages)
    pieces = sum(files.put_file(file_key(name), paths.root / name) for name in snapshot.manifest.files)
    sent = {
        generation.sentences: sentences,
        generation.passages: passages,
        generation.records: kept,
        generation.files: pieces,
    }
    for name, rows in sent.items():
        client.finish(name)
        if (found := client.count(name)) != rows:
            raise StoreError(f"collection {name} holds {found} rows, expected {rows}; send them again")


def _send_block(
    client: Client, generation: Generation, records: Blobs, snapshot: Snapshot, first: int, last: int
) -> int:
    """Send the passages from ``first`` up to ``last``; return the rows of records that they take."""
    sizes = snapshot.store.sentence_counts[first:last]
    start = int(snapshot.store.first_sentences[first])
    rows = np.arange(start, start + int(sizes.sum()))
    vectors = snapshot.vectors.take(rows)
    owners = np.repeat(np.arange(first, last), sizes)
    client.insert(
        generation.sentences,
        ({"row": row, "passage": owner, "vector": vector}
         for row, owner, vector in zip(rows.tolist(), owners.tolist(), vectors, strict=True)),
    )  # fmt: skip
    whole = snapshot.passage_vectors.take(np.arange(first, last))
    starts, terms, weights = snapshot.lexical.of_passages(first, last)
    numbers = (terms + 1).astype("<u4")
    cuts = list(zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True))
    client.insert(
        generation.passages,
        ({"row": row, "vector": vector, "words": _sparse(numbers[a:b], weights[a:b])}
         for row, vector, (a, b) in zip(range(first, last), whole, cuts, strict=True)),
    )  # fmt: skip
    ends = np.cumsum(sizes).tolist()
    scoring = (
        (scoring_key(first + at), pack(Scoring(
            codes=codes(vectors[ends[at] - size : ends[at]]).tobytes() + codes(whole[at : at + 1]).tobytes(),
            terms=numbers[a:b].tobytes(),
            weights=weights[a:b].astype("<u2").tobytes(),
        )))
        for at, (size, (a, b)) in enumerate(zip(sizes.tolist(), cuts, strict=True))
    )  # fmt: skip
    shown = ((passage_key(p.row), pack(p)) for p in snapshot.store.passages(range(first, last)))
    return records.put(chain(scoring, shown))


def _sparse(numbers: NDArray[np.uint32], weights: NDArray[np.uint16]) -> dict[int, float]:
    """Return the words of a passage as a sparse vector."""
    values = weights / np.float32(UNIT)  # exact: a whole number over a power of two
    return dict(zip(numbers.tolist(), values.tolist(), strict=True)) or {WORDLESS: 1 / UNIT}


def _documents(snapshot: Snapshot) -> Iterator[tuple[str, bytes]]:
    store = snapshot.store
    for document in store.documents:
        pages = store.pages(document.row)
        row = DocumentRow(document=document, pages=tuple((page.start, page.end) for page in pages))
        yield document_key(document.row), pack(row)
        yield text_key(document.row), pack(store.document_text(document.row))
        yield from ((page_key(document.row, at), pack(page)) for at, page in enumerate(pages))


def _terms(snapshot: Snapshot) -> Iterator[tuple[str, bytes]]:
    for number, (term, passages) in enumerate(snapshot.lexical.vocabulary(), 1):
        yield term_key(term), pack(TermRow(number=number, passages=passages))
