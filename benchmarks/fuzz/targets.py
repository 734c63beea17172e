"""What is fuzzed: for each target sound examples to begin with, and what must hold of whatever becomes of them."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from index import build
from index.errors import CitationError, SeedQAError, SnapshotError
from index.load.assemble import Assembly
from index.manifest import read_manifest
from index.split import split
from qa.citation import Link, parse_link
from qa.evaluate.read import read_dataset
from tests.fakes import HashEncoder
from tests.hostile import examine, examples, mutated
from tests.test_split import TOKENS, check

KINDS = ("heading", "text", "row", "header", "code")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Something that takes bytes from strangers."""

    examples: tuple[bytes, ...]
    examine: Callable[[bytes], object]
    """Raises where something does not hold."""
    change: Callable[[bytes, random.Random], bytes] = mutated


LINK = "seedqa:a/b%20c.pdf?chars=12-340&evidence=20-99&source=0123456789abcdef&quote=fedcba9876543210"
SQUAD = {
    "version": "2.0",
    "data": [
        {
            "title": "Mill",
            "paragraphs": [
                {
                    "context": "The mill grinds rye.",
                    "qas": [
                        {"id": "1", "question": "It grinds?", "answers": [{"text": "rye", "answer_start": 16}]},
                        {"id": "2", "question": "Who owns it?", "answers": [], "is_impossible": True},
                    ],
                }
            ],
        }
    ],
}  # fmt: skip


def examine_link(data: bytes) -> None:
    """Assert that a link is the one that it was made of, and that all else gives one kind of error, in one line."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        link = parse_link(text)
    except CitationError as error:
        told = str(error)
    else:
        told = "a link"
    assert told.isprintable()
    assert len(told) < 1500
    if told != "a link":
        return
    assert isinstance(link, Link)
    assert parse_link(str(link)) == link
    assert link.start <= link.evidence_start < link.evidence_end <= link.end
    assert not link.path.startswith("/")
    assert ".." not in link.path.split("/")
    assert "\0" not in link.path


def examine_split(data: bytes) -> None:
    """Assert of any text in any blocks and language that it is split as tests/test_split.py says."""
    language, _, text = data.decode("utf-8", "replace").partition("\n")
    assembly = Assembly("line")
    for number, words in enumerate(text.split("\n\n"), 1):
        kind, _, body = words.partition(":")
        if kind == "heading":
            assembly.heading(1 + len(body) % 6, body, number)
        else:
            assembly.block(kind if kind in KINDS else "text", body, number)
    found = assembly.finish()
    check(found, split(found, language if language.isalpha() else "en", TOKENS, 40))


def examine_manifest(data: bytes) -> None:
    """Read a manifest, or find it refused as one of an index that is damaged or of another version."""
    with suppress(SnapshotError):
        read_manifest(data, "manifest.json")


def examine_squad(data: bytes) -> None:
    """Read a data set, or find it refused in one line."""
    told = ""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "questions.json"
        path.write_bytes(data)
        try:
            read_dataset(path)
        except SeedQAError as error:
            told = str(error)
    assert "\n" not in told


def _manifest() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        seeds, index = Path(folder) / "seeds", Path(folder) / "index"
        seeds.mkdir()
        (seeds / "a.txt").write_text("The mill grinds rye.", "utf-8")
        report = build(seeds, index, HashEncoder())
        return (index / "snapshots" / report.snapshot / "manifest.json").read_bytes()


def _documents(name: str) -> Target:
    def take(data: bytes) -> None:
        examine(name, data)

    return Target(examples=(examples()[name],), examine=take)


def targets() -> Mapping[str, Target]:
    """Return all targets by name: a document of each format, and the rest."""
    found = {name: _documents(name) for name in examples()}
    text = "en\nheading:Mill\n\nThe mill grinds rye. It is old!\n\nrow:a\tb\n\ncode:x = 1\ny = 2"
    found["link"] = Target(examples=(LINK.encode(),), examine=examine_link)
    found["split"] = Target(examples=(text.encode(),), examine=examine_split)
    found["manifest"] = Target(examples=(_manifest(),), examine=examine_manifest)
    found["squad"] = Target(examples=(json.dumps(SQUAD).encode(),), examine=examine_squad)
    return MappingProxyType(found)
