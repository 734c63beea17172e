"""From a folder of documents to an immutable snapshot that can be searched."""

import importlib as _importlib
import typing as _typing

if _typing.TYPE_CHECKING:
    from index.builder import build
    from index.encode import load_encoder
    from index.errors import SeedQAError
    from index.load.limits import Limits
    from index.records import BuildReport

__all__ = ["BuildReport", "Limits", "SeedQAError", "build", "load_encoder"]

_HOMES = {
    "BuildReport": "index.records",
    "Limits": "index.load.limits",
    "SeedQAError": "index.errors",
    "build": "index.builder",
    "load_encoder": "index.encode",
}


def __getattr__(name: str) -> object:
    """Load what is asked for only then: the processes that read documents need none of it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(_importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List what is loaded and what can be."""
    return sorted({*globals(), *__all__})
