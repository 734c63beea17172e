"""Serve the page: the index, its rebuilds and its watcher behind uvicorn, with the guard in front of every route."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from index.encode import Encoder
from index.errors import SettingsError
from index.layout import IndexPaths
from index.load.walk import MAX_BYTES
from qa.config import Settings
from qa.engine import Index
from qa.guard import Guard, Login
from qa.page.app import create_app
from qa.page.service import Service
from qa.rebuild import Rebuilder
from qa.watch import Watcher

ANY = {"0.0.0.0", "::"}  # noqa: S104 - no name to be reached under
LOOPBACK = ("127.0.0.1", "localhost", "::1")
MAX_BODY = 2**20
"""Bytes of a request that is no upload."""

PATHS = (
    "/", "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/gradio_api/info", "/gradio_api/openapi.json",
    "/gradio_api/heartbeat", "/gradio_api/upload", "/gradio_api/upload_progress", "/gradio_api/queue/join",
    "/gradio_api/queue/data", "/gradio_api/queue/status", "/gradio_api/cancel", "/gradio_api/reset",
    "/gradio_api/app_id", "/gradio_api/startup-events",
)  # fmt: skip
PREFIXES = ("/assets/", "/static/", "/svelte/", "/gradio_api/run/", "/gradio_api/call/", "/gradio_api/heartbeat/")
MCP_PATHS = ("/gradio_api/mcp", "/gradio_api/mcp/", "/gradio_api/mcp/http", "/gradio_api/mcp/http/")
"""Gradio's routes that the page, the API and the MCP server need; others (files, proxies, streams) are not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How the page is served."""

    host: str = "127.0.0.1"
    port: int = 7860
    root_path: str = ""
    """Where a proxy publishes the page, such as ``/seedqa``."""
    allowed_hosts: tuple[str, ...] = ()
    """Names under which the page is reached beside the loopback ones and ``host``."""
    login: Login | None = None
    certificate: Path | None = None
    key: Path | None = None
    watch: bool = False
    mcp: bool = False
    read_only: bool = False


def run(settings: Settings, serving: Serving, tell: Callable[[str], None], encoder: Encoder | None = None) -> None:
    """Serve the page until interrupted; ``tell`` is called with a line that names its address once it answers.

    Raises SettingsError where the address can't be used, and SnapshotError where there is no usable index.
    """
    _check(serving)
    with closing(_bind(serving)) as listener, _opened(settings, serving, encoder) as service:
        app = create_app(service, max_upload=MAX_BYTES, mcp=serving.mcp, root_path=serving.root_path)
        guard = Guard(
            app,
            hosts={*LOOPBACK, *serving.allowed_hosts, *({serving.host} - ANY)},
            login=serving.login,
            paths=PATHS + (MCP_PATHS if serving.mcp else ()),
            prefixes=PREFIXES,
            max_body=MAX_BODY,
            upload_paths=("/gradio_api/upload",),
            max_upload=MAX_BYTES,
        )
        scheme = "https" if serving.certificate else "http"
        shown = f"[{serving.host}]" if ":" in serving.host else serving.host
        server = _Server(
            uvicorn.Config(
                guard,
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=5,
                ssl_certfile=serving.certificate,
                ssl_keyfile=serving.key,
            ),
            lambda: tell(f"Ask in the browser: {scheme}://{shown}:{listener.getsockname()[1]}{serving.root_path}/"),
        )
        server.run(sockets=[listener])


class _Server(uvicorn.Server):
    """A server that says when it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, then say so."""
        await super().startup(sockets)
        if self.started:
            self._ready()


def _check(serving: Serving) -> None:
    """Raise SettingsError where the page would be open to the network without a login, or TLS is half set."""
    if not is_loopback(serving.host) and serving.login is None:
        raise SettingsError(
            f"host {serving.host} can be reached from other computers, so a login is needed: --auth FILE with a line "
            "user:password, or the variable SEEDQA_AUTH"
        )
    if (serving.certificate is None) != (serving.key is None):
        raise SettingsError("TLS needs both files: --tls-cert FILE and --tls-key FILE")
    for path in (serving.certificate, serving.key):
        if path is not None and not os.access(path, os.R_OK):
            raise SettingsError(f"TLS file {path} can't be read; check its path and permissions")
    if serving.root_path and (not serving.root_path.startswith("/") or serving.root_path.endswith("/")):
        raise SettingsError(f"root path is {serving.root_path!r}, expected one like /seedqa")


def is_loopback(host: str) -> bool:
    """Tell whether an address can be reached from this computer only."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bind(serving: Serving) -> socket.socket:
    """Return a socket on the address. Raises SettingsError where it is taken or none of ours."""
    try:
        family = socket.AF_INET6 if ":" in serving.host else socket.AF_INET
        return socket.create_server((serving.host, serving.port), family=family, backlog=128)
    except OSError as error:
        raise SettingsError(
            f"{serving.host} port {serving.port} can't be listened on ({error.strerror or error}); "
            "end what uses it, or choose another: --port N, 0 for any that is free"
        ) from error


@contextmanager
def _opened(settings: Settings, serving: Serving, encoder: Encoder | None) -> Iterator[Service]:
    """Open the index and what changes it, and let go of all when done."""
    with ExitStack() as stack:
        index = stack.enter_context(
            Index(settings.index, settings.cache, threshold=settings.threshold, encoder=encoder)
        )
        rebuilder = stack.enter_context(
            closing(
                Rebuilder(
                    settings.index, settings.cache, seeds=settings.seeds, model=settings.model, backend=settings.backend
                )
            )
        )
        watcher = None
        if serving.watch:
            watcher = stack.enter_context(closing(Watcher(rebuilder.folder, rebuilder.refresh, settings.index)))
        yield Service(index, IndexPaths(settings.index).root, rebuilder, watcher, read_only=serving.read_only)
