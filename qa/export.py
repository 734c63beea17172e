"""A citation and an answer as text for other programs. Text from documents stays text there, whatever it holds."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from pathlib import PurePosixPath
from string import punctuation
from types import MappingProxyType

from qa.answer import Answer, Citation, Result
from qa.citation import quote_digest

_UNCHECKED: Mapping[str, str] = MappingProxyType({})
_DIGITS = 16
_YEAR = re.compile("[0-9]{4}(?![0-9])")

_NEWLINE = re.compile(r"\r\n?")
_HARMFUL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What drives a terminal, turns the direction of what follows, or can't be written as UTF-8."""
_BACKTICKS = re.compile("`+")
_ESCAPES = {ord(sign): "\\" + sign for sign in punctuation}
_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\textbraceleft{}",  # BibTeX counts braces, also those after a backslash
    "}": r"\textbraceright{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    **{sign: "\\" + sign for sign in "$&#_%"},
}


def plain(citation: Citation) -> str:
    """Return a citation as one line: evidence, heading, author and date, place, the source's hash and the link."""
    return f"“{_line(citation.evidence)}” {_line(', '.join((*_where(citation), citation.link)))}"


def markdown(citation: Citation) -> str:
    """Return a citation as Markdown: the evidence as a quotation, then where it stands and the link as code."""
    where = ", ".join(map(_escaped, _where(citation)))
    return f"> {_escaped(citation.evidence)}\n\n{where}\n\n{_code(citation.link)}\n"


def _where(citation: Citation) -> tuple[str, ...]:
    """Return what says where a quote is from: heading, author and date if known, place, the source's hash."""
    told = citation.heading, citation.origin, citation.place, f"sha256 {citation.sha256[:_DIGITS]}"
    return tuple(part for part in told if part)


def bibtex(citation: Citation) -> str:
    """Return a citation as a BibTeX entry in UTF-8, its key made of the file's name and the quote's hash.

    The author stands in braces of its own: BibTeX would take what documents say there apart at commas and "and".
    """
    author, year = _latex(citation.author), _YEAR.match(citation.date)
    fields = {
        "title": _latex(citation.heading),
        **({"author": f"{{{author}}}"} if author else {}),
        **({"year": year[0], "date": _latex(citation.date)} if year else {}),
        "howpublished": _latex(citation.place),
        "note": _latex(f"source sha256 {citation.sha256}, characters {citation.start}–{citation.end}, {citation.link}"),
        "annote": _latex(citation.evidence),
    }
    rows = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
    return f"@misc{{{_key(citation)},\n{rows}}}\n"


def answer_markdown(answer: Answer, checks: Mapping[str, str] = _UNCHECKED) -> str:
    """Return a whole answer as Markdown; ``checks`` has the status of links that were verified.

    Passages and evidence stand verbatim in fenced blocks of code, so that a CommonMark parser gives them
    back with one line end more. Only what CommonMark can't hold is replaced: carriage returns become line
    feeds, and NUL becomes U+FFFD.
    """
    parts = [f"# {_escaped(answer.question)}", _outcome(answer)]
    parts += [f"Note: {_escaped(note)}" for note in answer.notes]
    for result in answer.results:
        parts += _result(result, checks.get(result.citation.link, ""))
    parts += ["***", f"Snapshot {_code(answer.snapshot)}"]
    return "\n\n".join(parts) + "\n"


def _outcome(answer: Answer) -> str:
    sure = f"{answer.confidence:.3f}"
    if answer.found:
        return f"Found with confidence {sure}; the threshold is {answer.threshold:.3f}."
    below = f"Confidence {sure} is below the threshold of {answer.threshold:.3f}."
    return f"Not found in these documents. {below}" + (" The nearest passages follow." if answer.results else "")


def _result(result: Result, status: str) -> list[str]:
    citation = result.citation
    about = " · ".join(_escaped(part) for part in (citation.origin, citation.place) if part)
    about += f" · confidence {result.confidence:.2f}"
    return [
        f"## {result.rank}. {_escaped(citation.heading)}",
        about + (f" · {_escaped(status)}" if status else ""),
        _fenced(citation.quote),
        "Evidence:",
        _fenced(citation.evidence),
        _code(citation.link),
    ]


def _line(text: str) -> str:
    """Return text as one line, with U+FFFD for what could harm."""
    return " ".join(_HARMFUL.sub("\N{REPLACEMENT CHARACTER}", text).split())


def _escaped(text: str) -> str:
    """Return text as one line of Markdown that means just this text."""
    return _line(text).translate(_ESCAPES)


def _code(text: str) -> str:
    """Return text as a code span; nothing where there is none, for an empty span would be two backticks."""
    line = _line(text)
    fence = "`" * (_longest_run(line) + 1)
    space = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{space}{line}{space}{fence}" if line else ""


def _fenced(text: str) -> str:
    """Return text as a fenced block that nothing in it can close."""
    body = _NEWLINE.sub("\n", text).replace("\0", "\N{REPLACEMENT CHARACTER}")
    fence = "`" * max(3, _longest_run(body) + 1)
    return f"{fence}text\n{body}\n{fence}"


def _longest_run(text: str) -> int:
    return max(map(len, _BACKTICKS.findall(text)), default=0)


def _latex(text: str) -> str:
    return "".join(_LATEX.get(sign, sign) for sign in _line(text))


def _key(citation: Citation) -> str:
    """Return an entry's key: ASCII letters, digits and hyphens."""
    stem = unicodedata.normalize("NFKD", PurePosixPath(citation.source).stem).encode("ascii", "ignore").decode()
    name = re.sub("[^A-Za-z0-9]+", "-", stem).strip("-") or "document"
    return f"{name}-{quote_digest(citation.quote)}"
