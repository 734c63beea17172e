"""Number formats of spreadsheets: what a cell shows for the number that it holds.

The codes are those of ECMA-376 part 1, 18.8.30 and 18.8.31. Dates are shown as ISO 8601 writes them, to the
precision that their format shows; formats of rare kinds (fractions, conditions, telephone numbers) show the number
as it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from index.load.tables.cells import DATE, NUMBER

Shown = tuple[str, str]
"""What is shown, and whether it is a NUMBER or DATE."""

_CODES = (
    ("0", (1,)),
    ("0.00", (2,)),
    ("#,##0", (3, 41)),
    ("#,##0.00", (4, 43)),
    ("#,##0;(#,##0)", (37, 38)),
    ("#,##0.00;(#,##0.00)", (39, 40)),
    ('"$"#,##0', (5, 6, 42)),
    ('"$"#,##0.00', (7, 8, 44)),
    ("0%", (9,)),
    ("0.00%", (10,)),
    ("0.00E+00", (11,)),
    ("##0.0E+0", (48,)),
    ("yyyy-mm-dd", (14, 15, 16, 27, 28, 29, 30, 31, 36, 50, 51, 52, 53, 54, 56, 57, 58)),
    ("yyyy-mm", (17, 55)),
    ("h:mm", (18, 20, 32, 34)),
    ("h:mm:ss", (19, 21, 33, 35)),
    ("yyyy-mm-dd h:mm", (22,)),
    ("mm:ss", (45, 47)),
    ("[h]:mm:ss", (46,)),
)
BUILT_IN: Mapping[int, str] = {number: code for code, numbers in _CODES for number in numbers}
"""Codes of the formats that a workbook names by number alone; the others are General."""

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|[_*].|\[\$(?P<currency>[^\]-]*)(?:-[^\]]*)?\]|\[(?P<bracket>[^\]]*)\]'
    r"|(?P<general>General|Standard)|(?P<exponent>E[+-])|(?P<noon>AM/PM|A/P)|(?P<date>[ymdhs]+)|(?P<digit>[0#?])"
    r"|(?P<mark>[.,%/@])|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
_SPLIT = re.compile(r'(?:"[^"]*"?|\\.|\[[^\]]*\]|[^;"\\\[])*', re.DOTALL)
_ELAPSED = re.compile(r"(h+|m+|s+)", re.IGNORECASE)
_COLOUR = re.compile(
    r"(?:black|blue|cyan|green|magenta|red|white|yellow|colou?r ?[0-9]+|dbnum[0-9]|natnum[0-9].*)", re.I
)
_LAST_DAY = 2_958_466
_LONGEST = 1000
"""Characters of a code; Excel allows 255."""


class _Rare(ValueError):
    """A format of a kind that is not followed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Digits:
    """A section that shows a number."""

    before: str
    after: str
    whole: int
    least: int
    most: int
    """Digits before the point, and the least and most after it."""
    scale: Decimal
    grouped: bool
    exponent: bool
    empty: bool
    """True where the section shows no digits at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    """A section that shows a date, a time of day or, where ``elapsed``, a duration."""

    year: bool
    month: bool
    day: bool
    clock: bool
    seconds: bool
    elapsed: bool


@lru_cache(maxsize=4096)
def formatter(code: str, *, from_1904: bool = False) -> Callable[[float], Shown]:
    """Return what shows numbers in the format ``code``; ``from_1904`` is the workbook's calendar."""
    try:
        if len(code) > _LONGEST:
            raise _Rare(code[:_LONGEST])
        sections = [_section(part) for part in _sections(code)]
    except _Rare:
        return lambda value: (general(value), NUMBER)

    def show(value: float) -> Shown:
        if not math.isfinite(value):
            return general(value), NUMBER
        negative = value < 0
        section = sections[0]
        if len(sections) > 2 and value == 0:
            section = sections[2]
        elif len(sections) > 1 and negative:
            section, value, negative = sections[1], -value, False
        if section is None:
            return general(-value if negative and value > 0 else value), NUMBER
        if isinstance(section, _Moment):
            shown = _moment(section, value, from_1904)
            return (shown, DATE) if shown else (general(value), NUMBER)
        return _digits(section, abs(value), negative), NUMBER

    return show


def general(value: float) -> str:
    """Return a number as it is shown without a format: whole where it is whole, else to 15 digits."""
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return format(round(value, 10) if abs(value) >= 1e-5 else value, ".15g").replace("e", "E")


def _sections(code: str) -> list[str]:
    parts, at = [], 0
    while at <= len(code):
        found = _SPLIT.match(code, at)
        assert found is not None
        parts.append(found.group())
        at = found.end() + 1
    return parts


def _section(part: str) -> _Digits | _Moment | None:
    """Return what a section of a format shows, None for a number as it is. Raises _Rare."""
    tokens = [(found.lastgroup or "", found.group(found.lastgroup or 0)) for found in _TOKEN.finditer(part)]
    kinds = {kind for kind, _ in tokens}
    brackets = [words for kind, words in tokens if kind == "bracket"]
    elapsed = any(_ELAPSED.fullmatch(words) for words in brackets)
    if "general" in kinds or part.strip() == "@":
        return None
    if "date" in kinds or elapsed:
        letters = "".join(words.lower() if words else "" for kind, words in tokens if kind == "date")
        clock = elapsed or "h" in letters or "s" in letters
        day = "d" in letters
        month = "m" in letters and (day or "y" in letters or "mmm" in letters or not clock)
        shows_seconds = "s" in letters or any("s" in words.lower() for words in brackets if _ELAPSED.fullmatch(words))
        return _Moment(year="y" in letters, month=month, day=day, clock=clock, seconds=shows_seconds, elapsed=elapsed)
    if any(not _COLOUR.fullmatch(words) for words in brackets):
        raise _Rare(part)
    return _digit_section(tokens)


def _digit_section(tokens: list[tuple[str, str]]) -> _Digits:
    places = [i for i, (kind, words) in enumerate(tokens) if kind == "digit" or (kind, words) == ("mark", ".")]
    first, last = (places[0], places[-1]) if places else (len(tokens), len(tokens))
    inside = tokens[first : last + 1]
    if any(kind in ("quoted", "escaped", "other", "currency") or words in ("/", "@", "%") for kind, words in inside):
        raise _Rare("digits with something between them")
    exponent = any(kind == "exponent" for kind, _ in inside)
    pattern = "".join(words for kind, words in inside if kind in ("digit", "mark", "exponent"))
    mantissa = re.split("[eE]", pattern)[0]
    whole, _, decimals = mantissa.partition(".")
    rest = tokens[last + 1 :]
    thousands = 0
    while rest and rest[0] == ("mark", ","):
        thousands, rest = thousands + 1, rest[1:]
    percent = sum((kind, words) == ("mark", "%") for kind, words in tokens)
    if any((kind, words) in (("mark", "/"), ("mark", "@")) and i > first for i, (kind, words) in enumerate(tokens)):
        raise _Rare("a fraction")
    return _Digits(
        before=_literals(tokens[:first]),
        after=_literals(rest),
        whole=whole.count("0"),
        least=decimals.count("0"),
        most=len(decimals.replace(",", "")),
        scale=Decimal(100) ** percent / Decimal(1000) ** thousands,
        grouped="," in whole,
        exponent=exponent,
        empty=not any(kind == "digit" for kind, _ in inside),
    )


def _literals(tokens: list[tuple[str, str]]) -> str:
    return "".join(
        words for kind, words in tokens if kind in ("quoted", "escaped", "currency", "other", "mark") and words
    )


def _digits(section: _Digits, value: float, negative: bool) -> str:
    if section.empty:
        return " ".join((section.before + section.after).split())
    if section.exponent:
        body = f"{value:.{section.most}E}"
    else:
        scaled = Decimal(repr(value)) * section.scale
        # more digits than a number has would be made up, and a format may ask for thousands of them
        most = min(section.most, 30)
        rounded = scaled.quantize(Decimal(1).scaleb(-most), ROUND_HALF_UP) if scaled.adjusted() < 25 - most else scaled
        whole, _, decimals = format(rounded, "f").partition(".")
        decimals = decimals[: section.least] + decimals[section.least :].rstrip("0")
        whole = whole.lstrip("0").rjust(min(section.whole, 30), "0")
        if section.grouped:
            whole = _grouped(whole)
        body = whole + (f".{decimals}" if decimals else "")
        body = body or ("" if section.before or section.after else "0")
        negative = negative and any(digit in body for digit in "123456789")
    return " ".join(f"{'-' if negative else ''}{section.before}{body}{section.after}".split())


def _grouped(digits: str) -> str:
    head = len(digits) % 3
    return ",".join(filter(None, (digits[:head], *(digits[i : i + 3] for i in range(head, len(digits), 3)))))


def _moment(section: _Moment, value: float, from_1904: bool) -> str:
    """Return a moment as ISO 8601 writes it, or nothing where the number is none."""
    if section.elapsed:
        return _duration(value, section.seconds)
    if not 0 <= value < _LAST_DAY:
        return ""
    moment = serial(value, from_1904=from_1904)
    clock = f"{moment:%H:%M:%S}" if section.seconds else f"{moment:%H:%M}"
    day = moment.date().isoformat()
    if section.year and not section.day:
        day = day[:7] if section.month else day[:4]
    dated = section.year or section.month or section.day
    if value < 1 and dated and not from_1904:
        return clock if section.clock else ""
    return " ".join(filter(None, (day if dated else "", clock if section.clock else "")))


def serial(value: float, *, from_1904: bool = False) -> datetime:
    """Return the moment, to the second, of a day's number in a workbook; the number is at least 0."""
    first = date(1904, 1, 1) if from_1904 else date(1899, 12, 31 if value < 60 else 30)
    return datetime(first.year, first.month, first.day) + timedelta(seconds=round(value * 86400))


def _duration(days: float, seconds: bool) -> str:
    total = round(abs(days) * 86400)
    words = f"{total // 3600}:{total // 60 % 60:02d}" + (f":{total % 60:02d}" if seconds else "")
    return f"-{words}" if days < 0 else words
