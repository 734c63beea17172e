"""Plots of a report, as PNG. matplotlib is loaded to draw and for nothing else.

Colours are Okabe and Ito's, told apart by every kind of eye, and no plot depends on them alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from qa.evaluate.report import Report

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#7F7F7F"
_RANKS = (1, 2, 3, 4, 5, 10, 20, 50, 100)


def draw_plots(report: Report, folder: Path) -> list[tuple[str, str]]:
    """Draw what a report has into ``folder``; return the name of each file with what it shows."""
    drawn = [("ranks.png", "How often the first relevant document stands at which rank", _ranks)]
    if report.abstention:
        drawn += [
            ("risk-coverage.png", "How often an answer is wrong when only the most confident are given", _risk),
            ("confidence.png", "Confidence of right and wrong answers", _confidence),
        ]
    for name, title, draw in drawn:
        figure = Figure(figsize=(7, 4.2), dpi=150, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        named = f"{title}\n{_short(report.dataset)}, ranking {report.ranking}"
        axes.set_title(named, fontsize=11, loc="left", parse_math=False)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#DDDDDD", linewidth=0.8)
        axes.set_axisbelow(True)
        draw(axes, report)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph")  # a script that the font lacks, in the name of a data set
            figure.savefig(folder / name, metadata={"Software": None})
    return [(name, title) for name, title, _ in drawn]


def _short(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:59]}…"


def _ranks(axes: Axes, report: Report) -> None:
    """Draw the share of questions by rank of the first relevant document."""
    ranks = [row.rank for row in report.rows if row.answerable]
    labels, counts = [], []
    for low, high in zip((0, *_RANKS), _RANKS, strict=False):
        labels.append(str(high) if high - low == 1 else f"{low + 1}–{high}")
        counts.append(sum(low < rank <= high for rank in ranks))
    labels.append("none")
    counts.append(ranks.count(0))
    bars = axes.bar(labels, counts, color=[*[BLUE] * len(_RANKS), ORANGE], width=0.75)
    axes.bar_label(bars, labels=[f"{count:,}" if count else "" for count in counts], fontsize=8, padding=2)
    axes.set_xlabel("rank of the first relevant document, none: not among the first 100")
    axes.set_ylabel(f"questions (of {len(ranks):,} with an answer)")
    axes.tick_params(axis="x", labelsize=9)
    axes.margins(y=0.12)


def _risk(axes: Axes, report: Report) -> None:
    """Draw one curve for each set of questions."""
    for found, colour, style in zip(report.abstention, (BLUE, ORANGE), ("-", "--"), strict=False):
        name = f"{found.holdout} holdout" if found.holdout else "questions as given"
        axes.step(
            [100 * share for share in found.curve.coverage],
            [100 * share for share in found.curve.risk],
            where="post",
            color=colour,
            linestyle=style,
            linewidth=2,
            label=f"{name}: area {found.curve.area:.3f}",
        )
    axes.set_xlim(0, 100)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("coverage: questions answered, most confident first (%)")
    axes.set_ylabel("risk: answers that are wrong (%)")
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)


def _confidence(axes: Axes, report: Report) -> None:
    """Draw how the confidence is spread, apart for right answers, wrong ones and questions without an answer."""
    kinds: list[tuple[str, str, Sequence[float]]] = [
        ("relevant document first", BLUE, [r.confidence or 0 for r in report.rows if r.rank == 1]),
        ("another document first", ORANGE, [r.confidence or 0 for r in report.rows if r.answerable and r.rank != 1]),
        ("no document answers", GREY, [r.confidence or 0 for r in report.rows if not r.answerable]),
    ]
    shown = [(f"{label} ({len(values):,})", colour, values) for label, colour, values in kinds if values]
    axes.hist(
        [values for _, _, values in shown],
        bins=np.linspace(0, 1, 21).tolist(),
        stacked=True,
        color=[colour for _, colour, _ in shown],
        label=[label for label, _, _ in shown],
        hatch=["", "///", "..."][: len(shown)],
        edgecolor="white",
        linewidth=0.6,
    )
    threshold = report.abstention[0].threshold
    axes.axvline(threshold, color="black", linestyle=":", linewidth=1.5, label=f"threshold {threshold:.2f}")
    axes.set_xlim(0, 1)
    axes.set_xlabel("confidence of the answer (0 to 1)")
    axes.set_ylabel("questions")
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
