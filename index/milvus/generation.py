"""The collections of one snapshot on a server, and which names they have.

NAME                                an alias that leads to the records of the generation in force
NAME_<number>_<id>_sentences        a row a sentence: its vector, and whose it is
NAME_<number>_<id>_passages         a row a passage: its vector as a whole, and the weights of its words
NAME_<number>_<id>_records          everything that is read but not searched
NAME_<number>_<id>_files            the files of the snapshot, as a folder holds them; loaded only while they are read

Numbers count up. A generation counts once its manifest is there, which is written last.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

PARTS = ("sentences", "passages", "records", "files")
SEARCHED = PARTS[:3]


@dataclass(frozen=True, slots=True, order=True)
class Generation:
    """The names of the collections of one upload of a snapshot."""

    number: int
    ident: str
    index: str

    @property
    def _prefix(self) -> str:
        return f"{self.index}_{self.number}_{self.ident}_"

    @property
    def sentences(self) -> str:
        """One row a sentence."""
        return f"{self._prefix}sentences"

    @property
    def passages(self) -> str:
        """One row a passage."""
        return f"{self._prefix}passages"

    @property
    def records(self) -> str:
        """What is read but not searched; the alias leads here."""
        return f"{self._prefix}records"

    @property
    def files(self) -> str:
        """The files of the snapshot."""
        return f"{self._prefix}files"

    def collections(self, present: Iterable[str]) -> list[str]:
        """Return those of ``present`` that are of this generation."""
        return sorted(name for name in present if generation_of(self.index, name) == self)


def generation_of(index: str, collection: str) -> Generation | None:
    """Return the generation that a collection belongs to, or nothing where it is none of this index."""
    found = re.fullmatch(rf"{index}_(\d+)_([0-9a-f]{{16}})_({'|'.join(PARTS)})", collection)
    return Generation(int(found[1]), found[2], index) if found else None


def generations(index: str, collections: Iterable[str]) -> dict[Generation, set[str]]:
    """Return the generations of an index with the collections that each has, the newest first."""
    found: dict[Generation, set[str]] = defaultdict(set)
    for name in collections:
        if generation := generation_of(index, name):
            found[generation].add(name)
    return dict(sorted(found.items(), reverse=True))
