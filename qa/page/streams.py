"""Streams that end properly: with the server, and where there is nothing to tell.

An open page keeps a stream as long as it is open. A server that waits for it would not end, and one that cuts it off
would print a traceback for each; so does Gradio where the event to be told about is not there.
"""

from __future__ import annotations

import asyncio

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Streams:
    """An ASGI application around another, whose answers all have an end."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._leaving = asyncio.Event()

    def leave(self) -> None:
        """End every answer that has begun, as if who reads it had left."""
        self._leaving.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = ended = False

        async def watched_send(message: Message) -> None:
            nonlocal begun, ended
            begun = True
            ended = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        async def watched_receive() -> Message:
            source, leaving = asyncio.ensure_future(receive()), asyncio.ensure_future(self._leaving.wait())
            try:
                await asyncio.wait({source, leaving}, return_when=asyncio.FIRST_COMPLETED)
                return {"type": "http.disconnect"} if begun and not source.done() else await source
            finally:
                source.cancel()
                leaving.cancel()

        try:
            await self._app(scope, watched_receive, watched_send)
        except RuntimeError as error:  # Starlette's, on an error that came too late for an answer of its own
            if not isinstance(error.__cause__, HTTPException):
                raise
        if begun and not ended:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
