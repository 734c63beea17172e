"""Keeps where things are on the server from those who reach the page from elsewhere."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from index.errors import QuestionError, SeedQAError
from qa.rebuild import BuildState

_START = r"(?<![\w.~)/\\-])"
_PATH = re.compile(_START + r"""(?:[A-Za-z]:[/\\]|\\\\|/(?!/))(?:[^\s'",;()/\\]*[/\\])*([^\s'",;()/\\]+)""")
"""An absolute path, as far as it has no spaces; its group is the last part."""

_SERVER = re.compile(r"milvus(?:\+tls)?://[\w.:\[\]-]+/\w+(?:/\w+)?")
"""The address of an index on a server."""

_HOLDER = re.compile(r"process \d+ on .+? since \S+ \(.*\)")
"""What index.lock says of the holder of a lock."""


class Discretion:
    """What is told of an index: all where only whoever sits at this computer asks, else names of folders at most."""

    def __init__(self, roots: Callable[[], Iterable[Path]], *, private: bool) -> None:
        """``roots`` returns the folders that texts may name; each is shortened to its own name."""
        self._roots = roots
        self._private = private

    def folder(self, path: str) -> str:
        """Return a folder as it is told."""
        return path if self._private else Path(path).name

    def line(self, text: str) -> str:
        """Return a message as it is told: paths relative to a folder that is known, of others the last part."""
        if self._private:
            return text
        text = _SERVER.sub("the index", _HOLDER.sub("another process", text))
        if _PATH.search(text):
            for root, name in self._names():
                text = re.sub(rf"{_START}{re.escape(root)}(?![\w-])", name.replace("\\", r"\\"), text)
        return _PATH.sub(r"\1", text)

    def state(self, state: BuildState) -> BuildState:
        """Return the state of a build as it is told."""
        report = state.report and replace(state.report, seeds=self.folder(state.report.seeds))
        return replace(state, seeds=self.folder(state.seeds), message=self.line(state.message), report=report)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Tell the expected errors within; what is wrong with a question is its asker's own words."""
        try:
            yield
        except QuestionError:
            raise
        except SeedQAError as error:
            if (told := self.line(str(error))) == str(error):
                raise
            raise type(error)(told) from error

    def _names(self) -> list[tuple[str, str]]:
        """Return the known folders with the names that stand for them, the innermost first."""
        home = os.path.expanduser("~")  # noqa: PTH111 - Path's raises where there is none
        names = {form: Path(form).name for root in self._roots() for form in (str(root), os.path.realpath(root))}
        names = {home: "~", **names}
        return sorted(((root, name) for root, name in names.items() if Path(root).name), key=lambda n: -len(n[0]))


class Discreet(Protocol):
    """Whoever has a discretion to keep."""

    discretion: Discretion


S = TypeVar("S", bound=Discreet)
P = ParamSpec("P")
T = TypeVar("T")


def discreet(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """Have the errors of a method say no more of this computer than who asks may know."""

    @wraps(method)
    def told(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self.discretion.errors():
            return method(self, *args, **kwargs)

    return told
