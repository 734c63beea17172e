"""Settings: where they come from, which win, and what is said of those that make no sense."""

from __future__ import annotations

from pathlib import Path

import pytest
from platformdirs import user_cache_path, user_data_path

from index.encode import DEFAULT_MODEL
from index.errors import SettingsError
from qa import config
from qa.config import Settings, read_settings

NAMES = (
    "seeds, index, cache, model, backend, k, threshold, search, read_seconds, read_memory, read_pages, ocr, workspace, "
    "milvus_token, milvus_ca, milvus_index"
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a configuration folder in place of the user's own."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setattr(config, "user_config_path", lambda *_, **__: folder)
    return folder


@pytest.fixture
def here(tmp_path: Path, home: Path) -> Path:
    """Return an empty current folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


def put(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(("[tool.seedqa]", *lines)), "utf-8")
    return path


def test_defaults(here: Path) -> None:
    assert read_settings({}, here) == Settings(
        seeds=None,
        index=user_data_path("seedqa", appauthor=False) / "index",
        cache=user_cache_path("seedqa", appauthor=False),
        model=DEFAULT_MODEL,
        backend="openvino",
        k=5,
        threshold=Settings().threshold,
    )


def test_everything_from_a_file(here: Path) -> None:
    put(
        here / "seedqa.toml",
        'seeds = "docs"',
        'index = "../index"',
        'cache = "/var/cache/seedqa"',
        'model = "some/model"',
        'backend = "torch"',
        "k = 3",
        "threshold = 0.25",
    )
    assert read_settings({}, here) == Settings(
        seeds=here / "docs",
        index=here / "../index",
        cache=Path("/var/cache/seedqa"),
        model="some/model",
        backend="torch",
        k=3,
        threshold=0.25,
    )


def test_everything_from_the_environment(here: Path) -> None:
    environment = {
        "SEEDQA_SEEDS": "docs",
        "SEEDQA_INDEX": "/index",
        "SEEDQA_CACHE": "cache",
        "SEEDQA_MODEL": "some/model",
        "SEEDQA_BACKEND": "torch",
        "SEEDQA_K": "3",
        "SEEDQA_THRESHOLD": "0.25",
        "SEEDQA_OTHER": "ignored",
        "K": "9",
    }
    assert read_settings(environment, here) == Settings(
        seeds=Path("docs"),
        index=Path("/index"),
        cache=Path("cache"),
        model="some/model",
        backend="torch",
        k=3,
        threshold=0.25,
    )


def test_the_first_file_counts_alone(here: Path, home: Path) -> None:
    put(home / "seedqa.toml", "k = 4", 'model = "home"')
    assert read_settings({}, here) == Settings(k=4, model="home")
    put(here / "pyproject.toml", "k = 3")
    assert read_settings({}, here) == Settings(k=3)
    put(here / "seedqa.toml", "k = 2")
    assert read_settings({}, here) == Settings(k=2)
    named = put(here / "sub/other.toml", "threshold = 0.1")
    assert read_settings({"SEEDQA_CONFIG": str(named)}, here) == Settings(threshold=0.1)
    assert read_settings({"SEEDQA_CONFIG": str(named), "SEEDQA_K": "1"}, here) == Settings(threshold=0.1, k=1)
    assert read_settings({"SEEDQA_CONFIG": ""}, here) == Settings(k=2)


def test_a_file_without_our_table_is_passed_over(here: Path, home: Path) -> None:
    put(home / "seedqa.toml", "k = 4")
    (here / "pyproject.toml").write_text('[project]\nname = "other"\n[tool.other]\nk = 1\n', "utf-8")
    assert read_settings({}, here) == Settings(k=4)


@pytest.mark.parametrize("text", ["tool = 1", '[tool]\nseedqa = "x"'])
def test_a_file_with_something_else_in_its_place(here: Path, text: str) -> None:
    (here / "pyproject.toml").write_text(text, "utf-8")
    assert read_settings({}, here) == Settings()


def test_paths_in_a_file_are_relative_to_it(here: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    named = put(here / "sub/deep/other.toml", 'seeds = "docs"', 'index = "~/index"')
    found = read_settings({"SEEDQA_CONFIG": str(named), "SEEDQA_CACHE": "~/cache"}, here)
    assert found == Settings(seeds=here / "sub/deep/docs", index=home / "index", cache=home / "cache")


def test_a_relative_path_to_the_file(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(here)
    put(here / "sub/other.toml", 'seeds = "docs"')
    assert read_settings({"SEEDQA_CONFIG": "sub/other.toml"}, here) == Settings(seeds=here / "sub/docs")


def message(environment: dict[str, str], here: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        read_settings(environment, here)
    return str(caught.value)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ('name = "x"', "{} sets 'name', which is no setting; expected " + NAMES),
        ("z = 1\na = 2", "{} sets 'a', which is no setting; expected " + NAMES),
        ("K = 3", "{} sets 'K', which is no setting; expected " + NAMES),
        ('k = "many"', "k in {} is 'many', expected int"),
        ("k = 2.5", "k in {} is 2.5, expected int"),
        ("k = true", "k in {} is True, expected int"),
        ("k = [1]", "k in {} is [1], expected int"),
        ("k = 0", "k in {} is 0, expected 1 or more"),
        ("k = -1", "k in {} is -1, expected 1 or more"),
        ('threshold = "high"', "threshold in {} is 'high', expected float"),
        ("threshold = true", "threshold in {} is True, expected float"),
        ("threshold = 1.5", "threshold in {} is 1.5, expected a number from 0 to 1"),
        ("threshold = nan", "threshold in {} is nan, expected a number from 0 to 1"),
        ("seeds = 3", "seeds in {} is 3, expected str"),
        ('index = ["a"]', "index in {} is ['a'], expected str"),
        ("model = false", "model in {} is False, expected str"),
        (
            'milvus_index = "HNWS"',
            "milvus_index in {} is 'HNWS', expected FLAT, HNSW, HNSW_SQ, IVF_SQ8, IVF_RABITQ or DISKANN",
        ),
        ('backend = "gpu"', "backend in {} is 'gpu', expected openvino or torch"),
    ],
)
def test_a_setting_in_a_file_that_makes_no_sense(here: Path, line: str, text: str) -> None:
    path = put(here / "seedqa.toml", line)
    assert message({}, here) == text.format(path)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("SEEDQA_K", "many", "k in $SEEDQA_K is 'many', expected int"),
        ("SEEDQA_K", "0", "k in $SEEDQA_K is 0, expected 1 or more"),
        ("SEEDQA_THRESHOLD", "x", "threshold in $SEEDQA_THRESHOLD is 'x', expected float"),
        ("SEEDQA_THRESHOLD", "-0.1", "threshold in $SEEDQA_THRESHOLD is -0.1, expected a number from 0 to 1"),
    ],
)
def test_a_variable_that_makes_no_sense(here: Path, name: str, value: str, text: str) -> None:
    assert message({name: value}, here) == text


def test_a_good_variable_does_not_hide_a_bad_file(here: Path) -> None:
    path = put(here / "seedqa.toml", "other = 1")
    assert message({"SEEDQA_K": "2"}, here) == f"{path} sets 'other', which is no setting; expected {NAMES}"


@pytest.mark.parametrize("name", ["seedqa.toml"])
def test_a_file_that_is_no_toml(here: Path, name: str) -> None:
    path = here / name
    path.write_text("k = = 1", "utf-8")
    assert message({}, here) == (
        f"settings file {path} is not valid TOML (Invalid value (at line 1, column 5)); mend or move it"
    )


def test_a_file_that_is_no_utf8(here: Path) -> None:
    path = here / "seedqa.toml"
    path.write_bytes(b'[tool.seedqa]\nmodel = "\xff"')
    assert message({}, here) == (
        f"settings file {path} is not valid TOML ('utf-8' codec can't decode byte 0xff in position 23: "
        "invalid start byte); mend or move it"
    )


def test_the_named_file_is_missing(here: Path) -> None:
    path = here / "none.toml"
    assert message({"SEEDQA_CONFIG": str(path)}, here) == (
        f"settings file {path} can't be read (No such file or directory); check SEEDQA_CONFIG"
    )


def test_the_named_file_has_no_table_of_ours(here: Path) -> None:
    path = here / "other.toml"
    path.write_text("k = 3\n", "utf-8")
    assert message({"SEEDQA_CONFIG": str(path)}, here).startswith(f"settings file {path} ")


def test_somebody_elses_broken_project_file_is_left_alone(here: Path) -> None:
    (here / "pyproject.toml").write_text("k = = 1", "utf-8")
    assert read_settings({}, here) == Settings()


def test_an_empty_variable_is_none(here: Path) -> None:
    assert read_settings({"SEEDQA_K": "", "SEEDQA_INDEX": ""}, here) == Settings()


def test_an_index_on_a_server_stays_an_address(here: Path) -> None:
    put(here / "seedqa.toml", 'index = "milvus://db.example/legal"\nworkspace = "work"\nmilvus_ca = "ca.pem"')
    assert read_settings({"SEEDQA_MILVUS_TOKEN": "secret"}, here) == Settings(
        index="milvus://db.example/legal", workspace=here / "work", milvus_ca=here / "ca.pem", milvus_token="secret"
    )
    assert "secret" not in repr(read_settings({"SEEDQA_MILVUS_TOKEN": "secret"}, here))
