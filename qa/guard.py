"""The guard in front of every route: host, origin, login, path and size are checked before Gradio sees a request.

Gradio checks neither Host nor Origin, so that any site could ask through a visitor's browser (DNS rebinding), and
its uploads have no limit. The guard goes around the whole application, so that error pages carry its headers too.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import ipaddress
import os
import re
import shlex
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from index.errors import SettingsError

_HOST = re.compile(r"([a-z0-9_-][a-z0-9._-]{0,252}|\[[0-9a-f:.]{2,45}\])(?::([0-9]{1,5}))?", re.IGNORECASE | re.ASCII)
_ORIGIN = re.compile(r"(?:http|(https))://(.+)", re.IGNORECASE)
_ODD = re.compile(r"//|\\|[\0-\x1f]|/\.\.?(?:/|\Z)|[^/]{200}")
"""What lets a router, proxy or file system read a path as another one, or is longer than a file's name can be."""
_BELIEVED = {b"x-forwarded-host", b"x-gradio-server"}
"""What Gradio believes over Host, up to connecting there itself; the application never sees these headers."""
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    # No answer may have scripts in it but the page, see qa.page.policy. Gradio styles elements one by one.
    (b"content-security-policy", b"default-src 'self'; script-src 'self'; "
     b"style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "
     b"worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"),
)  # fmt: skip
_REPLACED = {b"server", *dict(_HEADERS)}


class _Refusal(NamedTuple):
    status: int
    text: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


_CLOSE = ((b"connection", b"close"),)
_BASIC = ((b"www-authenticate", b'Basic realm="SeedQA", charset="UTF-8"'),)
_NO_HOST = _Refusal(403, "the request names no single valid host; allow one with: qa serve --allow-host NAME")
_FOREIGN = _Refusal(403, "the request comes from another site; use the page itself; a proxy must keep the Host header")
_NO_LOGIN = _Refusal(401, "user and password are missing or wrong; ask whoever runs this server for them", _BASIC)
_NOWHERE = _Refusal(404, "nothing is served at this path; the page is at /")
_BAD_LENGTH = _Refusal(400, "Content-Length is not one whole number; send the size of the body in bytes", _CLOSE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The one user who may ask."""

    user: str
    password: str = field(repr=False)


def read_login(source: str | None, environment: Mapping[str, str]) -> Login | None:
    """Return the login from the first line of the file ``source``, else from SEEDQA_AUTH, both ``user:password``.

    Without either there is none; a variable that is set but empty is an error, lest a lost secret open the door.
    Raises SettingsError, which never names the password.
    """
    if source is None:
        value = environment.get("SEEDQA_AUTH")
        return None if value is None else _parse_login(value, "$SEEDQA_AUTH")
    where = f"password file {source}"
    try:
        with Path(source).expanduser().open("rb") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o066:
                raise SettingsError(f"{where} is open to other users; close it with: chmod 600 {shlex.quote(source)}")
            line = file.readline().decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:  # it quotes the password, so it is not kept as the cause
        raise SettingsError(f"{where} is not UTF-8; save it as UTF-8") from None
    except (OSError, RuntimeError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise SettingsError(f"{where} can't be read ({why}); give a file whose first line is user:password") from error
    return _parse_login(line, where)


def _parse_login(line: str, where: str) -> Login:
    user, colon, password = line.partition(":")
    if not colon or not user or not password:
        lacks = "no colon" if not colon else "an empty password" if user else "an empty user"
        raise SettingsError(f"{where} has {lacks}; expected user:password")
    if re.search(r"[\0-\x1f\x7f-\x9f\ud800-\udfff]", line):
        raise SettingsError(f"{where} has a control character or broken text; expected user:password")
    return Login(user=user, password=password)


class Guard:
    """An ASGI application around another, which runs only for requests that pass every check.

    In this order: Host is one of ``hosts``, or with ``any_address`` an IP address (else 403); Origin, if given, is that
    host (403); user and password are those of ``login``, if given, but to read ``open_paths`` (401); the path is one of
    ``paths`` or starts with one of ``prefixes`` (404); the body has at most ``max_body`` bytes, or ``max_upload`` at
    ``upload_paths`` (413); the files in the folder ``uploads``, with those that are coming, have at most
    ``max_uploads`` bytes (413). Websockets are closed with 1008.
    """

    def __init__(
        self, app: ASGIApp, *, hosts: Collection[str], login: Login | None, paths: Collection[str],
        prefixes: Collection[str], max_body: int, upload_paths: Collection[str], max_upload: int,
        any_address: bool = False, uploads: Path | None = None, max_uploads: int = 0,
        open_paths: Collection[str] = (),
    ) -> None:  # fmt: skip
        """Raise SettingsError where one of ``hosts`` is no plain name; paths are those below the root path."""
        self._app, self._login = app, login
        self._hosts = frozenset(map(_plain_host, hosts))
        self._paths, self._prefixes, self._upload_paths = frozenset(paths), tuple(prefixes), frozenset(upload_paths)
        self._open_paths = frozenset(open_paths)
        self._max_body, self._max_upload = max_body, max_upload
        self._any_address, self._uploads, self._max_uploads, self._coming = any_address, uploads, max_uploads, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or have the application answer it; its answer is passed on as it comes."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        path = path_below_root(scope)
        limit = self._max_upload if path in self._upload_paths else self._max_body
        exchange, refusal = _Exchange(receive, send, limit), self._check(scope, path, limit)
        headers = [(name, value) for name, value in scope["headers"] if name.lower() not in _BELIEVED]
        scope = {**scope, "headers": headers}
        if refusal is None and path in self._upload_paths and scope.get("method") == "POST":
            await self._upload(scope, exchange, limit)
        elif refusal is None:
            await exchange.run(self._app, scope)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await exchange.refuse(refusal)

    async def _upload(self, scope: Scope, exchange: _Exchange, limit: int) -> None:
        """Have the application take files if there is room for them; it is theirs until they lie in the folder."""
        lengths = _values(scope, "content-length")
        coming = int(float(lengths[0])) if lengths else limit
        self._coming += coming
        try:
            lying = await asyncio.to_thread(_size, self._uploads) if self._uploads else 0
            if self._uploads and lying + self._coming > self._max_uploads:
                await exchange.refuse(_full(self._max_uploads))
            else:
                await exchange.run(self._app, scope)
        finally:
            self._coming -= coming

    def _check(self, scope: Scope, path: str, limit: int) -> _Refusal | None:
        """Return why a request is refused before its body is read."""
        hosts = _values(scope, "host")
        host = _parse_host(hosts[0]) if len(hosts) == 1 else None
        if host is None:
            return _NO_HOST
        if host[0] not in self._hosts and not (self._any_address and _is_address(host[0])):
            return _Refusal(403, f"this host is unknown; allow it with: qa serve --allow-host {shlex.quote(host[0])}")
        if _is_foreign(scope, hosts[0]):
            return _FOREIGN
        is_open = path in self._open_paths and scope.get("method") in ("GET", "HEAD")
        login = None if is_open else self._login
        if login is not None and not _is_login(_values(scope, "authorization"), login):
            return _NO_LOGIN
        known = path in self._paths or path.startswith(self._prefixes)
        if not known or _ODD.search(path) or _ODD.search(unquote(path)):
            return _NOWHERE
        lengths = _values(scope, "content-length")
        if len(lengths) > 1 or not all(length.isascii() and length.isdigit() for length in lengths):
            return _BAD_LENGTH
        return _too_large(limit) if any(float(length) > limit for length in lengths) else None


def path_below_root(scope: Scope) -> str:
    """Return the path of a request as starlette's router sees it, without that of a proxy in front of it."""
    root, path = str(scope.get("root_path", "")), str(scope["path"])
    return path[len(root) :] if f"{path}/".startswith(f"{root}/") else path


class _Exchange:
    """A request whose body is counted as it comes, and refused over the limit; its answer gets our headers."""

    def __init__(self, receive: Receive, send: Send, limit: int) -> None:
        self._source, self._sink, self._limit = receive, send, limit
        self._received, self._begun, self._over = 0, False, False

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        try:
            await app(scope, self._receive, self._send)
        except Exception:
            if not self._over:  # else it is how an application takes leave of a client who is gone
                raise

    async def refuse(self, refusal: _Refusal) -> None:
        body = refusal.text.encode() + b"\n"
        length = (b"content-length", b"%d" % len(body))
        headers = [(b"content-type", b"text/plain; charset=utf-8"), length, *refusal.headers]
        await self._pass_on({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await self._pass_on({"type": "http.response.body", "body": body})

    async def _receive(self) -> Message:
        message: Message = {"type": "http.disconnect"} if self._over else await self._source()
        self._received += len(message.get("body", b""))
        if self._received > self._limit and not self._over:
            self._over, message = True, {"type": "http.disconnect"}
            if not self._begun:
                await self.refuse(_too_large(self._limit))
        return message

    async def _send(self, message: Message) -> None:
        if not self._over:  # an answer that had begun stays unfinished, so that the server ends the connection
            self._begun = True
            await self._pass_on(message)

    async def _pass_on(self, message: Message) -> None:
        if message["type"] in {"http.response.start", "websocket.accept", "websocket.http.response.start"}:
            given = [(name.lower(), value) for name, value in message.get("headers", ())]
            kept = [pair for pair in given if pair[0] not in _REPLACED and not pair[0].startswith(b"access-control-")]
            message = {**message, "headers": [*kept, *_HEADERS]}
        await self._sink(message)


def _too_large(limit: int) -> _Refusal:
    return _Refusal(413, f"the request is larger than {limit} bytes; send less", _CLOSE)


def _full(limit: int) -> _Refusal:
    line = f"more than {limit} bytes of uploads would wait here; add those that do, or try again in an hour"
    return _Refusal(413, line, _CLOSE)


def _size(folder: Path) -> int:
    """Return how many bytes the files in a folder have."""
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # it has just been taken away
                size += Path(place, name).lstat().st_size
    return size


def _values(scope: Scope, name: str) -> list[str]:
    return [value.decode("latin-1") for found, value in scope["headers"] if found.lower() == name.encode()]


def _parse_host(value: str, port: int = 0) -> tuple[str, int] | None:
    """Return the name of a Host header as we compare it, and its port; nothing where it is none."""
    found = _HOST.fullmatch(value)
    if found is None:
        return None
    name = found[1].lower().removesuffix(".")
    try:
        same = f"[{ipaddress.IPv6Address(name[1:-1])}]" if name[0] == "[" else name
    except ValueError:
        return None
    return same, int(found[2] or port)


def _is_address(name: str) -> bool:
    """Tell whether a Host header names an address. What it leads to is no other site's page.

    DNS rebinding needs a name, whose address changes once the page is loaded. A page from an address of its own can
    ask ours only as a foreign origin.
    """
    with suppress(ValueError):
        return bool(ipaddress.ip_address(name.strip("[]")))
    return False


def _plain_host(host: str) -> str:
    found = _parse_host(f"[{host}]", -1) or _parse_host(host, -1)
    if found is None or found[1] != -1:
        raise SettingsError(f"allowed host {host!r} is no host name; give one like box.local, without scheme or port")
    return found[0]


def _is_foreign(scope: Scope, host: str) -> bool:
    """Tell whether another site is behind a request; that a visitor follows its link to a page here is fine."""
    if origins := _values(scope, "origin"):
        found = _ORIGIN.fullmatch(origins[0])
        port = 443 if found and found[1] else 80
        if len(origins) > 1 or found is None or _parse_host(found[2], port) != _parse_host(host, port):
            return True
    if not {"cross-site", "same-site"} & {site.strip().lower() for site in _values(scope, "sec-fetch-site")}:
        return False
    mode, dest = _values(scope, "sec-fetch-mode"), _values(scope, "sec-fetch-dest")
    return (scope.get("method"), mode, dest) != ("GET", ["navigate"], ["document"])


def _is_login(values: list[str], login: Login) -> bool:
    scheme, _, token = "".join(values[:1]).partition(" ")
    if len(values) != 1 or scheme.lower() != "basic":
        return False
    try:
        user, _, password = base64.b64decode(token.strip(" "), validate=True).partition(b":")
    except ValueError:
        return False
    return all([hmac.compare_digest(user, login.user.encode()), hmac.compare_digest(password, login.password.encode())])
