"""An index on a Milvus server: its generations, and which of them is in force."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from index.address import Address
from index.errors import SeedQAError, SnapshotDamaged, SnapshotError, SnapshotMissing, StoreError
from index.layout import IndexPaths, SnapshotPaths
from index.lock import lock
from index.manifest import Manifest, write_manifest
from index.milvus.blobs import Blobs
from index.milvus.client import Client
from index.milvus.generation import PARTS, SEARCHED, Generation, generation_of, generations
from index.milvus.rows import BUILT, MANIFEST, ORIGIN, PUBLISHED, file_key, seconds_in
from index.milvus.snapshot import ServedSnapshot, read_head
from index.milvus.upload import create, fill
from index.opened import Finding
from index.records import Progress
from index.snapshot import Snapshot, write_origin
from index.snapshot import prune as prune_folder

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
        self._known_blobs: dict[tuple[Generation, str], bytes] = {}

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
            if self._address.name in self._client.collections():
                raise SnapshotDamaged(f"{self.name} is a collection, which is no index; choose another name")
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
        """Return the generation of a snapshot; that in force costs least to find."""
        with suppress(SnapshotError):
            if (current := self._in_force()).ident == ident:
                return current
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
                with suppress(SnapshotDamaged):  # then it is not complete
                    times = Blobs(self._client, generation.records).get([BUILT, PUBLISHED], latest=True)
                    if BUILT in times:  # one that was never published is older than all others
                        found.append((seconds_in(times.get(PUBLISHED, b"0"), generation.records), generation))
        return [generation for _, generation in sorted(found, reverse=True)]

    def current(self) -> str:
        """Return the id of the snapshot in force."""
        return self._in_force().ident

    def ids(self) -> list[str]:
        """Return the ids of all snapshots, the most recently published first."""
        return list(dict.fromkeys(generation.ident for generation in self._complete()))

    def manifest(self, ident: str) -> Manifest:
        """Return a snapshot's manifest."""
        generation = self._generation(ident)
        return read_head(Blobs(self._client, generation.records), generation.records)[0]

    def origin(self, ident: str) -> Path:
        """Return the folder that a snapshot was read from."""
        return Path(self._kept(ident, ORIGIN).decode("utf-8", "surrogateescape"))

    def built(self, ident: str) -> float:
        """Return when a snapshot was written."""
        return seconds_in(self._kept(ident, BUILT), self.name)

    def _kept(self, ident: str, key: str) -> bytes:
        """Return a blob of a snapshot that never changes; asked for once."""
        at = self._generation(ident), key
        if at not in self._known_blobs:
            (self._known_blobs[at],) = Blobs(self._client, at[0].records).need([key])
        return self._known_blobs[at]

    def published(self, ident: str) -> float:
        """Return when a snapshot was put in force, in seconds since the epoch; 0 where it never was."""
        return self._published(self._generation(ident)) or 0.0

    def _published(self, generation: Generation) -> float | None:
        with suppress(SnapshotDamaged):  # a time that was altered tells nothing
            found = Blobs(self._client, generation.records).get([PUBLISHED], latest=True)
            return seconds_in(found[PUBLISHED], generation.records) if PUBLISHED in found else None
        return None

    def _grace(self, generation: Generation) -> float:
        """Return how many seconds of grace are left to the one before the generation in force."""
        published = self._published(generation)
        if published is None:  # not to be told: then it is as if it had been put in force just now
            return GRACE
        return min(GRACE, max(0.0, published + GRACE - time.time()))

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
        here already is only put in force. The workspace keeps the latest build alone. Raises StoreError, BuildLocked
        and SnapshotDamaged; whatever fails leaves the snapshot in force as it was.
        """
        with lock(self.home, f"send to {self.name}"), Snapshot(snapshot, thorough=True) as opened:
            newest = max((g.number for g in self._known()), default=0)
            self._sweep()
            generation = next((g for g in self._complete() if g.ident == opened.id), None)
            if generation is None or list(self._problems(generation)):
                generation = Generation(newest + 1, opened.id, self._address.name)
                create(self._client, generation, opened.manifest.encoder.dimension, self._index)
                fill(self._client, generation, opened, snapshot, progress)
                self._sign(generation, opened)
                progress("check", 0, 0)
                for problem in self._problems(generation):
                    raise SnapshotDamaged(f"{problem}; it did not arrive whole, try again")
            progress("publish", 0, 0)
            self._publish(generation)
            self._tidy()

    def _tidy(self) -> None:
        """Keep the latest build alone in the workspace: all others can be fetched from the server."""
        with suppress(OSError, SnapshotError):  # the index is as it should be; what can't be removed goes another time
            prune_folder(self.home, 0)

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

    def _sweep(self) -> None:
        """Remove what is not complete, and all but the generation in force once its grace is over."""
        complete = self._complete()
        try:
            current = self._in_force()
            over = not self._grace(current)
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

        Waits until the one before has had its grace, so that no question under way loses it. Whoever holds one that
        goes for longer loses it: the server does not say who reads.
        """
        with lock(self.home, "prune"):
            current = self._in_force()
            complete = [g for g in self._complete() if g != current]
            removed = [*complete[keep:], *(g for g in self._known() if g != current and g not in complete)]
            if removed:
                time.sleep(self._grace(current))
            self._remove(removed)
            self._tidy()
            stay = {current.ident, *(g.ident for g in complete[:keep])}
            return list(dict.fromkeys(g.ident for g in removed if g.ident not in stay))

    def examine(self) -> list[Finding]:
        """Check every count and hash of every complete generation, and the alias."""
        findings, complete = [], self._complete()
        try:
            if (current := self._in_force()) not in complete:
                problem = f"{self.name} is in force in {current.records}, which is not complete; build or import again"
                findings.append(Finding(snapshot=current.ident, problem=problem))
        except SnapshotDamaged as error:
            findings.append(Finding(snapshot=self._address.name, problem=str(error)))
        for generation in complete:
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
