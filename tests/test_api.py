"""The API as programs meet it: Gradio's client, curl and bare HTTP against a server of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
import msgspec
import pytest
from gradio_client import Client, handle_file  # type: ignore[import-untyped]
from gradio_client.exceptions import AppError  # type: ignore[import-untyped]
from starlette.requests import Request

from index import build
from index.compare import Difference
from index.encode import Encoder
from index.errors import QuestionError
from index.layout import IndexPaths
from index.snapshot import current_id, snapshot_ids
from qa import Answer, Index, open_index
from qa.answer import Citation, Context, DocumentStatus, Verification
from qa.feedback import Feedback
from qa.page import texts
from qa.page.bounds import WAITING
from qa.page.endpoints import ENDPOINTS, HANDLERS, SESSIONS, keep_uploaded
from qa.page.records import AddedFiles, IndexStatus
from qa.page.service import Service
from qa.rebuild import BuildState
from tests.conftest import ROOT
from tests.servers import Server, plain_environment, small_index

QUESTION = "When was the bridge built?"
FILE = {"_type": "gradio.FileData"}

Call = Callable[..., httpx.Response]


@dataclass(frozen=True)
class Site:
    """A server with its index and documents."""

    server: Server
    index: Path
    seeds: Path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, real_encoder: Encoder, cache: Path) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("api")
    index, seeds = small_index(folder, real_encoder)
    (seeds / "owl.txt").write_text("An owl hunts at night.", "utf-8")
    build(seeds, index, real_encoder)
    with Server(folder, "--index", index, "--cache", cache) as server:
        yield Site(server, index, seeds)


@pytest.fixture(scope="module")
def opened(site: Site, real_encoder: Encoder) -> Iterator[Index]:
    """The same index in Python."""
    with open_index(site.index, encoder=real_encoder) as index:
        yield index


@pytest.fixture(scope="module")
def client(site: Site) -> Iterator[Client]:
    client = Client(site.server.url, verbose=False, analytics_enabled=False)
    yield client
    client.close()


@pytest.fixture(scope="module")
def web(site: Site) -> Iterator[httpx.Client]:
    with site.server.client() as client:
        yield client


@pytest.fixture
def run(web: httpx.Client) -> Call:
    """Call an endpoint in one step."""

    def call(name: str, *values: Any) -> httpx.Response:
        return web.post(f"/gradio_api/run/{name}", content=json.dumps({"data": values}), headers=JSON)

    return call


JSON = {"content-type": "application/json"}


def told(response: httpx.Response) -> str:
    """Return the one line of an error."""
    assert response.status_code in {404, 409, 422}
    line = response.json()["error"]
    assert isinstance(line, str)
    assert line
    assert "\n" not in line
    assert "Traceback" not in line
    return line


def test_search_is_the_answer_that_python_gives(client: Client, opened: Index) -> None:
    found = client.predict(QUESTION, api_name="/search")
    assert msgspec.convert(found, Answer) == opened.search(QUESTION)
    found = client.predict(question=QUESTION, k=1, documents=["*.txt"], threshold=0.9, api_name="/search")
    assert msgspec.convert(found, Answer) == opened.search(QUESTION, k=1, documents=["*.txt"], threshold=0.9)


def test_there_is_one_citation_object(client: Client, opened: Index) -> None:
    found = client.predict(QUESTION, api_name="/search")["results"][0]["citation"]
    citation = opened.search(QUESTION).results[0].citation
    assert msgspec.convert(found, Citation) == citation
    assert citation.source == "bridge.txt"
    context = client.predict(citation.link, api_name="/open_passage")
    assert context["citation"] == found
    assert (
        context["text"][found["start"] - context["text_start"] : found["end"] - context["text_start"]]
        == (found["quote"])
    )
    assert msgspec.convert(context, Context) == opened.open_passage(citation.link)
    around = client.predict(citation.link, QUESTION, 3, api_name="/open_passage")
    assert msgspec.convert(around, Context) == opened.open_passage(citation.link, QUESTION, 3)


def test_verifying_and_listing(client: Client, opened: Index) -> None:
    link = opened.search(QUESTION).results[0].citation.link
    found = client.predict(link, api_name="/verify_citation")
    assert msgspec.convert(found, Verification) == opened.verify(link)
    assert found["status"] == "verified"
    listed = client.predict(api_name="/list_documents")
    assert msgspec.convert(listed, tuple[DocumentStatus, ...]) == opened.list_documents()
    assert [d["source"] for d in client.predict("GARD", api_name="/list_documents")] == ["garden.md"]


def test_writing_a_citation_and_an_answer(client: Client, opened: Index) -> None:
    link = opened.search(QUESTION).results[0].citation.link
    assert "bridge.txt" in client.predict(link, api_name="/format_citation")
    assert client.predict(link, "bibtex", api_name="/format_citation").startswith("@misc{")
    assert client.predict(QUESTION, api_name="/export_answer").startswith("# When was the bridge built\\?\n")
    written = client.predict(QUESTION, style="json", api_name="/export_answer")
    assert Answer.from_json(written) == opened.search(QUESTION)


def test_feedback_is_kept_and_taken_back(client: Client, opened: Index, site: Site) -> None:
    link = opened.search(QUESTION).results[0].citation.link
    assert client.predict(QUESTION, link, api_name="/give_feedback") is True
    assert [(kept.question, kept.useful) for kept in Feedback(site.index).read()] == [(QUESTION, True)]
    assert client.predict(QUESTION, link, None, api_name="/give_feedback") is True
    assert not any(kept.useful for kept in Feedback(site.index).read())


def test_status_and_difference(client: Client, site: Site, opened: Index) -> None:
    status = msgspec.convert(client.predict(api_name="/index_status"), IndexStatus)
    assert (status.snapshot, status.documents, status.seeds) == (opened.manifest.id, 4, str(site.seeds))
    assert (status.earlier[0].documents, status.build, status.watching) == (3, BuildState(), False)
    found = msgspec.convert(client.predict(api_name="/compare_snapshots"), Difference)
    assert (found.old, found.new, found.added) == (status.earlier[0].id, status.snapshot, ("owl.txt",))


def test_rebuilding_and_going_back(client: Client, site: Site) -> None:
    paths = IndexPaths(site.index)
    first = current_id(paths)
    (site.seeds / "mole.txt").write_text("A mole digs.", "utf-8")
    started = msgspec.convert(client.predict(api_name="/rebuild"), BuildState)
    assert (started.running, started.number, started.seeds) == (True, 1, str(site.seeds))
    with pytest.raises(AppError, match="is being built already; wait for it or cancel it"):
        client.predict(api_name="/rebuild")
    deadline = time.monotonic() + 30
    while (state := msgspec.convert(client.predict(api_name="/rebuild_status"), BuildState)).running:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert (state.outcome, state.message) == ("done", "")
    assert state.report
    assert state.report.documents == 5
    assert client.predict("What does a mole do?", 1, api_name="/search")["snapshot"] == current_id(paths) != first
    status = msgspec.convert(client.predict(first, api_name="/restore_snapshot"), IndexStatus)
    assert status.snapshot == first == current_id(paths)
    assert len(snapshot_ids(paths)) == 3
    assert client.predict(api_name="/cancel_rebuild")["outcome"] == "done"
    (site.seeds / "mole.txt").unlink()


def fields(schema: dict[str, Any]) -> set[str]:
    """Return the fields of an object that the schema says is complete."""
    assert schema["type"] == "object"
    assert set(schema["required"]) == set(schema["properties"])
    return set(schema["required"])


def is_typed(schema: dict[str, Any]) -> bool:
    """Tell whether a schema says all the way down what is there."""
    kind = schema.get("type")
    if inner := schema.get("oneOf") or schema.get("anyOf") or schema.get("prefixItems"):
        return all(map(is_typed, inner))
    if kind == "object":
        return bool(schema.get("properties")) and all(map(is_typed, schema["properties"].values()))
    if kind == "array":
        return is_typed(schema["items"])
    return kind in {"string", "integer", "number", "boolean", "null"} or bool(schema.get("enum") or schema.get("const"))


def test_every_endpoint_says_what_it_takes_and_returns(client: Client) -> None:
    info = client.view_api(return_format="dict", print_info=False)
    assert isinstance(info, dict)
    endpoints = info["named_endpoints"]
    assert info["unnamed_endpoints"] == {}
    assert set(endpoints) == {f"/{name}" for name in (*ENDPOINTS, "add_files")}
    for endpoint in endpoints.values():
        assert len(endpoint["description"]) > 20
        for parameter in endpoint["parameters"]:
            assert is_typed(parameter["type"])
            assert len(parameter["label"]) > 20
        (returned,) = endpoint["returns"]
        assert is_typed(returned["type"])
    assert [endpoints[f"/{name}"]["returns"][0]["label"] for name in ("search", "list_documents", "rebuild")] == [
        "Answer", "list[DocumentStatus]", "BuildState",
    ]  # fmt: skip
    assert endpoints["/search"]["parameters"][1]["label"] == "How many passages to return, from 1 to 100."
    asked = [
        (p["parameter_name"], p["parameter_has_default"], p["parameter_default"])
        for p in endpoints["/search"]["parameters"]
    ]
    assert asked == [("question", False, None), ("k", True, 5), ("documents", True, None), ("threshold", True, None)]


def test_the_schema_of_an_answer_is_complete(client: Client) -> None:
    info = client.view_api(return_format="dict", print_info=False)
    assert isinstance(info, dict)
    endpoints = info["named_endpoints"]
    answer = endpoints["/search"]["returns"][0]["type"]
    assert fields(answer) == set(Answer.__dataclass_fields__)
    citation = answer["properties"]["results"]["items"]["properties"]["citation"]
    assert fields(citation) == set(Citation.__dataclass_fields__)
    assert citation["properties"]["section"] == {"type": "array", "items": {"type": "string"}}
    opened = endpoints["/open_passage"]["returns"][0]["type"]["properties"]["citation"]
    assert opened == {"oneOf": [{"type": "null"}, citation]}
    assert fields(endpoints["/add_files"]["returns"][0]["type"]) == set(AddedFiles.__dataclass_fields__)
    assert endpoints["/add_files"]["parameters"][0]["type"]["items"]["properties"]["path"] == {"type": "string"}


def test_what_goes_wrong_is_one_line(client: Client, run: Call, web: httpx.Client) -> None:
    with pytest.raises(AppError) as failed:
        client.predict("", api_name="/search")
    assert failed.value.message == "the question is empty; ask in a few words"
    link = "seedqa:gone.txt?chars=0-9&evidence=0-9&source=0123456789abcdef&quote=0123456789abcdef"
    assert told(run("open_passage", link)).startswith("gone.txt is not in the index")
    assert told(run("open_passage", "nonsense")).startswith("'nonsense' is not a citation link; expected one like ")
    assert told(run("format_citation", link, "word")) == 'style is "word", expected plain or markdown or bibtex'
    assert told(run("search", QUESTION, 5, ["*.pdf"])) == (
        "no document matches *.pdf; qa status --documents lists them"
    )
    assert told(run("restore_snapshot", "../..")).startswith("no snapshot '../..' in ")
    assert told(run("rebuild", "/nowhere")).startswith("seeds folder /nowhere does not exist; ")
    assert told(run("rebuild", "~nobody-of-that-name/x")).startswith("seeds folder ~nobody-of-that-name/x can't be ")
    assert told(run("nonsense")) == "there is no endpoint of that name; /gradio_api/info lists them"
    for path, body, line in (
        ("call/nonsense", {"data": []}, "there is no endpoint of that name; /gradio_api/info lists them"),
        ("call/v2/nonsense", {}, "there is no endpoint of that name; /gradio_api/info lists them"),
        ("call/v2/search", {}, "No value provided for required argument: question"),
        ("call/v2/search", {"question": QUESTION, "limit": 3}, "Parameter `limit` is not a valid key-word argument"),
        ("run/predict", {"data": [1], "fn_index": 9999}, "there is no endpoint of that name; /gradio_api/info lists"),
    ):
        assert told(web.post(f"/gradio_api/{path}", json=body)).startswith(line)


@pytest.mark.parametrize(
    ("name", "values", "line"),
    [
        ("search", [], "question is missing, expected text"),
        ("search", ["q", 5, None, None, 1], "5 values were sent, expected at most 4: question, k, documents, thresho"),
        ("index_status", [1], "1 values were sent, expected at most 0: none"),
        ("search", [QUESTION, 10**9], "k is 1000000000, expected at most 100"),
        ("search", [QUESTION, 10**30], "k is 1000000000000000000000000000000, expected at most 100"),
        ("search", [QUESTION, 0], "k is 0, expected a whole number of 1 or more"),
        ("search", [QUESTION, "x"], 'k is "x", expected a whole number'),
        ("search", [QUESTION, 1.5], "k is 1.5, expected a whole number"),
        ("search", [QUESTION, True], "k is true, expected a whole number"),
        ("search", [QUESTION, None], "k is null, expected a whole number"),
        ("search", [QUESTION, 5, None, float("nan")], "threshold is nan, expected a number from 0 to 1"),
        ("search", [QUESTION, 5, None, 2], "threshold is 2, expected a number from 0 to 1"),
        ("search", [QUESTION, 5, None, "0.5"], 'threshold is "0.5", expected a number or null'),
        ("search", [QUESTION, 5, "*.txt"], 'documents is "*.txt", expected a list of texts or null'),
        ("search", [QUESTION, 5, [1]], "documents is [1], expected a list of texts or null"),
        ("search", [QUESTION, 5, ["\ud800"]], "no document matches ?; qa status --documents lists them"),
        ("search", [{"a": [1] * 90}], 'question is {"a": [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,…, ex'),
        ("search", ["\0\ud800"], "the question '\\x00?' has no words; ask in a few words"),
        ("search", ["w" * 900_000], "the question has 900,000 characters, expected at most 4,000; ask in fewer words"),
        ("open_passage", ["seedqa:\0\ud800"], "'seedqa:\\x00\\ud800' is not a citation link; expected one like "),
        ("open_passage", ["x", "", -1], "around is -1, expected a whole number from 0 to 100,000"),
        ("open_passage", ["x", "", 10**9], "around is 1000000000, expected a whole number from 0 to 100,000"),
        ("page_picture", ["x"], "number is missing, expected a whole number"),
        ("page_picture", ["x", 0], "number is 0, expected a whole number from 1 to 1,000,000"),
        ("page_picture", ["x", 1, 10**9], "width is 1000000000, expected a whole number from 100 to 2,000"),
        ("page_picture", ["x", 1], "'x' is not a citation link; expected one like "),
        ("verify_citation", [None], "link is null, expected text"),
        ("give_feedback", [QUESTION, "x", "yes"], 'useful is "yes", expected true or false or null'),
        ("rebuild", ["\0"], "seeds folder "),
        ("rebuild", ["\ud800"], "the path of the seeds folder "),
        ("restore_snapshot", ["\ud800"], "no snapshot '\\ud800' in "),
        ("compare_snapshots", ["\0", "\ud800"], "no snapshot '\\x00'; expected one of "),
        ("add_files", [None], "files is null, expected a list of uploaded files"),
        ("add_files", ["x"], 'files is "x", expected a list of uploaded files'),
        ("add_files", [[{"path": 3, "meta": FILE}]], "files is "),
    ],
)  # fmt: skip
def test_hostile_values_are_told_in_one_line(run: Call, name: str, values: list[Any], line: str) -> None:
    assert told(run(name, *values)).startswith(line)


def test_what_is_not_the_fault_of_a_call_is_not_told_as_one() -> None:
    def request(path: str, name: str) -> Request:
        return Request({"type": "http", "path": path, "headers": [], "path_params": {"api_name": name}})

    call = request("/gradio_api/call/v2/search", "search")
    for error in (KeyError("name"), KeyError(), KeyError("search"), TypeError("'int' object is not callable")):
        with pytest.raises(type(error)) as raised:
            HANDLERS[type(error)](call, error)
        assert raised.value is error
    with pytest.raises(KeyError):
        HANDLERS[KeyError](request("/config", "x"), KeyError("/x"))
    assert HANDLERS[KeyError](request("/gradio_api/call/v2/x", "x"), KeyError("/x")).status_code == 404
    assert HANDLERS[KeyError](call, KeyError(9999)).status_code == 404


FULL = """
import asyncio, json
import gradio, httpx
from fastapi import FastAPI
from gradio.events import api
from gradio.state_holder import SessionState
from qa.page.bounds import WAITING
from qa.page.endpoints import HANDLERS, CheckedBlocks

def echo(text: str) -> str:
    "Return what was said."
    return text

def fail(text: str) -> str:
    "Fail."
    raise KeyError("secret")

async def calls():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        answers = [await client.post("/gradio_api/call/echo", json={"data": ["a"]}) for _ in range(WAITING + 1)]
        answers += [await client.post(f"/gradio_api/run/{name}", json={"data": ["a"]}) for name in ("echo", "fail")]
        return [(answer.status_code, answer.json()) for answer in answers]

with CheckedBlocks() as blocks:
    api(echo, queue=False)
    api(fail, queue=False)
app = gradio.mount_gradio_app(FastAPI(), blocks, path="/", app_kwargs={"exception_handlers": HANDLERS})
written_out = any(SessionState(blocks).config_values.values())
print(json.dumps([blocks.state_holder.capacity, written_out, asyncio.run(calls())]))
"""
"""Calls an application that has not started, so that all that go by way of the queue wait."""


def test_what_gradio_keeps_and_lets_wait_has_a_limit_and_failures_are_told_and_logged() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL],
        cwd=ROOT, env=plain_environment(), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.stderr.count("Traceback") == 1
    assert done.stderr.count("KeyError: 'secret'") == 1
    sessions, written_out, (*waiting, refused, direct, failed) = json.loads(done.stdout)
    assert (sessions, written_out) == (SESSIONS, False)
    assert [status for status, _ in waiting] == [200] * WAITING
    assert refused == [503, {"error": texts.BUSY}]
    assert (direct[0], direct[1]["data"]) == (200, ["a"])
    assert (failed[0], failed[1]["error"]) == (500, texts.FAILED)


def test_bodies_that_are_no_call(web: httpx.Client, run: Call) -> None:
    address = "/gradio_api/run/search"
    for body in (b"", b"{", b"[]", b'{"data": 5}', b"\xff\xfe", b"[" * 100_000):
        response = web.post(address, content=body, headers=JSON)
        assert response.status_code in {400, 422}
        assert "detail" in response.json()
    huge = web.post(address, json={"data": ["w" * 2**20]})
    assert (huge.status_code, huge.text) == (413, "the request is larger than 1048576 bytes; send less\n")
    assert run("search", QUESTION).status_code == 200


def test_the_two_steps_by_name_and_by_place(web: httpx.Client, opened: Index) -> None:
    expected = opened.search(QUESTION, k=2)
    for path, body in (
        ("call/v2/search", {"question": QUESTION, "k": 2}),
        ("call/search", {"data": [QUESTION, 2, None, None]}),
        ("call/search", {"data": [QUESTION, 2]}),
    ):
        event = web.post(f"/gradio_api/{path}", json=body).json()["event_id"]
        kind, data = web.get(f"/gradio_api/call/search/{event}").text.strip().split("\n")
        assert kind == "event: complete"
        assert msgspec.convert(json.loads(data.removeprefix("data: ")), tuple[Answer]) == (expected,)
    event = web.post("/gradio_api/call/v2/search", json={"question": ""}).json()["event_id"]
    kind, data = web.get(f"/gradio_api/call/search/{event}").text.strip().split("\n")
    assert kind == "event: error"
    assert json.loads(data.removeprefix("data: "))["error"] == "the question is empty; ask in a few words"
    assert web.get("/gradio_api/call/search/nonsense").text == 'event: error\ndata: "404: Not Found"\n\n'


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl(site: Site, opened: Index) -> None:
    expected = opened.search(QUESTION)

    def curl(path: str, *options: str) -> str:
        command = ["curl", "--silent", "--no-buffer", *options, f"{site.server.url}/gradio_api/{path}"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout

    body = json.dumps({"question": QUESTION})
    posted = curl("call/v2/search", "--header", "Content-Type: application/json", "--data", body)
    data = curl(f"call/search/{json.loads(posted)['event_id']}").strip().split("\ndata: ")[1]
    assert msgspec.convert(json.loads(data)[0], Answer) == expected
    body = json.dumps({"data": [QUESTION]})
    answered = curl("run/search", "--header", "Content-Type: application/json", "--data", body)
    assert msgspec.convert(json.loads(answered)["data"][0], Answer) == expected


def test_files_are_added_under_their_names(client: Client, site: Site, tmp_path: Path) -> None:
    named = tmp_path / "Größe (1) & more.txt"
    named.write_text("A new file.", "utf-8")
    added = client.predict([handle_file(named)], api_name="/add_files")
    assert msgspec.convert(added, AddedFiles) == AddedFiles(added=(named.name,), refused=(), folder=str(site.seeds))
    assert (site.seeds / named.name).read_text("utf-8") == "A new file."
    assert [d["status"] for d in client.predict(named.name, api_name="/list_documents")] == ["new"]
    named.write_text("Another text.", "utf-8")
    refused = client.predict([handle_file(named)], api_name="/add_files")["refused"]
    reason = "a file of that name is there already; rename one of them"
    assert refused == [{"source": named.name, "reason": reason, "copy_of": "", "passing": False}]
    assert (site.seeds / named.name).read_text("utf-8") == "A new file."
    (site.seeds / named.name).unlink()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../x.txt", "its name is hidden or leads elsewhere; rename it"),
        ("..", "its name is hidden or leads elsewhere; rename it"),
        ("a\\b.txt", "its name is hidden or leads elsewhere; rename it"),
        (".hidden.txt", "its name is hidden or leads elsewhere; rename it"),
        ("a\nb.txt", "its name has control characters; rename it"),
        ("a\0b.txt", "its name has control characters; rename it"),
        ("a\u202eb.txt", "its name has control characters; rename it"),
        ("ü" * 101, "its name has more than 200 bytes; rename it"),
    ],
)
def test_names_that_are_refused(web: httpx.Client, run: Call, site: Site, name: str, reason: str) -> None:
    before = sorted(site.seeds.parent.rglob("*"))
    (path,) = web.post("/gradio_api/upload", files={"files": ("a.txt", b"Some text.")}).json()
    answer = run("add_files", [{"path": path, "orig_name": name, "meta": FILE}])
    refused = {"source": name, "reason": reason, "copy_of": "", "passing": False}
    assert answer.json()["data"] == [{"added": [], "refused": [refused], "folder": str(site.seeds)}]
    assert sorted(site.seeds.parent.rglob("*")) == before
    assert not Path(path).exists()


def test_only_what_was_uploaded_is_taken(web: httpx.Client, run: Call, site: Site) -> None:
    (path,) = web.post("/gradio_api/upload", files={"files": ("a.txt", b"Some text.")}).json()
    beside = str(Path(path).parents[2] / "b.txt")
    before = sorted(site.seeds.iterdir())
    for foreign in ("/etc/passwd", "https://example.com/x.txt", f"{path}/../../../../etc/passwd", beside, "", "\0",
                    str(Path(path).parent), str(site.seeds / "bridge.txt"), "file:///etc/passwd"):  # fmt: skip
        for name, values in (
            ("add_files", [[{"path": foreign, "url": foreign, "orig_name": "x.txt", "meta": FILE}]]),
            ("open_passage", ["x", {"path": foreign, "meta": FILE}]),
        ):
            assert told(run(name, *values)).endswith(
                (" was not uploaded; send it to /gradio_api/upload", "…, expected text", "}, expected text")
            )
        own = web.post(  # a handler of the page's own, which only the page calls
            "/gradio_api/run/predict", json={"fn_index": 0, "data": [{"path": foreign, "meta": FILE}, *[None] * 20]}
        )
        assert told(own).endswith(" was not uploaded; send it to /gradio_api/upload")
    assert sorted(site.seeds.iterdir()) == before
    Path(path).unlink()


def test_the_handler_that_keeps_files_takes_only_what_was_uploaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads, own = tmp_path / "uploads", tmp_path / "own.txt"
    uploads.mkdir()
    own.write_text("not to be touched", "utf-8")
    sent = uploads / "sent.txt"
    sent.write_text("sent", "utf-8")
    (uploads / "link.txt").symlink_to(own)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(uploads))
    for path in (str(own), str(uploads / "link.txt"), str(uploads), None):
        with pytest.raises(QuestionError, match=r"was not uploaded; send it to /gradio_api/upload"):
            keep_uploaded(cast("Service", None), [{"path": str(sent)}, {"path": path}])
    assert (own.read_text("utf-8"), sent.read_text("utf-8")) == ("not to be touched", "sent")


def test_the_server_has_not_complained(site: Site) -> None:
    assert site.server.process.poll() is None
    assert site.server.errors() == ""
