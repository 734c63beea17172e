"""Documents that were tampered with, and what must come of each: a reading that holds together, or a reason.

The same edits serve the tests, which draw them with hypothesis, and ``make fuzz``, which draws them by the million.
"""

from __future__ import annotations

import io
import os
import random
import re
import sys
import sysconfig
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from index.language import detect_language
from index.load.limits import Limits
from index.load.read import Begun, LeftOut, Reading, find_document, read, read_document
from index.records import Extract
from index.split import split
from tests.documents import KNOWN
from tests.test_split import TOKENS, check

LIMITS = Limits(pages=20, characters=200_000, expanded=2**24, members=100, depth=2, ocr="")
"""Small, so that many documents can be tried."""
FINDINGS = Path(__file__).with_name("findings")
"""Documents that once broke something; every run of the tests tries them again."""

TOKENS_OF_ALL = tuple(
    token.encode("utf-8", "surrogatepass")
    for token in (
        "", "\0", "\n", "\r\n", "\r", " ", "\t", "\x0c", "\x1a", "\x85", "\u2028", "\ufeff", "\u202e", "\ud800", "0",
        "-1", "1", "255", "65536", "2147483648", "9999999999999999999", "1e999", "NaN", "-0", "0x", "<", ">", "</",
        "/>",
        "&", ";", "&#0;", "&#x110000;", "&amp;", "&x;", "<!--", "-->", "<![CDATA[", "]]>", "<?xml", "?>",
        "<!DOCTYPE a [",
        '<!ENTITY x "y">', '<!ENTITY x SYSTEM "file:///etc/passwd">', "<table>", "<tr>", "<td>", "<p>", "</p>",
        "<pre>", "<main>", "{", "}", "[", "]", "(", ")", '"', "'", "\\", "\\'", "\\u", "\\ud800", ":", ",", "|", "#",
        "*", "_", "`",
        "```\n", "---\n", "- ", "> ", "1. ", "[a](", "![", "=", "==", "=?utf-8?q?", "=?utf-8?b?", "?=", "\\par ",
        "\\bin9 ",
        "\\u-1 ", "\\trowd ", "\\cell ", "\\row ", "{\\*\\", "From a 1:00\n", "--b", "--b--", "Content-Type: ",
        "boundary=",
        "base64", "quoted-printable", "charset=", "utf-7", "obj", "endobj", "stream\n", "endstream", "<<", ">>",
        "/Kids", "R", "BT", "Tj", "xref", "trailer", "%%EOF", "../", "/", "A1", "XFD1048576", "ZZZZ9", "true",
        "null", "true,",
    )
)  # fmt: skip
"""What stands in hostile documents of one format or another."""
ACTIONS = ("token", "flip", "delete", "double", "swap", "cut", "tag", "value", "member")
_TAG = re.compile(rb"<[^<>]*>")
_VALUE = re.compile(rb"=\s*(?:\"[^\"]*\"|'[^']*'|[0-9A-Za-z]+)|>[^<>]+<")


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One change to a document. Numbers are taken modulo what there is to choose from, so that any will do."""

    action: str
    """One of ACTIONS."""
    at: int
    length: int
    other: int
    token: bytes


def drawn(dice: random.Random) -> Edit:
    """Return any edit."""
    return Edit(
        action=dice.choice(ACTIONS),
        at=dice.randrange(2**20),
        length=int(2 ** dice.uniform(0, 12)),
        other=dice.randrange(2**20),
        token=dice.choice(TOKENS_OF_ALL),
    )


def mutated(data: bytes, dice: random.Random) -> bytes:
    """Return a document after a few edits, of one of its parts where it is an archive."""
    return edited(data, dice.randrange(2**16), [drawn(dice) for _ in range(dice.choice((1, 1, 2, 3, 6)))])


def edited(data: bytes, part: int, edits: list[Edit]) -> bytes:
    """Return a document after edits, of one of its parts where it is an archive or a PDF document."""
    if part % 8 == 0:  # damage of the container itself
        return _applied(data, edits)
    if data.startswith(b"PK"):
        return _zip_edited(data, part, edits)
    return _applied(data, edits)


def _applied(data: bytes, edits: list[Edit]) -> bytes:
    for edit in edits:
        data = _EDITS[edit.action](data, edit)
    return data


def _zip_edited(data: bytes, part: int, edits: list[Edit]) -> bytes:
    """Return an archive with one part changed, or, for edits of a whole member, doubled, renamed or taken out."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = [(info.filename, archive.read(info)) for info in archive.infolist()]
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, RuntimeError, NotImplementedError, EOFError):
        return _applied(data, edits)
    if not parts:
        return _applied(data, edits)
    at = part % len(parts)
    for edit in edits:
        name, body = parts[at]
        if edit.action != "member":
            parts[at] = name, _EDITS[edit.action](body, edit)
        elif edit.other % 3 == 0:
            parts.append((name, parts[edit.at % len(parts)][1]))
        elif edit.other % 3 == 1:
            parts[at] = _applied(name.encode(), [edit]).decode("utf-8", "replace"), body
        elif len(parts) > 1:
            del parts[at]
            at %= len(parts)
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")  # names that stand twice
        for name, body in parts:
            archive.writestr(zipfile.ZipInfo(name), body, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def _token(data: bytes, edit: Edit) -> bytes:
    at = edit.at % (len(data) + 1)
    times = edit.other % 1000 if edit.other % 7 == 0 else 1
    return data[:at] + edit.token * times + data[at:]


def _flip(data: bytes, edit: Edit) -> bytes:
    if not data:
        return data
    at = edit.at % len(data)
    return data[:at] + bytes([data[at] ^ (1 << edit.other % 8)]) + data[at + 1 :]


def _delete(data: bytes, edit: Edit) -> bytes:
    at = edit.at % (len(data) + 1)
    return data[:at] + data[at + edit.length :]


def _double(data: bytes, edit: Edit) -> bytes:
    at = edit.at % (len(data) + 1)
    return data[:at] + data[at : at + edit.length] * (2 + edit.other % 3) + data[at + edit.length :]


def _swap(data: bytes, edit: Edit) -> bytes:
    first, second = sorted((edit.at % (len(data) + 1), edit.other % (len(data) + 1)))
    length = min(edit.length, second - first)
    one, other = data[first : first + length], data[second : second + length]
    return data[:first] + other + data[first + length : second] + one + data[second + length :]


def _cut(data: bytes, edit: Edit) -> bytes:
    return data[: edit.at % (len(data) + 1)]


def _tag(data: bytes, edit: Edit) -> bytes:
    """Take a tag out, set it twice, or put another in its place."""
    tags = list(_TAG.finditer(data))
    if not tags:
        return _token(data, edit)
    tag, other = tags[edit.at % len(tags)], tags[edit.other % len(tags)]
    put = (b"", tag.group() * 2, other.group(), other.group() + tag.group())[edit.length % 4]
    return data[: tag.start()] + put + data[tag.end() :]


def _value(data: bytes, edit: Edit) -> bytes:
    """Put a token, or what stands elsewhere, in the place of an attribute's value or of the text between two tags."""
    values = list(_VALUE.finditer(data))
    if not values:
        return _token(data, edit)
    value = values[edit.at % len(values)]
    raw = value.group()
    put = edit.token if edit.length % 2 else values[edit.other % len(values)].group().strip(b"=><\"' ")
    around = (b'="', b'"') if raw.startswith(b"=") else (b">", b"<")
    return data[: value.start()] + around[0] + put + around[1] + data[value.end() :]


_EDITS: dict[str, Callable[[bytes, Edit], bytes]] = {
    "token": _token, "flip": _flip, "delete": _delete, "double": _double, "swap": _swap, "cut": _cut, "tag": _tag,
    "value": _value, "member": _token,
}  # fmt: skip


@cache
def examples() -> dict[str, bytes]:
    """Return a sound document of each format by its name."""
    return {known.name: known.make() for known in KNOWN}


def examine(name: str, data: bytes, limits: Limits = LIMITS) -> list[Reading | LeftOut]:
    """Assert what must hold of any file, and return what became of it and of all documents within it."""
    events = list(read(name, data, limits))
    assert events
    assert events[0] == Begun(path=name)
    outcomes = [event for event in events if not isinstance(event, Begun)]
    assert outcomes, "nothing is said of what became of it"
    seen: set[str] = set()
    for outcome in outcomes:
        assert outcome.path == name or outcome.path.startswith(f"{name}/")
        if isinstance(outcome, LeftOut):
            assert outcome.reason.strip()
            assert "its reader failed" not in outcome.reason, outcome.reason
            continue
        assert outcome.path not in seen, "two documents of one name"
        seen.add(outcome.path)
        check_extract(outcome.extract, limits)
    for outcome in [o for o in outcomes if isinstance(o, Reading)][:3]:
        again = read_document(outcome.path, find_document(name, data, limits, outcome.path), limits)
        assert again == outcome, "it is not found again, or reads differently"
    return outcomes


def check_extract(found: Extract, limits: Limits = LIMITS) -> None:
    """Assert what must hold of whatever was read: its blocks, places, pages, passages and sentences."""
    text, at = found.text, 0
    text.encode("utf-8")  # no half of a surrogate pair
    assert len(text) <= limits.characters
    for block in found.blocks:
        assert not text[at : block.start].strip(), "text that is in no block"
        assert at <= block.start < block.end
        at = block.end
    assert not text[at:].strip(), "text behind the last block"
    places = found.places
    assert len(places.offsets) == len(places.numbers) >= 1
    assert list(places.offsets) == sorted(set(places.offsets))
    assert min(places.numbers) >= 1
    assert not places.columns or (len(places.columns) == len(places.offsets) and min(places.columns) >= 0)
    assert [part for part, _ in places.parts] == sorted(part for part, _ in places.parts)
    for words in (found.title, found.author, found.date, *found.notes):
        words.encode("utf-8")
        assert "\n" not in words
    at = 0
    for page in found.pages:
        assert (page.start, len(page.boxes)) == (at, 8 * (page.end - page.start))
        at = page.end
    assert at == (len(text) if found.pages else 0)
    check(found, split(found, detect_language(text), TOKENS, 40))


_HARMFUL = frozenset(
    "os.system os.exec os.fork os.posix_spawn os.startfile subprocess.Popen socket.connect socket.bind "
    "socket.getaddrinfo socket.gethostbyname socket.sendto os.remove os.rename os.mkdir os.rmdir os.link os.symlink "
    "os.chmod os.truncate "
    "shutil.rmtree shutil.move shutil.copyfile compile ctypes.dlopen urllib.Request webbrowser.open".split()
)
_CODE = tuple(str(Path(folder).resolve()) for folder in (sys.base_prefix, sys.prefix, sysconfig.get_path("purelib")))
"""Where Python and the libraries lie: they may load parts of themselves late, such as encodings."""
_seen: list[str] | None = None


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if _seen is None:
        return
    if event == "exec":
        name = getattr(arguments[0], "co_filename", "")
    elif event == "open" and str(arguments[1]) in ("r", "rb"):
        name = str(arguments[0])
    else:
        name = ""
    if event in _HARMFUL or (event in ("exec", "open") and not name.startswith(_CODE)):
        _seen.append(f"{event}: {str(arguments)[:200]}")


@contextmanager
def nothing_touched() -> Iterator[None]:
    """Assert that no Python code within opens a file or socket, starts a program or runs code but that of libraries.

    Libraries in C are not seen: their tests lay out bait instead.
    """
    global _seen  # noqa: PLW0603 - an audit hook can't be taken off again, only told to look away
    if not _hooked:
        sys.addaudithook(_watch)
        _hooked.append(True)
    _seen = []
    try:
        yield
    finally:
        told, _seen = _seen, None
    assert told == [], told


_hooked: list[bool] = []


def rounds(usual: int) -> int:
    """Return how many examples to try: ``usual``, or as many times more as SEEDQA_FUZZ says."""
    return usual * int(os.environ.get("SEEDQA_FUZZ", "1"))
