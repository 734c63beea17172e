"""The parts of a message: which are its text, which are files sent with it, and which only programs read."""

from __future__ import annotations

import email
import re
from dataclasses import dataclass, field
from email.message import Message

import webencodings

from index.load.archive import shown
from index.load.decode import decode
from index.load.limits import Unreadable
from index.load.mail.headers import BROKEN, header, legible

_SIGNATURES = frozenset(("application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"))
_SEALED = frozenset(("application/pkcs7-mime", "application/x-pkcs7-mime", "multipart/encrypted"))
_SUFFIXES = {
    "text/plain": ".txt",
    "text/html": ".html",
    "text/csv": ".csv",
    "text/calendar": ".ics",
    "application/pdf": ".pdf",
    "application/json": ".json",
}
_UNDECLARED = frozenset(("", "us-ascii", "ascii", "unknown-8bit", "unknown", "default"))
_ONLY_HTML = re.compile(r"\b(?:html|view it in your browser|online ansehen)\b", re.IGNORECASE)
_EXCUSE = 300
"""Characters of a text that may only say that the message is to be read as HTML."""
_LONGEST_NAME = 120


@dataclass(slots=True)
class Parts:
    """What a message is made of."""

    bodies: list[Message] = field(default_factory=list)
    """Parts of text, plain or HTML, from top to bottom; of two versions of a text only the better one."""
    files: list[Message] = field(default_factory=list)
    pictures: int = 0
    """Pictures that are set into the text."""
    signatures: int = 0
    sealed: bool = False
    """Part of it is encrypted."""


def parse(data: bytes) -> Message:
    """Return a message. The old policy parses the structure: the new one fails over headers that are malformed.

    Raises Unreadable where its parts are nested too deeply, or its headers are malformed beyond that.
    """
    try:
        return email.message_from_bytes(data)
    except RecursionError as error:
        raise Unreadable("damaged: its parts are nested too deeply") from error
    except BROKEN as error:
        raise Unreadable(f"damaged: its headers are malformed ({type(error).__name__})") from error


def parts_of(message: Message) -> Parts:
    """Return the parts of a message, without those of messages sent with it."""
    parts = Parts()
    _take(message, parts)
    return parts


def _take(part: Message, parts: Parts, *, related: bool = False, body: bool = True) -> None:
    """Put a part where it belongs; ``body`` tells that its text is wanted, ``related`` that it belongs to a text."""
    kind = part.get_content_type()
    children = children_of(part)
    if kind in _SEALED:
        parts.sealed = True
    elif kind == "multipart/alternative":
        chosen = _chosen(children)
        for child in children:
            _take(child, parts, related=related, body=body and child is chosen)
    elif kind.startswith("multipart/") and part.is_multipart():
        for at, child in enumerate(children):
            _take(child, parts, related=related or (kind == "multipart/related" and at > 0), body=body)
    elif kind in _SIGNATURES:
        parts.signatures += 1
    elif _is_body(part, kind):
        parts.bodies += [part] if body else []
    elif related and kind.startswith("image/"):
        parts.pictures += 1
    else:
        parts.files.append(part)


def children_of(part: Message) -> list[Message]:
    """Return the parts within a part."""
    payload = part.get_payload() if part.is_multipart() else None
    return [child for child in payload if isinstance(child, Message)] if isinstance(payload, list) else []


def _is_body(part: Message, kind: str) -> bool:
    if kind.startswith("multipart/"):  # without the parts that it promises
        return True
    return kind in ("text/plain", "text/html") and part.get_content_disposition() != "attachment" and not _named(part)


def _chosen(children: list[Message]) -> Message | None:
    """Return the best version of a text: plain if that says anything, else the last, which is the richest."""
    readable = [child for child in children if child.is_multipart() or _is_body(child, child.get_content_type())]
    for child in readable:
        if child.get_content_type() == "text/plain":
            words = text_of(child).strip()
            if words and not (len(readable) > 1 and len(words) < _EXCUSE and _ONLY_HTML.search(words)):
                return child
    return readable[-1] if readable else None


def payload_of(part: Message) -> bytes:
    """Return what a part holds, decoded; of a message sent along, the message.

    Raises Unreadable where the standard library can't put that together.
    """
    try:
        children = children_of(part)
        if children:
            return b"\n".join(child.as_bytes() for child in children)
        if part.get_content_maintype() == "text" and (raw := _never_encoded(part)):
            return raw
        payload = part.get_payload(decode=True)
    except (*BROKEN, RecursionError) as error:
        raise Unreadable(f"damaged in the message ({type(error).__name__})") from error
    return payload if isinstance(payload, bytes) else b""


def _never_encoded(part: Message) -> bytes:
    """Return the text of a part that says it is in base64 and is not, or nothing."""
    if str(part.get("content-transfer-encoding", "")).strip().lower() != "base64":
        return b""
    raw = part.as_bytes().partition(b"\n\n")[2]
    return raw if b" " in raw.strip().partition(b"\n")[0].strip() else b""


def text_of(part: Message) -> str:
    """Return the text of a part in the encoding that it declares, or else is in, with line feeds alone."""
    data = payload_of(part)
    declared = _declared(part)
    name = "" if declared in _UNDECLARED else _codec(declared)
    for codec in (name,) if data.isascii() else ("utf-8", name):
        if codec:
            try:
                return _with_line_ends(data.decode(codec))
            except ValueError:
                pass  # a wrong declaration is common: go on as if there were none
    try:
        return _with_line_ends(decode(data)[0])
    except Unreadable:
        return _with_line_ends(data.decode(name or "utf-8", "replace"))


def _declared(part: Message) -> str:
    try:
        return (part.get_content_charset() or "").strip()
    except BROKEN:
        return ""


def _codec(label: str) -> str:
    """Return the codec of an encoding, as browsers read its name, or else as Python does; or an empty string."""
    known = webencodings.lookup(label)
    if known is not None and known.name not in ("x-user-defined", "replacement"):
        return str(known.codec_info.name)
    try:
        b"x".decode(label)
    except (LookupError, ValueError):
        return ""
    return "" if "escape" in label else label


def _with_line_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def name_of(part: Message, number: int) -> str:
    """Return the name of a file sent along, without folders; one without a name is called by its ``number``."""
    given = _named(part)
    if part.get_content_type() == "message/rfc822":
        children = children_of(part)
        subject = header(children[0], "subject").replace("/", "-").replace("\\", "-") if children else ""
        stem = given.removesuffix(".eml") or subject[:_LONGEST_NAME].strip() or f"message-{number}"
        return f"{stem}.eml"
    other = ".txt" if part.get_content_maintype() in ("text", "message") else ".bin"
    return given or f"part-{number}{_SUFFIXES.get(part.get_content_type(), other)}"


def _named(part: Message) -> str:
    """Return a file's name as it was given; many programs encode it as no standard allows."""
    try:
        raw = part.get_filename() or ""
    except (LookupError, ValueError, TypeError):
        return ""
    holder = Message()
    holder["subject"] = raw.replace("\r", "").replace("\n", "")
    name = header(holder, "subject") if "=?" in raw else legible(raw)
    name = shown(name.replace("\\", "/").rpartition("/")[2].strip())
    return "" if name.strip(". ") == "" else name
