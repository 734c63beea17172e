"""A report in words and tables, for people: on the terminal and in report.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from qa.evaluate.dataset import counted
from qa.evaluate.report import Abstention, Comparison, Report, Row

Table = tuple[Sequence[str], Sequence[Sequence[str]]]
"""Names of columns, and rows."""

SHOWN = 120
"""Characters of a cell; what is cut is in report.json."""


def summary(report: Report) -> list[str]:
    """Return what was measured, and on what, in sentences."""
    lines = [
        f"{report.dataset}: {counted(report.questions, 'question')}"
        + (f" on {counted(report.documents, 'document')}" if report.documents else "")
        + f", ranking {report.ranking}"
        + (f", model {report.model}" if report.model else "")
        + "."
    ]
    if report.unanswerable:
        lines.append(f"No document answers {report.unanswerable:,} of them; the measures are means over the others.")
    return [*lines, *(f"Note: {note}." for note in report.notes)]


def measures(report: Report) -> Table:
    """Return the means with their intervals."""
    rows = [
        (name, f"{mean.mean:.3f}", _interval(mean.low, mean.high), f"{mean.questions:,}")
        for name, mean in report.measures.items()
    ]
    return ("Measure", "Mean", "95 % interval", "Questions"), rows


def abstentions(report: Report) -> list[str]:
    """Return what the confidence is worth, one sentence for each set of questions."""
    return [_abstention(found) for found in report.abstention]


def _abstention(found: Abstention) -> str:
    held_out = f"With every second {'group' if found.holdout == 'far' else 'document'} left out ({found.holdout}): "
    parts = [f"area under the risk-coverage curve {found.curve.area:.3f}"]
    if found.auroc is not None:
        parts.insert(0, f"AUROC of the confidence {found.auroc:.3f}")
    if found.refused is not None:
        refused = f"{percent(found.refused)} of {found.answerable:,} answerable questions refused"
        parts.append(f"at the threshold {found.threshold:.2f} {refused}")
    if found.let_through is not None:
        parts.append(f"{percent(found.let_through)} of {found.unanswerable:,} unanswerable ones let through")
    text = ", ".join(parts)
    return f"{held_out}{text}." if found.holdout else f"{text[0].upper()}{text[1:]}."


def questions(rows: Sequence[Row]) -> Table:
    """Return one line for each question."""
    columns = ("Rank", "nDCG@10", "Confidence", "Found", "Question", "Expected", "Came first", "Its evidence")
    return columns, [
        (
            str(row.rank) if row.rank else "–",
            f"{row.values['nDCG@10']:.2f}" if row.answerable else "–",
            "–" if row.confidence is None else f"{row.confidence:.2f}",
            {None: "–", True: "yes", False: "no"}[row.found],
            cut(row.question),
            cut(row.expected or "(no answer)"),
            cut(row.first or row.trouble or "–"),
            cut(row.evidence or "–"),
        )
        for row in rows
    ]


def fared(row: Row) -> list[str]:
    """Return how one question fared, in lines that fit a terminal: the question, its figures, and why."""
    if not row.answerable:
        figures = ["no document answers"]
    elif row.rank:
        figures = [f"rank {row.rank}", f"nDCG@10 {row.values['nDCG@10']:.2f}"]
    else:
        figures = ["not among the first hundred"]
    if row.confidence is not None:
        figures.append(f"confidence {row.confidence:.2f}, {'found' if row.found else 'refused'}")
    lines = [cut(row.question), f"  {' · '.join(figures)}"]
    if row.expected and row.rank != 1:
        lines.append(f"  expected    {cut(row.expected)}")
    if row.first:
        lines.append(f"  came first  {cut(row.first)}")
    if row.evidence:
        lines.append(f"  evidence    {cut(row.evidence)}")
    if row.trouble:
        lines.append(f"  not asked   {cut(row.trouble)}")
    return lines


def comparison(found: Iterable[Comparison]) -> Table:
    """Return one line for each measure of two runs."""
    columns = ("Measure", "This", "Other", "Difference", "95 % interval", "p", "Wins/ties/losses")
    return columns, [
        (
            one.measure,
            f"{one.mean:.3f}",
            f"{one.other:.3f}",
            f"{one.difference:+.3f}",
            _interval(one.low, one.high, "+"),
            f"{one.p:.4f}" if one.p >= 0.0001 else "< 0.0001",
            f"{one.wins}/{one.ties}/{one.losses}",
        )
        for one in found
    ]


def document(report: Report, rows: int, plots: Iterable[tuple[str, str]]) -> str:
    """Return report.md; ``plots`` are files and what they show."""
    said = [_cell(sentence) for sentence in summary(report)]
    parts = [f"# Evaluation: {_cell(report.dataset)}", *said, table(*measures(report)), *abstentions(report)]
    if report.compared:
        parts += ["## Against the other run", table(*comparison(report.compared))]
    parts += [f"![{what}]({name})" for name, what in plots]
    shown = report.rows[:rows]
    if shown:
        parts += [f"## The worst {counted(len(shown), 'question')} of {report.questions:,}", table(*questions(shown))]
    return "\n\n".join(parts) + "\n"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; what would break it is escaped."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    plain = " ".join(text.split())
    return "".join(f"\\{sign}" if sign in "\\|<>`*_[]" else sign for sign in plain)


def cut(text: str) -> str:
    """Return a text on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"


def percent(share: float, decimals: int = 1) -> str:
    """Return a share of 1 in per cent."""
    return f"{100 * share:.{decimals}f} %"


def _interval(low: float | None, high: float | None, sign: str = "") -> str:
    return "–" if low is None or high is None else f"{low:{sign}.3f} to {high:{sign}.3f}"
