"""What hostile users of the page, its API and its MCP server try, over real sockets."""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import psutil
import pytest
from playwright.sync_api import Route, expect

from benchmarks.browser import browsing
from qa.feedback import Feedback
from qa.page import texts
from qa.page.probes import PROBES
from tests.conftest import ROOT
from tests.fakes import HashEncoder
from tests.pages import needs_browser
from tests.servers import WITNESS, Server, plain_environment, small_index

QUESTION = "When was the bridge built?"
LOGIN = b"reader:secret"
BASIC = {"Authorization": f"Basic {base64.b64encode(LOGIN).decode()}"}
MARK = "the planted words 5f2e"
RUN = "/gradio_api/run/"
JSON = {"content-type": "application/json"}

SERVE = """
import sys
from pathlib import Path
from qa.config import Settings
from qa.guard import Login
from qa.page import front, server
from qa.page.serve import Serving, run
from tests.fakes import HashEncoder

front.FIRST_SECONDS, server.HEAD_SECONDS, server.LOOK_SECONDS = 2.0, 2.0, 0.5
index, kind = Path(sys.argv[1]), sys.argv[2]
login = Login(user="reader", password="secret") if kind == "locked" else None
serving = Serving(
    port=0, mcp=True, login=login, allowed_hosts=() if kind == "private" else ("box.example",),
    log=str(index.with_name("log.jsonl")), log_questions=True,
)
run(Settings(index=index), serving, lambda line: print(line, flush=True), encoder=HashEncoder())
"""
"""Serves with the fake encoder; kinds are ``private``, ``locked`` (a login) and ``published`` (by way of a proxy)."""

ROUTES = """
import json, sys
from pathlib import Path
from qa.page.app import create_app
from qa.page.service import Service
from qa import Index
from qa.rebuild import Rebuilder
from tests.fakes import HashEncoder

def walk(routes, before=""):
    for route in routes:
        path = before + getattr(route, "path", "").rstrip("/") if hasattr(route, "routes") else ""
        holders = route, getattr(route, "app", None), getattr(route, "original_router", None)
        inner = [one for holder in holders for one in getattr(holder, "routes", None) or ()]
        if inner:
            yield from walk(inner, path)
        elif hasattr(route, "path"):
            yield before + route.path

index = Path(sys.argv[1])
with Index(index, index, encoder=HashEncoder()) as opened:
    service = Service(opened, index, Rebuilder(index, index, model="fake", backend="fake"))
    print(json.dumps(sorted(set(walk(create_app(service, max_upload=1000, mcp=True).asgi.routes)))))
"""


@dataclass(frozen=True)
class Site:
    """A server with its documents, a file beside them that nobody may read, and what was seen of it."""

    server: Server
    folder: Path
    secret: Path
    witness: Path

    @property
    def index(self) -> Path:
        return self.folder / "index"

    def log(self) -> list[str]:
        return (self.folder / "log.jsonl").read_text("ascii").splitlines()


def started(folder: Path, kind: str) -> Iterator[Site]:
    small_index(folder, HashEncoder())
    (folder / "watch").mkdir()
    (folder / "watch" / "sitecustomize.py").write_text(WITNESS, "utf-8")
    secret, witness = folder / "planted.txt", folder / "witness.txt"
    secret.write_text(MARK, "utf-8")
    environment = {"PYTHONPATH": f"{folder / 'watch'}{os.pathsep}{ROOT}", "WITNESS": str(witness)}
    with Server(folder, folder / "index", kind, code=SERVE, environment=environment) as server:
        yield Site(server, folder, secret, witness)


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    yield from started(tmp_path_factory.mktemp("private"), "private")


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    yield from started(tmp_path_factory.mktemp("locked"), "locked")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    yield from started(tmp_path_factory.mktemp("published"), "published")


def raw(site: Site, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
    """Send a request with a path as it stands, which other clients would tidy up."""
    host, port = site.server.url.rpartition("://")[2].split(":")
    with closing(http.client.HTTPConnection(host, int(port), timeout=20)) as connection:
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        return response.status, response.read()


def run(client: httpx.Client, name: str, *values: Any) -> httpx.Response:
    return client.post(f"{RUN}{name}", content=json.dumps({"data": values}), headers=JSON)


# Who may ask


def test_every_route_that_the_application_has_asks_for_the_login(locked: Site) -> None:
    code = [sys.executable, "-c", ROUTES, str(locked.index)]
    found = subprocess.run(code, capture_output=True, text=True, check=True, cwd=ROOT, env=plain_environment())
    routes = json.loads(found.stdout)
    assert len(routes) > 60
    assert {"/config", "/gradio_api/file={path_or_url:path}", "/gradio_api/run/{api_name}", "/monitoring"} <= {*routes}
    sample = {"{api_name}": "search", "{path_or_url:path}": "/etc/passwd", "{path:path}": "x.js"}
    for route in {*routes, *PROBES, "/metrics", "/gradio_api/mcp/", "/nothing"}:
        path = route
        for name, value in sample.items():
            path = path.replace(name, value)
        path = path.replace("{", "").replace("}", "")
        for method in ("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS"):
            if path in PROBES and method in ("GET", "HEAD"):
                continue
            assert (path, method, raw(locked, path, method)[0]) == (path, method, 401)
        assert raw(locked, path, "POST", Authorization="Basic cmVhZGVyOndyb25n")[0] == 401
    for probe in PROBES:
        assert raw(locked, probe)[0] == 200
        assert raw(locked, f"{probe}/")[0] == 401
        assert raw(locked, f"/{probe}")[0] == 401
        assert raw(locked, probe, Host="evil.example")[0] == 403


def test_the_metrics_are_for_who_has_logged_in_or_sits_here(private: Site, locked: Site, published: Site) -> None:
    assert raw(private, "/metrics")[0] == 200
    assert raw(locked, "/metrics", **BASIC)[0] == 200
    assert raw(published, "/metrics")[0] == 404


def test_nothing_is_done_for_another_site(private: Site) -> None:
    with private.server.client() as client:
        link = run(client, "search", QUESTION).json()["data"][0]["results"][0]["citation"]["link"]
        vote = json.dumps({"data": [QUESTION, link, True]})
        for headers in (
            {"host": "evil.example"}, {"origin": "http://evil.example"}, {"origin": "null"},
            {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
        ):  # fmt: skip
            for name, body in (("give_feedback", vote), ("rebuild", '{"data": []}'), ("predict", '{"fn_index": 1}')):
                for kind in ("application/json", "text/plain"):
                    sent = client.post(f"{RUN}{name}", content=body, headers={**headers, "content-type": kind})
                    assert sent.status_code == 403
            tool = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
            assert client.post("/gradio_api/mcp/", json=tool, headers=headers).status_code == 403
            assert client.get("/", headers=headers).status_code == 403
        assert run(client, "rebuild_status").json()["data"][0]["number"] == 0
    assert list(Feedback(private.index).read()) == []


# What can be read


def spellings(path: str) -> list[str]:
    """Return a path, and what leads to it, in every way in which servers have been deceived."""
    up = "../" * 12 + path.lstrip("/")
    plain = [path, up, f"./{up}", f"x/{up}", path.replace("/", "\\"), up.replace("/", "\\"), f"//{path}"]
    return [
        *plain, *(quote(one, safe="") for one in plain), *(quote(quote(one, safe=""), safe="") for one in plain),
        up.replace("../", "..%2f"), up.replace("../", "%2e%2e/"), up.replace("../", "%252e%252e%252f"),
        up.replace("../", "..%c0%af"), up.replace("../", "....//"), up.replace("../", "..;/"), f"{path}%00.txt",
        f"{path}%00", f"file://{path}", f"file:{path}", f"http://127.0.0.1:1{path}", "https://192.0.2.1/x.txt",
        "http://169.254.169.254/latest/meta-data", "\\\\192.0.2.1\\share\\x", "%5c%5c192.0.2.1%5cshare%5cx",
        "C:\\Windows\\win.ini", "C:/Windows/win.ini", f"~/{path}", f"/proc/self/root{path}", "/dev/stdin", "a" * 5000,
        f"{path}/.", f"{path}?x", f"{path}%0d%0aX: y",
    ]  # fmt: skip


PLACES = (
    "/gradio_api/file=", "/gradio_api/file/", "/gradio_api/proxy=", "/file=", "/static/", "/assets/", "/svelte/",
    "/gradio_api/custom_component/1/client/component/", "/gradio_api/stream/x/y/1/", "/gradio_api/run/",
    "/gradio_api/deep_link?session_hash=", "/?deep_link=", "/?__theme=", "/",
)  # fmt: skip
"""Where a path or a name stands in an address."""
STREAMS = (
    "/gradio_api/upload_progress?upload_id=", "/gradio_api/heartbeat/", "/gradio_api/call/search/",
    "/gradio_api/queue/data?session_hash=",
)  # fmt: skip
"""The same, answered bit by bit."""


@pytest.mark.parametrize("place", [*PLACES, *STREAMS])
def test_no_file_is_read_and_nothing_fetched_by_any_address(private: Site, place: str) -> None:
    found = set()
    slow = "upload_progress" in place  # waits for an upload of that name
    for spelled in spellings(str(private.secret))[:: 30 if slow else 1]:
        address = f"{place}{spelled}".replace(" ", "%20")
        status, body = first_part(private, address) if place in STREAMS else raw(private, address)
        assert MARK.encode() not in body
        found.add(status)
    assert found <= {400, 404, 405, 422} | ({200} if place in STREAMS or place.startswith("/?") else set())
    assert private.witness.read_text("utf-8") == ""


def first_part(site: Site, path: str) -> tuple[int, bytes]:
    """Return the status of an answer that has no end, and its beginning."""
    host, port = site.server.url.rpartition("://")[2].split(":")
    with closing(socket.create_connection((host, int(port)), timeout=20)) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode("latin-1"))
        head = connection.recv(2000)
        connection.settimeout(0.05)
        with suppress(TimeoutError):
            head += connection.recv(2000)
    return int(head.split(b" ", 2)[1]), head


def test_no_file_is_read_by_any_value_of_the_api(private: Site, published: Site) -> None:
    hashes = "source=0123456789abcdef&quote=0123456789abcdef"
    for site, spelled in itertools.product((private, published), spellings("../planted.txt")[::2]):
        file = {"path": spelled, "url": spelled, "orig_name": "x.txt", "meta": {"_type": "gradio.FileData"}}
        link = f"seedqa:{quote(spelled)}?chars=0-9&evidence=0-9&{hashes}"
        with site.server.client() as client:
            for name, values in (
                ("search", [QUESTION, 5, [spelled]]), ("search", [file]), ("open_passage", [link]),
                ("open_passage", [spelled]), ("page_picture", [link, 1]), ("verify_citation", [link]),
                ("format_citation", [link]), ("give_feedback", [QUESTION, link]), ("restore_snapshot", [spelled]),
                ("compare_snapshots", [spelled, spelled]), ("add_files", [[file]]),
            ):  # fmt: skip
                answer = run(client, name, *values)
                assert MARK not in answer.text
                allowed = {200} if name == "verify_citation" else set()
                assert answer.status_code in {404, 422, *allowed}, (name, spelled, answer.text)
                if answer.status_code == 200:
                    assert answer.json()["data"][0]["status"] == "source missing"
    assert private.witness.read_text("utf-8") == published.witness.read_text("utf-8") == ""


def test_who_comes_by_way_of_a_proxy_can_name_no_folder_and_is_told_none(published: Site) -> None:
    secrets = {str(published.folder), str(published.folder.parent), str(ROOT), "site-packages"}
    said: list[str] = []
    with published.server.client() as client:
        for folder in (str(published.folder), "..", "~", "/etc", "C:\\"):
            refused = run(client, "rebuild", folder)
            assert refused.status_code == 422
            said.append(refused.text)
        for name, values in (
            ("restore_snapshot", ["0" * 16]), ("compare_snapshots", ["0" * 16]), ("index_status", []),
            ("rebuild_status", []), ("list_documents", []), ("verify_citation", ["seedqa:x"]), ("search", [QUESTION]),
            ("nothing", []), ("search", [5]), ("add_files", [[]]), ("open_passage", ["seedqa:gone.txt?chars=0-9"]),
        ):  # fmt: skip
            said.append(run(client, name, *values).text)
        paths = ("/", "/config", "/gradio_api/info", "/gradio_api/openapi.json", "/nothing")
        said += [client.get(path).text for path in paths]
        said.append(client.post(f"{RUN}search", content=b"{").text)
        (published.folder / "index" / "CURRENT").rename(published.folder / "index" / "hidden")
        try:
            said += [run(client, name).text for name in ("index_status", "rebuild", "compare_snapshots")]
            said.append(client.get("/ready").text)
        finally:
            (published.folder / "index" / "hidden").rename(published.folder / "index" / "CURRENT")
    for text in said:
        assert not [secret for secret in secrets if secret in text], text[:300]


# What is sent

HUGE = b'{"data": ["' + b"w" * 10_000_000 + b'"]}'


@pytest.mark.parametrize(
    ("body", "statuses"),
    [
        (HUGE, {413}),
        (json.dumps({"data": ["w" * 1_000_000]}).encode(), {422}),
        (b'{"data": ["\\u0000"]}', {422}),
        (b'{"data": ["a \\ud800 b"]}', {200, 422}),
        (b'{"data": ["bridge", 1000000000]}', {422}),
        (b'{"data": ["bridge", -1]}', {422}),
        (b'{"data": ["bridge", 1e400]}', {422}),
        (b'{"data": ["bridge", ' + b"9" * 5000 + b"]}", {400, 422}),
        (b'{"data": ["bridge", NaN]}', {400, 422}),
        (b'{"data": ["bridge", 5, null, NaN]}', {400, 422}),
        (b'{"data": ["bridge", 5, null, Infinity]}', {400, 422}),
        (b'{"data": ["bridge", 5, null, -0.1]}', {422}),
        (b'{"data": ["bridge", 5, ["*", "*?", "**"], 0.0]}', {200}),
        (b'{"data": ["bridge", 5, [' + b'"*a",' * 5000 + b'"*"]]}', {422}),
        (b'{"data": ["bridge", 5, ["' + b"*a" * 5000 + b'"]]}', {422}),
        (b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", {400, 422}),
        (b'{"data": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}", {400, 422}),
        (b'{"data": [' + b'{"path": "x", "meta": {}},' * 1000 + b"1]}", {422}),
        (b'{"data": ["bridge"], "fn_index": 999999999999999999999}', {200, 404, 422}),
        (b'{"data": ["bridge"], "session_hash": {"a": 1}}', {422}),
        (b'{"data": ["bridge"], "event_data": [1], "trigger_id": -5}', {200, 422}),
        (b'\xef\xbb\xbf{"data": ["bridge"]}', {200, 400, 422}),
        (b'{"data": ["bridge"]', {422}),
        (b"\x00\xff\xfe", {400, 422}),
        (b"", {422}),
    ],
    ids=range(25),
)
def test_what_no_client_sends_is_refused_and_costs_nothing(private: Site, body: bytes, statuses: set[int]) -> None:
    process = psutil.Process(private.server.pid)
    with private.server.client() as client:
        run(client, "search", QUESTION)
        before = process.memory_info().rss
        for _ in range(3):
            answer = client.post(f"{RUN}search", content=body, headers=JSON)
            assert answer.status_code in statuses, answer.text[:300]
            assert len(answer.content) < 20_000
            assert "Traceback" not in answer.text
        assert run(client, "search", QUESTION).json()["data"][0]["found"]
        assert process.memory_info().rss - before < 100 * 2**20


def test_the_same_of_values_of_other_calls(private: Site) -> None:
    with private.server.client() as client:
        for name, values in (
            ("open_passage", ["seedqa:bridge.txt?chars=0-99999999999999999999&evidence=0-1", "", 0]),
            ("open_passage", ["seedqa:" + "a" * 100_000]), ("page_picture", ["seedqa:x", 10**9, 10**9]),
            ("list_documents", [5]), ("format_citation", ["\ud800", "plain"]), ("give_feedback", ["\0", "\0", True]),
            ("export_answer", ["x" * 5000]), ("restore_snapshot", ["\0"]), ("add_files", [[{}] * 1000]),
        ):  # fmt: skip
            answer = run(client, name, *values)
            assert answer.status_code in {404, 422}, (name, answer.text[:300])
            assert "\n" not in answer.json()["error"]


# Headers

ALWAYS = {
    "x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin", "cross-origin-resource-policy": "same-origin",
}  # fmt: skip


def test_every_kind_of_answer_has_the_headers(private: Site, locked: Site) -> None:
    with private.server.client() as client, locked.server.client() as stranger:
        event = client.post("/gradio_api/call/search", json={"data": [QUESTION]}).json()["event_id"]
        asset = next(part.split('"')[0] for part in client.get("/").text.split('src="./')[1:] if "assets/" in part)
        answers = [
            client.get("/config"), client.get(f"/{asset}"), client.get(f"/gradio_api/call/search/{event}"),
            client.get("/theme.css"), client.get("/health"), client.get("/ready"), client.get("/metrics"),
            client.post("/gradio_api/upload", files={"files": ("<b>.html", b"<script>alert(1)</script>")}),
            client.get("/", headers={"host": "x"}), stranger.get("/"), client.get("/nothing"), client.put("/config"),
            client.post(f"{RUN}search", content=HUGE), run(client, "search", ""), client.get(f"{RUN}search"),
            client.post("/gradio_api/queue/join", json={}), client.post(f"{RUN}search", content=b"\xff", headers=JSON),
        ]  # fmt: skip
        page = client.get("/")
    assert {answer.status_code for answer in answers} == {200, 400, 401, 403, 404, 405, 413, 422}
    for answer in (*answers, page):
        assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
        assert len(answer.headers["x-request-id"]) == 16
        assert not {"server", "x-powered-by", "access-control-allow-origin"} & answer.headers.keys()
    policies = {answer.headers["content-security-policy"] for answer in answers}
    assert policies == {
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; "
        "form-action 'self'; frame-ancestors 'none'"
    }
    scripts = page.headers["content-security-policy"].split("script-src ")[1].split(";")[0].split(" ")
    assert scripts[:2] == ["'self'", "'unsafe-eval'"]
    assert len(scripts) > 3
    assert all(source.startswith("'sha256-") for source in scripts[2:])
    assert all(answer.headers["content-type"].partition(";")[0] != "text/html" for answer in answers)


@needs_browser
def test_the_page_runs_with_its_own_scripts_and_lets_no_other_run(private: Site) -> None:
    with browsing() as browser:
        page = browser.new_page()
        said: list[str] = []
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(private.server.url)
        page.locator(".sq-masthead h1").wait_for()
        page.locator("#sq-question textarea").fill(QUESTION)
        page.locator("#sq-question textarea").press("Enter")
        page.locator(".sq-card").first.wait_for()
        page.on("console", lambda line: said.append(line.text))
        for hostile in (
            "<img src=x onerror='window.hacked = 1'>", "<svg onload='window.hacked = 1'></svg>",
            "<a id=trap href='javascript:window.hacked = 1'>x</a>", "<img src='http://192.0.2.1/x.png'>",
            "<iframe srcdoc='<script>parent.hacked = 1</script>'></iframe>", "<iframe src='http://192.0.2.1/'></iframe>",
            "<form action='http://192.0.2.1/'><button id=trap>x</button></form>",
            "<link rel=stylesheet href=//192.0.2.1/x>",
        ):  # fmt: skip
            page.evaluate("html => { document.querySelector('#sq-chips').innerHTML = html }", hostile)
            if "trap" in hostile:
                page.locator("#trap").click(no_wait_after=True)
            page.evaluate(
                "() => { const s = document.createElement('script'); s.textContent = 'window.hacked = 1';"
                " document.body.append(s) }"
            )
            page.wait_for_timeout(50)
        assert page.evaluate("typeof window.hacked") == "undefined"
        assert page.url.startswith(private.server.url)
        assert sum("Content Security Policy" in line for line in said) >= 8
        browser.close()
    sent = [url for url in asked if not url.startswith((private.server.url, "data:", "blob:"))]
    assert {url for url in sent if "192.0.2.1" not in url and url != "about:srcdoc"} == set()


@needs_browser
def test_a_busy_server_is_asked_again_and_then_it_is_told(private: Site) -> None:
    refused: list[str] = []
    with browsing() as browser:
        page = browser.new_page()
        page.goto(private.server.url)
        page.locator(".sq-masthead h1").wait_for()

        def refuse(most: int) -> None:
            def answer(route: Route) -> None:
                if len(refused) >= most:
                    route.continue_()
                    return
                refused.append(route.request.url)
                headers = {"retry-after": "0.1", "content-type": "application/json"}
                route.fulfill(status=503, headers=headers, body='{"error": "busy"}')

            refused.clear()
            page.unroute_all()
            page.route("**/run/predict*", answer)

        box, results = page.locator("#sq-question textarea"), page.locator("#sq-results")
        refuse(2)
        box.fill(QUESTION)
        box.press("Enter")
        page.locator(".sq-card").first.wait_for()
        assert len(refused) == 2
        refuse(1000)
        box.fill("What grinds rye?")
        box.press("Enter")
        expect(page.locator(".sq-toast")).to_have_text(texts.BUSY)
        expect(results).to_have_attribute("aria-busy", "false")
        page.unroute_all()
        box.press("Enter")
        expect(page.locator("#sq-heading")).to_have_text("What grinds rye?")
        browser.close()


# The log


def test_no_line_of_the_log_can_be_forged(private: Site) -> None:
    forged = '\r\n{"level": "error", "event": "forged"}\u2028\x1b[2J\x85\x7f \ud800 \u202e'
    before = len(private.log())
    with private.server.client() as client:
        assert run(client, "search", f"bridge {forged}").status_code in {200, 422}
        assert run(client, "search", f"bridge {forged[:30]}").status_code == 200
    raw(private, f"/{quote(forged[:-4].encode('utf-8', 'replace'))}")
    raw(private, f"/?q={quote('a secret question')}")
    for ident in ("x" * 65, "a b", '"}', "\x1b[31m", "é"):
        raw(private, "/health/", **{"X-Request-ID": ident})
    raw(private, "/nothing", **{"X-Request-ID": "given.id-1"})
    deadline = time.monotonic() + 10
    while len(lines := private.log()[before:]) < 12 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(lines) == 12
    for line in lines:
        assert line.isascii()
        assert line.isprintable()
        assert json.loads(line)["event"] in {"request", "question"}
    assert not any("a secret question" in line for line in lines)
    idents = [json.loads(line)["request"] for line in lines]
    assert idents[-1] == "given.id-1"
    assert all(len(ident) == 16 for ident in idents[:-1])


# Slow and absent clients


def test_slow_clients_and_those_who_hang_up_keep_nobody_waiting(private: Site) -> None:
    host, port = private.server.url.rpartition("://")[2].split(":")
    head = f"POST {RUN}search HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
    whole = f'{head}Content-Length: 37\r\n\r\n{{"data": ["When was the bridge built"]}}'.encode()
    with ExitStack() as stack, private.server.client() as client:

        def connect() -> socket.socket:
            return stack.enter_context(closing(socket.create_connection((host, int(port)), timeout=20)))

        slow = [connect() for _ in range(200)]
        for number, connection in enumerate(slow):
            connection.sendall(f"{head}Content-Length: 1000\r\n\r\n{{".encode() if number % 2 else head[:20].encode())
        for _ in range(100):
            gone = connect()
            gone.sendall(whole)
            gone.close()
        for _ in range(5):
            assert run(client, "search", QUESTION).status_code == 200
            for connection in slow:
                with suppress(OSError):  # the server has ended it
                    connection.sendall(b" ")
            time.sleep(0.2)
        answers = []
        for connection in slow:
            connection.settimeout(15)
            try:
                answers.append(connection.recv(1000))
            except ConnectionError:
                answers.append(b"")
        assert {answer.split(b"\r\n")[0] for answer in answers} <= {b"", b"HTTP/1.1 408 Request Timeout"}
        assert sum(answer.startswith(b"HTTP/1.1 408") for answer in answers) >= 90
        assert run(client, "search", QUESTION).status_code == 200
        metrics = client.get("/metrics").text
    assert "\nseedqa_calls_under_way 0.0\n" in metrics
    assert "\nseedqa_calls_waiting 0.0\n" in metrics


# No network

DENIED = """
import os, sys

def deny(event, arguments):
    if event in {"socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"}:
        print("attempt:", event, arguments, file=sys.stderr, flush=True)
        os._exit(99)

sys.addaudithook(deny)
from qa import open_index
with open_index(sys.argv[1], cache=sys.argv[2]) as index:
    answer = index.search("Can two builds run at the same time?", k=1)
    print(answer.found, index.verify(answer.results[0].citation).status)
"""


def test_from_import_to_answer_no_socket_is_asked_for(shipped_index: Path, cache: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DENIED, str(shipped_index), str(cache)],
        cwd=ROOT, env=plain_environment(), capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "True verified\n", "")
