"""Trials in, a calibration out, or the reason why there is none.

On a labelled set, curve and threshold are fitted; what is reported comes from questions on documents that the fit had
not seen. On questions drawn from the index itself only the threshold is chosen, within BOUNDS and with the curve that
ships: they show where answerable and unanswerable part, but they are not what people ask (docs/confidence.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from qa.calibrate.measure import Bin, Values, auroc_interval, choose, error_table, reliability
from qa.calibrate.trials import Trial
from qa.calibration import Interval
from qa.confidence import SHIPPED, THRESHOLD, Curve, ErrorRates, strength
from qa.evaluate.abstention import RiskCoverage, risk_coverage

Source = Literal["labelled", "drawn"]

FEWEST = 50
"""Answerable and near-topic unanswerable questions, of each, without which nothing is decided."""
SEPARABLE = 0.75
"""What the lower end of the near-topic AUROC's 95 % interval must reach."""
LET_THROUGH = 0.5
"""Share of near-topic unanswerable questions that the chosen threshold may let through at most."""
BOUNDS = (0.15, 0.5)
"""Between which a threshold chosen on drawn questions lies."""
FOLDS = 5
DRAWN_FROM = 10
"""Groups from which an interval can draw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What the trials say; confidences are those of questions that the fit had not seen."""

    source: Source
    questions: int
    """Answerable ones."""
    unanswerable: int
    """Asked near the topic."""
    curve: Curve
    near: Interval | None
    far: Interval | None
    rates: tuple[ErrorRates, ...]
    chosen: ErrorRates | None
    """The threshold and what it does; nothing where none refuses as few as asked."""
    shipped: ErrorRates | None
    """The same questions under the calibration that ships, at its threshold."""
    reliability: tuple[Bin, ...]
    risk_coverage: RiskCoverage | None
    refuse_at_most: float
    verdict: str
    """Why nothing can be calibrated; empty where all is well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """Strengths of one kind of asking and the group of each."""

    strengths: Values
    groups: tuple[str, ...]
    questions: tuple[str, ...]


def _side(trials: Sequence[Trial], kind: Literal["answered", "near", "far"]) -> _Side:
    found = [(signals, trial) for trial in trials if (signals := getattr(trial, kind)) is not None]
    return _Side(
        strengths=np.array([strength(signals) for signals, _ in found], dtype=np.float64),
        groups=tuple(trial.group for _, trial in found),
        questions=tuple(trial.question for _, trial in found),
    )


def _resampled(one: _Side, other: _Side) -> tuple[Sequence[str], Sequence[str]]:
    """Return what an interval draws anew: groups, or questions where there are too few groups to draw from."""
    if len({*one.groups, *other.groups}) < DRAWN_FROM:
        return one.questions, other.questions
    return one.groups, other.groups


def fit_curve(positive: Values, negative: Values) -> Curve:
    """Return the logistic function that fits strengths best, both kinds weighed alike and hardly regularised."""
    strengths = np.concatenate((positive, negative))[:, None]
    truth = np.concatenate((np.ones(len(positive)), np.zeros(len(negative))))
    model = LogisticRegression(C=1e4, class_weight="balanced", max_iter=1000).fit(strengths, truth)
    return Curve(scale=round(float(model.coef_[0][0]), 4), offset=round(float(model.intercept_[0]), 4))


def at(curve: Curve, strengths: Values) -> Values:
    """Return the confidence at each strength."""
    return np.array([curve.at(value) for value in strengths.tolist()], dtype=np.float64)


def out_of_fold(answered: _Side, near: _Side, others: Sequence[_Side]) -> list[Values]:
    """Return the confidences of answered, near and the other sides, each by a fit without the groups of its own.

    Where all are of one group, each question is one. A side's groups that are in no fold are judged by the fit of all.
    """
    sides = (answered, near, *others)
    if len({*answered.groups, *near.groups}) < 2:
        sides = tuple(replace(side, groups=side.questions) for side in sides)
    groups = np.array((*sides[0].groups, *sides[1].groups))
    folds = min(FOLDS, len(set(groups.tolist())))
    whole = fit_curve(answered.strengths, near.strengths)
    found = [at(whole, side.strengths) for side in sides]
    if folds < 2:
        return found
    size = len(answered.strengths)
    for train, test in GroupKFold(folds).split(groups, groups=groups):
        first, second = train[train < size], train[train >= size] - size
        if not len(first) or not len(second):
            continue
        curve = fit_curve(answered.strengths[first], near.strengths[second])
        left_out = set(groups[test].tolist())
        for values, side in zip(found, sides, strict=True):
            here: NDArray[np.bool_] = np.array([group in left_out for group in side.groups], dtype=np.bool_)
            values[here] = at(curve, side.strengths[here])
    return found


def fit(trials: Sequence[Trial], source: Source, refuse_at_most: float = 0.1) -> Fitted:
    """Return what the trials say and the threshold with the fewest errors that refuses no more than allowed.

    ``refuse_at_most`` is a share of answerable questions, 0 to 1.
    """
    answered, near, far = (_side(trials, kind) for kind in ("answered", "near", "far"))
    few = min(len(answered.strengths), len(near.strengths))
    fitted = source == "labelled" and few > 0
    curve = fit_curve(answered.strengths, near.strengths) if fitted else SHIPPED
    if fitted and curve.scale > 0:
        known, unknown, elsewhere = out_of_fold(answered, near, (far,))
    else:
        known, unknown, elsewhere = (at(curve, side.strengths) for side in (answered, near, far))
    rates = error_table(known, unknown, elsewhere) if few else ()
    within = rates if source == "labelled" else [r for r in rates if BOUNDS[0] <= r.threshold <= BOUNDS[1]]
    chosen = choose(within, refuse_at_most)
    separation = auroc_interval(known, unknown, _resampled(answered, near))
    return Fitted(
        source=source,
        questions=len(answered.strengths),
        unanswerable=len(near.strengths),
        curve=curve,
        near=separation,
        far=auroc_interval(known, elsewhere, _resampled(answered, far)),
        rates=rates,
        chosen=chosen,
        shipped=_as_shipped(answered, near, far) if few else None,
        reliability=reliability(known, unknown) if few else (),
        risk_coverage=_risk(known, unknown) if few else None,
        refuse_at_most=refuse_at_most,
        verdict=verdict(few, curve, separation, chosen, refuse_at_most),
    )


def _as_shipped(answered: _Side, near: _Side, far: _Side) -> ErrorRates:
    known, unknown, elsewhere = (at(SHIPPED, side.strengths) for side in (answered, near, far))
    return error_table(known, unknown, elsewhere, (THRESHOLD,))[0]


def _risk(known: Values, unknown: Values) -> RiskCoverage:
    """Return the curve over as many answerable as unanswerable questions as there are."""
    return risk_coverage([*known.tolist(), *unknown.tolist()], [True] * len(known) + [False] * len(unknown))


def verdict(
    few: int, curve: Curve, separation: Interval | None, chosen: ErrorRates | None, refuse_at_most: float
) -> str:
    """Return why nothing should be calibrated, in one sentence, or nothing where it may be.

    The rule: FEWEST questions of both kinds, the 95 % interval of the near-topic AUROC above SEPARABLE, and a threshold
    that refuses at most the share allowed and lets through at most LET_THROUGH of those near the topic.
    """
    if few < FEWEST:
        return f"too few questions: {few} of the rarer kind, {FEWEST} are needed"
    if separation is None or separation.low < SEPARABLE or curve.scale <= 0:
        found = "unknown"
        if separation is not None:
            found = f"{separation.value:.3f} (95 % interval {separation.low:.3f} to {separation.high:.3f})"
        return (
            f"not separable here: the near-topic AUROC is {found}, and its interval must begin at {SEPARABLE} or above"
        )
    if chosen is None:
        allowed = f"{100 * refuse_at_most:.0f} %"
        return f"not separable here: every threshold refuses more than {allowed} of answerable questions"
    if chosen.near > LET_THROUGH:
        return (
            f"not separable here: the best threshold, {chosen.threshold}, lets through {100 * chosen.near:.0f} % of "
            f"unanswerable questions near the topic, more than {100 * LET_THROUGH:.0f} %"
        )
    return ""
