"""What a document may cost, and the word for one that can't be read."""

from __future__ import annotations

from dataclasses import dataclass


class Unreadable(ValueError):
    """A document can't be read; the message is the reason as the coverage report shows it."""

    def __init__(self, reason: str, *, passing: bool = False) -> None:
        """Name the reason; one that is ``passing`` is not the document's fault, and the next build tries again."""
        super().__init__(reason)
        self.passing = passing


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one document may cost before it is left out, or cut where a reader can say so in its notes.

    Another limit may give another reading, so they are part of a snapshot's recipe.
    """

    seconds: float = 60.0
    """From the beginning of a document to its end."""
    memory: int = 2 * 2**30
    """Bytes of the process that reads it."""
    pages: int = 5_000
    """Of one document; those after them are left out, with a note."""
    characters: int = 20_000_000
    """Of one document's text; what follows is left out, with a note."""
    expanded: int = 2**30
    """Bytes that one archive, or one document that is an archive inside, may unpack to."""
    members: int = 10_000
    """Of one archive or mailbox."""
    depth: int = 3
    """How many archives may lie within each other."""
    ocr: str = "eng"
    """Languages in which pages that are pictures are recognised, as Tesseract names them, joined by ``+``; none
    where it is empty, or where text recognition is not installed."""
