"""Whether one run is better than another on the same questions, or only luckier."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from index.errors import SeedQAError
from qa.evaluate.beir import read_text
from qa.evaluate.dataset import counted
from qa.evaluate.measures import SEED, interval
from qa.evaluate.report import FORMAT, Comparison, Report

RESAMPLES = 9_999
"""Of the randomisation test; where there are fewer ways to exchange the runs, all of them are taken."""


def read_report(path: Path) -> Report:
    """Return a report that was written before: the file, or a folder of ``--out`` with report.json in it.

    Raises SeedQAError where the file holds none.
    """
    if path.is_dir():
        path = path / "report.json"
    try:
        report = Report.from_json(read_text(path))
    except ValueError as error:
        raise SeedQAError(f"{path} is not a report that qa eval --json or --out wrote ({error})") from error
    if report.format != FORMAT:
        raise SeedQAError(f"{path} has format {report.format}, expected {FORMAT}; evaluate that run again")
    return report


def compare(report: Report, other: Report) -> tuple[Comparison, ...]:
    """Return each measure that both runs have on all their questions, this run first.

    Raises SeedQAError where the two were not asked the same questions.
    """
    here = {row.query: row for row in report.rows if row.answerable}
    there = {row.query: row for row in other.rows if row.answerable}
    if unmatched := sorted(here.keys() ^ there.keys()):
        raise SeedQAError(
            f"the two runs were not asked the same: "
            f"{counted(len(unmatched), 'question is', 'questions are')} in one only, "
            f"first {unmatched[0]!r}; compare runs of one data set"
        )
    if changed := sorted(ident for ident, row in here.items() if row.question != there[ident].question):
        raise SeedQAError(
            f"the two runs were not asked the same: "
            f"{counted(len(changed), 'question has', 'questions have')} other words, "
            f"first {changed[0]!r}; compare runs of one data set"
        )
    found = []
    for name in report.measures:
        shared = sorted(i for i, row in here.items() if name in row.values and name in there[i].values)
        if shared and name in other.measures:
            pairs = np.array([(here[i].values[name], there[i].values[name]) for i in shared])
            found.append(_compare(name, pairs))
    return tuple(found)


def _compare(name: str, pairs: NDArray[np.float64]) -> Comparison:
    """Compare two columns, shape (questions, 2): this run and the other."""
    differences = pairs[:, 0] - pairs[:, 1]
    low, high = interval(differences.tolist()) or (None, None)
    return Comparison(
        measure=name,
        mean=float(pairs[:, 0].mean()),
        other=float(pairs[:, 1].mean()),
        difference=float(differences.mean()),
        low=low,
        high=high,
        p=randomisation(pairs[:, 0].tolist(), pairs[:, 1].tolist()),
        wins=int((differences > 0).sum()),
        ties=int((differences == 0).sum()),
        losses=int((differences < 0).sum()),
    )


def randomisation(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the two-sided p-value of a paired randomisation test of the difference of means, seeded.

    (Fisher; for retrieval: Smucker, Allan and Carterette, "A Comparison of Statistical Significance Tests for
    Information Retrieval Evaluation", 2007.)
    """
    differences = np.subtract(first, second)
    kept = differences[differences != 0]  # exchanging two equal values changes nothing
    if len(kept) < 2:  # one difference is as large either way
        return 1.0
    signs = stats.permutation_test(
        (kept,),
        np.sum,
        permutation_type="samples",
        n_resamples=RESAMPLES,
        batch=max(1, 1_000_000 // len(kept)),
        vectorized=True,
        rng=np.random.default_rng(SEED),
    )
    return float(signs.pvalue)
