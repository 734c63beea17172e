"""The MCP server as agents meet it: the protocol's own client over HTTP, with a login and without."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, TextContent

from index.encode import Encoder
from qa import Answer, Index, open_index
from qa.answer import Context, DocumentStatus, Verification
from qa.page.endpoints import ENDPOINTS, TOOLS
from qa.page.serve import MCP_PATHS
from tests.servers import Server, small_index

QUESTION = "When was the bridge built?"
LOGIN = ("reader", "päss:wörd")
ROUTE = "/gradio_api/mcp/"

Talk = Callable[[ClientSession], Awaitable[Any]]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, real_encoder: Encoder) -> Path:
    return small_index(tmp_path_factory.mktemp("mcp"), real_encoder)[0]


@pytest.fixture(scope="module")
def server(index: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("open"), "--mcp", "--index", index, "--cache", cache) as server:
        yield server


@pytest.fixture(scope="module")
def guarded(index: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The same with a login."""
    login = {"SEEDQA_AUTH": ":".join(LOGIN)}
    with Server(
        tmp_path_factory.mktemp("login"), "--mcp", "--index", index, "--cache", cache, environment=login
    ) as server:
        yield server


@pytest.fixture(scope="module")
def opened(index: Path, real_encoder: Encoder) -> Iterator[Index]:
    """The same index in Python."""
    with open_index(index, encoder=real_encoder) as opened:
        yield opened


def talk(server: Server, say: Talk, auth: tuple[str, str] | None = None) -> Any:
    """Have a client say something to the server and return what it was told."""

    async def talking() -> Any:
        login = httpx.BasicAuth(*(part.encode() for part in auth)) if auth else None
        async with (
            httpx.AsyncClient(auth=login, trust_env=False, timeout=20) as http,
            streamable_http_client(f"{server.url}{ROUTE}", http_client=http) as (reading, writing, _),
            ClientSession(reading, writing) as session,
        ):
            await session.initialize()
            return await say(session)

    return asyncio.run(talking())


def call(server: Server, name: str, auth: tuple[str, str] | None = None, **arguments: Any) -> tuple[bool, str]:
    """Return whether the call of a tool failed, and the text that it returned."""
    result: CallToolResult = talk(server, lambda session: session.call_tool(name, arguments), auth)
    (content,) = result.content
    assert isinstance(content, TextContent)
    return result.isError, content.text


def test_the_tools_say_what_they_do_and_take(server: Server) -> None:
    tools = talk(server, lambda session: session.list_tools()).tools
    assert sorted(tool.name for tool in tools) == sorted(TOOLS)
    for tool in tools:
        assert len(tool.description) > 50
        assert "Args:" not in tool.description
        assert tool.inputSchema["type"] == "object"
        for argument in tool.inputSchema["properties"].values():
            assert len(argument["description"]) > 20
            assert argument.get("type") or argument["oneOf"]
    (search,) = (tool.inputSchema for tool in tools if tool.name == "search")
    assert search["required"] == ["question"]
    assert search["properties"]["k"] == {
        "type": "integer", "default": 5, "description": "How many passages to return, from 1 to 100."
    }  # fmt: skip
    assert list(search["properties"]) == ["question", "k", "documents", "threshold"]


def test_there_is_nothing_but_tools(server: Server) -> None:
    assert talk(server, lambda session: session.list_resources()).resources == []
    assert talk(server, lambda session: session.list_resource_templates()).resourceTemplates == []
    assert talk(server, lambda session: session.list_prompts()).prompts == []


def test_each_tool_returns_the_json_of_the_python_record(server: Server, opened: Index) -> None:
    failed, text = call(server, "search", question=QUESTION)
    expected = opened.search(QUESTION)
    assert (failed, Answer.from_json(text)) == (False, expected)
    limited = call(server, "search", question=QUESTION, k=1, documents=["*.txt"], threshold=1)[1]
    assert Answer.from_json(limited) == opened.search(QUESTION, k=1, documents=["*.txt"], threshold=1)
    link = expected.results[0].citation.link
    failed, text = call(server, "open_passage", link=link, question=QUESTION, around=10)
    assert (failed, Context.from_json(text)) == (False, opened.open_passage(link, QUESTION, 10))
    assert Context.from_json(text).citation == expected.results[0].citation
    failed, text = call(server, "verify_citation", link=link)
    assert (failed, Verification.from_json(text)) == (False, opened.verify(link))
    failed, text = call(server, "list_documents")
    assert not failed
    assert msgspec.json.decode(text, type=tuple[DocumentStatus, ...]) == opened.list_documents()


def test_many_calls_in_one_session(server: Server, opened: Index) -> None:
    async def ask(session: ClientSession) -> list[str]:
        results = await asyncio.gather(*(session.call_tool("search", {"question": QUESTION}) for _ in range(20)))
        return [content.text for result in results for content in result.content if isinstance(content, TextContent)]

    assert [Answer.from_json(text) for text in talk(server, ask)] == [opened.search(QUESTION)] * 20


@pytest.mark.parametrize(
    ("name", "arguments", "line"),
    [
        ("search", {"question": ""}, "the question is empty; ask in a few words"),
        ("search", {"question": QUESTION, "k": 1000}, "k is 1000, expected at most 100"),
        ("search", {"question": QUESTION, "k": "x"}, "Input validation error: 'x' is not of type 'integer'"),
        ("search", {}, "Input validation error: 'question' is a required property"),
        ("search", {"question": QUESTION, "documents": ["*.pdf"]},
         "no document matches *.pdf; qa status --documents lists them"),
        ("search", {"question": QUESTION, "limit": 3}, "Parameter `limit` is not a valid key-word argument. "),
        ("verify_citation", {"link": "x"}, "'x' is not a citation link; expected one like seedqa:PATH?chars="),
        ("open_passage", {"link": {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}},
         "Input validation error: "),
    ],
)  # fmt: skip
def test_errors_are_told_in_one_line(server: Server, name: str, arguments: dict[str, Any], line: str) -> None:
    failed, text = call(server, name, **arguments)
    assert failed
    assert text.startswith(line)
    assert "\n" not in text


@pytest.mark.parametrize("name", [*sorted({*ENDPOINTS, "add_files"} - {*TOOLS}), "_ask", "nonsense", ""])
def test_other_endpoints_are_no_tools(server: Server, name: str) -> None:
    assert call(server, name) == (True, f"Unknown tool for this Gradio app: {name}")


def test_a_login_is_asked_for(guarded: Server, opened: Index) -> None:
    failed, text = call(guarded, "search", LOGIN, question=QUESTION)
    assert (failed, Answer.from_json(text)) == (False, opened.search(QUESTION))
    ping = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    wrong: list[tuple[bytes, bytes] | None] = [None, (b"reader", b"x"), (b"", b""), (b"x", LOGIN[1].encode())]
    with guarded.client() as client:
        for route in MCP_PATHS:
            for auth in wrong:
                login = httpx.BasicAuth(*auth) if auth else httpx.Auth()
                for response in (client.post(route, json=ping, auth=login), client.get(route, auth=login)):
                    assert (response.status_code, response.headers["www-authenticate"][:5]) == (401, "Basic")


def test_other_sites_are_kept_out(server: Server) -> None:
    ping = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accept = {"accept": "application/json, text/event-stream"}
    with server.client() as client:
        assert client.post(ROUTE, json=ping, headers=accept).status_code == 200
        for foreign in ({"host": "evil.example"}, {"origin": "https://evil.example"}, {"origin": "null"},
                        {"origin": "http://localhost:1"}, {"sec-fetch-site": "cross-site"}):  # fmt: skip
            for route in MCP_PATHS:
                assert client.post(route, json=ping, headers={**accept, **foreign}).status_code == 403
                assert client.get(route, headers=foreign).status_code == 403


def test_other_routes_of_the_server_are_not_there(server: Server) -> None:
    with server.client() as client:
        for path in ("sse", "schema", "messages/", "messages/?session_id=1", "http/x", "x"):
            assert client.get(f"/gradio_api/mcp/{path}").status_code == 404
            assert client.post(f"/gradio_api/mcp/{path}", json={}).status_code == 404
