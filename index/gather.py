"""The documents of a new snapshot: read, taken over from the one before, or known to be copies of each other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from index.encode.protocol import Encoder
from index.journal import Journal, journal_key
from index.language import detect_language
from index.load.limits import Limits
from index.load.read import Reading
from index.load.readers import Outcome, Readers
from index.manifest import Recipe, SourceRecord, source_path
from index.records import Document, Passage, Progress, SeedFile, Skipped
from index.snapshot import Snapshot
from index.split import split
from index.store import StoredDocument


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document of the new snapshot and where its vectors and term counts come from."""

    document: Document
    passages: tuple[Passage, ...]
    stored: StoredDocument | None = None
    """The same document in the previous snapshot, where it is unchanged."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that the files of the seeds hold."""

    loaded: tuple[Loaded, ...]
    """Sorted by path; no two of the same bytes."""
    sources: tuple[SourceRecord, ...]
    """The files, sorted by path, but for those that could not be opened."""
    skipped: tuple[Skipped, ...]
    """Sorted by source."""


def gather(
    seeds: Path,
    files: Sequence[SeedFile],
    recipe: Recipe,
    encoder: Encoder,
    journal: Journal,
    limits: Limits,
    progress: Progress,
    previous: Snapshot | None,
) -> Gathered:
    """Read and split each file that is not known already; whatever holds no text is skipped with the reason."""
    work = _Gathering(seeds, recipe, encoder, journal, limits, previous)
    return work.gather(files, progress)


class _Gathering:
    def __init__(
        self, seeds: Path, recipe: Recipe, encoder: Encoder, journal: Journal, limits: Limits, previous: Snapshot | None
    ) -> None:
        self._seeds = seeds
        self._encoder = encoder
        self._journal = journal
        self._limits = limits
        self._made_with = msgspec.json.encode(recipe, order="deterministic").decode()
        self._previous = _Previous(previous, recipe, encoder) if previous is not None else None
        self._loaded: list[Loaded] = []
        self._skipped: list[Skipped] = []
        self._sources: dict[str, SourceRecord] = {}
        self._done = 0

    def gather(self, files: Sequence[SeedFile], progress: Progress) -> Gathered:
        progress("load", 0, len(files))
        hashed = [found for file in files if (found := self._hashed(file)) is not None]
        self._done = len(files) - len(hashed)
        first: dict[str, str] = {}
        copies: dict[str, list[str]] = {}
        for source in hashed:
            copies.setdefault(first.setdefault(source.sha256, source.path), []).append(source.path)
        unknown = [source for source in hashed if source.path in copies and not self._take_over(source)]
        self._done += len(hashed) - len(unknown)
        progress("load", self._done, len(files))
        for outcome in self._outcomes(unknown):
            self._take(outcome)
            self._done += 1
            progress("load", self._done, len(files))
        return self._sorted({path: tuple(others[1:]) for path, others in copies.items()})

    def _hashed(self, file: SeedFile) -> SourceRecord | None:
        """Return a file with its hash, or nothing where it can't be read."""
        try:
            with (self._seeds / file.path).open("rb") as opened:
                digest = hashlib.file_digest(opened, "sha256").hexdigest()
                size = opened.tell()
        except OSError as error:
            self._skipped.append(Skipped(source=file.path, reason=f"can't be read ({error.strerror})"))
            return None
        source = SourceRecord(path=file.path, bytes=size, sha256=digest)
        self._sources[file.path] = source
        return source

    def _take_over(self, source: SourceRecord) -> bool:
        """Take what the previous snapshot holds of a file, if it would be read the same way today."""
        known = self._previous.of(source) if self._previous is not None else None
        if known is None:
            return False
        loaded, skipped = known
        self._loaded += loaded
        self._skipped += skipped
        return True

    def _outcomes(self, sources: Sequence[SourceRecord]) -> Iterator[Outcome]:
        """Yield what became of each file, from the journal where an unfinished build has read it."""
        keys = {s.path: journal_key("file", self._made_with, s.path, s.sha256) for s in sources}
        kept = {path for path, key in keys.items() if self._journal.get(key) is not None}
        for path in sorted(kept):
            yield msgspec.msgpack.decode(self._journal.get(keys[path]) or b"", type=Outcome)
        with Readers(self._limits) as readers:
            for outcome in readers.read_all(self._seeds, [s.path for s in sources if s.path not in kept]):
                if outcome.sha256 == self._sources[outcome.path].sha256:  # else it has changed meanwhile
                    self._journal.keep([(keys[outcome.path], msgspec.msgpack.encode(outcome))])
                yield outcome

    def _take(self, outcome: Outcome) -> None:
        if outcome.sha256:
            self._sources[outcome.path] = SourceRecord(path=outcome.path, bytes=outcome.bytes, sha256=outcome.sha256)
        self._skipped += [Skipped(source=left.path, reason=left.reason) for left in outcome.left_out]
        self._loaded += [self._split(reading) for reading in outcome.readings]

    def _split(self, reading: Reading) -> Loaded:
        found = reading.extract
        document = Document(
            path=reading.path,
            sha256=reading.sha256,
            bytes=reading.bytes,
            format=reading.format,
            encoding=found.encoding,
            language=detect_language(found.text),
            title=found.title or Path(reading.path).stem,
            author=found.author,
            date=found.date,
            text=found.text,
            notes=found.notes,
            pages=found.pages,
        )
        encoder = self._encoder
        return Loaded(document, split(found, document.language, encoder.token_spans, encoder.info.sentence_tokens))

    def _sorted(self, copies: dict[str, tuple[str, ...]]) -> Gathered:
        """Return everything in order, with each document once and its copies named."""
        unique: dict[str, Loaded] = {}
        others: dict[str, list[str]] = {}
        for item in sorted(self._loaded, key=lambda item: item.document.path):
            document = item.document
            kept = unique.setdefault(document.sha256, item).document.path
            file = source_path(document.path, self._sources)
            names = [*copies.get(file, ())]
            found = [name + document.path.removeprefix(file) for name in names]
            others.setdefault(kept, []).extend(found if kept == document.path else [document.path, *found])
        loaded = sorted(unique.values(), key=lambda item: item.document.path)
        for item in loaded:
            path = item.document.path
            self._skipped += [
                Skipped(source=other, reason=f"same content as {path}, with which it is indexed", copy_of=path)
                for other in others[path]
            ]
        self._skip_copies_of_nothing(copies)
        return Gathered(
            loaded=tuple(_with_copies(item, tuple(sorted(others[item.document.path]))) for item in loaded),
            sources=tuple(self._sources[path] for path in sorted(self._sources)),
            skipped=tuple(sorted(self._skipped, key=lambda skipped: (skipped.source, skipped.reason))),
        )

    def _skip_copies_of_nothing(self, copies: dict[str, tuple[str, ...]]) -> None:
        """Give copies of what was left out the reason of the original."""
        reasons = [s for s in self._skipped if not s.copy_of]
        for skipped in reasons:
            file = source_path(skipped.source, self._sources)
            self._skipped += [
                Skipped(source=name + skipped.source.removeprefix(file), reason=skipped.reason)
                for name in copies.get(file, ())
            ]


def _with_copies(item: Loaded, copies: tuple[str, ...]) -> Loaded:
    return Loaded(replace(item.document, copies=copies), item.passages, item.stored)


class _Previous:
    """What the previous snapshot knows of a file."""

    def __init__(self, snapshot: Snapshot, recipe: Recipe, encoder: Encoder) -> None:
        made = snapshot.manifest
        self._snapshot = snapshot
        fits = made.recipe == recipe and made.encoder.fingerprint == encoder.info.fingerprint
        self._sources = {source.path: source.sha256 for source in made.sources} if fits else {}
        self._documents: dict[str, list[StoredDocument]] = {}
        self._skipped: dict[str, list[Skipped]] = {}
        if fits:
            for document in snapshot.store.documents:
                self._documents.setdefault(source_path(document.path, self._sources), []).append(document)
            for skipped in made.skipped:
                self._skipped.setdefault(source_path(skipped.source, self._sources), []).append(skipped)

    def of(self, source: SourceRecord) -> tuple[list[Loaded], list[Skipped]] | None:
        """Return the documents of a file and what was skipped in it, or nothing where that is not known."""
        if self._sources.get(source.path) != source.sha256:
            return None
        skipped = self._skipped.get(source.path, [])
        if any(s.copy_of for s in skipped):  # its text is known under another name, which may have gone
            return None
        return [self._unchanged(document) for document in self._documents.get(source.path, [])], skipped

    def _unchanged(self, stored: StoredDocument) -> Loaded:
        """Return a document as the previous snapshot holds it."""
        store = self._snapshot.store
        names = ("path", "sha256", "bytes", "format", "encoding", "language", "title", "author", "date", "notes")
        document = Document(
            **{name: getattr(stored, name) for name in names},
            text=store.document_text(stored.row),
            pages=store.pages(stored.row),
        )
        return Loaded(document, tuple(p.passage for p in store.passages_of(stored)), stored)
