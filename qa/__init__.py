"""Ask questions of your own documents and get verbatim passages with citations that can be checked."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from index.errors import SeedQAError
    from qa.answer import Answer, Citation, Context, DocumentStatus, Result, Verification
    from qa.engine import Index, open_index, search

__all__ = [
    "Answer",
    "Citation",
    "Context",
    "DocumentStatus",
    "Index",
    "Result",
    "SeedQAError",
    "Verification",
    "open_index",
    "search",
]

_ELSEWHERE = {"SeedQAError": "index.errors", "Index": "qa.engine", "open_index": "qa.engine", "search": "qa.engine"}


def __getattr__(name: str) -> Any:
    """Load what is asked for with all that it needs, so that the command line is ready for a Ctrl-C before that."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_ELSEWHERE.get(name, "qa.answer")), name)
    return found


def __dir__() -> list[str]:
    return __all__
