"""Runs one deed again and again on a disk that fails at another operation each time: tests/test_disk.py starts it.

    LD_PRELOAD=failing_disk.so python -m tests.failing_disk FOLDER DEED STEP

One line of JSON a fault goes to standard output. Everything runs in this one process, so that what a failure leaves
open is seen, too.
"""

from __future__ import annotations

import ctypes
import errno
import io
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import index.gather
import qa.cli
from index.errors import SeedQAError, SnapshotError
from index.examine import examine
from index.layout import IndexPaths
from index.load.limits import Limits
from index.load.readers import Readers
from index.snapshot import current_id, snapshot_ids
from qa import open_index
from qa.calibration import write_calibration
from qa.feedback import Feedback
from tests.fakes import HashEncoder
from tests.test_build import tree
from tests.test_calibration import KEPT
from tests.test_feedback import vote

ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS)
MODES = (0, 1, 2)
"""One operation fails; it and all after it; the same, but a write is cut short first."""
QUESTION = "Where do frogs live?"
FIRST, SECOND = "Frogs live in the pond.", "Toads live in the ditch."


class _Kept:
    """One set of reading processes for all builds, which are the same real ones as ever."""

    readers = Readers(Limits(), workers=1)

    def __init__(self, limits: Limits) -> None:
        pass

    def __enter__(self) -> Readers:
        return self.readers

    def __exit__(self, *_: object) -> None:
        pass


def command(*words: object) -> tuple[int, str]:
    """Run the command line; return its exit code and what it says of an error."""
    said = io.StringIO()
    sys.argv = ["qa", *map(str, words)]
    try:
        with redirect_stderr(said), redirect_stdout(io.StringIO()):
            qa.cli.main()
    except SystemExit as end:
        return int(end.code or 0), said.getvalue()
    raise AssertionError("the command line always exits")


class Place:
    """A folder with seeds and an index of two snapshots, put back as it was before each fault."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seeds, self.index, self.pristine = folder / "seeds", folder / "index", folder / "pristine"
        self.seeds.mkdir()
        (self.seeds / "bridge.txt").write_text("The bridge was built in 1902.", "utf-8")
        self.garden("Owls live in the barn.")
        assert self.build() == (0, "")
        self.older = current_id(IndexPaths(self.index))
        self.garden(FIRST)
        assert self.build() == (0, "")
        self.old = current_id(IndexPaths(self.index))
        Feedback(self.index).add(vote("Kept?"))
        write_calibration(self.index / "calibration.json", KEPT)
        shutil.copytree(self.index, self.pristine)

    def garden(self, text: str) -> None:
        (self.seeds / "garden.md").write_text(f"# Garden\n\n{text}\n", "utf-8")

    def build(self) -> tuple[int, str]:
        return command("build", self.seeds, "--index", self.index)

    def reset(self) -> None:
        shutil.rmtree(self.index, ignore_errors=True)
        shutil.copytree(self.pristine, self.index)

    def answer(self) -> str:
        """Return what the index answers, or nothing without an index."""
        try:
            with open_index(self.index, encoder=HashEncoder()) as opened:
                return opened.search(QUESTION).results[0].citation.evidence
        except SnapshotError as error:
            return f"{type(error).__name__}"


def deeds(place: Place) -> dict[str, Callable[[], tuple[int, str]]]:
    """Return what may be interrupted, by name; each returns an exit code and what was said."""

    def rebuild() -> tuple[int, str]:
        place.garden(SECOND)
        return place.build()

    def first_build() -> tuple[int, str]:
        return command("build", place.seeds, "--index", place.index)

    def judge() -> tuple[int, str]:
        try:
            Feedback(place.index).add(vote("New?"))
        except SeedQAError as error:
            return 1, f"{error}\n"
        return 0, ""

    def calibrate() -> tuple[int, str]:
        try:
            write_calibration(place.index / "calibration.json", KEPT)
        except SeedQAError as error:
            return 1, f"{error}\n"
        return 0, ""

    return {
        "rebuild": rebuild,
        "first build": first_build,
        "prune": lambda: command("prune", "--keep", 0, "--index", place.index),
        "restore": lambda: command("restore", place.older, "--index", place.index),
        "judge": judge,
        "calibrate": calibrate,
    }


def faults(place: Place, deed: str, step: int) -> Iterator[dict[str, Any]]:
    """Yield what came of each fault: the deed with operation 0 failing, ``step``, 2 ``step`` ... beyond the last.

    Each fails in one of nine ways in turn; with a ``step`` of 0 every operation fails in all of them.
    """
    paths = IndexPaths(place.index)
    disk: Any = ctypes.CDLL(None)
    disk.disk_hit.restype = ctypes.c_char_p
    root = str(place.index).encode()
    run = deeds(place)[deed]
    number = 0
    while True:
        ways = [(error, mode) for mode in MODES for error in ERRORS]
        for error, mode in [ways[number // step % 9]] if step else ways:
            place.reset()
            place.garden(FIRST)
            if deed == "first build":
                shutil.rmtree(place.index)
            before = tree(place.index) if place.index.exists() else {}
            handles = len(os.listdir("/proc/self/fd"))
            disk.disk_arm(root, ctypes.c_long(number), error, mode)
            code, said = run()
            hit, count = disk.disk_hit().decode(), disk.disk_count()
            disk.disk_arm(b"", ctypes.c_long(-1), 0, 0)
            left = len(os.listdir("/proc/self/fd")) - handles
            after = tree(place.index) if place.index.exists() else {}
            found = {
                "fault": f"{deed} {number} {errno.errorcode[error]} {mode}: {hit}", "hit": bool(hit), "count": count,
                "code": code, "said": said, "handles": left, "answer": place.answer(),
                "current": after.get("CURRENT", b"").decode().strip(),
                "altered": sorted(name for name in before if name in after and before[name] != after[name]),
                "missing": sorted(name for name in before if name not in after),
                "votes": [one.question for one in Feedback(place.index).read()],
            }  # fmt: skip
            found["next"] = place.build()
            found["next answer"] = place.answer()
            found["findings"] = [finding.problem for finding in examine(paths)]
            kept = sorted(path.name for path in paths.snapshots.iterdir())
            found["leftovers"] = sorted({*kept} - {*snapshot_ids(paths)}) + sorted(
                path.name for path in place.index.iterdir() if ".tmp" in path.name or "unfinished" in path.name
            )
            yield found
            if not hit:
                return
        number += step or 1


def main() -> None:
    setattr(index.gather, "Readers", _Kept)  # noqa: B010 - no names of theirs to be assigned to
    setattr(qa.cli, "load_encoder", lambda *_: HashEncoder())  # noqa: B010 - as above
    folder, deed, step = sys.argv[1:]
    place = Place(Path(folder))
    with _Kept.readers:
        for found in faults(place, deed, int(step)):
            sys.stdout.write(json.dumps(found) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
