"""An index on a Milvus server: Milvus Lite over a socket of loopback, or the server that SEEDQA_MILVUS_URI names."""

from __future__ import annotations

import base64
import json
import os
import pickle
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from benchmarks.datasets import write_texts, xquad
from benchmarks.lite import LiteServer, free_port
from index import build
from index.address import Address, parse_address
from index.encode import Encoder
from index.errors import (
    BuildLocked,
    QuestionError,
    SeedsError,
    SettingsError,
    SnapshotDamaged,
    SnapshotMissing,
    StoreError,
)
from index.folder import FolderCatalog, receive
from index.layout import IndexPaths
from index.lock import lock
from index.opened import Catalog
from index.records import no_progress
from qa import Answer, Index
from qa.catalogs import build_into, catalog_of
from qa.config import Settings, read_settings
from qa.page.discretion import Discretion
from qa.page.service import Service
from qa.rebuild import Rebuilder
from tests.conftest import ROOT
from tests.fakes import HashEncoder
from tests.papers import Line, paper
from tests.test_cli import Run

pytest.importorskip("pymilvus", reason="pip install 'seedqa[milvus]'")

import grpc
from pymilvus import MilvusException

from benchmarks.stores import compare, new_index, remove_index
from index.milvus import catalog as on_server
from index.milvus import client as on_client
from index.milvus.blobs import Blobs
from index.milvus.catalog import MilvusCatalog
from index.milvus.client import Client
from index.milvus.generation import Generation, generations
from index.milvus.rows import Scoring, pack, scoring_key

GIVEN = os.environ.get("SEEDQA_MILVUS_URI", "")
"""Address of a server with any name: milvus://user:password@host:port/any."""

EVAL = ROOT.parent / "shared" / "eval"
QUESTIONS = 120
"""Of XQuAD; `make bench-stores` asks them all."""

UNREACHABLE = ": no Milvus server answers there; start it, or check host, port and whether it has TLS (milvus+tls://)"

Make = Callable[[str], MilvusCatalog]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Returns the address of an index of a name on the server under test."""
    if GIVEN:
        yield lambda name: f"{GIVEN.rpartition('/')[0]}/{name}"
        return
    pytest.importorskip("milvus_lite", reason="milvus-lite is not installed, and SEEDQA_MILVUS_URI not set")
    with LiteServer(tmp_path_factory.mktemp("lite")) as lite:
        yield lite.address


def settings(folder: Path, **more: Any) -> Settings:
    return replace(Settings(workspace=folder / "workspaces", milvus_token=read_settings().milvus_token), **more)


@pytest.fixture
def make(server: Callable[[str], str], tmp_path: Path) -> Iterator[Make]:
    """Makes an index on the server, which is removed in the end."""
    made: list[MilvusCatalog] = []

    def one(name: str) -> MilvusCatalog:
        found = catalog_of(server(f"{name}_{os.getpid()}"), settings(tmp_path))
        assert isinstance(found, MilvusCatalog)
        made.append(found)
        return found

    yield one
    for catalog in made:
        catalog.close()
        remove(server(catalog.name.rpartition("/")[2]))


@pytest.fixture(autouse=True)
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Older generations go at once, and the alias is looked at before each question."""
    monkeypatch.setattr(on_server, "GRACE", 0.0)
    monkeypatch.setattr(on_server, "LOOK", 0.0)


def remove(address: str) -> None:
    remove_index(parse_address(address), read_settings().milvus_token)


def client_of(address: str) -> Client:
    return Client(parse_address(address), read_settings().milvus_token)


def send(folder: Path, catalog: Catalog) -> str:
    """Copy the snapshot in force in a folder to a server; return its id."""
    ident = FolderCatalog(IndexPaths(folder)).current()
    catalog.take(IndexPaths(folder).snapshot(ident), no_progress)
    return ident


def hashes(index: Path) -> dict[str, str]:
    """Return the sha256 of each file of the snapshot in force in a folder, its manifest and origin included."""
    catalog = FolderCatalog(IndexPaths(index))
    ident = catalog.current()
    names = (*catalog.manifest(ident).files, "manifest.json", "origin.json")
    return {name: sha256((catalog.home.snapshot(ident).root / name).read_bytes()).hexdigest() for name in names}


def both(
    folder: Path, catalog: Catalog, encoder: Encoder, questions: list[str], **how: Any
) -> list[tuple[Answer, Answer]]:
    """Ask the same of a folder and of a server."""
    with Index(folder, folder, encoder=encoder) as here, Index(catalog, folder, encoder=encoder) as there:
        return [(here.search(question, **how), there.search(question, **how)) for question in questions]


# The same answers


@pytest.fixture(scope="module")
def served(
    server: Callable[[str], str], shipped_index: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MilvusCatalog]:
    """The index of the shipped seeds, on the server."""
    address = server(f"shipped_{os.getpid()}")
    found = catalog_of(address, settings(tmp_path_factory.mktemp("served")))
    assert isinstance(found, MilvusCatalog)
    send(shipped_index, found)
    yield found
    remove(address)


def test_every_answer_on_the_shipped_seeds_is_the_same_in_all_its_digits(
    served: MilvusCatalog, shipped_index: Path, shipped: Index, real_encoder: Encoder
) -> None:
    questions = [*shipped.examples(8), "What is the capital of France?", "exit code 3", "zxqv snapshot snapshot"]
    for how in ({"k": 5}, {"k": 100}, {"k": 3, "documents": "handbook/*"}, {"documents": ["*.txt", "civilizations/*"]}):
        for here, there in both(shipped_index, served, real_encoder, questions, **how):
            assert there == here


def test_every_answer_on_xquad_is_the_same_in_all_its_digits(
    make: Make, real_encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not EVAL.is_dir():
        pytest.skip("the evaluation sets are not beside the checkout")
    paragraphs, asked = xquad(EVAL)
    seeds = write_texts(tmp_path / "texts", {p.name: p.text for p in paragraphs[: len(paragraphs) // 2]})
    build(seeds, tmp_path / "index", real_encoder)
    catalog = make("xquad")
    send(tmp_path / "index", catalog)
    questions = Random(1).sample([q.question for q in asked], QUESTIONS)
    for here, there in both(tmp_path / "index", catalog, real_encoder, questions):
        assert there == here
    for here, there in both(tmp_path / "index", catalog, real_encoder, questions[:20], documents="*[02468].txt"):
        assert there == here
    monkeypatch.setattr("index.milvus.select.STRETCHES", 59)
    with Index(catalog, tmp_path, encoder=real_encoder) as index, pytest.raises(QuestionError) as error:
        index.search(questions[0], documents="*[02468].txt")
    assert str(error.value) == (
        "the documents that match stand in 60 places of the index, a server takes 59 at most; ask for folders, or for "
        "all documents"
    )


def test_passages_pages_and_documents_are_the_same(
    served: MilvusCatalog, shipped_index: Path, shipped: Index, real_encoder: Encoder
) -> None:
    with Index(served, shipped_index, encoder=real_encoder) as there:
        assert there.documents == shipped.documents
        assert there.manifest == shipped.manifest
        assert there.list_documents() == shipped.list_documents()
        assert there.examples(4) == shipped.examples(4)
        for question in shipped.examples(4):
            (result,) = there.search(question, k=1).results
            link = result.citation.link
            assert there.open_passage(link, question) == shipped.open_passage(link, question)
            assert there.verify(link) == shipped.verify(link)
            assert there.verify_known(result.citation).status == "verified"


def test_pages_and_long_texts_are_the_same(make: Make, tmp_path: Path, encoder: HashEncoder) -> None:
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    pages = [Line(text="The first page is about owls.")], [Line(text="The second page is about frogs.")]
    (seeds / "paper.pdf").write_bytes(paper(*pages))
    (seeds / "long.txt").write_text(" ".join(f"The owl {n} hoots at dusk." for n in range(8_000)), "utf-8")
    (seeds / "marks.txt").write_text("!!! ??? …\n", "utf-8")
    build(seeds, tmp_path / "index", encoder)
    catalog = make("pages")
    send(tmp_path / "index", catalog)
    with (
        Index(tmp_path / "index", tmp_path, encoder=encoder) as here,
        Index(catalog, tmp_path, encoder=encoder) as there,
    ):
        for question in ("What does the owl do at dusk?", "Which page is about frogs?"):
            answer = here.search(question, k=3)
            assert there.search(question, k=3) == answer
            for result in answer.results:
                assert there.open_passage(result.citation.link) == here.open_passage(result.citation.link)


def test_an_approximate_index_finds_nearly_all_candidates(
    make: Make, server: Callable[[str], str], shipped_index: Path, shipped: Index, real_encoder: Encoder, tmp_path: Path
) -> None:
    make("shipped_hnsw")  # removes it
    catalog = catalog_of(server(f"shipped_hnsw_{os.getpid()}"), settings(tmp_path, milvus_index="HNSW"))
    send(shipped_index, catalog)
    pairs = both(shipped_index, catalog, real_encoder, [*shipped.examples(8)])
    same = [here == there for here, there in pairs]
    assert sum(same) / len(same) >= 0.98


# One generation after the other


def test_answers_come_from_one_snapshot_or_the_other_while_the_alias_moves(
    make: Make, tmp_path: Path, seeds: Path, encoder: HashEncoder
) -> None:
    catalog = make("moving")
    old = build_into(catalog, seeds, encoder, no_progress).snapshot
    (seeds / "owl.txt").write_text("An owl hoots at dusk.", "utf-8")
    stop = threading.Event()
    seen: list[Answer] = []

    def ask(index: Index) -> None:
        while not stop.is_set():
            seen.append(index.search("Where do frogs live?"))

    with Index(catalog, tmp_path, encoder=encoder) as index, ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(ask, index) for _ in range(3)]
        new = build_into(catalog, seeds, encoder, no_progress)
        while not any(answer.snapshot == new.snapshot for answer in seen[-3:]):
            assert not any(one.done() for one in asking), [one.result() for one in asking if one.done()]
        stop.set()
        for one in asking:
            one.result()
        assert index.search("What hoots at dusk?").results[0].citation.source == "owl.txt"
    assert new.previous == old
    assert {answer.snapshot for answer in seen} == {old, new.snapshot}
    assert {answer.results[0].citation.source for answer in seen} == {"garden.md"}
    assert {answer.notes for answer in seen} == {("asked for 5 passages, there are only 4",), ()}
    assert catalog.ids() == [new.snapshot, old]


def test_what_was_in_force_can_be_put_back_compared_and_pruned(make: Make, seeds: Path, encoder: HashEncoder) -> None:
    catalog = make("back")
    old = build_into(catalog, seeds, encoder, no_progress).snapshot
    (seeds / "owl.txt").write_text("An owl.", "utf-8")
    new = build_into(catalog, seeds, encoder, no_progress).snapshot
    assert catalog.restore(old) == new
    assert (catalog.current(), catalog.ids(), catalog.examine()) == (old, [old, new], [])
    assert catalog.published(old) > catalog.published(new) > catalog.built(new)
    with pytest.raises(SnapshotMissing) as missing:
        catalog.restore("0" * 16)
    assert str(missing.value) == f"no snapshot {'0' * 16!r} in {catalog.name}; expected one of {old}, {new}"
    assert catalog.prune(0) == [new]
    assert (catalog.ids(), catalog.prune(0)) == ([old], [])
    assert build_into(catalog, seeds, encoder, no_progress).snapshot == new
    assert catalog.ids() == [new, old]


def test_a_generation_stays_for_its_grace(
    make: Make, server: Callable[[str], str], seeds: Path, encoder: HashEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = make("grace")
    waits: list[float] = []
    monkeypatch.setattr(on_server, "GRACE", 60.0)
    monkeypatch.setattr("index.milvus.catalog.time.sleep", waits.append)
    ids = []
    for number in range(3):
        (seeds / "owl.txt").write_text(f"Owl {number}.", "utf-8")
        ids.append(build_into(catalog, seeds, encoder, no_progress).snapshot)
    assert catalog.ids() == ids[::-1]
    assert catalog.prune(1) == ids[:1]
    assert 50 < max(waits) <= 60
    assert [one.name for one in catalog.home.snapshots.iterdir()] == [ids[-1]]  # the workspace keeps the latest alone
    address = server(f"grace_{os.getpid()}")
    newest, *_ = generations(parse_address(address).name, client_of(address).collections())
    records = Blobs(client_of(address), newest.records)
    records.replace("published", b"9e9")  # as if the clock had been set back since
    waits.clear()
    assert (catalog.prune(0), waits) == (ids[1:2], [60.0])
    (seeds / "owl.txt").write_text("Owl 3.", "utf-8")
    build_into(catalog, seeds, encoder, no_progress)
    newest, *_ = generations(parse_address(address).name, client_of(address).collections())
    client_of(address).call("delete", newest.records, filter='key == "published/0"')
    waits.clear()
    assert (catalog.prune(0), waits) == (ids[2:], [60.0])  # when is not to be told: just now


def test_a_build_that_is_killed_leaves_the_old_generation_in_force_and_the_next_removes_its_traces(
    make: Make, server: Callable[[str], str], seeds: Path, encoder: HashEncoder, tmp_path: Path
) -> None:
    catalog = make("killed")
    old = build_into(catalog, seeds, encoder, no_progress).snapshot
    (seeds / "owl.txt").write_text("An owl.", "utf-8")
    (tmp_path / "catalog").write_bytes(pickle.dumps(catalog))
    code = f"""
import pickle, time
from pathlib import Path
from qa.catalogs import build_into
from tests.fakes import HashEncoder
from tests.papers import Line, paper
def progress(stage, done, total):
    if stage == "send" and done:
        print("now", flush=True)
        time.sleep(60)
catalog = pickle.loads(Path({str(tmp_path / "catalog")!r}).read_bytes())
build_into(catalog, Path({str(seeds)!r}), HashEncoder(), progress)
"""
    writer = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert writer.stdout
    assert writer.stdout.readline() == b"now\n"
    writer.kill()
    writer.wait()
    writer.stdout.close()
    assert (catalog.current(), catalog.examine()) == (old, [])
    with Index(catalog, tmp_path, encoder=encoder) as index:
        assert index.search("Where do frogs live?").snapshot == old
    address = server(f"killed_{os.getpid()}")
    client, name = client_of(address), parse_address(address).name
    unfinished, first = generations(name, client.collections())
    assert (first.ident, unfinished.ident != old) == (old, True)
    (seeds / "owl.txt").write_text("An owl hoots.", "utf-8")
    new = build_into(catalog, seeds, encoder, no_progress).snapshot
    assert catalog.current() == new
    left = generations(name, client.collections())
    assert [one.ident for one in left] == [new, old]
    assert all(len(parts) == 4 for parts in left.values())
    assert not unfinished.collections(client.collections())


def test_two_builds_at_once_are_kept_apart(make: Make, seeds: Path, encoder: HashEncoder) -> None:
    catalog = make("apart")
    with lock(catalog.home, "a test"), pytest.raises(BuildLocked):
        build_into(catalog, seeds, encoder, no_progress)


# A server that goes away


def test_a_reader_goes_on_when_the_server_was_killed_and_started_anew(
    tmp_path: Path, built: Path, encoder: HashEncoder
) -> None:
    if GIVEN:
        pytest.skip("the server under test is not ours to kill")
    with LiteServer(tmp_path) as lite:
        catalog = catalog_of(lite.address("restarted"), settings(tmp_path))
        send(built, catalog)
        with Index(catalog, tmp_path, encoder=encoder) as index:
            before = index.search("Where do frogs live?")
            lite.kill()
            with pytest.raises(StoreError) as gone:
                index.search("Where do frogs live?")
            assert str(gone.value) == f"{catalog.name}{UNREACHABLE}"
            lite.start()
            time.sleep(on_client.UNREACHED)  # until then it counts as away
            assert index.search("Where do frogs live?") == before
        assert catalog.examine() == []


def test_a_host_that_can_t_be_reached_is_one_line(tmp_path: Path) -> None:
    for host in (f"127.0.0.1:{free_port()}", "no.such.host.invalid:19530"):
        with pytest.raises(StoreError) as error:
            catalog_of(f"milvus://me:secret@{host}/x", settings(tmp_path)).current()
        assert str(error.value) == f"milvus://{host}/x{UNREACHABLE}"
        assert Discretion(list, private=False).line(str(error.value)) == f"the index{UNREACHABLE}"


class _Gate(grpc.ServerInterceptor):  # type: ignore[misc]
    """Refuses calls whose credentials are not the right ones, as Milvus does where it asks for any."""

    def __init__(self, credentials: str) -> None:
        self._right = base64.b64encode(credentials.encode()).decode()

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        if dict(details.invocation_metadata).get("authorization") == self._right:
            return continuation(details)

        def refuse(_request: Any, context: Any) -> None:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "auth check failure, please check username and password")

        return grpc.unary_unary_rpc_method_handler(refuse)


@pytest.fixture
def guarded(tmp_path: Path, certificate: tuple[Path, Path]) -> Iterator[int]:
    """The port of a Milvus Lite server behind TLS and a gate that lets root:secret and the token key in."""
    servicer = pytest.importorskip("milvus_lite.adapter.grpc.servicer")
    from milvus_lite.db import MilvusLite
    from pymilvus.grpc_gen import milvus_pb2_grpc

    database = MilvusLite(str(tmp_path / "guarded"))
    made = grpc.server(ThreadPoolExecutor(4), interceptors=[_Gate("root:secret")])
    milvus_pb2_grpc.add_MilvusServiceServicer_to_server(servicer.MilvusServicer(database), made)
    cert, key = (path.read_bytes() for path in certificate)
    port = made.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, cert)]))
    made.start()
    yield port
    made.stop(0).wait()
    database.close()


def test_tls_and_credentials(
    guarded: int, certificate: tuple[Path, Path], built: Path, encoder: HashEncoder, tmp_path: Path
) -> None:
    trusting = settings(tmp_path, milvus_ca=certificate[0], milvus_token="")
    catalog = catalog_of(f"milvus+tls://root:secret@127.0.0.1:{guarded}/x", trusting)
    ident = send(built, catalog)
    with Index(catalog, tmp_path, encoder=encoder) as index:
        assert index.search("Where do frogs live?").snapshot == ident
    by_token = catalog_of(f"milvus+tls://127.0.0.1:{guarded}/x", replace(trusting, milvus_token="root:secret"))
    assert by_token.current() == ident
    with pytest.raises(StoreError) as refused:
        catalog_of(f"milvus+tls://root:wrong@127.0.0.1:{guarded}/x", trusting).current()
    assert str(refused.value) == (
        f"milvus+tls://127.0.0.1:{guarded}/x: the server refuses the credentials; give a user and password in the "
        "address, or a token in SEEDQA_MILVUS_TOKEN"
    )
    with pytest.raises(StoreError) as missing:
        catalog_of(f"milvus+tls://127.0.0.1:{guarded}/x", replace(trusting, milvus_ca=tmp_path / "none.pem")).current()
    assert str(missing.value) == (
        f"milvus+tls://127.0.0.1:{guarded}/x: {tmp_path / 'none.pem'} can't be read (No such file or directory); "
        "check milvus_ca"
    )


# What is not as it should be on the server


def test_rows_that_are_missing_are_found(make: Make, built: Path, encoder: HashEncoder, tmp_path: Path) -> None:
    catalog = make("damaged")
    ident = send(built, catalog)
    address = parse_address(catalog.name)
    client = Client(address, settings(tmp_path).milvus_token)
    ((generation, _),) = generations(address.name, client.collections()).items()
    client.load(generation.files)
    client.call("delete", generation.files, filter='key == "fvectors.faiss/0"')
    (finding,) = catalog.examine()
    assert finding.snapshot == ident
    assert finding.problem == f"{generation.files} lacks row fvectors.faiss/0; build or import again"
    client.call("delete", generation.sentences, filter="row == 0")
    with pytest.raises(SnapshotDamaged) as error:
        Index(catalog, tmp_path, encoder=encoder)
    count = FolderCatalog(IndexPaths(built)).manifest(ident).counts.sentences
    assert str(error.value) == (
        f"{generation.sentences} holds {count - 1} rows, expected {count}; build or import again"
    )
    assert send(built, catalog) == ident
    assert (catalog.prune(0), catalog.examine()) == ([], [])  # the damaged one is gone, its like is in force
    with Index(catalog, tmp_path, encoder=encoder) as index:
        assert index.search("Where do frogs live?").snapshot == ident


def test_a_row_that_was_altered_is_one_line(
    make: Make, server: Callable[[str], str], built: Path, encoder: HashEncoder, tmp_path: Path
) -> None:
    catalog = make("altered")
    send(built, catalog)
    address = server(f"altered_{os.getpid()}")
    ((generation, _),) = generations(parse_address(address).name, client_of(address).collections()).items()
    records = Blobs(client_of(address), generation.records)
    keys = [scoring_key(row) for row in range(4)]
    good = dict(zip(keys, records.need(keys), strict=True))
    short = pack(Scoring(codes=b"12", terms=b"1234", weights=b"12"))
    huge = zlib.compress(bytes(10_000))
    monkey = pytest.MonkeyPatch()
    monkey.setattr("index.milvus.rows.LARGEST", 5_000)
    with Index(catalog, tmp_path, encoder=encoder) as index:
        before = index.search("Where do frogs live?", k=4)
        for bad in (good[keys[0]][:-1] + b"!", good[keys[0]][:-9], b"", zlib.compress(b"\xc1"), short, huge):
            records.replace(keys[0], bad)
            with pytest.raises(SnapshotDamaged) as error:
                index.search("Where do frogs live?", k=4)
            assert str(error.value) == (
                f"{generation.records} holds a row that is not as it was written; build or import again"
            )
        records.replace(keys[0], good[keys[0]])
        for text in ("x AAAA", "1 A*A", "0 AAAA", "999999 AAAA"):
            client_of(address).call(
                "upsert", generation.records, [{"key": f"{keys[0]}/0", "data": text, "none": [0.0, 1.0]}]
            )
            with pytest.raises(SnapshotDamaged):
                index.search("Where do frogs live?", k=4)
        records.replace(keys[0], good[keys[0]])
        assert index.search("Where do frogs live?", k=4) == before
    monkey.undo()
    records.replace("built", b"yesterday")
    (finding,) = catalog.examine()
    assert finding.problem == (f"{generation.records} holds a row that is not as it was written; build or import again")
    send(built, catalog)
    assert (catalog.prune(0), catalog.examine()) == ([], [])


def test_a_generation_in_force_that_lost_a_collection_is_found(
    make: Make, server: Callable[[str], str], built: Path
) -> None:
    catalog = make("lost")
    ident = send(built, catalog)
    address = server(f"lost_{os.getpid()}")
    ((generation, _),) = generations(parse_address(address).name, client_of(address).collections()).items()
    client_of(address).drop(generation.files)
    (finding,) = catalog.examine()
    assert finding.snapshot == ident
    assert finding.problem == (
        f"{catalog.name} is in force in {generation.records}, which is not complete; build or import again"
    )


def test_a_name_that_is_taken_is_refused_before_anything_is_built(
    make: Make, server: Callable[[str], str], built: Path, seeds: Path, encoder: HashEncoder
) -> None:
    catalog = make("taken")
    address = server(f"taken_{os.getpid()}")
    client, name = client_of(address), parse_address(address).name
    Blobs(client, name).create()
    with pytest.raises(SnapshotDamaged) as error:
        build_into(catalog, seeds, encoder, no_progress)
    assert str(error.value) == f"{catalog.name} is a collection, which is no index; choose another name"
    assert not catalog.home.root.exists()
    with pytest.raises(SystemExit):
        new_index(parse_address(address), name, read_settings().milvus_token)
    client.drop(name)
    send(built, catalog)
    with pytest.raises(SystemExit) as there:
        new_index(parse_address(address), name, read_settings().milvus_token)
    assert str(there.value) == f"{catalog.name} is there already; remove it, or run the benchmark again"


def test_generations_of_one_index_are_none_of_another() -> None:
    one = Generation(1, "0123456789abcdef", "a")
    other = Generation(2, "fedcba9876543210", "a_1_0123456789abcdef")
    assert one.collections([one.files, other.files]) == [one.files]
    assert other.collections([one.files, other.files]) == [other.files]


# Which folder a build reads


def test_a_folder_that_a_server_names_is_not_read(
    make: Make, server: Callable[[str], str], seeds: Path, encoder: HashEncoder, tmp_path: Path
) -> None:
    catalog = make("origin")
    build_into(catalog, seeds, encoder, no_progress)
    address = server(f"origin_{os.getpid()}")
    ((generation, _),) = generations(parse_address(address).name, client_of(address).collections()).items()
    Blobs(client_of(address), generation.records).replace("origin", str(tmp_path / "private").encode())
    assert catalog.origin(catalog.current()) == tmp_path / "private"
    rebuilder = Rebuilder(catalog, tmp_path, model="fake", backend="fake", load=load_fake)
    assert rebuilder.folder() == seeds
    elsewhere = catalog_of(address, settings(tmp_path, workspace=tmp_path / "other"))
    reader = Rebuilder(elsewhere, tmp_path, model="fake", backend="fake", load=load_fake)
    with pytest.raises(SeedsError) as error:
        reader.start()
    assert str(error.value) == (
        f"no build of {catalog.name} lies on this computer to say which documents it reads; name their folder"
    )
    with Index(elsewhere, tmp_path, encoder=encoder) as index:
        assert Service(index, elsewhere, reader).index_status().seeds == str(tmp_path / "private")  # as it was told


def test_a_rebuild_is_not_begun_while_the_server_does_not_say_what_is_in_force(
    seeds: Path, encoder: HashEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = catalog_of(f"milvus://127.0.0.1:{free_port()}/x", settings(tmp_path))
    monkeypatch.setattr(on_client, "_CONNECT_SECONDS", 1.0)
    rebuilder = Rebuilder(catalog, tmp_path, model="fake", backend="fake", load=load_fake)
    with pytest.raises(StoreError) as error:
        rebuilder.start(seeds)
    assert str(error.value) == f"{catalog.name}{UNREACHABLE}"
    with pytest.raises(StoreError):
        build_into(catalog, seeds, encoder, no_progress)
    assert not catalog.home.root.exists()
    died = cast("Any", SimpleNamespace(before="0" * 16, cancelled=False))
    assert rebuilder._outcome(died, None, "SIGKILL") == (
        "failed",
        f"the build's process died without a word (SIGKILL); which snapshot is in force is not known ({error.value}); "
        "try again, with more memory free if the system ended it",
    )
    died.cancelled = True
    assert rebuilder._outcome(died, None, "SIGKILL") == ("cancelled", "")


# A connection


def test_who_asks_while_a_server_can_t_be_reached_fails_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def connect(_: Client) -> None:
        tried.append(1)
        time.sleep(0.2)
        raise MilvusException(code=2, message="no server")

    monkeypatch.setattr(Client, "_connect", connect)
    monkeypatch.setattr(on_client, "UNREACHED", 1000.0)
    client = Client(parse_address("milvus://host/x"))
    with ThreadPoolExecutor(8) as pool:
        errors = [pool.submit(client.collections).exception() for _ in range(8)]
    assert [str(error) for error in errors] == [f"milvus://host:19530/x{UNREACHABLE}"] * 8
    assert len(tried) == 1


def test_a_connection_that_another_thread_has_made_anew_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    class Made:
        closed = False

        def list_collections(self, timeout: float) -> list[str]:
            if self is old:  # another thread has met the same, and was quicker
                client._let_go(cast("Any", old))
                client._connected()
                raise MilvusException(code=2, message="gone")
            return ["all"]

        def close(self) -> None:
            self.closed = True

    old, new = Made(), Made()
    made = [new, old]
    monkeypatch.setattr(Client, "_connect", lambda _: made.pop())
    client = Client(parse_address("milvus://host/x"))
    assert client.collections() == ["all"]
    assert (old.closed, new.closed, made) == (True, False, [])


def test_an_error_of_the_system_names_no_file_where_it_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(_: Client) -> None:
        raise ConnectionResetError(104, "Connection reset by peer")

    monkeypatch.setattr(Client, "_connect", connect)
    with pytest.raises(StoreError) as error:
        Client(parse_address("milvus://host/x")).collections()
    assert str(error.value) == (
        "milvus://host:19530/x: list_collections failed ([Errno 104] Connection reset by peer); "
        "check the way to the server"
    )


def test_an_index_that_never_gets_ready_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"flush": None, "list_indexes": ["vector"], "describe_index": {"state": "InProgress"}}
    monkeypatch.setattr(Client, "call", lambda _self, method, *_, **__: answers[method])
    monkeypatch.setattr(on_client, "LONG", 0.0)
    monkeypatch.setattr(on_client, "_PAUSE", 0.01)
    with pytest.raises(StoreError) as error:
        Client(parse_address("milvus://host/x")).finish("some")
    assert str(error.value) == (
        "milvus://host:19530/x: index vector of some is InProgress after 0 s; see the server's log, and send it again"
    )


def test_what_decides_is_read_as_it_is_now_and_what_never_changes_once(
    make: Make, built: Path, seeds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = make("asked")
    ident = send(built, catalog)
    asked: list[tuple[str, str]] = []
    call = Client.call

    def spy(client: Client, method: str, *given: Any, **named: Any) -> Any:
        asked.append((method, named.get("consistency_level", "")))
        return call(client, method, *given, **named)

    monkeypatch.setattr(Client, "call", spy)
    assert (catalog.ids(), catalog.manifest(ident).id) == ([ident], ident)
    assert {level for method, level in asked if method == "query"} == {"Strong"}
    for _ in range(2):
        asked.clear()
        assert (catalog.origin(ident), catalog.built(ident) > 0) == (seeds, True)
    assert asked == [("describe_alias", "")] * 2


def test_the_benchmark_leaves_every_index_that_is_there_alone(
    make: Make, server: Callable[[str], str], built: Path, encoder: HashEncoder, tmp_path: Path
) -> None:
    catalog = make("precious")
    ident = send(built, catalog)
    address = server(f"precious_{os.getpid()}")
    before = client_of(address).collections()
    asked = ["Where do frogs live?", "What does the mill grind?"]
    texts = {"pond.txt": "Frogs live in the pond.", "mill.txt": "The mill grinds rye."}
    found = compare("made", texts, asked, tmp_path / "scratch", parse_address(address), encoder, settings(tmp_path))
    assert (found["same_answers"], found["same_rankings"]) == (2, 2)
    assert client_of(address).collections() == before
    assert (catalog.current(), catalog.examine()) == (ident, [])


def test_an_index_that_is_not_there_is_one_line(make: Make) -> None:
    catalog = make("absent")
    with pytest.raises(SnapshotMissing) as error:
        catalog.open()
    assert str(error.value) == f"no index {catalog.name}; build one: qa build FOLDER --index {catalog.name}"


# Moving


def test_a_snapshot_comes_back_as_the_very_same_files(
    make: Make, built: Path, encoder: HashEncoder, tmp_path: Path
) -> None:
    catalog = make("files")
    ident = send(built, catalog)
    receive(IndexPaths(tmp_path / "copy"), catalog, ident, no_progress)
    assert hashes(tmp_path / "copy") == hashes(built)
    assert FolderCatalog(IndexPaths(tmp_path / "copy")).current() == ident
    with Index(tmp_path / "copy", tmp_path, encoder=encoder) as copy, Index(built, tmp_path, encoder=encoder) as first:
        assert copy.search("Where do frogs live?") == first.search("Where do frogs live?")


# Commands, page and Python


@pytest.fixture
def qa(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path) -> Run:
    """The command in an empty folder, with the prepared encoder at hand."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEEDQA_CACHE", str(cache))
    monkeypatch.setenv("SEEDQA_WORKSPACE", str(tmp_path / "workspaces"))
    return Run(capsys, monkeypatch)


def test_the_commands(
    qa: Run, make: Make, shipped_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = make("commands")
    ident = FolderCatalog(IndexPaths(shipped_index)).current()
    manifest = FolderCatalog(IndexPaths(shipped_index)).manifest(ident)
    counts = manifest.counts
    copied = (
        f"{counts.documents} documents, {counts.passages} passages, {counts.sentences} sentences; "
        f"{len(manifest.files)} files of the same sha256.\n"
    )
    monkeypatch.setenv("SEEDQA_INDEX", catalog.name)
    assert qa("status") == (
        1, "", f"qa: no index {catalog.name}; build one: qa build FOLDER --index {catalog.name}\n"
    )  # fmt: skip
    assert qa("import", shipped_index) == (0, f"Snapshot {ident} is in force in {catalog.name}: {copied}", "")
    code, out, err = qa("ask", "What happens if a build is killed?", "-k", "1", "--document", "handbook/*", "--json")
    assert (code, err) == (0, "")
    (result,) = json.loads(out)["results"]
    assert result["citation"]["source"] == "handbook/index.md"
    assert qa("verify", result["citation"]["link"])[0] == 0
    status = json.loads(qa("status", "--json")[1])
    assert (status["index"], status["manifest"]["id"]) == (catalog.name, ident)
    assert f"Index      {catalog.name}, workspace " in qa("status")[1]
    assert qa("doctor")[::2] == (0, "")
    assert qa("diff") == (
        1,
        "",
        f"qa: {catalog.name} holds one snapshot only, nothing to compare it with; build again first\n",
    )
    code, out, err = qa("calibrate", "--dry-run")
    assert (code, out) == (1, "")
    assert err == (
        f"qa: {catalog.home.root} does not hold the snapshot in force in {catalog.name}, which a calibration reads as "
        f"files; fetch it first: qa export {catalog.home.root} --index {catalog.name}\n"
    )
    assert qa("export", tmp_path / "out") == (0, f"Snapshot {ident} is in force in {tmp_path / 'out'}: {copied}", "")
    code, out, _ = qa("import", tmp_path / "out", "--index", tmp_path / "again", "--json")
    assert (code, json.loads(out)["snapshot"], json.loads(out)["index"]) == (0, ident, str(tmp_path / "again"))
    assert hashes(tmp_path / "again") == hashes(shipped_index)
    assert qa("prune", "--keep", "0") == (0, "Removed 0 of 1 snapshots; that in force stays.\n", "")
    secret = catalog.name.replace("://", "://me:se-cret@")
    code, out, err = qa("eval", "--suggest", tmp_path / "draft.json", "--index", secret)
    assert (code, out.splitlines()[-1], err) == (
        0, f"Then: qa eval --dataset {tmp_path / 'draft.json'} --index {catalog.name}", ""
    )  # fmt: skip
    assert qa("eval", "--index", secret) == (
        1, "", f"qa: no passage of {catalog.name} was marked as an answer yet; mark some on the page: qa serve\n"
    )  # fmt: skip
    assert "cret" not in repr(Settings(index=secret))


def load_fake(_model: str, _cache: Path, _backend: str, _progress: object) -> HashEncoder:
    return HashEncoder()


def test_the_page_s_service_rebuilds_and_goes_back(
    make: Make, seeds: Path, encoder: HashEncoder, tmp_path: Path
) -> None:
    catalog = make("service")
    old = build_into(catalog, seeds, encoder, no_progress).snapshot
    rebuilder = Rebuilder(catalog, tmp_path, model="fake", backend="fake", load=load_fake)
    with Index(catalog, tmp_path, encoder=encoder) as index:
        service = Service(index, catalog, rebuilder)
        (seeds / "owl.txt").write_text("An owl hoots at dusk.", "utf-8")
        service.rebuild()
        state = rebuilder.wait(60)
        assert (state.outcome, state.message) == ("done", "")
        status = service.index_status()
        assert state.report
        assert (status.snapshot, [e.id for e in status.earlier]) == (state.report.snapshot, [old])
        assert service.compare_snapshots().added == ("owl.txt",)
        assert service.restore_snapshot(old).snapshot == old
        (result,) = service.search("Where do frogs live?", k=1).results
        assert service.give_feedback("Where do frogs live?", result.citation.link)
        assert (catalog.home.root / "feedback.jsonl").is_file()
    rebuilder.close()


# Names


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("milvus://db/legal", Address(host="db", port=19530, database="default", name="legal", tls=False)),
        (
            "milvus+tls://me:p%40ss@db.example:443/team/legal",
            Address(host="db.example", port=443, database="team", name="legal", tls=True, user="me", password="p@ss"),
        ),
        ("milvus://[::1]:1/x", Address(host="::1", port=1, database="default", name="x", tls=False)),
    ],
)
def test_an_address(text: str, expected: Address) -> None:
    assert parse_address(text) == expected
    assert parse_address(str(expected)) == replace(expected, user="", password="")
    assert "p@ss" not in f"{expected} {expected!r}"


@pytest.mark.parametrize(
    ("text", "shown", "why"),
    [
        ("milvus:///legal", "milvus:///legal", "it names no host"),
        ("milvus://me:secret@host:port/x", "milvus://…@host:port/x", "host or port can't be read"),
        ("milvus://me:se/cret@host:1/x", "milvus://…@host:1/x", "host or port can't be read"),
        ("milvus://me:1/cret@host/x", "milvus://…@host/x",
         "a name has letters of English, digits and underscores, at most 100 and no digit first"),
        ("milvus://me:se@cret/@host/x", "milvus://…@host/x",
         "a name has letters of English, digits and underscores, at most 100 and no digit first"),
        ("milvus://host:0/x", "milvus://host:0/x", "port 0 is none"),
        ("milvus://host", "milvus://host",
         "a name has letters of English, digits and underscores, at most 100 and no digit first"),
        ("milvus://host/a/b/c", "milvus://host/a/b/c",
         "a name has letters of English, digits and underscores, at most 100 and no digit first"),
        ("milvus://host/9a", "milvus://host/9a",
         "a name has letters of English, digits and underscores, at most 100 and no digit first"),
        ("http://host:1/x", "http://host:1/x", "it begins with none of milvus:// and milvus+tls://"),
        ("mivlus://me:secret@host/x", "mivlus://…@host/x", "it begins with none of milvus:// and milvus+tls://"),
        ("milvus:/me:secret@host/x", "milvus:/…@host/x", "it begins with none of milvus:// and milvus+tls://"),
        ("milvus://host/a?b=c", "milvus://host/a?b=c", "it has more than a name behind the host"),
    ],
)  # fmt: skip
def test_what_is_no_address(text: str, shown: str, why: str, qa: Run) -> None:
    message = (
        f"index {shown} is no address of a server: {why}; "
        "expected milvus://host:port/name, or milvus+tls://user:password@host:port/database/name"
    )
    with pytest.raises(SettingsError) as error:
        parse_address(text)
    assert str(error.value) == message
    assert qa("status", "--index", text) == (2, "", f"qa: {message}\n")


def test_each_index_has_a_workspace_of_its_own(tmp_path: Path) -> None:
    names = ("h/team_legal", "h/team/legal", "H/team/legal", "h/team/Legal", "h:1/team/legal")
    homes = [catalog_of(f"milvus://{name}", settings(tmp_path)).home.root for name in names]
    assert len({str(home).lower() for home in homes}) == len(names) - 1  # the name of a host has no case
    again = catalog_of("milvus://me:secret@h/team/legal", settings(tmp_path)).home.root
    assert again == homes[1] == tmp_path / "workspaces" / again.name


def test_without_the_extra_the_message_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in sys.modules if name.startswith("index.milvus")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(StoreError) as error:
        catalog_of("milvus://host/x", settings(tmp_path))
    assert str(error.value) == (
        "milvus://host:19530/x is on a Milvus server, for which pymilvus is missing; pip install 'seedqa[milvus]'"
    )


def test_a_module_of_ours_that_is_missing_is_not_told_as_the_extra(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [name for name in sys.modules if name.startswith("index.milvus")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "index.milvus.upload", None)
    with pytest.raises(ModuleNotFoundError):
        catalog_of("milvus://host/x", settings(tmp_path))
