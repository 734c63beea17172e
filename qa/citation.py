"""Citation links, and checking them against the files on disk.

    seedqa:PATH?chars=START-END&evidence=START-END&source=SHA256&quote=SHA256

PATH is relative to the seeds, percent-encoded; ranges are half-open code points of the extracted text;
the hashes are the first 16 hexadecimal digits of those of the source file and of the quote. A link
holds all that is needed to check it, so it outlives every rebuild.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote

from index.errors import CitationError, SourceError
from index.load.limits import Limits, Unreadable
from index.load.read import Reading
from index.load.readers import Readers
from index.load.walk import MAX_BYTES, open_seed
from qa.answer import Verification

VERIFIED, CHANGED, MISSING = "verified", "source changed", "source missing"

_DIGITS = 16
_LINK = re.compile(
    r"seedqa:(?P<path>[^?#\s]+)\?chars=(?P<start>[0-9]{1,12})-(?P<end>[0-9]{1,12})"
    r"&evidence=(?P<evidence_start>[0-9]{1,12})-(?P<evidence_end>[0-9]{1,12})"
    r"&source=(?P<source>[0-9a-f]{16})&quote=(?P<quote>[0-9a-f]{16})"
)
_CUT = re.compile(r"seedqa:[^?]+\?chars=[0-9]+-[0-9]+")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_EXAMPLE = "seedqa:PATH?chars=0-9&evidence=0-9&source=0123456789abcdef&quote=0123456789abcdef"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The parts of a citation link."""

    path: str
    start: int
    end: int
    evidence_start: int
    evidence_end: int
    source: str
    quote: str

    def __str__(self) -> str:
        return (
            f"seedqa:{quote(self.path)}?chars={self.start}-{self.end}"
            f"&evidence={self.evidence_start}-{self.evidence_end}&source={self.source}&quote={self.quote}"
        )


def quote_digest(text: str) -> str:
    """Return the hash of a quote as links carry it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def make_link(path: str, sha256: str, passage: tuple[int, int], evidence: tuple[int, int], text: str) -> str:
    """Return the link of a passage: ``text`` stands at ``passage`` in the document of that path and source hash."""
    link = Link(
        path=path, start=passage[0], end=passage[1], evidence_start=evidence[0], evidence_end=evidence[1],
        source=sha256[:_DIGITS], quote=quote_digest(text),
    )  # fmt: skip
    return str(link)


def parse_link(text: str) -> Link:
    """Return the parts of a link. Raises CitationError where it is none, or its ranges or path make no sense."""
    found = _LINK.fullmatch(text.strip())
    if found is None or _SURROGATES.search(text):  # bytes of a shell that are no UTF-8
        cut = "; put the link in quotes, the shell cut it" if _CUT.fullmatch(text.strip()) else ""
        raise CitationError(f"{text.strip()[:120]!r} is not a citation link{cut}; expected one like {_EXAMPLE}")
    numbers = {name: int(found[name]) for name in ("start", "end", "evidence_start", "evidence_end")}
    try:
        path = unquote(found["path"], errors="strict")
    except UnicodeDecodeError as error:
        raise CitationError(f"the path in {text.strip()[:120]!r} is not valid UTF-8; copy the link again") from error
    link = Link(path=path, source=found["source"], quote=found["quote"], **numbers)
    if not link.start <= link.evidence_start < link.evidence_end <= link.end:
        raise CitationError(f"the ranges in {text.strip()[:120]!r} do not lie within each other; copy the link again")
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or "\0" in path or _DRIVE.match(path):
        raise CitationError(f"the path {path[:120]!r} leads out of the seeds folder; copy the link again")
    return link


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What an index knows of a quote's source."""

    sha256: str = ""
    """Of the whole file, as it was indexed; a file that still has it is not taken apart again."""
    place: str = ""
    """Where the quote stands in it, in words."""
    copies: tuple[str, ...] = ()
    """Other paths with the same content: one of them will do where the source is missing."""
    limits: Limits | None = None
    """Under which it was read: under others it might read otherwise. The readers' own where it is None."""


def verify_link(text: str, seeds: Path, readers: Readers, known: Known | None = None) -> Verification:
    """Re-read the source of a citation and say whether it still says what is quoted.

    A file that still has the ``known`` hash is not taken apart again: its quote stands where it stood.
    Raises CitationError where the link can't be read or leads out of ``seeds``, and SourceError where the file can't
    be read just now.
    """
    link = parse_link(text)
    known = known or Known()
    status, detail = _check(link, seeds, readers, known)
    for copy in known.copies if status == MISSING else ():
        found, why = _check(replace(link, path=copy), seeds, readers, known)
        if found == VERIFIED:
            status, detail = found, f"{link.path} is gone; {why}"
            break
    return Verification(status=status, source=link.path, detail=detail, link=str(link))


def source_file(seeds: Path, document: str) -> str:
    """Return the path, relative to ``seeds``, of the file that a document is or lies within.

    Where there is no such file, that is the document's own path. Raises CitationError where it leads out of ``seeds``.
    """
    parts = PurePosixPath(document).parts
    for count in range(1, len(parts) + 1):
        path = "/".join(parts[:count])
        if (seeds / path).is_file():
            if not (seeds / path).resolve().is_relative_to(seeds.resolve()):
                raise CitationError(f"{document} leads out of the seeds folder {seeds}; it is not opened")
            return path
    return document


def is_there(seeds: Path, document: str) -> bool:
    """Tell whether there is a file that a document is or lies within."""
    try:
        return (seeds / source_file(seeds, document)).is_file()
    except (OSError, ValueError):
        return False


def _check(link: Link, seeds: Path, readers: Readers, known: Known) -> tuple[str, str]:
    try:
        name = source_file(seeds, link.path)
        path = seeds / name
        resolved = path.resolve(strict=True)
        if not resolved.is_relative_to(seeds.resolve()):
            raise CitationError(f"{link.path} leads out of the seeds folder {seeds}; it is not opened")
        if not resolved.is_file():
            return MISSING, f"{link.path} is no longer a file in {seeds}"
        if resolved.stat().st_size > MAX_BYTES:
            return CHANGED, f"{link.path} has grown beyond {MAX_BYTES // 2**20} MiB and is not read"
        with open_seed(seeds, name) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, RuntimeError, ValueError) as error:
        return MISSING, f"{link.path} can't be read in {seeds} ({getattr(error, 'strerror', None) or error})"
    if digest == known.sha256:
        return VERIFIED, _stands(link, known.place)
    try:
        reading = readers.read_document(seeds, name, link.path, known.limits)
    except Unreadable as error:
        if error.passing and not known.sha256:  # else its bytes are other ones, whatever they say
            raise SourceError(f"{link.path} can't be checked now ({error}); try again") from error
        return CHANGED, f"{link.path} can no longer be read ({error})"
    return _compare(link, reading)


def _compare(link: Link, reading: Reading) -> tuple[str, str]:
    """Say whether a document that was read anew says what is quoted, where it is quoted from."""
    found = reading.extract
    same = reading.sha256[:_DIGITS] == link.source
    stands = quote_digest(found.text[link.start : link.end]) == link.quote
    if same and stands:
        return VERIFIED, _stands(link, found.places.locate(link.start, link.end).words)
    if same:
        return CHANGED, f"{link.path} is unchanged, but the quote is not at that place: the link or the reader differs"
    if stands:
        return CHANGED, f"{link.path} has changed since, but still says exactly what is quoted, at the same place"
    return CHANGED, f"{link.path} has changed since, and no longer says what is quoted at that place"


def _stands(link: Link, place: str) -> str:
    return f"{link.path}, {place}: the file is unchanged and says exactly what is quoted"
