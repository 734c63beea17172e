"""uvicorn with an end to everything: to slow heads of requests, to answers that nobody reads, and to the server."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

resource: Any
try:
    import resource
except ImportError:  # this system does not count what a process has open
    resource = None

HEAD_SECONDS = 15.0
"""How long the head of a request may take."""
STUCK_SECONDS = 30.0
"""How long an answer may wait for its reader."""
KEPT_SECONDS = 75
"""How long a connection is kept for the next request: longer than proxies keep theirs (nginx: 60), since a request that
meets the closing of its connection is lost."""
CONNECTIONS, OTHERS = 800, 200
"""Connections at once, of all clients, and files that are kept for all else."""
LOOK_SECONDS = 5.0

PATIENCE, GRACE = 1.0, 9
"""Seconds that streams are left when the server ends, and that all else has to end in."""

_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\nretry-after: 5\r\n"
    b"content-length: 44\r\nconnection: close\r\n\r\ntoo many connections; try again in a moment\n"
)


class Connection(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """A connection that is ended where its client takes too long to ask or to read."""

    most = CONNECTIONS

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Take a connection, or say that there are too many."""
        super().connection_made(transport)
        self._head_since: float | None = time.monotonic()
        self._stuck_since: float | None = None
        if len(self.connections) > self.most:
            transport.write(_FULL)
            transport.close()
        self._watch = self.loop.call_later(LOOK_SECONDS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in what has come."""
        super().data_received(data)
        if not self._awaits_head():
            self._head_since = None
        elif self._head_since is None:
            self._head_since = time.monotonic()

    def _awaits_head(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _look(self) -> None:
        """End the connection if it has stood still for too long."""
        now = time.monotonic()
        stuck = self.flow.write_paused or self.transport.is_closing()
        self._stuck_since = (self._stuck_since or now) if stuck else None
        slow = self._awaits_head() and self._head_since is not None and now - self._head_since > HEAD_SECONDS
        if slow or (self._stuck_since is not None and now - self._stuck_since > STUCK_SECONDS):
            self.transport.abort()
            return
        self._watch = self.loop.call_later(LOOK_SECONDS, self._look)


class Server(uvicorn.Server):
    """A server that says when it answers, ends its streams when it ends, and for which SIGTERM is no failure."""

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        ready: Callable[[], None],
        ending: Callable[[], None],
        idle: Callable[[], bool],
        leave: Callable[[], None],
    ) -> None:
        """Call ``ready`` once it listens; when it ends, ``ending`` first, and ``leave`` once it is ``idle``."""
        super().__init__(config)
        self._ready, self._ending, self._idle, self._leave = ready, ending, idle, leave

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, then say so."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End the server, and the process with it: by uvicorn's way SIGTERM would kill it before it has tidied up."""
        if sig == signal.SIGTERM:
            self.should_exit = True
        else:
            super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what is under way; streams are left once nothing is, or a little before patience ends."""
        self._ending()
        leaving = asyncio.ensure_future(self._leave_streams())
        try:
            await super().shutdown(sockets)
        finally:
            leaving.cancel()

    async def _leave_streams(self) -> None:
        until = time.monotonic() + GRACE - 2 * PATIENCE
        await asyncio.sleep(PATIENCE)
        while time.monotonic() < until and not self._idle():
            await asyncio.sleep(0.05)
        self._leave()


def make_room() -> None:
    """Let this process have as many connections as CONNECTIONS, or as the system lets it open files for."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + OTHERS
    if 0 <= soft < wanted:
        more = wanted if hard < 0 else min(wanted, hard)
        with suppress(OSError, ValueError):  # where that is not allowed, with as many as there are
            resource.setrlimit(resource.RLIMIT_NOFILE, (more, hard))
            soft = more
        Connection.most = max(soft - OTHERS, soft // 2)
