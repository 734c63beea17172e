"""A build on a Ray cluster of two nodes in a process of its own: SEEDS INDEX CACHE ADDRESS.

It begins once both nodes work, and halts where a test may kill one: a quarter into reading, and into encoding, it
prints so and waits for a line. Before it encodes it waits for the node that was started in place of the one killed.
Little is sent at a time, so that a small corpus is many tasks.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import index.spread.encoder
import index.spread.pool
import index.spread.readers
from index import build, load_encoder
from index.encode import DEFAULT_MODEL
from index.errors import SeedQAError
from index.spread import open_cluster
from index.spread.cluster import Cluster

DEADLINE = 120.0
"""Seconds after which the test fails instead of waiting on."""


def say(*words: object) -> None:
    """Print a line at once; it is one write, for a test reads along."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


class Halting:
    """Progress that halts."""

    def __init__(self, cluster: Cluster) -> None:
        self._pool = cluster._pool
        self._seen: set[index.spread.pool.Place] = set()
        self._halts = ["load", "encode"]
        self.until_seen(2)

    def until_seen(self, count: int) -> None:
        """Wait until so many places have had a worker that was ready."""
        while len(self._seen) < count:
            self._pool._wait({})
            self._seen |= {worker.place for worker in self._pool._workers if worker.joining is None}
            time.sleep(0.05)

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Print the stage where it halts."""
        if stage in self._halts and done > total // 4:
            self._halts.remove(stage)
            say("waiting", stage)
            sys.stdin.readline()
        if stage == "load" and done == total:
            self.until_seen(3)


def main() -> None:
    """Build, and print the snapshot's id and what was told."""
    seeds, index_folder, cache = map(Path, sys.argv[1:4])
    index.spread.pool._RECRUIT = 0.5
    index.spread.readers.GROUP_FILES = 2
    index.spread.encoder.BATCH = 64
    encoder = load_encoder(DEFAULT_MODEL, cache)
    try:
        with open_cluster(encoder, cache, lambda line: say("told", line), sys.argv[4], DEADLINE) as cluster:
            report = build(seeds, index_folder, cluster.encoder, Halting(cluster), engine=cluster)
    except SeedQAError as error:
        say("failed", error)
    else:
        say("snapshot", report.snapshot)


if __name__ == "__main__":
    main()
