"""Fuzz some targets or all: ``python -m benchmarks.fuzz --minutes 10 --target link --target library.docx``.

Each target runs in a process of its own. What was found lies in tests/findings/ afterwards, where the tests try it
again from then on: mend it, and say in the README.md there what it was. Inputs that reach new code are kept in
benchmarks/out/fuzz/, so that the next run goes on from there. Exits with 1 where anything was found.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from benchmarks.fuzz.targets import targets
from tests.hostile import FINDINGS

CORPUS = Path("benchmarks/out/fuzz")
MOST_RESTARTS = 5
"""Of one target whose process was ended by what it was given."""


def fuzz(name: str, seconds: int) -> None:
    """Fuzz one target for so long, also over inputs that end the process."""
    ends = time.monotonic() + seconds
    for _ in range(MOST_RESTARTS + 1):
        left = int(ends - time.monotonic())
        if left <= 0:
            return
        stopped = CORPUS / "stopped" / name
        folders = [str(CORPUS / "corpus" / name), str(FINDINGS), str(stopped)]
        command = [sys.executable, "-m", "benchmarks.fuzz.run", name, str(left), *folders]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        shown = (name, "stat::number_of_executed_units", "stat::average_exec", "==", "ERROR", "  ")
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith(shown)]
        print("\n".join(lines[-40:]), flush=True)
        for path in [path for path in stopped.glob("*") if not path.name.startswith("slow-unit")]:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
            path.replace(FINDINGS / f"{digest}-{name}")
            print(f"{name}: {path.name.partition('-')[0]}, kept as {digest}-{name}", flush=True)
        if done.returncode == 0:
            return
    print(f"{name}: ended {MOST_RESTARTS + 1} times by what it was given: mend that first")


def main() -> int:
    """Fuzz, and say what was found."""
    parser = argparse.ArgumentParser(description="Fuzz what reads documents, links, manifests and data sets.")
    parser.add_argument("--minutes", type=float, default=1.0, help="for each target (default: 1)")
    parser.add_argument("--target", action="append", choices=sorted(targets()), help="default: all")
    parser.add_argument("--list", action="store_true", help="name the targets and stop")
    options = parser.parse_args()
    names = options.target or sorted(targets())
    if options.list:
        print("\n".join(names))
        return 0
    how = "atheris" if find_spec("atheris") is not None else "changed examples alone: atheris is not installed"
    print(f"{len(names)} targets, {options.minutes:g} minutes each, by {how}", flush=True)
    before = set(FINDINGS.iterdir())
    for name in names:
        fuzz(name, int(60 * options.minutes))
    found = sorted(path for path in set(FINDINGS.iterdir()) - before)
    print(f"{len(found)} findings", *found, sep="\n  ")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
