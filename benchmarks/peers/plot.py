"""The figures as bars."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.peers.report import COLUMNS, Figures, quality_names

OURS, OTHERS = "#0b6e4f", "#9aa5b1"


def _bars(axes: Axes, title: str, rows: Sequence[Figures], values: Sequence[float], *, labels: bool) -> None:
    places = range(len(rows))
    axes.barh(places, values, color=[OURS if row.name == "SeedQA" else OTHERS for row in rows])
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_yticks(places, [row.label for row in rows] if labels else [""] * len(rows), fontsize=9)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.22 * max(values))
    axes.set_xticks([])
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    for place, value in zip(places, values, strict=True):
        axes.text(value, place, f" {value:,.3g}", va="center", fontsize=8)


def draw(rows: Sequence[Figures], path: Path) -> None:
    """Draw a panel for each column and each quality into an SVG whose bytes depend on the figures alone."""
    panels = [
        (f"{column.name} ({'more' if column.higher else 'less'} is better)", [getattr(r, column.key) for r in rows])
        for column in COLUMNS
    ]
    panels += [
        (f"{name}, % (more is better)", [100 * row.quality.get(name, 0.0) for row in rows])
        for name in quality_names(rows)
    ]
    across = 3
    down = -(-len(panels) // across)
    with mpl.rc_context({"svg.hashsalt": "peers", "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure = Figure(figsize=(13, 0.6 + down * (0.6 + 0.24 * len(rows))), layout="constrained")
        for number, (title, values) in enumerate(panels):
            axes = figure.add_subplot(down, across, number + 1)
            _bars(axes, title, rows, values, labels=number % across == 0)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None})
