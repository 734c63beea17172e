"""JSON and JSON Lines: every value with the keys that lead to it, so that it makes sense alone."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from index.load.assemble import LINE, PARAGRAPH, Assembly, Run
from index.load.clean import one_line, running_words, title_of
from index.load.decode import decode
from index.load.limits import Limits, Unreadable
from index.load.plain import line_starts
from index.load.tables.jsontree import BrokenJSON, Value, elements, parse, skip
from index.records import Extract

Leaf = tuple[str, str, int]
"""Keys that lead to a value, joined by points, its words on one line, and the offset where it stands."""

MAX_ROW = 600
"""Characters of a container that is shown as one row: ``name: value; name: value``."""
MAX_WORDS = 300
"""Characters of a string in a row; a longer one, or one of several lines, is a text of its own."""
_LEVELS = 3
"""How deep containers become sections; deeper ones are told by the keys before their values."""
_LOOK = 50
"""Records that are looked at before it is decided whether each becomes a section."""
_MAX_NAME = 100
_NAMES = "title name headline subject question label id key".split()
"""Keys that name a record, the likeliest first."""
_SHOWN = 5
"""Numbers of lines that a note names."""

_EMPTY_LINE = re.compile(r"(?:\r\n|\r|\n)\s*[\r\n]")


class _FullError(Exception):
    """There is no more room for text."""


def extract_json(data: bytes, limits: Limits) -> Extract:
    """Read a JSON document, or several that follow each other. Raises Unreadable where it is broken."""
    text, encoding = decode(data)
    writer = _Writer(text, limits)
    try:
        return writer.finish(_read_document(writer, text), encoding)
    except BrokenJSON as error:
        raise Unreadable(f"broken JSON at {writer.place(error.at)}: {error}") from error


def _read_document(writer: _Writer, text: str) -> str:
    """Write a whole document and return its title."""
    at = skip(text, 0)
    if text[at : at + 1] == "[":
        writer.records(elements(text, at))
        return ""
    value, end = parse(text, at)
    if skip(text, end) < len(text):
        writer.records(chain((value,), _following(text, end)))
        return ""
    writer.document(value)
    keys = ("title", "name")
    named = [held for wanted in keys for key, held in value.items if key.lower() == wanted and held.kind == '"']
    return next((title for held in named if (title := title_of(held.words))), "")


def _following(text: str, at: int) -> Iterator[Value]:
    while (at := skip(text, at)) < len(text):
        value, at = parse(text, at)
        yield value


def extract_jsonl(data: bytes, limits: Limits) -> Extract:
    """Read one record a line; lines that are broken are left out and noted.

    A file of which few lines are records is read as one document, if it is one. Raises Unreadable where it is none.
    """
    text, encoding = decode(data)
    writer = _Writer(text, limits)
    broken: list[int] = []
    writer.records(_lines(text, writer.starts, broken))
    if broken and writer.count <= len(broken):
        try:
            return extract_json(data, limits)
        except Unreadable:
            if not writer.count:
                raise
    if broken:
        more = f" and {len(broken) - _SHOWN} more" if len(broken) > _SHOWN else ""
        lines = ", ".join(map(str, broken[:_SHOWN])) + more
        writer.notes.append(f"left out what is no JSON: line{'s' * (len(broken) > 1)} {lines}")
    return writer.finish("", encoding)


def _lines(text: str, starts: tuple[int, ...], broken: list[int]) -> Iterator[Value]:
    """Yield the value of each line; the numbers of lines without one go to ``broken``."""
    for number, (start, end) in enumerate(zip(starts, (*starts[1:], len(text)), strict=True), 1):
        line = text[start:end]
        if line.strip(" \t\r\n\x1e"):
            try:
                value, stop = parse(line, 0)
                if skip(line, stop) < len(line):
                    raise BrokenJSON("nothing more expected", stop)
            except BrokenJSON:
                broken.append(number)
                continue
            yield _moved(value, start)


def _moved(value: Value, by: int) -> Value:
    waiting = [value]
    while waiting:
        held = waiting.pop()
        held.at += by
        waiting += [inner for _, inner in held.items]
    return value


class _Writer:
    """Writes values as rows, texts and sections."""

    def __init__(self, text: str, limits: Limits) -> None:
        self.starts = line_starts(text)
        self.count = 0
        """Records written so far."""
        self._assembly = Assembly("line")
        self.notes = self._assembly.notes
        self._limits = limits
        self._before = PARAGRAPH
        self._last = 0

    def place(self, at: int) -> str:
        """Return an offset as editors show it."""
        line = self._line(at)
        return f"line {line}, column {at - self.starts[line - 1] + 1}"

    def _line(self, at: int) -> int:
        return bisect_right(self.starts, at)

    def finish(self, title: str, encoding: str) -> Extract:
        """Return what was written."""
        return self._assembly.finish(title=title, encoding=encoding)

    def document(self, value: Value) -> None:
        """Write one value with all that it holds."""
        try:
            if value.kind == "{":
                self._members(value.items, "", 1)
            else:
                self._one(value, "", 1)
        except _FullError:
            self._note_full()

    def records(self, values: Iterable[Value]) -> None:
        """Write values one by one, as they come."""
        try:
            self._records(iter(values), "", 1)
        except _FullError:
            self._note_full()

    def _note_full(self) -> None:
        most = f"{self._limits.characters:,} characters"
        self.notes.append(f"what follows line {self._last} left out: more than {most}")

    def _one(self, value: Value, label: str, level: int) -> None:
        """Write a value; what is small is a row, and a container that is not becomes what it holds."""
        if _is_list(value):
            self._records((held for _, held in value.items), label, level)
        elif _is_small(value):
            self._row(_leaves(value, label))
        elif not value.holds:
            self._text(label, value)
        elif value.kind == "[":
            self._records((held for _, held in value.items), label, level)
        else:
            self._members(value.items, label, level)

    def _members(self, items: Sequence[tuple[str, Value]], label: str, level: int) -> None:
        """Write what an object holds: first what needs no section, so that it does not end up in another's."""
        later = []
        for key, held in items:
            if held.holds and (_is_list(held) or not _is_small(held)):
                later.append((key, held))
            else:
                self._one(held, _joined(label, key), level)
        for key, held in later:
            name = _joined(label, key)
            if level > _LEVELS or not name or len(name) > _MAX_NAME:
                self._one(held, name, level)
            else:
                self._heading(level, name, held.at)
                self._one(held, "", level + 1)

    def _records(self, values: Iterator[Value], label: str, level: int) -> None:
        """Write the values of an array: rows, or sections where a row is too little for some of them."""
        first = list(islice(values, _LOOK))
        titled = level <= _LEVELS and any(value.holds and not _is_small(value) for value in first)
        loose: list[Leaf] = []
        for number, value in enumerate(chain(first, values), 1):
            self.count += level == 1
            if not value.holds and _is_small(value):
                loose += _leaves(value, label)
                if sum(len(words) for _, words, _ in loose) > MAX_ROW / 2:
                    self._row(loose)
                    loose = []
                continue
            self._row(loose)
            loose = []
            if titled:
                self._titled(value, label, number, level)
            else:
                self._one(value, label, level)
        self._row(loose)

    def _titled(self, value: Value, label: str, number: int, level: int) -> None:
        """Write a record below a heading: what names it, or its number."""
        named = min(
            (item for item in value.items if item[0].lower() in _NAMES and _can_name(item[1])),
            key=lambda item: _NAMES.index(item[0].lower()),
            default=None,
        )
        words = one_line(named[1].words) if named else f"{label} {number}".strip()
        self._heading(level, words, named[1].at if named else value.at)
        items = [item for item in value.items if item is not named]
        if value.kind == "{":
            self._members(items, "", level + 1)
        else:
            self._one(value, "", level + 1)

    def _heading(self, level: int, words: str, at: int) -> None:
        self._reserve(len(words))
        self._assembly.heading(level, one_line(words), self._line(at))
        # a document is not called like the first of its sections
        self._assembly.sections.title = ""
        self._before = PARAGRAPH

    def _row(self, leaves: list[Leaf]) -> None:
        runs: list[Run] = []
        before = ""
        for label, words, at in leaves:
            lead = "" if not runs else (", " if label == before else "; ")
            if runs:
                runs[-1] = (runs[-1][0] + lead, *runs[-1][1:])
            name = f"{label}: " if label and (label != before or not runs) else ""
            runs.append((name + words, self._line(at), 0))
            before = label
        if runs:
            self._reserve(sum(len(words) for words, _, _ in runs))
            self._assembly.runs("row", runs, before=self._before)
            self._before, self._last = LINE, runs[-1][1]

    def _text(self, label: str, value: Value) -> None:
        line = self._line(value.at)
        lead = f"{label}: " if label else ""
        for paragraph in filter(None, map(running_words, _EMPTY_LINE.split(value.words))):
            self._reserve(len(lead) + len(paragraph))
            self._assembly.block("text", lead + paragraph, line)
            lead = ""
        self._before, self._last = PARAGRAPH, line

    def _reserve(self, characters: int) -> None:
        if self._assembly.length + len(PARAGRAPH) + characters > self._limits.characters:
            raise _FullError


def _joined(label: str, key: str) -> str:
    return ".".join(filter(None, (label, one_line(key))))


def _can_name(value: Value) -> bool:
    return value.kind in ('"', "0") and 0 < len(one_line(value.words)) <= _MAX_NAME


def _is_list(value: Value) -> bool:
    """Tell whether a value is an array of records."""
    return value.kind == "[" and any(held.items for _, held in value.items)


def _is_small(value: Value) -> bool:
    """Tell whether a value fits a row."""
    room = MAX_ROW
    waiting = [value]
    while waiting and room >= 0:
        held = waiting.pop()
        if len(held.words) > MAX_WORDS or "\n" in held.words.strip():
            return False
        room -= len(held.words)
        for key, inner in held.items:
            room -= len(key) + 2
            if room < 0:
                return False
            waiting.append(inner)
    return room >= 0


def _leaves(value: Value, label: str) -> list[Leaf]:
    """Return the values in a value that say something, each with the keys that lead to it."""
    if not value.holds:
        words = one_line(value.words)
        return [(label, words, value.at)] if words and (value.kind == '"' or words != "null") else []
    return [leaf for key, held in value.items for leaf in _leaves(held, _joined(label, key))]
