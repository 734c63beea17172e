"""Answers that end: when the server leaves, when the application forgets to, and when it fails too late."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from qa.page.streams import Streams

SCOPE: Scope = {"type": "http"}
START: Message = {"type": "http.response.start", "status": 200, "headers": []}
PIECE: Message = {"type": "http.response.body", "body": b"piece", "more_body": True}
LAST: Message = {"type": "http.response.body", "body": b"", "more_body": False}


async def silent() -> Message:
    """Never receive anything: a client that stays."""
    await asyncio.Event().wait()
    raise AssertionError


def run(app: Any, receive: Receive = silent, *, leave_after: float | None = None) -> list[Message]:
    """Return what is sent of an application's answer."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def answer() -> None:
        streams = Streams(app)
        if leave_after is not None:
            asyncio.get_running_loop().call_later(leave_after, streams.leave)
        await asyncio.wait_for(streams(SCOPE, receive, send), 2)

    asyncio.run(answer())
    return sent


def test_a_stream_ends_with_the_server() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(PIECE)
        assert await receive() == {"type": "http.disconnect"}

    assert run(app, leave_after=0.05) == [START, PIECE, LAST]


def test_an_answer_that_has_not_begun_is_waited_for() -> None:
    async def body() -> Message:
        await asyncio.sleep(0.1)
        return {"type": "http.request", "body": b"asked", "more_body": False}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["body"] == b"asked"
        await send(START)
        await send(LAST)

    assert run(app, body, leave_after=0.0) == [START, LAST]


def test_an_error_that_comes_too_late_ends_the_stream() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        raise RuntimeError("too late") from HTTPException(404)

    assert run(app) == [START, LAST]


def test_other_errors_and_other_protocols_are_passed_on() -> None:
    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("really")

    with pytest.raises(RuntimeError, match="really"):
        run(failing)

    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope, receive, send))

    async def send(message: Message) -> None:
        raise AssertionError

    asyncio.run(Streams(app)({"type": "lifespan"}, silent, send))
    assert seen == [({"type": "lifespan"}, silent, send)]
