"""The guard: what passes, what is refused and how, and that nothing else ever ran."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from index.errors import SettingsError
from qa.guard import Guard, Login, read_login

Headers = list[tuple[bytes, bytes]]

OURS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        b"img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
        b"object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'",
    ),
]
NO_HOST = "the request names no single valid host; allow one with: qa serve --allow-host NAME"
FOREIGN = "the request comes from another site; use the page itself; a proxy must keep the Host header"
NO_LOGIN = "user and password are missing or wrong; ask whoever runs this server for them"
NOWHERE = "nothing is served at this path; the page is at /"
BAD_LENGTH = "Content-Length is not one whole number; send the size of the body in bytes"
TOO_LARGE = "the request is larger than 10 bytes; send less"
CLOSE = (b"connection", b"close")
ASK = (b"www-authenticate", b'Basic realm="SeedQA", charset="UTF-8"')
LOGIN = Login(user="ada", password="pa:ss:wörd")


def refusal(status: int, text: str, *headers: tuple[bytes, bytes]) -> tuple[int, Headers, str]:
    length = str(len(text) + 1).encode()
    kind = (b"content-type", b"text/plain; charset=utf-8")
    return status, [kind, (b"content-length", length), *headers, *OURS], f"{text}\n"


ANSWER = (200, [(b"content-type", b"text/plain"), *OURS], "inner")


class Inner:
    """An application that remembers what reached it and answers with headers that are not its to set."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.headers: Headers = []
        self.body = b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            self.seen.append("lifespan")
            return
        self.seen.append(scope["path"])
        self.headers = scope["headers"]
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept", "headers": [(b"server", b"gradio")]})
            return
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ConnectionError("the client is gone")
            self.body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = [
            (b"Content-Type", b"text/plain"),
            (b"X-Frame-Options", b"SAMEORIGIN"),
            (b"content-security-policy", b"default-src *"),
            (b"Server", b"gradio"),
            (b"access-control-allow-origin", b"*"),
            (b"Access-Control-Allow-Credentials", b"true"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"inner"})


def guarded(
    app: ASGIApp, *, login: Login | None = None, hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "::1")
) -> Guard:
    return Guard(
        app, hosts=hosts, login=login, paths=("/", "/config", "/upload"), prefixes=("/gradio_api/", "/assets/"),
        max_body=10, upload_paths=("/upload",), max_upload=100,
    )  # fmt: skip


def call(app: ASGIApp, *headers: tuple[bytes, bytes], body: tuple[bytes, ...] = (b"",), **scope: Any) -> list[Message]:
    """Return what the application sends for one request, which comes from no client library that could mend it."""
    parts = [{"type": "http.request", "body": part, "more_body": True} for part in body]
    parts[-1]["more_body"] = False
    sent: list[Message] = []

    async def receive() -> Message:
        return parts.pop(0) if parts else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    full = {"type": "http", "method": "GET", "path": "/", "root_path": "", "headers": list(headers), **scope}
    asyncio.run(app(full, receive, send))  # type: ignore[arg-type]
    return sent


def ask(app: ASGIApp, *headers: tuple[bytes, bytes], **more: Any) -> tuple[int, Headers, str]:
    start, body = call(app, *headers, **more)
    assert (start["type"], body["type"]) == ("http.response.start", "http.response.body")
    assert not body.get("more_body")
    return start["status"], start["headers"], body["body"].decode()


def passes(*headers: tuple[bytes, bytes], login: Login | None = None, **more: Any) -> Inner:
    """Check that a request gets the application's answer, and return the application."""
    inner = Inner()
    assert ask(guarded(inner, login=login), *headers, **more) == ANSWER
    assert inner.seen == [more.get("path", "/")]
    return inner


def refused(
    expected: tuple[int, Headers, str], *headers: tuple[bytes, bytes], login: Login | None = None, **more: Any
) -> None:
    """Check that a request is refused exactly so, before the application ran."""
    inner = Inner()
    assert ask(guarded(inner, login=login), *headers, **more) == expected
    assert inner.seen == []


HOST = (b"host", b"localhost:7860")


def test_what_passes_gets_our_headers_in_place_of_its_own() -> None:
    passes(HOST)


def test_lifespan_passes() -> None:
    inner = Inner()
    assert call(guarded(inner), type="lifespan") == []
    assert inner.seen == ["lifespan"]


# Host


@pytest.mark.parametrize(
    "host",
    [
        b"localhost", b"localhost:7860", b"LocalHost:7860", b"localhost.", b"localhost.:7860", b"127.0.0.1",
        b"127.0.0.1:1", b"[::1]", b"[::1]:7860", b"[0:0:0:0:0:0:0:1]:7860",
    ],
)  # fmt: skip
def test_hosts_that_pass(host: bytes) -> None:
    passes((b"host", host))


@pytest.mark.parametrize(
    ("host", "name"),
    [
        (b"evil.com", "evil.com"),
        (b"EVIL.com:7860", "evil.com"),
        (b"127.0.0.1.evil.com", "127.0.0.1.evil.com"),
        (b"127.0.0.1.evil.com:7860", "127.0.0.1.evil.com"),
        (b"localhost.evil.com", "localhost.evil.com"),
        (b"evil.localhost", "evil.localhost"),
        (b"localhost..", "localhost."),
        (b"0.0.0.0", "0.0.0.0"),
        (b"127.1", "127.1"),
        (b"2130706433", "2130706433"),
        (b"[::2]:7860", "'[::2]'"),
    ],
)
def test_other_hosts_are_refused_by_name(host: bytes, name: str) -> None:
    text = f"this host is unknown; allow it with: qa serve --allow-host {name}"
    refused(refusal(403, text), (b"host", host))


@pytest.mark.parametrize(
    "hosts",
    [
        [], [b""], [b"localhost", b"localhost"], [b"localhost", b"evil.com"], [b"ada@localhost"],
        [b"ada:pw@localhost:7860"], [b"localhost:"], [b"localhost:x"], [b"localhost:-1"], [b"localhost:7860:7860"],
        [b"localhost:123456"], [b" localhost"], [b"localhost "], [b"localhost\t"], [b"localhost\n"],
        [b"localhost, evil.com"], [b"localhost/"], [b"localhost#.evil.com"], [b"localhost?x"], [b"localhost\\"],
        [b"http://localhost"], [b"*"], [b"."], [b":7860"], [b"::1"], [b"[::1"], [b"::1]"], [b"[]"], [b"[:]"],
        [b"[::1]x"], [b"[::1]."], [b"[::1%lo]"], [b"[localhost]"], [b"[127.0.0.1]"], [b"l\xc3\xb6calhost"], [b"\xff"],
        [b"local\0host"], [b"localhost%2e"], ["ſ".encode()], ["localhoſt".encode()], [b"a" * 254],
    ],
)  # fmt: skip
def test_what_is_no_host_is_refused(hosts: list[bytes]) -> None:
    refused(refusal(403, NO_HOST), *((b"host", host) for host in hosts))


@pytest.mark.parametrize("host", ["box.local", "BOX.local", "box.local."])
def test_allowed_names_are_compared_like_those_of_requests(host: str) -> None:
    inner = Inner()
    assert ask(guarded(inner, hosts=(host,)), (b"host", b"Box.local:80")) == ANSWER
    assert ask(guarded(inner, hosts=(host,)), HOST)[0] == 403
    assert inner.seen == ["/"]


@pytest.mark.parametrize("host", ["::1", "[::1]", "0:0::1"])
def test_allowed_ipv6_addresses_in_any_form(host: str) -> None:
    assert ask(guarded(Inner(), hosts=(host,)), (b"host", b"[::1]:80")) == ANSWER


@pytest.mark.parametrize(
    "host",
    ["*", "", "*.local", "box:80", "[::1]:80", "http://box", "box/", "ada@box", "bö.x", "a b", "localhoſt", "\udcff"],
)
def test_what_can_not_be_allowed(host: str) -> None:
    with pytest.raises(SettingsError) as caught:
        guarded(Inner(), hosts=("localhost", host))
    text = f"allowed host {host!r} is no host name; give one like box.local, without scheme or port"
    assert str(caught.value) == text


@pytest.mark.parametrize("host", [b"192.168.7.9", b"10.0.0.1:7860", b"[fe80::1]:7860", b"[::ffff:10.0.0.1]"])
def test_any_address_may_be_a_host(host: bytes) -> None:
    inner = Inner()
    everywhere = Guard(
        inner, hosts=["localhost"], login=None, paths=["/"], prefixes=[], max_body=0, upload_paths=[], max_upload=0,
        any_address=True,
    )  # fmt: skip
    assert ask(everywhere, (b"host", host)) == ANSWER
    assert ask(guarded(inner), (b"host", host))[0] == 403
    for name in (b"evil.com", b"10.0.0.1.evil.com", b"10.1", b"010.0.0.1", b"167772161", b"0x0a000001", b"[::1%lo]"):
        assert ask(everywhere, (b"host", name))[0] == 403
    assert ask(everywhere, (b"host", host), (b"origin", b"http://10.0.0.2"))[0] == 403
    assert inner.seen == ["/"]


def test_headers_that_gradio_believes_over_host_do_not_reach_it() -> None:
    lies = [(b"x-forwarded-host", b"evil.com"), (b"X-Gradio-Server", b"http://evil.com")]
    kept = (b"x-forwarded-proto", b"https")
    assert passes(HOST, *lies, kept).headers == [HOST, kept]


EDGES = st.sampled_from(
    [b"localhost", b"LOCALHOST", b"127.0.0.1", b"[::1]", b".", b":", b"80", b"evil", b"@", b"[", b"]", b" "]
)


@given(st.one_of(st.binary(max_size=300), st.lists(EDGES | st.binary(max_size=3), max_size=5).map(b"".join)))
def test_any_host_is_answered_and_only_ours_passes(host: bytes) -> None:
    inner = Inner()
    status, _, _ = ask(guarded(inner), (b"host", host))
    ours = re.fullmatch(rb"(?:localhost\.?|127\.0\.0\.1\.?|\[.*\])(?::[0-9]+)?", host.lower())
    assert status in ({200, 403} if ours else {403})
    assert inner.seen == (["/"] if status == 200 else [])


NAMES = st.sampled_from(
    [b"host", b"origin", b"authorization", b"content-length", b"sec-fetch-site", b"sec-fetch-mode", b"x-forwarded-host"]
)
VALUES = st.one_of(
    st.binary(max_size=20), st.sampled_from([b"localhost", b"http://localhost", b"Basic ", b"9" * 5000, b"0"])
)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=5), st.text(max_size=10), st.booleans())
def test_any_request_is_answered(headers: Headers, path: str, locked: bool) -> None:
    inner = Inner()
    found = ask(guarded(inner, login=LOGIN if locked else None), HOST, *headers, path=f"/assets/{path}")
    assert found[0] in {200, 400, 401, 403, 404, 413}
    assert inner.seen == ([f"/assets/{path}"] if found[0] == 200 else [])
    assert found[1][-len(OURS) :] == OURS


# Origin


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (b"localhost:7860", b"http://localhost:7860"),
        (b"LOCALHOST:7860", b"http://localhost:7860"),
        (b"localhost:7860", b"https://localhost:7860"),
        (b"localhost", b"http://localhost"),
        (b"localhost", b"http://localhost:80"),
        (b"localhost:80", b"http://localhost"),
        (b"localhost", b"https://localhost"),
        (b"localhost", b"https://localhost:443"),
        (b"localhost:443", b"https://localhost"),
        (b"127.0.0.1:7860", b"http://127.0.0.1:7860"),
        (b"[::1]:7860", b"http://[::1]:7860"),
        (b"[::1]", b"https://[::1]:443"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_origins_that_pass(host: bytes, origin: bytes, method: str) -> None:
    passes((b"host", host), (b"origin", origin), method=method)


@pytest.mark.parametrize(
    "origins",
    [
        [b"null"], [b""], [b"*"], [b"http://evil.com"], [b"http://evil.com:7860"], [b"http://localhost"],
        [b"https://localhost"], [b"http://localhost:7861"], [b"http://localhost:786"], [b"http://localhost:78600"],
        [b"http://127.0.0.1:7860"], [b"http://[::1]:7860"], [b"http://localhost.evil.com:7860"],
        [b"http://localhost:7860.evil.com"], [b"http://localhost:7860@evil.com"], [b"http://ada@localhost:7860"],
        [b"file://localhost:7860"], [b"file://"], [b"ftp://localhost:7860"], [b"ws://localhost:7860"],
        [b"chrome-extension://localhost:7860"], [b"localhost:7860"], [b"//localhost:7860"], [b"http:localhost:7860"],
        [b"http://localhost:7860/"], [b"http://localhost:7860 http://evil.com"], [b"http://localhost:7860,null"],
        [b" http://localhost:7860"], [b"http://localhost:7860\n"], [b"http://"], [b"http://\xff"],
        [b"http://localhost:7860", b"http://localhost:7860"], [b"http://localhost:7860", b"http://evil.com"],
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_foreign_origins(origins: list[bytes], method: str) -> None:
    refused(refusal(403, FOREIGN), HOST, *((b"origin", origin) for origin in origins), method=method)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (b"localhost:80", b"https://localhost"),
        (b"localhost:443", b"http://localhost"),
        (b"localhost", b"http://localhost:443"),
        (b"localhost:80", b"http://localhost:0"),
    ],
)
def test_the_default_port_is_that_of_the_origin(host: bytes, origin: bytes) -> None:
    refused(refusal(403, FOREIGN), (b"host", host), (b"origin", origin))


def fetch(site: bytes, mode: bytes = b"", dest: bytes = b"") -> Headers:
    named = {b"sec-fetch-site": site, b"sec-fetch-mode": mode, b"sec-fetch-dest": dest}
    return [HOST, *((name, value) for name, value in named.items() if value)]


@pytest.mark.parametrize(
    ("headers", "method"),
    [
        (fetch(b"same-origin", b"cors", b"empty"), "POST"),
        (fetch(b"same-origin", b"no-cors", b"script"), "GET"),
        (fetch(b"none", b"navigate", b"document"), "GET"),
        (fetch(b"cross-site", b"navigate", b"document"), "GET"),
        (fetch(b"same-site", b"navigate", b"document"), "GET"),
    ],
)
def test_fetches_that_pass(headers: Headers, method: str) -> None:
    passes(*headers, method=method)


@pytest.mark.parametrize(
    ("headers", "method"),
    [
        (fetch(b"cross-site"), "GET"),
        (fetch(b"Cross-Site"), "GET"),
        (fetch(b"same-site"), "GET"),
        (fetch(b"cross-site", b"no-cors", b"image"), "GET"),
        (fetch(b"cross-site", b"no-cors", b"script"), "GET"),
        (fetch(b"cross-site", b"cors", b"empty"), "GET"),
        (fetch(b"cross-site", b"navigate", b"iframe"), "GET"),
        (fetch(b"cross-site", b"navigate"), "GET"),
        (fetch(b"cross-site", b"", b"document"), "GET"),
        (fetch(b"cross-site", b"navigate", b"document"), "POST"),
        (fetch(b"cross-site", b"navigate", b"document"), "HEAD"),
        (fetch(b"same-site", b"cors", b"empty"), "POST"),
        ([*fetch(b"same-origin"), (b"sec-fetch-site", b"cross-site")], "GET"),
        ([*fetch(b"cross-site", b"navigate", b"document"), (b"sec-fetch-dest", b"iframe")], "GET"),
        ([*fetch(b"cross-site", b"navigate", b"document"), (b"origin", b"null")], "GET"),
    ],
)
def test_foreign_fetches(headers: Headers, method: str) -> None:
    refused(refusal(403, FOREIGN), *headers, method=method)


# Login


def basic(text: str, scheme: str = "Basic ") -> tuple[bytes, bytes]:
    return (b"authorization", scheme.encode() + base64.b64encode(text.encode()))


@pytest.mark.parametrize("scheme", ["Basic ", "basic ", "BASIC ", "Basic   "])
def test_the_login_passes(scheme: str) -> None:
    passes(HOST, basic("ada:pa:ss:wörd", scheme), login=LOGIN)


RIGHT = base64.b64encode("ada:pa:ss:wörd".encode())


@pytest.mark.parametrize(
    "text",
    ["ada:pa:ss:word", "ada:pa:ss:wörd ", "ada:pa", "Ada:pa:ss:wörd", ":pa:ss:wörd", "ada:", "ada", ":", "", "ada:\0"],
)
def test_another_login_is_asked_again(text: str) -> None:
    refused(refusal(401, NO_LOGIN, ASK), HOST, basic(text), login=LOGIN)


@pytest.mark.parametrize(
    "value",
    [
        b"", b"Basic", b"Basic ", b"Basic" + RIGHT, b"Bearer " + RIGHT, RIGHT, b"Basic ada:pa:ss:word", b"Basic a",
        b"Basic \xff\xfe", b"Basic \xc3\xa4", b"Basic " + RIGHT[:-1], b"Basic " + RIGHT[:4] + b" " + RIGHT[4:],
        b"Basic " + RIGHT + b"!", b"Basic =====", b"Basic " + base64.b64encode("ada:pa:ss:wörd".encode("latin-1")),
        b"Basic " + base64.b64encode(b"\xff\xfe:\0"), b"Basic " + RIGHT + b", Basic " + RIGHT,
    ],
)  # fmt: skip
def test_what_is_no_login_is_asked_again(value: bytes) -> None:
    refused(refusal(401, NO_LOGIN, ASK), HOST, (b"authorization", value), login=LOGIN)


@pytest.mark.parametrize(
    "headers", [[], [(b"authorization", b"Basic " + RIGHT)] * 2, [(b"proxy-authorization", b"Basic " + RIGHT)]]
)
def test_any_other_login_is_asked_again(headers: Headers) -> None:
    refused(refusal(401, NO_LOGIN, ASK), HOST, *headers, login=LOGIN)


def test_without_a_login_nobody_is_asked() -> None:
    passes(HOST, (b"authorization", b"Basic !"))


@pytest.mark.parametrize("path", ["/", "/config", "/upload", "/assets/a.js", "/gradio_api/mcp/", "/no", "/../etc"])
def test_every_path_needs_the_login(path: str) -> None:
    refused(refusal(401, NO_LOGIN, ASK), HOST, path=path, method="POST", login=LOGIN)


def test_the_order_of_the_checks() -> None:
    guard = guarded(Inner(), login=LOGIN)
    wrong: Headers = [(b"content-length", b"x")]
    assert ask(guard, HOST, basic("ada:pa:ss:wörd"), *wrong) == refusal(400, BAD_LENGTH, CLOSE)
    assert ask(guard, HOST, basic("ada:pa:ss:wörd"), *wrong, path="/no") == refusal(404, NOWHERE)
    wrong.append(basic("eve:guess"))
    assert ask(guard, HOST, *wrong, path="/no") == refusal(401, NO_LOGIN, ASK)
    wrong.append((b"origin", b"null"))
    assert ask(guard, HOST, *wrong, path="/no") == refusal(403, FOREIGN)
    assert ask(guard, *wrong, path="/no") == refusal(403, NO_HOST)


# Paths


@pytest.mark.parametrize(
    "path",
    ["/", "/config", "/upload", "/assets/a.js", "/assets/", "/gradio_api/mcp/", "/assets/a b/ü%41.js", "/assets/..."],
)
def test_paths_that_pass(path: str) -> None:
    passes(HOST, path=path)


@pytest.mark.parametrize(
    "path",
    [
        "", "*", "config", "/Config", "/config/", "/configs", "/assets", "/gradio_api", "/docs", "/openapi.json",
        "/file=/etc/passwd", "//", "//x", "//evil.com/", "/assets//x", "//assets/x", "/gradio_api/file=https://evil.com",
        "/assets/..", "/assets/../config", "/assets/../../etc/passwd", "/assets/./a", "/assets/.", "/..", "/../",
        "/assets/..\\x", "\\assets\\x", "/assets/\\\\host\\share", "/assets/a\0b", "/assets/a\nb", "/assets/a\n",
        "/assets/%2e%2e/config", "/assets/%2E%2E", "/assets/.%2e/x", "/assets/%2e%2e%2fconfig", "/assets/%5cx",
        "/assets/%2fx", "/assets%2f..%2f", "/assets/%00", "/assets/%2e%2e", "http://localhost/config", "http://evil/",
        "/gradio_api/file=C:\\Windows",
    ],
)  # fmt: skip
def test_other_paths_are_not_there(path: str) -> None:
    refused(refusal(404, NOWHERE), HOST, path=path)


@pytest.mark.parametrize(
    ("root", "path", "status"),
    [
        ("/qa", "/qa/config", 200),
        ("/qa", "/qa/assets/a.js", 200),
        ("/qa", "/qa/", 200),
        ("/qa", "/config", 200),  # as starlette routes it, where a proxy has stripped the root already
        ("/qa", "/qa", 404),
        ("/qa", "/qaconfig", 404),
        ("/qa", "/qa/qa/config", 404),
        ("/qa", "/qa//config", 404),
        ("/qa", "/qa/../config", 404),
        ("/config", "/config", 404),
        ("", "/config", 200),
    ],
)
def test_the_root_path_is_no_part_of_the_path(root: str, path: str, status: int) -> None:
    inner = Inner()
    assert ask(guarded(inner), HOST, path=path, root_path=root)[0] == status
    assert inner.seen == ([path] if status == 200 else [])


def test_paths_as_a_client_sends_them() -> None:
    inner = Inner()

    async def statuses(*paths: str) -> list[int]:
        transport = httpx.ASGITransport(guarded(inner))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:7860") as client:
            return [(await client.get(path)).status_code for path in paths]

    tricks = ("/%2e%2e/", "/assets/%2e%2e/config", "/assets/%252e%252e/config", "/assets/a%5cb", "/assets/%00")
    assert asyncio.run(statuses(*tricks, "/gradio_api/file=/etc/passwd", "/conf%69g")) == [404] * 5 + [200, 200]
    assert inner.seen == ["/gradio_api/file=/etc/passwd", "/config"]


def test_a_file_route_that_is_not_listed_is_not_there() -> None:
    guard = Guard(
        Inner(), hosts=["localhost"], login=None, paths=["/"], prefixes=[], max_body=0, upload_paths=[], max_upload=0
    )
    assert ask(guard, HOST) == ANSWER
    for path in ("/gradio_api/file=/etc/passwd", "/gradio_api/upload", "/gradio_api/mcp/"):
        assert ask(guard, HOST, path=path) == refusal(404, NOWHERE)


# Sizes


def length(value: bytes) -> tuple[bytes, bytes]:
    return (b"content-length", value)


@pytest.mark.parametrize("value", [b"0", b"10", b"000000000000000000000000000010", b"0" * 5000])
def test_lengths_that_pass(value: bytes) -> None:
    passes(HOST, length(value))


@pytest.mark.parametrize("value", [b"11", b"0011", b"9" * 30, b"9" * 5000])
def test_a_length_over_the_limit(value: bytes) -> None:
    refused(refusal(413, TOO_LARGE, CLOSE), HOST, length(value), method="POST")


@pytest.mark.parametrize(
    "values",
    [[b""], [b"-1"], [b"+1"], [b"1.0"], [b"1e1"], [b"0x1"], [b" 1"], [b"1 "], [b"1_0"], [b"x"], [b"1, 1"], [b"inf"],
     [b"\xb2"], ["١".encode()], [b"1\n"], [b"1", b"1"], [b"1", b"99"]],
)  # fmt: skip
def test_what_is_no_length(values: list[bytes]) -> None:
    refused(refusal(400, BAD_LENGTH, CLOSE), HOST, *map(length, values), method="POST")


def test_the_body_comes_through_whole() -> None:
    assert passes(HOST, body=(b"12345", b"", b"67890"), method="POST").body == b"1234567890"


@pytest.mark.parametrize("headers", [[], [(b"transfer-encoding", b"chunked")], [length(b"3")]])
def test_a_body_is_counted_whatever_its_headers_say(headers: Headers) -> None:
    inner = Inner()
    found = ask(guarded(inner), HOST, *headers, body=(b"12345", b"67890", b"1", b"23"), method="POST")
    assert found == refusal(413, TOO_LARGE, CLOSE)
    assert inner.seen == ["/"]
    assert inner.body == b"1234567890"


def test_uploads_have_their_own_limit() -> None:
    assert passes(HOST, body=(b"x" * 100,), path="/upload", method="POST").body == b"x" * 100
    passes(HOST, length(b"100"), path="/up/upload", root_path="/up", method="POST")
    large = refusal(413, "the request is larger than 100 bytes; send less", CLOSE)
    refused(large, HOST, length(b"101"), path="/upload", method="POST")
    assert ask(guarded(Inner()), HOST, body=(b"x" * 101,), path="/upload", method="POST") == large
    for path in ("/config", "/assets/upload", "/gradio_api/upload"):
        refused(refusal(413, TOO_LARGE, CLOSE), HOST, length(b"11"), path=path)


def test_uploads_together_have_a_limit(tmp_path: Path) -> None:
    inner = Inner()
    guard = Guard(
        inner, hosts=["localhost"], login=None, paths=["/", "/upload"], prefixes=[], max_body=10,
        upload_paths=["/upload"], max_upload=100, uploads=tmp_path, max_uploads=250,
    )  # fmt: skip
    text = "more than 250 bytes of uploads would wait here; add those that do, or try again in an hour"
    full = refusal(413, text, CLOSE)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "one").write_bytes(b"x" * 160)
    assert ask(guard, HOST, length(b"90"), path="/upload", method="POST") == ANSWER
    assert ask(guard, HOST, length(b"91"), path="/upload", method="POST") == full
    assert ask(guard, HOST, path="/upload", method="POST") == full  # it may have as much as one may
    assert ask(guard, HOST, method="POST") == ANSWER
    (tmp_path / "folder" / "one").unlink()
    assert ask(guard, HOST, path="/upload", method="POST") == ANSWER
    assert inner.seen == ["/upload", "/", "/upload"]


def test_uploads_that_are_coming_are_counted(tmp_path: Path) -> None:
    found = []

    async def taking(scope: Scope, receive: Receive, send: Send) -> None:
        found.append(await asyncio.to_thread(ask, guard, HOST, length(b"60"), path="/upload", method="POST"))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    guard = Guard(
        taking, hosts=["localhost"], login=None, paths=["/upload"], prefixes=[], max_body=10, upload_paths=["/upload"],
        max_upload=100, uploads=tmp_path, max_uploads=100,
    )  # fmt: skip
    assert ask(guard, HOST, length(b"60"), path="/upload", method="POST")[0] == 200
    assert [status for status, *_ in found] == [413]


def test_a_generated_body_over_the_limit_is_not_read_to_its_end() -> None:
    given_parts = 0

    async def parts() -> AsyncIterator[bytes]:
        nonlocal given_parts
        while True:
            given_parts += 1
            yield b"1234"

    async def post() -> httpx.Response:
        transport = httpx.ASGITransport(guarded(inner))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.post("/", content=parts())

    inner = Inner()
    found = asyncio.run(post())
    assert (found.status_code, found.text) == (413, f"{TOO_LARGE}\n")
    assert found.headers["connection"] == "close"
    assert (given_parts, inner.body) == (3, b"12341234")


def test_what_an_application_says_after_a_refusal_is_dropped() -> None:
    """Starlette turns a client's leaving into an error page or a log line; neither may follow the 413."""

    async def catching(scope: Scope, receive: Receive, send: Send) -> None:
        kinds = [(await receive())["type"] for _ in range(4)]
        assert kinds == ["http.request", "http.disconnect", "http.disconnect", "http.disconnect"]
        await send({"type": "http.response.start", "status": 400, "headers": []})
        await send({"type": "http.response.body", "body": b"late"})

    assert ask(guarded(catching), HOST, body=(b"123", b"x" * 10, b"x", b"x")) == refusal(413, TOO_LARGE, CLOSE)

    async def read(request: Request) -> PlainTextResponse:
        return PlainTextResponse(await request.body())

    app = guarded(Starlette(routes=[Route("/", read, methods=["POST"])]))
    assert ask(app, HOST, body=(b"123", b"x" * 10), method="POST") == refusal(413, TOO_LARGE, CLOSE)


def test_an_answer_that_has_begun_stays_unfinished() -> None:
    async def eager(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while (await receive())["type"] == "http.request":
            await send({"type": "http.response.body", "body": b"more", "more_body": True})
        await send({"type": "http.response.body", "body": b"end"})

    assert call(guarded(eager), HOST, body=(b"123", b"x" * 10, b"x")) == [
        {"type": "http.response.start", "status": 200, "headers": OURS},
        {"type": "http.response.body", "body": b"more", "more_body": True},
    ]


def test_an_error_of_the_application_stays_its_own() -> None:
    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        raise LookupError("a fault of ours")

    with pytest.raises(LookupError, match="a fault of ours"):
        ask(guarded(failing), HOST)


def test_an_error_page_carries_our_headers() -> None:
    async def fail(request: Request) -> PlainTextResponse:
        raise LookupError("a fault of ours")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [HOST]}
    with pytest.raises(LookupError):
        asyncio.run(guarded(Starlette(routes=[Route("/", fail)]))(scope, receive, send))
    assert sent[0]["status"] == 500
    assert sent[0]["headers"][-len(OURS) :] == OURS


# Streams and websockets


def test_events_are_passed_on_as_they_come() -> None:
    """The stream ends only when its first event has been seen outside."""
    seen = asyncio.Event()
    sent: list[Message] = []

    async def events() -> AsyncIterator[str]:
        yield "data: one\n\n"
        await asyncio.wait_for(seen.wait(), 5)
        yield "data: two\n\n"

    async def stream(request: Request) -> StreamingResponse:
        return StreamingResponse(events(), media_type="text/event-stream")

    async def send(message: Message) -> None:
        sent.append(message)
        if message.get("body") == b"data: one\n\n":
            seen.set()

    async def receive() -> Message:
        await asyncio.sleep(5)
        return {"type": "http.disconnect"}

    app = guarded(Starlette(routes=[Route("/", stream)]))
    asyncio.run(app({"type": "http", "method": "GET", "path": "/", "headers": [HOST]}, receive, send))
    assert sent == [
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"text/event-stream; charset=utf-8"), *OURS],
        },
        {"type": "http.response.body", "body": b"data: one\n\n", "more_body": True},
        {"type": "http.response.body", "body": b"data: two\n\n", "more_body": True},
        {"type": "http.response.body", "body": b"", "more_body": False},
    ]


@pytest.mark.parametrize(
    "headers",
    [[], [(b"host", b"evil.com")], [HOST, (b"origin", b"http://evil.com")], [HOST, (b"sec-fetch-site", b"cross-site")],
     [HOST, basic("ada:guess")], [HOST]],
)  # fmt: skip
def test_websockets_are_refused_before_they_open(headers: Headers) -> None:
    inner = Inner()
    found = call(guarded(inner, login=LOGIN), *headers, type="websocket")
    assert found == [{"type": "websocket.close", "code": 1008}]
    assert inner.seen == []


def test_a_websocket_at_an_unknown_path_is_refused() -> None:
    inner = Inner()
    assert call(guarded(inner), HOST, type="websocket", path="/ws") == [{"type": "websocket.close", "code": 1008}]
    assert inner.seen == []


def test_a_websocket_of_our_own_page_passes() -> None:
    inner = Inner()
    headers = [
        HOST,
        (b"origin", b"http://localhost:7860"),
        (b"sec-fetch-site", b"same-origin"),
        basic("ada:pa:ss:wörd"),
    ]
    found = call(guarded(inner, login=LOGIN), *headers, type="websocket", path="/gradio_api/ws")
    assert found == [{"type": "websocket.accept", "headers": OURS}]
    assert inner.seen == ["/gradio_api/ws"]


def test_a_websocket_may_say_more_than_a_body_may_hold() -> None:
    heard: list[str] = []

    async def listen(socket: WebSocket) -> None:
        await socket.accept()
        heard.append(await socket.receive_text())
        await socket.close()

    messages = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "x" * 50}]
    sent: list[Message] = []

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    app = guarded(Starlette(routes=[WebSocketRoute("/", listen)]))
    asyncio.run(app({"type": "websocket", "path": "/", "headers": [HOST]}, receive, send))
    assert heard == ["x" * 50]
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]


# Behind a real server


@pytest.fixture
def served() -> Iterator[tuple[Inner, int]]:
    """An application behind guard and uvicorn, and its port."""
    inner = Inner()
    config = uvicorn.Config(
        guarded(inner), port=0, http="h11", ws="none", lifespan="off", log_config=None, server_header=False,
        date_header=False,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield inner, server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def talk(port: int, *parts: bytes) -> tuple[bytes, Headers, str]:
    """Return status line, sorted headers and text that a server answers to some bytes before it hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        for part in parts:
            connection.sendall(part)
        found = b""
        while more := connection.recv(65536):
            found += more
    head, _, body = found.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    pairs = (line.partition(b": ") for line in lines)
    return status, sorted((name.lower(), value) for name, _, value in pairs), body.decode()


def hung_up(status: int, text: str) -> tuple[bytes, Headers, str]:
    _, headers, body = refusal(status, text, CLOSE)
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode(), sorted(headers), body


@pytest.mark.parametrize("path", ["/%2e%2e/etc/passwd", "/../etc/passwd", "//config", "/assets/..%5cx", "http://x/"])
def test_a_real_server_hides_paths(served: tuple[Inner, int], path: str) -> None:
    inner, port = served
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    assert talk(port, head) == hung_up(404, NOWHERE)
    assert inner.seen == []


def test_a_real_server_ends_a_body_without_end(served: tuple[Inner, int]) -> None:
    inner, port = served
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert talk(port, head, b"8\r\n12345678\r\n", b"8\r\n12345678\r\n") == hung_up(413, TOO_LARGE)
    assert inner.seen == ["/"]
    assert inner.body in {b"", b"12345678"}


def test_a_real_server_refuses_a_long_body_before_it_comes(served: tuple[Inner, int]) -> None:
    inner, port = served
    head = b"POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\nExpect: 100-continue\r\n\r\n"
    assert talk(port, head) == hung_up(413, "the request is larger than 100 bytes; send less")
    assert inner.seen == []


# Reading the login


def put(path: Path, text: str | bytes) -> str:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(0o600)
    return str(path)


def message(source: str | None, environment: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        read_login(source, environment)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_a_login_there_is_none() -> None:
    assert read_login(None, {}) is None
    assert read_login(None, {"SEEDQA_K": "ada:secret"}) is None


@pytest.mark.parametrize(
    ("text", "password"),
    [
        ("ada:secret", "secret"),
        ("ada:secret\n", "secret"),
        ("ada:secret\r\nsecond:line\n", "secret"),
        ("\ufeffada:secret\r\n", "secret"),
        ("ada:pa:ss:wörd\n", "pa:ss:wörd"),
        ("ada: spaces stay \n", " spaces stay "),
        ("ada:日本🙂", "日本🙂"),
    ],
)
def test_the_first_line_of_a_file(tmp_path: Path, text: str, password: str) -> None:
    source = put(tmp_path / "login", text)
    assert read_login(source, {"SEEDQA_AUTH": "not:read"}) == Login(user="ada", password=password)


def test_a_file_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    put(tmp_path / "login", "ada:secret")
    assert read_login("~/login", {}) == Login(user="ada", password="secret")


def test_the_variable() -> None:
    assert read_login(None, {"SEEDQA_AUTH": "ada:pa:ss:wörd"}) == LOGIN


FAULTS = {
    "": "no colon", "secret": "no colon", ":": "an empty user", ":secret": "an empty user", "ada:": "an empty password",
    "ada:sec\tret": "a control character or broken text", "ada:sec\0ret": "a control character or broken text",
    "a\x7fda:secret": "a control character or broken text", "ada:secret\x85": "a control character or broken text",
}  # fmt: skip


@pytest.mark.parametrize("text", FAULTS)
def test_a_file_that_holds_no_login(tmp_path: Path, text: str) -> None:
    source = put(tmp_path / "login", f"{text}\nada:secret\n")
    assert message(source, {}) == f"password file {source} has {FAULTS[text]}; expected user:password"


@pytest.mark.parametrize("text", [*FAULTS, "ada:secret\n", "ada:secret\udcff"])
def test_a_variable_that_holds_no_login(text: str) -> None:
    fault = FAULTS.get(text, "a control character or broken text")
    assert message(None, {"SEEDQA_AUTH": text}) == f"$SEEDQA_AUTH has {fault}; expected user:password"


def test_a_file_in_another_encoding(tmp_path: Path) -> None:
    source = put(tmp_path / "login", "ada:wörd".encode("latin-1"))
    with pytest.raises(SettingsError) as caught:
        read_login(source, {})
    assert str(caught.value) == f"password file {source} is not UTF-8; save it as UTF-8"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    source = str(tmp_path / "login")
    text = f"password file {source} can't be read ({os.strerror(2)}); give a file whose first line is user:password"
    assert message(source, {"SEEDQA_AUTH": "ada:secret"}) == text


@pytest.mark.parametrize("source", ["", ".", "a\0b"])
def test_a_file_that_can_not_be_one(source: str) -> None:
    assert message(source, {}).startswith(f"password file {source} can't be read (")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o622, 0o777])
def test_a_file_that_others_can_read(tmp_path: Path, mode: int) -> None:
    source = put(tmp_path / "my login", "ada:secret")
    Path(source).chmod(mode)
    text = f"password file {source} is open to other users; close it with: chmod 600 '{source}'"
    assert message(source, {}) == text


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_file_of_ones_own(tmp_path: Path, mode: int) -> None:
    source = put(tmp_path / "login", "ada:secret")
    Path(source).chmod(mode)
    try:
        assert read_login(source, {}) == Login(user="ada", password="secret")
    finally:
        Path(source).chmod(0o600)


def test_the_password_is_not_shown() -> None:
    assert repr(LOGIN) == "Login(user='ada')"
