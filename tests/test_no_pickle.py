"""Nothing that is loaded can run code: no pickle on any path, and what tries to sneak one in is refused unopened."""

from __future__ import annotations

import ast
import functools
import hashlib
import io
import json
import pickle
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index import load_encoder
from index.encode import Encoder, open_encoder
from index.encode.models import DEFAULT_MODEL, find_model
from index.errors import ModelError, SnapshotDamaged
from index.layout import IndexPaths
from index.lexical import Lexical
from index.manifest import FileRecord, write_manifest
from index.snapshot import current_id, load_manifest, open_current
from tests.test_architecture import MODULES

UNPICKLERS = frozenset("pickle cPickle _pickle dill cloudpickle joblib shelve marshal jsonpickle pandas h5py".split())
RUNNERS = frozenset("eval exec compile __import__ execfile input breakpoint".split())
METHODS = frozenset(
    "os.system os.popen os.execv os.execve os.spawnv yaml.unsafe_load yaml.full_load yaml.load_all pickle.load "
    "torch.load torch.jit.load torch.hub.load numpy.fromfile np.fromfile np.lib.format.read_array "
    "subprocess.getoutput".split()
)


@functools.cache
def nodes() -> tuple[tuple[str, ast.AST], ...]:
    """Return each part of the product's source with its module."""
    parsed = {module: ast.parse(path.read_text("utf-8")) for module, path in MODULES.items()}
    return tuple((module, node) for module, tree in parsed.items() for node in ast.walk(tree))


@functools.cache
def calls() -> tuple[tuple[str, str, ast.Call], ...]:
    """Return module, name and node of each call in the product."""
    return tuple((module, ast.unparse(node.func), node) for module, node in nodes() if isinstance(node, ast.Call))


def keyword(node: ast.Call, name: str) -> Any:
    """Return the constant that a call gives to a keyword, None where it gives none."""
    return next((getattr(k.value, "value", "?") for k in node.keywords if k.arg == name), None)


def test_no_module_imports_what_unpickles() -> None:
    found = []
    for module, node in nodes():
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        found += [(module, name) for name in names if name.partition(".")[0] in UNPICKLERS]
    assert found == []


def test_no_call_runs_what_it_reads() -> None:
    found = [(module, name) for module, name, _ in calls() if name in RUNNERS | METHODS]
    assert found == []


def test_arrays_are_loaded_without_objects() -> None:
    loads = [(m, keyword(node, "allow_pickle")) for m, name, node in calls() if name in ("np.load", "numpy.load")]
    saves = [(m, keyword(node, "allow_pickle")) for m, name, node in calls() if name in ("np.save", "numpy.save")]
    assert {allowed for _, allowed in (*loads, *saves)} == {False}
    assert len(loads) >= 1


def test_yaml_makes_nothing_but_strings() -> None:
    loaders = {ast.unparse(k.value) for _, name, node in calls() if name == "yaml.load" for k in node.keywords}
    assert loaders == {"yaml.BaseLoader"}


def test_models_are_loaded_from_safetensors_alone_and_run_no_code() -> None:
    loads = [node for _, name, node in calls() if name == "SentenceTransformer"]
    assert len(loads) == 2
    for node in loads:
        assert (keyword(node, "trust_remote_code"), keyword(node, "local_files_only")) == (False, True)
        assert ast.unparse(next(k.value for k in node.keywords if k.arg == "model_kwargs")) == "safe"
    source = "".join(path.read_text("utf-8") for path in MODULES.values())
    assert source.count('safe = {"use_safetensors": True}') == 2
    assert "trust_remote_code=True" not in source


def test_no_shell_is_started() -> None:
    assert [(m, name) for m, name, node in calls() if keyword(node, "shell") not in (None, False)] == []


class Trap:
    """Once unpickled, it has written a file."""

    def __init__(self, sprung: Path) -> None:
        self.sprung = sprung

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.sprung,)


@pytest.fixture
def sprung(tmp_path: Path) -> Iterator[Path]:
    """A file that a trap makes; after the test it must not be there."""
    path = tmp_path / "sprung"
    yield path
    assert not path.exists(), "the trap has sprung"


def trapped_array(sprung: Path, like: np.ndarray[Any, Any]) -> bytes:
    """Return an .npy file of as many objects, each of them a trap."""
    stream = io.BytesIO()
    array = np.empty(like.shape, dtype=object)
    array.fill(Trap(sprung))
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def test_the_trap_works(tmp_path: Path) -> None:
    path = tmp_path / "works"
    np.load(io.BytesIO(trapped_array(path, np.zeros(1))), allow_pickle=True)
    assert path.exists()


@pytest.mark.parametrize("name", ["starts", "passages", "frequencies", "weights"])
def test_an_index_with_an_array_of_objects_is_refused(built: Path, name: str, sprung: Path) -> None:
    """Even by whoever can write its hashes anew."""
    paths = IndexPaths(built).snapshot(current_id(IndexPaths(built)))
    file = paths.lexical / f"{name}.npy"
    file.chmod(0o644)
    file.write_bytes(trapped_array(sprung, np.load(file, allow_pickle=False)))
    with pytest.raises(SnapshotDamaged):
        Lexical(file.parent, 3)
    manifest = load_manifest(paths)
    record = FileRecord(bytes=file.stat().st_size, sha256=hashlib.sha256(file.read_bytes()).hexdigest())
    manifest = replace(manifest, files=manifest.files | {f"lexical/{name}.npy": record})
    paths.manifest.chmod(0o644)
    paths.manifest.write_bytes(write_manifest(manifest))
    with pytest.raises(SnapshotDamaged):
        open_current(IndexPaths(built))


def test_a_prepared_model_with_an_array_of_objects_is_refused(
    tmp_path: Path, cache: Path, real_encoder: Encoder, sprung: Path
) -> None:
    entry = next((cache / "encoders").glob(f"{real_encoder.info.fingerprint[:24]}-*"))
    copy = tmp_path / "cache" / "encoders" / entry.name
    shutil.copytree(entry, copy)
    table = copy / "tokens.npy"
    table.write_bytes(trapped_array(sprung, np.zeros((2, 2))))
    record = json.loads((copy / "encoder.json").read_text("utf-8").partition("\n")[2])
    record["files"]["tokens.npy"] = hashlib.sha256(table.read_bytes()).hexdigest()
    text = json.dumps(record, indent=1)
    digest = hashlib.sha256(text.encode()).hexdigest()
    (copy / "encoder.json").write_text(f"{digest}\n{text}", "utf-8")
    with pytest.raises(ModelError, match=r"^the prepared model .* holds no vectors of tokens \(.*\); remove it$"):
        open_encoder(real_encoder.info, tmp_path / "cache")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the default model, weights and all."""
    return Path(shutil.copytree(find_model(DEFAULT_MODEL), tmp_path / "model"))


def refused(model: Path, tmp_path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load_encoder(str(model), tmp_path / "cache")
    assert not (tmp_path / "cache").exists(), "it was prepared"
    return str(caught.value).replace(str(model), "MODEL")


def test_pickled_weights_are_never_loaded(model: Path, tmp_path: Path, sprung: Path) -> None:
    (model / "model.safetensors").unlink()
    for name in ("pytorch_model.bin", "model.pt", "model.ckpt", "weights.pkl"):
        (model / name).write_bytes(pickle.dumps(Trap(sprung)))
    assert refused(model, tmp_path) == (
        "model MODEL: no *.safetensors in MODEL; name a sentence-transformers model with safetensors weights"
    )


def test_a_configuration_nested_without_end_is_refused(model: Path, tmp_path: Path) -> None:
    (model / "config.json").write_text('{"a":' * 100_000 + "1" + "}" * 100_000, "utf-8")
    assert "its configuration in MODEL can't be read (maximum recursion depth" in refused(model, tmp_path)


@pytest.mark.parametrize(
    ("file", "change", "named"),
    [
        ("modules.json", [{"idx": 0, "name": "0", "path": "", "type": "custom.Module"}], "custom.Module"),
        ("modules.json", [{"idx": 0, "name": "0", "path": "", "type": "os.system"}], "os.system"),
        ("config.json", {"auto_map": {"AutoModel": "custom.Model"}}, "auto_map"),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["custom.T", None]}}, "auto_map"),
        ("config.json", {"text_config": {"auto_map": {"AutoConfig": "custom.C"}}}, "auto_map"),
        ("2_Dense/config.json", {"activation_function": "custom.call"}, "custom.call"),
        ("2_Router/router_config.json", {"types": {"query_0": "custom.Module"}}, "custom.Module"),
    ],
)
def test_a_model_with_code_is_refused_before_anything_is_imported(
    file: str, change: Any, named: str, model: Path, tmp_path: Path, sprung: Path
) -> None:
    (model / "custom.py").write_text(f"from pathlib import Path\nPath({str(sprung)!r}).touch()\n", "utf-8")
    path = model / file
    path.parent.mkdir(exist_ok=True)
    given = json.loads(path.read_text("utf-8")) if path.exists() and isinstance(change, dict) else {}
    path.write_text(json.dumps({**given, **change} if isinstance(change, dict) else change), "utf-8")
    assert refused(model, tmp_path) == (
        f"model MODEL wants to run its own code ({named}), which is never done; name a sentence-transformers model "
        "with safetensors weights"
    )
