"""Prepared encoders, kept in a cache folder: made once, checked at every opening."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import portalocker

from index.encode.models import BACKENDS, file_sha256, find_model, model_digest, model_files
from index.encode.protocol import Encoder, EncoderInfo
from index.encode.quiet import OFFLINE
from index.errors import ModelError, ModelMismatch
from index.records import Progress, no_progress

RECIPE = "3"
"""Changes whenever the same model would be prepared differently."""

CALIBRATION = Path(__file__).with_name("calibration.txt")


def load_encoder(model: str, cache: Path, backend: str = "openvino", progress: Progress = no_progress) -> Encoder:
    """Return the encoder of a model, preparing it where the cache has none (about 20 seconds, once).

    Raises ModelError where the model can't be used, or the cache can't be written.
    """
    if backend not in BACKENDS:
        raise ModelError(f"unknown encoder backend {backend!r}; expected {' or '.join(BACKENDS)}")
    folder = find_model(model)
    fingerprint = _fingerprint(model_digest(folder), backend)
    return _open_or_prepare(model, folder, fingerprint, cache, backend, progress)


def open_encoder(info: EncoderInfo, cache: Path, progress: Progress = no_progress) -> Encoder:
    """Return the encoder that an index was built with, ready for questions whatever becomes of the cache meanwhile.

    Raises ModelMismatch where the model of that name is no longer the same.
    """
    encoder = _open_known(info, cache, progress)
    encoder.encode_question("ready")
    return encoder


def _open_known(info: EncoderInfo, cache: Path, progress: Progress) -> Encoder:
    entry = _entry(cache, info.fingerprint, info.backend)
    if info.backend == "openvino" and _intact(entry):  # holds all it needs; torch reads the model's own folder
        return _open(entry, info.model, entry)
    folder = find_model(info.model)
    found = _fingerprint(model_digest(folder), info.backend)
    if found != info.fingerprint:
        raise ModelMismatch(
            f"the index was built with model {info.model} ({info.fingerprint[:12]}…), but that name now means another "
            f"({found[:12]}…); rebuild the index: qa build"
        )
    return _open_or_prepare(info.model, folder, info.fingerprint, cache, info.backend, progress)


def fingerprint_of(model: str, backend: str) -> str:
    """Return the fingerprint of a model under a backend. Raises ModelError where the model can't be used."""
    return _fingerprint(model_digest(find_model(model)), backend)


def _fingerprint(digest: str, backend: str) -> str:
    parts = [RECIPE, digest, backend, file_sha256(CALIBRATION) if backend == "openvino" else ""]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _entry(cache: Path, fingerprint: str, backend: str) -> Path:
    """Return the folder of a prepared encoder; new library versions prepare anew."""
    library = "openvino" if backend == "openvino" else "sentence-transformers"
    return cache / "encoders" / f"{fingerprint[:24]}-{library}-{version(library)}"


def _intact(entry: Path) -> bool:
    """Tell whether a prepared encoder is complete and unaltered."""
    try:
        return all(file_sha256(entry / name) == digest for name, digest in _record(entry)["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False  # whatever is wrong with it, it is made anew


def _record(entry: Path) -> dict[str, Any]:
    """Return what is written of a prepared encoder. Raises ValueError where any of it was altered."""
    digest, _, text = (entry / "encoder.json").read_text("utf-8").partition("\n")
    if hashlib.sha256(text.encode()).hexdigest() != digest:
        raise ValueError("checksum does not fit")
    record: dict[str, Any] = json.loads(text)
    return record


def prepared_files(info: EncoderInfo, cache: Path) -> dict[str, Path]:
    """Return all files that open an encoder elsewhere (``open_prepared``), each by its path there.

    Raises ModelError where they are no longer what they were.
    """
    entry = _entry(cache, info.fingerprint, info.backend)
    if not _intact(entry):
        raise ModelError(f"the prepared model {entry} is damaged or gone; try again, it is made anew")
    files = {f"entry/{name}": entry / name for name in ("encoder.json", *_record(entry)["files"])}
    if info.backend == "torch":
        folder = find_model(info.model)
        files |= {f"model/{path.relative_to(folder).as_posix()}": path for path in model_files(folder)}
    return files


def open_prepared(info: EncoderInfo, folder: Path) -> Encoder:
    """Return the encoder whose files (``prepared_files``) lie in ``folder``. Raises ModelError where they do not."""
    entry, model = folder / "entry", folder / "model"
    fits = _intact(entry) and _record(entry)["info"]["fingerprint"] == info.fingerprint
    if fits and info.backend == "torch":
        fits = _fingerprint(model_digest(model), info.backend) == info.fingerprint
    if not fits:
        raise ModelError(f"the files of model {info.model} did not arrive as they were sent; try again")
    return _open(entry, info.model, model)


def _open_or_prepare(
    model: str, folder: Path, fingerprint: str, cache: Path, backend: str, progress: Progress
) -> Encoder:
    entry = _entry(cache, fingerprint, backend)
    if not _intact(entry):
        try:
            entry.parent.mkdir(parents=True, exist_ok=True)
            with portalocker.Lock(entry.parent / "prepare.lock", timeout=600):
                if not _intact(entry):
                    _prepare(model, folder, fingerprint, entry, backend, progress)
        except OSError as error:
            raise ModelError(
                f"the encoder can't be kept in {entry.parent} ({error.strerror}); "
                "free some space or name another folder with --cache"
            ) from error
        except portalocker.LockException as error:
            raise ModelError(f"another process has been preparing {model} in {entry.parent} for ten minutes") from error
    return _open(entry, model, folder)


def _prepare(model: str, folder: Path, fingerprint: str, entry: Path, backend: str, progress: Progress) -> None:
    """Convert in a process of its own, which takes torch's gigabyte of memory with it when it ends."""
    progress("prepare", 0, 0)
    for left in entry.parent.glob("tmp-*"):  # of a process that died here; the lock keeps others out
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=entry.parent, prefix="tmp-") as scratch:
        source = str(Path(__file__).resolve().parents[2])
        environment = {**os.environ, **OFFLINE, "PYTHONPATH": source}
        command = [sys.executable, "-P", "-m", "index.encode.convert", str(folder.resolve()), scratch, backend]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode:
            why = (done.stderr.strip().splitlines() or ["no reason given"])[-1][:300]
            raise ModelError(f"model {model} could not be prepared for the {backend} backend ({why})")
        made = Path(scratch)
        measured: dict[str, Any] = json.loads((made / "measured.json").read_text("utf-8"))
        (made / "measured.json").unlink()
        runtime = measured.pop("runtime")
        named = {"model": model, "fingerprint": fingerprint, "backend": backend}
        info = msgspec.convert({**measured, **named}, EncoderInfo)
        files = {path.name: file_sha256(path) for path in sorted(made.iterdir())}
        record = {"info": asdict(info), "runtime": runtime, "files": files}
        text = json.dumps(record, indent=1)
        checksum = hashlib.sha256(text.encode()).hexdigest()
        (made / "encoder.json").write_text(f"{checksum}\n{text}", "utf-8", newline="\n")
        shutil.rmtree(entry, ignore_errors=True)
        made.chmod(0o755)
        made.rename(entry)
        made.mkdir()  # for the context manager to remove
    progress("prepare", 1, 1)


@lru_cache(maxsize=2)
def _open(entry: Path, model: str, folder: Path) -> Encoder:
    """Open a prepared encoder under the name that the user gave; a process holds each one once."""
    record = _record(entry)
    info = msgspec.convert({**record["info"], "model": model}, EncoderInfo)
    if info.backend == "torch":
        from index.encode.torch_backend import TorchEncoder  # noqa: PLC0415 - torch loads only when asked for

        return TorchEncoder(entry, info, folder)
    from index.encode.openvino_backend import OpenVinoEncoder  # noqa: PLC0415 - as above

    return OpenVinoEncoder(entry, info, pad=int(record["runtime"]["pad"]))
