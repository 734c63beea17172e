"""Measures of a ranking of documents, by ir_measures (https://ir-measur.es), and how far their means can be trusted.

All are 0 to 1, higher is better. A query without any result scores 0 and counts like every other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from ir_measures import RR, Measure, R, Success, evaluator, nDCG
from numpy.typing import NDArray
from scipy import stats

from qa.evaluate.dataset import Query

DEPTH = 100
"""Documents of a ranking that are looked at."""

MEASURES: dict[str, Measure] = {
    "nDCG@10": nDCG @ 10,
    "recall@10": R @ 10,
    "recall@100": R @ 100,
    "MRR@10": RR @ 10,
    "hit@1": Success @ 1,
    "hit@5": Success @ 5,
}
"""By the name that is reported. The gain of nDCG is the grade itself, as in trec_eval and BEIR."""

LEVEL = 0.95
"""Of the intervals."""

RESAMPLES, SEED = 2_000, 20_261_124

Values = Mapping[str, float]
"""Of one query, by measure."""


def measure(queries: Sequence[Query], rankings: Mapping[str, Sequence[str]]) -> dict[str, dict[str, float]]:
    """Return the measures of each query that has a relevant document, by its id.

    ``rankings`` has the ids of documents, best first, by that of the query; a query that is not in it scores 0.
    """
    judged = {query.id: dict(query.relevant) for query in queries if query.relevant}
    # falling scores, so that the order is the ranking's own, whatever a provider does with equal ones
    run = {
        ident: {document: float(DEPTH - place) for place, document in enumerate(rankings[ident][:DEPTH])}
        for ident in judged
        if rankings.get(ident)
    }
    names = {measured: name for name, measured in MEASURES.items()}
    values: dict[str, dict[str, float]] = {ident: dict.fromkeys(MEASURES, 0.0) for ident in judged}
    if run:
        for found in evaluator(list(names), judged).iter_calc(run):
            values[found.query_id][names[found.measure]] = float(found.value)
    return values


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the bootstrap interval of a mean: percentiles of the means of resampled queries, seeded.

    None where there are fewer than two values, which tell nothing of their spread. (Efron, "Bootstrap Methods:
    Another Look at the Jackknife", 1979.)
    """
    if len(values) < 2:
        return None
    data: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    if not np.ptp(data):
        return float(data[0]), float(data[0])
    found = stats.bootstrap(
        (data,),
        np.mean,
        confidence_level=LEVEL,
        n_resamples=RESAMPLES,
        batch=max(1, 1_000_000 // len(data)),
        method="percentile",
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    return float(found.low), float(found.high)
