"""A build on a Ray cluster: its nodes read files and encode texts, and this process alone writes the snapshot.

Ray is an optional part, loaded when a cluster is asked for.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache as once
from pathlib import Path
from typing import TYPE_CHECKING

from index.encode.protocol import Encoder
from index.errors import ClusterError
from index.records import Progress, no_progress

if TYPE_CHECKING:
    from index.spread.cluster import Cluster

DEADLINE = 86_400.0
"""Seconds for which a build waits for its cluster, unless another time is named: Ray itself waits for ever."""

MISSING = "building on a Ray cluster needs Ray, which is not installed; run: pip install 'seedqa[ray]'"


@contextmanager
def open_cluster(
    encoder: Encoder,
    cache: Path,
    tell: Callable[[str], None],
    address: str = "",
    deadline: float = DEADLINE,
    progress: Progress = no_progress,
) -> Iterator[Cluster]:
    """Yield a cluster that reads and encodes as ``encoder`` of ``cache`` does here.

    ``address`` is ``host:port`` of a cluster of which this machine is a node, or ``auto`` for the one that runs here;
    without one, a cluster of this machine alone, reached over its loopback only, lives as long as it is needed.
    ``tell`` is called with a line for whoever builds where a node can't take part, or is lost. ``deadline`` is in
    seconds from now, and looked at whenever the cluster is waited for.

    Raises ClusterError where Ray is not installed or is in use by this process already, and where no node can take
    part.
    """
    settings = {"RAY_USAGE_STATS_ENABLED": "0"}
    if not address:  # a token that nobody else has, and nothing listens beyond 127.0.0.1
        settings |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": _token(), "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    with _environment(settings):  # read when Ray is imported, and by what it starts
        try:
            from index.spread.cluster import Cluster  # noqa: PLC0415 - Ray loads only when asked for
        except ModuleNotFoundError as error:
            if error.name != "ray":
                raise
            raise ClusterError(MISSING) from error
        with Cluster(encoder, cache, tell, address, deadline, progress) as cluster:
            yield cluster


@once
def _token() -> str:
    """Return a token for clusters of this process alone: Ray reads it once."""
    return secrets.token_hex(32)


@contextmanager
def _environment(settings: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment, and put back what they were."""
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
