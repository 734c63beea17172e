"""The supply chain: what is pinned is locked with hashes, nothing has a known advisory, a wheel is always the same."""

from __future__ import annotations

import configparser
import hashlib
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from benchmarks.supply import (
    HEAVY,
    LOCKS,
    NOTHING_AUDITED,
    RUN,
    TEST,
    TOOLS,
    TORCH,
    build_wheel,
    names,
    requirements,
    verdict,
)
from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
CONSTRAINTS = dict(
    line.split("==") for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if "==" in line
)
PINNED: dict[str, str] = {canonicalize_name(name): version for name, version in CONSTRAINTS.items()}
LEAST = {
    "fastapi": "0.109.1",
    "gradio": "6.20.0",
    "h11": "0.16.0",
    "jinja2": "3.1.6",
    "lxml": "6.1.0",
    "mcp": "1.30.0",
    "pillow": "12.3.0",
    "python-multipart": "0.0.27",
    "pyyaml": "5.4",
    "sentence-transformers": "6.0.0",
    "starlette": "1.3.1",
    "torch": "2.11.0",
    "transformers": "5.3.0",
}
"""The versions in which known advisories are mended; docs/security.md says which."""


def lock(name: str) -> dict[str, str]:
    """Return name to version of each package in a lock."""
    found = (requirement.split("==") for requirement in requirements((LOCKS / name).read_text("utf-8")))
    return {canonicalize_name(package): version for package, version in found}


@pytest.mark.parametrize("name", [RUN, TEST, TORCH, TOOLS])
def test_a_lock_has_the_hash_of_every_file_and_names_no_host(name: str) -> None:
    text = (LOCKS / name).read_text("utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*-(?!-hash)", text, re.MULTILINE), "an option, such as one that names an index"
    assert len(names(text)) == len(set(names(text)))
    assert [requirement for requirement, hashes in requirements(text).items() if not hashes] == []


def test_the_locks_hold_what_is_pinned() -> None:
    locked = lock(TEST) | lock(TORCH)
    assert {name: locked[name] for name in PINNED.keys() & locked.keys()} == {
        n: PINNED[n] for n in PINNED.keys() & locked.keys()
    }
    assert set(PINNED) - set(locked) == set()
    tools = lock(TOOLS)
    assert {name: tools[name] for name in PINNED.keys() & tools.keys()} == {
        n: PINNED[n] for n in PINNED.keys() & tools.keys()
    }


def test_what_runs_is_part_of_what_is_tested() -> None:
    tested = lock(TEST)
    assert {name: tested.get(name) for name in lock(RUN)} == lock(RUN)
    assert not any(HEAVY.fullmatch(name) for name in tested)
    assert all(HEAVY.fullmatch(name) for name in lock(TORCH))


def test_the_locks_hold_all_that_the_project_asks_for() -> None:
    locked = lock(RUN) | lock(TORCH)
    asked = [Requirement(text) for text in PROJECT["project"]["dependencies"]]
    assert [str(one) for one in asked if not one.specifier.contains(locked[canonicalize_name(one.name)])] == []
    extras = [Requirement(text) for group in PROJECT["project"]["optional-dependencies"].values() for text in group]
    tested = lock(TEST)
    assert [str(one) for one in extras if not one.specifier.contains(tested[canonicalize_name(one.name)])] == []


@pytest.mark.parametrize("package", sorted(LEAST))
def test_nothing_older_than_a_mended_advisory_is_pinned_or_allowed(package: str) -> None:
    assert Version(PINNED[package]) >= Version(LEAST[package])
    asked = [Requirement(text) for text in PROJECT["project"]["dependencies"]]
    for one in (one for one in asked if canonicalize_name(one.name) == package):
        lowest = min(Version(part.version) for part in one.specifier if part.operator in (">=", "==", "~="))
        assert lowest >= Version(LEAST[package])


def test_the_documentation_names_every_least_version() -> None:
    told = (ROOT / "docs" / "security.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| ([a-z0-9-]+) \| ([0-9.]+) \| [0-9.]+ \|", told, re.MULTILINE))
    assert rows == LEAST
    pins = dict(re.findall(r"^\| ([a-z0-9-]+) \| [0-9.]+ \| ([0-9.]+) \|", told, re.MULTILINE))
    assert pins == {package: PINNED[package] for package in LEAST}


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ([{"name": "a", "version": "1", "vulns": []}], (0, ["no known advisory on 1 packages"])),
        (
            [{"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": ["1.1", "2"]}]}],
            (1, ["a 1: X-1, mended in 1.1, 2"]),
        ),
        (
            [{"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": []}]}],
            (1, ["a 1: X-1, mended in no version"]),
        ),
        (
            [{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "not found"}],
            (2, ["not audited: b"]),
        ),
        ([{"name": "b", "skip_reason": "not found"}], (2, [NOTHING_AUDITED])),
        ([], (2, [NOTHING_AUDITED])),
    ],
)
def test_an_audit_that_did_not_take_place_is_no_clean_one(
    report: list[object], expected: tuple[int, list[str]]
) -> None:
    assert verdict({"dependencies": report}) == expected


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The same wheel, built in two folders, in two time zones, by users with other masks."""
    built = []
    before = os.umask(0o022)
    try:
        for mask, zone in ((0o022, "UTC"), (0o077, "Asia/Tokyo")):
            os.umask(mask)
            with pytest.MonkeyPatch.context() as patched:
                patched.setenv("TZ", zone)
                built.append(build_wheel(tmp_path_factory.mktemp("wheel") / zone.replace("/", ""), 1_700_000_000))
    finally:
        os.umask(before)
    return built


def test_the_wheel_is_the_same_wherever_it_is_built(wheels: list[Path]) -> None:
    assert wheels[0].name == wheels[1].name == f"seedqa-{PROJECT['project']['version']}-py3-none-any.whl"
    assert wheels[0].read_bytes() == wheels[1].read_bytes()


def test_the_wheel_holds_the_product_and_nothing_else(wheels: list[Path], tmp_path: Path) -> None:
    target = tmp_path / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile", "--target"]
    subprocess.run([*command, str(target), str(wheels[0])], check=True, capture_output=True)
    installed = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    kinds = ("*.py", "*.typed", "*.css", "*.js", "calibration.txt")
    sources = {
        path.relative_to(ROOT).as_posix()
        for folder in ("index", "qa")
        for kind in kinds
        for path in (ROOT / folder).rglob(kind)
    }
    meta = f"seedqa-{PROJECT['project']['version']}.dist-info"
    assert {name for name in installed if not name.startswith((meta, "bin/"))} == sources
    expected = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "top_level.txt", "licenses/LICENSE"}
    assert {f"{meta}/{name}" for name in expected} <= installed
    commands = configparser.ConfigParser()
    commands.read(target / meta / "entry_points.txt")
    assert dict(commands["console_scripts"]) == {"qa": "qa.start:main"}
    environment = {**os.environ, "PYTHONPATH": str(target)}
    code = "import sys, qa; from qa.cli import main; print(qa.__file__); sys.argv = ['qa', '--help']; main()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[0] == str(target / "qa" / "__init__.py")
    assert "Usage: " in done.stdout


def test_pip_takes_what_a_lock_says_and_nothing_else(wheels: list[Path], tmp_path: Path) -> None:
    """The lock is in the form that pip checks: a file with another hash is refused."""
    digest = f"sha256:{hashlib.sha256(wheels[0].read_bytes()).hexdigest()}"
    version = PROJECT["project"]["version"]
    for hashed, code in ((digest, 0), ("sha256:" + "0" * 64, 1)):
        (tmp_path / "lock.txt").write_text(f"seedqa=={version} \\\n    --hash={hashed}\n", "utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--find-links", str(wheels[0].parent),
             "--require-hashes", "--requirement", str(tmp_path / "lock.txt"),
             "--target", str(tmp_path / f"site{code}")],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code
        assert ("DO NOT MATCH THE HASHES" in done.stderr) == bool(code)


def test_the_wheel_says_only_what_it_is(wheels: list[Path]) -> None:
    with zipfile.ZipFile(wheels[0]) as archive:
        assert len({info.date_time for info in archive.infolist()}) == 1
        assert {info.external_attr >> 16 & 0o777 for info in archive.infolist()} <= {0o644, 0o664}
        assert not any(str(ROOT) in archive.read(info).decode("utf-8", "replace") for info in archive.infolist())
