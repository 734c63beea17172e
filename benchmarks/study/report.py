"""The study's results as a table, a file and a plot."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.study.measures import Compared

COLOURS = {"better": "#0072b2", "worse": "#d55e00", "": "#666666"}
"""Colours that readers with any colour vision tell apart; better and worse differ in their side of the line, too."""

MOST = 5.5
"""Points of difference up to which the plot reaches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One variant: its figures on each set that it was measured on."""

    factor: str
    name: str
    compared: dict[str, Compared]


def table(rows: Sequence[Row], sets: Sequence[str]) -> str:
    """Return a Markdown table: means in percent with intervals; for variants the difference to the first row."""
    lines = ["| | | " + " | ".join(sets) + " |", "|---|---|" + "---:|" * len(sets)]
    last = ""
    for number, row in enumerate(rows):
        factor = row.factor if row.factor != last else ""
        last = row.factor
        cells = (_cell(row.compared.get(name), whole=number == 0) for name in sets)
        lines.append(f"| {factor} | {row.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(compared: Compared | None, whole: bool) -> str:
    if compared is None:
        return ""
    if whole:
        return f"{100 * compared.mean:.1f} ({100 * compared.low:.1f} to {100 * compared.high:.1f})"
    low, high = f"{100 * compared.difference_low:+.1f}", f"{100 * compared.difference_high:+.1f}"
    shown = f"{100 * compared.difference:+.1f} ({low} to {high})".replace("-", "−")
    return f"**{shown}**" if compared.verdict else shown


def write(rows: Sequence[Row], sets: Sequence[str], folder: Path) -> None:
    """Write study.json, study.md and study.svg into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    found = [{"factor": r.factor, "name": r.name, "sets": {n: asdict(c) for n, c in r.compared.items()}} for r in rows]
    (folder / "study.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    (folder / "study.md").write_text(table(rows, sets), "utf-8")
    _plot(rows, sets, folder / "study.svg")


def _plot(rows: Sequence[Row], sets: Sequence[str], path: Path) -> None:
    """Draw for each set the differences to the default with their intervals, one line a variant."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams.update({"svg.hashsalt": "study", "svg.fonttype": "none", "font.size": 8})
    from matplotlib import pyplot as plt

    shown = [row for row in rows if row.factor not in ("default", "one list alone", "rivals' fusions")]
    height = 0.17 * len(shown) + 1.2
    figure, axes = plt.subplots(1, len(sets), figsize=(3.4 + 1.7 * len(sets), height), sharey=True, squeeze=False)
    for axis, name in zip(axes[0], sets, strict=True):
        axis.axvline(0, color="black", linewidth=0.8)
        found = {at: row.compared[name] for at, row in enumerate(shown) if name in row.compared}
        reach = min(MOST, max((100 * abs(c.difference) for c in found.values()), default=1.0) + 0.5)
        for at, compared in found.items():
            colour = COLOURS[compared.verdict]
            middle = 100 * compared.difference
            if abs(middle) > reach:
                axis.plot(reach if middle > 0 else -reach, at, ">" if middle > 0 else "<", color=colour, markersize=4)
            else:
                ends = [100 * compared.difference_low, 100 * compared.difference_high]
                axis.plot(ends, [at, at], color=colour, linewidth=1.2)
                axis.plot(middle, at, "o", color=colour, markersize=3)
        axis.set_title(name)
        axis.set_xlim(-reach * 1.05, reach * 1.05)
        axis.grid(axis="x", linewidth=0.3)
    axes[0][0].set_yticks(range(len(shown)), [f"{row.factor}: {row.name}" for row in shown])
    axes[0][0].set_ylim(len(shown) - 0.5, -0.5)
    meaning = "difference to the ranking that ships in points, with 95 % intervals"
    figure.supxlabel(f"{meaning}; blue: better, orange: worse, ◂ ▸: beyond the scale", fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
