"""A build on a Ray cluster: its nodes read files and encode texts, and this process alone writes the snapshot.

Ray is an optional part, loaded when a cluster is asked for.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from index.encode.protocol import Encoder
from index.errors import ClusterError
from index.records import Progress, no_progress

if TYPE_CHECKING:
    from index.spread.cluster import Cluster

DEADLINE = 86_400.0
"""Seconds after which a build on a cluster gives up, unless another time is named: Ray itself waits for ever."""

MISSING = "building on a Ray cluster needs Ray, which is not installed; run: pip install 'seedqa[ray]'"


def open_cluster(
    encoder: Encoder,
    cache: Path,
    tell: Callable[[str], None],
    address: str = "",
    deadline: float = DEADLINE,
    progress: Progress = no_progress,
) -> AbstractContextManager[Cluster]:
    """Return a cluster that reads and encodes as ``encoder`` of ``cache`` does here, once it is entered.

    ``address`` is ``host:port`` of a cluster of which this machine is a node, or ``auto`` for the one that runs here;
    without one, a cluster of this machine alone, reached over its loopback only, lives as long as it is needed.
    ``tell`` is called with a line for whoever builds where a node can't take part, or is lost.

    Entering it raises ClusterError where Ray is not installed, or no node can take part.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if not address:  # read when Ray is imported: a token that nobody else has, and nothing listens beyond 127.0.0.1
        os.environ |= {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        }
    try:
        from index.spread.cluster import Cluster  # noqa: PLC0415 - Ray loads only when asked for
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise ClusterError(MISSING) from error
    return Cluster(encoder, cache, tell, address, deadline, progress)
