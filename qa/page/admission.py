"""The one door to all work: a bounded number of calls is under way, a bounded number waits, all others are told so.

The page, the API and the MCP server all come by here, before Gradio looks at what they want: a refusal costs next to
nothing, so that a server that is asked too much goes on answering what it can.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qa.guard import path_below_root
from qa.page import texts
from qa.page.bounds import UNDER_WAY, WAITING

MAX_HELD = 64 * 2**20
"""Bytes of calls that are coming or waiting."""
TURNS = 4
"""Of the event loop, between a call and the news that its client has gone."""
AFTER = 1
"""Seconds after which to ask again."""


class Admission:
    """An ASGI application around another, which gets only so many calls at a time.

    A call is read to its end before it gets a place, so that a slow client holds none, and gives it back with the
    first part of its answer. Who leaves while waiting is not worked for. Where no place is free to wait in, and after
    ``close``, the answer is 503 with Retry-After at once.
    """

    def __init__(self, app: ASGIApp, *, prefixes: Collection[str], queued: Callable[[], int]) -> None:
        """Take for calls what is posted to paths with ``prefixes``; the application has ``queued`` in its own queue."""
        self._app = app
        self._prefixes = tuple(prefixes)
        self._queued = queued
        self._free = asyncio.Semaphore(UNDER_WAY)
        self._held = 0
        self._closed = False
        self.under_way = 0
        self.waiting = 0
        self.refused = 0
        """Calls told that the server is busy, so far."""

    @property
    def queued(self) -> int:
        """Calls that wait: here, and in the application's own queue."""
        return self.waiting + self._queued()

    @property
    def idle(self) -> bool:
        """Nothing is being worked on."""
        return not (self.under_way or self.queued)

    @property
    def closed(self) -> bool:
        """The server is ending."""
        return self._closed

    def close(self) -> None:
        """Take no more calls."""
        self._closed = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        is_call = scope["type"] == "http" and scope["method"] == "POST"
        if not (is_call and path_below_root(scope).startswith(self._prefixes)):
            await self._app(scope, receive, send)
            return
        call = await self._read(receive, send)
        if call is None:
            return
        try:
            try:
                has_place = await self._admit(call, send)
            finally:
                self._held -= call.size
            if has_place:
                await self._work(scope, call, send)
        finally:
            call.end()

    async def _read(self, receive: Receive, send: Send) -> _Replay | None:
        """Return a call once it has come whole; nothing where its client has left, or was refused."""
        parts: list[bytes] = []
        call: _Replay | None = None
        try:
            while not self._full():
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                parts.append(message.get("body", b""))
                self._held += len(parts[-1])
                if not message.get("more_body", False):
                    call = _Replay(b"".join(parts), receive)
                    return call
            await self._refuse(send)
            return None
        finally:
            if call is None:
                self._held -= sum(map(len, parts))

    def _full(self) -> bool:
        return self._closed or self.queued >= WAITING or self._held >= MAX_HELD

    async def _admit(self, call: _Replay, send: Send) -> bool:
        """Wait for a place; return whether the call has one, which it must give back."""
        if await call.has_left():
            return False
        if not self._free.locked():
            await self._free.acquire()
            return True
        if self._full():
            await self._refuse(send)
            return False
        self.waiting += 1
        try:
            return await call.wait_for(self._free)
        finally:
            self.waiting -= 1

    async def _work(self, scope: Scope, call: _Replay, send: Send) -> None:
        """Have a call answered, and give its place back as soon as the answer begins."""
        self.under_way += 1
        held = True

        def leave() -> None:
            nonlocal held
            if held:
                held = False
                self.under_way -= 1
                self._free.release()

        async def leaving_send(message: Message) -> None:
            if message["type"] == "http.response.body":
                leave()
            await send(message)

        try:
            await self._app(scope, call.receive, leaving_send)
        finally:
            leave()

    async def _refuse(self, send: Send) -> None:
        self.refused += 1
        body = json.dumps({"error": texts.ENDING if self._closed else texts.BUSY}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"retry-after", b"%d" % AFTER),
        ]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class _Replay:
    """A call that has come whole, to be given on once, and whether its client is still there."""

    def __init__(self, body: bytes, source: Receive) -> None:
        self.size = len(body)
        self._body: bytes | None = body
        self._next = asyncio.ensure_future(_told(source))

    async def receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        return await asyncio.shield(self._next)  # which is the end: nothing else follows a body

    async def has_left(self) -> bool:
        """Tell whether its client has hung up, which is seen a few turns of the loop after the call itself."""
        for _ in range(TURNS):
            await asyncio.sleep(0)
        return self._next.done()

    async def wait_for(self, free: asyncio.Semaphore) -> bool:
        """Wait for a place; return whether there is one and somebody to have it."""
        turn = asyncio.ensure_future(free.acquire())
        got = False
        try:
            await asyncio.wait({turn, self._next}, return_when=asyncio.FIRST_COMPLETED)
            got = turn.done() and not self._next.done()
        finally:
            if not got and not turn.cancel():  # it has got the place already
                free.release()
        return got

    def end(self) -> None:
        self._next.cancel()


async def _told(source: Receive) -> Message:
    return await source()
