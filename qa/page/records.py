"""What the page and the API tell of an index, beside answers."""

from __future__ import annotations

from dataclasses import dataclass

from index.records import Skipped
from qa.answer import JsonRecord
from qa.rebuild import BuildState


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierSnapshot(JsonRecord):
    """A snapshot that was in force before."""

    id: str
    published: str
    """When it was last put in force, UTC."""
    documents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexStatus(JsonRecord):
    """The snapshot in force and what is going on around it."""

    snapshot: str
    built: str
    """UTC."""
    seeds: str
    documents: int
    passages: int
    sentences: int
    model: str
    languages: tuple[str, ...]
    """That the model says it reads."""
    skipped: tuple[Skipped, ...]
    notes: tuple[Skipped, ...]
    """Parts of indexed files that were left out."""
    earlier: tuple[EarlierSnapshot, ...]
    """The most recent first."""
    build: BuildState
    watching: bool
    trouble: str
    """Why changed documents are not noticed or taken in, in one line; else empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedFiles(JsonRecord):
    """What became of files that were sent."""

    added: tuple[str, ...]
    refused: tuple[Skipped, ...]
    folder: str
