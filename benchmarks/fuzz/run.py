"""One target, fuzzed until its time is over: ``python -m benchmarks.fuzz.run TARGET SECONDS CORPUS FINDINGS STOPPED``.

With atheris the code under test is instrumented, and whatever reaches new branches is kept in CORPUS and changed
further; without it, the examples alone are changed, over and over. A finding is written to FINDINGS under the name of
what it broke, once for each place, and the search goes on. What can't be caught, such as a hang or the end of the
process, ends this program; atheris then writes the input to STOPPED.
"""

from __future__ import annotations

import hashlib
import io
import random
import sys
import time
import traceback
import warnings
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HANG_SECONDS = 20
MEMORY_MIB = 3072
SLOW_SECONDS = 5.0
"""Of processor time: more than a document of this size may take."""
_INSTRUMENTED = ("index", "qa", "markdown_it", "email", "zipfile", "csv", "xlrd", "docx", "pptx", "yaml")


class Search:
    """Examines inputs and keeps those that break something."""

    def __init__(self, name: str, examine: Callable[[bytes], object], findings: Path) -> None:
        self._name = name
        self._examine = examine
        self._findings = findings
        self._places: set[str] = set()
        self.inputs = 0

    def take(self, data: bytes) -> None:
        """Examine an input; whatever it raises, and slowness, is written down and survived."""
        self.inputs += 1
        began = time.process_time()
        try:
            self._examine(data)
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
            self._keep(data, place, str(error))
        took = time.process_time() - began
        if took > SLOW_SECONDS:
            self._keep(data, "slow", f"{took:.0f} s")

    def _keep(self, data: bytes, place: str, what: str) -> None:
        told = f"{place}: {what[:40]}" if what.startswith("its reader failed") else place
        if told in self._places:
            return
        self._places.add(told)
        path = self._findings / f"{hashlib.sha256(data).hexdigest()[:8]}-{self._name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        print(f"{self._name}: {place}: {what[:300]}\n  {path}", flush=True)


def _change(data: bytes, most: int, seed: int, mutate: Callable[[bytes, int], bytes], edit: Any) -> bytes:
    """Return an input changed by edits of ours or by those of the fuzzer, in an archive those of one of its members."""
    dice = random.Random(seed)
    if dice.random() < 0.5:
        return bytes(edit(data, dice)[:most])
    if not data.startswith(b"PK"):
        return bytes(mutate(data, most))
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = [(info.filename, archive.read(info)) for info in archive.infolist()]
    except Exception:
        return bytes(mutate(data, most))
    if not parts:
        return bytes(mutate(data, most))
    at = dice.randrange(len(parts))
    parts[at] = parts[at][0], bytes(mutate(parts[at][1] or b" ", most))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in parts:
            archive.writestr(zipfile.ZipInfo(name), body, zipfile.ZIP_DEFLATED)
    return stream.getvalue()[:most]


def guided(name: str, seconds: int, corpus: Path, findings: Path, stopped: Path) -> None:
    """Search with atheris, which ends this process when the time is over."""
    import atheris

    with atheris.instrument_imports(include=list(_INSTRUMENTED), enable_loader_override=False):
        from benchmarks.fuzz.targets import targets
    target = targets()[name]
    corpus.mkdir(parents=True, exist_ok=True)
    for example in target.examples:
        (corpus / hashlib.sha256(example).hexdigest()[:16]).write_bytes(example)
    search = Search(name, target.examine, findings)

    def change(data: bytes, most: int, seed: int) -> bytes:
        return _change(data, most, seed, atheris.Mutate, target.change)

    stopped.mkdir(parents=True, exist_ok=True)
    options = [
        f"-max_total_time={seconds}", f"-timeout={HANG_SECONDS}", f"-rss_limit_mb={MEMORY_MIB}", "-max_len=200000",
        "-len_control=0", f"-artifact_prefix={stopped}/", "-print_final_stats=1", "-verbosity=0",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(corpus)], search.take, custom_mutator=change)
    atheris.Fuzz()


def unguided(name: str, seconds: int, findings: Path) -> None:
    """Search by changing the examples."""
    from benchmarks.fuzz.targets import targets

    target = targets()[name]
    search = Search(name, target.examine, findings)
    dice = random.Random(time.time_ns())
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        search.take(target.change(dice.choice(target.examples), dice))
    print(f"{name}: {search.inputs} inputs", flush=True)


def main() -> None:
    """Fuzz one target."""
    warnings.simplefilter("ignore")  # of names that stand twice in an archive, above all
    name, seconds, corpus, findings, stopped = sys.argv[1:]
    if find_spec("atheris") is not None:
        guided(name, int(seconds), Path(corpus), Path(findings), Path(stopped))
    else:
        unguided(name, int(seconds), Path(findings))


if __name__ == "__main__":
    main()
