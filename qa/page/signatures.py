"""The types of the API: what endpoints take and return, as Gradio describes them and as callers are told."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import types
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypedDict, Union, get_args, get_origin, get_type_hints

import msgspec

from index.errors import QuestionError

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


def explained(method: Callable[..., Any]) -> list[str]:
    """Return what the docstring of a method says of each of its parameters."""
    arguments = (inspect.getdoc(method) or "").partition("\nArgs:\n")[2]
    return re.findall(r"^ {4}\w+: (.+)$", arguments, re.MULTILINE)


def name(kind: Any) -> str:
    """Return a type as it is written."""
    return str(kind.__name__) if isinstance(kind, type) and not get_args(kind) else re.sub(r"\w+\.", "", str(kind))


def as_json(kind: Any) -> Any:
    """Return a type whose records are dictionaries, as they are in JSON.

    Of a dataclass Gradio's schema tells the defaults, but not that every field is always there.
    """
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        typed_dict: Any = TypedDict
        return typed_dict(kind.__name__, {name: as_json(of) for name, of in get_type_hints(kind).items()})
    origin, arguments = get_origin(kind), tuple(as_json(argument) for argument in get_args(kind))
    if origin is None or origin is Literal:
        return kind
    return Union[arguments] if origin in (Union, types.UnionType) else origin[arguments]  # noqa: UP007 - no literal


def bound(signature: inspect.Signature, values: Sequence[Any]) -> list[Any]:
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
                f"{parameter.name} is {shown(value)}, expected {_words(parameter.annotation)}"
            ) from error
    return bound


def shown(value: Any) -> str:
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
