"""The server as a whole, over real sockets: where it listens, whom it answers, what it never serves, how it ends."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn
from gradio_client import Client  # type: ignore[import-untyped]
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from index import build
from index.encode import Encoder
from index.layout import IndexPaths
from index.lock import lock
from index.snapshot import current_id
from qa import Answer
from qa.guard import Login
from qa.page import texts
from qa.page.probes import PROBES
from qa.page.serve import MCP_PATHS, PATHS, UPLOAD_PATHS, Serving, _bind, _greeting, _guarded
from tests.conftest import ROOT
from tests.fakes import HashEncoder
from tests.servers import WITNESS, Server, plain_environment, small_index

QUESTION = "When was the bridge built?"
LOGIN = ("reader", "päss:wörd")
TOKEN = base64.b64encode(":".join(LOGIN).encode()).decode()
ASK = "/gradio_api/run/search"

ROUTES = sorted(
    {
        *PATHS, *UPLOAD_PATHS, *MCP_PATHS, "/assets/index.js", "/static/img/logo.svg", "/svelte/svelte.js",
        "/gradio_api/run/search", "/gradio_api/call/search", "/gradio_api/call/v2/search", "/gradio_api/call/search/x",
        "/gradio_api/heartbeat/x", "/gradio_api/file=/etc/passwd", "/nothing",
    }
)  # fmt: skip

HOSTILE = {
    "GRADIO_SHARE": "1", "GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_SERVER_PORT": "no number",
    "GRADIO_ALLOWED_PATHS": "/", "GRADIO_MCP_SERVER": "True", "GRADIO_ANALYTICS_ENABLED": "True",
    "GRADIO_ROOT_PATH": "https://evil.example/x", "GRADIO_NODE_PATH": "/bin/sh", "GRADIO_NODE_SERVER_NAME": "0.0.0.0",
    "GRADIO_SSR_MODE": "True", "GRADIO_TEMP_DIR": "/", "GRADIO_WATCH_DIRS": "/", "GRADIO_VIBE_MODE": "1",
    "GRADIO_DEBUG": "1", "GRADIO_LOCAL_DEV_MODE": "1", "GRADIO_DEFAULT_CONCURRENCY_LIMIT": "no number",
    "GRADIO_HEARTBEAT_INTERVAL": "no number", "GRADIO_RUN_HISTORY": "True", "GRADIO_EXAMPLES_CACHE": "/",
    "SYSTEM": "spaces", "SPACE_ID": "evil/space",
}  # fmt: skip


@dataclass(frozen=True)
class Site:
    """A server with its index and documents."""

    server: Server
    index: Path
    seeds: Path
    witness: Path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, real_encoder: Encoder, cache: Path) -> Iterator[Site]:
    """A server with nothing but the defaults, in an environment that wants it open, and under observation."""
    folder = tmp_path_factory.mktemp("plain")
    index, seeds = small_index(folder, real_encoder)
    (folder / "sitecustomize.py").write_text(WITNESS, "utf-8")
    witness = folder / "witness.txt"
    watched = {**HOSTILE, "PYTHONPATH": str(folder), "WITNESS": str(witness)}
    with Server(folder, "--index", index, "--cache", cache, environment=watched) as server:
        yield Site(server, index, seeds, witness)


@pytest.fixture(scope="module")
def web(site: Site) -> Iterator[httpx.Client]:
    with site.server.client() as client:
        yield client


def ask(client: httpx.Client, question: str = QUESTION) -> Answer:
    response = client.post(ASK, json={"data": [question, 1]})
    assert response.status_code == 200
    return Answer.from_json(json.dumps(response.json()["data"][0]))


def raw(server: Server, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Send a request with a path as it stands, which other clients would tidy up."""
    host, port = server.url.rpartition("://")[2].split(":")
    with closing(http.client.HTTPConnection(host, int(port), timeout=20)) as connection:
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()


# Where it listens


def test_it_listens_on_loopback_and_nothing_leaves_this_computer(site: Site, web: httpx.Client) -> None:
    assert site.server.url.startswith("http://127.0.0.1:")
    assert ask(web).found
    page = web.get("/")
    assert page.status_code == 200
    assert "evil.example" not in page.text
    assert web.get("/config").json()["root"] == site.server.url
    assert web.get("/gradio_api/info").status_code == 200
    assert site.witness.read_text("utf-8") == ""


def test_a_foreign_environment_opens_nothing(site: Site, web: httpx.Client) -> None:
    for path in ("/gradio_api/file=/etc/passwd", f"/gradio_api/file={site.seeds}/bridge.txt", "/gradio_api/mcp/",
                 "/gradio_api/vibe-code", "/gradio_api/dev/reload", "/gradio_api/runs", "/monitoring"):  # fmt: skip
        assert web.get(path).status_code == 404
    (path,) = web.post("/gradio_api/upload", files={"files": ("a.txt", b"Some text.")}).json()
    folder = Path(path).parents[1]
    assert folder.name.startswith("seedqa-")
    assert folder.stat().st_mode & 0o077 == 0
    assert web.get(f"/gradio_api/file={path}").status_code == 404


def refused(*arguments: str | Path, **environment: str) -> tuple[int, str]:
    """Return exit code and error of a server that does not start."""
    done = subprocess.run(
        [sys.executable, "-m", "qa.cli", "serve", "--port", "0", *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=30,
        env=plain_environment(environment),
    )  # fmt: skip
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    return done.returncode, done.stderr.removeprefix("qa: ").strip()


def test_what_it_refuses_to_start_with_is_told_in_one_line(tmp_path: Path, built: Path) -> None:
    line = "host 0.0.0.0 can be reached from other computers, so a login is needed: --auth FILE with a line "
    assert refused("--host", "0.0.0.0") == (2, f"{line}user:password, or the variable SEEDQA_AUTH")
    assert refused("--host", "0.0.0.0", SEEDQA_AUTH="") == (2, "$SEEDQA_AUTH has no colon; expected user:password")
    assert refused("--tls-cert", "x") == (2, "TLS needs both files: --tls-cert FILE and --tls-key FILE")
    assert refused("--index", tmp_path / "none") == (
        1, f"no index in {tmp_path / 'none'}; build one: qa build FOLDER --index {tmp_path / 'none'}",
    )  # fmt: skip
    code, line = refused("--index", built)
    assert code == 1
    assert line.startswith("model 'fake' is neither a folder nor a model's name")


def test_a_port_in_use_and_an_address_of_others() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        assert refused("--port", str(port)) == (
            2, f"127.0.0.1 port {port} can't be listened on (Address already in use); "
            "end what uses it, or choose another: --port N, 0 for any that is free",
        )  # fmt: skip
    code, line = refused("--host", "192.0.2.1", SEEDQA_AUTH="a:b")
    assert code == 2
    assert line == (
        "192.0.2.1 port 0 can't be listened on (Cannot assign requested address); "
        "choose an address of this computer with --host and a free port with --port"
    )

    for host in ("a..b", "x" * 70):
        assert refused("--host", host, SEEDQA_AUTH="a:b") == (
            2, f"host {host} is no name of a computer; "
            "choose an address of this computer with --host and a free port with --port",
        )  # fmt: skip


def test_small_answers_do_not_wait_for_the_network() -> None:
    with _bind(Serving(port=0)) as listener:
        assert listener.proto == socket.IPPROTO_TCP


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_on_every_address_each_of_them_is_a_host_and_no_name_is(host: str) -> None:
    async def page(request: Request) -> Response:
        return Response("page")

    everywhere = Serving(host=host, login=Login(user=LOGIN[0], password=LOGIN[1]))
    only_here = Serving(login=everywhere.login)

    async def statuses(serving: Serving) -> dict[str, int]:
        transport = httpx.ASGITransport(_guarded(Starlette(routes=[Route("/", page)]), serving))
        names = (
            "192.168.7.9:7860",
            "[fe80::1]:7860",
            "10.0.0.1",
            "localhost",
            "box.example",
            "127.1",
            "1.2.3.4.nip.io",
        )
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", auth=basic(*LOGIN)) as client:
            return {name: (await client.get("/", headers={"host": name})).status_code for name in names}

    strict = dict.fromkeys(("192.168.7.9:7860", "[fe80::1]:7860", "10.0.0.1", "box.example", "127.1"), 403)
    strict |= {"1.2.3.4.nip.io": 403, "localhost": 200}
    open_to = dict.fromkeys(("192.168.7.9:7860", "[fe80::1]:7860", "10.0.0.1"), 200)
    assert asyncio.run(statuses(only_here)) == strict
    assert asyncio.run(statuses(everywhere)) == strict | open_to


def test_what_is_said_at_the_start(tmp_path: Path) -> None:
    login, cert = Login(user="a", password="b"), tmp_path / "cert"
    names = "Other computers reach it by an address of this one; by a name only with --allow-host NAME"
    plain = (
        "Warning: without TLS the password can be read on the network; "
        "give --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy that has TLS"
    )
    for serving, lines in (
        (Serving(root_path="/qa", login=login), ["Ask in the browser: http://127.0.0.1:80/qa/"]),
        (Serving(host="0.0.0.0", login=login), ["Ask in the browser: http://127.0.0.1:80/", names, plain]),
        (Serving(host="::", login=login, certificate=cert), ["Ask in the browser: https://[::1]:80/", names]),
        (
            Serving(host="::", login=login, certificate=cert, allowed_hosts=("box",)),
            ["Ask in the browser: https://[::1]:80/"],
        ),
        (Serving(host="10.0.0.1", login=login), ["Ask in the browser: http://10.0.0.1:80/", plain]),
    ):
        assert _greeting(serving, 80) == lines


# Whom it answers


def test_foreign_hosts_and_origins_are_refused_everywhere(site: Site) -> None:
    for path in ROUTES:
        for method in ("GET", "POST"):
            for name, value in (("Host", "evil.example"), ("Host", "127.0.0.1.evil.example"), ("Host", ""),
                                ("Origin", "https://evil.example"), ("Origin", "null"),
                                ("Origin", "http://localhost:1"), ("Sec-Fetch-Site", "cross-site")):  # fmt: skip
                assert raw(site.server, path, method, **{name: value})[0] == 403


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd", "/gradio_api/file=../../../../etc/passwd", "/gradio_api/file/etc/passwd",
        "/gradio_api/file=%2e%2e%2f%2e%2e%2fetc/passwd", "/gradio_api/file=%252e%252e/etc/passwd",
        "/gradio_api/file=C:\\Windows\\win.ini", "/gradio_api/file=\\\\192.0.2.1\\share\\x",
        "/gradio_api/file=%5C%5C192.0.2.1%5Cshare", "/gradio_api/file=https://192.0.2.1/x", "/file=/etc/passwd",
        "/gradio_api/file=http://169.254.169.254/latest/meta-data", "/gradio_api/proxy=https://192.0.2.1/x",
        "/gradio_api/proxy=https://evil.hf.space/x", "/gradio_api/stream/x/y/1/playlist.m3u8",
        "/gradio_api/custom_component/1/client/component/..%2f..%2fx", "/static/../../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "/static/..%2f..%2f..%2fetc%2fpasswd", "/assets/..%5c..%5cx",
        "/assets//etc/passwd", "/svelte/%2e%2e%2f%2e%2e%2fx", "/static/\\\\192.0.2.1\\share\\x",
        "/gradio_api/deep_link?session_hash=x", "/?deep_link=../../etc/passwd%00", "//etc/passwd", "/.env",
    ],
)  # fmt: skip
def test_no_file_and_no_other_site_is_served(site: Site, path: str) -> None:
    status, _, body = raw(site.server, path)
    assert status == (200 if path.startswith("/?") else 404)
    assert b"root:" not in body
    assert site.witness.read_text("utf-8") == ""


def test_files_in_a_call_are_neither_read_nor_fetched(site: Site, web: httpx.Client) -> None:
    for path in ("http://192.0.2.1/x.txt", "https://192.0.2.1/x.txt", "/etc/passwd"):
        file = {"path": path, "url": path, "meta": {"_type": "gradio.FileData"}}
        for data in ([file], [[file]], ["x", 5, [file]], [{"x": [file]}]):
            for name in ("add_files", "search"):
                assert web.post(f"/gradio_api/run/{name}", json={"data": data}).status_code == 422
    assert sorted(path.name for path in site.seeds.iterdir()) == ["bridge.txt", "garden.md", "mill.html"]
    assert site.witness.read_text("utf-8") == ""


def test_a_newer_snapshot_is_answered_from_at_once(site: Site, web: httpx.Client, real_encoder: Encoder) -> None:
    before = ask(web, "What does an owl hunt?").snapshot
    (site.seeds / "owl.txt").write_text("An owl hunts mice at night.", "utf-8")
    new = build(site.seeds, site.index, real_encoder).snapshot
    found = ask(web, "What does an owl hunt?")
    assert (found.snapshot, found.results[0].citation.source) == (new, "owl.txt")
    assert new != before
    (site.seeds / "owl.txt").unlink()
    build(site.seeds, site.index, real_encoder)


# With a login, over TLS, to read only


@pytest.fixture(scope="module")
def locked(
    tmp_path_factory: pytest.TempPathFactory, real_encoder: Encoder, cache: Path, certificate: tuple[Path, Path]
) -> Iterator[Server]:
    """A server with a login from a file, over TLS, with the MCP server, to read only."""
    folder = tmp_path_factory.mktemp("locked")
    index, _ = small_index(folder, real_encoder)
    login = folder / "login"
    login.write_text(":".join(LOGIN) + "\n", "utf-8")
    login.chmod(0o600)
    with Server(
        folder, "--index", index, "--cache", cache, "--auth", login, "--tls-cert", certificate[0],
        "--tls-key", certificate[1], "--mcp", "--read-only", verify=ssl.create_default_context(cafile=certificate[0]),
    ) as server:  # fmt: skip
        yield server


def basic(user: str, password: str) -> httpx.BasicAuth:
    return httpx.BasicAuth(user.encode(), password.encode())


def check_login(server: Server) -> None:
    with server.client() as client:
        for path in ROUTES:
            for method in ("GET", "POST", "HEAD", "OPTIONS", "PUT"):
                if path in PROBES and method in ("GET", "HEAD"):  # say one word to whoever asks
                    continue
                for auth in (httpx.Auth(), basic(LOGIN[0], "wrong")):
                    response = client.request(method, path, auth=auth)
                    assert (path, response.status_code) == (path, 401)
                    assert response.headers["www-authenticate"].startswith("Basic ")
        assert client.post("/gradio_api/upload", files={"files": ("a.txt", b"x")}).status_code == 401
        client.auth = basic(*LOGIN)
        assert ask(client).found
        for path in ("/", "/config", "/theme.css", "/gradio_api/info", "/gradio_api/app_id", "/favicon.ico"):
            assert client.get(path).status_code == 200
        event = client.post("/gradio_api/call/v2/search", json={"question": QUESTION}).json()["event_id"]
        assert client.get(f"/gradio_api/call/search/{event}").text.startswith("event: complete\n")
        assert client.get("/nothing").status_code == 404


def test_nothing_is_answered_without_the_login_of_the_file(locked: Server) -> None:
    assert locked.url.startswith("https://127.0.0.1:")
    check_login(locked)


def test_to_read_only(locked: Server) -> None:
    line = "the index can't be changed here: the page was started with --read-only"
    with locked.client(auth=basic(*LOGIN)) as client:
        assert client.post("/gradio_api/upload", files={"files": ("a.txt", b"x")}).status_code == 404
        assert client.get("/gradio_api/upload_progress", params={"upload_id": "x"}).status_code == 404
        before = client.post("/gradio_api/run/index_status", json={"data": []}).json()["data"]
        for name, data in (("rebuild", []), ("rebuild", ["/etc"]), ("cancel_rebuild", []), ("restore_snapshot", ["x"]),
                           ("add_files", [[]])):  # fmt: skip
            response = client.post(f"/gradio_api/run/{name}", json={"data": data})
            assert (response.status_code, response.json()["error"]) == (403, line)
        assert client.post("/gradio_api/run/index_status", json={"data": []}).json()["data"] == before
        assert client.post("/gradio_api/run/rebuild_status", json={"data": []}).status_code == 200


def test_tls_is_checked(locked: Server) -> None:
    with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
        httpx.get(locked.url, trust_env=False)
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(locked.url.replace("https", "http"), trust_env=False)


# Behind a proxy, watching


@contextmanager
def proxy(target: str, prefix: str) -> Iterator[str]:
    """Publish a server under a path, as a web server does that takes the path away; yields its address."""

    async def forward(request: Request) -> Response:
        path = request.path_params["path"]
        headers = [(name, value) for name, value in request.headers.raw if name != b"content-length"]
        async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
            answer = await client.request(
                request.method, f"{target}/{path}", params=request.query_params, headers=headers,
                content=await request.body(),
            )  # fmt: skip
        kept = {n: v for n, v in answer.headers.items() if n not in {"content-length", "content-encoding"}}
        return Response(answer.content, answer.status_code, kept)

    app = Starlette(routes=[Mount(prefix, routes=[Route("/{path:path}", forward, methods=["GET", "POST"])])])
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1))
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}{prefix}"
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, real_encoder: Encoder, cache: Path) -> Iterator[Site]:
    """A server under a path, with a login from the environment, watching; the settings name another model."""
    folder = tmp_path_factory.mktemp("published")
    index, seeds = small_index(folder, real_encoder)
    settings = {"SEEDQA_AUTH": ":".join(LOGIN), "SEEDQA_MODEL": "some/other-model"}
    with Server(
        folder, "--index", index, "--cache", cache, "--root-path", "/seedqa", "--watch", "--allow-host", "box.example",
        environment=settings,
    ) as server:  # fmt: skip
        assert server.url.endswith("/seedqa")  # that address is good, too, and so is one that a proxy has cut
        server.url = server.url.removesuffix("/seedqa")
        yield Site(server, index, seeds, folder)


def test_nothing_is_answered_without_the_login_of_the_environment(published: Site) -> None:
    check_login(published.server)


def test_another_name_is_allowed(published: Site) -> None:
    with published.server.client(auth=basic(*LOGIN)) as client:
        assert client.get("/config", headers={"host": "box.example"}).json()["root"] == "http://box.example/seedqa"
        forwarded = {"host": "box.example", "x-forwarded-proto": "https", "x-forwarded-host": "evil.example"}
        assert client.get("/config", headers=forwarded).json()["root"] == "https://box.example/seedqa"
        assert client.get("/config", headers={"host": "other.example"}).status_code == 403


def test_the_path_may_be_there_or_cut(published: Site) -> None:
    with published.server.client(auth=basic(*LOGIN)) as client:
        for path in ("/", "/config", "/theme.css", "/gradio_api/info"):
            assert client.get(f"/seedqa{path}").status_code == client.get(path).status_code == 200
        assert client.get("/seedqa").status_code == 200
        for path in ("/seedqa/config", "/config"):
            assert client.get(path).json()["root"] == f"{published.server.url}/seedqa"
        for path in ("/seedqa/seedqa/config", "/seedqaconfig", "/seedqa/gradio_api/file=/etc/passwd", "/seedqa//",
                     "/seedqa/../config", "/seedqa/%2e%2e/config", "/%2e%2e/seedqa/config"):  # fmt: skip
            assert raw(published.server, path, Authorization=f"Basic {TOKEN}")[0] == 404
        assert raw(published.server, "/seedqa/config")[0] == 401
        large = client.post("/seedqa/gradio_api/run/search", json={"data": ["w" * 2**20]})
        assert large.status_code == 413


def test_behind_a_proxy_under_a_path(published: Site) -> None:
    with (
        proxy(published.server.url, "/seedqa") as address,
        httpx.Client(base_url=address, auth=basic(*LOGIN), trust_env=False, timeout=20) as client,
    ):
        assert client.get("/config").json()["root"] == address
        page = client.get("/")
        assert page.status_code == 200
        assert f'"root":"{address}"' in page.text.replace('": "', '":"')
        assert client.get("/theme.css").status_code == 200
        assert client.get("/gradio_api/file=/etc/passwd").status_code == 404
        assert client.get("/", headers={"origin": address.removesuffix("/seedqa")}).status_code == 200
        assert client.get("/", headers={"origin": "http://evil.example"}).status_code == 403
        found = ask(client)
        reader = Client(
            f"{address}/", verbose=False, analytics_enabled=False, download_files=False,
            headers={"authorization": f"Basic {TOKEN}"},
        )  # fmt: skip
        assert Answer.from_json(json.dumps(reader.predict(QUESTION, 1, api_name="/search"))) == found
        reader.close()


def test_changed_documents_are_taken_in(published: Site) -> None:
    before = current_id(IndexPaths(published.index))
    with published.server.client(auth=basic(*LOGIN)) as client:
        (published.seeds / "mole.txt").write_text("A mole digs tunnels.", "utf-8")
        deadline = time.monotonic() + 14
        while ask(client, "What does a mole dig?").snapshot == before:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert ask(client, "What does a mole dig?").results[0].citation.source == "mole.txt"
        status = client.post("/gradio_api/run/index_status", json={"data": []}).json()["data"][0]
        assert (status["watching"], status["trouble"], status["documents"]) == (True, "", 4)


# Limits, and how it ends

SMALL = """
import sys
from pathlib import Path
from qa.config import Settings
from qa.page.serve import Serving, run
from tests.fakes import HashEncoder

serving = Serving(port=0, max_upload=2000)
run(Settings(index=Path(sys.argv[1])), serving, lambda line: print(line, flush=True), encoder=HashEncoder())
"""


def test_an_upload_has_a_limit(tmp_path: Path) -> None:
    index, _ = small_index(tmp_path, HashEncoder())
    with Server(tmp_path, index, code=SMALL) as server, server.client() as client:
        (small,) = client.post("/gradio_api/upload", files={"files": ("a.txt", b"x" * 1000)}).json()
        uploads = Path(small).parents[1]
        before = sorted(uploads.rglob("*"))
        large = client.post("/gradio_api/upload", files={"files": ("b.txt", b"x" * 3000)})
        assert (large.status_code, large.text) == (413, "the request is larger than 2000 bytes; send less\n")

        def pieces() -> Iterator[bytes]:
            yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="c.txt"\r\n\r\n'
            for _ in range(50):
                yield b"x" * 100

        kind = {"content-type": "multipart/form-data; boundary=x"}
        assert client.post("/gradio_api/upload", content=pieces(), headers=kind).status_code == 413
        assert sorted(uploads.rglob("*")) == before
        for text in (b"y" * 1800, b"z" * 1800, b"w" * 1800):
            more = client.post("/gradio_api/upload", files={"files": ("d.txt", text)})
        line = "more than 6000 bytes of uploads would wait here; add those that do, or try again in an hour\n"
        assert (more.status_code, more.text) == (413, line)
        assert ask(client).results
        assert end_with_a_page_open(server, signal.SIGTERM) == 0
        assert not uploads.exists()


def test_bad_calls_of_the_handlers_of_the_page_are_told_in_one_line(tmp_path: Path) -> None:
    """What is not the caller's fault may be told once more where the server runs, so nothing is asked of its errors."""
    index, _ = small_index(tmp_path, HashEncoder())
    server = Server(tmp_path, index, code=SMALL)
    lines = set()
    with closing(server), server.client() as client:
        for handler in client.get("/config").json()["dependencies"]:
            if handler["api_visibility"] != "private":
                continue
            for value in ({"path": 1}, [[1]], None, -1):
                body = {"fn_index": handler["id"], "data": [value] * len(handler["inputs"]), "event_data": {"x": 1}}
                response = client.post("/gradio_api/run/predict", json=body)
                if response.status_code != 200:
                    lines.add(response.json()["error"])
    assert {texts.UNFIT, texts.NO_ENDPOINT} <= lines
    for line in lines - {None}:
        assert not re.search(r"\n|Error|validation|input_|gradio\.", line)
    assert None not in lines


def end_with_a_page_open(server: Server, sent: signal.Signals) -> int:
    """End a server while a page is open; return its exit code."""
    with server.client() as client, client.stream("GET", "/gradio_api/heartbeat/x") as page:
        lines = page.iter_lines()
        assert next(lines) == "data: ALIVE"
        code = server.stop(sent)
        assert list(filter(None, lines)) == []
    return code


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_ctrl_c_ends_it_and_a_rebuild_with_it(tmp_path: Path, cache: Path, real_encoder: Encoder) -> None:
    index, seeds = small_index(tmp_path, real_encoder)
    before = current_id(IndexPaths(index))
    server = Server(tmp_path, "--index", index, "--cache", cache)
    with server.client() as client:
        for number in range(200):
            (seeds / f"{number}.txt").write_text(
                "".join(f"Sentence {number} {n} is here. " for n in range(60)), "utf-8"
            )
        assert client.post("/gradio_api/run/rebuild", json={"data": []}).json()["data"][0]["running"]
    assert end_with_a_page_open(server, signal.SIGINT) == 130
    assert server.errors().strip() == "qa: interrupted; nothing is left half-done"
    assert current_id(IndexPaths(index)) == before
    with lock(IndexPaths(index), "test"):
        assert [path.name for path in IndexPaths(index).snapshots.iterdir()] == [before]
