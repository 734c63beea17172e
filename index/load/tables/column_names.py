"""Finds the row that names the columns of a table, and tables that stand side by side."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from operator import itemgetter

from index.load.tables.cells import BOLD, WORDS, Cell

Cells = Sequence[Cell]

_DEEPEST = 5
"""Rows from the top among which the names are looked for: titles may stand above them."""
_LONGEST = 150
"""Characters of a name."""
_COVERED = 0.8
"""Share of the values below that stand under a name."""
_DISTINCT = 0.75
"""Share of names that are like no other, where the values below speak for them."""

_YEAR = re.compile(r"(?:1[89]|20|21)[0-9]{2}(?:-[0-9]{2}(?:-[0-9]{2})?)?")
_NO_NAME = re.compile(r"@|://|:$")
_SENTENCE = re.compile(r"\s.*[.!?]$")
_WORD = re.compile(r"[^\W\d_]+")
_COMMON = frozenset(
    # in several languages; what two have in common stands once
    "id nr no num number key code name names title label type kind category class group status state city "
    "country region place location address street email mail phone url link date time year month day start end "
    "from to author owner person first last role department company customer product item description comment "
    "comments note notes remark remarks text message question answer term word definition meaning example value "
    "unit price cost amount quantity count total size version language source target reference subject topic "
    "summary titel bezeichnung beschreibung begriff bedeutung frage antwort datum jahr monat tag ort stadt land "
    "strasse straße adresse vorname nachname firma kunde artikel preis menge anzahl einheit bemerkung "
    "bemerkungen kommentar kategorie art typ wert sprache quelle thema abteilung telefon nummer nom prénom "
    "titre ville pays rue téléphone année mois jour auteur catégorie prix quantité unité remarque définition "
    "réponse nombre apellido título ciudad país dirección teléfono fecha año mes día autor categoría precio "
    "cantidad descripción pregunta respuesta nome cognome titolo città paese indirizzo telefono data anno mese "
    "giorno autore categoria prezzo quantità descrizione domanda risposta naam voornaam achternaam stad jaar "
    "prijs aantal omschrijving vraag antwoord имя фамилия название дата год город страна адрес телефон цена "
    "количество описание 名前 氏名 名称 日付 住所 番号 国 都市 姓名 日期 地址 电话 国家 城市".split()
)
_DIGITS = re.compile(r"[0-9]{3}")
_ANY_YEAR = re.compile(r"(?<![0-9])(?:1[89]|20|21)[0-9]{2}(?![0-9])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Neighbouring columns that are one table."""

    first: int
    """The leftmost below the names; it may have none."""
    last: int
    strength: int = 0
    """How much speaks for the names: 2 where they are unmistakable, 1 where they are likely, 0 where there are none."""
    at: int = 0
    """Index of the row of names among the rows looked at."""
    heads: Mapping[int, str] = field(default_factory=dict)
    """Column to words of each cell of that row."""
    names: Mapping[int, str] = field(default_factory=dict)
    """The same, or with the words of the group of columns above it where that tells them apart."""


def find_tables(rows: Sequence[Cells], *, likely: bool) -> tuple[Columns, ...]:
    """Return the tables that begin in ``rows``: one without names, or one or several with names, from left to right.

    ``likely`` takes words for names where nothing speaks for it but that they stand first.
    """
    whole = _find(rows, likely)
    if whole.strength:
        return (whole,)
    # in delimited text, a row longer than the names more likely shows that something is wrong with them
    for groups in () if likely else (_groups(rows), _beside(rows)):
        tables = tuple(_find(_within(rows, first, last), likely) for first, last in groups)
        strengths = {table.strength for table in tables}
        if len(tables) > 1 and (2 in strengths or 0 not in strengths):
            return tables
    return (whole,)


def _within(rows: Sequence[Cells], first: int, last: int) -> list[Cells]:
    """Return the cells of each row in these columns."""
    column = itemgetter(0)
    return [cells[bisect_left(cells, first, key=column) : bisect_right(cells, last, key=column)] for cells in rows]


def _beside(rows: Sequence[Cells]) -> list[tuple[int, int]]:
    """Return first and last column up to the right edge of the first row, and of what lies beyond it."""
    columns = [column for cells in rows for column, _, _ in cells]
    edge = rows[0][-1][0]
    return [(min(columns), edge), (edge + 1, max(columns))] if edge < max(columns) else []


def _groups(rows: Sequence[Cells]) -> list[tuple[int, int]]:
    """Return first and last of each run of columns that no empty column divides."""
    groups: list[tuple[int, int]] = []
    for column in sorted({column for cells in rows for column, _, _ in cells}):
        if groups and groups[-1][1] == column - 1:
            groups[-1] = (groups[-1][0], column)
        else:
            groups.append((column, column))
    return groups


def _find(rows: Sequence[Cells], likely: bool) -> Columns:
    """Return the table with its names; those with values of another kind below come before words alone."""
    columns = [column for cells in rows for column, _, _ in cells]
    best = Columns(first=min(columns), last=max(columns))
    widest = 1
    for at, row in enumerate(rows[:_DEEPEST]):
        if len(row) <= widest:
            continue
        widest = len(row)
        below = [cells for cells in rows[at + 1 :] if cells]
        heads = {column: words for column, words, _ in row}
        for names in (heads, _told_apart(heads, rows[at - 1] if at else ())):
            strength = _strength(row, names, below, likely)
            if strength > best.strength:
                first = min(column for cells in (row, *below) for column, _, _ in cells)
                best = replace(best, strength=strength, at=at, heads=heads, names=names, first=first)
        if best.strength == 2:
            break
    return best


def _told_apart(heads: dict[int, str], above: Cells) -> dict[int, str]:
    """Return names with the words of the row above, each of which spans the columns up to the next."""
    if len(above) < 2 or not all(kind in WORDS for _, _, kind in above):
        return heads
    groups = [column for column, _, _ in above]

    def told_apart(column: int, name: str) -> str:
        at = bisect_right(groups, column) - 1
        return f"{above[at][1]} {name}" if at >= 0 else name

    return {column: told_apart(column, name) for column, name in heads.items()}


def _strength(row: Cells, names: dict[int, str], below: Sequence[Cells], likely: bool) -> int:
    """Return 2 where a row is unmistakably one of names, 1 where only its words and place say so, else 0."""
    heads = {column: words for column, words, _ in row}
    below = [cells for cells in below if any(heads.get(column) != words for column, words, _ in cells)]
    distinct = len({words.casefold() for words in names.values()}) / len(row)
    if not below or distinct < _DISTINCT or not _could_name(row):
        return 0
    values = [cell for cells in below for cell in cells]
    first = min(column for column, _, _ in (*row, *values))
    kinds: dict[int, set[str]] = {}
    for column, words, kind in values:
        kinds.setdefault(column, set()).add(kind)
        if heads.get(column) == words:
            return 0
    beyond = sum(cells[-1][0] > row[-1][0] for cells in below)
    if beyond > len(below) / 2:
        return 0
    named = sum(column in names or column == first for column, _, _ in values)
    filled = sum(column in kinds for column in names)
    least = 2 if len(row) > 2 or first in names else 1
    if named < _COVERED * len(values) or filled < max(least, len(row) / 2):
        return 0
    if _is_set_apart(row, below, kinds):
        return 2
    return int(distinct == 1 and _sounds_like_names(heads, values) and (likely or (len(row) > 2 and len(below) > 1)))


def _could_name(row: Cells) -> bool:
    """Tell whether all cells are short words that are no values, or a run of years or dates beside such."""
    numbers = [words for _, words, kind in row if kind not in WORDS]
    if numbers and not _counts_on(numbers):
        return False
    return not any(len(words) > _LONGEST or _NO_NAME.search(words) for _, words, kind in row if kind in WORDS)


def _is_set_apart(row: Cells, below: Sequence[Cells], kinds: dict[int, set[str]]) -> bool:
    """Tell whether a row differs from the values below it: in weight, or in the kind of a column's values."""
    if any(kind not in WORDS for _, _, kind in row):
        return True
    if all(kind == BOLD for _, _, kind in row) and any(kind != BOLD for _, _, kind in below[0]):
        return True
    other = [kinds[column] for column, _, _ in row if column in kinds and not kinds[column] & WORDS]
    if len(row) > 2:
        return bool(other)
    # in two columns, names and values of one thing look much like a table
    return any(len(kind) == 1 for kind in other) and len(below) > 1


def _sounds_like_names(heads: Mapping[int, str], values: Cells) -> bool:
    """Tell whether one of the heads is an everyday name of a column, or is spelt as programs spell names."""
    if any(_DIGITS.search(_ANY_YEAR.sub("", words)) or _SENTENCE.search(words) for words in heads.values()):
        return False
    if any("_" in words for words in heads.values()):
        return True
    said: dict[int, set[str]] = {column: set() for column in heads}
    for column, words, _ in values:
        if column in said:
            said[column].update(_WORD.findall(words.casefold()))
    return any(_COMMON.intersection(_WORD.findall(words.casefold())) - said[at] for at, words in heads.items())


def _counts_on(numbers: Sequence[str]) -> bool:
    """Tell whether values at the heads of columns are a run of years or dates."""
    if len(numbers) < 2 or not all(_YEAR.fullmatch(words) for words in numbers):
        return False
    return all(a < b for a, b in pairwise(numbers)) or all(a > b for a, b in pairwise(numbers))
