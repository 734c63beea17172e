"""What the page, the API and the MCP server can do: one function each, typed, over one open index.

The docstrings of ``Service``'s public methods are what programs are shown; their ``Args`` name every input.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from index.compare import Difference, diff
from index.errors import NotAllowed, QuestionError, SeedQAError, SeedsError
from index.folder import as_catalog
from index.opened import Catalog
from index.records import Skipped
from qa import export
from qa.answer import Answer, Citation, Context, DocumentStatus, Verification
from qa.engine import Index
from qa.feedback import Feedback, judgement
from qa.page import uploads
from qa.page.bounds import FILES_AT_ONCE, Turns, check_size, check_whole
from qa.page.discretion import Discretion, discreet
from qa.page.questions import Asked, asking, unobserved
from qa.page.records import AddedFiles, EarlierSnapshot, IndexStatus
from qa.question import check_question
from qa.rebuild import BuildState, Rebuilder
from qa.watch import Watcher


class Service:
    """Everything that can be asked of an index over the network. Thread-safe."""

    def __init__(
        self,
        index: Index,
        kept: Path | Catalog,
        rebuilder: Rebuilder,
        watcher: Watcher | None = None,
        *,
        read_only: bool = False,
        private: bool = True,
        observe: Callable[[Asked], None] = unobserved,
    ) -> None:
        """Serve ``index``, which is ``kept`` in a folder or elsewhere; ``observe`` is told of every question.

        ``private`` says that only whoever sits at this computer can ask: they may have another folder of it
        indexed, and so read, and are told where things are on it. Others are told the names of folders only.
        """
        self.index = index
        self.read_only = read_only
        self.private = private
        self._catalog = as_catalog(kept)
        self._rebuilder = rebuilder
        self._watcher = watcher
        self._feedback = Feedback(self._catalog.home.root)
        self._turns, self._file_turns = Turns(), Turns(FILES_AT_ONCE)
        self._placing = threading.Lock()
        self._observe = observe
        self.discretion = Discretion(self._roots, private=private)

    def _roots(self) -> Iterator[Path]:
        """Yield the folders of this index that messages may name."""
        yield self._catalog.home.root
        with suppress(SeedQAError):
            yield self._rebuilder.folder()
        with suppress(SeedQAError):
            yield self._catalog.origin(self.index.manifest.id)

    # Asking and reading

    @discreet
    def search(
        self, question: str, k: int = 5, documents: list[str] | None = None, threshold: float | None = None
    ) -> Answer:
        """Find the passages of the indexed documents that answer a question, each with a citation to check it by.

        Passages are quoted word for word. Where "found" is false the documents hold no answer, and the results
        are only the nearest passages: do not use them as an answer.

        Args:
            question: What to ask, in a sentence of at most 4,000 characters.
            k: How many passages to return, from 1 to 100.
            documents: Paths or patterns with * and ?; only documents whose path matches one may answer.
            threshold: Confidence from 0 to 1 below which an answer counts as not found; the server's own if left out.
        """
        return self._answer(question, k, documents, threshold)

    def _answer(self, question: str, k: int, documents: list[str] | None, threshold: float | None) -> Answer:
        with asking(question, self._observe) as answered, self._turns.one():
            check_size(k, documents or ())
            answer = self.index.search(question, k=k, documents=documents or None, threshold=threshold)
            answered(answer)
        return replace(answer, notes=tuple(map(self.discretion.line, answer.notes)))

    @discreet
    def open_passage(self, link: str, question: str = "", around: int = 2000) -> Context:
        """Show a cited passage in its place: the text of the document before and after it.

        Links outlive rebuilds; where the passage is no longer in the document, "citation" is null and "note" says so.

        Args:
            link: The "link" of a citation, which begins with "seedqa:".
            question: Marks the words of this question in the text, if given.
            around: How many characters of text to return before and after the passage, up to 100,000.
        """
        check_whole("around", around, 0, 100_000)
        with self._turns.one():
            return self.index.open_passage(link, question, around)

    @discreet
    def page_picture(self, link: str, number: int, width: int = 1200) -> str:
        """Draw a page of a cited PDF document; returns a PNG picture in base64.

        Boxes of "open_passage" and of citations are in points of the page, from its upper left corner.

        Args:
            link: The "link" of a citation, which begins with "seedqa:".
            number: Which page, from 1, as "pages" of "open_passage" has it.
            width: Of the picture in pixels, from 100 to 2,000.
        """
        check_whole("number", number, 1, 1_000_000)
        check_whole("width", width, 100, 2000)
        with self._file_turns.one():
            return base64.b64encode(self.index.draw_page(link, number, width)).decode()

    @discreet
    def verify_citation(self, link: str) -> Verification:
        """Re-read the file of a citation and say whether it still holds the quoted words at that place.

        Args:
            link: The "link" of a citation, which begins with "seedqa:".
        """
        with self._file_turns.one():
            check = self.index.verify(link)
        return replace(check, detail=self.discretion.line(check.detail))

    @discreet
    def verify_known(self, citation: Citation) -> Verification:
        """Verify a citation as qa.engine does, by the hash of its file."""
        with self._turns.one():
            check = self.index.verify_known(citation)
        return replace(check, detail=self.discretion.line(check.detail))

    def verify_answer(self, answer: Answer) -> tuple[Verification, ...]:
        """Verify every citation of an answer in the same way."""
        return tuple(self.verify_known(result.citation) for result in answer.results)

    @discreet
    def list_documents(self, contains: str = "") -> list[DocumentStatus]:
        """List the indexed documents with the state of their files on disk, and files that are not indexed yet.

        Args:
            contains: Only documents whose path or title contains this, in upper or lower case; copies have paths, too.
        """
        needle = contains.casefold()
        found = self.index.list_documents()
        return [d for d in found if needle in "\n".join((d.source, d.title, *d.copies)).casefold()]

    @discreet
    def format_citation(self, link: str, style: Literal["plain", "markdown", "bibtex"] = "plain") -> str:
        """Write a citation as text to paste elsewhere.

        Args:
            link: The "link" of a citation, which begins with "seedqa:".
            style: "plain", "markdown" or "bibtex".
        """
        styles = {"plain": export.plain, "markdown": export.markdown, "bibtex": export.bibtex}
        if style not in styles:
            raise QuestionError(f"style is {style!r}, expected {', '.join(styles)}")
        return styles[style](self._citation(link))

    @discreet
    def export_answer(
        self,
        question: str,
        k: int = 5,
        documents: list[str] | None = None,
        threshold: float | None = None,
        style: Literal["markdown", "json"] = "markdown",
    ) -> str:
        """Answer a question as a document with all its citations, each verified.

        Args:
            question: What to ask, in a sentence of at most 4,000 characters.
            k: How many passages to return, from 1 to 100.
            documents: Paths or patterns with * and ?; only documents whose path matches one may answer.
            threshold: Confidence from 0 to 1 below which an answer counts as not found; the server's own if left out.
            style: "markdown" or "json".
        """
        if style not in ("markdown", "json"):
            raise QuestionError(f"style is {style!r}, expected markdown or json")
        answer = self._answer(question, k, documents, threshold)
        if style == "json":
            return answer.to_json(indent=2)
        with self._turns.one():
            checks = {check.link: check.status for check in self.index.verify_answer(answer)}
        return export.answer_markdown(answer, checks)

    @discreet
    def give_feedback(self, question: str, link: str, useful: bool | None = True) -> bool:
        """Keep a reader's judgement of a passage, on this computer, for "qa eval" to measure the index by.

        Returns whether the judgement was kept.

        Args:
            question: The question that was asked.
            link: The "link" of the passage's citation.
            useful: true if the passage answers the question, false if not, null to take a judgement back.
        """
        citation = self._citation(link)
        asked = check_question(question)
        self._feedback.add(judgement(asked, citation, useful, snapshot=self.index.manifest.id, at=datetime.now(UTC)))
        return True

    @discreet
    def votes(self, question: str) -> dict[str, bool]:
        """Return the judgements kept on a question, by the hash of the passage that each is on."""
        kept = (vote for vote in self._feedback.read() if vote.question == question)
        return {vote.quote_sha256: vote.useful for vote in kept if vote.useful is not None}

    def votes_or_note(self, question: str) -> tuple[dict[str, bool], str]:
        """Return the same and an empty string, or none and why they can't be read, in one line."""
        try:
            return self.votes(question), ""
        except SeedQAError as error:
            return {}, str(error)

    def _citation(self, link: str) -> Citation:
        with self._turns.one():
            context = self.index.open_passage(link, around=0)
        if context.citation is None:
            raise QuestionError(f"{context.source}: {context.note}; ask again for a link that holds")
        return context.citation

    # The index

    @discreet
    def index_status(self) -> IndexStatus:
        """Tell what the index holds, what was left out and why, and how far a rebuild is."""
        manifest = self.index.manifest
        return IndexStatus(
            snapshot=manifest.id,
            built=_utc(self.index.built),
            seeds=self.discretion.folder(str(self._rebuilder.shown())),
            documents=manifest.counts.documents,
            passages=manifest.counts.passages,
            sentences=manifest.counts.sentences,
            model=self.discretion.line(manifest.encoder.model),
            languages=manifest.encoder.languages,
            skipped=manifest.skipped,
            notes=tuple(Skipped(source=d.path, reason=note) for d in manifest.documents for note in d.notes),
            earlier=tuple(self._earlier(manifest.id)),
            build=self.rebuild_status(),
            watching=self._watcher is not None and self._watcher.watching is not None,
            trouble=self.discretion.line(self._watcher.trouble) if self._watcher else "",
        )

    def _earlier(self, current: str) -> list[EarlierSnapshot]:
        found = []
        for ident in self._catalog.ids():
            if ident == current:
                continue
            try:
                documents = self._catalog.manifest(ident).counts.documents
                published = _utc(self._catalog.published(ident))
            except (SeedQAError, OSError):
                continue  # damaged or being pruned: qa doctor tells; there is no way back to it
            found.append(EarlierSnapshot(id=ident, published=published, documents=documents))
        return found

    @discreet
    def compare_snapshots(self, old: str = "", new: str = "") -> Difference:
        """Tell what changed between two snapshots: documents added, changed and removed, and settings.

        Args:
            old: Id of the older snapshot; the one before the one in force if empty.
            new: Id of the newer snapshot; the one in force if empty.
        """
        known = self._catalog.ids()
        newer = new or self.index.manifest.id
        older = old or next((earlier.id for earlier in self._earlier(newer)), "")
        if not older:
            raise QuestionError("there is no other snapshot that can be read, so nothing to compare; rebuild first")
        for ident in (older, newer):
            if ident not in known:
                raise QuestionError(f"no snapshot {ident!r}; expected one of {', '.join(known)}")
        found = diff(self._catalog.manifest(older), self._catalog.manifest(newer))
        return replace(found, settings=tuple(map(self.discretion.line, found.settings)))

    # Changing the index

    @discreet
    def rebuild(self, folder: str = "") -> BuildState:
        """Start to rebuild the index in the background; questions are answered from the old one until it is done.

        Args:
            folder: Another folder of documents to read, as a path on the server; the one in use if empty.
        """
        self._check_changeable()
        if folder.strip() and not self.private:
            raise SeedsError(
                "another folder can't be named here, where other computers reach the page; "
                "name it on the server: qa build FOLDER"
            )
        try:
            named = Path(folder.strip()).expanduser().absolute() if folder.strip() else None
        except RuntimeError as error:
            raise SeedsError(f"seeds folder {folder.strip()} can't be found ({error}); name its full path") from error
        return self.discretion.state(self._rebuilder.start(named))

    def rebuild_status(self) -> BuildState:
        """Tell how far the latest rebuild is, or what became of it."""
        return self.discretion.state(self._rebuilder.state)

    @discreet
    def cancel_rebuild(self) -> BuildState:
        """End the rebuild under way; the snapshot in force stays as it is."""
        self._check_changeable()
        return self.discretion.state(self._rebuilder.cancel())

    @discreet
    def restore_snapshot(self, snapshot: str) -> IndexStatus:
        """Put an earlier snapshot back in force.

        Args:
            snapshot: Its id, as "earlier" in the status of the index lists them.
        """
        self._check_changeable()
        self._catalog.restore(snapshot)
        return self.index_status()

    @discreet
    def keep_files(self, files: list[tuple[str, Path]]) -> AddedFiles:
        """Put files that were uploaded, each with the name that it had, into the folder of documents.

        A file that exists is never replaced. Raises SeedsError where the folder can't be written.
        """
        self._check_changeable()
        folder = self._rebuilder.folder()
        added, refused = uploads.keep(folder, files, self._placing)
        return AddedFiles(added=tuple(added), refused=tuple(refused), folder=self.discretion.folder(str(folder)))

    def _check_changeable(self) -> None:
        if self.read_only:
            raise NotAllowed("the index can't be changed here: the page was started with --read-only")


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
