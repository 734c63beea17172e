"""The supply chain: locks with hashes, a list of what is in use, known advisories, and a wheel that is always the same.

python -m benchmarks.supply lock      locks/*.txt, from pyproject.toml and constraints.txt, by uv
python -m benchmarks.supply audit     advisories against what is locked, by pip-audit
python -m benchmarks.supply sbom      dist/seedqa.cdx.json: what is installed in .venv, by cyclonedx-py
python -m benchmarks.supply wheel     dist/*.whl, built twice in different folders and compared
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ROOT / "locks"
DIST = ROOT / "dist"
RUN, TEST, TORCH, TOOLS = "run.txt", "test.txt", "torch.txt", "tools.txt"
HEAVY = re.compile(r"torch|triton|nvidia-.*|cuda-.*")
"""What comes with torch from the registry, and not with its builds for processors alone: a lock of its own."""
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "index", "qa")
"""All that a wheel is made of."""
NOTHING_AUDITED = (
    "nothing was audited: the advisory service can't be reached, or knows none of the packages; "
    "run make audit where the network allows it"
)


def _tool(name: str) -> str:
    """Return the path of a program that lies beside this Python."""
    return str(Path(sys.executable).with_name(name + (".exe" if os.name == "nt" else "")))


def requirements(text: str) -> dict[str, list[str]]:
    """Return the name and version of each requirement in a lock, ``name==version``, with its hashes."""
    found: dict[str, list[str]] = {}
    last = ""
    for line in text.splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+==[^ ;\\]+)", line):
            last = match.group(1)
            found[last] = []
        elif match := re.match(r"\s+--hash=(sha256:[0-9a-f]{64})", line):
            found[last].append(match.group(1))
    return found


def names(text: str) -> list[str]:
    """Return the names of the packages in a lock."""
    return [requirement.partition("==")[0] for requirement in requirements(text)]


def _compile(source: str, target: Path, without: Iterable[str], *options: str, given: str = "") -> str:
    """Let uv resolve ``source`` for all systems, and return the lock that it has written to ``target``."""
    command = [
        _tool("uv"), "pip", "compile", *filter(None, [source]), "--output-file", str(target), "--universal",
        "--python-version", "3.11", "--generate-hashes", "--no-annotate", "--no-emit-index-url",
        "--no-emit-find-links", "--quiet",
        "--custom-compile-command", "make lock", "--constraint", "constraints.txt", *options,
        *(word for name in without for word in ("--no-emit-package", name)),
    ]  # fmt: skip
    subprocess.run(command, cwd=ROOT, input=given, text=True, check=True, stdout=subprocess.DEVNULL)
    return target.read_text("utf-8")


def lock() -> int:
    """Write the locks; versions that are locked already stay, unless constraints.txt says otherwise."""
    LOCKS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        everything = names(_compile("-", Path(scratch) / TORCH, (), given="torch"))
    heavy = [name for name in everything if HEAVY.fullmatch(name)]
    _compile("-", LOCKS / TORCH, [name for name in everything if name not in heavy], given="torch")
    _compile("pyproject.toml", LOCKS / RUN, heavy, "--extra", "ocr")
    _compile("pyproject.toml", LOCKS / TEST, heavy, "--all-extras")
    _compile("", LOCKS / TOOLS, (), "--group", "pyproject.toml:tools")
    for path in sorted(LOCKS.glob("*.txt")):
        print(f"{path.relative_to(ROOT)}: {len(names(path.read_text('utf-8')))} packages")
    return 0


def verdict(report: dict[str, Any]) -> tuple[int, list[str]]:
    """Return exit code and lines for a report of pip-audit: 0 clean, 1 advisories, 2 where not all was audited."""
    packages = report["dependencies"]
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    lines = [
        f"{package['name']} {package['version']}: {found['id']}, "
        f"mended in {', '.join(found['fix_versions']) or 'no version'}"
        for package in packages
        for found in package.get("vulns", ())
    ]
    code = 1 if lines else 0
    if len(skipped) == len(packages):
        return 2, [NOTHING_AUDITED]
    if skipped:
        code, lines = max(code, 2), [*lines, f"not audited: {', '.join(skipped)}"]
    return code, lines or [f"no known advisory on {len(packages)} packages"]


def audit() -> int:
    """Ask for advisories on every locked package."""
    listed = [word for name in (TEST, TORCH, TOOLS) for word in ("--requirement", str(LOCKS / name))]
    command = [
        _tool("pip-audit"),
        *listed,
        "--require-hashes",
        "--disable-pip",
        "--format",
        "json",
        "--progress-spinner",
        "off",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
    try:
        code, lines = verdict(json.loads(done.stdout))
    except ValueError:
        why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        code, lines = 2, [f"{NOTHING_AUDITED} ({why[:200]})"]
    print(*lines, sep="\n")
    return code


def sbom() -> int:
    """Write what is installed in .venv, in CycloneDX's format, the same for the same packages."""
    DIST.mkdir(exist_ok=True)
    target = DIST / "seedqa.cdx.json"
    home = "Scripts/python.exe" if os.name == "nt" else "bin/python"
    command = [
        _tool("cyclonedx-py"), "environment", str(ROOT / ".venv" / home), "--pyproject", str(ROOT / "pyproject.toml"),
        "--output-reproducible", "--output-format", "JSON", "--output-file", str(target),
    ]  # fmt: skip
    subprocess.run(command, cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
    parts = json.loads(target.read_text("utf-8"))["components"]
    print(f"{target.relative_to(ROOT)}: {len(parts)} components")
    return 0


def build_wheel(folder: Path, epoch: int) -> Path:
    """Build the wheel of a copy of the sources in ``folder`` with setuptools of this Python, offline, and return it.

    Only the sources are copied, so that nothing left over from another build gets into it; ``epoch``, in seconds,
    is the time that stands in it.
    """
    source = folder / "source"
    source.mkdir(parents=True)
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy(ROOT / name, source / name)
    for path in source.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "PYTHONHASHSEED": "0", "LC_ALL": "C", "TZ": "UTC"}
    command = [
        sys.executable, "-m", "pip", "wheel", str(source), "--no-deps", "--no-build-isolation", "--no-index",
        "--quiet", "--wheel-dir", str(folder / "dist"),
    ]  # fmt: skip
    mask = -1 if os.name == "nt" else 0o022  # the modes of files that are made on the way stand in a wheel
    subprocess.run(command, env=environment, check=True, capture_output=True, umask=mask)
    (built,) = (folder / "dist").glob("*.whl")
    return built


def epoch_of_sources() -> int:
    """Return the time of the last commit, in seconds, or that of the first ZIP file where there is no history."""
    done = subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False
    )  # fmt: skip
    return int(done.stdout) if done.returncode == 0 and done.stdout.strip() else 315_532_800


def wheel() -> int:
    """Build the wheel twice, and keep it if both are the same to the byte."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        built = [build_wheel(Path(folder) / "w", epoch_of_sources()) for folder in (one, other)]
        sums = [hashlib.sha256(path.read_bytes()).hexdigest() for path in built]
        if sums[0] != sums[1]:
            print(f"two builds differ: {sums[0]} and {sums[1]}")
            return 1
        DIST.mkdir(exist_ok=True)
        shutil.copy(built[0], DIST / built[0].name)
    print(f"dist/{built[0].name}\nsha256 {sums[0]}, the same in two builds")
    return 0


COMMANDS = {"lock": lock, "audit": audit, "sbom": sbom, "wheel": wheel}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=sorted(COMMANDS))
    return COMMANDS[parser.parse_args(arguments).command]()


if __name__ == "__main__":
    sys.exit(main())
