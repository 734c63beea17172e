"""Where an index is that a server holds: ``milvus[+tls]://[user:password@]host[:port]/[database/]name``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from index.errors import SettingsError

SCHEMES = ("milvus://", "milvus+tls://")
PORT = 19530
DATABASE = "default"

KINDS = ("FLAT", "HNSW", "HNSW_SQ", "IVF_SQ8", "IVF_RABITQ", "DISKANN")
"""Kinds of index over vectors that a build can make on a server."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)
"""Of two letters at least: one is a drive of Windows."""
_CREDENTIALS = re.compile(r"(?<=:/)(/?).*@", re.DOTALL)
"""Up to the last @: a password may have any sign, also where it should have been written as %2F."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An index on a Milvus server. As text it names neither user nor password."""

    host: str
    port: int
    database: str
    name: str
    """Of the index: that of its alias, with which the names of its collections begin."""
    tls: bool
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        within = "" if self.database == DATABASE else f"{self.database}/"
        return f"milvus{'+tls' if self.tls else ''}://{self.server}/{within}{self.name}"

    @property
    def server(self) -> str:
        """Host and port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def is_address(text: str) -> bool:
    """Tell whether a text is meant as an address rather than as a folder: one of any kind, so that none is a folder."""
    return _SCHEME.match(text) is not None


def parse_address(text: str) -> Address:
    """Return the address in a text. Raises SettingsError where it is none; credentials are never repeated."""

    def wrong(why: str) -> SettingsError:
        shown = _CREDENTIALS.sub(r"\1…@", text)
        return SettingsError(
            f"index {shown} is no address of a server: {why}; "
            "expected milvus://host:port/name, or milvus+tls://user:password@host:port/database/name"
        )

    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise wrong("host or port can't be read") from None  # its message would repeat them
    names = parts.path.strip("/").split("/")
    if not text.lower().startswith(SCHEMES):
        raise wrong(f"it begins with none of {' and '.join(SCHEMES)}")
    if not host:
        raise wrong("it names no host")
    if port == 0:
        raise wrong("port 0 is none")
    if parts.query or parts.fragment:
        raise wrong("it has more than a name behind the host")
    if len(names) > 2 or not all(_NAME.fullmatch(name) for name in names):
        raise wrong("a name has letters of English, digits and underscores, at most 100 and no digit first")
    return Address(
        host=host,
        port=PORT if port is None else port,
        database=names[0] if len(names) == 2 else DATABASE,
        name=names[-1],
        tls=parts.scheme == "milvus+tls",
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )
