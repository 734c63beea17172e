"""Corruption: any bit of any file of an index, and what FAISS's reader gets to see.

SEEDQA_FLIPS=N tries N places of each large file instead of a few hundred.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import faiss
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

import index.prepare
import index.snapshot
import index.vectors
from index import build
from index.encode import Encoder
from index.encode.cache import _intact
from index.errors import SeedQAError, SnapshotDamaged, SnapshotMissing
from index.examine import examine
from index.intact import IntactFiles
from index.journal import Journal, journal_key
from index.layout import IndexPaths, SnapshotPaths
from index.manifest import FileRecord, write_manifest
from index.snapshot import Snapshot, current_id, load_manifest, open_current, read_origin
from index.store import Store
from index.vectors import write_vectors
from qa import open_index
from qa.calibration import in_force, read_calibration, write_calibration
from qa.feedback import Feedback
from tests.failing_disk import command
from tests.fakes import HashEncoder
from tests.test_build import snapshot_tree, tree
from tests.test_calibration import KEPT
from tests.test_feedback import vote
from tests.test_snapshot import FILES

FLIPS = int(os.environ.get("SEEDQA_FLIPS", "300"))
TINY, SMALL = 64, 1500
"""Bytes up to which every bit of a file is tried, and every offset."""


def flips(good: bytes) -> Iterator[bytes]:
    """Yield the bytes with one bit flipped: each of a tiny file, at every offset of a small one, at many of a large."""
    chance = random.Random(len(good))
    if len(good) <= TINY:
        bits = list(range(8 * len(good)))
    else:
        step = max(1, len(good) // FLIPS) if len(good) > SMALL else 1
        bits = [8 * at + chance.randrange(8) for at in [*range(0, len(good), step), len(good) - 1]]
    for bit in bits:
        yield good[: bit // 8] + bytes([good[bit // 8] ^ 1 << bit % 8]) + good[bit // 8 + 1 :]


def cuts(good: bytes) -> list[bytes]:
    """Return the bytes cut at 0, 1, half and n - 1, and with more appended."""
    return [good[:0], good[:1], good[: len(good) // 2], good[:-1], good + b"\0", good + b"\n", good + good]


def paths_of(folder: Path) -> SnapshotPaths:
    return IndexPaths(folder).snapshot(current_id(IndexPaths(folder)))


def doctor(folder: Path) -> bool:
    """Tell whether ``qa doctor`` finds all well."""
    code, said = command("doctor", "--index", folder)
    assert (code in (0, 1), said) == (True, "")
    return code == 0


@pytest.mark.parametrize("name", [name for name in FILES if name not in ("manifest.json", "origin.json")])
def test_any_bit_of_a_file_that_is_read_by_a_library(built: Path, name: str) -> None:
    paths = paths_of(built)
    manifest = load_manifest(paths)
    one = replace(manifest, files={name: manifest.files[name]})
    path = paths.root / name
    good = path.read_bytes()
    for bad in [*flips(good), *cuts(good)]:
        path.write_bytes(bad)
        with pytest.raises(SnapshotDamaged, match=r"; rebuild the index: qa build$"):
            IntactFiles(paths, one)
    assert not doctor(built)
    with pytest.raises(SnapshotDamaged):
        open_current(IndexPaths(built))


def test_any_bit_of_the_manifest_and_the_origin(built: Path) -> None:
    paths = paths_of(built)
    reads: tuple[tuple[Path, Callable[[SnapshotPaths], object]], ...] = (
        (paths.manifest, load_manifest),
        (paths.origin, read_origin),
    )
    for path, read in reads:
        good = path.read_bytes()
        for bad in [*flips(good), *cuts(good)]:
            path.write_bytes(bad)
            with pytest.raises(SeedQAError, match=r"(rebuild the index: qa build|install a newer SeedQA)$"):
                read(paths)
        assert not doctor(built)
        path.write_bytes(good)
    assert doctor(built)


def test_any_bit_of_current(built: Path, seeds: Path, encoder: HashEncoder) -> None:
    """It names the right snapshot, none, or one that is not there: never another one."""
    (seeds / "owl.txt").write_text("An owl sits on the roof.", "utf-8")
    right = build(seeds, built, encoder).snapshot
    path = IndexPaths(built).current
    good = path.read_bytes()
    for bad in [*flips(good), *cuts(good)]:
        path.write_bytes(bad)
        if bad.removesuffix(b"\n") == right.encode():
            assert current_id(IndexPaths(built)) == right
            continue
        with pytest.raises(SnapshotDamaged, match=r"; rebuild the index: qa build$"):
            current_id(IndexPaths(built))
    assert not doctor(built)
    assert command("restore", right, "--index", built) == (0, "")
    assert (path.read_bytes(), doctor(built)) == (good, True)


def test_any_bit_of_the_calibration(built: Path) -> None:
    path = IndexPaths(built).calibration
    write_calibration(path, KEPT)
    good = path.read_bytes()
    for bad in [*flips(good), *cuts(good)]:
        path.write_bytes(bad)
        with pytest.raises(
            SnapshotDamaged, match=r"calibrate again: qa calibrate, or remove it: qa calibrate --reset$"
        ):
            read_calibration(path)
        found = in_force(path, "fake-1")
        assert (found.calibration, found.note.startswith("the calibration is left aside: ")) == (None, True)
    assert not doctor(built)
    path.write_bytes(good)
    assert (read_calibration(path), doctor(built)) == (KEPT, True)


def test_any_bit_of_the_judgements(built: Path) -> None:
    given = (vote("One?"), vote("Two — “quoted”?", useful=False))
    for one in given:
        Feedback(built).add(one)
    path = built / "feedback.jsonl"
    good = path.read_bytes()
    told = rf"^{re.escape(str(path))}, line \d, is not a judgement .*; mend or delete that line$"
    for bad in flips(good):
        path.write_bytes(bad)
        with pytest.raises(SeedQAError, match=told):
            Feedback(built).read()
    assert not doctor(built)
    for bad in cuts(good)[:4]:
        path.write_bytes(bad)
        assert Feedback(built).read() in ((), given[:1], given)
    path.write_bytes(good)
    assert (Feedback(built).read(), doctor(built)) == (given, True)


def unfinished(seeds: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> IndexPaths:
    """Return an index whose build was interrupted after everything was read and encoded."""

    def interrupt(at: str, done: int, total: int) -> None:
        if at == "check":
            raise KeyboardInterrupt

    monkeypatch.setattr(index.prepare, "BATCH", 3)
    with pytest.raises(KeyboardInterrupt):
        build(seeds, folder, HashEncoder(), interrupt)
    assert IndexPaths(folder).journal.exists()
    return IndexPaths(folder)


def test_a_value_of_the_journal_is_the_one_that_was_kept_or_none(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    chance = random.Random(1)
    kept = {journal_key("file", str(number)): chance.randbytes(chance.randrange(900)) for number in range(40)}
    with Journal(path) as journal:
        journal.keep(kept.items())
    good = path.read_bytes()
    lost = 0
    for bad in [*flips(good), *cuts(good)]:
        path.write_bytes(bad)
        with Journal(path) as journal:
            found = [journal.get(key) for key in kept]
            assert all(value in (right, None) for value, right in zip(found, kept.values(), strict=True))
            lost += None in found
            journal.keep(kept.items())  # a damaged one takes what comes, or makes way
            assert journal.get(next(iter(kept))) in (next(iter(kept.values())), None)
            journal.remove()
        assert list(tmp_path.iterdir()) == []
    assert lost > 10


def test_a_damaged_journal_changes_no_snapshot(
    tmp_path: Path, seeds: Path, encoder: HashEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(seeds, tmp_path / "right", encoder)
    right = snapshot_tree(tmp_path / "right")
    paths = unfinished(seeds, tmp_path / "broken", monkeypatch)
    journal = paths.journal.read_bytes()
    values = [at for at in range(len(journal)) if journal[at : at + 10] == b"Frogs live"]
    bad = [journal[:at] + b"Toads" + journal[at + 5 :] for at in values]
    assert bad  # what was read is in there, and so can be altered
    for data in [*bad, *random.Random(3).sample(list(flips(journal)), 4)]:
        shutil.rmtree(paths.root)
        paths.root.mkdir()
        paths.journal.write_bytes(data)
        build(seeds, paths.root, encoder)
        assert snapshot_tree(paths.root) == right
        assert not paths.journal.exists()


def test_files_swapped_between_two_snapshots(tmp_path: Path, seeds: Path, encoder: HashEncoder) -> None:
    folder = tmp_path / "index"
    build(seeds, folder, encoder)
    first = paths_of(folder)
    other = tmp_path / "elsewhere"
    shutil.copytree(seeds, other)
    (other / "garden.md").write_text("# Garden\n\nToads live in the pond. They sing at noon.\n", "utf-8")
    build(other, folder, encoder)
    second = paths_of(folder)
    for name in FILES:
        ours, theirs = second.root / name, first.root / name
        good, foreign = ours.read_bytes(), theirs.read_bytes()
        if good == foreign:
            continue
        ours.write_bytes(foreign)
        theirs.write_bytes(good)
        assert {finding.snapshot for finding in examine(IndexPaths(folder))} == {first.root.name, second.root.name}
        if name == "origin.json":
            with pytest.raises(SnapshotDamaged):
                read_origin(second)
        else:
            with pytest.raises(SnapshotDamaged, match=r"rebuild the index: qa build$"):
                open_index(folder, encoder=encoder)
        ours.write_bytes(good)
        theirs.write_bytes(foreign)
    assert doctor(folder)
    first.root.rename(tmp_path / "moved")
    second.root.rename(first.root)
    (tmp_path / "moved").rename(second.root)
    with pytest.raises(SnapshotDamaged, match=r"belongs to snapshot [0-9a-f]{16}; rebuild the index: qa build$"):
        open_index(folder, encoder=encoder)


# FAISS's reader


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes FAISS's reader was given, each time."""
    sizes: list[int] = []
    original = faiss.read_index

    def record(reader: Any, *flags: int) -> Any:
        sizes.append(reader.total_)
        return original(reader, *flags)

    monkeypatch.setattr(faiss, "read_index", record)
    return sizes


def test_the_reader_of_vectors_sees_what_was_checked(built: Path, read: list[int]) -> None:
    open_current(IndexPaths(built)).close()
    manifest = load_manifest(paths_of(built))
    assert read == [manifest.files[name].bytes for name in ("vectors.faiss", "passage_vectors.faiss")]


@pytest.mark.parametrize("name", FILES)
def test_the_reader_of_vectors_is_not_called_where_any_file_is_altered(built: Path, read: list[int], name: str) -> None:
    path = paths_of(built).root / name
    good = path.read_bytes()
    for bad in random.Random(5).sample(list(flips(good)), 20):
        path.write_bytes(bad)
        if name != "origin.json":
            with pytest.raises(SeedQAError):
                open_current(IndexPaths(built))
    assert read == []


def serialised(vectors: NDArray[np.float32], folder: Path) -> bytes:
    """Return the bytes of an index of ours over ``vectors``."""
    write_vectors(folder / "vectors", [vectors], *vectors.shape)
    return (folder / "vectors").read_bytes()


def other_kinds(rows: int, dimension: int, folder: Path) -> dict[str, bytes]:
    """Return indexes of FAISS that are not ours, or lie about their sizes."""
    vectors = np.random.default_rng(1).standard_normal((rows, dimension)).astype(np.float32)
    ours = serialised(vectors, folder)
    found = {"huge": ours[:8] + (2**62).to_bytes(8, "little") + ours[16:], "empty": b"", "short": ours[:40]}
    head = len(ours) - 2 * rows * dimension
    found["long codes"] = ours[: head - 8] + (2**40).to_bytes(8, "little") + ours[head:]
    found["one row less"] = serialised(vectors[1:], folder)
    for description in ("Flat", "HNSW8", "SQ8", "IDMap,Flat", "PCA4,Flat"):
        other = faiss.index_factory(dimension, description, faiss.METRIC_INNER_PRODUCT)
        other.train(vectors)
        other.add_with_ids(vectors, np.arange(rows)) if description.startswith("IDMap") else other.add(vectors)
        found[description] = faiss.serialize_index(other).tobytes()
    return found


def test_the_reader_of_vectors_is_not_called_for_another_kind_of_index(
    built: Path, read: list[int], tmp_path: Path
) -> None:
    """Not even where manifest and hash are right, as whoever makes an index for others could make them."""
    paths = paths_of(built)
    manifest = load_manifest(paths)
    for kind, data in other_kinds(manifest.counts.sentences, manifest.encoder.dimension, tmp_path).items():
        paths.vectors.write_bytes(data)
        record = FileRecord(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        paths.manifest.write_bytes(
            write_manifest(replace(manifest, files={**manifest.files, "vectors.faiss": record}, checksum=""))
        )
        with pytest.raises(SnapshotDamaged, match=r"; rebuild the index: qa build$"):
            open_current(IndexPaths(built))
        assert (kind, read) == (kind, [])
    files = {name: record for name, record in manifest.files.items() if name != "vectors.faiss"}
    paths.manifest.write_bytes(write_manifest(replace(manifest, files=files, checksum="")))
    with pytest.raises(SnapshotDamaged, match=r"vectors.faiss is not in the manifest of its snapshot"):
        open_current(IndexPaths(built))
    assert read == []


def faiss_bytes(vectors: NDArray[np.float32]) -> bytes:
    """Return what FAISS itself writes of ``vectors``."""
    whole = faiss.IndexScalarQuantizer(vectors.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    whole.add(vectors)
    return faiss.serialize_index(whole).tobytes()


@pytest.mark.parametrize(("rows", "dimension"), [(0, 8), (1, 384), (3, 32), (1000, 7)])
@pytest.mark.parametrize("at_once", [1, 7, 1000])
def test_vectors_written_in_blocks_are_what_faiss_writes(
    tmp_path: Path, rows: int, dimension: int, at_once: int
) -> None:
    vectors = np.random.default_rng(rows).standard_normal((rows, dimension)).astype(np.float32)
    blocks = (vectors[first : first + at_once] for first in range(0, rows, at_once))
    write_vectors(tmp_path / "vectors", blocks, rows, dimension)
    assert (tmp_path / "vectors").read_bytes() == faiss_bytes(vectors)


@pytest.mark.parametrize("given", [[], [2], [2, 2]])
def test_vectors_that_are_too_few_or_too_many_are_an_error(tmp_path: Path, given: list[int]) -> None:
    blocks = [np.ones((rows, 8), dtype=np.float32) for rows in given]
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared
        write_vectors(tmp_path / "vectors", blocks, 3, 8)
    assert str(caught.value) == f"{tmp_path / 'vectors'} was to hold 3 vectors, was given {sum(given)}"


def test_the_limits_of_the_reader_are_set() -> None:
    assert faiss.get_deserialization_vector_byte_limit() == 2**27
    assert faiss.get_deserialization_loop_limit() == 2**13
    assert faiss.get_deserialization_lattice_r2_limit() == 1


def test_a_file_that_is_exchanged_after_the_check_is_not_what_is_read(
    built: Path, monkeypatch: pytest.MonkeyPatch, read: list[int]
) -> None:
    """The vectors are read through the handle that was hashed; that a name leads elsewhere since then is noticed."""
    paths = paths_of(built)
    manifest = load_manifest(paths)
    store = Store

    def exchange(opened: SnapshotPaths) -> Any:
        hostile = paths.root / "hostile"
        hostile.write_bytes(b"IxSQ" + b"\xff" * 10_000)
        hostile.replace(paths.vectors)
        return store(opened)

    monkeypatch.setattr(index.snapshot, "Store", exchange)
    with pytest.raises(SnapshotDamaged) as caught:
        open_current(IndexPaths(built))
    assert str(caught.value) == (f"{paths.vectors} was changed while it was being opened; rebuild the index: qa build")
    assert read == [manifest.files[name].bytes for name in ("vectors.faiss", "passage_vectors.faiss")]


@pytest.mark.parametrize("name", ["passages.sqlite", "lexical/terms.sqlite", "lexical/starts.npy"])
def test_any_other_file_that_is_exchanged_after_the_check_is_noticed(
    built: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    paths = paths_of(built)
    check = IntactFiles.__init__

    def exchange(self: IntactFiles, *given: Any, **named: Any) -> None:
        check(self, *given, **named)
        beside = paths.root / "beside"
        beside.write_bytes((paths.root / name).read_bytes())
        beside.replace(paths.root / name)

    monkeypatch.setattr(IntactFiles, "__init__", exchange)
    with pytest.raises(SnapshotDamaged, match=rf"{name} was changed while it was being opened; rebuild the index: qa"):
        open_current(IndexPaths(built))


# The prepared encoder


def test_any_part_of_a_prepared_encoder(tmp_path: Path, cache: Path, real_encoder: Encoder) -> None:
    """What was altered counts as not prepared, and is made anew (tests/test_encoder.py)."""
    (entry,) = (cache / "encoders").glob(f"{real_encoder.info.fingerprint[:24]}-*")
    copy = tmp_path / entry.name
    shutil.copytree(entry, copy, ignore=shutil.ignore_patterns("compiled"))
    assert _intact(copy)
    names = sorted(path.name for path in copy.iterdir())
    assert names == ["encoder.json", "model.bin", "model.xml", "tokenizer.json", "tokens.npy"]
    for name in names:
        path = copy / name
        good = path.read_bytes()
        chance = random.Random(name)
        some = [good[:0], good[:-1], good + b"\0"]
        for _ in range(60 if len(good) < SMALL else 3):
            at = chance.randrange(len(good))
            some.append(good[:at] + bytes([good[at] ^ 1 << chance.randrange(8)]) + good[at + 1 :])
        for bad in some:
            path.write_bytes(bad)
            assert not _intact(copy), name
        path.unlink()
        assert not _intact(copy), name
        path.write_bytes(good)
    assert _intact(copy)


def test_nothing_of_an_index_is_left_untried(built: Path) -> None:
    """A file that is added to an index has to be added here, or to the tests of snapshots."""
    Feedback(built).add(vote())
    write_calibration(built / "calibration.json", KEPT)
    found = {name.partition("/")[0] for name in tree(built)}
    locks = {"build.lock", "holder.json", "feedback.lock"}  # hold nothing that an answer rests on
    assert found - locks == {"CURRENT", "calibration.json", "feedback.jsonl", "snapshots"}
    with pytest.raises(SnapshotMissing):
        Snapshot(IndexPaths(built).snapshot("0" * 16))
    assert msgspec.json.decode((built / "holder.json").read_bytes())["purpose"].startswith("build of ")
