"""What runs on a node of the cluster: it reads files and encodes texts with all the node's cores, and keeps nothing.

Ray makes one of each node (index.spread.cluster). What it is sent are plain values, so that one that runs other code
can still say so.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from index.encode.cache import CALIBRATION
from index.encode.protocol import Encoder, EncoderInfo, FloatArray
from index.errors import SeedQAError
from index.load.limits import Limits
from index.load.readers import Readers
from index.prepare import recipe
from index.records import no_progress
from index.spread.parcel import Parcel, unpack

_LIBRARIES = ("openvino", "tokenizers", "sentence-transformers", "torch", "ray")
"""What decides vectors and messages, beside what decides texts (index.prepare)."""
_PROBES = 24
_NEAR = 1e-3
"""How far a number of a vector may be off where floating point decides it: about a step of half precision."""


class Worker:
    """The work of one node. Its methods may run at the same time."""

    def __init__(self, cores: int) -> None:
        """Read and encode with ``cores`` cores."""
        os.environ["OMP_NUM_THREADS"] = str(cores)  # torch reads it when it is loaded; Ray has said 1
        self._cores = cores
        self._lock = threading.Lock()
        self._readers: Readers | None = None
        self._encoder: Encoder | None = None

    def join(self, here: Mapping[str, str], parcel: Parcel, probes: FloatArray) -> str:
        """Open the encoder of the parcel; return why this node would not give the same snapshot, or nothing.

        ``here`` are the versions of whoever builds (``versions``), ``probes`` the vectors of ``probe_texts`` there.
        """
        if found := misfit(here, versions()):
            return found
        try:
            encoder = unpack(parcel)
            same = same_vectors(probes, encoder.encode(probe_texts(), no_progress), encoder.info)
        except SeedQAError as error:
            return str(error)
        self._encoder = encoder
        return "" if same else (
            "its processor gives other vectors for the same texts; build on nodes with processors of one kind, "
            "this machine's"
        )  # fmt: skip

    def read(self, limits: Mapping[str, Any], files: Sequence[tuple[str, bytes]]) -> list[bytes]:
        """Return what became of each file, given by its path within the seeds and its bytes: Outcomes as MessagePack.

        They lie in a temporary folder while they are read.
        """
        with tempfile.TemporaryDirectory(prefix="seedqa-") as folder:
            seeds = Path(folder)
            for path, data in files:
                target = seeds / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
            readers = self._readers_under(msgspec.convert(limits, Limits))
            names = (path for path, _ in files)
            return [msgspec.msgpack.encode(outcome) for outcome in readers.read_all(seeds, names)]

    def _readers_under(self, limits: Limits) -> Readers:
        with self._lock:
            self._readers = self._readers or Readers(limits, self._cores)
            return self._readers

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Return one row for each text, as the encoder does; ``join`` comes first."""
        assert self._encoder is not None
        return self._encoder.encode(texts, no_progress)

    def leave(self) -> None:
        """End the reading processes."""
        with self._lock:
            if self._readers is not None:
                self._readers.close()


def versions() -> dict[str, str]:
    """Return what decides the texts and vectors that are made on this machine, each by its name and version."""
    own = f"{_version('seedqa')} (code {_code()})"
    return {**recipe(Limits()).libraries, **{name: _version(name) for name in _LIBRARIES}, "seedqa": own}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _code() -> str:
    """Return a digest of our own code, which may differ while its version does not."""
    root = Path(__file__).parents[1]
    total = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        total.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes())
    return total.hexdigest()[:16]


def misfit(here: Mapping[str, str], there: Mapping[str, str]) -> str:
    """Return what another machine would have to install to give the same texts and vectors, or nothing."""
    for name in sorted(here.keys() | there.keys()):
        ours, others = here.get(name, "none"), there.get(name, "none")
        if ours != others:
            return f"it has {name} {others}, and this machine {ours}; install the same on both"
    return ""


def probe_texts() -> list[str]:
    """Return texts, short and long, whose vectors tell whether two machines compute the same."""
    lines = CALIBRATION.read_text("utf-8").splitlines()[:_PROBES]
    return [*lines, " ".join(lines)]


def same_vectors(ours: FloatArray, others: FloatArray, info: EncoderInfo) -> bool:
    """Tell whether two machines give the same vectors: to the bit, but for torch, which no two kinds of GPU do."""
    if info.backend == "torch":
        return ours.shape == others.shape and bool(np.allclose(ours, others, rtol=0, atol=_NEAR))
    return bool(np.array_equal(ours, others))
