"""The text of a message as it was typed: lines joined where they flow, paragraphs by whom they are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from index.load.clean import verbatim_words

_MARKS = re.compile(r"[> ]*")
_BEGIN = re.compile(r"^[> ]*-----BEGIN PGP (MESSAGE|SIGNATURE)-----$", re.MULTILINE)
_ENDS = {kind: re.compile(rf"^[> ]*-----END PGP {kind}-----$\n?", re.MULTILINE) for kind in ("MESSAGE", "SIGNATURE")}
_SIGNED = re.compile(
    r"^-----BEGIN PGP SIGNED MESSAGE-----\n(?:Hash: [^\n]*\n)*\n?(.*?)(?=^-----BEGIN PGP SIGNATURE-----$|\Z)",
    re.MULTILINE | re.DOTALL,
)
_DASHES = re.compile(r"^- ", re.MULTILINE)


def unflowed(text: str, *, delsp: bool) -> str:
    """Return text of ``format=flowed`` with its lines joined again. Source: RFC 3676, 4.

    ``delsp`` tells that the space at a line's end is only the mark, and no part of the text.
    """
    lines: list[list[str]] = []
    flows, depth = False, 0
    for line in text.split("\n"):
        marks = len(line) - len(line.lstrip(">"))
        body = line[marks:].removeprefix(" ")
        if flows and marks == depth and body != "-- ":
            if delsp:
                lines[-1][-1] = lines[-1][-1].removesuffix(" ")
            lines[-1].append(body)
        else:
            lines.append([">" * marks + (" " if marks else ""), body])
        flows, depth = body.endswith(" ") and body != "-- ", marks
    return "\n".join("".join(pieces) for pieces in lines)


def without_armour(text: str) -> tuple[str, int, int]:
    """Return text without what only programs read: how many encrypted parts and how many signatures it had."""
    text = _SIGNED.sub(lambda signed: _DASHES.sub("", signed.group(1)), text)
    kept: list[str] = []
    kinds: Counter[str] = Counter()
    endless: set[str] = set()
    at = 0
    for begin in _BEGIN.finditer(text):
        kind = begin.group(1)
        if begin.start() < at or kind in endless:  # else a text of beginnings is searched to its end for each
            continue
        end = _ENDS[kind].search(text, begin.end())
        if end is None:
            endless.add(kind)
            continue
        kept.append(text[at : begin.start()])
        kinds[kind] += 1
        at = end.end()
    return "".join((*kept, text[at:])), kinds["MESSAGE"], kinds["SIGNATURE"]


def paragraphs(text: str) -> Iterator[str]:
    """Yield runs of lines between empty ones; what is quoted stands apart from what is not, by how deep."""
    run: list[str] = []
    depth = 0
    for line in map(str.rstrip, verbatim_words(text).split("\n")):
        marks = _MARKS.match(line)
        quotes = marks.group().count(">") if marks and line.startswith(">") else 0
        empty = not line.strip("> \t")
        if run and (empty or quotes != depth or line == "--"):  # two dashes begin a signature
            yield "\n".join(run)
            run = []
        if not empty:
            run.append(line)
        depth = quotes
    if run:
        yield "\n".join(run)
