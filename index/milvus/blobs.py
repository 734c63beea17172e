"""Pieces of any size under names, kept in a collection: Milvus has text of 65,535 bytes at most, and no bytes."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from pymilvus import DataType

from index.errors import SnapshotDamaged
from index.milvus.client import Client, Row
from index.milvus.rows import damaged

PIECE = 48_000
"""Bytes in one row: 64,000 as base64, and the count of rows before them."""

KEY = 200
"""Bytes of a name at most."""

_MOST = 100_000
"""Rows of a blob that is read as a whole: 4.8 GB."""

_ROWS = 200
"""Rows asked for at once: 13 MB at most."""


class Blobs:
    """The collection ``name``. Thread-safe for readers."""

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._name = name

    @property
    def name(self) -> str:
        """The collection."""
        return self._name

    def create(self) -> None:
        """Create it, empty. Each collection of Milvus needs a vector: these have one of two numbers."""
        fields: dict[str, tuple[DataType, Row]] = {
            "key": (DataType.VARCHAR, {"max_length": KEY + 20}),
            "data": (DataType.VARCHAR, {"max_length": 65_535}),
            "none": (DataType.FLOAT_VECTOR, {"dim": 2}),
        }
        self._client.create(self._name, fields, {"none": "FLAT"}, mapped=True)

    def put(self, blobs: Iterable[tuple[str, bytes]]) -> int:
        """Add blobs under new names; return how many rows they take."""
        return self._client.insert(
            self._name, (row for key, data in blobs for row in _rows(key, BytesIO(data), len(data)))
        )

    def replace(self, key: str, data: bytes) -> None:
        """Put a small blob in the place of one of the same name, or add it."""
        self._client.call("upsert", self._name, list(_rows(key, BytesIO(data), len(data))))

    def put_file(self, key: str, path: Path) -> int:
        """Add a file of any size as a blob; return how many rows it takes."""
        with path.open("rb") as file:
            return self._client.insert(self._name, _rows(key, file, path.stat().st_size))

    def get(self, keys: Sequence[str], *, latest: bool = False) -> dict[str, bytes]:
        """Return the blobs under ``keys``, without those that are not there; ``latest`` has what was just added.

        Raises SnapshotDamaged where one was altered.
        """
        heads = self._fetch([f"{key}/0" for key in keys], latest=latest)
        pieces = {key: self._split(heads[f"{key}/0"]) for key in keys if f"{key}/0" in heads}
        if any(count > _MOST for count, _ in pieces.values()):
            raise damaged(self._name)
        more = [f"{key}/{at}" for key, (count, _) in pieces.items() for at in range(1, count)]
        rest = self._fetch(more, latest=latest)
        return {
            key: self._decoded("".join((first, *(self._piece(rest, f"{key}/{at}") for at in range(1, count)))))
            for key, (count, first) in pieces.items()
        }

    def _split(self, head: str) -> tuple[int, str]:
        """Return how many rows a blob has, and what the first holds of it."""
        count, _, text = head.partition(" ")
        if not count.isdecimal() or len(count) > 12 or int(count) < 1:
            raise damaged(self._name)
        return int(count), text

    def _decoded(self, text: str) -> bytes:
        try:
            return base64.b64decode(text, validate=True)
        except ValueError as error:
            raise damaged(self._name) from error

    def _piece(self, found: dict[str, str], key: str) -> str:
        if key not in found:
            raise SnapshotDamaged(f"{self._name} lacks row {key}; build or import again")
        return found[key]

    def need(self, keys: Sequence[str]) -> list[bytes]:
        """Return the blobs under ``keys``, in order. Raises SnapshotDamaged where one is missing."""
        found = self.get(keys)
        if missing := [key for key in keys if key not in found]:
            raise SnapshotDamaged(f"{self._name} lacks row {missing[0]}/0; build or import again")
        return [found[key] for key in keys]

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield a large blob piece by piece. Raises SnapshotDamaged where a piece is missing."""
        at, count = 0, 1
        while at < count:
            names = [f"{key}/{piece}" for piece in range(at, min(at + _ROWS, count))]
            found = self._fetch(names)
            for name in names:
                text = self._piece(found, name)
                if name == f"{key}/0":
                    count, text = self._split(text)
                yield self._decoded(text)
            at += len(names)

    def _fetch(self, keys: Sequence[str], *, latest: bool = False) -> dict[str, str]:
        found: dict[str, str] = {}
        for first in range(0, len(keys), _ROWS):
            listed = ", ".join(f'"{key}"' for key in keys[first : first + _ROWS])
            for row in self._client.query(self._name, f"key in [{listed}]", ("key", "data"), latest=latest):
                found[row["key"]] = row["data"]
        return found


def _rows(key: str, file: BinaryIO, size: int) -> Iterator[Row]:
    """Yield the rows of a blob that is read from a file."""
    count = max(1, -(-size // PIECE))
    for at in range(count):
        text = base64.b64encode(file.read(PIECE)).decode()
        yield {"key": f"{key}/{at}", "data": text if at else f"{count} {text}", "none": [0.0, 1.0]}
