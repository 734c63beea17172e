"""From a folder of documents to an immutable snapshot that can be searched."""

from index.build import build
from index.encode import load_encoder
from index.errors import SeedQAError
from index.records import BuildReport

__all__ = ["BuildReport", "SeedQAError", "build", "load_encoder"]
