"""What comes first to a request and last to its answer: an id, patience with slow clients, and a line in the log."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qa.page.events import CALL, Call, ident_of

FIRST_SECONDS, LEAST_RATE = 20.0, 8 * 2**10
"""A body may take this long, and a second more for each so many bytes that have come."""

_ID = b"x-request-id"
_TOO_SLOW = b"the request came too slowly; send it again\n"
_AGAIN = {503: b"2"}
"""Seconds after which to ask again, by status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A request that was answered, or left by who had sent it."""

    method: str
    path: str
    """Without what follows ``?``: there questions stand."""
    name: str
    """Of the function that was called, if one was."""
    status: int
    """0 where its client left before an answer had begun."""
    seconds: float
    bytes: int
    """Of the answer."""
    complete: bool


class Front:
    """An ASGI application around another.

    Each request gets an id, which the answer has in X-Request-ID; one that came with it is taken over if it is a plain
    word of at most 64 characters. A body that comes too slowly is answered with 408. An expected error that
    qa.page.endpoints has given a status gets it in place of Gradio's 500. ``seen`` is told of every answer.
    """

    def __init__(self, app: ASGIApp, seen: Callable[[Answered], None]) -> None:
        self._app = app
        self._seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the application answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == _ID), None)
        call = Call(ident_of(given))
        headers = [pair for pair in scope["headers"] if pair[0] != _ID]
        exchange = _Exchange(receive, send, call)
        began, token = time.perf_counter(), CALL.set(call)
        try:
            own = {**scope, "headers": [*headers, (_ID, call.ident.encode())], "seedqa": call}
            await exchange.run(self._app, own)
        finally:
            self._seen(
                Answered(
                    method=scope["method"],
                    path=scope["path"],
                    name=call.name,
                    status=exchange.status,
                    seconds=time.perf_counter() - began,
                    bytes=exchange.bytes,
                    complete=exchange.complete,
                )
            )
            CALL.reset(token)


class _Exchange:
    """One request and its answer."""

    def __init__(self, receive: Receive, send: Send, call: Call) -> None:
        self._source, self._sink, self._call = receive, send, call
        self._until = time.monotonic() + FIRST_SECONDS
        self._whole = self._late = False
        self.status = self.bytes = 0
        self.complete = False

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        try:
            await app(scope, self._receive, self._send)
        except Exception:
            if not self._late:  # else it is how an application takes leave of a client who is gone
                self.status = self.status or 500
                raise

    async def _receive(self) -> Message:
        if self._late:
            return {"type": "http.disconnect"}
        if self._whole:
            return await self._source()
        try:
            message = await asyncio.wait_for(self._source(), max(0.0, self._until - time.monotonic()))
        except TimeoutError:
            await self._refuse()
            return {"type": "http.disconnect"}
        self._until += len(message.get("body", b"")) / LEAST_RATE
        self._whole = not message.get("more_body", False)
        return message

    async def _refuse(self) -> None:
        begun, self._late = self.status, True
        if not begun:
            length = b"%d" % len(_TOO_SLOW)
            headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", length)]
            await self._pass_on(
                {"type": "http.response.start", "status": 408, "headers": [*headers, (b"connection", b"close")]}
            )
            await self._pass_on({"type": "http.response.body", "body": _TOO_SLOW})

    async def _send(self, message: Message) -> None:
        if not self._late:
            await self._pass_on(message)

    async def _pass_on(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            status = message["status"]
            self.status = self._call.status if status == 500 and self._call.status else status
            headers = [*message.get("headers", ()), (_ID, self._call.ident.encode())]
            if self.status in _AGAIN and b"retry-after" not in dict(headers):
                headers.append((b"retry-after", _AGAIN[self.status]))
            message = {**message, "status": self.status, "headers": headers}
        elif message["type"] == "http.response.body":
            self.bytes += len(message.get("body", b""))
            self.complete = not message.get("more_body", False)
        await self._sink(message)
