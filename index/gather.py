"""The documents of a new snapshot: read, taken over from the one before, or known to be copies of each other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import msgspec

from index.encode.protocol import Encoder
from index.engine import Engine
from index.journal import Journal, journal_key
from index.language import detect_language
from index.load.limits import Limits
from index.load.read import Reading
from index.load.readers import Outcome
from index.load.walk import open_seed
from index.manifest import Recipe, SourceRecord, source_path
from index.records import Document, Progress, SeedFile, Skipped
from index.snapshot import Snapshot
from index.split import split
from index.spool import Entry, Spool
from index.store import StoredDocument


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that the files of the seeds hold; the documents themselves lie in a spool."""

    entries: tuple[Entry, ...]
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
    spool: Spool,
    engine: Engine,
) -> Gathered:
    """Read and split each file that is not known already; whatever holds no text is skipped with the reason.

    Documents go into ``spool`` one by one.
    """
    work = _Gathering(seeds, recipe, encoder, journal, limits, previous, spool, engine)
    return work.gather(files, progress)


class _Gathering:
    def __init__(
        self,
        seeds: Path,
        recipe: Recipe,
        encoder: Encoder,
        journal: Journal,
        limits: Limits,
        previous: Snapshot | None,
        spool: Spool,
        engine: Engine,
    ) -> None:
        self._seeds = seeds
        self._encoder = encoder
        self._journal = journal
        self._limits = limits
        self._engine = engine
        self._made_with = msgspec.json.encode(recipe, order="deterministic").decode()
        self._previous = _Previous(previous, recipe, encoder) if previous is not None else None
        self._spool = spool
        self._entries: list[Entry] = []
        self._skipped: list[Skipped] = []
        self._sources: dict[str, SourceRecord] = {}
        self._copies: dict[str, list[str]] = {}
        """Files of the same bytes, by the one that is read for them."""
        self._known_copies: list[tuple[str, str]] = []
        """Documents taken over, and members of archives that have the same bytes."""

    def gather(self, files: Sequence[SeedFile], progress: Progress) -> Gathered:
        progress("load", 0, len(files))
        hashed = [found for file in files if (found := self._hashed(file)) is not None]
        first: dict[str, str] = {}
        copies: dict[str, list[str]] = {}
        for source in sorted(hashed, key=lambda source: _plainness(source.path)):
            copies.setdefault(first.setdefault(source.sha256, source.path), []).append(source.path)
        self._copies = {path: others[1:] for path, others in copies.items()}
        wanted = [path for path in copies if not self._take_over(self._sources[path])]
        done = len(files) - len(wanted)
        wanted.sort()
        while wanted:
            again: list[str] = []
            for outcome in self._outcomes(wanted):
                progress("load", min(done, len(files)), len(files))
                again += self._take(outcome)
                done += 1
            wanted = again
        progress("load", len(files), len(files))
        return self._sorted()

    def _hashed(self, file: SeedFile) -> SourceRecord | None:
        """Return a file with its hash, or nothing where it can't be read."""
        try:
            with open_seed(self._seeds, file.path) as opened:
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
        known = self._previous.of(source, self._sources) if self._previous is not None else None
        if known is None:
            return False
        documents, skipped = known
        self._entries += map(self._spool.keep, documents)
        self._skipped += [s for s in skipped if not s.copy_of]
        self._known_copies += [(s.copy_of, s.source) for s in skipped if s.copy_of]
        return True

    def _outcomes(self, paths: Sequence[str]) -> Iterator[Outcome]:
        """Yield what became of each file, from the journal where an unfinished build has read it."""
        keys = {path: journal_key("file", self._made_with, path, self._sources[path].sha256) for path in paths}
        unread = []
        for path, key in keys.items():
            outcome = _kept(self._journal.get(key))
            if outcome is None:
                unread.append(path)
            else:
                yield outcome
        with self._engine.readers(self._limits) as readers:
            for outcome in readers.read_all(self._seeds, unread):
                same = outcome.sha256 == self._sources[outcome.path].sha256  # else it has changed meanwhile
                if same and not any(left.passing for left in outcome.left_out):
                    self._journal.keep([(keys[outcome.path], msgspec.msgpack.encode(outcome))])
                yield outcome

    def _take(self, outcome: Outcome) -> list[str]:
        """Take what was read; return the copies of the file that have to be read themselves after all.

        That is so where the file has changed since it was hashed, or could not be read under its own suffix.
        """
        path, others = outcome.path, self._copies.pop(outcome.path, [])
        changed = outcome.sha256 != self._sources[path].sha256
        if outcome.sha256:
            self._sources[path] = SourceRecord(path=path, bytes=outcome.bytes, sha256=outcome.sha256)
        self._skipped += [
            Skipped(source=left.path, reason=left.reason, passing=left.passing) for left in outcome.left_out
        ]
        self._entries += map(self._split, outcome.readings)
        suffix = PurePosixPath(path).suffix
        again = [
            other for other in others if changed or (not outcome.readings and PurePosixPath(other).suffix != suffix)
        ]
        self._copies[path] = [other for other in others if other not in again]
        return again

    def _split(self, reading: Reading) -> Entry:
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
        passages = split(found, document.language, encoder.token_spans, encoder.info.sentence_tokens)
        return self._spool.add(document, passages)

    def _sorted(self) -> Gathered:
        """Return everything in order, with each document once and its copies named."""
        unique: dict[str, Entry] = {}
        others: dict[str, set[str]] = {}
        kept: dict[str, str] = {}
        for entry in sorted(self._entries, key=lambda entry: _plainness(entry.record.path)):
            path = entry.record.path
            kept[path] = unique.setdefault(entry.record.sha256, entry).record.path
            names = others.setdefault(kept[path], set())
            names.update(self._named_alike(path), {path} - {kept[path]})
        for original, path in self._known_copies:
            if original in kept:
                others[kept[original]].update({path, *self._named_alike(path)})
            else:  # it was read again, and could not be this time
                reason = f"same content as {original}, which could not be read"
                self._skipped.append(Skipped(source=path, reason=reason, passing=True))
        entries = sorted(unique.values(), key=lambda entry: entry.record.path)
        skipped = [*self._skipped, *(replace(s, source=n) for s in self._skipped for n in self._named_alike(s.source))]
        for path, names in others.items():
            reason = f"same content as {path}, with which it is indexed"
            skipped += [Skipped(source=name, reason=reason, copy_of=path) for name in names]
        return Gathered(
            entries=tuple(_with_copies(entry, tuple(sorted(others[entry.record.path]))) for entry in entries),
            sources=tuple(self._sources[path] for path in sorted(self._sources)),
            skipped=tuple(sorted(skipped, key=lambda s: (s.source, s.reason))),
        )

    def _named_alike(self, document: str) -> list[str]:
        """Return the paths that a document has in the copies of its file."""
        file = source_path(document, self._sources)
        return [copy + document.removeprefix(file) for copy in self._copies.get(file, ())]


def _plainness(path: str) -> tuple[int, int, str]:
    """Return what to sort by so that of equal documents the one with the plainest name comes first."""
    return path.count("/"), len(path), path


def _kept(value: bytes | None) -> Outcome | None:
    """Return what a journal kept of a file, or nothing where that was written by another version."""
    try:
        return msgspec.msgpack.decode(value, type=Outcome) if value is not None else None
    except msgspec.MsgspecError:
        return None


def _with_copies(entry: Entry, copies: tuple[str, ...]) -> Entry:
    return replace(entry, record=replace(entry.record, copies=copies)) if copies else entry


class _Previous:
    """What the previous snapshot knows of a file."""

    def __init__(self, snapshot: Snapshot, recipe: Recipe, encoder: Encoder) -> None:
        made = snapshot.manifest
        self._snapshot = snapshot
        fits = made.recipe == recipe and made.encoder.fingerprint == encoder.info.fingerprint
        self._sources = {source.path: source.sha256 for source in made.sources} if fits else {}
        self._rows: dict[str, list[int]] = {}
        self._skipped: dict[str, list[Skipped]] = {}
        if fits:
            for row, document in enumerate(made.documents):
                self._rows.setdefault(source_path(document.path, self._sources), []).append(row)
            for skipped in made.skipped:
                self._skipped.setdefault(source_path(skipped.source, self._sources), []).append(skipped)

    def of(
        self, source: SourceRecord, sources: Mapping[str, SourceRecord]
    ) -> tuple[list[StoredDocument], list[Skipped]] | None:
        """Return the documents of a file and what was skipped in it, or nothing where that has to be read.

        ``sources`` are the files as they are now: a member whose bytes are indexed with another file is known only
        as long as that one is the same. What failed in passing is tried again.
        """
        if self._sources.get(source.path) != source.sha256:
            return None
        skipped = self._skipped.get(source.path, [])
        originals = {source_path(s.copy_of, self._sources) for s in skipped if s.copy_of}
        gone = any(path not in sources or sources[path].sha256 != self._sources[path] for path in originals)
        if gone or any(s.passing for s in skipped):
            return None
        return [self._snapshot.store.document(row) for row in self._rows.get(source.path, [])], skipped
