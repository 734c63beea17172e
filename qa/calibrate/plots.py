"""The two pictures of a calibration. matplotlib is loaded by whoever imports this module, and draws to files only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from qa.calibrate.measure import Bin
from qa.evaluate.abstention import RiskCoverage

_LOOK: dict[Any, Any] = {
    "svg.hashsalt": "seedqa",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_SHADES = ("#1f5fa8", "#b3541e", "#3b7d3b", "#7a4a9e")
_MARKS = ("o", "s", "^", "D")


def draw_reliability(path: Path, series: Mapping[str, Sequence[Bin]]) -> None:
    """Write a reliability diagram: the share that is answerable in each tenth of the confidence, counts beside it."""
    with rc_context(_LOOK):
        figure, axes = _axes("confidence", "share answerable")
        axes.plot((0, 1), (0, 1), color="#888888", linewidth=0.8, linestyle="--")
        for row, (name, bins) in enumerate(series.items()):
            told = [(b.confidence, b.answerable, b.questions) for b in bins if b.questions]
            across, up = [found[0] or 0.0 for found in told], [found[1] or 0.0 for found in told]
            axes.plot(across, up, label=name, color=_SHADES[row % 4], marker=_MARKS[row % 4], markersize=4)
            if len(series) == 1:
                for x, y, (_, _, count) in zip(across, up, told, strict=True):
                    axes.annotate(f"{count:,}", (x, y), xytext=(4, -9), textcoords="offset points", size=7)
        _write(figure, axes, path)


def draw_risk_coverage(path: Path, series: Mapping[str, RiskCoverage]) -> None:
    """Write risk-coverage curves: the share of wrong answers among those given, the surest first."""
    with rc_context(_LOOK):
        figure, axes = _axes("coverage: share of questions answered", "risk: share of these without an answer")
        for row, (name, curve) in enumerate(series.items()):
            label = f"{name} (area {curve.area:.3f})"
            axes.plot(curve.coverage, curve.risk, label=label, color=_SHADES[row % 4], linewidth=1.4)
        _write(figure, axes, path)


def _axes(across: str, up: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5.2, 3.9), layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlabel=across, ylabel=up, xlim=(0, 1), ylim=(0, 1))
    axes.grid(color="#dddddd", linewidth=0.5)
    return figure, axes


def _write(figure: Figure, axes: Axes, path: Path) -> None:
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=150)
