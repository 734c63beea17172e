"""The calibration of an index on disk: kept whole, read again when it changes, left aside where it does not fit."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html

from index.errors import SnapshotDamaged
from qa import Answer, Index
from qa.calibration import AS_SHIPPED, Calibration, InForce, Interval, in_force, read_calibration, write_calibration
from qa.confidence import MEASURED, SHIPPED, THRESHOLD, Curve, ErrorRates, Signals, confidence, error_rates, strength
from qa.page import cards, texts
from tests.fakes import HashEncoder

RATES = (
    ErrorRates(threshold=0.2, missed=0.05, near=0.3, far=None),
    ErrorRates(threshold=0.6, missed=0.125, near=0.25, far=None),
)
KEPT = Calibration(
    source="labelled",
    fitted_on="garden questions",
    questions=80,
    made="2026-01-02T03:04:05+00:00",
    encoder="fake-1",
    snapshot="0123456789abcdef",
    curve=Curve(scale=4.0, offset=-1.0),
    threshold=0.6,
    near=Interval(value=0.9, low=0.85, high=0.95),
    far=None,
    rates=RATES,
)
REMEDY = "calibrate again: qa calibrate, or remove it: qa calibrate --reset"


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    assert read_calibration(path) is None
    write_calibration(path, KEPT)
    assert read_calibration(path) == KEPT
    write_calibration(path, replace(KEPT, threshold=0.2))
    assert read_calibration(path) == replace(KEPT, threshold=0.2)
    assert [found.name for found in tmp_path.iterdir()] == ["calibration.json"]


def test_it_is_in_force_for_its_encoder_alone(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    assert in_force(path, "fake-1") is AS_SHIPPED
    write_calibration(path, KEPT)
    assert in_force(path, "fake-1") == InForce(curve=KEPT.curve, threshold=0.6, rates=RATES, calibration=KEPT)
    note = f"the calibration is left aside: it was fitted with encoder fake-1…, the index has other…; {REMEDY}"
    assert in_force(path, "other") == InForce(note=note)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ('{"format": 1', "is no calibration (Input data was truncated)"),
        ("[]", "is no calibration (Expected `object`, got `array`)"),
        (replace(KEPT, format=2), "has format 2, expected 1"),
        (
            replace(KEPT, curve=Curve(scale=-1.0, offset=0.5)),
            "has a scale of -1.0 and an offset of 0.5, expected numbers, the scale above 0",
        ),
        (replace(KEPT, threshold=1.5), "has a threshold of 1.5, expected 0 to 1"),
        (replace(KEPT, rates=()), "has no error rates, expected one at least"),
    ],
)
def test_what_makes_no_sense_is_told_and_left_aside(tmp_path: Path, changed: str | Calibration, problem: str) -> None:
    path = tmp_path / "calibration.json"
    if isinstance(changed, str):
        path.write_text(changed, "utf-8")
    else:
        write_calibration(path, changed)
    with pytest.raises(SnapshotDamaged) as caught:
        read_calibration(path)
    assert str(caught.value) == f"{path} {problem}; {REMEDY}"
    assert in_force(path, "fake-1") == InForce(note=f"the calibration is left aside: {path} {problem}; {REMEDY}")


def test_an_open_index_takes_it_up_and_lets_it_go(built: Path, encoder: HashEncoder) -> None:
    path = built / "calibration.json"
    with Index(built, built, encoder=encoder) as index:
        before = index.search("Where do frogs live?")
        signals = Signals(
            closeness=before.results[0].closeness,
            in_passage=before.results[0].coverage,
            in_evidence=before.results[0].evidence_coverage,
        )
        assert (before.threshold, index.threshold, index.calibration) == (THRESHOLD, THRESHOLD, AS_SHIPPED)
        write_calibration(path, KEPT)
        after = index.search("Where do frogs live?")
        assert (after.threshold, index.threshold, index.calibration.calibration) == (0.6, 0.6, KEPT)
        assert after.confidence == pytest.approx(confidence(signals, KEPT.curve), abs=1e-5)
        assert [r.citation for r in after.results] == [r.citation for r in before.results]
        assert index.search("Where do frogs live?", threshold=0.1).threshold == 0.1
        path.write_text("{}", "utf-8")
        damaged = index.search("Where do frogs live?")
        assert damaged.notes == (
            f"the calibration is left aside: {path} is no calibration "
            f"(Object missing required field `calibration`); {REMEDY}",
            *before.notes,
        )
        path.unlink()
        assert index.search("Where do frogs live?") == before


def test_a_threshold_that_is_given_stands_above_it(built: Path, encoder: HashEncoder) -> None:
    write_calibration(built / "calibration.json", KEPT)
    with Index(built, built, encoder=encoder, threshold=0.05) as index:
        assert (index.threshold, index.search("Where do frogs live?").threshold) == (0.05, 0.05)


def test_the_page_tells_the_error_rates_of_the_calibration_in_force() -> None:
    calibrated = InForce(curve=KEPT.curve, threshold=0.6, rates=RATES, calibration=KEPT)
    assert texts.threshold_meaning(0.6, calibrated) == (
        "At a threshold of 0.60, on 80 questions of garden questions: of questions whose answer is in the index 12.5% "
        "are refused; of those without one, 25.0% get through where the index knows their topic."
    )
    shipped = error_rates(THRESHOLD)
    assert texts.threshold_meaning(THRESHOLD, AS_SHIPPED) == (
        f"At a threshold of {THRESHOLD:.2f}, on 1,190 questions of the XQuAD set: of questions whose answer is in the "
        f"index {shipped.missed:.1%} are refused; of those without one, {shipped.near:.1%} get through where the index "
        f"knows their topic, and {shipped.far:.1%} where it does not."
    )


@given(st.floats(0.1, 50), st.floats(-50, 50), st.floats(-2, 3), st.floats(0, 3))
def test_a_curve_rises_within_0_and_1(scale: float, offset: float, start: float, step: float) -> None:
    curve = Curve(scale=scale, offset=offset)
    assert 0 <= curve.at(start) <= curve.at(start + step) <= 1


def test_the_curve_is_the_logistic_function() -> None:
    assert Curve(scale=2.0, offset=-1.0).at(0.5) == 0.5
    assert Curve(scale=2.0, offset=-1.0).at(1.0) == 0.731059
    assert (Curve(scale=1.0, offset=-5000.0).at(1.0), Curve(scale=1.0, offset=5000.0).at(1.0)) == (0.0, 1.0)
    assert strength(Signals(closeness=5.0, in_passage=0.5, in_evidence=0.25)) == pytest.approx(0.638)


def test_what_ships_fits_together() -> None:
    assert [rates.threshold for rates in MEASURED] == sorted({rates.threshold for rates in MEASURED})
    assert THRESHOLD in {rates.threshold for rates in MEASURED}
    assert SHIPPED.scale > 0
    for lower, higher in pairwise(MEASURED):
        assert lower.missed <= higher.missed
        assert lower.near >= higher.near
    assert (error_rates(0.3).missed <= 0.1, error_rates(0.3).near <= 0.25) == (True, True)


def test_a_refusal_on_the_page_tells_them() -> None:
    calibrated = InForce(curve=KEPT.curve, threshold=0.6, rates=RATES, calibration=KEPT)
    refused = Answer(
        question="Where?", found=False, confidence=0.0, threshold=0.6, snapshot="0123456789abcdef", results=(), notes=()
    )
    shown = html.fragment_fromstring(cards.answer(refused, (), {}, {}, group=False, calibrated=calibrated))
    told = [paragraph.text_content() for paragraph in shown.find_class("sq-refused")[0].iter("p")]
    assert told == [texts.refusal(refused), texts.threshold_meaning(0.6, calibrated)]
