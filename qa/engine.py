"""An open index that answers questions: the one engine under command line, Python and page."""

from __future__ import annotations

import fnmatch
import math
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import numpy as np

from index.analyse import question_terms, words
from index.encode import Encoder, fingerprint_of, is_local, open_encoder
from index.errors import ModelMismatch, QuestionError, SeedQAError
from index.layout import IndexPaths
from index.manifest import Manifest
from index.records import Progress, no_progress
from index.snapshot import Snapshot, open_current
from index.store import StoredDocument
from index.vectors import Mask
from qa.answer import Answer, Citation, Verification
from qa.assess import results_of
from qa.citation import verify_link
from qa.confidence import THRESHOLD
from qa.config import read_settings
from qa.rank import rank

MAX_QUESTION = 4000
"""Characters of a question; more is a document."""


RETRY_SECONDS = 1.0
"""How long a snapshot that could not be opened is left alone."""


class _Held:
    """A snapshot in use, closed when the last question on it is answered and a newer one is in force."""

    def __init__(self, snapshot: Snapshot, encoder: Encoder) -> None:
        self.snapshot = snapshot
        self.encoder = encoder
        self.users = 0
        self.retired = False


class Index:
    """Answers questions from the snapshot in force, and from a newer one as soon as a build publishes it.

    Each answer is computed on one snapshot. Thread-safe; a context manager that lets go of the files.
    """

    def __init__(
        self,
        root: Path,
        cache: Path,
        *,
        model: str | None = None,
        threshold: float = THRESHOLD,
        encoder: Encoder | None = None,
        progress: Progress = no_progress,
    ) -> None:
        """Open the index in ``root``; ``encoder`` replaces the one that would be opened from ``cache``.

        Raises SnapshotError where there is no usable snapshot, and ModelMismatch where ``model`` or
        ``encoder`` is not what it was built with.
        """
        if not 0 <= threshold <= 1 or math.isnan(threshold):
            raise QuestionError(f"threshold is {threshold}, expected a number from 0 to 1")
        self._paths = IndexPaths(root)
        self._cache = cache
        self._model = model
        self._threshold = threshold
        self._encoder = encoder
        self._progress = progress
        self._lock = threading.Lock()
        self._switching = threading.Lock()
        self._retry_at = 0.0
        self._closed = False
        self._trouble = ""
        self._seen = self._stamp()
        self._held = self._open()

    def _stamp(self) -> tuple[int, int]:
        """Return what changes whenever CURRENT is replaced."""
        try:
            found = self._paths.current.stat()
        except OSError:
            return (0, 0)
        return (found.st_mtime_ns, found.st_ino)

    def _open(self) -> _Held:
        snapshot = open_current(self._paths)
        try:
            return _Held(snapshot, self._fitting_encoder(snapshot.manifest))
        except BaseException:
            snapshot.close()
            raise

    def _fitting_encoder(self, manifest: Manifest) -> Encoder:
        built = manifest.encoder
        asked = self._model
        if asked not in (None, built.model) and not (
            is_local(asked) and fingerprint_of(asked, built.backend) == built.fingerprint
        ):
            raise ModelMismatch(
                f"the index in {self._paths.root} was built with model {built.model}, asked for {self._model}; "
                f"rebuild it: qa build --model {self._model}"
            )
        if self._encoder is None:
            return open_encoder(built, self._cache, self._progress)
        if self._encoder.info.fingerprint != built.fingerprint:
            raise ModelMismatch(
                f"the index in {self._paths.root} was built with model {built.model} ({built.fingerprint[:12]}…), "
                f"found {self._encoder.info.model} ({self._encoder.info.fingerprint[:12]}…); rebuild it: qa build"
            )
        return self._encoder

    @contextmanager
    def _in_force(self) -> Iterator[_Held]:
        """Lend the snapshot in force for one question."""
        if self._stamp() != self._seen and self._switching.acquire(blocking=False):
            try:  # whoever sees it first opens it; others go on with the one at hand
                self._switch()
            finally:
                self._switching.release()
        with self._lock:
            if self._closed:
                raise SeedQAError("this index is closed; open it again with open_index")
            held = self._held
            held.users += 1
        try:
            yield held
        finally:
            with self._lock:
                held.users -= 1
                self._let_go(held)

    def _switch(self) -> None:
        """Take the newer snapshot; where it can't be opened, go on with the one at hand and say so."""
        stamp = self._stamp()
        if self._closed or stamp == self._seen or time.monotonic() < self._retry_at:
            return
        try:
            newer = self._open()
        except Exception as error:
            self._retry_at = time.monotonic() + RETRY_SECONDS
            self._trouble = f"a newer snapshot can't be opened, so this is from the one before: {error}"
            return
        with self._lock:
            self._trouble, self._seen, self._retry_at = "", stamp, 0.0
            older, self._held = self._held, newer
            older.retired = True
            newer.retired = self._closed
            self._let_go(older)
            self._let_go(newer)

    @staticmethod
    def _let_go(held: _Held) -> None:
        if held.retired and not held.users:
            held.snapshot.close()

    def close(self) -> None:
        """Let go of the index once the questions under way are answered."""
        with self._lock:
            if not self._closed:
                self._closed = self._held.retired = True
                self._let_go(self._held)

    def __enter__(self) -> Index:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def manifest(self) -> Manifest:
        """What the snapshot in force holds and how it was made."""
        with self._in_force() as held:
            return held.snapshot.manifest

    @property
    def documents(self) -> tuple[StoredDocument, ...]:
        """The documents of the snapshot in force, sorted by path."""
        with self._in_force() as held:
            return held.snapshot.store.documents

    def search(self, question: str, k: int = 5, documents: str | Sequence[str] | None = None) -> Answer:
        """Return the ``k`` passages that answer best, each with its evidence sentence and citation.

        ``documents`` limits the search to paths that match one of these patterns (``*`` and ``?``).

        Raises QuestionError for a question without words or longer than MAX_QUESTION characters, for
        ``k`` below 1, and for a pattern that matches no document.
        """
        asked = check_question(question)
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise QuestionError(f"k is {k!r}, expected a whole number of 1 or more")
        with self._in_force() as held:
            snapshot = held.snapshot
            notes = [self._trouble] if self._trouble else []
            allowed = _allowed(snapshot, documents)
            within = snapshot.manifest.counts.passages if allowed is None else int(allowed.sum())
            if k > within:
                notes.append(f"asked for {k} passages, there are only {within}")
            asked_terms = question_terms(asked, snapshot.manifest.languages)
            vector = held.encoder.encode_question(asked)
            if len(asked) > held.encoder.info.sentence_tokens:  # can't have more tokens than characters
                read = len(held.encoder.token_spans([asked])[0])
                if read > held.encoder.info.sentence_tokens:
                    notes.append(
                        f"the question has {read} tokens; meaning is taken from the first "
                        f"{held.encoder.info.sentence_tokens}, words from all"
                    )
            candidates = rank(snapshot, vector, asked_terms, min(k, within), allowed)
            results = results_of(snapshot, asked_terms, candidates)
        best = results[0].confidence if results else 0.0
        return Answer(
            question=asked,
            found=best >= self._threshold,
            confidence=best,
            threshold=self._threshold,
            snapshot=snapshot.id,
            results=results,
            notes=tuple(notes),
        )

    def verify(self, citation: Citation | str) -> Verification:
        """Re-read the source of a citation or of its link: verified, source changed or source missing.

        Raises CitationError where the link can't be read.
        """
        link = citation.link if isinstance(citation, Citation) else citation
        with self._in_force() as held:
            return verify_link(link, held.snapshot.seeds)


def check_question(question: str) -> str:
    """Return the question trimmed and in valid Unicode. Raises QuestionError where it can't be asked."""
    if not isinstance(question, str):
        raise QuestionError(f"the question is {type(question).__name__}, expected text")
    trimmed = question.encode("utf-8", "replace").decode("utf-8").strip()
    if not trimmed:
        raise QuestionError("the question is empty; ask in a few words")
    if len(trimmed) > MAX_QUESTION:
        raise QuestionError(
            f"the question has {len(trimmed):,} characters, expected at most {MAX_QUESTION:,}; ask in fewer words"
        )
    if not words(trimmed):
        raise QuestionError(f"the question {trimmed[:40]!r} has no words; ask in a few words")
    return trimmed


def _allowed(snapshot: Snapshot, documents: str | Sequence[str] | None) -> Mask | None:
    """Return a flag for each passage, or nothing where all may answer."""
    if documents is None:
        return None
    patterns = [documents] if isinstance(documents, str) else list(documents)
    chosen = np.array([any(fnmatch.fnmatchcase(d.path, p) for p in patterns) for d in snapshot.store.documents])
    if not chosen.any():
        raise QuestionError(f"no document matches {', '.join(patterns)}; qa status --documents lists them")
    allowed: Mask = chosen[snapshot.store.passage_documents]
    return allowed


def open_index(
    index: str | Path | None = None,
    *,
    cache: str | Path | None = None,
    model: str | None = None,
    threshold: float | None = None,
    encoder: Encoder | None = None,
    progress: Progress = no_progress,
) -> Index:
    """Open an index for questions; index, cache and threshold come from the settings where not given.

    Use it as a context manager, or call ``close``. Raises SnapshotError where there is no usable
    snapshot and ModelError where its encoder can't be opened.
    """
    settings = read_settings()
    return Index(
        Path(index) if index is not None else settings.index,
        Path(cache) if cache is not None else settings.cache,
        model=model,
        threshold=settings.threshold if threshold is None else threshold,
        encoder=encoder,
        progress=progress,
    )


def search(
    question: str,
    k: int = 5,
    documents: str | Sequence[str] | None = None,
    *,
    index: str | Path | None = None,
) -> Answer:
    """Open an index, ask one question and close it; to ask more than one, use ``open_index``."""
    with open_index(index) as opened:
        return opened.search(question, k=k, documents=documents)
