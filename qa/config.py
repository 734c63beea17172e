"""Settings, read in this one place: defaults, then a file, then the environment; flags go above all three.

The file is the first that exists of ``$SEEDQA_CONFIG``, ``seedqa.toml`` and ``pyproject.toml`` in the current
folder, and ``seedqa.toml`` in the user's configuration folder; its table ``[tool.seedqa]`` counts. Relative
paths in it are relative to the file. Variables are named like ``SEEDQA_INDEX``.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from math import isfinite
from pathlib import Path
from typing import Any

import msgspec
from platformdirs import user_cache_path, user_config_path, user_data_path

from index.address import KINDS, is_address
from index.encode import BACKENDS, DEFAULT_MODEL
from index.errors import SettingsError
from index.load.limits import Limits
from index.manifest import AUTO, SEARCHES

PREFIX = "SEEDQA_"
MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set."""

    seeds: Path | None = None
    """Folder of documents; without one, a rebuild reads the folder that the index was built from."""
    index: Path | str = field(default_factory=lambda: user_data_path("seedqa", appauthor=False) / "index", repr=False)
    """Folder of the index, or the address of one on a Milvus server: milvus://host:port/name, maybe with a password."""
    cache: Path = field(default_factory=lambda: user_cache_path("seedqa", appauthor=False))
    """Folder of prepared encoders."""
    model: str = DEFAULT_MODEL
    """A sentence-transformers model: a name or a folder."""
    backend: str = "openvino"
    """Encoder backend: openvino or torch."""
    k: int = 5
    """Passages in an answer."""
    threshold: float | None = None
    """Confidence below which an answer is "not found"; without one, that of the index's calibration."""
    search: str = AUTO
    """How a build decides that the nearest vectors are found: by their number (auto), exact or compressed."""
    read_seconds: float = Limits().seconds
    """How long one document may take to be read."""
    read_memory: int = Limits().memory // MIB
    """MiB of memory that reading one document may take."""
    read_pages: int = Limits().pages
    """Pages of one document that are read."""
    ocr: str = Limits().ocr
    """Languages of text recognition, where it is installed, as Tesseract names them: eng+deu; empty for none."""

    workspace: Path = field(default_factory=lambda: user_data_path("seedqa", appauthor=False) / "workspaces")
    """For each index on a server, a folder in here for what stays on this computer."""
    milvus_token: str = field(default="", repr=False)
    """For a Milvus server, in the place of user and password in the address."""
    milvus_ca: Path | None = None
    """Certificate of the authority that signed the server's, where the system does not know it."""
    milvus_index: str = "FLAT"
    """Kind of index that a build makes over vectors on a server; FLAT searches one and all."""

    @property
    def limits(self) -> Limits:
        """What one document may cost a build."""
        return Limits(seconds=self.read_seconds, memory=self.read_memory * MIB, pages=self.read_pages, ocr=self.ocr)


_PATHS = ("seeds", "index", "cache", "workspace", "milvus_ca")
_KINDS = {"k": int, "threshold": float, "read_seconds": float, "read_memory": int, "read_pages": int}
_LEAST = {"k": 1, "read_seconds": 1, "read_memory": 256, "read_pages": 1}
_NAMES = tuple(f.name for f in fields(Settings))


def read_settings(environment: Mapping[str, str] | None = None, folder: Path | None = None) -> Settings:
    """Return the settings from file and environment.

    Raises SettingsError for an unknown name or a value of the wrong type, naming where it stands.
    """
    variables = os.environ if environment is None else environment
    here = Path.cwd() if folder is None else folder
    path = _find_file(variables, here)
    if path and _table(path) is None:
        raise SettingsError(f"settings file {path} has no table [tool.seedqa]; put the settings under that heading")
    values = _from_file(path) if path else {}
    for name in _NAMES:
        if value := variables.get(PREFIX + name.upper()):
            values[name] = (value, f"${PREFIX}{name.upper()}")
    checked = {name: _convert(name, value, where) for name, (value, where) in values.items()}
    return Settings(**checked)


def _find_file(variables: Mapping[str, str], here: Path) -> Path | None:
    if named := variables.get(PREFIX + "CONFIG"):
        return Path(named).expanduser()
    candidates = (
        here / "seedqa.toml",
        here / "pyproject.toml",
        user_config_path("seedqa", appauthor=False) / "seedqa.toml",
    )
    return next((path for path in candidates if os.access(path, os.R_OK) and _is_ours(path)), None)


def _is_ours(path: Path) -> bool:
    """Tell whether a file is meant for us: somebody else's project file may be as broken as it likes."""
    try:
        return _table(path) is not None
    except SettingsError:
        if path.name == "pyproject.toml":
            return False
        raise


def _table(path: Path) -> dict[str, Any] | None:
    """Return the table of a settings file, or nothing where it has none."""
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"settings file {path} can't be read ({error.strerror}); check SEEDQA_CONFIG") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"settings file {path} is not valid TOML ({error}); mend or move it") from error
    table = found.get("tool", {}).get("seedqa") if isinstance(found.get("tool", {}), dict) else None
    return table if isinstance(table, dict) else None


def _from_file(path: Path) -> dict[str, tuple[Any, str]]:
    table = _table(path) or {}
    unknown = sorted(table.keys() - set(_NAMES))
    if unknown:
        raise SettingsError(f"{path} sets {unknown[0]!r}, which is no setting; expected {', '.join(_NAMES)}")
    values = {name: (value, str(path)) for name, value in table.items()}
    for name in _PATHS:
        if name in values and isinstance(values[name][0], str) and not is_address(values[name][0]):
            values[name] = (str(path.resolve().parent / Path(values[name][0]).expanduser()), str(path))
    return values


def _convert(name: str, value: Any, where: str) -> Any:
    kind = _KINDS.get(name, str)
    try:
        found: Any = msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{name} in {where} is {value!r}, expected {kind.__name__}") from error
    if name in _LEAST and not (found >= _LEAST[name] and isfinite(found)):
        raise SettingsError(f"{name} in {where} is {found}, expected {_LEAST[name]} or more")
    if name == "threshold" and not 0 <= found <= 1:
        raise SettingsError(f"threshold in {where} is {found}, expected a number from 0 to 1")
    if name == "backend" and found not in BACKENDS:
        raise SettingsError(f"backend in {where} is {found!r}, expected {' or '.join(BACKENDS)}")
    if name == "search" and found not in SEARCHES:
        raise SettingsError(f"search in {where} is {found!r}, expected {', '.join(SEARCHES[:-1])} or {SEARCHES[-1]}")
    if name == "milvus_index" and found not in KINDS:
        raise SettingsError(f"milvus_index in {where} is {found!r}, expected {', '.join(KINDS[:-1])} or {KINDS[-1]}")
    try:
        return Path(found).expanduser() if name in _PATHS and not (name == "index" and is_address(found)) else found
    except RuntimeError as error:
        raise SettingsError(f"{name} in {where} is {value!r}, whose home folder is not known") from error
