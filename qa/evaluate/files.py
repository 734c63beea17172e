"""The files of a report: report.json, report.md, run.trec and plots."""

from __future__ import annotations

from pathlib import Path

from index.errors import SeedQAError
from qa.evaluate.markdown import document
from qa.evaluate.plots import draw_plots
from qa.evaluate.run import Outcome
from qa.evaluate.trec import write_run


def write_files(folder: Path, outcome: Outcome, rows: int) -> None:
    """Write everything into ``folder``, over what an earlier report left there; the Markdown lists ``rows`` questions.

    Raises SeedQAError where it can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        plots = draw_plots(outcome.report, folder)
        texts = {
            "report.json": outcome.report.to_json(indent=1) + "\n",
            "report.md": document(outcome.report, rows, plots),
            "run.trec": write_run(outcome.asked, f"seedqa-{outcome.report.ranking}"),
        }
        for name, text in texts.items():
            (folder / name).write_text(text, "utf-8", newline="\n")
    except OSError as error:
        raise SeedQAError(f"{folder} can't be written ({error.strerror}); check its permissions and space") from error
