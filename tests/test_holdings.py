"""What the index holds beside what is on disk."""

from __future__ import annotations

import os
import time
from pathlib import Path

from index import build
from qa import Index, open_index
from tests.fakes import HashEncoder


def states(opened: Index) -> dict[str, str]:
    return {document.source: document.status for document in opened.list_documents()}


def test_documents_are_current_changed_missing_or_new(built: Path, seeds: Path, encoder: HashEncoder) -> None:
    with open_index(built, encoder=encoder) as opened:
        assert states(opened) == {"bridge.txt": "current", "garden.md": "current", "mill.html": "current"}
        (seeds / "bridge.txt").write_text("Other words, another length.", "utf-8")
        (seeds / "mill.html").unlink()
        (seeds / "owl.txt").write_text("An owl.", "utf-8")
        (seeds / ".hidden.txt").write_text("Hidden.", "utf-8")
        assert states(opened) == {
            "bridge.txt": "changed", "garden.md": "current", "mill.html": "missing", "owl.txt": "new",
        }  # fmt: skip
        build(seeds, built, encoder)
        assert states(opened) == {"bridge.txt": "current", "garden.md": "current", "owl.txt": "current"}


def test_a_change_of_the_same_length_is_seen_and_a_mere_touch_is_none(
    built: Path, seeds: Path, encoder: HashEncoder
) -> None:
    path = seeds / "bridge.txt"
    later = time.time() + 10
    with open_index(built, encoder=encoder) as opened:
        os.utime(path, (later, later))
        assert states(opened)["bridge.txt"] == "current"
        path.write_bytes(path.read_bytes().swapcase())
        os.utime(path, (later, later + 1))
        assert states(opened)["bridge.txt"] == "changed"


def test_a_document_says_what_the_manifest_says(built: Path, seeds: Path, encoder: HashEncoder) -> None:
    with open_index(built, encoder=encoder) as opened:
        found = opened.list_documents()[1]
        record = opened.manifest.documents[1]
    assert (found.source, found.title, found.bytes, found.passages, found.sha256, found.notes) == (
        record.path, record.title, record.bytes, record.passages, record.sha256, record.notes,
    )  # fmt: skip
    assert found.modified.endswith("+00:00")
    assert type(found).from_json(found.to_json()) == found


def test_a_folder_that_is_gone_leaves_every_document_missing(built: Path, seeds: Path, encoder: HashEncoder) -> None:
    seeds.rename(seeds.with_name("elsewhere"))
    with open_index(built, encoder=encoder) as opened:
        assert set(states(opened).values()) == {"missing"}


def test_an_answer_is_verified_by_the_hash_of_its_files(built: Path, seeds: Path, encoder: HashEncoder) -> None:
    with open_index(built, encoder=encoder) as opened:
        answer = opened.search("Where do frogs live?", k=4)
        checks = opened.verify_answer(answer)
        assert [check.status for check in checks] == ["verified"] * 4
        assert checks == tuple(opened.verify(result.citation) for result in answer.results)
        (seeds / "garden.md").write_text("Gone.", "utf-8")
        (seeds / "mill.html").unlink()
        found = {check.source: check.status for check in opened.verify_answer(answer)}
    assert found == {"garden.md": "source changed", "bridge.txt": "verified", "mill.html": "source missing"}
