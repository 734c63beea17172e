"""An open index that answers questions: the one engine under command line, Python and page."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from types import TracebackType

import numpy as np

from index.analyse import question_terms
from index.encode import Encoder, fingerprint_of, is_local, open_encoder
from index.errors import ModelMismatch, SeedQAError
from index.folder import as_catalog
from index.manifest import Manifest
from index.opened import Catalog, OpenSnapshot
from index.records import Progress, no_progress
from index.store import StoredDocument
from qa.answer import Answer, Citation, Context, DocumentStatus, Verification
from qa.assess import results_of
from qa.calibration import InForce, Watched
from qa.catalogs import catalog_of
from qa.config import read_settings
from qa.context import AROUND, passage_context
from qa.examples import example_questions
from qa.holdings import document_statuses
from qa.question import check_k, check_question, check_threshold, language_note
from qa.rank import passages_of_documents, rank
from qa.sources import Sources

DRAWN = 10
"""Questions drawn at most for each example that is wanted."""

RETRY_SECONDS = 1.0
"""How long a snapshot that could not be opened is left alone."""


class _Held:
    """A snapshot in use, closed when the last question on it is answered and a newer one is in force."""

    def __init__(self, snapshot: OpenSnapshot, encoder: Encoder) -> None:
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
        index: Path | Catalog,
        cache: Path,
        *,
        model: str | None = None,
        threshold: float | None = None,
        encoder: Encoder | None = None,
        progress: Progress = no_progress,
    ) -> None:
        """Open an index, or that in a folder; ``encoder`` replaces the one that would be opened from ``cache``.

        Without a ``threshold`` that of the index's calibration is in force, or else the one that ships.

        Raises SnapshotError where there is no usable snapshot, and ModelMismatch where ``model`` or
        ``encoder`` is not what it was built with.
        """
        self._catalog = as_catalog(index)
        self._cache = cache
        self._model = model
        self._threshold = None if threshold is None else check_threshold(threshold)
        self._calibrations = Watched(self._catalog.home.calibration)
        self._encoder = encoder
        self._opened: Encoder | None = None
        self._progress = progress
        self._lock = threading.Lock()
        self._switching = threading.Lock()
        self._drawing = threading.Lock()
        self._retry_at = 0.0
        self._closed = False
        self._trouble = ""
        self._examples: tuple[tuple[str, int], tuple[str, ...]] = ("", 0), ()
        self._seen = self._catalog.stamp()
        self._sources = Sources()
        self._held = self._open()

    def _open(self) -> _Held:
        snapshot = self._catalog.open()
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
                f"the index in {self._catalog.name} was built with model {built.model}, asked for {self._model}; "
                f"rebuild it: qa build --model {self._model}"
            )
        if self._encoder is None:
            known = self._opened
            if known is None or (known.info.fingerprint, known.info.model) != (built.fingerprint, built.model):
                known = self._opened = open_encoder(built, self._cache, self._progress)
            return known
        if self._encoder.info.fingerprint != built.fingerprint:
            raise ModelMismatch(
                f"the index in {self._catalog.name} was built with model {built.model} ({built.fingerprint[:12]}…), "
                f"found {self._encoder.info.model} ({self._encoder.info.fingerprint[:12]}…); rebuild it: qa build"
            )
        return self._encoder

    @contextmanager
    def _in_force(self) -> Iterator[_Held]:
        """Lend the snapshot in force for one question."""
        if (self._trouble or self._catalog.stamp() != self._seen) and self._switching.acquire(blocking=False):
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
            held.snapshot.check()
            yield held
        finally:
            with self._lock:
                held.users -= 1
                self._let_go(held)

    def _switch(self) -> None:
        """Take the newer snapshot; where it can't be opened, go on with the one at hand and say so."""
        stamp = self._catalog.stamp()
        if stamp == self._seen:  # as it was: the trouble is over
            self._trouble = ""
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

    def _let_go(self, held: _Held) -> None:
        if held.retired and not held.users:
            held.snapshot.close()
            if held is self._held:  # the last one: the index is closed
                self._sources.close()
                self._catalog.close()

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
    def threshold(self) -> float:
        """Confidence below which an answer is "not found"."""
        return self.calibration.threshold if self._threshold is None else self._threshold

    @property
    def calibration(self) -> InForce:
        """What turns strength into an answer now: the calibration of this index, or what ships."""
        with self._in_force() as held:
            return self._calibrations.get(held.encoder.info.fingerprint)

    @property
    def manifest(self) -> Manifest:
        """What the snapshot in force holds and how it was made."""
        with self._in_force() as held:
            return held.snapshot.manifest

    @property
    def built(self) -> float:
        """When the snapshot in force was built, in seconds since the epoch."""
        with self._in_force() as held:
            return held.snapshot.built

    @property
    def documents(self) -> tuple[StoredDocument, ...]:
        """The documents of the snapshot in force, sorted by path."""
        with self._in_force() as held:
            return held.snapshot.store.documents

    def search(
        self,
        question: str,
        k: int = 5,
        documents: str | Sequence[str] | None = None,
        threshold: float | None = None,
    ) -> Answer:
        """Return the ``k`` passages that answer best, each with its evidence sentence and citation.

        ``documents`` limits the search to paths that match one of these patterns (``*`` and ``?``);
        ``threshold`` takes the place of the index's own for this question.

        Raises QuestionError for a question without words or longer than MAX_QUESTION characters, for
        ``k`` below 1, a threshold that is none, and a pattern that matches no document.
        """
        asked = check_question(question)
        given = self._threshold if threshold is None else check_threshold(threshold)
        check_k(k)
        with self._in_force() as held:
            snapshot = held.snapshot
            calibrated = self._calibrations.get(held.encoder.info.fingerprint)
            limit = calibrated.threshold if given is None else given
            notes = [note for note in (self._trouble, calibrated.note) if note]
            if note := language_note(asked, held.encoder.info.languages):
                notes.append(note)
            allowed = passages_of_documents(snapshot.manifest, documents)
            within = snapshot.manifest.counts.passages if allowed is None else int(np.diff(allowed).sum())
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
            results = results_of(snapshot, asked_terms, candidates, calibrated.curve)
        best = results[0].confidence if results else 0.0
        return Answer(
            question=asked,
            found=best >= limit,
            confidence=best,
            threshold=limit,
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
            return self._sources.verify(held.snapshot, link)

    def verify_answer(self, answer: Answer) -> tuple[Verification, ...]:
        """Verify every citation of an answer by the sha256 of its file, which is read but not taken apart again.

        That a file of the same bytes holds the quote was seen when it was indexed. A changed one is verified in full.
        """
        return tuple(self.verify_known(result.citation) for result in answer.results)

    def verify_known(self, citation: Citation) -> Verification:
        """Verify a citation in the same way."""
        with self._in_force() as held:
            return self._sources.verify_known(held.snapshot, citation)

    def open_passage(self, link: str, question: str = "", around: int = AROUND) -> Context:
        """Return the document around a cited passage, up to ``around`` characters before and after it.

        ``link`` may come from any earlier snapshot. With a ``question`` its words are found in the text, too.
        Raises CitationError where the link can't be read or its document is not in the index.
        """
        with self._in_force() as held:
            return passage_context(held.snapshot, link, question, around)

    def draw_page(self, link: str, number: int, width: int = 1000) -> bytes:
        """Return page ``number`` of a cited PDF document as a PNG picture ``width`` pixels wide.

        Raises CitationError where the link can't be read, and SourceError where the page can't be drawn or the
        file is no longer the one that was cited.
        """
        with self._in_force() as held:
            return self._sources.draw_page(held.snapshot, link, number, width)

    def list_documents(self) -> tuple[DocumentStatus, ...]:
        """Return the documents of the index with what became of their files, and files that are new."""
        with self._in_force() as held:
            snapshot = held.snapshot
            return document_statuses(snapshot.manifest, snapshot.seeds, snapshot.built)

    def examples(self, count: int = 4) -> tuple[str, ...]:
        """Return questions drawn from the documents that the index answers itself, the same for one snapshot."""
        with self._drawing, self._in_force() as held:
            wanted = held.snapshot.id, count
            drawn, examples = self._examples
            if drawn != wanted:
                candidates = islice(example_questions(held.snapshot.store), DRAWN * count)
                examples = tuple(islice((q for q in candidates if self.search(q, k=1).found), count))
                self._examples = wanted, examples
            return examples


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
    snapshot, StoreError where its server can't be reached, and ModelError where its encoder can't be opened.
    """
    settings = read_settings()
    return Index(
        catalog_of(settings.index if index is None else index, settings),
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
