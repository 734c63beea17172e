"""A Ray cluster for the time of one build."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from index.encode.protocol import Encoder
from index.errors import ClusterError
from index.load.limits import Limits
from index.records import Progress, no_progress
from index.spread.encoder import SpreadEncoder
from index.spread.parcel import pack
from index.spread.pool import IN_FLIGHT, Place, Pool
from index.spread.readers import SpreadReaders
from index.spread.worker import Worker, probe_texts, versions

SHARE = 0.5
"""Processors that a worker claims of its node: one that claimed all could wait for ever beside another job."""
MOST_MACHINES = 64
"""Machines for which more texts are held at once; each takes some megabytes here."""
_REACH_SECONDS = 5.0
_SETTINGS = 4
"""The kind of a frame of HTTP/2."""


class Cluster:
    """An Engine whose machines are the nodes of a Ray cluster, and the encoder that goes with it.

    A context manager, which ends what it has started, and Ray where it started that.
    """

    def __init__(
        self,
        encoder: Encoder,
        cache: Path,
        tell: Callable[[str], None],
        address: str,
        deadline: float,
        progress: Progress,
    ) -> None:
        """For the arguments see ``index.spread.open_cluster``."""
        self._local = encoder
        self._cache = cache
        self._address = address
        self._progress = progress
        self._pool = Pool(self._places, self._start, tell, deadline)
        self._sent: tuple[Any, Any, Any] | None = None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self.encoder = SpreadEncoder(encoder, self._pool)

    def __enter__(self) -> Cluster:
        self._progress("cluster", 0, 0)
        try:
            self._connect()
            parcel = pack(self._local.info, self._cache)
            probes = self._local.encode(probe_texts(), no_progress)
            self._sent = ray.put(versions()), ray.put(parcel), ray.put(probes)
            self._pool.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the workers and leave the cluster."""
        try:
            self._pool.close()
        finally:
            ray.shutdown()
            if self._scratch is not None:
                self._scratch.cleanup()

    def _connect(self) -> None:
        """Enter the cluster, or start one of this machine. Raises ClusterError where that fails."""
        quiet = {"log_to_driver": False, "logging_level": "ERROR"}
        try:
            if self._address:
                _reach(self._address)
                ray.init(address=self._address, **quiet)
            else:
                with _uninterrupted():
                    ray.init(address="local", include_dashboard=False, _temp_dir=self._room(), **quiet)
        except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            line = " ".join(str(error).split())[:300]
            if not self._address:
                raise ClusterError(f"a Ray cluster of this machine can't be started ({line})") from error
            raise ClusterError(
                f"the Ray cluster at {self._address} can't be entered ({line}); this machine has to be one of its "
                f"nodes (ray start --address={self._address}), with the same Ray, Python and token"
            ) from error

    def _room(self) -> str:
        """Return a folder for logs and sockets of a cluster of our own, with which it goes.

        Ray lets everybody write into it, so it lies in one that is ours alone; its path has to be short.
        """
        short = "/tmp" if os.name == "posix" else None  # noqa: S108 - a folder of our own is made in it
        self._scratch = tempfile.TemporaryDirectory(prefix="qa-ray-", dir=short, ignore_cleanup_errors=True)
        return os.path.join(self._scratch.name, "ray")

    @property
    def machines(self) -> int:
        """How many encode."""
        return min(max(self._pool.ready, 1), MOST_MACHINES)

    @contextmanager
    def readers(self, limits: Limits) -> Iterator[SpreadReaders]:
        """Return what reads files on the nodes."""
        yield SpreadReaders(self._pool, limits)

    def _places(self) -> list[Place]:
        """Return where workers can be now: one a node, or one a GPU where torch runs the model."""
        found = []
        for node in ray.nodes():
            resources = node["Resources"]
            cores = int(resources.get("CPU", 0))
            if not node["Alive"] or not cores:
                continue
            gpus = int(resources.get("GPU", 0)) if self._local.info.backend == "torch" else 0
            workers = max(gpus, 1)
            found += [
                Place(
                    node=node["NodeID"],
                    name=node["NodeManagerAddress"],
                    number=number,
                    cores=max(cores // workers, 1),
                    gpus=min(gpus, 1),
                )
                for number in range(workers)
            ]
        return found

    def _start(self, place: Place) -> tuple[Any, Any]:
        """Start a worker, and have it join."""
        assert self._sent is not None
        options = {
            "num_cpus": SHARE,
            "num_gpus": place.gpus,
            "max_concurrency": IN_FLIGHT + 1,  # and one to say that it has to leave
            "max_restarts": 0,
            "scheduling_strategy": NodeAffinitySchedulingStrategy(node_id=place.node, soft=False),
        }
        actor = ray.remote(Worker).options(**options).remote(place.cores)
        return actor, actor.join.remote(*self._sent)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold back Ctrl-C: Ray would leave behind what it had started so far."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: held.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if held:
            signal.raise_signal(signal.SIGINT)


def _reach(address: str) -> None:
    """Raise ClusterError unless there is what may be a cluster: Ray itself would try for minutes, and say much."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if "/" in address or not host or not port.isdigit():
        raise ClusterError(f"--address {address!r} is no address of a Ray cluster; expected HOST:PORT, or auto")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH_SECONDS) as connection:
            speaks = os.environ.get("RAY_USE_TLS") == "1" or _speaks_http2(connection)
    except (OSError, OverflowError) as error:
        raise ClusterError(
            f"no Ray cluster answers at {address} ({error}); start one there: ray start --head, or name another"
        ) from error
    if not speaks:
        raise ClusterError(f"what listens at {address} is no Ray cluster; name the address that ray start --head says")


def _speaks_http2(connection: socket.socket) -> bool:
    """Tell whether the other side begins as every server of gRPC does, with its settings (RFC 9113, 3.4)."""
    connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, _SETTINGS, 0, 0, 0, 0, 0)))
    head = connection.recv(9, socket.MSG_WAITALL)
    return len(head) == 9 and head[3] == _SETTINGS
