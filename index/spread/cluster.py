"""A Ray cluster for the time of one build."""

from __future__ import annotations

import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
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
from index.spread.pool import IN_FLIGHT, Place, Pool, in_a_line
from index.spread.readers import SpreadReaders
from index.spread.worker import Worker, probe_texts, versions

SHARE = 0.5
"""Processors that a worker claims of its node: one that claimed all could wait for ever beside another job."""
MOST_MACHINES = 64
"""Machines for which more texts are held at once; each takes some megabytes here."""
HEAD_PATIENCE = 20.0
"""Seconds without an answer of the head before the build gives up; after 60, Ray ends this process without a word."""
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
        self._opened = ExitStack()
        self._head = ""
        self._answered = 0.0
        """When the head last did, by the monotonic clock."""
        self.encoder = SpreadEncoder(encoder, self._pool)

    def __enter__(self) -> Cluster:
        self._progress("cluster", 0, 0)
        try:
            self._connect()
            self._opened.callback(self._pool.close)
            parcel = pack(self._local.info, self._cache)
            probes = self._local.encode(probe_texts(), no_progress)
            with in_a_line():
                self._head = ray.get_runtime_context().gcs_address
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
        self._opened.close()

    def _connect(self) -> None:
        """Enter the cluster, or start one of this machine. Raises ClusterError where that fails."""
        if ray.is_initialized():
            raise ClusterError("this process is part of a Ray cluster already; leave that first: ray.shutdown()")
        quiet = {"log_to_driver": False, "logging_level": "ERROR"}
        self._opened.callback(_on_sigterm, signal.getsignal(signal.SIGTERM))
        try:
            if self._address:
                _reach(self._address)
                self._opened.callback(ray.shutdown)
                ray.init(address=self._address, **quiet)
            else:
                room = self._room()
                self._opened.callback(ray.shutdown)
                with _uninterrupted():
                    ray.init(address="local", include_dashboard=False, _temp_dir=room, **quiet)
        except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            line = " ".join(str(error).split())[:300]
            if not self._address:
                raise ClusterError(f"a Ray cluster of this machine can't be started ({line})") from error
            raise ClusterError(
                f"the Ray cluster at {self._address} can't be entered ({line}); this machine has to be one of its "
                f"nodes (ray start --address={self._address}), with the same Ray, Python and token"
            ) from error
        _on_sigterm(_leave)  # Ray's own prints a trace of the process and ends it at once

    def _room(self) -> str:
        """Return a folder for logs and sockets of a cluster of our own, with which it goes.

        Ray lets everybody write into it, so it lies in one that is ours alone; its path has to be short.
        """
        short = "/tmp" if os.name == "posix" else None  # noqa: S108 - a folder of our own is made in it
        scratch = tempfile.TemporaryDirectory(prefix="qa-ray-", dir=short, ignore_cleanup_errors=True)
        return os.path.join(self._opened.enter_context(scratch), "ray")

    @property
    def machines(self) -> int:
        """How many encode."""
        return min(max(self._pool.ready, 1), MOST_MACHINES)

    @contextmanager
    def readers(self, limits: Limits) -> Iterator[SpreadReaders]:
        """Return what reads files on the nodes."""
        yield SpreadReaders(self._pool, limits)

    def _places(self) -> list[Place]:
        """Return where workers can be now: one a node, or one a GPU where torch runs the model.

        There are none while the head does not answer. Raises ClusterError where it has not done so for long.
        """
        if not self._head_answers():
            return []  # it would be waited for
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

    def _head_answers(self) -> bool:
        """Tell whether the head can be reached. Raises ClusterError where it could not be for HEAD_PATIENCE."""
        host, _, port = self._head.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH_SECONDS).close()
        except OSError as error:
            if time.monotonic() - self._answered < HEAD_PATIENCE:
                return False
            raise ClusterError(
                f"the head of the Ray cluster, {self._head}, answers no more ({error}); what was read and encoded is "
                "kept: start the cluster again, then the build"
            ) from error
        self._answered = time.monotonic()
        return True

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


def _on_sigterm(handler: Any) -> None:
    """Have SIGTERM handled so, in the main thread, where alone that can be said; None stands for what C has set."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.SIG_DFL if handler is None else handler)


def _leave(number: int, _: Any) -> None:
    """End the process as by ``number``, but orderly."""
    sys.exit(128 + number)


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
