"""Files in, text and structure out: one function a format, behind one table."""

from index.load.formats import FORMATS, extract
from index.load.walk import walk

__all__ = ["FORMATS", "extract", "walk"]
