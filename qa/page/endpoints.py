"""The endpoints of the API and the tools of the MCP server: what programs send is checked before Gradio looks at it."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, cast

import gradio as gr
import msgspec
from gradio.blocks import BlocksConfig
from gradio.events import api
from gradio.route_utils import FnIndexInferError
from gradio.utils import get_upload_folder
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from index.errors import (
    BuildLocked,
    Busy,
    CitationError,
    NotAllowed,
    QuestionError,
    SeedQAError,
    SeedsError,
    SnapshotMissing,
    SourceError,
)
from qa.page import texts
from qa.page.bounds import WAITING
from qa.page.events import CALL, Call, trouble
from qa.page.records import AddedFiles
from qa.page.service import Service
from qa.page.signatures import UploadedFile, as_json, bound, explained, name, shown

ENDPOINTS = (
    "search", "open_passage", "page_picture", "verify_citation", "list_documents", "format_citation",
    "export_answer", "give_feedback", "index_status", "compare_snapshots", "rebuild", "rebuild_status",
    "cancel_rebuild", "restore_snapshot",
)  # fmt: skip
"""Methods of the service that are endpoints under their own names. Another one is ``add_files``."""

TOOLS = ("search", "open_passage", "verify_citation", "list_documents")
"""Those that are also tools of the MCP server."""

AT_ONCE = 4
"""Calls of one endpoint by way of Gradio's queue that run at a time."""

SESSIONS = 200
"""Sessions of which Gradio keeps what their pages show. Each call by way of the queue makes one of 0.1 MB."""

_STATUS: dict[type[SeedQAError], int] = {
    QuestionError: 422, CitationError: 422, SeedsError: 422, SourceError: 404, SnapshotMissing: 404, NotAllowed: 403,
    BuildLocked: 409, Busy: 503,
}  # fmt: skip
"""What a call is answered with that can't be done as it is; other errors are the server's: 500."""


class Told(gr.Error):
    """An expected error, told to the one who asked in one line."""

    def __init__(self, message: str) -> None:
        line = " ".join(message.split()).encode("utf-8", "replace").decode("utf-8")
        super().__init__(line, title="", print_exception=False)

    def __str__(self) -> str:
        return str(self.message)


@contextmanager
def told() -> Iterator[None]:
    """Show expected errors to the one who asked; of others, that there was one: the log or error output has it."""
    try:
        yield
    except gr.Error:
        raise
    except SeedQAError as error:
        raise Told(str(error)) from error
    except Exception as error:
        trouble("a call failed", error)
        raise gr.Error(texts.FAILED, title="", print_exception=False) from error


class _Plan(BlocksConfig):
    """The components of the page.

    For each call without a session, which is every call of the API, Gradio writes out the settings of every component,
    to recover them from "deep links", and keeps there what was sent. We have no such links, and it took most of the
    time of a call.
    """

    def __copy__(self) -> BlocksConfig:
        session: Any = super().__copy__()  # type: ignore[no-untyped-call]
        session.config_for_block = lambda *_: {}
        return cast("BlocksConfig", session)


class CheckedBlocks(gr.Blocks):
    """Blocks that check what was sent before Gradio looks for files in it.

    Gradio reads any file and fetches any address that is named in the form of an uploaded file, wherever in the
    input that stands.
    """

    def __init__(self, **settings: Any) -> None:
        self._signatures: dict[str, inspect.Signature] = {}
        super().__init__(**settings)
        self.default_config = _Plan(self)
        self.state_session_capacity = SESSIONS
        self.queue(max_size=WAITING, default_concurrency_limit=AT_ONCE)

    def add_endpoints(self, service: Service) -> None:
        """Make the methods of a service endpoints."""

        def add_files(files: list[UploadedFile]) -> AddedFiles:
            """Put files into the folder of documents, to be indexed by the next rebuild.

            A file that is there is never replaced.

            Args:
                files: The files, sent to /gradio_api/upload before, as handle_file of Gradio's clients does.
            """
            return keep_uploaded(service, files)

        for method in (*(getattr(service, endpoint) for endpoint in ENDPOINTS), add_files):
            signature = self._signatures[method.__name__] = inspect.signature(method, eval_str=True)
            added = api(_endpoint(method), api_name=method.__name__, queue=False)
            labels = [*explained(method), name(signature.return_annotation)]
            for ident, label in zip([*added["inputs"], *added["outputs"]], labels, strict=True):
                self.blocks[ident].label = label  # type: ignore[union-attr]

    async def process_api(self, block_fn: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Answer a call; whatever goes wrong in it is one line."""
        call = _call_of(kwargs.get("request"))
        if call is not None:
            call.name = getattr(block_fn.fn, "__name__", "")
        token = CALL.set(call)  # what comes by way of Gradio's queue is done in the context of its beginning
        try:
            with told():
                answer: dict[str, Any] = await super().process_api(block_fn, *args, **kwargs)
                return answer
        except gr.Error as error:
            if call is not None:
                call.status = _status_of(error)
            raise
        finally:
            CALL.reset(token)

    @property
    def pending(self) -> int:
        """Calls by way of the queue that wait."""
        return len(self._queue)

    @property
    def running(self) -> int:
        """Calls by way of the queue that are being answered."""
        return sum(job is not None for job in self._queue.active_jobs)

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *args: Any, **kwargs: Any) -> list[Any]:
        """Return the inputs of a function as it gets them, each of the type that it says and all that were left out."""
        if block_fn.fn is None:  # what the browser does alone
            raise QuestionError(texts.NO_ENDPOINT)
        signature = self._signatures.get(block_fn.api_name)
        checked = list(inputs) if signature is None else bound(signature, inputs)
        if len(checked) < len(block_fn.inputs):
            raise QuestionError(f"{len(checked)} values were sent, expected {len(block_fn.inputs)}")
        _check_files(checked)
        try:
            prepared: list[Any] = await super().preprocess_data(block_fn, checked, *args, **kwargs)
        except gr.Error as error:
            raise QuestionError(str(error.message)) from error  # Gradio's own, of a number out of its range
        except (ValueError, TypeError, LookupError, AttributeError) as error:  # which speak of how the page is made
            raise QuestionError(texts.UNFIT) from error
        return prepared


def _call_of(request: Any) -> Call | None:
    """Return the call that a request of Gradio's or Starlette's belongs to."""
    inner = getattr(request, "request", request)
    call = getattr(inner, "scope", {}).get("seedqa")
    return call if isinstance(call, Call) else None


def _status_of(error: BaseException) -> int:
    """Return the status of an answer that tells of an error, or 0 where the error is the server's."""
    if not isinstance(error, Told):
        return 0
    cause = error.__cause__
    return next((status for kind, status in _STATUS.items() if isinstance(cause, kind)), 0)


def keep_uploaded(service: Service, files: Sequence[Mapping[str, Any]]) -> AddedFiles:
    """Move files from where Gradio received them into the folder of documents, under the names that they had.

    Raises QuestionError, and touches none, where one of them was not uploaded.
    """
    for file in files:
        _check_uploaded(file.get("path"))
    received = [(file.get("orig_name"), Path(file["path"])) for file in files]
    try:
        return service.keep_files([(name if isinstance(name, str) else path.name, path) for name, path in received])
    finally:
        for _, path in received:
            path.unlink(missing_ok=True)


def _endpoint(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method as an endpoint: records become plain JSON."""

    @wraps(method)
    def endpoint(*args: Any) -> Any:
        return msgspec.to_builtins(method(*args))

    signature = inspect.signature(method, eval_str=True)
    shown = signature.replace(return_annotation=as_json(signature.return_annotation))
    endpoint.__signature__ = shown  # type: ignore[attr-defined]
    endpoint.__annotations__ = {name: p.annotation for name, p in shown.parameters.items()} | {
        "return": shown.return_annotation
    }
    return endpoint


def _check_files(values: list[Any]) -> None:
    """Raise QuestionError where anywhere in the values there is a file that was not uploaded."""
    pending = list(values)
    while pending:
        part = pending.pop()
        if isinstance(part, dict) and "path" in part and "meta" in part:
            _check_uploaded(part["path"])
        pending.extend(part.values() if isinstance(part, dict) else part if isinstance(part, list) else ())


def _check_uploaded(path: Any) -> None:
    """Raise QuestionError where a path is not that of a file in the folder for uploads."""
    with suppress(OSError, ValueError, TypeError, RuntimeError):
        found = Path(path).resolve(strict=True)
        if found.is_file() and found.is_relative_to(Path(get_upload_folder()).resolve()):
            return
    raise QuestionError(f"file {shown(path)} was not uploaded; send it to /gradio_api/upload")


def _unknown(request: Request, error: Exception) -> Response:
    """Answer a call of an endpoint that there is not, by a name or by a number."""
    named = error.args == (f"/{request.path_params.get('api_name')}",)
    numbered = len(error.args) == 1 and isinstance(error.args[0], int)
    if not (isinstance(error, FnIndexInferError) or (_is_call(request) and (named or numbered))):
        raise error
    return JSONResponse({"error": texts.NO_ENDPOINT}, 404)


def _misnamed(request: Request, error: Exception) -> Response:
    """Answer a call by names that are not those of the endpoint's parameters."""
    line = str(error).partition(". ")[0]
    if not (_is_call(request) and line.startswith(("No value provided for required argument", "Parameter `"))):
        raise error
    return JSONResponse({"error": line}, 422)


def _busy(*_: object) -> Response:
    """Answer a call for which there is no more room in the queue."""
    return JSONResponse({"error": texts.BUSY}, 503, {"retry-after": "1"})


def _is_call(request: Request) -> bool:
    return any(part in request.url.path for part in ("/gradio_api/run/", "/gradio_api/call/", "/gradio_api/queue/"))


HANDLERS: dict[int | type[Exception], Callable[[Request, Any], Response]] = {
    FnIndexInferError: _unknown,
    KeyError: _unknown,
    TypeError: _misnamed,
    503: _busy,
}
"""What Gradio's routes let out where a call can't be taken, and what becomes of it. All else is the server's fault."""


def tell_tools_in_json(blocks: gr.Blocks) -> None:
    """Leave the MCP server the tools that are meant for it, and have them answer in JSON, not in Python's notation."""
    logging.getLogger("mcp").setLevel(logging.ERROR)  # an agent's mistakes are told to the agent
    server: Any = blocks.mcp_server_obj
    server.tool_to_endpoint = {name: f"/{name}" for name in TOOLS}

    def as_json(data: Any, _: str) -> list[Any]:
        return [server.types.TextContent(type="text", text=msgspec.json.encode(part).decode()) for part in data]

    server.postprocess_output_data = as_json
