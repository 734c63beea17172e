"""From figures to files: peers.json, the ratios that are asked, a table, and its place in docs/peers.md."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured of one system in one mode. Times, memory and sizes are medians over rounds."""

    name: str
    version: str
    mode: str
    cold_start_s: float
    """From the start of a process to its printed answer, from an index on disk."""
    index_texts_per_s: float
    query_p50_ms: float
    query_p95_ms: float
    queries_per_s: float
    peak_rss_mb: float
    """Of the process that opens an index and answers one question."""
    index_mb: float
    quality: Mapping[str, float] = field(default_factory=dict)
    """By set; 0 to 1, higher is better."""

    @property
    def label(self) -> str:
        """Name and mode, to be read."""
        return f"{self.name} ({self.mode})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """A system, or one mode of it, that could not be measured."""

    name: str
    mode: str
    absent: str
    """Why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One figure that every system has, and what is asked of SeedQA's."""

    name: str
    key: str
    digits: int
    higher: bool
    """Whether more is better."""
    asked: float | None = None
    """SeedQA's figure over that of the best rival: at least this where more is better, at most where less is."""


COLUMNS = (
    Column(name="first answer, s", key="cold_start_s", digits=2, higher=False, asked=1 / 5),
    Column(name="texts indexed a second", key="index_texts_per_s", digits=1, higher=True, asked=3.0),
    Column(name="query p50, ms", key="query_p50_ms", digits=1, higher=False, asked=1 / 4),
    Column(name="query p95, ms", key="query_p95_ms", digits=1, higher=False),
    Column(name="queries a second, 4 threads", key="queries_per_s", digits=0, higher=True),
    Column(name="peak memory, MB", key="peak_rss_mb", digits=0, higher=False, asked=1 / 2),
    Column(name="index, MB", key="index_mb", digits=1, higher=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """SeedQA's figure beside that of the best rival in one column."""

    column: str
    ours: float
    best: float
    rival: str
    asked: float | None
    higher: bool

    @property
    def ratio(self) -> float:
        """Ours over the best rival's; infinite over nothing."""
        return self.ours / self.best if self.best else float("inf")

    @property
    def met(self) -> bool | None:
        """Whether it is what is asked; None where nothing is."""
        if self.asked is None:
            return None
        return self.ratio >= self.asked if self.higher else self.ratio <= self.asked

    @property
    def wanted(self) -> str:
        """What is asked, in words."""
        if self.asked is None:
            return ""
        return f"≥ {self.asked:g}" if self.higher else f"≤ {self.asked:g}"


def quality_names(rows: Sequence[Figures]) -> list[str]:
    """Return the names of all sets, in the order in which they were measured."""
    return list(dict.fromkeys(name for row in rows for name in row.quality))


def ratios(rows: Sequence[Figures], ours: str = "SeedQA") -> list[Ratio]:
    """Compare ``ours`` with the best rival of each column, quality included; empty without it or without rivals."""
    mine = next((row for row in rows if row.name == ours), None)
    rivals = [row for row in rows if row.name != ours]
    if mine is None or not rivals:
        return []
    found = []
    for column in COLUMNS:
        values = {row.label: float(getattr(row, column.key)) for row in rivals}
        ours_is = float(getattr(mine, column.key))
        found.append(_ratio(column.name, ours_is, values, column.asked, higher=column.higher))
    for name in quality_names(rows):
        values = {row.label: row.quality[name] for row in rivals if name in row.quality}
        if name in mine.quality and values:
            found.append(_ratio(name, mine.quality[name], values, 1.0, higher=True))
    return found


def _ratio(name: str, ours: float, rivals: Mapping[str, float], asked: float | None, *, higher: bool) -> Ratio:
    best = (max if higher else min)(rivals, key=lambda label: rivals[label])
    return Ratio(column=name, ours=ours, best=rivals[best], rival=best, asked=asked, higher=higher)


def to_json(rows: Sequence[Figures], absent: Sequence[Absent]) -> str:
    """Return the list of peers.json: one object a system and mode, and one for each that is absent, with the reason."""
    plain = [
        {key: round(value, 4) if isinstance(value, float) else value for key, value in asdict(row).items()}
        | {"quality": {name: round(value, 4) for name, value in row.quality.items()}}
        for row in rows
    ]
    return json.dumps([*plain, *(asdict(one) for one in absent)], indent=2, ensure_ascii=False) + "\n"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _marked(values: Sequence[float | None], digits: int, *, higher: bool) -> list[str]:
    """Return values as text, the best in bold; a dash for none."""
    there = [round(value, digits) for value in values if value is not None]
    best = (max if higher else min)(there, default=None)
    words = ["–" if value is None else f"{value:,.{digits}f}" for value in values]
    return [
        f"**{word}**" if value is not None and round(value, digits) == best else word
        for word, value in zip(words, values, strict=True)
    ]


def times_table(rows: Sequence[Figures]) -> str:
    """Return the table of everything but quality; the best of each column in bold."""
    cells = [
        _marked([getattr(row, column.key) for row in rows], column.digits, higher=column.higher) for column in COLUMNS
    ]
    names = [f"{row.name} {row.version}, {row.mode}" for row in rows]
    return _table(["system, mode", *(column.name for column in COLUMNS)], list(zip(names, *cells, strict=True)))


def quality_table(rows: Sequence[Figures]) -> str:
    """Return the table of quality in percent; empty where none was measured."""
    sets = quality_names(rows)
    if not sets:
        return ""
    cells = [
        _marked([100 * row.quality[name] if name in row.quality else None for row in rows], 1, higher=True)
        for name in sets
    ]
    return _table(["system, mode", *sets], list(zip([row.label for row in rows], *cells, strict=True)))


def ratios_table(found: Sequence[Ratio]) -> str:
    """Return the ratios with what is asked of them."""
    verdicts = {True: "yes", False: "**no**", None: ""}
    rows = [
        [o.column, f"{o.ours:,.4g}", f"{o.best:,.4g}", o.rival, f"{o.ratio:.3g}", o.wanted, verdicts[o.met]]
        for o in found
    ]
    return _table(["", "SeedQA", "best rival", "which", "ratio", "asked", "met"], rows)


def section(rows: Sequence[Figures], absent: Sequence[Absent], conditions: str, picture: str) -> str:
    """Return what docs/peers.md says between its markers."""
    parts = [conditions, times_table(rows), f"![The same as bars]({picture})", quality_table(rows)]
    if found := ratios(rows):
        parts.append("SeedQA over the best of the rivals in each column, whichever that is:")
        parts.append(ratios_table(found))
    parts.extend(f"Not measured: {one.name} ({one.mode}), because {one.absent}" for one in absent)
    return "\n\n".join(part for part in parts if part)


def insert(page: str, text: str) -> str:
    """Return a page with ``text`` between its markers. Raises ValueError unless each is there once, in order."""
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise ValueError(f"the page has no place for figures; expected {BEGIN} and then {END}, each once")
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}"


def write_page(path: Path, text: str) -> None:
    """Put ``text`` between the markers of the page."""
    path.write_text(insert(path.read_text("utf-8"), text), "utf-8")
