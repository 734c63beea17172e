"""Builds on a Ray cluster: the same snapshot as a local build, whatever is lost on the way."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.encode.protocol import Encoder
from index.errors import ClusterError, ModelError
from index.load.limits import Limits
from index.load.readers import Outcome, Readers
from index.records import no_progress
from index.spread import MISSING, open_cluster
from index.spread.parcel import pack, unpack
from index.spread.worker import Worker, misfit, probe_texts, same_vectors, versions
from tests.conftest import ROOT

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install 'seedqa[ray]'"
)
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


# What a node does, without Ray


def test_a_worker_reads_as_this_machine_does(tmp_path: Path, seeds: Path) -> None:
    import msgspec

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
    with pytest.raises(ClusterError) as caught:
        open_cluster(real_encoder, cache, print)
    assert str(caught.value) == MISSING
    assert MISSING == "building on a Ray cluster needs Ray, which is not installed; run: pip install 'seedqa[ray]'"


# The command line


def qa(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, as Ray reads the environment when it is imported."""
    return subprocess.run(
        [sys.executable, "-m", "qa.cli", *map(str, arguments)],
        cwd=ROOT, env={**ENVIRONMENT, **environment}, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip


def test_an_address_needs_the_engine(seeds: Path) -> None:
    done = qa("build", seeds, "--address", "head:6379")
    assert (done.returncode, done.stderr) == (
        2, "qa: --address names a Ray cluster: it needs --engine ray; see qa --help\n",
    )  # fmt: skip


@needs_ray
@pytest.mark.parametrize(
    ("address", "message"),
    [
        (
            "127.0.0.1:9",
            "no Ray cluster answers at 127.0.0.1:9 ([Errno 111] Connection refused); start one there: "
            "ray start --head, or name another",
        ),
        (
            "ray://head:10001",
            "--address 'ray://head:10001' is no address of a Ray cluster; expected HOST:PORT, or auto",
        ),
        ("head", "--address 'head' is no address of a Ray cluster; expected HOST:PORT, or auto"),
    ],
)
def test_a_wrong_address_is_told_in_a_line(tmp_path: Path, seeds: Path, address: str, message: str) -> None:
    done = qa("build", seeds, "--index", tmp_path / "index", "--engine", "ray", "--address", address)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"qa: {message}\n")
    assert not (tmp_path / "index").exists()
