"""The files behind the citations: verified, and their pages drawn, in a reading process of their own."""

from __future__ import annotations

from index.errors import SourceError
from index.load.limits import Unreadable
from index.load.readers import Readers
from index.load.walk import MAX_BYTES
from index.opened import OpenSnapshot
from qa.answer import Citation, Verification
from qa.citation import Known, is_there, parse_link, source_file, verify_link


class Sources:
    """Reads the files that citations name. Thread-safe."""

    def __init__(self) -> None:
        self._readers = Readers(workers=1)

    def verify(self, snapshot: OpenSnapshot, link: str) -> Verification:
        """Read the source of a citation link anew. Raises CitationError where the link can't be read."""
        known = _known(snapshot, parse_link(link).path)
        return verify_link(link, snapshot.seeds, self._readers, known)

    def verify_known(self, snapshot: OpenSnapshot, citation: Citation) -> Verification:
        """Compare the source's hash with that of the file that was indexed; read it anew only where they differ."""
        known = _known(snapshot, citation.source, citation.sha256, citation.location.words)
        return verify_link(citation.link, snapshot.seeds, self._readers, known)

    def draw_page(self, snapshot: OpenSnapshot, link: str, number: int, width: int) -> bytes:
        """Return page ``number`` of a cited PDF document as PNG, ``width`` pixels wide.

        Raises CitationError where the link can't be read, and SourceError where the page can't be drawn or the
        file is no longer the one that was cited.
        """
        cited, seeds = parse_link(link), snapshot.seeds
        paths = (cited.path, *_known(snapshot, cited.path).copies)
        path = next((path for path in paths if is_there(seeds, path)), cited.path)
        try:
            name = source_file(seeds, path)
            if (seeds / name).stat().st_size > MAX_BYTES:
                raise Unreadable(f"it has grown beyond {MAX_BYTES // 2**20} MiB")
            drawn = self._readers.draw_page(seeds, name, path, number, width)
        except (OSError, Unreadable) as error:
            raise SourceError(f"page {number} of {cited.path} can't be drawn: {error}") from error
        if not drawn.sha256.startswith(cited.source):
            raise SourceError(f"{cited.path} has changed since it was cited, so its pages are not shown; rebuild first")
        return drawn.png

    def close(self) -> None:
        """End the reading process."""
        self._readers.close()


def _known(snapshot: OpenSnapshot, path: str, sha256: str = "", place: str = "") -> Known:
    """Return what a snapshot knows of the source of a citation: its hash, if that is still of the cited content."""
    document = snapshot.store.by_path(path)
    if document is None:
        return Known(limits=snapshot.manifest.recipe.limits)
    source = snapshot.source_of(path)
    same = source is not None and sha256 == document.sha256
    return Known(
        sha256=source.sha256 if source and same else "",
        place=place,
        copies=document.copies,
        limits=snapshot.manifest.recipe.limits,
    )
