"""Lets the page run the scripts that came with it, and no others.

Gradio's page has scripts in it, so a policy must allow them. Instead of all inline scripts, and with them every event
handler that a document might smuggle in, it allows just these: by the hash of each, taken as the page goes out.
Gradio compiles templates in the browser, which needs 'unsafe-eval': without it the page stays empty.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from html.parser import HTMLParser

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qa.guard import path_below_root

_POLICY = b"content-security-policy"
_EFFORT = 4
_PACKED = ((b"content-encoding", b"gzip"), (b"vary", b"accept-encoding"))


class Policy:
    """An ASGI application around another, in whose page scripts are allowed by their hashes, and ``extra`` ones."""

    def __init__(self, app: ASGIApp, *, extra: tuple[str, ...] = ()) -> None:
        """``extra`` are scripts that the page itself puts into its document later."""
        self._app = app
        self._extra = tuple(map(_source, extra))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or path_below_root(scope) != "/":
            await self._app(scope, receive, send)
            return
        kept: list[Message] = []

        async def hashed_send(message: Message) -> None:
            kept.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                start, *parts = kept
                page = b"".join(part.get("body", b"") for part in parts)
                headers = self._allowed(start["headers"], page)
                if packed:
                    page = gzip.compress(page, _EFFORT)
                    length = (b"content-length", b"%d" % len(page))
                    headers = [*(pair for pair in headers if pair[0] != b"content-length"), length, *_PACKED]
                await send({**start, "headers": headers})
                await send({"type": "http.response.body", "body": page})

        accepted = b",".join(value for name, value in scope["headers"] if name == b"accept-encoding")
        packed = scope["method"] == "GET" and b"gzip" in accepted
        plain = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
        await self._app({**scope, "headers": plain}, receive, hashed_send)

    def _allowed(self, headers: list[tuple[bytes, bytes]], page: bytes) -> list[tuple[bytes, bytes]]:
        if not dict(headers).get(b"content-type", b"").startswith(b"text/html"):
            return headers
        scripts = _Scripts()
        scripts.feed(page.decode("utf-8", "replace"))
        hashes = dict.fromkeys((*map(_source, scripts.found), *self._extra))
        allowed = "".join(f" {source}" for source in ("'unsafe-eval'", *hashes)).encode()
        return [
            (name, value.replace(b"script-src 'self'", b"script-src 'self'" + allowed) if name == _POLICY else value)
            for name, value in headers
        ]


class _Scripts(HTMLParser):
    """Collects the text of each script that stands in a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "script" and "src" not in dict(attrs)
        if self._inside:
            self.found.append("")

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found[-1] += data

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - no script ends but by its own tag
        self._inside = False


def _source(script: str) -> str:
    """Return how a policy names a script."""
    digest = hashlib.sha256(script.replace("\r\n", "\n").encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
