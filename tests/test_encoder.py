"""The default encoder and its cache, with the real model."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from index.encode import DEFAULT_MODEL, Encoder, load_encoder, open_encoder
from index.encode.models import check_folder, file_sha256, find_model, model_digest
from index.errors import ModelError, ModelMismatch
from index.records import no_progress
from tests.conftest import ROOT

TEXTS = [
    "The harbour froze in the winter of 1871.",
    "Rye bread keeps for a week.",
    "Who painted the ceiling of the chapel?",
    "A long sentence, " + "with one clause after another, " * 12 + "ends here.",
    "短い文。",
]


def test_what_is_known_of_it(real_encoder: Encoder) -> None:
    info = real_encoder.info
    assert (info.model, info.backend, info.precision) == (DEFAULT_MODEL, "openvino", "int8")
    assert (info.dimension, info.sentence_tokens, info.query_prompt, info.document_prompt) == (384, 254, "", "")
    assert info.fidelity >= 0.99


def test_it_agrees_with_plain_sentence_transformers(real_encoder: Encoder) -> None:
    """In a process of its own, so that torch stays out of this one."""
    code = (
        "import json, sys; from sentence_transformers import SentenceTransformer\n"
        "texts = json.load(sys.stdin); model = SentenceTransformer(sys.argv[1], device='cpu')\n"
        "print(json.dumps(model.encode(texts, normalize_embeddings=True, show_progress_bar=False).tolist()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(find_model(DEFAULT_MODEL))],
        input=json.dumps(TEXTS), capture_output=True, text=True, check=True,
    )  # fmt: skip
    original = np.array(json.loads(done.stdout.splitlines()[-1]))
    ours = real_encoder.encode(TEXTS, no_progress)
    assert ours.shape == (5, 384)
    assert ours.dtype == np.float32
    assert np.allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)
    assert (ours * original).sum(axis=1).min() > 0.97


def test_a_vector_depends_on_its_text_alone(real_encoder: Encoder) -> None:
    together = real_encoder.encode(TEXTS * 30, no_progress)
    alone = np.concatenate([real_encoder.encode([text], no_progress) for text in TEXTS])
    assert np.array_equal(together, np.concatenate([alone] * 30))


def test_questions_and_passages_share_a_space(real_encoder: Encoder) -> None:
    vectors = real_encoder.encode(TEXTS, no_progress)
    cosines = [float(real_encoder.encode_question(text) @ vector) for text, vector in zip(TEXTS, vectors, strict=True)]
    assert min(cosines) > 0.99
    assert real_encoder.encode([], no_progress).shape == (0, 384)


def test_token_spans_cover_the_text(real_encoder: Encoder) -> None:
    assert real_encoder.token_spans(["Rye bread!"]) == [[(0, 3), (4, 9), (9, 10)]]
    assert len(real_encoder.token_spans(["word " * 1000])[0]) == 1000


def test_a_damaged_cache_is_made_anew(tmp_path: Path, cache: Path, real_encoder: Encoder) -> None:
    (entry,) = (cache / "encoders").glob(f"{real_encoder.info.fingerprint[:24]}-*")
    copy = tmp_path / "encoders" / entry.name
    shutil.copytree(entry, copy)
    with (copy / "model.bin").open("r+b") as file:
        file.seek(1000)
        file.write(b"\xff")
    stages: list[str] = []
    again = open_encoder(real_encoder.info, tmp_path, lambda stage, done, total: stages.append(stage))
    assert stages == ["prepare", "prepare"]
    assert again.info == real_encoder.info
    assert file_sha256(copy / "model.bin") == file_sha256(entry / "model.bin")


def test_an_index_of_another_model_is_refused(tmp_path: Path, real_encoder: Encoder) -> None:
    other = replace(real_encoder.info, fingerprint="0" * 64)
    with pytest.raises(ModelMismatch) as caught:
        open_encoder(other, tmp_path)
    assert str(caught.value) == (
        f"the index was built with model {DEFAULT_MODEL} (000000000000…), but that name now means another "
        f"({real_encoder.info.fingerprint[:12]}…); rebuild the index: qa build"
    )


@pytest.mark.parametrize("name", ["nothing-like-it", "./no/such/folder", "~/no/such/folder"])
def test_a_model_that_is_nowhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError) as caught:
        load_encoder(name, tmp_path)
    assert str(caught.value) == (
        f"model {name!r} is neither a folder nor a model's name; the default is {DEFAULT_MODEL}"
    )


def test_an_unknown_backend(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        load_encoder(DEFAULT_MODEL, tmp_path, "abacus")
    assert str(caught.value) == "unknown encoder backend 'abacus'; expected openvino or torch"


@pytest.fixture
def model_copy(tmp_path: Path) -> Path:
    """A folder with the configuration of the default model and stand-in weights."""
    folder = tmp_path / "model"
    shutil.copytree(find_model(DEFAULT_MODEL), folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def test_folders_that_could_run_code_are_refused(model_copy: Path) -> None:
    remedy = "name a sentence-transformers model with safetensors weights"
    check_folder(model_copy, "m")
    modules = json.loads((model_copy / "modules.json").read_text("utf-8"))
    modules[0]["type"] = "evil.Module"
    (model_copy / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ModelError) as caught:
        check_folder(model_copy, "m")
    assert str(caught.value) == f"model m wants to run its own code (evil.Module), which is never done; {remedy}"


def test_automatic_code_is_refused(model_copy: Path) -> None:
    config = json.loads((model_copy / "config.json").read_text("utf-8")) | {"auto_map": {"AutoModel": "x.Y"}}
    (model_copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"^model m wants to run its own code \(auto_map\), which is never done; "):
        check_folder(model_copy, "m")


def test_pickled_weights_are_refused(model_copy: Path) -> None:
    (model_copy / "model.safetensors").rename(model_copy / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"^model m: no \*\.safetensors in "):
        check_folder(model_copy, "m")


def test_other_weights_are_another_model(model_copy: Path) -> None:
    before = model_digest(model_copy)
    (model_copy / "model.safetensors").write_bytes(b"weightz")
    assert model_digest(model_copy) != before


def test_broken_weights_are_one_line(model_copy: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"^model .* could not be prepared for the openvino backend \(.*\)$") as caught:
        load_encoder(str(model_copy), tmp_path / "cache")
    assert "\n" not in str(caught.value)
    assert [p.name for p in (tmp_path / "cache" / "encoders").iterdir()] == ["prepare.lock"]


def test_a_folder_works_as_the_name_does(tmp_path: Path, real_encoder: Encoder) -> None:
    """The torch backend too: the same model, unquantised, within the promised distance."""
    folder = find_model(DEFAULT_MODEL)
    code = (
        "import sys; from pathlib import Path; from index import load_encoder; from index.records import no_progress\n"
        "import json; e = load_encoder(sys.argv[1], Path(sys.argv[2]), 'torch'); t = json.load(sys.stdin)\n"
        "print(json.dumps([e.info.precision, e.info.backend, e.encode(t, no_progress).tolist(),"
        " e.encode_question(t[0]).tolist()]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), str(tmp_path)],
        cwd=ROOT, input=json.dumps(TEXTS), capture_output=True, text=True, check=True,
    )  # fmt: skip
    precision, backend, vectors, question = json.loads(done.stdout.splitlines()[-1])
    assert (precision, backend) == ("fp32", "torch")
    assert (np.array(vectors) * real_encoder.encode(TEXTS, no_progress)).sum(axis=1).min() > 0.97
    assert np.allclose(question, vectors[0], atol=1e-5)


def test_answering_opens_no_socket_and_loads_no_torch(shipped_index: Path, cache: Path) -> None:
    code = f"""
import socket, sys
def refuse(*arguments, **named):
    raise AssertionError("a socket was opened")
socket.socket = refuse
socket.create_connection = refuse
import qa
with qa.open_index({str(shipped_index)!r}, cache={str(cache)!r}) as opened:
    assert opened.search("What is SeedQA?").found
heavy = {{"torch", "transformers", "sentence_transformers", "nncf", "openvino_telemetry"}}
print(sorted(name for name in heavy if sys.modules.get(name)))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_pickled_weights_beside_nothing_safe_are_refused(model_copy: Path) -> None:
    (model_copy / "2_Dense").mkdir()
    (model_copy / "2_Dense" / "pytorch_model.bin").write_bytes(b"weights")
    with pytest.raises(ModelError, match=r"^model m: .*pytorch_model\.bin has no safetensors beside it "):
        check_folder(model_copy, "m")


def test_the_name_is_the_one_that_was_given(cache: Path, real_encoder: Encoder) -> None:
    other = load_encoder(f"sentence-transformers/{DEFAULT_MODEL}", cache)
    assert other.info == replace(real_encoder.info, model=f"sentence-transformers/{DEFAULT_MODEL}")


def test_a_compiled_graph_is_kept_and_made_anew_where_it_was_altered(
    tmp_path: Path, cache: Path, real_encoder: Encoder
) -> None:
    (entry,) = (cache / "encoders").glob(f"{real_encoder.info.fingerprint[:24]}-*")
    copy = tmp_path / "encoders" / entry.name
    shutil.copytree(entry, copy, ignore=shutil.ignore_patterns("compiled"))
    code = (
        "import sys; from pathlib import Path; from index.encode import open_encoder\n"
        "import msgspec; from index.encode.protocol import EncoderInfo\n"
        "info = msgspec.json.decode(sys.argv[1], type=EncoderInfo)\n"
        "print(open_encoder(info, Path(sys.argv[2])).encode_question('Who keeps bees?').tobytes().hex())"
    )

    def first_question() -> str:
        info = msgspec.json.encode(real_encoder.info).decode()
        command = [sys.executable, "-c", code, info, str(tmp_path)]
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()

    def kept() -> dict[str, str]:
        return {path.name: file_sha256(path) for path in (copy / "compiled").glob("*.blob")}

    expected = real_encoder.encode_question("Who keeps bees?").tobytes().hex()
    assert first_question() == expected
    made = kept()
    assert json.loads((copy / "compiled" / "sums.json").read_text("utf-8")) == made
    assert len(made) == 1
    (blob,) = (copy / "compiled").glob("*.blob")
    written = blob.stat().st_mtime_ns
    assert first_question() == expected
    assert blob.stat().st_mtime_ns == written  # read, not made again
    blob.chmod(0o644)
    with blob.open("r+b") as file:
        file.seek(blob.stat().st_size // 2)
        file.write(b"\xff\xff\xff\xff")
    assert first_question() == expected
    assert kept() == json.loads((copy / "compiled" / "sums.json").read_text("utf-8"))
    (copy / "compiled" / "unknown.blob").write_bytes(b"from elsewhere")
    assert first_question() == expected
    assert "unknown.blob" not in kept()


def test_without_room_for_compiled_graphs_they_are_compiled(tmp_path: Path, cache: Path, real_encoder: Encoder) -> None:
    (entry,) = (cache / "encoders").glob(f"{real_encoder.info.fingerprint[:24]}-*")
    copy = tmp_path / "encoders" / entry.name
    shutil.copytree(entry, copy, ignore=shutil.ignore_patterns("compiled"))
    (copy / "compiled").write_text("in the way", "utf-8")
    again = open_encoder(real_encoder.info, tmp_path)
    assert np.array_equal(again.encode_question(TEXTS[0]), real_encoder.encode_question(TEXTS[0]))
