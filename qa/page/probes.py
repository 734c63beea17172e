"""Whether the server is alive, whether it can answer, and what it has counted: for those who watch over it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from qa.guard import path_below_root
from qa.page.events import trouble

HEALTH, READY, METRICS = "/health", "/ready", "/metrics"
PROBES = (HEALTH, READY)
"""What is told without a login: one word each."""

FRESH_SECONDS, PATIENCE_SECONDS = 2.0, 5.0
"""How long what was found holds for others who ask, and how long an answer may take."""

_NOT_YET = "starting"


class Probes:
    """An ASGI application around another, which answers at three paths itself.

    /health is 200 as long as requests are answered at all. /ready is 200 where the index has answered a question within
    the last two seconds, and 503 before the first, while it does not, and once the server is ending. /metrics has what
    was counted; without ``metrics`` the path is left to the application.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        check: Callable[[], object],
        ending: Callable[[], bool],
        metrics: tuple[Callable[[], bytes], str] | None,
    ) -> None:
        """``check`` asks the index something and raises an error where it can't answer; ``metrics`` has its type."""
        self._app = app
        self._check = check
        self._ending = ending
        self._metrics = metrics
        self._found = _NOT_YET, 0.0
        self._looking: asyncio.Task[str] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        path = path_below_root(scope) if scope["type"] == "http" else ""
        asked = scope.get("method") in ("GET", "HEAD")
        if asked and path == HEALTH:
            await _say(send, 200, json.dumps({"status": "alive"}).encode(), b"application/json")
        elif asked and path == READY:
            word = await self._look()
            status = 200 if word == "ready" else 503
            await _say(send, status, json.dumps({"status": word}).encode(), b"application/json")
        elif asked and path == METRICS and self._metrics is not None:
            text, kind = self._metrics
            await _say(send, 200, await asyncio.to_thread(text), kind.encode())
        else:
            await self._app(scope, receive, send)

    async def _look(self) -> str:
        """Return in a word whether questions are answered; many who ask at once are told of one look."""
        if self._ending():
            return "ending"
        word, when = self._found
        if time.monotonic() - when < FRESH_SECONDS:
            return word
        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(asyncio.to_thread(self._ask))
        try:
            return await asyncio.wait_for(asyncio.shield(self._looking), PATIENCE_SECONDS)
        except TimeoutError:
            return _NOT_YET if not when else "not answering"

    def _ask(self) -> str:
        """Ask the index something. What goes wrong is told where the server runs, not to those who look."""
        try:
            self._check()
            word = "ready"
        except Exception as error:  # whatever it is, no question is answered
            if self._found[0] != "not answering":
                trouble("the index does not answer", error)
            word = "not answering"
        self._found = word, time.monotonic()
        return word


async def _say(send: Send, status: int, body: bytes, kind: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
