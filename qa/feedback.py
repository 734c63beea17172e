"""Thumbs up and down on passages, kept in the index's folder beside the snapshots.

INDEX/
  feedback.jsonl           one vote a line with a checksum, only ever appended to
  feedback.lock            held while a vote is written

Votes outlive snapshots: a rebuild neither reads nor changes them. qa.evaluate.votes measures an index on them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import portalocker

from index.errors import QuestionError, SeedQAError
from index.layout import sync
from qa.answer import Citation
from qa.citation import quote_digest
from qa.question import MAX_QUESTION

WAIT_SECONDS = 10.0
"""How long a vote waits for others to be written."""

MAX_BYTES = 64 * 2**20
"""Size of the file beyond which no vote is added: every answer on a page reads it after each new vote."""

_TORN = b" <- torn off by a crash"
"""Ends a line whose writing never finished. No whole vote ends so, and nothing is taken out of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Whether a passage answers a question, as a reader sees it."""

    question: str
    useful: bool | None
    """None takes an earlier vote back."""
    path: str
    link: str
    evidence: str
    quote_sha256: str
    """As links carry it: the first 16 digits."""
    snapshot: str
    at: str
    """When it was given: UTC, ISO 8601, to the second."""


def judgement(question: str, citation: Citation, useful: bool | None, *, snapshot: str, at: datetime) -> Judgement:
    """Return a vote on a passage as an answer to a question, given ``at`` a time on what ``snapshot`` showed."""
    return Judgement(
        question=question,
        useful=useful,
        path=citation.source,
        link=citation.link,
        evidence=citation.evidence,
        quote_sha256=quote_digest(citation.quote),
        snapshot=snapshot,
        at=at.astimezone(UTC).isoformat(timespec="seconds"),
    )


def _line(vote: Judgement) -> bytes:
    """Return a vote as it is kept: a JSON object whose last field is the start of the sha256 of what is before it."""
    data = msgspec.json.encode(vote)
    return data[:-1] + b',"sha256":"' + hashlib.sha256(data).hexdigest()[:16].encode() + b'"}'


def _vote(line: bytes) -> Judgement:
    """Return the vote in a line; one that was written by hand or by an older SeedQA has no checksum.

    Raises msgspec.MsgspecError or UnicodeDecodeError where it is none, or was altered.
    """
    vote = msgspec.json.decode(line, type=Judgement)
    if line.strip() != _line(vote) and msgspec.json.decode(line).keys() - set(Judgement.__slots__):
        raise msgspec.ValidationError("it was altered: its checksum does not fit")
    return vote


def _is_whole(line: bytes) -> bool:
    """Tell whether a line without an end holds a vote all the same."""
    try:
        _vote(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
    return True


class Feedback:
    """The votes kept in one index's folder. Safe for any number of threads and processes."""

    def __init__(self, root: Path, name: str = "feedback.jsonl") -> None:
        self.path = root / name
        """Need not exist."""
        self._lock = root / "feedback.lock"
        self._last_read: tuple[tuple[int, int], tuple[Judgement, ...]] = (0, 0), ()

    def add(self, judgement: Judgement) -> None:
        """Append a vote; it is on disk when this returns.

        Raises QuestionError for a question that is too long, and SeedQAError where the file is larger than MAX_BYTES
        or can't be written: earlier votes are unchanged then.
        """
        if len(judgement.question) > MAX_QUESTION:
            raise QuestionError(
                f"the question has {len(judgement.question):,} characters, expected at most {MAX_QUESTION:,}; "
                "ask in fewer words"
            )
        line = _line(judgement) + b"\n"
        with self._writing():
            is_new = not self.path.exists()
            if not is_new and self.path.stat().st_size > MAX_BYTES:
                raise SeedQAError(
                    f"{self.path} is larger than {MAX_BYTES // 2**20} MiB, so no more is kept; "
                    "move it elsewhere, and a new one begins"
                )
            with self.path.open("ab") as file:
                file.write(self._mend() + line)
            sync(self.path)
            if is_new:
                sync(self.path.parent)

    def read(self) -> tuple[Judgement, ...]:
        """Return the last vote on each question and quote, in order of the first; votes taken back are left out.

        The file is read again only where its size or its time of change is another one. Raises SeedQAError where it
        can't be read or a line of it is damaged. A last line still being written, or torn off by a crash, is passed
        over.
        """
        try:
            with self.path.open("rb") as file:
                found = os.fstat(file.fileno())
                stamp = found.st_mtime_ns, found.st_size
                known, votes = self._last_read
                if stamp == known:
                    return votes
                data = file.read()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise SeedQAError(f"{self.path} can't be read ({error.strerror}); check its permissions") from error
        votes = self._parse(data)
        self._last_read = stamp, votes
        return votes

    def _parse(self, data: bytes) -> tuple[Judgement, ...]:
        last: dict[tuple[str, str], Judgement] = {}
        lines = data.split(b"\n")
        for number, line in enumerate(lines, 1):
            if line.endswith(_TORN) or not line.strip():
                continue
            try:
                vote = _vote(line)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                if number == len(lines) and not _is_whole(line[:-1]):
                    continue
                raise SeedQAError(
                    f"{self.path}, line {number}, is not a judgement ({error}); mend or delete that line"
                ) from error
            last[vote.question, vote.quote_sha256] = vote
        return tuple(vote for vote in last.values() if vote.useful is not None)

    def _mend(self) -> bytes:
        """Return what has to follow the last line before the next may begin: nothing, unless a crash cut it."""
        with self.path.open("rb") as file:
            if not file.seek(0, os.SEEK_END):
                return b""
            file.seek(-1, os.SEEK_END)
            if file.read() == b"\n":
                return b""
        return b"\n" if _is_whole(self.path.read_bytes().rpartition(b"\n")[2]) else _TORN + b"\n"

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the lock, and turn what fails into one line."""
        try:
            with portalocker.Lock(self._lock, mode="a", timeout=WAIT_SECONDS, check_interval=0.02):
                yield
        except portalocker.AlreadyLocked as error:
            raise SeedQAError(
                f"{self._lock} has been held by another process for {WAIT_SECONDS:.0f} s; end it, then try again"
            ) from error
        except portalocker.LockException as error:
            raise SeedQAError(f"{self._lock} can't be locked ({error}); keep the index on a local disk") from error
        except OSError as error:
            raise SeedQAError(
                f"{self.path} can't be written ({error.strerror or error}); check the folder's permissions and space"
            ) from error
