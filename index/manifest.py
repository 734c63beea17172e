"""manifest.json: what a snapshot holds, how it was made, and the sha256 of its files."""

from __future__ import annotations

import hashlib
from collections.abc import Container
from dataclasses import dataclass, replace

import msgspec

from index.encode.protocol import EncoderInfo
from index.errors import SnapshotDamaged, SnapshotFormat
from index.load.limits import Limits
from index.records import Skipped

FORMAT = 7
"""Raised whenever an older SeedQA could not read a snapshot, or read it wrongly."""


FILES = frozenset((
    "passages.sqlite", "first_sentences.npy", "passage_documents.npy", "vectors.faiss", "passage_vectors.faiss",
    "candidates.faiss", "passage_candidates.faiss", "lexical/terms.sqlite", "lexical/starts.npy",
    "lexical/passages.npy", "lexical/frequencies.npy", "lexical/weights.npy",
))  # fmt: skip
"""Names that a manifest may list (index/layout.py): a copy writes files under the names that it reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """A file of a snapshot."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord:
    """A file of the seeds that was read, whatever came of it."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRecord:
    """A document of a snapshot; ``sha256`` is that of its own bytes, within an archive those of the member."""

    path: str
    title: str
    sha256: str
    bytes: int
    passages: int
    notes: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    """Other paths with the same bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything but the model that decides how a document is read, split and analysed."""

    reader: str
    splitter: str
    analyser: str
    passage_tokens: int
    k1: float
    b: float
    delta: float
    vectors: str
    """Precision in which vectors are kept."""
    libraries: dict[str, str]
    """Version of each library that has a part in it."""
    limits: Limits
    """What one document may cost."""


AUTO, EXACT, COMPRESSED = "auto", "exact", "compressed"
SEARCHES = (AUTO, EXACT, COMPRESSED)
"""How the nearest vectors are looked for: by size, among all, or by way of candidates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRecord:
    """How the nearest of one kind of vectors are found."""

    kind: str
    """``exact``, or that of the candidates."""
    lists: int = 0
    """Into which the vectors are sorted."""
    probes: int = 0
    """Lists that are looked into."""
    factor: int = 0
    """Candidates whose cosines are computed, for each vector that is wanted."""
    recall: float = 1.0
    """Share of the hundred nearest vectors that were found, as measured when it was built (index/compress.py)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Rows of a snapshot's parts."""

    documents: int
    passages: int
    sentences: int
    terms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a snapshot holds. The same seeds and settings give the same manifest."""

    format: int
    id: str
    recipe: Recipe
    encoder: EncoderInfo
    languages: tuple[str, ...]
    counts: Counts
    documents: tuple[DocumentRecord, ...]
    sources: tuple[SourceRecord, ...]
    skipped: tuple[Skipped, ...]
    files: dict[str, FileRecord]
    search: str
    """One of SEARCHES, as it was set."""
    sentence_search: SearchRecord
    passage_search: SearchRecord
    checksum: str = ""
    """sha256 of this manifest with an empty checksum."""


def source_path(document: str, sources: Container[str]) -> str:
    """Return the path of the file that a document is, or lies within; ``sources`` has the paths of all files."""
    path = document
    while path not in sources and "/" in path:
        path = path.rpartition("/")[0]
    return path if path in sources else document


def write_manifest(manifest: Manifest) -> bytes:
    """Return the bytes of ``manifest.json``, with the checksum filled in."""
    blank = _canonical(replace(manifest, checksum=""))
    return blank[: -len(_END)] + _ended(hashlib.sha256(blank).hexdigest())


def read_manifest(data: bytes, where: str) -> Manifest:
    """Return the manifest in ``data``, which was read from ``where``.

    Raises SnapshotFormat for another format version and SnapshotDamaged for any altered byte, or a name of a file that
    no snapshot has.
    """
    damaged = SnapshotDamaged(f"{where} is damaged: its checksum does not fit; rebuild the index: qa build")
    try:
        version = msgspec.json.decode(data, type=_Head).format
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise damaged from error
    if version != FORMAT:
        if not isinstance(version, int):
            raise damaged
        remedy = "install a newer SeedQA" if version > FORMAT else "rebuild the index: qa build"
        raise SnapshotFormat(f"{where} has format version {version}, this SeedQA reads {FORMAT}; {remedy}")
    whole = hashlib.sha256(memoryview(data)[: -len(_ended("0" * 64))])
    whole.update(_END)
    if not data.endswith(_ended(whole.hexdigest())):
        raise damaged
    try:
        found = msgspec.json.decode(data, type=Manifest)
    except msgspec.MsgspecError as error:
        raise damaged from error
    if strange := sorted(found.files.keys() - FILES):
        raise SnapshotDamaged(
            f"{where} lists {strange[0]!r}, which is no file of a snapshot; rebuild the index: qa build"
        )
    return found


class _Head(msgspec.Struct):
    """The one thing that every version of the format has."""

    format: object


def _ended(checksum: str) -> bytes:
    """Return how a manifest with a checksum ends: it is the last of its fields."""
    return b'"checksum": "%s"\n}\n' % checksum.encode()


_END = _ended("")


def _canonical(manifest: Manifest) -> bytes:
    return msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"), indent=1) + b"\n"
