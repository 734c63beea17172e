"""What happens while the page is served, as lines of JSON: requests, questions, rebuilds and errors.

Every line is ASCII and one line, whatever is put into it, so that nobody who asks can forge one. Questions are not in
them unless whoever runs the server wants that.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import os
import re
import secrets
import sys
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from index.errors import SettingsError

_GIVEN = re.compile(rb"[A-Za-z0-9._-]{1,64}")
STANDARD_ERROR = "-"
_LONGEST = 8000
"""Characters of one value in a line."""

_LOGGER = logging.getLogger("seedqa")


class Call:
    """A request under way: its id, what it calls, and the status of an error that Gradio would answer with 500."""

    __slots__ = ("ident", "name", "status")

    def __init__(self, ident: str) -> None:
        self.ident = ident
        self.name = ""
        self.status = 0


CALL: ContextVar[Call | None] = ContextVar("call", default=None)
"""The request for which something is done, also in the thread that does it."""


def ident_of(given: bytes | None) -> str:
    """Return the id of a request: the one that came with it if that is a plain word, else a new one."""
    return given.decode() if given and _GIVEN.fullmatch(given) else secrets.token_hex(8)


class JsonLines(logging.Formatter):
    """Writes each record as one line of JSON in ASCII: time (UTC), level, event, id of the request, fields, error."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record, without its end."""
        call = CALL.get()
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage()[:_LONGEST],
        }
        if call is not None:
            line["request"] = call.ident
        fields: dict[str, Any] = getattr(record, "fields", {})
        line |= {name: value[:_LONGEST] if isinstance(value, str) else value for name, value in fields.items()}
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str).replace("\x7f", "\\u007f")


class _LogFile(logging.handlers.WatchedFileHandler):
    """A log file for this user's eyes only, opened anew where another program has moved it away.

    What can't be written is left out, which is told once on standard error, until writing works again: a full disk or
    a folder that is gone costs lines of the log, but no answer and no build.
    """

    _failing = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; what this is built on lets errors out where it opens the file anew."""
        try:
            super().emit(record)
        except OSError as error:
            if not self._failing:
                why = error.strerror or error
                sys.stderr.write(f"qa: log file {self.baseFilename} can't be written ({why}); lines are left out\n")
            self._failing = True
        else:
            self._failing = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is logging's
        """Leave what is wrong with the file to ``emit``."""
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            raise error
        super().handleError(record)

    def _open(self) -> Any:
        return open(self.baseFilename, self.mode, encoding=self.encoding, errors=self.errors, opener=_private)


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


def note(event: str, **fields: str | float | bool | None) -> None:
    """Write a line on something that happened, if a log is kept."""
    _LOGGER.info(event, extra={"fields": fields})


def trouble(event: str, error: BaseException) -> None:
    """Write what went wrong unexpectedly, with its traceback: to the log, or without one to standard error."""
    _LOGGER.error(event, exc_info=error)


def keep_log(target: str) -> logging.Handler:
    """Write what happens to a file, or to standard error where ``target`` is ``-``; return what to close in the end.

    A file is only ever added to, and opened anew where another program has moved it away. It is made for this user's
    eyes only. Raises SettingsError where it can't be written.
    """
    handler: logging.Handler
    if target == STANDARD_ERROR:
        handler = logging.StreamHandler(sys.stderr)
    else:
        try:
            handler = _LogFile(Path(target).expanduser(), encoding="ascii")
        except (OSError, RuntimeError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise SettingsError(
                f"log file {target} can't be written ({why}); name a file in a folder that is there, "
                "or - for standard error"
            ) from error
    handler.setFormatter(JsonLines())
    logging.captureWarnings(True)
    root = logging.getLogger()
    root.addHandler(handler)
    _LOGGER.setLevel(logging.INFO)
    return handler


def end_log(handler: logging.Handler) -> None:
    """Write no more."""
    logging.getLogger().removeHandler(handler)
    _LOGGER.setLevel(logging.NOTSET)
    logging.captureWarnings(False)
    with suppress(OSError):  # of what could not be written, which was told
        handler.close()
