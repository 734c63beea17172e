"""Builds, openings and whole questions at 100 thousand to ten million sentences, each in a process of its own.

``python -m benchmarks.scale_whole EVAL SIZE ...`` writes benchmarks/out/scale_whole.json. For each size it makes a
corpus, builds it with ``index.build``, opens it in a fresh process and asks it real questions through ``qa.Index``.

The corpus: documents of about 200 sentences, paragraphs of five. Lengths of sentences and frequencies of words are
those of the evaluation texts; one word in fifty is a made-up name, of which the longer a corpus is the more it has.
The vectors: encoding ten million sentences takes hours, so the encoder of the build returns for each text the vector of
a real sentence, perturbed, both chosen by the text's digest. Questions are encoded by the real model. All that a build
does but running the model is real; of more than SPLIT_ITSELF sentences, or with ``--split`` of any number, documents
are handed over as they come out of the splitter, for reading and splitting that many takes hours, too.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets import chunking_corpora, chunking_questions, xquad
from benchmarks.retrieval import OUT
from benchmarks.scale import in_cache
from index import build, load_encoder
from index.builder import begin
from index.encode import Encoder, EncoderInfo, FloatArray
from index.gather import Gathered
from index.layout import IndexPaths
from index.load.limits import Limits
from index.manifest import SourceRecord
from index.records import BuildReport, Document, Passage, Places, Progress, Sentence, no_progress
from index.snapshot import Snapshot, current_id, open_current
from qa import Index, open_index
from qa.config import read_settings

SPLIT_ITSELF = 1_000_000
"""Sentences up to which the files are read and split by the product."""
DOCUMENT, PARAGRAPH = 200, 5
"""Sentences of a document and of a paragraph."""
NAMES = 0.02
"""Share of the words that are made-up names."""
NEAR = 0.8
"""Cosine of a text's vector with the real one that it was made from, about."""
POOL = 4096
WARM, ASKED = 200, 400


class Texts:
    """Makes documents out of the words of the evaluation texts."""

    def __init__(self, folder: Path) -> None:
        paragraphs, _ = xquad(folder)
        whole = " ".join([*chunking_corpora(folder).values(), *(paragraph.text for paragraph in paragraphs)])
        self.sentences = [part.strip() for part in whole.replace("\n", " ").split(". ") if 3 <= len(part.split()) <= 60]
        counted = Counter(word for sentence in self.sentences for word in sentence.split())
        self._words = np.array(list(counted), dtype=object)
        self._chances = np.cumsum(list(counted.values())) / counted.total()
        self._lengths = np.array([len(sentence.split()) for sentence in self.sentences])

    def document(self, number: int) -> list[str]:
        """Return the sentences of a document."""
        chance = np.random.default_rng(number)
        lengths = chance.choice(self._lengths, DOCUMENT)
        total = int(lengths.sum())
        words = self._words[np.searchsorted(self._chances, chance.random(total))]
        named = np.flatnonzero(chance.random(total) < NAMES)
        words[named] = [f"Nam{name}" for name in chance.zipf(1.1, len(named)) % 10**7]
        ends = np.cumsum(lengths)
        made = []
        for first, last in zip(ends - lengths, ends, strict=True):
            text = " ".join(words[first:last]).rstrip(".,;:!?")
            made.append(f"{text[:1].upper()}{text[1:]}.")
        return made


class LookedUp:
    """The default encoder, but that what it makes of documents is chosen among vectors made before."""

    def __init__(self, real: Encoder, sentences: Sequence[str]) -> None:
        self._real = real
        self._base = real.encode(sentences, no_progress)
        noise = np.random.default_rng(1).standard_normal((POOL, real.info.dimension)).astype(np.float32)
        self._noise = noise / np.linalg.norm(noise, axis=1, keepdims=True)

    @property
    def info(self) -> EncoderInfo:
        """What the index takes it for."""
        return self._real.info

    def encode(self, texts: Sequence[str], progress: Progress) -> FloatArray:
        """Return one row for each text, chosen by its digest."""
        digests = b"".join(hashlib.blake2b(text.encode(), digest_size=12).digest() for text in texts)
        chosen = np.frombuffer(digests, dtype=np.uint32).reshape(-1, 3)
        noise = self._noise[chosen[:, 1] % POOL] + self._noise[chosen[:, 2] % POOL]
        share = np.float32(np.sqrt((1 - NEAR**2) / (2 * NEAR**2)))
        made = self._base[chosen[:, 0] % len(self._base)] + share * noise
        made /= np.linalg.norm(made, axis=1, keepdims=True)
        progress("encode", len(texts), len(texts))
        found: FloatArray = made
        return found

    def encode_question(self, question: str) -> FloatArray:
        """Return what the real one does."""
        return self._real.encode_question(question)

    def token_spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Return what the real one does."""
        return self._real.token_spans(texts)


def real_encoder() -> Encoder:
    settings = read_settings()
    return load_encoder(settings.model, settings.cache, settings.backend)


def path_of(number: int) -> str:
    return f"made-{number // 1000:04}/{number % 1000:03}.txt"


def split_document(path: str, sentences: Sequence[str]) -> tuple[Document, tuple[Passage, ...]]:
    """Return a document as the splitter would hand it over."""
    text, passages = "", []
    for first in range(0, len(sentences), PARAGRAPH):
        ranges = []
        for sentence in sentences[first : first + PARAGRAPH]:
            ranges.append(Sentence(start=len(text), end=len(text) + len(sentence)))
            text += f"{sentence} "
        start, end = ranges[0].start, ranges[-1].end
        places = Places(unit="line", offsets=(start,), numbers=(first // PARAGRAPH + 1,))
        passages.append(Passage(start=start, end=end, section=(), sentences=tuple(ranges), places=places))
        text = f"{text[:-1]}\n\n"
    document = Document(
        path=path, sha256=hashlib.sha256(text.encode()).hexdigest(), bytes=len(text.encode()), format="text",
        encoding="utf-8", language="en", title=Path(path).stem, text=text,
    )  # fmt: skip
    return document, tuple(passages)


def build_split(texts: Texts, count: int, folder: Path, encoder: Encoder, progress: Progress) -> BuildReport:
    """Build from documents that are split already."""
    started = time.monotonic()
    with begin(folder / "seeds", IndexPaths(folder / "index"), encoder, progress, Limits()) as work:
        entries, sources = [], []
        for number in range(count):
            progress("load", number, count)
            document, passages = split_document(path_of(number), texts.document(number))
            entries.append(work.spool.add(document, passages))
            sources.append(SourceRecord(path=document.path, bytes=document.bytes, sha256=document.sha256))
        return work.run(Gathered(tuple(entries), tuple(sources), ()), (), started)


def memory() -> dict[str, int]:
    """Return what this process has of memory, in MiB: resident, anonymous, of files, and resident at most."""
    wanted = {"VmRSS": "resident", "RssAnon": "anonymous", "RssFile": "files", "VmHWM": "resident_peak"}
    lines = (line.split() for line in Path("/proc/self/status").read_text("ascii").splitlines())
    return {wanted[line[0][:-1]]: int(line[1]) // 1024 for line in lines if line[0][:-1] in wanted}


@contextmanager
def watched(peaks: dict[str, int]) -> Iterator[None]:
    """Note the most anonymous memory, looked at twenty times a second."""
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.05):
            peaks["anonymous_peak"] = max(peaks.get("anonymous_peak", 0), memory()["anonymous"])

    watch = threading.Thread(target=look, daemon=True)
    watch.start()
    try:
        yield
    finally:
        ended.set()
        watch.join()


def measured_build(folder: Path, count: int, eval_folder: Path, *, whole: bool) -> dict[str, Any]:
    """Make a corpus of ``count`` documents and build an index of it: ``whole``, or from documents that are split."""
    texts = Texts(eval_folder)
    encoder = LookedUp(real_encoder(), texts.sentences)
    stages: dict[str, float] = {}
    peak_of: dict[str, int] = {}
    state: dict[str, Any] = {"stage": "", "since": time.monotonic(), "told": 0.0}

    def progress(stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if stage != state["stage"]:
            if state["stage"]:
                stages[state["stage"]] = round(now - state["since"], 1)
            state.update(stage=stage, since=now)
        if now - state["told"] > 2:
            state["told"] = now
            peak_of[stage] = max(peak_of.get(stage, 0), memory()["anonymous"])
            print(f"{stage} {done} of {total}, {memory()}", file=sys.stderr, flush=True)

    if whole:
        for number in range(count):
            file = folder / "seeds" / path_of(number)
            file.parent.mkdir(parents=True, exist_ok=True)
            sentences = texts.document(number)
            paragraphs = (" ".join(sentences[at : at + PARAGRAPH]) for at in range(0, DOCUMENT, PARAGRAPH))
            file.write_text("\n\n".join(paragraphs) + "\n", "utf-8")
    before, peaks = memory(), dict[str, int]()
    started = time.monotonic()
    with watched(peaks):
        if whole:
            report = build(folder / "seeds", folder / "index", encoder, progress)
        else:
            report = build_split(texts, count, folder, encoder, progress)
    seconds = time.monotonic() - started
    root = IndexPaths(folder / "index").snapshot(current_id(IndexPaths(folder / "index"))).root
    sizes = {p.relative_to(root).as_posix(): p.stat().st_size for p in root.rglob("*") if p.is_file()}
    return {
        "split_by_product": whole,
        "documents": report.documents, "passages": report.passages, "sentences": report.sentences,
        "seconds": round(seconds, 1), "stages": stages, "anonymous_by_stage": peak_of,
        "before": before, "peaks": {**peaks, "resident_peak": memory()["resident_peak"]},
        "bytes": sizes, "bytes_a_sentence": round(sum(sizes.values()) / report.sentences),
    }  # fmt: skip


class Timed:
    """Adds up the time of some calls; one within another counts once."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._within = False

    def around(self, owner: object, *names: str) -> None:
        """Time these methods of an object from now on."""
        for name in names:
            setattr(owner, name, self._timed(getattr(owner, name)))

    def _timed(self, method: Any) -> Any:
        def call(*given: Any, **named: Any) -> Any:
            if self._within:
                return method(*given, **named)
            self._within, started = True, time.perf_counter()
            try:
                return method(*given, **named)
            finally:
                self.seconds += time.perf_counter() - started
                self._within = False

        return call


def measured_questions(folder: Path, eval_folder: Path) -> dict[str, Any]:
    """Open the index thrice and ask questions, with its files in the system's cache."""
    for file in (folder / "index").rglob("*"):
        if file.is_file():
            in_cache(file)
    encoder = real_encoder()
    encoder.encode_question("Is it warm?")
    openings = []
    for _ in range(2):  # the first may find nothing remembered, as after a copy
        started = time.monotonic()
        open_current(IndexPaths(folder / "index")).close()
        openings.append(round(time.monotonic() - started, 3))
    before = memory()
    started = time.monotonic()
    opened: Index = open_index(folder / "index", encoder=encoder)
    openings.append(round(time.monotonic() - started, 3))
    snapshot = opened._held.snapshot
    assert isinstance(snapshot, Snapshot)
    words, nearest = Timed(), Timed()
    words.around(snapshot.lexical, "best", "scores_of", "idf")
    nearest.around(snapshot.vectors, "nearest", "cosines")
    nearest.around(snapshot.passage_vectors, "nearest", "cosines")
    asked = [q.question for q in chunking_questions(eval_folder)] + [q.question for q in xquad(eval_folder)[1]]
    chosen = [asked[at] for at in np.random.default_rng(3).permutation(len(asked))[: WARM + ASKED]]
    whole: list[float] = []
    by_words: list[float] = []
    by_vectors: list[float] = []
    for number, question in enumerate(chosen):
        words.seconds = nearest.seconds = 0.0
        started = time.perf_counter()
        opened.search(question)
        if number >= WARM:
            whole.append(1000 * (time.perf_counter() - started))
            by_words.append(1000 * words.seconds)
            by_vectors.append(1000 * nearest.seconds)
        if number >= WARM and sum(whole) > 240_000:
            break  # of exact search at ten million there is enough after some minutes
    after = memory()
    opened.close()
    return {
        "open_s": openings, "before": before, "after": after, "questions": len(whole),
        "whole_ms": spread(whole), "words_ms": spread(by_words), "vectors_ms": spread(by_vectors),
        "rest_ms": spread([w - a - b for w, a, b in zip(whole, by_words, by_vectors, strict=True)]),
        "share_of_words": round(sum(by_words) / sum(whole), 3),
    }  # fmt: skip


def spread(times: Sequence[float]) -> dict[str, float]:
    array: NDArray[np.float64] = np.array(times)
    return {"p50": round(statistics.median(times), 2), "p95": round(float(np.percentile(array, 95)), 2)}


def child(step: str, folder: Path, size: int, given: argparse.Namespace) -> Any:
    """Run one step in a process of its own, which says on its last line what it has measured."""
    command = [sys.executable, "-m", "benchmarks.scale_whole", str(given.eval), str(size), "--child", step]
    if given.split:
        command.append("--split")
    done = subprocess.run([*command, "--folder", str(folder)], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.scale_whole", description="Measure builds and questions by size.")
    parser.add_argument("eval", type=Path)
    parser.add_argument("sizes", type=int, nargs="+", help="sentences")
    parser.add_argument("--folder", type=Path, help="where the indexes are made and left; else a temporary one")
    parser.add_argument("--split", action="store_true", help="hand over documents that are split already")
    parser.add_argument("--child", choices=["build", "ask"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child == "build":
        count = given.sizes[0] // DOCUMENT
        whole = not given.split and given.sizes[0] <= SPLIT_ITSELF
        print(json.dumps(measured_build(given.folder, count, given.eval, whole=whole)))
        return
    if given.child == "ask":
        print(json.dumps(measured_questions(given.folder, given.eval)))
        return
    found: dict[str, Any] = {"cores": os.cpu_count()}
    OUT.mkdir(exist_ok=True)
    for size in given.sizes:
        with tempfile.TemporaryDirectory() as scratch:
            folder = (given.folder or Path(scratch)) / str(size)
            folder.mkdir(parents=True, exist_ok=True)
            built = child("build", folder, size, given)
            found[str(size)] = {"build": built, "ask": child("ask", folder, size, given)}
        text = json.dumps(found, indent=1)
        (OUT / "scale_whole.json").write_text(text + "\n", "utf-8")
    print(text)


if __name__ == "__main__":
    main()
