"""Serve the page: the index, its rebuilds and its watcher behind uvicorn, with the guard in front of every route.

Gradio takes seconds to load. What can be wrong is told before that, and the index warms up beside it.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import LOGGING_CONFIG

from index.encode import Encoder
from index.errors import SeedQAError, SettingsError
from index.layout import IndexPaths
from index.load.walk import MAX_BYTES
from index.records import Progress, no_progress
from qa.config import Settings
from qa.engine import Index
from qa.guard import Guard, Login
from qa.page.admission import Admission
from qa.page.events import note
from qa.page.front import Front
from qa.page.policy import Policy
from qa.page.probes import METRICS, PROBES, Probes
from qa.page.server import GRACE, KEPT_SECONDS, Connection, Server, make_room
from qa.page.service import Service
from qa.page.streams import Streams
from qa.page.watch import Watch, logged
from qa.rebuild import Rebuilder
from qa.watch import Watcher

ANY = {"0.0.0.0", "::"}  # noqa: S104 - no name to be reached under
LOOPBACK = ("127.0.0.1", "localhost", "::1")
MAX_BODY = 2**20
"""Bytes of a request that is no upload."""
MAX_UPLOADS = 3
"""Of the largest upload: how much may wait to be added; Gradio takes away after an hour what was not."""
_ROOT_PATH = re.compile(r"(?:/\.*[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")

PATHS = (
    "/", "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/gradio_api/info", "/gradio_api/openapi.json",
    "/gradio_api/heartbeat", "/gradio_api/queue/join", "/gradio_api/queue/data", "/gradio_api/queue/status",
    "/gradio_api/cancel", "/gradio_api/reset", "/gradio_api/app_id", *PROBES,
)  # fmt: skip
UPLOAD = "/gradio_api/upload"
UPLOAD_PATHS = (UPLOAD, "/gradio_api/upload_progress")
PREFIXES = ("/assets/", "/static/", "/svelte/", "/gradio_api/run/", "/gradio_api/call/", "/gradio_api/heartbeat/")
MCP_PATHS = ("/gradio_api/mcp", "/gradio_api/mcp/", "/gradio_api/mcp/http", "/gradio_api/mcp/http/")
"""Gradio's routes that the page, the API and the MCP server need; others (files, proxies, streams) are not there."""
CALLS = ("/gradio_api/run/", "/gradio_api/call/", "/gradio_api/queue/join", "/gradio_api/mcp")
"""Where work is asked for."""


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
    log: str | None = None
    """File for lines of JSON on what happens, or ``-`` for standard error."""
    log_questions: bool = False
    """Questions stand in the log."""

    @property
    def private(self) -> bool:
        """Only whoever sits at this computer can reach the page, as far as can be told."""
        return is_loopback(self.host) and not self.allowed_hosts and not self.root_path

    @property
    def measured(self) -> bool:
        """What the server counts can be read: by whoever has logged in, or sits at this computer."""
        return self.private or self.login is not None

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
    watch = Watch(questions=serving.log_questions)
    with (
        closing(_bind(serving)) as listener,
        logged(serving.log),
        _opened(settings, serving, progress or nullcontext(no_progress), encoder, watch) as service,
        _without_gradio_settings() as uploads,
    ):
        threading.Thread(target=_warm_up, args=(service.index,), name="warm-up", daemon=True).start()
        from qa.page.app import create_app  # noqa: PLC0415 - loads Gradio, which reads its settings at once

        page = create_app(service, max_upload=serving.max_upload, mcp=serving.mcp, root_path=serving.root_path)
        streams = Streams(page.asgi)
        admission = Admission(streams, prefixes=CALLS, queued=page.pending)
        metrics = watch.count(service, IndexPaths(settings.index), admission) if serving.measured else None
        probes = Probes(
            admission, check=partial(_look, service.index), ending=lambda: admission.closed, metrics=metrics
        )
        guarded = Policy(_guarded(probes, serving, uploads), extra=page.scripts)
        lines = _greeting(serving, listener.getsockname()[1])

        def ready() -> None:
            note("started", address=lines[0].rpartition(" ")[2], snapshot=service.index.manifest.id)
            tell("\n".join(lines))

        def idle() -> bool:
            return admission.idle and not page.running()

        def ending() -> None:
            note("stopping", under_way=admission.under_way + page.running(), waiting=admission.queued)
            admission.close()

        make_room()
        config = _config(_below(serving.root_path, Front(guarded, watch.request)), serving)
        Server(config, ready=ready, ending=ending, idle=idle, leave=streams.leave).run(sockets=[listener])
        note("stopped")


def _config(app: ASGIApp, serving: Serving) -> uvicorn.Config:
    """Return how uvicorn serves an application."""
    return uvicorn.Config(
        app,
        http=Connection,
        log_config=None if serving.log else LOGGING_CONFIG,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEPT_SECONDS,
        timeout_graceful_shutdown=GRACE,
        ssl_certfile=serving.certificate,
        ssl_keyfile=serving.key,
    )


def _look(index: Index) -> None:
    """Ask the index something. Raises SeedQAError where it does not answer."""
    index.search("ready", k=1)


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


def _paths(serving: Serving) -> tuple[str, ...]:
    """Return the paths at which there is something, beside those that begin with one of PREFIXES."""
    return (
        *PATHS,
        *(() if serving.read_only else UPLOAD_PATHS),
        *(MCP_PATHS if serving.mcp else ()),
        *((METRICS,) if serving.measured else ()),
    )


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """Stand in for the page."""


def _guarded(app: ASGIApp, serving: Serving, uploads: Path | None = None) -> Guard:
    return Guard(
        app,
        hosts={*LOOPBACK, *serving.allowed_hosts, *({serving.host} - ANY)},
        login=serving.login,
        paths=_paths(serving),
        prefixes=PREFIXES,
        max_body=MAX_BODY,
        upload_paths=(UPLOAD,),
        max_upload=serving.max_upload,
        any_address=serving.host in ANY,
        open_paths=PROBES,
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


def _check(serving: Serving) -> None:
    """Raise SettingsError where the page would be open to the network without a login, or a setting makes no sense."""
    if not is_loopback(serving.host) and serving.login is None:
        raise SettingsError(
            f"host {serving.host} can be reached from other computers, so a login is needed: --auth FILE with a line "
            "user:password, or the variable SEEDQA_AUTH"
        )
    if serving.log_questions and not serving.log:
        raise SettingsError("--log-questions needs a log to write them to: --log FILE, or --log - for standard error")
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
    settings: Settings,
    serving: Serving,
    progress: AbstractContextManager[Progress],
    encoder: Encoder | None,
    watch: Watch,
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
                    search=settings.search,
                    observe=watch.build,
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
            observe=watch.question,
        )
