"""Notices when the documents change, and calls once for a burst of changes."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from pathlib import Path

from watchfiles import Change, watch

from index.errors import SeedQAError

QUIET = 1.0
"""Seconds without a change after which a burst is over."""
LONGEST = 30.0
"""Seconds after which a burst that does not end, such as a log being written, counts as over."""
RETRY = 1.0
"""Seconds between two looks for a folder that can't be watched."""
AGAIN, LONGEST_AGAIN = 5.0, 300.0
"""Seconds until changes that could not be taken in are tried again: at first, and at most as they double each time."""
STEP = 0.1
"""Seconds between two looks at the changes collected, and at whether to stop."""


class Watcher:
    """Watches a folder of documents from a thread of its own, from its making until ``close``.

    ``folder`` says which one, time and again: that it names another one, or that it was away and is back, counts as
    a change. Hidden files and folders, and all in ``ignore``, do not count. ``changed`` is called in that thread and
    returns when the documents are taken in: what changes meanwhile makes one more call. Where it raises, it is called
    again after ``again`` seconds, or after the next change if that is sooner, until it does not.
    """

    def __init__(
        self,
        folder: Callable[[], Path],
        changed: Callable[[], object],
        ignore: Path,
        *,
        quiet: float = QUIET,
        again: float = AGAIN,
    ) -> None:
        self._folder = folder
        self._changed = changed
        self._ignore = ignore.resolve()
        self._quiet = quiet
        self._again = again
        self._stop = threading.Event()
        self.watching: Path | None = None
        """The folder whose changes are noticed now."""
        self.trouble = ""
        """Why changes are not noticed or not taken in, in one line; empty while all is well."""
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop watching. A call of ``changed`` under way is not waited for."""
        self._stop.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=10 * STEP)

    def _run(self) -> None:
        stale = False
        while not self._stop.is_set():
            try:
                root = self._folder().resolve()
                if root.is_dir():
                    self._watch(root, stale)
                else:
                    self.trouble = f"seeds folder {root} is gone; put it back, or build from another folder"
            except Exception as error:  # a thread that dies would leave old documents in force without a word
                self.trouble = _line(error)
            if self.watching is None:
                self._stop.wait(RETRY)
            self.watching, stale = None, True

    def _watch(self, root: Path, stale: bool) -> None:
        """Call ``changed`` after each burst of changes under ``root``, until that is another folder or gone."""
        same = _identity(root)
        last = time.monotonic()
        first = last if stale else None
        due, again = math.inf, self._again
        for changes in watch(
            root,
            watch_filter=None,
            step=round(STEP * 1000),
            rust_timeout=round(self._quiet * 1000),
            yield_on_timeout=True,
            stop_event=self._stop,
            raise_interrupt=False,
            ignore_permission_denied=True,
        ):
            if self.watching is None:
                self.watching, self.trouble = root, ""
            now = time.monotonic()
            if any(self._counts(root, change, Path(path)) for change, path in changes):
                first, last = first or now, now
            over = first and (not changes or now - last >= self._quiet or now - first >= LONGEST)
            if over or now >= due:
                first, due = None, math.inf
                if self._call():
                    again = self._again
                else:
                    due, again = time.monotonic() + again, min(2 * again, LONGEST_AGAIN)
            if _identity(root) != same or self._folder().resolve() != root:
                return

    def _counts(self, root: Path, change: Change, path: Path) -> bool:
        if path.is_relative_to(self._ignore) or any(p.startswith(".") for p in path.parts[len(root.parts) :]):
            return False
        return not (change is Change.modified and path.is_dir())  # as hidden files in it make it on some systems

    def _call(self) -> bool:
        """Call ``changed``; return whether the documents are taken in."""
        try:
            self._changed()
        except Exception as error:  # as above
            self.trouble = _line(error)
            return False
        self.trouble = ""
        return True


def _line(error: Exception) -> str:
    why = str(error) if isinstance(error, SeedQAError) else f"{type(error).__name__}: {error}"
    return " ".join(f"changes of the documents are not taken in: {why}".split())


def _identity(root: Path) -> tuple[int, int]:
    """Return what stays the same as long as a folder is the same one."""
    try:
        found = root.stat()
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino
