"""Serve the page: the index, its rebuilds and its watcher behind uvicorn, with the guard in front of every route.

Gradio takes seconds to load. What can be wrong is told before that, and the index warms up beside it.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import re
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from urllib.parse import quote

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from index.encode import Encoder
from index.errors import SeedQAError, SettingsError
from index.layout import IndexPaths
from index.load.walk import MAX_BYTES
from index.records import Progress, no_progress
from qa.config import Settings
from qa.engine import Index
from qa.guard import Guard, Login
from qa.page.service import Service
from qa.page.streams import Streams
from qa.rebuild import Rebuilder
from qa.watch import Watcher

ANY = {"0.0.0.0", "::"}  # noqa: S104 - no name to be reached under
LOOPBACK = ("127.0.0.1", "localhost", "::1")
MAX_BODY = 2**20
"""Bytes of a request that is no upload."""
MAX_UPLOADS = 3
"""Of the largest upload: how much may wait to be added; Gradio takes away after an hour what was not."""
PATIENCE, GRACE = 1.0, 5
"""Seconds that streams and other answers have to end in when the server ends."""
_ROOT_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]*[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")

PATHS = (
    "/", "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/gradio_api/info", "/gradio_api/openapi.json",
    "/gradio_api/heartbeat", "/gradio_api/queue/join", "/gradio_api/queue/data", "/gradio_api/queue/status",
    "/gradio_api/cancel", "/gradio_api/reset", "/gradio_api/app_id",
)  # fmt: skip
UPLOAD = "/gradio_api/upload"
UPLOAD_PATHS = (UPLOAD, "/gradio_api/upload_progress")
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
    max_upload: int = MAX_BYTES
    """Bytes of one upload."""

    @property
    def private(self) -> bool:
        """Only whoever sits at this computer can reach the page, as far as can be told."""
        return is_loopback(self.host) and not self.allowed_hosts and not self.root_path

    @property
    def address(self) -> str:
        """Scheme and host that lead here from this computer."""
        names = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - no name to be reached under
        name = names.get(self.host, self.host)
        return f"{'https' if self.certificate else 'http'}://{f'[{name}]' if ':' in name else name}"


def run(
    settings: Settings,
    serving: Serving,
    tell: Callable[[str], None],
    progress: AbstractContextManager[Progress] | None = None,
    encoder: Encoder | None = None,
) -> None:
    """Serve the page until interrupted; ``tell`` is called with a line that names its address once it answers.

    ``progress`` shows how the model is prepared where there is none yet; ``encoder`` takes the model's place.
    Raises SettingsError where the address can't be used, SnapshotError where there is no usable index, and ModelError
    without its model.
    """
    _check(serving)
    with (
        closing(_bind(serving)) as listener,
        _opened(settings, serving, progress or nullcontext(no_progress), encoder) as service,
        _without_gradio_settings() as uploads,
    ):
        threading.Thread(target=_warm_up, args=(service.index,), name="warm-up", daemon=True).start()
        from qa.page.app import create_app  # noqa: PLC0415 - loads Gradio, which reads its settings at once

        app = create_app(service, max_upload=serving.max_upload, mcp=serving.mcp, root_path=serving.root_path)
        streams = Streams(app)
        config = uvicorn.Config(
            _below(serving.root_path, _guarded(streams, serving, uploads)),
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE,
            ssl_certfile=serving.certificate,
            ssl_keyfile=serving.key,
        )
        lines = _greeting(serving, listener.getsockname()[1])
        _Server(config, lambda: tell("\n".join(lines)), streams.leave).run(sockets=[listener])


def _greeting(serving: Serving, port: int) -> list[str]:
    """Return what whoever has started the server is to know: where the page is, and what is not as it should be."""
    lines = [f"Ask in the browser: {serving.address}:{port}{serving.root_path}/"]
    if serving.host in ANY and not serving.allowed_hosts:
        lines.append("Other computers reach it by an address of this one; by a name only with --allow-host NAME")
    if not is_loopback(serving.host) and serving.certificate is None:
        lines.append(
            "Warning: without TLS the password can be read on the network; "
            "give --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy that has TLS"
        )
    return lines


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """Stand in for the page."""


def _guarded(app: ASGIApp, serving: Serving, uploads: Path | None = None) -> Guard:
    return Guard(
        app,
        hosts={*LOOPBACK, *serving.allowed_hosts, *({serving.host} - ANY)},
        login=serving.login,
        paths=PATHS + (() if serving.read_only else UPLOAD_PATHS) + (MCP_PATHS if serving.mcp else ()),
        prefixes=PREFIXES,
        max_body=MAX_BODY,
        upload_paths=(UPLOAD,),
        max_upload=serving.max_upload,
        any_address=serving.host in ANY,
        uploads=uploads,
        max_uploads=MAX_UPLOADS * serving.max_upload,
    )


def _below(root: str, app: ASGIApp) -> ASGIApp:
    """Return an application under a path, for proxies that take the path away and for those that leave it."""

    async def below(scope: Scope, receive: Receive, send: Send) -> None:
        if root and "path" in scope:
            path = scope["path"]
            path = f"{root}/" if path == root else path if path.startswith(f"{root}/") else f"{root}{path}"
            scope = {**scope, "root_path": root, "path": path, "raw_path": quote(path).encode()}
        await app(scope, receive, send)

    return below


def _warm_up(index: Index) -> None:
    """Load the model and find the examples before somebody waits for them."""
    with suppress(SeedQAError):  # a question will tell
        index.examples()


@contextmanager
def _without_gradio_settings() -> Iterator[Path]:
    """Take Gradio's own variables away, which could open what is closed here, and give it a folder for uploads."""
    for name in [name for name in os.environ if name.startswith("GRADIO_")]:
        del os.environ[name]
    with TemporaryDirectory(prefix="seedqa-", ignore_cleanup_errors=True) as uploads:
        os.environ["GRADIO_TEMP_DIR"] = uploads
        yield Path(uploads)


class _Server(uvicorn.Server):
    """A server that says when it answers, ends its streams when it ends, and for which SIGTERM is no failure."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], leave: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self._leave = leave

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
        """Finish what is under way; open pages keep their streams open and are left after a second."""
        asyncio.get_running_loop().call_later(PATIENCE, self._leave)
        await super().shutdown(sockets)


def _check(serving: Serving) -> None:
    """Raise SettingsError where the page would be open to the network without a login, or a setting makes no sense."""
    if not is_loopback(serving.host) and serving.login is None:
        raise SettingsError(
            f"host {serving.host} can be reached from other computers, so a login is needed: --auth FILE with a line "
            "user:password, or the variable SEEDQA_AUTH"
        )
    if not _ROOT_PATH.fullmatch(serving.root_path):
        raise SettingsError(f"root path is {serving.root_path!r}, expected one like /seedqa")
    _guarded(_nothing, serving)  # raises for a name that is none
    if (serving.certificate is None) != (serving.key is None):
        raise SettingsError("TLS needs both files: --tls-cert FILE and --tls-key FILE")
    if serving.certificate is not None:
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(serving.certificate, serving.key, password="")
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"TLS files {serving.certificate} and {serving.key} can't be used ({_why(error)}); "
                "expected a certificate and its key without a password, both in PEM"
            ) from error


def _why(error: Exception) -> str:
    """Return what an error of the system or of OpenSSL is about."""
    if isinstance(error, ssl.SSLError):
        return error.reason.replace("_", " ").lower() if error.reason else "not PEM"
    return getattr(error, "strerror", None) or str(error)


def is_loopback(host: str) -> bool:
    """Tell whether an address can be reached from this computer only."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bind(serving: Serving) -> socket.socket:
    """Return a socket on the address. Raises SettingsError where it is taken or none of ours."""
    family = socket.AF_INET6 if ":" in serving.host else socket.AF_INET
    mends = "choose an address of this computer with --host and a free port with --port"
    try:
        socket.getaddrinfo(serving.host, serving.port, family)
        bound = socket.create_server((serving.host, serving.port), family=family, backlog=128)
        # Only where the socket names its protocol does asyncio send at once what it has; else answers wait for 40 ms.
        return socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, fileno=bound.detach())
    except UnicodeError as error:  # of a name with parts that are empty or too long
        raise SettingsError(f"host {serving.host} is no name of a computer; {mends}") from error
    except OSError as error:
        why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        if error.errno == errno.EADDRINUSE:
            mends = "end what uses it, or choose another: --port N, 0 for any that is free"
        raise SettingsError(f"{serving.host} port {serving.port} can't be listened on ({why}); {mends}") from error


@contextmanager
def _opened(
    settings: Settings, serving: Serving, progress: AbstractContextManager[Progress], encoder: Encoder | None
) -> Iterator[Service]:
    """Open the index and what changes it, and let go of all when done."""
    with ExitStack() as stack:
        with progress as report:
            opened = Index(
                settings.index, settings.cache, threshold=settings.threshold, encoder=encoder, progress=report
            )
        index = stack.enter_context(opened)
        rebuilder = stack.enter_context(
            closing(
                Rebuilder(
                    settings.index,
                    settings.cache,
                    seeds=settings.seeds,
                    model=settings.model,
                    backend=settings.backend,
                    limits=settings.limits,
                )
            )
        )
        watcher = None
        if serving.watch:
            watcher = stack.enter_context(closing(Watcher(rebuilder.folder, rebuilder.refresh, settings.index)))
        yield Service(
            index,
            IndexPaths(settings.index).root,
            rebuilder,
            watcher,
            read_only=serving.read_only,
            private=serving.private,
        )
