"""The same questions asked of a folder and of a Milvus server: whole answers compared, times, bytes a sentence.

``python -m benchmarks.stores EVAL [--index milvus://host:port/name]`` writes benchmarks/out/stores.json. Without an
address it starts a Milvus Lite server on loopback. Of an address only the server counts, and its database: the indexes
are given names of their own, refused where they are there already, and removed in the end.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from rich.progress import track

from benchmarks.datasets import chunking_corpora, chunking_questions, write_texts, xquad
from benchmarks.lite import LiteServer
from index import build, load_encoder
from index.address import Address, parse_address
from index.encode import Encoder
from index.layout import IndexPaths
from index.milvus.catalog import MilvusCatalog
from index.milvus.client import Client, Row, row_bytes
from index.milvus.generation import generations
from index.records import BuildReport, no_progress
from qa.config import Settings, read_settings
from qa.engine import Index

OUT = Path(__file__).parent / "out"


class Counted(MilvusCatalog):
    """Counts the bytes that it sends, by kind of collection."""

    sent: ClassVar[Counter[str]] = Counter()

    def _connection(self) -> Client:
        return _CountedClient(self._address, self._token, self._ca)


class _CountedClient(Client):
    def insert(self, name: str, rows: Iterable[Row]) -> int:
        def counted() -> Iterable[Row]:
            for row in rows:
                Counted.sent[name.rpartition("_")[2]] += row_bytes(row)
                yield row

        return super().insert(name, counted())


def remove_index(address: Address, token: str = "", ca: Path | None = None) -> None:
    """Remove a whole index from a server: its alias and all its collections."""
    client = Client(address, token, ca)
    if client.aliased(address.name):
        client.call("drop_alias", address.name)
    present = client.collections()
    for generation in generations(address.name, present):
        for name in generation.collections(present):
            client.drop(name)
    client.close()


def new_index(address: Address, name: str, token: str = "", ca: Path | None = None) -> Address:
    """Return the address of an index of another name on the same server. Raises SystemExit where it is there."""
    found = replace(address, name=name)
    client = Client(found, token, ca)
    present = client.collections()
    if client.aliased(name) or name in present or generations(name, present):
        raise SystemExit(f"{found} is there already; remove it, or run the benchmark again")
    client.close()
    return found


def compare(
    name: str,
    texts: dict[str, str],
    questions: list[str],
    scratch: Path,
    address: Address,
    encoder: Encoder,
    settings: Settings,
) -> dict[str, object]:
    """Build, send, ask both, and return what was found."""
    folder = scratch / name
    report = build(write_texts(folder / "seeds", texts), folder / "index", encoder)
    secrets = settings.milvus_token, settings.milvus_ca
    own = new_index(address, f"bench_{os.getpid()}_{name}", *secrets)
    try:
        return _compared(name, report, folder, questions, own, encoder, settings)
    finally:
        remove_index(own, *secrets)


def _compared(
    name: str,
    report: BuildReport,
    folder: Path,
    questions: list[str],
    address: Address,
    encoder: Encoder,
    settings: Settings,
) -> dict[str, object]:
    """Send, ask both, and return what was found."""
    catalog = Counted(
        address, IndexPaths(folder / "home"), token=settings.milvus_token, ca=settings.milvus_ca,
        index=settings.milvus_index,
    )  # fmt: skip
    Counted.sent = Counter()
    started = time.perf_counter()
    catalog.take(IndexPaths(folder / "index").snapshot(report.snapshot), no_progress)
    seconds = time.perf_counter() - started
    times: dict[str, list[float]] = {"folder": [], "server": []}
    same = ranked = 0
    with Index(folder / "index", folder, encoder=encoder) as here, Index(catalog, folder, encoder=encoder) as there:
        for question in track(questions, name):
            answers = []
            for place, index in (("folder", here), ("server", there)):
                begun = time.perf_counter()
                answers.append(index.search(question))
                times[place].append(time.perf_counter() - begun)
            same += answers[0] == answers[1]
            ranked += [r.citation.link for r in answers[0].results] == [r.citation.link for r in answers[1].results]
    return {
        "sentences": report.sentences,
        "questions": len(questions),
        "same_answers": same,
        "same_rankings": ranked,
        "send_seconds": round(seconds, 1),
        "bytes_a_sentence": {part: round(size / report.sentences) for part, size in Counted.sent.items()},
        **{
            f"{place}_ms": [round(1000 * statistics.quantiles(took, n=20)[at], 1) for at in (9, 18)]
            for place, took in times.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("eval", type=Path)
    parser.add_argument("--index", default="", help="milvus://host:port/any of a server that is there")
    parser.add_argument("--questions", type=int, default=0, help="ask only the first so many of each set")
    given = parser.parse_args()
    settings = read_settings()
    encoder = load_encoder(settings.model, settings.cache, settings.backend)
    paragraphs, asked = xquad(given.eval)
    sets = {
        "xquad": ({p.name: p.text for p in paragraphs}, [q.question for q in asked]),
        "chunking": (
            {f"{name}.md": text for name, text in chunking_corpora(given.eval).items()},
            [q.question for q in chunking_questions(given.eval)],
        ),
    }
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stores-")))
        address = parse_address(given.index or stack.enter_context(LiteServer(scratch)).address("any"))
        found = {
            name: compare(name, texts, questions[: given.questions or None], scratch, address, encoder, settings)
            for name, (texts, questions) in sets.items()
        }
    OUT.mkdir(exist_ok=True)
    (OUT / "stores.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
