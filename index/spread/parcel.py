"""A prepared encoder on its way to another machine: its files as bytes."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import msgspec

from index.encode.cache import open_prepared, prepared_files
from index.encode.protocol import Encoder, EncoderInfo
from index.records import no_progress

Parcel = dict[str, bytes]
"""The file ``info``, which is the encoder's as JSON, and the others by their paths."""


def pack(info: EncoderInfo, cache: Path) -> Parcel:
    """Return the files of the encoder ``info`` that ``cache`` holds. Raises ModelError where it is not intact."""
    files = {name: path.read_bytes() for name, path in prepared_files(info, cache).items()}
    return {"info": msgspec.json.encode(info), **files}


def unpack(parcel: Parcel) -> Encoder:
    """Return the encoder, ready; its files are checked, read, and gone again.

    Raises ModelError where they are not those of its fingerprint.
    """
    info = msgspec.json.decode(parcel["info"], type=EncoderInfo)
    folder = Path(tempfile.mkdtemp(prefix="seedqa-"))
    try:
        for name, data in parcel.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        encoder = open_prepared(info, folder)
        encoder.encode(["ready"], no_progress)  # has read all that it needs
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return encoder
