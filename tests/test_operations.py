"""What whoever runs the server relies on: log, probes, metrics, limits, its end, and the files in deploy/."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from index.errors import SettingsError, SnapshotDamaged
from index.layout import IndexPaths
from index.manifest import Manifest
from index.snapshot import current_id, load_manifest
from qa import cli
from qa.page import admission as admission_module
from qa.page import front as front_module
from qa.page import texts
from qa.page.admission import MAX_HELD, Admission
from qa.page.bounds import UNDER_WAY, WAITING
from qa.page.events import CALL, Call, JsonLines, ident_of, keep_log, note
from qa.page.front import Answered, Front
from qa.page.metrics import Metrics, Sources
from qa.page.policy import Policy
from qa.page.probes import Probes
from qa.page.watch import logged
from qa.rebuild import BuildState
from tests.conftest import ROOT
from tests.fakes import HashEncoder
from tests.servers import Server, small_index

QUESTION = "When was the bridge built?"
SEARCH = "/gradio_api/run/search"

SERVE = """
import sys, time
from pathlib import Path
from qa.config import Settings
from qa.page.serve import Serving, run
from tests.fakes import HashEncoder

class Encoder(HashEncoder):
    def encode_question(self, question):
        time.sleep(float(sys.argv[2]) if "bridge" in question else 0)
        return super().encode_question(question)

serving = Serving(port=0, mcp=True, log=sys.argv[3], log_questions=len(sys.argv) > 4)
run(Settings(index=Path(sys.argv[1])), serving, lambda line: print(line, flush=True), encoder=Encoder())
"""
"""Serves with the fake encoder, which takes its time; keeps a log, with questions if told so."""


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    index, _ = small_index(tmp_path, HashEncoder())
    started: list[Server] = []

    def start(seconds: float = 0, *more: str) -> Server:
        started.append(Server(tmp_path, index, str(seconds), str(tmp_path / "log.jsonl"), *more, code=SERVE))
        return started[-1]

    yield start
    for server in started:
        server.close()


def lines(server: Server) -> list[dict[str, Any]]:
    return [json.loads(line) for line in server.log.with_name("log.jsonl").read_text("ascii").splitlines()]


def search(client: httpx.Client, question: str = QUESTION, **headers: str) -> httpx.Response:
    return client.post(SEARCH, json={"data": [question]}, headers=headers)


# Log and ids


def test_the_log_tells_what_happens_and_not_what_is_asked(serve: Callable[..., Server]) -> None:
    server = serve()
    with server.client() as client:
        assert search(client, **{"x-request-id": "mine-1"}).headers["x-request-id"] == "mine-1"
        assert re.fullmatch("[0-9a-f]{16}", search(client, "").headers["x-request-id"])
        event = client.post("/gradio_api/call/search", json={"data": ["mill"]}, headers={"x-request-id": "mine-2"})
        client.get(f"/gradio_api/call/search/{event.json()['event_id']}")
        client.get("/?q=what+I+want+to+know")
        client.get("/health")
        snapshot = client.post("/gradio_api/run/index_status", json={"data": []}).json()["data"][0]["snapshot"]
    assert server.stop() == 0
    assert server.errors() == ""
    log = lines(server)
    assert log[0] | {"time": ""} == {
        "time": "", "level": "info", "event": "started", "address": f"{server.url}/", "snapshot": snapshot,
    }  # fmt: skip
    asked = [line for line in log if line["event"] == "question"]
    assert [(line["outcome"], line["passages"] > 0) for line in asked] == [
        ("found", True), ("refused", False), ("found", True),
    ]  # fmt: skip
    assert asked[0]["request"] == "mine-1"
    assert asked[2]["request"] == "mine-2"  # by way of Gradio's queue
    requests = [line for line in log if line["event"] == "request"]
    assert [(line["method"], line["path"], line["call"], line["status"]) for line in requests][:3] == [
        ("POST", SEARCH, "search", 200), ("POST", SEARCH, "search", 422),
        ("POST", "/gradio_api/call/search", None, 200),
    ]  # fmt: skip
    assert all(line["complete"] and line["seconds"] >= 0 and line["bytes"] > 0 for line in requests)
    assert "/health" not in {line["path"] for line in requests}
    assert [line["event"] for line in log[-2:]] == ["stopping", "stopped"]
    text = server.log.with_name("log.jsonl").read_text("ascii")
    assert "bridge" not in text
    assert "want" not in text
    assert server.log.with_name("log.jsonl").stat().st_mode & 0o077 == 0


def test_a_log_that_cannot_be_kept_is_told_at_the_start(tmp_path: Path) -> None:
    for place, why in (
        (str(tmp_path / "none" / "log"), "No such file or directory"), (str(tmp_path), "Is a directory"),
        ("~nobody-of-this-name/log", "Could not determine home directory."), ("a\0b", "embedded null byte"),
    ):  # fmt: skip
        with pytest.raises(SettingsError) as raised:
            keep_log(place)
        assert str(raised.value) == (
            f"log file {place} can't be written ({why}); name a file in a folder that is there, or - for standard error"
        )


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps files that are open from being moved")
def test_a_log_that_can_no_longer_be_written_is_told_once_and_costs_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, away = tmp_path / "logs", tmp_path / "away"
    folder.mkdir()
    path = folder / "log"
    with logged(str(path)):
        note("one")
        for _ in range(2):
            folder.rename(away)
            note("lost")
            note("lost")
            away.rename(folder)
            note("back")
        path.rename(tmp_path / "rotated")
        note("new")
        assert path.stat().st_mode & 0o077 == 0
    told = f"qa: log file {path} can't be written (No such file or directory); lines are left out\n"
    assert capsys.readouterr().err == told * 2
    kept = [json.loads(line)["event"] for line in (tmp_path / "rotated").read_text("ascii").splitlines()]
    assert (kept, json.loads(path.read_text("ascii"))["event"]) == (["one", "back", "back"], "new")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
def test_a_log_on_a_full_disk_costs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with logged("/dev/full"):
        note("one")
        note("two")
    told = "qa: log file /dev/full can't be written (No space left on device); lines are left out\n"
    assert capsys.readouterr().err == told


def test_an_error_is_one_line_with_its_traceback() -> None:
    try:
        raise ValueError("first\nsecond \x1b[31m \ud800 \u2028")
    except ValueError as error:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "a call failed", None, (type(error), error, None))
    token = CALL.set(Call("id-1"))
    line = JsonLines().format(record)
    CALL.reset(token)
    assert line.isascii()
    assert line.isprintable()
    told = json.loads(line)
    assert (told["level"], told["event"], told["request"]) == ("error", "a call failed", "id-1")
    assert told["error"].startswith("ValueError: first\nsecond ")


@pytest.mark.parametrize("given", [None, b"", b"a" * 65, b"a b", b"a\n", b"\xe9", b'"', b"a/b", b"a\x1b"])
def test_an_id_that_is_no_plain_word_is_replaced(given: bytes | None) -> None:
    assert re.fullmatch("[0-9a-f]{16}", ident_of(given))
    assert ident_of(b"Good_1.2-x") == "Good_1.2-x"


# Probes and metrics


async def asked(app: Any, path: str = "/ready") -> tuple[int, Any]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get(path)
        return answer.status_code, answer.json()


async def nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


def test_what_does_not_answer_is_not_ready(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("qa.page.probes.FRESH_SECONDS", 0.0)
    monkeypatch.setattr("qa.page.probes.PATIENCE_SECONDS", 0.2)
    slow, go_on = threading.Event(), threading.Event()
    looks: list[int] = []
    wrong: list[Exception] = []

    def check() -> None:
        looks.append(1)
        if slow.is_set():
            go_on.wait(10)
        if wrong:
            raise wrong.pop()

    async def story() -> list[tuple[int, Any]]:
        ending = False
        probes = Probes(nowhere, check=check, ending=lambda: ending, metrics=None)
        told = [await asked(probes), await asked(probes, "/metrics")]
        wrong.extend((RuntimeError("what nobody thought of"), SnapshotDamaged("/a/path is damaged")))
        told += [await asked(probes), await asked(probes), await asked(probes, "/health")]
        slow.set()
        looks.clear()
        told += await asyncio.gather(*(asked(probes) for _ in range(20)))
        go_on.set()
        assert len(looks) == 1
        ending = True
        return [*told, await asked(probes)]

    ready, missing, gone, again, alive, *late, ended = asyncio.run(story())
    assert (ready, missing) == ((200, {"status": "ready"}), (404, {}))
    assert gone == again == (503, {"status": "not answering"})
    assert alive == (200, {"status": "alive"})
    assert late == [(503, {"status": "not answering"})] * 20
    assert ended == (503, {"status": "ending"})
    assert [record.getMessage() for record in caplog.records] == ["the index does not answer"]  # once


def test_what_was_asked_is_counted_and_is_in_the_log_where_that_is_wanted(serve: Callable[..., Server]) -> None:
    server = serve(0, "questions")
    with server.client() as client:
        for path, word in (("/health", "alive"), ("/ready", "ready")):
            answer = client.get(path)
            assert (answer.status_code, answer.json()) == (200, {"status": word})
            assert client.head(path).status_code == 200
            assert client.post(path).status_code == 404
        for question in (QUESTION, QUESTION, "", "xylophone zeppelin quartz"):
            search(client, question)
        status = client.post("/gradio_api/run/index_status", json={"data": []}).json()["data"][0]
        answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    counted = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
    questions = {o: float(counted[f'seedqa_questions_total{{outcome="{o}"}}']) for o in ("refused", "busy", "failed")}
    assert questions == {"refused": 1, "busy": 0, "failed": 0}
    found, not_found = (float(counted[f'seedqa_questions_total{{outcome="{o}"}}']) for o in ("found", "not_found"))
    assert found + not_found == 3
    assert found >= 2
    assert counted["seedqa_question_seconds_count"] == "4.0"
    assert counted['seedqa_requests_total{part="run",status="200"}'] == "4.0"
    assert counted['seedqa_requests_total{part="run",status="422"}'] == "1.0"
    assert counted[f'seedqa_snapshot_info{{snapshot="{status["snapshot"]}"}}'] == "1.0"
    assert counted["seedqa_snapshot_documents"] == "3.0"
    assert abs(float(counted["seedqa_snapshot_built_timestamp_seconds"]) - time.time()) < 600
    for name in ("build_running", "builds_total", "calls_under_way", "calls_waiting", "calls_refused_total"):
        assert counted[f"seedqa_{name}"] == "0.0"
    assert server.stop() == 0
    noted = [line["question"] for line in lines(server) if line["event"] == "question"]
    assert noted == [QUESTION, QUESTION, "", "xylophone zeppelin quartz"]


def test_an_index_that_cannot_be_used_costs_only_its_own_metrics(built: Path) -> None:
    def damaged() -> Manifest:
        raise SnapshotDamaged("changed while it was in use")

    def gone() -> float:
        raise FileNotFoundError

    manifest = load_manifest(IndexPaths(built).snapshot(current_id(IndexPaths(built))))
    load = Admission(nowhere, prefixes=(), queued=lambda: 3)
    for sources in (
        Sources(manifest=damaged, built=lambda: 0.0, build=BuildState, load=load),
        Sources(manifest=lambda: manifest, built=gone, build=BuildState, load=load),
    ):
        text = Metrics(sources).text().decode()
        assert "seedqa_snapshot" not in text
        assert "\nseedqa_calls_waiting 3.0\n" in text


# More than can be done


class Gate:
    """An application that answers when it is told to."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.ran = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.ran += 1
        await self.open.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})


async def settled() -> None:
    """Let everything go as far as it can without a clock."""
    for _ in range(50):
        await asyncio.sleep(0)


def call(admission: Admission, receive: Receive | None = None) -> asyncio.Task[list[Message]]:
    """Send a call whose client stays; return what will have been sent for it."""
    body: list[Message] = [{"type": "http.request", "body": b"{}", "more_body": False}]

    async def stays() -> Message:
        if body:
            return body.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def answer() -> list[Message]:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/run/x", "root_path": "", "headers": []}
        await admission(scope, receive or stays, send)
        return sent

    return asyncio.ensure_future(answer())


def test_so_many_calls_are_done_so_many_wait_and_all_others_are_told() -> None:
    async def story() -> None:
        gate = Gate()
        admission = Admission(gate, prefixes=("/run/",), queued=lambda: 3)
        calls = [call(admission) for _ in range(UNDER_WAY + WAITING + 7)]
        await settled()
        assert (admission.under_way, admission.waiting, admission.queued) == (UNDER_WAY, WAITING - 3, WAITING)
        assert gate.ran == UNDER_WAY
        refused = [await done for done in calls if done.done()]
        assert len(refused) == 10 == admission.refused
        for start, body in refused:
            assert start["status"] == 503
            assert dict(start["headers"])[b"retry-after"] == b"1"
            assert json.loads(body["body"]) == {"error": texts.BUSY}
        gate.open.set()
        answers = await asyncio.gather(*calls)
        assert [sent[0]["status"] for sent in answers].count(200) == UNDER_WAY + WAITING - 3
        assert (admission.under_way, admission.waiting) == (0, 0)
        admission.close()
        start, body = await call(admission)
        assert (start["status"], json.loads(body["body"])) == (503, {"error": texts.ENDING})

    asyncio.run(story())


def test_who_leaves_while_waiting_is_not_worked_for_and_a_slow_body_holds_no_place() -> None:
    async def story() -> None:
        gate = Gate()
        admission = Admission(gate, prefixes=("/run/",), queued=lambda: 0)
        leave, slow = asyncio.Event(), asyncio.Event()

        def leaving() -> Receive:
            body: list[Message] = [{"type": "http.request", "body": b"{}", "more_body": False}]

            async def receive() -> Message:
                if body:
                    return body.pop()
                await leave.wait()
                return {"type": "http.disconnect"}

            return receive

        async def slowly() -> Message:
            await slow.wait()
            return {"type": "http.disconnect"}

        lingering = [call(admission, slowly) for _ in range(WAITING + UNDER_WAY)]
        under_way = [call(admission) for _ in range(UNDER_WAY)]
        waiting = [call(admission, leaving()) for _ in range(20)]
        patient = call(admission)
        await settled()
        assert (admission.under_way, admission.waiting) == (UNDER_WAY, 21)
        leave.set()
        assert await asyncio.gather(*waiting) == [[]] * 20
        assert admission.waiting == 1
        patient.cancel()
        await asyncio.sleep(0)
        gate.open.set()
        await asyncio.gather(*under_way)
        slow.set()
        assert await asyncio.gather(*lingering) == [[]] * len(lingering)
        assert gate.ran == UNDER_WAY
        assert (admission.under_way, admission.waiting) == (0, 0)
        assert (await asyncio.gather(*[call(admission) for _ in range(UNDER_WAY)]))[-1][0]["status"] == 200

    asyncio.run(story())


def test_calls_together_are_kept_only_up_to_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_HELD == 64 * 2**20
    monkeypatch.setattr(admission_module, "MAX_HELD", 100)

    async def story() -> list[list[Message]]:
        stay = asyncio.Event()

        def large(count: int = 2) -> Receive:
            parts: list[Message] = [{"type": "http.request", "body": b"x" * 60, "more_body": count > 1}] * count

            async def receive() -> Message:
                if parts:
                    return parts.pop()
                await stay.wait()
                return {"type": "http.disconnect"}

            return receive

        gate = Gate()
        admission = Admission(gate, prefixes=("/run/",), queued=lambda: 0)
        refused = [await call(admission, large()), await call(admission, large())]
        small = []
        for count in (1, 2, 3):  # what is under way is not held
            small.append(call(admission, large(1)))
            await settled()
            assert gate.ran == count
        gate.open.set()
        return [*refused, *await asyncio.gather(*small)]

    assert [sent[0]["status"] for sent in asyncio.run(story())] == [503, 503, 200, 200, 200]


def test_beyond_capacity_answers_go_on_and_the_rest_is_told_when_to_ask_again(serve: Callable[..., Server]) -> None:
    server = serve(0.1)
    with server.client(limits=httpx.Limits(max_connections=300), timeout=60) as client, ThreadPoolExecutor(200) as pool:
        busy = list(pool.map(lambda _: search(client), range(200)))
        assert client.get("/health").status_code == 200
        assert {answer.status_code for answer in busy} == {200, 503}
        answered = [answer for answer in busy if answer.status_code == 200]
        assert len(answered) >= WAITING
        assert all(answer.json()["data"][0]["found"] for answer in answered)
        refused = [answer for answer in busy if answer.status_code == 503]
        assert {answer.headers["retry-after"] for answer in refused} == {"1"}
        assert {answer.json()["error"] for answer in refused} == {texts.BUSY}
        tool = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        accept = {"accept": "application/json, text/event-stream"}
        assert client.post("/gradio_api/mcp/", json=tool, headers=accept).status_code == 200
        assert search(client).status_code == 200
        assert f"seedqa_calls_refused_total {len(refused)}.0\n" in client.get("/metrics").text


def test_at_the_end_questions_under_way_are_answered_and_others_are_not_taken(serve: Callable[..., Server]) -> None:
    server = serve(0.8)
    with server.client() as client, ThreadPoolExecutor(8) as pool:
        assert search(client, "Where do frogs live?").status_code == 200
        running = [pool.submit(search, client) for _ in range(6)]
        event = client.post("/gradio_api/call/search", json={"data": [QUESTION]}).json()["event_id"]
        queued = pool.submit(client.get, f"/gradio_api/call/search/{event}")
        deadline = time.monotonic() + 10
        while "seedqa_calls_under_way 6.0" not in client.get("/metrics").text and time.monotonic() < deadline:
            time.sleep(0.02)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.4)
        with pytest.raises(httpx.TransportError), server.client() as late:
            search(late)
        assert [done.result().status_code for done in running] == [200] * 6
        assert queued.result().text.startswith("event: complete\n")
        assert server.process.wait(60) == 0
    assert server.errors() == ""


# Front and policy, by themselves


def through_front(app: Any, parts: list[Message], wait: float = 0) -> tuple[list[Message], list[Answered]]:
    async def story() -> list[Message]:
        sent: list[Message] = []

        async def receive() -> Message:
            await asyncio.sleep(wait)
            return parts.pop(0)

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/x", "root_path": "", "headers": []}
        await Front(app, seen.append)(scope, receive, send)
        return sent

    seen: list[Answered] = []
    return asyncio.run(story()), seen


async def reads(scope: Scope, receive: Receive, send: Send) -> None:
    while (message := await receive())["type"] == "http.request" and message["more_body"]:
        pass
    if message["type"] == "http.disconnect":
        raise ConnectionError("gone")
    scope["seedqa"].status = 422
    await send({"type": "http.response.start", "status": 500, "headers": []})
    await send({"type": "http.response.body", "body": b"why"})


def test_a_body_that_comes_too_slowly_ends_in_408(monkeypatch: pytest.MonkeyPatch) -> None:
    part: Message = {"type": "http.request", "body": b"x", "more_body": True}
    monkeypatch.setattr(front_module, "FIRST_SECONDS", 0.1)
    (start, body), (seen,) = through_front(reads, [part] * 50, wait=0.03)
    assert (start["status"], body["body"]) == (408, b"the request came too slowly; send it again\n")
    assert dict(start["headers"])[b"connection"] == b"close"
    assert (seen.status, seen.complete) == (408, True)
    fast: Message = {"type": "http.request", "body": b"x" * 2000, "more_body": True}
    (start, body), (seen,) = through_front(reads, [fast] * 9 + [{**fast, "more_body": False}], wait=0.03)
    assert (start["status"], body["body"], seen.bytes) == (422, b"why", 3)


def test_only_the_scripts_of_the_page_itself_are_allowed() -> None:
    page = b"<html><script>one()</script><script src=x.js></script><p>&lt;script&gt;</p><script a>two(\r\n)</script>"

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/html"), (b"content-security-policy", b"script-src 'self'; x 'self'")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": page[:30], "more_body": True})
        await send({"type": "http.response.body", "body": page[30:]})

    async def got() -> httpx.Response:
        transport = httpx.ASGITransport(Policy(app, extra=("three()",)))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get("/")

    answer = asyncio.run(got())
    assert (answer.content, answer.headers["content-encoding"]) == (page, "gzip")
    # echo -n 'one()' | openssl dgst -sha256 -binary | base64, and so on; a browser reads CR LF as LF
    assert answer.headers["content-security-policy"] == (
        "script-src 'self' 'unsafe-eval' 'sha256-HR7iaask9daLMRRskMI++QeJtjWDOjyPA6lGzYGzKW4=' "
        "'sha256-jfyyWZsh1dgMw3QYUn4471G46D+yECaLAfxZjnTGNbg=' "
        "'sha256-9pBN41chd0j5wOHh+ekeax160Rc9jNo20dZbpBeXbkQ='; x 'self'"
    )


# deploy/


def test_the_options_in_deploy_are_those_of_the_command() -> None:
    known = {option for parameter in cli.cli.commands["serve"].params for option in parameter.opts}
    unit = (ROOT / "deploy" / "seedqa.service").read_text("utf-8")
    (started,) = re.findall("^ExecStart=(.*)$", unit, re.MULTILINE)
    program, command, *arguments = shlex.split(started)
    assert (program, command) == ("/opt/seedqa/.venv/bin/qa", "serve")
    container = (ROOT / "deploy" / "Containerfile").read_text("utf-8")
    (entry,), (said,) = (re.findall(f"^{word} (.*)$", container, re.MULTILINE) for word in ("ENTRYPOINT", "CMD"))
    assert json.loads(entry) == ["qa"]
    assert json.loads(said)[0] == "serve"
    for words in (arguments, json.loads(said)[1:]):
        options = {word for word in words if word.startswith("--")}
        assert options
        assert options <= known
    for line in ("NoNewPrivileges=yes", "DynamicUser=yes", "ProtectSystem=strict", "MemoryMax=4G"):
        assert f"\n{line}\n" in unit
    assert re.search(r"^USER 10001:10001$", container, re.MULTILINE)
    for copied in re.findall(r"^COPY (?!--)(.*) \S+$", container, re.MULTILINE):
        assert all((ROOT / name).exists() for name in copied.split())


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = (ROOT / "deploy" / "seedqa.service").read_text("utf-8").replace("/opt/seedqa/.venv/bin/qa", "/bin/true")
    (tmp_path / "seedqa.service").write_text(unit, "utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / "seedqa.service")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, [line for line in done.stderr.splitlines() if "seedqa.service" in line]) == (0, [])
