"""Finds out how a delimited text is written: with which delimiter, and whether backslashes escape quotes."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from index.load.tables.cells import DATE, NUMBER, OTHER, TEXT

DELIMITERS = ",;\t|: "
"""In the order in which they are preferred where two would do."""

Records = Iterator[list[str]]

_NONE = "\x1f"
"""Stands in no text, and so divides nothing."""
_SAMPLE = 2**16
"""Characters that are looked at."""
_ROWS = 200
_LEAST = 0.15
"""Score of a delimiter; lines that score less are prose, or a list."""
_RARE = ": "
"""Delimiters that also stand in ordinary text: nearly every record must have as many of them."""

_NUMBER = re.compile(
    r"[<>~≈±]?\s?[-+−(]?\s?[$€£¥₹]?\s?"
    r"(?:\d{1,3}(?:[,.'\u2019 \u00a0\u202f]\d{3})+|\d+)?(?:[.,]\d+)?(?:[eE][-+]?\d+)?"
    r"\)?\s?(?:%|‰|[$€£¥₹]|[A-Z]{3})?"
)
_DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}(?:[-/.]\d{1,2})?(?:[T ]\d{1,2}:\d{2}.{0,20})?"
    r"|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})(?: .{4,15})?"
    r"|\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[AaPp]\.?[Mm]\.?)?"
)
_TRUTH = frozenset("true false yes no".split())
_MISSING = frozenset("na n/a nan null none - -- ?".split())
_HINT = re.compile(r"sep=(.)(?:\r\n|\n|\r)")
_ESCAPED = re.compile(r'[^\\]\\"[^",;\t|\r\n]')
_DOUBLED = re.compile(r'[^",;\t|\r\n]""[^",;\t|\r\n]')


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a delimited text is written."""

    delimiter: str
    """Empty where nothing delimits: each line is one value."""
    escapes: bool
    """True where a backslash stands before a quote within quotes, instead of a second quote."""
    hint: int = 0
    """Characters of the first line that only tells spreadsheet programs the delimiter."""


def find_dialect(text: str) -> Dialect:
    """Return how ``text`` is written, from its beginning."""
    escapes = _ESCAPED.search(text, 0, _SAMPLE) is not None and _DOUBLED.search(text, 0, _SAMPLE) is None
    if hint := _HINT.match(text):
        return Dialect(delimiter=hint.group(1), escapes=escapes, hint=hint.end())
    sample = text[:_SAMPLE]
    if len(text) > _SAMPLE:
        sample = sample[: max(sample.rfind("\n"), sample.rfind("\r")) + 1] or sample
    candidates = [candidate for candidate in DELIMITERS if candidate in sample]
    for strict in (True, False):
        scores = {candidate: _score(sample, candidate, escapes, strict) for candidate in candidates}
        best = max(scores, key=lambda candidate: scores[candidate], default="")
        if best and scores[best] > _LEAST:
            return Dialect(delimiter=best, escapes=escapes)
    return Dialect(delimiter="", escapes=escapes)


def records_of(lines: Iterable[str], delimiter: str, escapes: bool, *, strict: bool = False) -> Records:
    """Return the reader of the records in ``lines``; a record may go over several of them.

    ``strict`` raises csv.Error where something stands between a closing quote and the next delimiter.
    """
    return csv.reader(
        lines,
        delimiter=delimiter or _NONE,
        escapechar="\\" if escapes else None,
        skipinitialspace=delimiter != " ",
        strict=strict,
    )


def kind_of(words: str) -> str:
    """Return the kind of a cell by its words."""
    if words[0].isalpha() and not words[-1].isdigit():
        return OTHER if words.lower() in _TRUTH else TEXT
    if any(c.isdigit() for c in words):
        if _NUMBER.fullmatch(words):
            return NUMBER
        if _DATE.fullmatch(words):
            return DATE
    return TEXT


def _score(sample: str, delimiter: str, escapes: bool, strict: bool) -> float:
    """Return how well a delimiter fits, 0 to 1: records of one length, of more than one cell, that make sense each."""
    records: list[list[str]] = []
    reader = records_of(io.StringIO(sample, newline=""), delimiter, escapes, strict=strict)
    try:
        for record in islice(reader, _ROWS):
            records += [record] if record else []
    except csv.Error as error:
        if "end of data" not in str(error):  # the sample may end within quotes
            return 0.0
    if not records:
        return 0.0
    widths = Counter(len(record) for record in records)
    width, common = max(widths.items(), key=lambda item: (item[0] > 1, item[1], item[0]))
    divided = len(records) - widths[1]
    if width < 2 or divided < len(records) / 2:
        return 0.0
    # titles above a table and remarks below it count little against it
    share = max(common / len(records), common / divided - 0.1)
    if share < 0.9 and sample.count(delimiter + " ") > 0.8 * sample.count(delimiter):
        return 0.0  # a comma in prose has a space after it
    if delimiter in _RARE and (share < 0.95 or len(records) < 3 or _are_values(sample)):
        return 0.0
    cells = [cell.strip() for record in records if len(record) > 1 for cell in record]
    clean = sum(_makes_sense(cell) for cell in cells) / len(cells)
    return share**2 * clean * (1 - 1 / (width + 1)) * (0.5 if delimiter in _RARE else 1)


def _are_values(sample: str) -> bool:
    """Tell whether lines are values as they stand, such as times of day."""
    return all(kind_of(line) != TEXT for line in map(str.strip, sample.splitlines()[:_ROWS]) if line)


def _makes_sense(cell: str) -> float:
    """Return 1 for a value as cells hold them, less for one that looks cut in two or left together."""
    if not cell or kind_of(cell) != TEXT or cell.lower() in _MISSING:
        return 1.0
    if cell.count('"') % 2:
        return 0.0
    return 0.3 if any(c in cell for c in ";\t|") else 0.9
