"""A build on a Ray cluster in a process of its own, which prints how far it is: SEEDS INDEX CACHE ADDRESS [DEADLINE].

Little is sent at a time, so that a small corpus keeps several nodes busy for a while.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import index.spread.encoder
import index.spread.readers
from index import build, load_encoder
from index.encode import DEFAULT_MODEL
from index.errors import SeedQAError
from index.spread import DEADLINE, open_cluster


def say(*words: object) -> None:
    """Print a line at once; it is one write, for a test reads along."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def main() -> None:
    """Build, and print the snapshot's id and what was told."""
    seeds, index_folder, cache = map(Path, sys.argv[1:4])
    deadline = float(sys.argv[5]) if len(sys.argv) > 5 else DEADLINE
    index.spread.readers.GROUP_FILES = 2
    index.spread.encoder.BATCH = 64
    encoder = load_encoder(DEFAULT_MODEL, cache)
    try:
        with open_cluster(encoder, cache, lambda line: say("told", line), sys.argv[4], deadline) as cluster:
            report = build(seeds, index_folder, cluster.encoder, say, engine=cluster)
    except SeedQAError as error:
        say("failed", error)
    else:
        say("snapshot", report.snapshot)


if __name__ == "__main__":
    main()
