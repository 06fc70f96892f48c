"""Probabilities mean what they say, and sets hold what happens as often as they promise."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from features.errors import BundleError, SettingsError, StudyError
from models.calibration import Calibrated, CalibrationBand, fit_calibration
from models.outcome import BinaryOutcome, ContinuousOutcome, outcome_from_json, outcome_to_json

RESPONSE = BinaryOutcome("drug", "response", "response")


def patients(n: int, seed: int, slope: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """True log-odds (n,) and what happened; the slope says how much the log-odds mean."""
    rng = np.random.default_rng(seed)
    margin = rng.normal(-0.5, 1.5, n)
    return margin, (rng.random(n) < RESPONSE.from_margin(slope * margin)).astype(float)


def test_calibration_is_logistic_regression_without_a_penalty() -> None:
    margin, happened = patients(500, 1)
    shift, scale = fit_calibration(margin, happened, trust=0.0)
    known = LogisticRegression(C=np.inf, tol=1e-10).fit(margin[:, None], happened)
    assert shift == pytest.approx(known.intercept_[0], abs=1e-5)
    assert scale == pytest.approx(known.coef_[0, 0], abs=1e-5)


def test_overconfident_margins_are_shrunk() -> None:
    margin, happened = patients(4000, 2, slope=0.5)
    shift, scale = fit_calibration(margin, happened)
    assert scale == pytest.approx(0.5, abs=0.06)
    assert abs(shift) < 0.15


def test_a_margin_that_says_the_opposite_is_worth_nothing_not_less() -> None:
    margin, happened = patients(400, 3)
    assert fit_calibration(-margin, happened, trust=1e-6)[1] == 0.0


def test_few_patients_leave_the_scale_near_one() -> None:
    margin, happened = patients(8, 4)
    assert abs(fit_calibration(margin, happened, trust=1e6)[1] - 1.0) < 0.01


def test_counting_a_patient_twice_is_a_weight_of_two() -> None:
    margin, happened = patients(60, 5)
    weights = np.where(np.arange(60) < 20, 2.0, 1.0)
    twice = np.concatenate([margin, margin[:20]]), np.concatenate([happened, happened[:20]])
    assert fit_calibration(margin, happened, 1.0, weights) == pytest.approx(fit_calibration(*twice), abs=1e-8)


@pytest.mark.parametrize("level", [0.8, 0.9])
def test_sets_hold_each_outcome_as_often_as_promised(level: float) -> None:
    margin, happened = patients(4000, 6)
    band = CalibrationBand({"all": Calibrated.of(margin[:2000], happened[:2000])}, 20)
    sets = np.array(band.possible(margin[2000:], ["all"] * 2000, level))
    later = happened[2000:] > 0.5
    assert sets[later, 0].mean() == pytest.approx(level, abs=0.03)
    assert sets[~later, 1].mean() == pytest.approx(level, abs=0.03)


def test_the_band_holds_the_rate_of_patients_answered_alike() -> None:
    """Over many small calibration samples the true probability lies in the 90% band about 90% of the time."""
    held = []
    for seed in range(200):
        margin, happened = patients(150, 100 + seed)
        shift, scale = fit_calibration(margin, happened, trust=1e-6)
        known = Calibrated.of(shift + scale * margin, happened)
        truth = np.linspace(-2.5, 1.5, 9)
        answered = shift + scale * truth
        half = known.half_width(answered, 0.9)
        held.append((np.abs(answered - truth) <= half).mean())
    assert np.mean(held) == pytest.approx(0.9, abs=0.05)


def test_what_a_missing_modality_would_change_widens_the_band() -> None:
    margin, happened = patients(200, 7)
    plain, lacking = (Calibrated.of(margin, happened, unknown) for unknown in (0.0, 0.7))
    assert (lacking.half_width(margin, 0.9) > plain.half_width(margin, 0.9)).all()


def test_a_small_stratum_is_answered_for_by_all() -> None:
    margin, happened = patients(100, 8)
    strata = {"all": Calibrated.of(margin, happened), "few": Calibrated.of(margin[:9], happened[:9])}
    band = CalibrationBand(strata, 30)
    assert (band.source("few"), band.source("unheard")) == ("all", "all")
    low, high = band.interval(margin[:2], ["few", "all"], 0.9)
    assert (low < margin[:2]).all()
    assert (margin[:2] < high).all()


def test_a_band_reads_back_to_the_bit_and_refuses_another_shape() -> None:
    margin, happened = patients(50, 9)
    band = CalibrationBand({"all": Calibrated.of(margin, happened, 0.1)}, 10)
    again = CalibrationBand.from_json(band.to_json())
    np.testing.assert_array_equal(
        again.interval(margin, ["all"] * 50, 0.9), band.interval(margin, ["all"] * 50, 0.9)
    )
    with pytest.raises(BundleError, match="minimum"):
        CalibrationBand.from_json({"strata": {}})
    with pytest.raises(BundleError, match="not as it was written"):
        CalibrationBand.from_json({"minimum": 1, "strata": {"all": {"covariance": [1]}}})
    with pytest.raises(StudyError, match="'all'"):
        CalibrationBand({}, 10)
    with pytest.raises(SettingsError, match="level"):
        band.possible(margin[:1], ["all"], 1.0)


def test_certain_outcomes_come_back_as_themselves() -> None:
    p = np.array([0.0, 0.25, 1.0])
    np.testing.assert_allclose(RESPONSE.from_margin(RESPONSE.to_margin(p)), p, atol=1e-12)
    assert RESPONSE.losses(np.array([0.0]), np.array([1.0]))[0] == pytest.approx(np.log(2))


@pytest.mark.parametrize(
    ("observed", "said"),
    [([0.0, 2.0], "0 or 1"), ([1.0, 1.0], "same for every patient"), ([0.0, 1.0], "")],
)
def test_outcomes_that_cannot_be_learned_from_are_named(observed: list[float], said: str) -> None:
    faults = RESPONSE.faults(np.array(observed))
    assert bool(faults) == bool(said)
    assert all(said in str(fault) for fault in faults)


def test_outcomes_of_both_kinds_travel_as_plain_data() -> None:
    dose = ContinuousOutcome("warfarin", "weekly_dose", "mg/wk", "root", 1.0, 300.0, "")
    for outcome in (dose, RESPONSE):
        assert outcome_from_json(outcome_to_json(outcome)) == outcome
    with pytest.raises(BundleError, match="no kind known"):
        outcome_from_json({"kind": "ordinal"})
