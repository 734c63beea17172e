"""One connection to a Milvus server; what goes wrong there becomes a StoreError of one line."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence, Sized
from pathlib import Path
from typing import Any

import grpc
from pymilvus import DataType, MilvusClient, MilvusException

from index.address import Address
from index.errors import StoreError

SECONDS = 30.0
"""How long one call may take; loading and flushing get longer."""
LONG = 3600.0

_CONNECT_SECONDS = 10.0
_PAUSE = 0.3

UNREACHED = 1.0
"""Seconds for which a connection that failed is not tried again: whoever asks meanwhile fails at once."""

_ATTEMPTS = 3

UNREACHABLE, NOT_FOUND, NOT_LOADED, NO_ALIAS = 2, 100, 101, 1600
"""Codes of errors: of the client that there is no server, the others of the server."""

_PINGS = {"grpc.keepalive_time_ms": 330_000}
"""Milliseconds between two pings: servers of gRPC hang up on those who ping more often than every five minutes."""

_ERRORS = (MilvusException, grpc.RpcError, OSError)

_BATCH = 8_000_000
"""Bytes sent at once; servers take 64 MiB."""

Row = dict[str, Any]


class Client:
    """A connection that is made when it is first needed, and once more where the server was started anew.

    Thread-safe.
    """

    def __init__(self, address: Address, token: str = "", ca: Path | None = None) -> None:
        """``token`` takes the place of user and password; ``ca`` is the certificate that signed the server's."""
        self._address = address
        self._token = token
        self._ca = ca
        self._made: MilvusClient | None = None
        self._failed: tuple[float, Exception] | None = None
        self._lock = threading.Lock()

    def _connected(self) -> MilvusClient:
        with self._lock:
            if self._made is None:
                if self._failed and time.monotonic() - self._failed[0] < UNREACHED:
                    raise self._failed[1]
                try:
                    self._made = self._connect()
                except _ERRORS as error:
                    self._failed = time.monotonic(), error
                    raise
            return self._made

    def _connect(self) -> MilvusClient:
        # Each failure is logged with its traceback, although it is raised as well; we say what is to be said.
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL + 1)
        to = self._address
        secure = {"secure": True} if to.tls else {}
        trusted = {"server_pem_path": str(self._ca)} if self._ca else {}
        return MilvusClient(
            uri=f"{'https' if to.tls else 'http'}://{to.server}",
            user=to.user,
            password=to.password,
            token=self._token,
            db_name=to.database,
            timeout=_CONNECT_SECONDS,
            dedicated=True,
            grpc_options=_PINGS,
            **secure,
            **trusted,
        )

    def close(self) -> None:
        """Let go of the connection; the next call makes another."""
        with self._lock:
            made, self._made = self._made, None
        if made is not None:
            made.close()

    def _let_go(self, failed: MilvusClient) -> None:
        """Let go of a connection that failed; one that another thread has made since stays."""
        with self._lock:
            held = self._made is failed
            if held:
                self._made = None
        if held:
            failed.close()

    def _is_held(self, made: MilvusClient) -> bool:
        with self._lock:
            return self._made is made

    def call(self, method: str, *arguments: Any, timeout: float = SECONDS, **named: Any) -> Any:
        """Call a method of the client, again where the server has been started anew or has not loaded a collection.

        Raises StoreError.
        """
        attempt = 0
        while True:
            attempt += 1
            made: MilvusClient | None = None
            try:
                made = self._connected()
                return getattr(made, method)(*arguments, timeout=timeout, **named)
            except _ERRORS as error:
                if made is None or attempt == _ATTEMPTS or not self._mended(made, error, arguments):
                    raise self._told(error, method) from error

    def _mended(self, made: MilvusClient, error: Exception, arguments: Sequence[Any]) -> bool:
        """Do what may let the same call succeed; return whether there was something to do."""
        code = getattr(error, "code", None)
        if not self._is_held(made):  # another thread met the same, and has closed it under this call
            return True
        if code == UNREACHABLE:  # the first call after the server was started anew fails once
            self._let_go(made)
            time.sleep(_PAUSE)
            return True
        if code == NOT_LOADED and arguments:
            self.call("load_collection", arguments[0], timeout=LONG)
            return True
        return False

    def _told(self, error: Exception, method: str) -> StoreError:
        status = _status(error)
        if status in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
            return StoreError(
                f"{self._address}: the server refuses the credentials; give a user and password in the address, "
                "or a token in SEEDQA_MILVUS_TOKEN"
            )
        if getattr(error, "code", None) == UNREACHABLE or status == grpc.StatusCode.UNAVAILABLE:
            return StoreError(
                f"{self._address}: no Milvus server answers there; start it, or check host, port and whether it has "
                "TLS (milvus+tls://)"
            )
        if isinstance(error, OSError) and error.filename:
            return StoreError(f"{self._address}: {error.filename} can't be read ({error.strerror}); check milvus_ca")
        if isinstance(error, OSError):
            return StoreError(f"{self._address}: {method} failed ({error}); check the way to the server")
        why = getattr(error, "message", None) or str(error)
        return StoreError(f"{self._address}: {method} failed on the server ({' '.join(str(why).split())}); see its log")

    def aliased(self, alias: str) -> str:
        """Return the collection that an alias leads to, or an empty string where there is no such alias."""
        try:
            return str(self.call("describe_alias", alias)["collection_name"])
        except StoreError as error:
            if getattr(error.__cause__, "code", None) in (NOT_FOUND, NO_ALIAS):
                return ""
            raise

    def point(self, alias: str, collection: str) -> None:
        """Have an alias lead to a collection: whoever looks finds the old one or the new."""
        method = "alter_alias" if self.aliased(alias) else "create_alias"
        self.call(method, collection_name=collection, alias=alias)

    def collections(self) -> list[str]:
        """Return the names of all collections of the database."""
        return list(self.call("list_collections"))

    def create(
        self, name: str, fields: dict[str, tuple[DataType, Row]], indexes: dict[str, str], *, mapped: bool
    ) -> None:
        """Create a collection; ``fields`` have their types, the first is the key; ``indexes`` have kinds of index.

        ``mapped`` leaves its data on the servers' disks, from where they are mapped.
        """
        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        for at, (field, (kind, more)) in enumerate(fields.items()):
            schema.add_field(field, kind, is_primary=at == 0, **more)
        made = MilvusClient.prepare_index_params()
        for field, kind in indexes.items():
            made.add_index(field, index_type=kind, metric_type="IP")
        self.call(
            "create_collection",
            name,
            schema=schema,
            consistency_level="Bounded",
            properties={"mmap.enabled": "true"} if mapped else {},
            timeout=LONG,
        )
        self.call("create_index", name, made, sync=False, timeout=LONG)  # there is nothing yet to wait for
        self.load(name)

    def drop(self, name: str) -> None:
        """Remove a collection with all its rows."""
        self.call("drop_collection", name)

    def load(self, name: str) -> None:
        """Have the servers hold a collection ready."""
        self.call("load_collection", name, timeout=LONG)

    def release(self, name: str) -> None:
        """Have them let go of it; it stays on their disks."""
        self.call("release_collection", name)

    def insert(self, name: str, rows: Iterable[Row]) -> int:
        """Add rows, in batches that servers take; return how many."""
        count = size = 0
        batch: list[Row] = []
        for row in rows:
            batch.append(row)
            count, size = count + 1, size + row_bytes(row)
            if size >= _BATCH:
                self.call("insert", name, batch, timeout=LONG)
                batch, size = [], 0
        if batch:
            self.call("insert", name, batch, timeout=LONG)
        return count

    def finish(self, name: str) -> None:
        """Bring a collection's rows to disk, and wait until they are indexed and it is ready."""
        self.call("flush", name, timeout=LONG)
        end = time.monotonic() + LONG
        for index in self.call("list_indexes", name):
            while (state := self.call("describe_index", name, index)["state"]) != "Finished":
                if state == "Failed":
                    raise StoreError(f"{self._address}: index {index} of {name} can't be made; see the server's log")
                if time.monotonic() > end:
                    raise StoreError(
                        f"{self._address}: index {index} of {name} is {state} after {LONG:.0f} s; see the server's "
                        "log, and send it again"
                    )
                time.sleep(_PAUSE)
        self.load(name)

    def count(self, name: str) -> int:
        """Return how many rows a collection has, those just added with them."""
        (found,) = self.call("query", name, filter="", output_fields=["count(*)"], consistency_level="Strong")
        return int(found["count(*)"])

    def query(self, name: str, within: str, fields: Sequence[str], *, latest: bool = False) -> list[Row]:
        """Return the rows that a filter lets through, in any order; ``latest`` has those just added with them."""
        level: Row = {"consistency_level": "Strong"} if latest else {}
        return list(self.call("query", name, filter=within, output_fields=list(fields), **level))

    def search(self, name: str, field: str, vector: object, limit: int, within: str, output: str) -> Iterator[int]:
        """Yield ``output``, a whole number, of the ``limit`` rows with the highest inner product, best first."""
        (hits,) = self.call(
            "search",
            name,
            data=[vector],
            anns_field=field,
            limit=limit,
            filter=within,
            output_fields=[output],
            search_params={"metric_type": "IP"},
        )
        for hit in hits:
            yield int(hit["entity"][output])


def _status(error: BaseException | None) -> Any:
    """Return the status of the call that is behind an error, or nothing; an error may be its own cause there."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        code = getattr(error, "code", None)
        if isinstance(error, grpc.RpcError) and callable(code):
            return code()
        if isinstance(code, grpc.StatusCode):
            return code
        error = error.__context__ if error.__cause__ in (None, error) else error.__cause__
    return None


def row_bytes(row: Row) -> int:
    """Return how many bytes a row's values take: text as UTF-8, entries of sparse vectors 8 each."""
    return sum(_value_bytes(value) for value in row.values())


def _value_bytes(value: Any) -> int:
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
    return getattr(value, "nbytes", 8 * len(value) if isinstance(value, Sized) else 8)
