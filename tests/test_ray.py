"""Builds on a Ray cluster: the same snapshot as a local build, whatever is lost on the way."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
import pytest
from click import UsageError
from click.testing import CliRunner

from index import build
from index.encode.protocol import Encoder
from index.errors import ClusterError, ModelError
from index.layout import IndexPaths
from index.load.limits import Limits
from index.load.readers import Outcome, Readers
from index.records import no_progress
from index.snapshot import current_id
from index.spread import MISSING, open_cluster
from index.spread.parcel import pack, unpack
from index.spread.worker import Worker, misfit, probe_texts, same_vectors, versions
from qa.cli import cli
from tests.conftest import ROOT
from tests.fakes import HashEncoder
from tests.spreaders import Spreader
from tests.test_build import snapshot_tree, tree

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install 'seedqa[ray]'"
)
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


# What a node does, without Ray


def test_a_worker_reads_as_this_machine_does(tmp_path: Path, seeds: Path) -> None:
    (seeds / "deep" / "er").mkdir(parents=True)
    (seeds / "deep" / "er" / "note.txt").write_text("A note lies deep.", "utf-8")
    (seeds / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    paths = sorted(path.relative_to(seeds).as_posix() for path in seeds.rglob("*") if path.is_file())
    with Readers(Limits(), 1) as readers:
        expected = list(readers.read_all(seeds, paths))
    worker = Worker(cores=1)
    found = worker.read(msgspec.to_builtins(Limits()), [(path, (seeds / path).read_bytes()) for path in paths])
    worker.leave()
    assert [msgspec.msgpack.decode(one, type=Outcome) for one in found] == expected


def test_an_encoder_arrives_whole(real_encoder: Encoder, cache: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    parcel = pack(real_encoder.info, cache)
    worker = Worker(cores=2)
    probes = real_encoder.encode(probe_texts(), no_progress)
    assert worker.join(versions(), parcel, probes) == ""
    assert np.array_equal(worker.encode(["A heron stands in the reeds."]), real_encoder.encode(
        ["A heron stands in the reeds."], no_progress))  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_a_parcel_that_was_altered_is_refused(real_encoder: Encoder, cache: Path) -> None:
    parcel = pack(real_encoder.info, cache)
    data = parcel["entry/model.bin"]
    with pytest.raises(ModelError) as caught:
        unpack({**parcel, "entry/model.bin": data[:-1] + bytes([data[-1] ^ 1])})
    message = f"the files of model {real_encoder.info.model} did not arrive as they were sent; try again"
    assert str(caught.value) == message
    other = replace(real_encoder.info, fingerprint="0" * 64)
    with pytest.raises(ModelError):
        pack(other, cache)


def test_a_worker_says_what_does_not_fit(real_encoder: Encoder, cache: Path) -> None:
    here = versions()
    assert misfit(here, here) == ""
    assert misfit(here, {**here, "lxml": "5.0"}) == (
        f"it has lxml 5.0, and this machine {here['lxml']}; install the same on both"
    )
    assert misfit({"python": "3"}, {"python": "3", "pytesseract": "0.3.13"}) == (
        "it has pytesseract 0.3.13, and this machine none; install the same on both"
    )
    probes = real_encoder.encode(probe_texts(), no_progress)
    other = probes.copy()
    other[3, 5] = np.nextafter(other[3, 5], np.float32(2))
    assert not same_vectors(probes, other, real_encoder.info)
    assert same_vectors(probes, other, replace(real_encoder.info, backend="torch"))
    assert not same_vectors(probes, -probes, replace(real_encoder.info, backend="torch"))
    assert Worker(cores=1).join(here, pack(real_encoder.info, cache), other) == (
        "its processor gives other vectors for the same texts; build on nodes with processors of one kind, "
        "this machine's"
    )


def test_without_ray_one_line_says_how_to_get_it(
    real_encoder: Encoder, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("index.spread.cluster", "index.spread.pool"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    before = dict(os.environ)
    with pytest.raises(ClusterError) as caught, open_cluster(real_encoder, cache, print):
        pass
    assert str(caught.value) == MISSING
    assert os.environ == before
    assert MISSING == "building on a Ray cluster needs Ray, which is not installed; run: pip install 'seedqa[ray]'"


# The command line


def qa(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, as Ray reads the environment when it is imported."""
    return subprocess.run(
        [sys.executable, "-m", "qa.cli", *map(str, arguments)],
        cwd=ROOT, env={**ENVIRONMENT, **environment}, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--address", "head:6379", "--address names a Ray cluster: it needs --engine ray"),
        ("--deadline", "60", "--deadline is for a Ray cluster: it needs --engine ray"),
    ],
)
def test_what_is_for_a_cluster_needs_the_engine(seeds: Path, option: str, value: str, message: str) -> None:
    done = CliRunner().invoke(cli, ["build", str(seeds), option, value], standalone_mode=False)
    assert isinstance(done.exception, UsageError)
    assert done.exception.message == message


@needs_ray
def test_a_wrong_address_is_told_in_a_line(tmp_path: Path, seeds: Path) -> None:
    done = qa("build", seeds, "--index", tmp_path / "index", "--engine", "ray", "--address", "127.0.0.1:9")
    message = (
        "no Ray cluster answers at 127.0.0.1:9 ([Errno 111] Connection refused); start one there: ray start --head, "
        "or name another"
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"qa: {message}\n")
    assert not (tmp_path / "index").exists()


@needs_ray
@pytest.mark.slow
def test_a_cluster_of_this_machine_builds_the_same_snapshot(tmp_path: Path, corpus: Path, local: Path) -> None:
    before = set(Path("/tmp").glob("qa-ray-*"))
    mark, addresses = f"seedqa-local-{os.getpid()}", set()
    with subprocess.Popen(
        [sys.executable, "-m", "qa.cli", "build", corpus, "--index", tmp_path / "index", "--engine", "ray", "--json"],
        cwd=ROOT, env={**ENVIRONMENT, "TMPDIR": str(tmp_path), "SEEDQA_TEST_MARK": mark}, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    ) as building:  # fmt: skip
        while building.poll() is None:
            addresses |= listening(mark)
            time.sleep(0.5)
        out, errors = building.communicate()
    assert (building.returncode, errors) == (0, "")
    assert addresses == {"127.0.0.1"}
    assert marked(mark) == []
    assert json.loads(out)["snapshot"] == current_id(IndexPaths(local))
    assert snapshot_tree(tmp_path / "index") == snapshot_tree(local)
    assert [path.name for path in tmp_path.iterdir()] == ["index"]
    assert set(Path("/tmp").glob("qa-ray-*")) - before == set()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of several kinds, one that can't be read among them, which take some seconds to encode."""
    folder = tmp_path_factory.mktemp("corpus")
    for path in sorted((ROOT / "seeds").rglob("*.*")):
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    words = sorted({word for path in folder.glob("*.md") for word in path.read_text("utf-8").split() if word.isalpha()})
    dice = random.Random(8)
    for number in range(12):
        lines = [" ".join(dice.choices(words, k=dice.randint(6, 24))).capitalize() + "." for _ in range(30)]
        (folder / f"note-{number:02}.txt").write_text("\n\n".join(lines), "utf-8")
    return folder


@pytest.fixture(scope="module")
def local(corpus: Path, real_encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of the corpus, built by this machine alone."""
    index = tmp_path_factory.mktemp("local") / "index"
    build(corpus, index, real_encoder)
    return index


@needs_ray
@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="interrupts by a POSIX signal")
def test_ctrl_c_leaves_nothing_running_and_what_was_done(tmp_path: Path, corpus: Path) -> None:
    mark = f"seedqa-test-{os.getpid()}"
    with subprocess.Popen(
        [sys.executable, "-m", "qa.cli", "build", corpus, "--index", tmp_path / "index", "--engine", "ray"],
        cwd=ROOT, env={**ENVIRONMENT, "SEEDQA_TEST_MARK": mark}, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as building:  # fmt: skip
        while not IndexPaths(tmp_path / "index").journal.exists():
            assert building.poll() is None
            time.sleep(0.05)
        assert len(marked(mark)) > 4
        os.killpg(building.pid, signal.SIGINT)  # as a terminal does
        assert building.communicate()[1] == "\nqa: interrupted; nothing is left half-done\n"
    assert building.returncode == 130
    assert marked(mark) == []
    assert IndexPaths(tmp_path / "index").journal.exists()


def marked(mark: str) -> list[psutil.Process]:
    """Return the processes that were started with this mark in their environment."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("SEEDQA_TEST_MARK") == mark:
                found.append(process)
    return found


def listening(mark: str) -> set[str]:
    """Return the addresses at which processes with this mark take connections or datagrams."""
    found = set()
    for process in marked(mark):
        with suppress(psutil.Error):
            found |= {
                socket.laddr.ip.removeprefix("::ffff:")
                for socket in process.net_connections("inet")
                if socket.laddr and not socket.raddr and socket.status in (psutil.CONN_LISTEN, psutil.CONN_NONE)
            }
    return found


def test_the_command_line_passes_on_what_it_is_told(
    tmp_path: Path, seeds: Path, real_encoder: Encoder, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def refuse(*arguments: object) -> None:
        asked.extend(arguments)
        raise ClusterError("no cluster today")

    monkeypatch.setattr("qa.cli.open_cluster", refuse)
    options = ["--engine", "ray", "--address", "head:6379", "--deadline", "60", "--cache", str(cache)]
    done = CliRunner().invoke(cli, ["build", str(seeds), "--index", str(tmp_path / "index"), *options])
    assert str(done.exception) == "no cluster today"
    assert isinstance(asked[0], type(real_encoder))
    assert (asked[1], *asked[3:5]) == (cache, "head:6379", 60.0)
    assert not (tmp_path / "index").exists()


class _Failing:
    """An engine that reads two files and is lost."""

    machines = 1

    @contextmanager
    def readers(self, limits: Limits) -> Iterator[_Failing]:
        yield self

    def read_all(self, seeds: Path, paths: Iterable[str]) -> Iterator[Outcome]:
        with Readers(Limits(), 1) as readers:
            yield from readers.read_all(seeds, list(paths)[:2])
        raise ClusterError("all is lost")


def test_a_lost_cluster_leaves_the_snapshot_and_what_was_done(
    built: Path, seeds: Path, encoder: HashEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(built / "snapshots")
    for name in ("a", "b", "c"):
        (seeds / f"{name}.txt").write_text(f"File {name} is new.", "utf-8")
    with pytest.raises(ClusterError, match=r"^all is lost$"):
        build(seeds, built, encoder, engine=_Failing())
    assert tree(built / "snapshots") == before
    read: list[str] = []
    monkeypatch.setattr(Readers, "read_file", _noting(read, Readers.read_file))
    assert build(seeds, built, encoder).documents == 6
    assert read == ["c.txt"]


def _noting(read: list[str], read_file: Callable[[Readers, Path, str], Outcome]) -> Callable[..., Outcome]:
    def noted(readers: Readers, seeds: Path, path: str) -> Outcome:
        read.append(path)
        return read_file(readers, seeds, path)

    return noted


# The pool, on a cluster of this machine


@pytest.fixture(scope="module")
def own_ray() -> Iterator[Any]:
    """Ray with two processors, in this process."""
    with pytest.MonkeyPatch.context() as patched, tempfile.TemporaryDirectory(prefix="qa-ray-", dir="/tmp") as scratch:
        patched.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patched.setenv("RAY_AUTH_MODE", "token")
        patched.setenv("RAY_AUTH_TOKEN", "e" * 64)
        patched.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        patched.setenv("PYTHONPATH", str(ROOT))
        import ray

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # Ray's own
            ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR",
                     _temp_dir=f"{scratch}/ray")  # fmt: skip
            try:
                yield ray
            finally:
                ray.shutdown()


class Field:
    """A pool of Spreaders, and what it tells."""

    def __init__(self, ray: Any, folder: Path, refusals: Sequence[str] = ("",), share: float = 0.1) -> None:
        from index.spread.pool import Place, Pool

        self.told: list[str] = []
        self.taken: list[int] = []
        self.started = 0

        def start(place: Place) -> tuple[Any, Any]:
            self.started += 1
            actor = ray.remote(Spreader).options(num_cpus=share, max_concurrency=3).remote(str(folder))
            return actor, actor.join.remote(refusals[place.number])

        places = [
            Place(node="n", name=f"place-{number}", number=number, cores=1, gpus=0) for number in range(len(refusals))
        ]
        self.pool = Pool(lambda: places, start, self.told.append, deadline=100)

    def __enter__(self) -> Field:
        self.pool.open()
        return self

    def __exit__(self, *error: object) -> None:
        self.pool.close()

    def map(self, method: str, count: int, weight: int = 0) -> Generator[Any, None, None]:
        from index.spread.pool import Task

        def tasks() -> Iterator[Task]:
            for number in range(count):
                self.taken.append(number)
                yield Task(arguments=(number,), weight=weight)

        yield from self.pool.map(method, tasks())


@needs_ray
@pytest.mark.slow
def test_results_come_in_order_and_little_is_taken_ahead(own_ray: Any, tmp_path: Path) -> None:
    from index.spread.pool import AHEAD, WEIGHT

    with Field(own_ray, tmp_path, ("", "")) as field:
        assert list(field.map("double", 30)) == list(range(0, 60, 2))
        assert list(field.map("double", 0)) == []
        results = field.map("double", 1000)
        field.taken.clear()
        assert next(results) == 0
        assert len(field.taken) <= 2 * AHEAD + 2
        results.close()
        heavy = field.map("double", 1000, WEIGHT)  # one of them at a time
        field.taken.clear()
        assert next(heavy) == 0
        assert len(field.taken) <= 3
        heavy.close()
    assert field.told == []


@needs_ray
@pytest.mark.slow
def test_what_a_lost_worker_had_is_done_by_another(own_ray: Any, tmp_path: Path) -> None:
    with Field(own_ray, tmp_path) as field:
        assert list(field.map("die_once", 8)) == list(range(8))
    assert field.started == 2
    assert [line.partition(":")[0] for line in field.told] == ["place-0"]
    assert field.told[0].endswith("; another is started")


@needs_ray
@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "places", "message"),
    [
        (
            "die",
            ("", ""),
            r"4 workers of the Ray cluster were lost over the same work, the last at place-\d: .*; "
            "build without a cluster to see why",
        ),
        (
            "fail",
            ("",),
            r"no node of the Ray cluster can work on the build \(place-0: OSError: \[Errno 28\] No space left on device"
            r"\); what it has read and encoded is kept: mend that and run it again",
        ),
    ],
)
def test_when_nobody_is_left_a_line_says_why(
    own_ray: Any, tmp_path: Path, method: str, places: Sequence[str], message: str
) -> None:
    with Field(own_ray, tmp_path, places) as field, pytest.raises(ClusterError) as caught:
        list(field.map(method, 2))
    assert re.fullmatch(message, str(caught.value))


@needs_ray
@pytest.mark.slow
def test_a_node_that_does_not_fit_is_left_out(own_ray: Any, tmp_path: Path) -> None:
    with Field(own_ray, tmp_path, ("it has lxml 5", "")) as field:
        assert list(field.map("double", 3)) == [0, 2, 4]
    assert field.told == ["place-0: it has lxml 5; the others work on"]
    with pytest.raises(ClusterError) as caught, Field(own_ray, tmp_path, ("it has lxml 5",)):
        pass
    assert str(caught.value) == (
        "no node of the Ray cluster can work on the build (place-0: it has lxml 5); what it has read and encoded is "
        "kept: mend that and run it again"
    )


@needs_ray
@pytest.mark.slow
def test_a_deadline_ends_what_is_under_way(own_ray: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Field(own_ray, tmp_path) as field:
        monkeypatch.setattr(field.pool, "_end", time.monotonic() + 0.5)
        with pytest.raises(ClusterError, match=r"^the build ran longer than 100 s on the cluster \(--deadline\); "):
            list(field.map("sleep", 3))


@needs_ray
@pytest.mark.slow
def test_a_cluster_without_a_free_processor_is_not_waited_for_for_ever(
    own_ray: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.spread.pool.PATIENCE", 0.5)
    with pytest.raises(ClusterError) as caught, Field(own_ray, tmp_path, share=99):
        pass
    assert str(caught.value) == (
        "no node of the Ray cluster has begun to work within 0.5 s; each has to have half a processor free (ray status)"
    )


@needs_ray
@pytest.mark.slow
def test_what_is_left_early_gives_its_places_back(own_ray: Any, tmp_path: Path) -> None:
    with Field(own_ray, tmp_path) as field:
        results = field.map("linger", 30)
        assert next(results) == 0
        results.close()
        assert list(field.map("double", 3)) == [0, 2, 4]


def lost(*arguments: object, **options: object) -> Any:
    from ray.exceptions import RaySystemError

    raise RaySystemError("gone")


LOST = (
    "the Ray cluster was lost (RaySystemError: System error: gone); what it has read and encoded is kept: run it again "
    "to go on"
)


@needs_ray
@pytest.mark.slow
def test_what_ray_raises_is_one_line(own_ray: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Field(own_ray, tmp_path) as field:
        results = field.map("double", 1000)
        assert next(results) == 0
        monkeypatch.setattr("ray.wait", lost)
        with pytest.raises(ClusterError) as caught:
            list(results)
        assert str(caught.value) == LOST
        monkeypatch.setattr("ray.actor.ActorMethod.remote", lost)
        with pytest.raises(ClusterError) as caught:
            list(field.map("double", 3))
        assert str(caught.value) == LOST
        workers = [worker.actor for worker in field.pool._workers]
    monkeypatch.undo()  # leaving has raised nothing, and has ended them all the same
    for worker in workers:
        with pytest.raises(own_ray.exceptions.RayActorError):
            own_ray.get(worker.double.remote(1), timeout=10)


@pytest.fixture
def entered(own_ray: Any, monkeypatch: pytest.MonkeyPatch, real_encoder: Encoder, cache: Path) -> Any:
    """Returns a function that makes a cluster of the Ray that runs already."""
    from index.spread.cluster import Cluster

    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setattr("ray.init", lambda **options: None)
    monkeypatch.setattr("ray.shutdown", lambda: None)
    return lambda: Cluster(real_encoder, cache, print, "", 100, no_progress)


@needs_ray
@pytest.mark.slow
@pytest.mark.parametrize("call", ["ray.put", "ray.nodes", "ray.get_runtime_context"])
def test_a_cluster_that_is_lost_at_once_is_one_line(entered: Any, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    monkeypatch.setattr(call, lost)
    with pytest.raises(ClusterError) as caught, entered():
        pass
    assert str(caught.value) == LOST


@needs_ray
@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="ends by a POSIX signal")
def test_sigterm_ends_a_build_orderly(entered: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.spread.pool.Pool.open", lambda pool: None)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as caught, entered():
        signal.raise_signal(signal.SIGTERM)
    assert caught.value.code == 143
    assert signal.getsignal(signal.SIGTERM) == before


@needs_ray
@pytest.mark.slow
def test_a_head_that_answers_no_more_is_given_up(entered: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = entered()
    monkeypatch.setattr(cluster, "_head", "127.0.0.1:9")
    monkeypatch.setattr(cluster, "_answered", time.monotonic())
    assert cluster._places() == []
    monkeypatch.setattr(cluster, "_answered", time.monotonic() - 21)
    with pytest.raises(ClusterError) as caught:
        cluster._places()
    assert str(caught.value) == (
        "the head of the Ray cluster, 127.0.0.1:9, answers no more ([Errno 111] Connection refused); what was read and "
        "encoded is kept: start the cluster again, then the build"
    )


@needs_ray
@pytest.mark.slow
def test_a_deadline_ends_a_build_with_a_line(entered: Any, built: Path, seeds: Path) -> None:
    before = tree(built / "snapshots")
    with entered() as cluster:
        cluster._pool._end = time.monotonic()
        with pytest.raises(ClusterError) as caught:
            build(seeds, built, cluster.encoder, engine=cluster)
    assert str(caught.value) == (
        "the build ran longer than 100 s on the cluster (--deadline); what it has read and encoded is kept: run it "
        "again to go on, with a longer --deadline"
    )
    assert tree(built / "snapshots") == before


@needs_ray
@pytest.mark.slow
def test_whoever_uses_ray_already_keeps_it(own_ray: Any, real_encoder: Encoder, cache: Path) -> None:
    before = dict(os.environ)
    with pytest.raises(ClusterError) as caught, open_cluster(real_encoder, cache, print):
        pass
    assert str(caught.value) == "this process is part of a Ray cluster already; leave that first: ray.shutdown()"
    assert own_ray.is_initialized()
    assert os.environ == before


@needs_ray
@pytest.mark.slow
@pytest.mark.parametrize("address", ["ray://head:10001", "head"])
def test_what_is_no_address_is_told_in_a_line(own_ray: Any, address: str) -> None:
    from index.spread.cluster import _reach

    with pytest.raises(ClusterError) as caught:
        _reach(address)
    assert str(caught.value) == f"--address {address!r} is no address of a Ray cluster; expected HOST:PORT, or auto"


# Two nodes


def ip(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=True)


class Network:
    """Two network namespaces that reach each other and nothing else, with a Ray node in each."""

    HEAD = "198.18.8.1"
    OTHER = "198.18.8.2"

    def __init__(self, scratch: Path) -> None:
        self.address = f"{self.HEAD}:6379"
        self._names = [f"seedqa-{os.getpid()}-{end}" for end in ("a", "b")]
        self._scratch = scratch
        self._environment = {
            **ENVIRONMENT,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": "f" * 64,
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        self._started: list[subprocess.Popen[bytes]] = []

    def open(self) -> None:
        """Make the namespaces and the head. Raises CalledProcessError where that is not allowed."""
        for name in self._names:
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip(
            "link",
            "add",
            "seedqa-a",
            "netns",
            self._names[0],
            "type",
            "veth",
            "peer",
            "seedqa-b",
            "netns",
            self._names[1],
        )
        for name, end, address in zip(self._names, "ab", (self.HEAD, self.OTHER), strict=True):
            ip("-n", name, "address", "add", f"{address}/30", "dev", f"seedqa-{end}")
            ip("-n", name, "link", "set", f"seedqa-{end}", "up")
        self._start_node(0, "--head", "--port=6379", f"--node-ip-address={self.HEAD}", f"--temp-dir={self._scratch}",
                         "--include-dashboard=false")  # fmt: skip
        self._until_listening()

    def start_other(self) -> None:
        """Start the node in the other namespace."""
        self._start_node(1, f"--address={self.address}", f"--node-ip-address={self.OTHER}")

    def kill_other(self) -> None:
        """Kill all that runs in the other namespace."""
        self._kill(self._names[1])

    def _start_node(self, which: int, *options: str) -> None:
        command = [str(Path(sys.executable).with_name("ray")), "start", *options, "--num-cpus=1", "--block",
                   "--object-store-memory=200000000", "--disable-usage-stats"]  # fmt: skip
        with (self._scratch / f"node-{which}.log").open("ab") as log:
            self._started.append(self.run(which, command, stdout=log, stderr=log, stdin=subprocess.DEVNULL))

    def run(self, which: int, command: Sequence[object], **options: Any) -> subprocess.Popen[bytes]:
        """Start a program in a namespace."""
        within = ["ip", "netns", "exec", self._names[which], *map(str, command)]
        return subprocess.Popen(within, cwd=ROOT, env=self._environment, **options)

    def build(self, *arguments: object) -> subprocess.Popen[bytes]:
        """Start a build on the head."""
        command = [sys.executable, "-m", "tests.spread_build", *arguments]
        return self.run(0, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def _until_listening(self) -> None:
        for _ in range(300):
            if ":6379" in self.run(0, ["ss", "-ltn"], stdout=subprocess.PIPE).communicate()[0].decode():
                return
            time.sleep(0.1)
        raise AssertionError((self._scratch / "node-0.log").read_text("utf-8"))

    def _kill(self, name: str) -> None:
        while pids := ip("netns", "pids", name).stdout.split():
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            time.sleep(0.05)

    def close(self) -> None:
        """Kill all that runs in the namespaces, and remove them."""
        known = ip("netns", "list").stdout
        for name in self._names:
            if name in known:
                self._kill(name)
                ip("netns", "delete", name)
        for process in self._started:
            process.wait()


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with tempfile.TemporaryDirectory(prefix="seedqa-", dir="/tmp", ignore_cleanup_errors=True) as scratch:
        made = Network(Path(scratch))
        try:
            try:
                made.open()
            except (subprocess.CalledProcessError, FileNotFoundError) as error:
                pytest.skip(f"network namespaces can't be made here ({error})")
            yield made
        finally:
            made.close()


def lines_of(process: subprocess.Popen[bytes]) -> Iterator[str]:
    assert process.stdout is not None
    for line in process.stdout:
        if text := line.decode().strip():  # Ray has words of its own, and empty lines
            yield text


@needs_ray
@pytest.mark.slow
def test_a_node_that_is_killed_costs_nothing_but_time(
    network: Network, tmp_path: Path, corpus: Path, local: Path, cache: Path
) -> None:
    network.start_other()
    killed, told, last = [], [], ""
    with network.build(corpus, tmp_path / "index", cache, network.address) as building:
        for last in lines_of(building):
            words = last.split()
            if words[0] == "told":
                told.append(words[1].rstrip(":"))
            elif words[0] == "waiting":
                network.kill_other()
                killed.append(words[1])
                if words[1] == "load":
                    network.start_other()
                assert building.stdin is not None
                building.stdin.write(b"\n")
                building.stdin.flush()
    assert killed == ["load", "encode"]
    assert last == f"snapshot {current_id(IndexPaths(local))}"
    assert snapshot_tree(tmp_path / "index") == snapshot_tree(local)
    assert len(told) >= 2
    assert set(told) == {network.OTHER}
