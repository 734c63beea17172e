"""Ctrl-C and the processes that are started here."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker


@contextmanager
def without_interrupts() -> Iterator[None]:
    """Keep Ctrl-C from a process that is started here, also while Python is only starting in it.

    The terminal sends it to every process of the group; this one decides what becomes of the build.
    """
    if os.name == "nt":  # has no masks to inherit: the worker ignores it once it runs
        yield
        return
    resource_tracker.ensure_running()  # starting it within would unblock the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
