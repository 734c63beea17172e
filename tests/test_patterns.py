"""No regular expression takes time by the square of a text: each is tried on long texts made to wear it out."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Iterator
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import pytest

from tests.test_architecture import MODULES
from tests.timing import limited

LENGTH = 60_000
"""Characters: a search by their square takes minutes, one that is fit for its task milliseconds."""
SECONDS = 3
"""Of processor time, on any machine."""

BOUNDED = {
    "index.load.decode._DECLARED": 4096,
    "index.load.detect._HTML": 4096,
    "index.load.pdf.headings._NUMBER": 500,
    "index.load.plain._TITLE": 80,
    "index.load.signatures._MARKED": 8192,
    "index.load.tables.cellformat._SPLIT": 1000,
    "index.load.tables.cellformat._TOKEN": 1000,
    "index.load.tables.column_names._SENTENCE": 150,
    "qa.examples._ASIDE": 20_000,
    "qa.examples._LABEL": 20_000,
    "qa.page.discretion._HOLDER": 2000,
}
"""Patterns that never see a text of more than so many characters; the code that uses them says why."""
ANCHORED = {"index.load.detect._HTML", "index.load.signatures._MARKED", "qa.examples._LABEL"}
"""Patterns that are tried at the beginning of a text alone, where that can't be seen from their uses."""
APART = {"index.encode.convert", "index.encode.compiled", "qa.page.app", "qa.page.endpoints"}
"""Modules that load torch, OpenVINO or Gradio, and have no pattern of their own."""

METHODS = ("search", "match", "fullmatch", "finditer", "findall", "sub", "split")
STAND_INS = "xA0 .-\n'<@\"\\\t/:=;"
_KINDS = {
    codes.CATEGORY_DIGIT: "0", codes.CATEGORY_WORD: "a", codes.CATEGORY_SPACE: " ", codes.CATEGORY_NOT_DIGIT: "x",
    codes.CATEGORY_NOT_WORD: "-", codes.CATEGORY_NOT_SPACE: "x",
}  # fmt: skip
_REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT)


def patterns() -> Iterator[tuple[str, Any, tuple[str, ...]]]:
    """Yield the name of each pattern at the top of a module, the pattern, and the methods by which it is used."""
    for module, path in MODULES.items():
        source = path.read_text("utf-8")
        if ".compile(" not in source or module in APART:
            continue
        loaded = importlib.import_module(module)
        for name, value in vars(loaded).items():
            if not re.search(rf"^{name}\b.*=.*", source, re.MULTILINE):
                continue
            used = tuple(method for method in METHODS if re.search(rf"\b{name}\b(?:\[\w+\])?\.{method}\(", source))
            for at, pattern in enumerate(_flat(value)):
                yield f"{module}.{name}#{at}", pattern, used or ("search",)


def _flat(value: object) -> Iterator[Any]:
    if hasattr(value, "pattern") and hasattr(value, "finditer"):
        yield value
    elif isinstance(value, dict):
        yield from (found for one in value.values() for found in _flat(one))
    elif isinstance(value, tuple | list):
        yield from (found for one in value for found in _flat(one))


def wearing(pattern: Any, length: int) -> set[str]:
    """Return texts of about ``length`` characters in which each part of a pattern that may repeat does so to no end."""
    raw = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    raw = re.sub(r"\\p\{[A-Z]\w*(?:=\w+)?\}", "a", raw.replace(r"\p{M}", "\u0301"))  # of the module regex
    tree = parser.parse(raw, pattern.flags & (re.I | re.M | re.S | re.X))
    pumps = set(_pumps(list(tree), ""))
    single = {pump for _, pump in pumps} | {c for c in STAND_INS + raw if c in STAND_INS or c.isalnum()}
    pumps |= {("", pump) for pump in single} | {(before, before + pump) for before, pump in pumps}
    texts = {before + pump * (length // len(pump)) for before, pump in pumps if pump}
    return {f"{text}\0" for text in texts}


def _pumps(tree: list[Any], before: str) -> Iterator[tuple[str, str]]:
    """Yield for each repetition a text that leads to it and one that it may repeat."""
    for operation, argument in tree:
        if operation in _REPEATS:
            body = list(argument[2])
            if argument[1] > 50 and len(body) == 1 and body[0][0] == codes.IN:
                yield from ((before, one) for one in _members(body[0][1]))
            elif argument[1] > 50:
                yield before, _example(body)
            yield from _pumps(body, before)
        elif operation is codes.SUBPATTERN:
            yield from _pumps(list(argument[3]), before)
        elif operation is codes.BRANCH:
            for branch in argument[1]:
                yield from _pumps(list(branch), before)
        elif operation in (codes.ASSERT, codes.ASSERT_NOT):
            yield from _pumps(list(argument[1]), before)
        before += _example([(operation, argument)])


def _members(items: list[Any]) -> list[str]:
    """Return a character for each part of a set."""
    if items[0][0] is codes.NEGATE:
        return [c for c in STAND_INS if not any(_holds(item, c) for item in items[1:])]
    given = (chr(a) if o is codes.LITERAL else chr(a[0]) if o is codes.RANGE else _KINDS[a] for o, a in items)
    return list(dict.fromkeys(given))


def _holds(item: Any, character: str) -> bool:
    operation, argument = item
    if operation is codes.LITERAL:
        return bool(chr(argument) == character)
    if operation is codes.RANGE:
        return bool(argument[0] <= ord(character) <= argument[1])
    kinds = {codes.CATEGORY_DIGIT: r"\d", codes.CATEGORY_WORD: r"\w", codes.CATEGORY_SPACE: r"\s"}
    kinds |= {codes.CATEGORY_NOT_DIGIT: r"\D", codes.CATEGORY_NOT_WORD: r"\W", codes.CATEGORY_NOT_SPACE: r"\S"}
    return re.match(kinds[argument], character) is not None


def _example(tree: list[Any]) -> str:
    """Return a text that a part of a pattern takes."""
    made = ""
    for operation, argument in tree:
        if operation is codes.LITERAL:
            made += chr(argument)
        elif operation in (codes.NOT_LITERAL, codes.ANY):
            made += "x"
        elif operation is codes.IN:
            made += (_members(argument) or ["x"])[0]
        elif operation in _REPEATS:
            made += _example(list(argument[2])) * max(argument[0], 1)
        elif operation is codes.SUBPATTERN:
            made += _example(list(argument[3]))
        elif operation is codes.BRANCH:
            made += _example(list(argument[1][0]))
    return made


def run(pattern: Any, method: str, text: str) -> None:
    """Run a pattern over all of a text."""
    given: Any = text if isinstance(pattern.pattern, str) else text.encode("latin-1", "replace")
    if method == "sub":
        pattern.sub(given[:0], given)
    elif method == "finditer":
        for _ in pattern.finditer(given):
            pass
    else:
        getattr(pattern, method)(given)


def run_all(pattern: Any, texts: list[str]) -> None:
    """Search all of these texts."""
    for text in texts:
        run(pattern, "search", text)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no timer of processor time")
def test_no_pattern_can_be_worn_out() -> None:
    tried, slow = 0, []
    for name, pattern, methods in patterns():
        plain = name.partition("#")[0]
        length = BOUNDED.get(plain, LENGTH)
        for method in ("match",) if plain in ANCHORED else methods:
            for text in wearing(pattern, length):
                try:
                    with limited(SECONDS):
                        run(pattern, method, text)
                except TimeoutError:
                    slow.append(f"{name}.{method} over {text[:30]!r}…")
                tried += 1
    assert slow == [], "\n".join(slow)
    assert tried > 3000


def test_patterns_that_are_bounded_exist() -> None:
    known = {name.partition("#")[0] for name, _, _ in patterns()}
    assert set(BOUNDED) | ANCHORED <= known


@pytest.mark.skipif(os.name == "nt", reason="Windows has no timer of processor time")
def test_the_test_finds_a_pattern_that_can_be_worn_out() -> None:
    pattern = re.compile(r"\w+://")
    with pytest.raises(TimeoutError), limited(SECONDS / 3):
        run_all(pattern, sorted(wearing(pattern, LENGTH)))
