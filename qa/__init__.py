"""Ask questions of your own documents and get verbatim passages with citations that can be checked."""

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
