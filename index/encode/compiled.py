"""Compiled graphs, kept beside the graph they were made of: loading one takes a fifth of the time of compiling.

ENTRY/compiled/
  *.blob       as OpenVINO writes and names them, one for each kind of processor and place of the graph
  sums.json    their sha256
  lock         held while one is read or written

OpenVINO trusts what it reads, so a file that is not the one whose sum was kept is removed first and made anew.
All of this can be lost or can't be written without harm: the graph is compiled then.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openvino
import portalocker

from index.encode.models import file_sha256

WAIT_SECONDS = 5.0
"""How long another process is waited for, before the graph is compiled without it."""


def compile_kept(core: openvino.Core, graph: Path, settings: dict[str, Any]) -> openvino.CompiledModel:
    """Return the compiled graph, taken from what is kept where that is intact. Raises RuntimeError for a bad graph."""
    folder = graph.parent / "compiled"
    try:
        folder.mkdir(exist_ok=True)
        with portalocker.Lock(folder / "lock", mode="a", timeout=WAIT_SECONDS, check_interval=0.02):
            _remove_unknown(folder)
            compiled = core.compile_model(graph, "CPU", {**settings, "CACHE_DIR": str(folder)})
            if not compiled.get_property("LOADED_FROM_CACHE"):
                _keep_sums(folder)
        return compiled
    except (OSError, portalocker.LockException):  # read-only, full, or busy
        return compile_new(core, graph, settings)


def compile_new(core: openvino.Core, graph: Path, settings: dict[str, Any]) -> openvino.CompiledModel:
    """Return the graph, compiled. Raises RuntimeError for a bad graph."""
    return core.compile_model(graph, "CPU", settings)


def _remove_unknown(folder: Path) -> None:
    try:
        sums = json.loads((folder / "sums.json").read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        sums = {}
    for blob in folder.glob("*.blob"):
        if not isinstance(sums, dict) or sums.get(blob.name) != file_sha256(blob):
            blob.unlink()


def _keep_sums(folder: Path) -> None:
    sums = {blob.name: file_sha256(blob) for blob in sorted(folder.glob("*.blob"))}
    (folder / "sums.json").write_text(json.dumps(sums, indent=1), "utf-8")
