"""Where the command begins: before libraries are loaded, some of which make an error of their own of a Ctrl-C."""

from __future__ import annotations

import os
import signal
from types import FrameType

_INTERRUPTED = 130
"""The exit code of ``qa.options``, which takes its time to load."""


def main() -> None:
    """Run the command line. A Ctrl-C while it is being loaded ends it with one line."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    from qa import cli  # noqa: PLC0415 - loads for half a second

    signal.signal(signal.SIGINT, before)
    cli.main()


def _leave(_number: int, _frame: FrameType | None) -> None:
    """End at once: nothing has begun."""
    os.write(2, b"qa: interrupted; nothing was begun\n")
    os._exit(_INTERRUPTED)
