"""The endpoints of the API and the tools of the MCP server: what programs send is checked before Gradio looks at it."""

from __future__ import annotations

import dataclasses
import inspect
import json
import logging
import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, Literal, TypedDict, Union, get_args, get_origin, get_type_hints

import gradio as gr
import msgspec
from gradio.events import api
from gradio.route_utils import FnIndexInferError
from gradio.utils import get_upload_folder
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from index.errors import QuestionError, SeedQAError
from qa.page import texts
from qa.page.records import AddedFiles
from qa.page.service import Service

ENDPOINTS = (
    "search", "open_passage", "page_picture", "verify_citation", "list_documents", "format_citation",
    "export_answer", "give_feedback", "index_status", "compare_snapshots", "rebuild", "rebuild_status",
    "cancel_rebuild", "restore_snapshot",
)  # fmt: skip
"""Methods of the service that are endpoints under their own names. Another one is ``add_files``."""

TOOLS = ("search", "open_passage", "verify_citation", "list_documents")
"""Those that are also tools of the MCP server."""

AT_ONCE, WAITING = 4, 100
"""Calls by way of the queue: how many of one endpoint run at a time, and how many of all may wait for that."""

SESSIONS = 200
"""Sessions of which Gradio keeps what their pages show. Each call by way of the queue makes one of 0.1 MB."""

_SHOWN = 60
"""Characters of a wrong value that an error repeats."""

_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false", type(None): "null"}


class _Meta(TypedDict):
    _type: Literal["gradio.FileData"]


class UploadedFile(TypedDict):
    """A file that was sent to ``/gradio_api/upload``; ``orig_name`` may be there, too: the name that it had."""

    path: str
    """What the upload returned."""
    meta: _Meta


class Told(gr.Error):
    """An expected error, told to the one who asked in one line."""

    def __init__(self, message: str) -> None:
        line = " ".join(message.split()).encode("utf-8", "replace").decode("utf-8")
        super().__init__(line, title="", print_exception=False)

    def __str__(self) -> str:
        return str(self.message)


@contextmanager
def told() -> Iterator[None]:
    """Show expected errors to the one who asked; of others, that there was one: the server's error output has it."""
    try:
        yield
    except gr.Error:
        raise
    except SeedQAError as error:
        raise Told(str(error)) from error
    except Exception as error:
        raise gr.Error(texts.FAILED, title="") from error


class CheckedBlocks(gr.Blocks):
    """Blocks that check what was sent before Gradio looks for files in it.

    Gradio reads any file and fetches any address that is named in the form of an uploaded file, wherever in the
    input that stands.
    """

    def __init__(self, **settings: Any) -> None:
        self._signatures: dict[str, inspect.Signature] = {}
        super().__init__(**settings)
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

        for method in (*(getattr(service, name) for name in ENDPOINTS), add_files):
            signature = self._signatures[method.__name__] = inspect.signature(method, eval_str=True)
            added = api(_endpoint(method), api_name=method.__name__, queue=False)
            labels = [*_explained(method), _name(signature.return_annotation)]
            for ident, label in zip([*added["inputs"], *added["outputs"]], labels, strict=True):
                self.blocks[ident].label = label  # type: ignore[union-attr]

    async def process_api(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Answer a call; whatever goes wrong in it is one line."""
        with told():
            answer: dict[str, Any] = await super().process_api(*args, **kwargs)
            return answer

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *args: Any, **kwargs: Any) -> list[Any]:
        """Return the inputs of a function as it gets them, each of the type that it says and all that were left out."""
        if block_fn.fn is None:  # what the browser does alone
            raise QuestionError(texts.NO_ENDPOINT)
        signature = self._signatures.get(block_fn.api_name)
        checked = list(inputs) if signature is None else _bound(signature, inputs)
        if len(checked) < len(block_fn.inputs):
            raise QuestionError(f"{len(checked)} values were sent, expected {len(block_fn.inputs)}")
        _check_files(checked)
        try:
            prepared: list[Any] = await super().preprocess_data(block_fn, checked, *args, **kwargs)
        except gr.Error as error:
            raise Told(str(error.message)) from error  # Gradio's own, of a number out of its range
        except (ValueError, TypeError, LookupError, AttributeError) as error:  # which speak of how the page is made
            raise QuestionError(texts.UNFIT) from error
        return prepared


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
    shown = signature.replace(return_annotation=_as_json(signature.return_annotation))
    endpoint.__signature__ = shown  # type: ignore[attr-defined]
    endpoint.__annotations__ = {name: p.annotation for name, p in shown.parameters.items()} | {
        "return": shown.return_annotation
    }
    return endpoint


def _explained(method: Callable[..., Any]) -> list[str]:
    """Return what the docstring of a method says of each of its parameters."""
    arguments = (inspect.getdoc(method) or "").partition("\nArgs:\n")[2]
    return re.findall(r"^ {4}\w+: (.+)$", arguments, re.MULTILINE)


def _name(kind: Any) -> str:
    """Return a type as it is written."""
    return str(kind.__name__) if isinstance(kind, type) and not get_args(kind) else re.sub(r"\w+\.", "", str(kind))


def _as_json(kind: Any) -> Any:
    """Return a type whose records are dictionaries, as they are in JSON.

    Of a dataclass Gradio's schema tells the defaults, but not that every field is always there.
    """
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        typed_dict: Any = TypedDict
        return typed_dict(kind.__name__, {name: _as_json(of) for name, of in get_type_hints(kind).items()})
    origin, arguments = get_origin(kind), tuple(_as_json(argument) for argument in get_args(kind))
    if origin is None or origin is Literal:
        return kind
    return Union[arguments] if origin in (Union, types.UnionType) else origin[arguments]  # noqa: UP007 - no literal


def _bound(signature: inspect.Signature, values: Sequence[Any]) -> list[Any]:
    """Return a value for each parameter. Raises QuestionError where one is missing, too many, or of the wrong type."""
    parameters = list(signature.parameters.values())
    if len(values) > len(parameters):
        raise QuestionError(
            f"{len(values)} values were sent, expected at most {len(parameters)}: "
            f"{', '.join(signature.parameters) or 'none'}"
        )
    bound = list(values)
    for parameter in parameters[len(values) :]:
        if parameter.default is parameter.empty:
            raise QuestionError(f"{parameter.name} is missing, expected {_words(parameter.annotation)}")
        bound.append(parameter.default)
    for parameter, value in zip(parameters, bound, strict=True):
        try:
            msgspec.convert(value, parameter.annotation)
        except msgspec.ValidationError as error:
            raise QuestionError(
                f"{parameter.name} is {_shown(value)}, expected {_words(parameter.annotation)}"
            ) from error
    return bound


def _shown(value: Any) -> str:
    """Return the beginning of a value, as it was sent."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _words(kind: Any) -> str:
    """Return a type as a reader would name it."""
    arguments = get_args(kind)
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(_words(argument) for argument in arguments)
    if get_origin(kind) is Literal:
        return " or ".join(map(str, arguments))
    if get_origin(kind) is list:
        return "a list of uploaded files" if arguments == (UploadedFile,) else f"a list of {_words(arguments[0])}s"
    return _WORDS[kind]


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
    raise QuestionError(f"file {_shown(path)} was not uploaded; send it to /gradio_api/upload")


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
