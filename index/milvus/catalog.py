"""An index on a Milvus server: its generations, and which of them is in force."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from index.address import Address
from index.errors import SeedQAError, SnapshotDamaged, SnapshotMissing, StoreError
from index.layout import IndexPaths, SnapshotPaths
from index.lock import lock
from index.manifest import Manifest, write_manifest
from index.milvus.blobs import Blobs
from index.milvus.client import Client
from index.milvus.generation import PARTS, SEARCHED, Generation, generation_of, generations
from index.milvus.rows import BUILT, MANIFEST, ORIGIN, PUBLISHED, file_key
from index.milvus.snapshot import ServedSnapshot, read_head
from index.milvus.upload import create, fill
from index.opened import Finding
from index.records import Progress
from index.snapshot import Snapshot, write_origin

GRACE = 60.0
"""Seconds for which the generation before the one in force stays: whoever asks looks for a newer one more often."""

LOOK = 1.0
"""Seconds between two looks at the alias."""


class MilvusCatalog:
    """The generations of one index on a server (index.opened.Catalog).

    Changed from one computer alone, the one that has ``home``: its lock keeps two builds apart, the server would not.
    """

    def __init__(
        self, address: Address, home: IndexPaths, *, token: str = "", ca: Path | None = None, index: str = "FLAT"
    ) -> None:
        """``index`` is the kind of index over vectors that new generations get; FLAT searches one and all."""
        self._address, self._token, self._ca, self._index = address, token, ca, index
        self.home = home
        self._client = self._connection()
        self._looked: tuple[float, Hashable] = (0.0, "")

    def __reduce__(self) -> tuple[object, ...]:
        return _again, (self._address, self.home, self._token, self._ca, self._index)

    def _connection(self) -> Client:
        return Client(self._address, self._token, self._ca)

    @property
    def name(self) -> str:
        """The address, without credentials."""
        return str(self._address)

    def stamp(self) -> Hashable:
        """Return the collection that the alias leads to; looked up at most once a second, kept where none answers."""
        at, found = self._looked
        if time.monotonic() - at >= LOOK or not at:
            with suppress(StoreError):
                found = self._client.aliased(self._address.name)
            self._looked = time.monotonic(), found
        return found

    def _in_force(self) -> Generation:
        aliased = self._client.aliased(self._address.name)
        if not aliased:
            raise SnapshotMissing(f"no index {self.name}; build one: qa build FOLDER --index {self.name}")
        found = generation_of(self._address.name, aliased)
        if found is None:
            raise SnapshotDamaged(
                f"{self.name} is an alias of collection {aliased}, which is none of an index; choose another name"
            )
        return found

    def _known(self) -> dict[Generation, set[str]]:
        return generations(self._address.name, self._client.collections())

    def _generation(self, ident: str) -> Generation:
        """Return the generation of a snapshot."""
        known = self._complete()
        for generation in known:
            if generation.ident == ident:
                return generation
        there = f"expected one of {', '.join(g.ident for g in known)}" if known else "build one: qa build FOLDER"
        raise SnapshotMissing(f"no snapshot {ident!r} in {self.name}; {there}")

    def _complete(self) -> list[Generation]:
        """Return the generations that were sent whole, the most recently published first."""
        found = []
        for generation, parts in self._known().items():
            if len(parts) == len(PARTS):
                times = Blobs(self._client, generation.records).get([BUILT, PUBLISHED])
                if BUILT in times:
                    found.append((float(times.get(PUBLISHED, b"0")), generation))
        return [generation for _, generation in sorted(found, reverse=True)]

    def current(self) -> str:
        """Return the id of the snapshot in force."""
        return self._in_force().ident

    def ids(self) -> list[str]:
        """Return the ids of all snapshots, the most recently published first."""
        return list(dict.fromkeys(generation.ident for generation in self._complete()))

    def _head(self, ident: str) -> tuple[Manifest, Path, float]:
        generation = self._generation(ident)
        return read_head(Blobs(self._client, generation.records), generation.records)

    def manifest(self, ident: str) -> Manifest:
        """Return a snapshot's manifest."""
        return self._head(ident)[0]

    def origin(self, ident: str) -> Path:
        """Return the folder that a snapshot was read from."""
        return self._head(ident)[1]

    def built(self, ident: str) -> float:
        """Return when a snapshot was written."""
        return self._head(ident)[2]

    def published(self, ident: str) -> float:
        """Return when a snapshot was put in force, in seconds since the epoch."""
        return self._published(self._generation(ident))

    def _published(self, generation: Generation) -> float:
        return float(Blobs(self._client, generation.records).get([PUBLISHED]).get(PUBLISHED, b"0"))

    def open(self) -> ServedSnapshot:
        """Open the snapshot in force, over a connection of its own."""
        client = self._connection()
        try:
            with suppress(OSError):  # who only asks may do so without a folder to keep judgements in
                self.home.root.mkdir(parents=True, exist_ok=True)
            return ServedSnapshot(client, self._in_force())
        except BaseException:
            client.close()
            raise

    def take(self, snapshot: SnapshotPaths, progress: Progress) -> None:
        """Send a snapshot in a folder as a new generation, check it, and put it in force.

        What an interrupted one has left, and older generations after their grace, are removed first. One that is
        here already is only put in force. Raises StoreError, BuildLocked and SnapshotDamaged; whatever fails leaves
        the snapshot in force as it was.
        """
        with lock(self.home, f"send to {self.name}"), Snapshot(snapshot, thorough=True) as opened:
            self._sweep()
            generation = next((g for g in self._complete() if g.ident == opened.id), None)
            if generation is None or list(self._problems(generation)):
                newest = max((g.number for g in self._known()), default=0)
                generation = Generation(newest + 1, opened.id, self._address.name)
                create(self._client, generation, opened.manifest.encoder.dimension, self._index)
                fill(self._client, generation, opened, snapshot, progress)
                self._sign(generation, opened)
                progress("check", 0, 0)
                for problem in self._problems(generation):
                    raise SnapshotDamaged(f"{problem}; it did not arrive whole, try again")
            progress("publish", 0, 0)
            self._publish(generation)

    def _sign(self, generation: Generation, snapshot: Snapshot) -> None:
        """Say what a generation holds, which makes it complete."""
        records = Blobs(self._client, generation.records)
        origin = str(snapshot.seeds).encode("utf-8", "surrogateescape")
        records.put([(MANIFEST, write_manifest(snapshot.manifest)), (ORIGIN, origin)])
        records.put([(BUILT, repr(snapshot.built).encode())])
        self._client.finish(generation.records)

    def _publish(self, generation: Generation) -> None:
        for part in SEARCHED:
            self._client.load(getattr(generation, part))
        Blobs(self._client, generation.records).replace(PUBLISHED, repr(time.time()).encode())
        self._client.point(self._address.name, generation.records)

    def remove(self) -> None:
        """Remove the whole index from the server: its alias and all its collections."""
        with lock(self.home, f"removal of {self.name}"):
            if self._client.aliased(self._address.name):
                self._client.call("drop_alias", self._address.name)
            self._remove(self._known())

    def _sweep(self) -> None:
        """Remove what is not complete, and all but the generation in force once its grace is over."""
        complete = self._complete()
        try:
            current = self._in_force()
            over = time.time() - self._published(current) >= GRACE
        except SnapshotMissing:
            current, over = None, False
        self._remove([g for g in self._known() if g != current and (over or g not in complete)])

    def _remove(self, unwanted: Iterable[Generation]) -> None:
        present = self._client.collections()
        for generation in unwanted:
            for name in generation.collections(present):
                self._client.drop(name)

    def save(self, ident: str, folder: SnapshotPaths, progress: Progress) -> None:
        """Write the files of a snapshot into an empty folder."""
        generation = self._generation(ident)
        manifest, origin, _ = read_head(Blobs(self._client, generation.records), generation.records)
        with self._files(generation) as files:
            for done, name in enumerate(manifest.files):
                progress("write", done, len(manifest.files))
                (folder.root / name).parent.mkdir(exist_ok=True)
                with (folder.root / name).open("wb") as file:
                    file.writelines(files.stream(file_key(name)))
        write_origin(folder, origin)
        folder.manifest.write_bytes(write_manifest(manifest))

    @contextmanager
    def _files(self, generation: Generation) -> Iterator[Blobs]:
        """Lend the files of a generation, loaded meanwhile."""
        self._client.load(generation.files)
        try:
            yield Blobs(self._client, generation.files)
        finally:
            self._client.release(generation.files)

    def restore(self, ident: str) -> str:
        """Put an earlier snapshot back in force; return the id of the one before, or an empty string."""
        with lock(self.home, f"restore of {ident[:16]}"):
            generation = self._generation(ident)
            for problem in self._problems(generation):
                raise SnapshotDamaged(f"{problem}; build or import again")
            before = self._client.aliased(self._address.name)
            self._publish(generation)
            was = generation_of(self._address.name, before)
            return was.ident if was else ""

    def prune(self, keep: int) -> list[str]:
        """Remove all but the snapshot in force and the ``keep`` published before it; return the removed ids.

        Waits until the one before has had its grace, so that no question under way loses it.
        """
        with lock(self.home, "prune"):
            current = self._in_force()
            complete = [g for g in self._complete() if g != current]
            removed = [*complete[keep:], *(g for g in self._known() if g != current and g not in complete)]
            if removed:
                time.sleep(max(0.0, self._published(current) + GRACE - time.time()))
            self._remove(removed)
            return [g.ident for g in removed]

    def examine(self) -> list[Finding]:
        """Check every count and hash of every complete generation, and the alias."""
        findings = []
        try:
            self._in_force()
        except SnapshotDamaged as error:
            findings.append(Finding(snapshot=self._address.name, problem=str(error)))
        for generation in self._complete():
            found = self._problems(generation)
            findings.extend(Finding(snapshot=generation.ident, problem=problem) for problem in found)
        return findings

    def close(self) -> None:
        """Let go of the connection; whatever is asked next makes another."""
        self._client.close()

    def _problems(self, generation: Generation) -> Iterator[str]:
        """Yield what is wrong with a complete generation: counts of rows, and the sha256 of each file."""
        try:
            manifest, _, _ = read_head(Blobs(self._client, generation.records), generation.records)
            counts = manifest.counts
            for name, rows in ((generation.sentences, counts.sentences), (generation.passages, counts.passages)):
                if (found := self._client.count(name)) != rows:
                    yield f"{name} holds {found} rows, expected {rows}"
            with self._files(generation) as files:
                for name, record in manifest.files.items():
                    digest = hashlib.sha256()
                    for piece in files.stream(file_key(name)):
                        digest.update(piece)
                    if digest.hexdigest() != record.sha256:
                        yield f"{name} in {generation.files} has another sha256 than the manifest says"
        except StoreError:
            raise
        except SeedQAError as error:
            yield str(error)


def _again(address: Address, home: IndexPaths, token: str, ca: Path | None, index: str) -> MilvusCatalog:
    """Make the same catalog in another process."""
    return MilvusCatalog(address, home, token=token, ca=ca, index=index)
