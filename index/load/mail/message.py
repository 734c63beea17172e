"""Mail: messages, the files sent with them, and mailboxes of messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from email.message import Message

from lxml import etree, html

from index.load.archive import Member, apart, left_over
from index.load.assemble import LINE, PARAGRAPH, Assembly
from index.load.clean import counted, verbatim_words
from index.load.html import depth_notes, read_html
from index.load.join import append
from index.load.limits import Limits, Unreadable
from index.load.mail.headers import day, header, people
from index.load.mail.parts import Parts, name_of, parse, parts_of, payload_of, text_of
from index.load.mail.text import paragraphs, unflowed, without_armour
from index.records import Extract

_SHOWN = ("From", "To", "Cc", "Date", "Subject")
_CELLS = frozenset("table thead tbody tfoot tr td th caption colgroup col".split())

_FROM_LINE = re.compile(rb"From [^\n]*\n(?=(?:>From [^\n]*\n)*(?:[!-9;-~]+[ \t]*:|\r?\n))")
_TIMED = re.compile(rb"\d:\d\d")
_ESCAPED = re.compile(rb"^>(>*From )", re.MULTILINE)
_MOZILLA = re.compile(rb"^X-Mozilla-Status: *([0-9A-Fa-f]{4})\s*$", re.MULTILINE)
_EXPUNGED = 0x0008
_BLANK = re.compile(rb"\n\r?\n")


def extract_mail(data: bytes, limits: Limits) -> Extract:
    """Read a message: the headers that people look at, then its text. Files sent with it are documents of their own.

    The plain version of a text is preferred to that in HTML; what is quoted stays. Raises Unreadable where its parts
    are nested too deeply.
    """
    message = parse(data)
    parts = parts_of(message)
    assembly = Assembly("message")
    subject = header(message, "subject")
    assembly.sections.title = subject
    assembly.part(_whose(message))
    for name in _SHOWN:
        words = header(message, name.lower())
        if words:
            assembly.block("header", f"{name}: {words}", 1, before=LINE)
    sealed = parts.sealed
    signatures = parts.signatures
    for body in parts.bodies:
        text = text_of(body)
        if body.get_content_type() == "text/html":
            plain, notes = _without_layout(verbatim_words(text))
            found = read_html(plain)
            append(assembly, found, 1)
            assembly.notes += dict.fromkeys((*notes, *found.notes))
        else:
            text, encrypted, signed = without_armour(_typed(body, text))
            sealed, signatures = sealed or encrypted > 0, signatures + signed
            for paragraph in paragraphs(text):
                assembly.block("text", paragraph, 1, before=PARAGRAPH)
        if assembly.length > limits.characters:
            break  # what is over is cut, and said, where all documents are
    assembly.notes += _notes(parts, signatures, sealed=sealed)
    found = assembly.finish(author=header(message, "from"), date=day(message))
    return replace(found, title=subject)


def _notes(parts: Parts, signatures: int, *, sealed: bool) -> list[str]:
    notes = []
    if sealed:
        notes.append("encrypted: its text is left out; save it decrypted")
    if parts.pictures:
        notes.append(f"left out {counted(parts.pictures, 'picture{s}')} in the text")
    if signatures:
        notes.append(f"left out {counted(signatures, 'digital signature{s}')}")
    return notes


def _typed(body: Message, text: str) -> str:
    """Return plain text with its lines as they were typed, not as they were broken for sending."""
    if str(body.get_param("format", "")).lower() != "flowed":
        return text
    return unflowed(text, delsp=str(body.get_param("delsp", "")).lower() == "yes")


def _whose(message: Message) -> str:
    """Return whose message it is, to be read after the word "message"."""
    senders, receivers = people(message, "from"), people(message, "to")
    words = f"from {senders[0]}" if senders else ""
    if receivers:
        more = len(receivers) - 1
        others = f" and {more} other{'s' if more > 1 else ''}" if more else ""
        words += f" to {receivers[0]}{others}"
    date = day(message)
    words = f"{words}, {date}" if words and date else words or (f"of {date}" if date else "")
    return words.strip() or "of unknown origin"


def _without_layout(text: str) -> tuple[str, list[str]]:
    """Return HTML without the tables that only place things beside or below each other, as most mail has, and notes."""
    if "<table" not in text.lower():
        return text, []
    parser = html.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        root = html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError):
        return text, []
    layout = {table for table in root.iter("table") if _is_layout(table)}
    for element in list(root.iter(*_CELLS)):
        table = element if element.tag == "table" else next(element.iterancestors("table", "div"), None)
        if table in layout or (table is not None and table.tag == "div"):
            element.tag = "div"
    return str(etree.tostring(root, method="html", encoding="unicode")), depth_notes(parser)


def _is_layout(table: etree._Element) -> bool:
    if table.get("role") == "presentation" or table.find(".//table") is not None:
        return True
    return all(len(row) < 2 for row in table.iter("tr"))


def members_of_mail(data: bytes, limits: Limits) -> Iterator[Member]:
    """Yield the files sent with a message, messages among them, under their names.

    Raises Unreadable where its parts are nested too deeply.
    """
    files = parts_of(parse(data)).files
    names = [name_of(part, number) for number, part in enumerate(files, 1)]
    taken = frozenset(names)
    seen: dict[str, int] = {}
    for at, (name, part) in enumerate(zip(names, files, strict=True)):
        if at == limits.members:
            yield Member(name=name, reason=left_over(len(files) - at, "file", limits))
            return
        own = apart(name, seen, taken)
        try:
            content = payload_of(part)
        except Unreadable as error:
            yield Member(name=own, reason=str(error))
        else:
            yield Member(name=own, data=content, reason="" if content else "empty file")


def members_of_mbox(data: bytes, limits: Limits) -> Iterator[Member]:
    """Yield the messages of a mailbox, called ``1.eml`` and so on. Source: RFC 4155, with ``>From `` as in mboxrd.

    A line is taken for the beginning of a message only where an empty one stands above it, a header below it, and
    the time of day in it, if the first has one: no text of a message is cut at a sentence that begins with From.
    """
    starts = list(_from_lines(data))
    if starts and _TIMED.search(starts[0].group()):
        starts = [found for found in starts if _TIMED.search(found.group())]
    for at, found in enumerate(starts):
        name = f"{at + 1}.eml"
        if at == limits.members:
            yield Member(name=name, reason=left_over(len(starts) - at, "message", limits))
            return
        raw = data[found.end() : starts[at + 1].start() if at + 1 < len(starts) else None]
        if _is_deleted(raw):
            yield Member(name=name, reason="deleted in the mail program, which has not cleared it away")
        else:
            yield Member(name=name, data=_ESCAPED.sub(rb"\1", raw).rstrip(b"\r\n") + b"\n")


def _from_lines(data: bytes) -> Iterator[re.Match[bytes]]:
    at = 0 if data.startswith(b"From ") else data.find(b"\nFrom ") + 1
    while at > 0 or data.startswith(b"From ", at):
        found = _FROM_LINE.match(data, at)
        if found and (at == 0 or data[max(0, at - 3) : at].endswith((b"\n\n", b"\n\r\n"))):
            yield found
        at = data.find(b"\nFrom ", at) + 1
        if at == 0:
            return


def _is_deleted(raw: bytes) -> bool:
    """Tell whether Thunderbird has marked a message as deleted, which it keeps until the folder is compacted."""
    blank = _BLANK.search(raw)
    status = _MOZILLA.search(raw, 0, blank.end() if blank else len(raw))
    return status is not None and bool(int(status.group(1), 16) & _EXPUNGED)
