"""A calibration in words and tables, for people: the same on the terminal and in report.md, and the report's files."""

from __future__ import annotations

from pathlib import Path

from index.errors import SeedQAError
from qa.calibrate.fit import BOUNDS, Fitted
from qa.calibrate.plots import draw_reliability, draw_risk_coverage
from qa.calibrate.run import CalibrationReport
from qa.calibration import Interval
from qa.confidence import ErrorRates
from qa.evaluate.dataset import counted
from qa.evaluate.markdown import Table, percent, table


def summary(report: CalibrationReport) -> list[str]:
    """Return what was asked and what came of it, in sentences."""
    fitted = report.fitted
    lines = [
        f"{counted(fitted.questions, 'question')} on {report.fitted_on}, each asked with its answer in the index; "
        f"{fitted.unanswerable:,} asked with the answer held out."
    ]
    if fitted.near is not None:
        lines.append(f"Near topic, AUROC {_interval(fitted.near)}.")
    if fitted.far is not None:
        lines.append(f"Far topic, AUROC {_interval(fitted.far)}.")
    if fitted.risk_coverage is not None:
        lines.append(f"Area under the risk-coverage curve {fitted.risk_coverage.area:.3f}.")
    lines.extend(f"Note: {note}." for note in report.notes)
    return [*lines, *_decision(fitted)]


def _interval(found: Interval) -> str:
    return f"{found.value:.3f} (95 % interval {found.low:.3f} to {found.high:.3f})"


def _decision(fitted: Fitted) -> list[str]:
    """Return what is decided, and why."""
    if fitted.verdict:
        return [f"{fitted.verdict[0].upper()}{fitted.verdict[1:]}. Nothing is changed."]
    if fitted.chosen is None:
        return []
    lines = [
        f"Threshold {fitted.chosen.threshold:.2f}: the fewest errors of those that refuse at most "
        f"{percent(fitted.refuse_at_most, 0)} of answerable questions. {_rates(fitted.chosen)}"
    ]
    if fitted.shipped is not None:
        lines.append(f"The calibration that ships, at {fitted.shipped.threshold:.2f}: {_rates(fitted.shipped)}")
    if fitted.source == "drawn":
        lines.append(
            "The questions were drawn by rules, not asked by people: they set the threshold, within "
            f"{BOUNDS[0]:.2f} and {BOUNDS[1]:.2f}, and the confidence stays as it ships. Real questions in other words "
            "are refused more often, and let through more often where documents repeat each other."
        )
    return lines


def _rates(rates: ErrorRates) -> str:
    far = "" if rates.far is None else f" and {percent(rates.far)} of those far from it"
    return (
        f"It refuses {percent(rates.missed)} of answerable questions and lets through {percent(rates.near)} of "
        f"unanswerable ones near the topic{far}."
    )


def error_rates(fitted: Fitted) -> Table:
    """Return what each threshold does."""
    rows = [
        (f"{r.threshold:.2f}", percent(r.missed), percent(r.near), "–" if r.far is None else percent(r.far))
        for r in fitted.rates
    ]
    return ("Threshold", "Answerable refused", "Near let through", "Far let through"), rows


def bins(fitted: Fitted) -> Table:
    """Return the reliability diagram in numbers."""
    rows = [
        (f"{b.low:.1f}–{b.high:.1f}", f"{b.questions:,}", _share(b.confidence), _share(b.answerable))
        for b in fitted.reliability
    ]
    return ("Confidence", "Questions", "Mean confidence", "Answerable"), rows


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def markdown(report: CalibrationReport, made: str) -> str:
    """Return report.md."""
    lines = [f"# Calibration on {report.fitted_on}", "", f"{made}, snapshot {report.snapshot}.", ""]
    for line in summary(report):
        lines += [line, ""]
    if report.fitted.rates:
        lines += ["## Error rates", "", table(*error_rates(report.fitted)), ""]
        lines += ["## Reliability", "", "![Reliability diagram](reliability.svg)", "", table(*bins(report.fitted)), ""]
        lines += ["## Risk and coverage", "", "![Risk-coverage curve](risk-coverage.svg)", ""]
    return "\n".join(lines)


def write_files(folder: Path, report: CalibrationReport, made: str) -> None:
    """Write report.json, report.md and the two plots into ``folder``. Raises SeedQAError where it can't be written."""
    fitted = report.fitted
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.json").write_text(report.to_json(indent=1) + "\n", "utf-8", newline="\n")
        (folder / "report.md").write_text(markdown(report, made), "utf-8", newline="\n")
        if fitted.reliability and fitted.risk_coverage is not None:
            draw_reliability(folder / "reliability.svg", {"answerable and near topic": fitted.reliability})
            draw_risk_coverage(folder / "risk-coverage.svg", {"answerable and near topic": fitted.risk_coverage})
    except OSError as error:
        raise SeedQAError(f"{folder} can't be written ({error.strerror}); check its permissions and space") from error
