"""What the page, the API and the MCP server can do: one function each, typed, over one open index.

The docstrings of ``Service``'s public methods are what programs are shown; their ``Args`` name every input.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from index.compare import Difference, diff
from index.errors import QuestionError, SeedQAError, SeedsError
from index.layout import IndexPaths, replace_file
from index.load.walk import MAX_BYTES
from index.lock import lock
from index.manifest import Manifest
from index.records import Skipped
from index.snapshot import load_manifest, restore, snapshot_ids
from qa import export
from qa.answer import Answer, Citation, Context, DocumentStatus, Verification
from qa.engine import Index
from qa.feedback import Feedback, judgement
from qa.page.records import AddedFiles, EarlierSnapshot, IndexStatus
from qa.question import check_question
from qa.rebuild import BuildState, Rebuilder
from qa.watch import Watcher

MAX_FILES = 200
"""Files that can be added at once."""

MAX_NAME = 200
"""Bytes of a file's name."""


class Service:
    """Everything that can be asked of an index over the network. Thread-safe."""

    def __init__(
        self,
        index: Index,
        root: Path,
        rebuilder: Rebuilder,
        watcher: Watcher | None = None,
        *,
        read_only: bool = False,
        any_folder: bool = True,
    ) -> None:
        """``any_folder`` lets whoever asks have another folder of this computer indexed, and so read."""
        self.index = index
        self.read_only = read_only
        self.any_folder = any_folder
        self._paths = IndexPaths(root)
        self._rebuilder = rebuilder
        self._watcher = watcher
        self._feedback = Feedback(root)

    # Asking and reading

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
        if isinstance(k, int) and k > 100:
            raise QuestionError(f"k is {k}, expected at most 100")
        return self.index.search(question, k=k, documents=documents or None, threshold=threshold)

    def open_passage(self, link: str, question: str = "", around: int = 2000) -> Context:
        """Show a cited passage in its place: the text of the document before and after it.

        Links outlive rebuilds; where the passage is no longer in the document, "citation" is null and "note" says so.

        Args:
            link: The "link" of a citation, which begins with "seedqa:".
            question: Marks the words of this question in the text, if given.
            around: How many characters of text to return before and after the passage, up to 100,000.
        """
        if isinstance(around, bool) or not isinstance(around, int) or not 0 <= around <= 100_000:
            raise QuestionError(f"around is {around!r}, expected a whole number from 0 to 100,000")
        return self.index.open_passage(link, question, around)

    def verify_citation(self, link: str) -> Verification:
        """Re-read the file of a citation and say whether it still holds the quoted words at that place.

        Args:
            link: The "link" of a citation, which begins with "seedqa:".
        """
        return self.index.verify(link)

    def list_documents(self, contains: str = "") -> list[DocumentStatus]:
        """List the indexed documents with the state of their files on disk, and files that are not indexed yet.

        Args:
            contains: Only documents whose path or title contains this, in upper or lower case.
        """
        needle = contains.casefold()
        return [d for d in self.index.list_documents() if needle in f"{d.source}\n{d.title}".casefold()]

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
        answer = self.search(question, k, documents, threshold)
        if style == "json":
            return answer.to_json(indent=2)
        checks = {check.link: check.status for check in self.index.verify_answer(answer)}
        return export.answer_markdown(answer, checks)

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

    def votes(self, question: str) -> dict[str, bool]:
        """Return the judgements kept on a question, by the hash of the passage that each is on."""
        kept = (vote for vote in self._feedback.read() if vote.question == question)
        return {vote.quote_sha256: vote.useful for vote in kept if vote.useful is not None}

    def _citation(self, link: str) -> Citation:
        context = self.index.open_passage(link, around=0)
        if context.citation is None:
            raise QuestionError(f"{context.source}: {context.note}; ask again for a link that holds")
        return context.citation

    # The index

    def index_status(self) -> IndexStatus:
        """Tell what the index holds, what was left out and why, and how far a rebuild is."""
        manifest = self.index.manifest
        paths = self._paths.snapshot(manifest.id)
        return IndexStatus(
            snapshot=manifest.id,
            built=_utc(paths.manifest.stat().st_mtime),
            seeds=str(self._rebuilder.folder()),
            documents=manifest.counts.documents,
            passages=manifest.counts.passages,
            sentences=manifest.counts.sentences,
            model=manifest.encoder.model,
            languages=manifest.encoder.languages,
            skipped=manifest.skipped,
            notes=tuple(Skipped(source=d.path, reason=note) for d in manifest.documents for note in d.notes),
            earlier=tuple(self._earlier(manifest.id)),
            build=self._rebuilder.state,
            watching=self._watcher is not None and self._watcher.watching is not None,
            trouble=self._watcher.trouble if self._watcher else "",
        )

    def _earlier(self, current: str) -> list[EarlierSnapshot]:
        found = []
        for ident in snapshot_ids(self._paths):
            if ident == current:
                continue
            try:
                documents = load_manifest(self._paths.snapshot(ident)).counts.documents
                published = _utc(self._paths.snapshot(ident).root.stat().st_mtime)
            except (SeedQAError, OSError):
                continue  # damaged or being pruned: qa doctor tells; there is no way back to it
            found.append(EarlierSnapshot(id=ident, published=published, documents=documents))
        return found

    def manifest(self) -> Manifest:
        """Return the manifest of the snapshot in force."""
        return self.index.manifest

    def compare_snapshots(self, old: str = "", new: str = "") -> Difference:
        """Tell what changed between two snapshots: documents added, changed and removed, and settings.

        Args:
            old: Id of the older snapshot; the one before the one in force if empty.
            new: Id of the newer snapshot; the one in force if empty.
        """
        known = snapshot_ids(self._paths)
        newer = new or self.index.manifest.id
        older = old or next((ident for ident in known if ident != newer), "")
        if not older:
            raise QuestionError("there is one snapshot only, nothing to compare it with; rebuild first")
        for ident in (older, newer):
            if ident not in known:
                raise QuestionError(f"no snapshot {ident!r}; expected one of {', '.join(known)}")
        return diff(load_manifest(self._paths.snapshot(older)), load_manifest(self._paths.snapshot(newer)))

    # Changing the index

    def rebuild(self, folder: str = "") -> BuildState:
        """Start to rebuild the index in the background; questions are answered from the old one until it is done.

        Args:
            folder: Another folder of documents to read, as a path on the server; the one in use if empty.
        """
        self._check_changeable()
        if folder.strip() and not self.any_folder:
            raise SeedsError(
                "another folder can't be named here, where other computers reach the page; "
                "name it on the server: qa build FOLDER"
            )
        try:
            named = Path(folder.strip()).expanduser().absolute() if folder.strip() else None
        except RuntimeError as error:
            raise SeedsError(f"seeds folder {folder.strip()} can't be found ({error}); name its full path") from error
        return self._rebuilder.start(named)

    def rebuild_status(self) -> BuildState:
        """Tell how far the latest rebuild is, or what became of it."""
        return self._rebuilder.state

    def cancel_rebuild(self) -> BuildState:
        """End the rebuild under way; the snapshot in force stays as it is."""
        self._check_changeable()
        return self._rebuilder.cancel()

    def restore_snapshot(self, snapshot: str) -> IndexStatus:
        """Put an earlier snapshot back in force.

        Args:
            snapshot: Its id, as "earlier" in the status of the index lists them.
        """
        self._check_changeable()
        with lock(self._paths, f"restore of {snapshot[:16]}"):
            restore(self._paths, snapshot)
        return self.index_status()

    def keep_files(self, files: list[tuple[str, Path]]) -> AddedFiles:
        """Put files that were uploaded, each with the name that it had, into the folder of documents.

        A file that exists is never replaced. Raises SeedsError where the folder can't be written.
        """
        self._check_changeable()
        folder = self._rebuilder.folder()
        added: list[str] = []
        refused: list[Skipped] = []
        for at, (name, path) in enumerate(files):
            reason = f"more than {MAX_FILES} files at once" if at >= MAX_FILES else _unfit(name, folder, path)
            if reason:
                refused.append(Skipped(source=name[:MAX_NAME].encode("utf-8", "replace").decode(), reason=reason))
                continue
            try:
                replace_file(folder / name, path.read_bytes())
            except OSError as error:
                raise SeedsError(
                    f"{folder} can't be written ({error.strerror}); check its permissions and space"
                ) from error
            added.append(name)
        return AddedFiles(added=tuple(added), refused=tuple(refused), folder=str(folder))

    def _check_changeable(self) -> None:
        if self.read_only:
            raise SeedQAError("the index can't be changed here: the page was started with --read-only")


def _unfit(name: str, folder: Path, path: Path) -> str:
    """Return why an uploaded file is not put into the folder, or an empty string."""
    if not name or name != Path(name).name or "\\" in name or name.startswith("."):
        return "its name is hidden or leads elsewhere; rename it"
    if any(unicodedata.category(character).startswith("C") for character in name):
        return "its name has control characters; rename it"
    if len(name.encode()) > MAX_NAME:
        return f"its name has more than {MAX_NAME} bytes; rename it"
    if (folder / name).exists() or (folder / name).is_symlink():
        return "a file of that name is there already; rename one of them"
    if path.stat().st_size > MAX_BYTES:
        return f"larger than {MAX_BYTES // 2**20} MiB"
    return ""


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
