"""Adapting to a site: what was shifted is found back, what was not is left, and intervals hold there."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from models.calibration import Calibrated, CalibrationBand
from models.conformal import ConformalScores
from models.local_scores import filled_up, local_uncertainty
from models.outcome import BinaryOutcome, ContinuousOutcome
from models.recalibration import SitePrior, adapt, between_sites, left_out

DOSE = ContinuousOutcome("warfarin", "dose", "mg/wk", "identity", -1e3, 1e3)
EVENT = BinaryOutcome("A", "response", "response")
PRIOR = SitePrior(0.3, 0.1, 1.0, 5.0, 20)
FREE = replace(PRIOR, intercept_sd=math.inf, slope_sd=math.inf)


def _site(n: int, seed: int, shift: float = 0.0, slope: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    margin = rng.normal(5.0, 1.5, n)
    return margin, 5.0 + shift + slope * (margin - 5.0) + rng.normal(0.0, 1.0, n)


def _events(n: int, seed: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    margin = rng.normal(0.0, 1.5, n)
    return margin, (rng.random(n) < 1.0 / (1.0 + np.exp(-margin - shift))) * 1.0


def test_intercept_is_the_mean_residual_shrunken_as_worked_by_hand() -> None:
    margin, observed = np.array([4.0, 5.0, 6.0]), np.array([5.0, 6.0, 7.0])
    found = adapt(margin, observed, replace(PRIOR, slope_sd=0.0), DOSE)
    weight = 3.0 / (3.0 + 1.0 / 0.3**2)
    assert found.shift == pytest.approx(weight * 1.0)
    assert found.scale == 1.0
    assert found.covariance[0] == pytest.approx(1.0 / (3.0 + 1.0 / 0.3**2))


def test_a_site_that_was_shifted_and_stretched_is_found_back() -> None:
    found = adapt(*_site(4000, 1, shift=0.8, slope=1.3), FREE, DOSE)
    assert found(np.array([5.0]))[0] == pytest.approx(5.8, abs=0.06)
    assert found.scale == pytest.approx(1.3, abs=0.04)
    event = adapt(*_events(8000, 2, shift=0.7), replace(FREE, centre=0.0), EVENT)
    assert event.shift == pytest.approx(0.7, abs=0.1)
    assert event.scale == pytest.approx(1.0, abs=0.1)


def test_a_free_adaptation_is_least_squares() -> None:
    margin, observed = _site(40, 3, shift=1.0)
    slope, intercept = np.polyfit(margin, observed, 1)
    found = adapt(margin, observed, FREE, DOSE)
    assert (found.shift, found.scale) == pytest.approx((intercept, slope))


def test_a_site_like_the_others_hardly_moves() -> None:
    moves = [adapt(*_site(30, seed), PRIOR, DOSE)(np.array([5.0]))[0] - 5.0 for seed in range(200)]
    free = [adapt(*_site(30, seed), FREE, DOSE)(np.array([5.0]))[0] - 5.0 for seed in range(200)]
    assert np.std(moves) < 0.8 * np.std(free)
    still = adapt(*_site(30, 1), replace(PRIOR, intercept_sd=0.0, slope_sd=0.0), DOSE)
    assert (still.shift, still.scale) == (0.0, 1.0)


@pytest.mark.parametrize("outcome", [DOSE, EVENT])
def test_left_out_answers_are_those_of_adapting_without_the_patient(outcome) -> None:
    margin, observed = _site(25, 4) if outcome is DOSE else _events(25, 4, 0.5)
    found = left_out(margin, observed, PRIOR, outcome)
    for i in range(25):
        others = np.arange(25) != i
        own = adapt(margin[others], observed[others], PRIOR, outcome)(margin)[i]
        assert found[i] == pytest.approx(own, abs=1e-9)


def test_spread_between_sites_is_found_back_and_is_nothing_where_there_is_none() -> None:
    rng = np.random.default_rng(5)
    sites = np.repeat(np.arange(40), 100)
    margin = rng.normal(5.0, 1.5, 4000)
    shifts = rng.normal(0.0, 0.5, 40)
    alike = margin + rng.normal(0.0, 1.0, 4000)
    found = between_sites(margin, alike + shifts[sites], sites, DOSE)
    assert found.intercept_sd == pytest.approx(shifts.std(ddof=1), abs=0.08)
    assert found.slope_sd < 0.08
    assert found.patient_sd == pytest.approx(1.0, abs=0.05)
    assert between_sites(margin, alike, sites, DOSE).intercept_sd < 0.08
    assert between_sites(margin, alike, sites % 2, DOSE) is None


def test_few_errors_are_filled_up_so_that_the_interval_of_the_rest_stands() -> None:
    before = np.sort(np.random.default_rng(6).normal(0.0, 1.0, 5000))
    thin = filled_up(np.empty(0), before, 199)
    whole, thinned = (ConformalScores({"all": s}, 10) for s in (before, thin))
    ends = [own.interval(np.zeros(1), ["all"], 0.9) for own in (whole, thinned)]
    assert ends[1][0][0] == pytest.approx(ends[0][0][0], abs=0.01)
    assert ends[1][1][0] == pytest.approx(ends[0][1][0], abs=0.01)
    local = np.arange(250.0)
    assert filled_up(local, before) is local
    assert len(filled_up(np.zeros(30), before)) == 200


def test_intervals_widen_at_a_site_whose_patients_spread_more() -> None:
    rng = np.random.default_rng(7)
    original = ConformalScores({"all": rng.normal(0, 1, 3000), "race=white": rng.normal(0, 1, 900)}, 50)
    margin = rng.normal(5.0, 1.0, 400)
    wide = margin + rng.normal(0.0, 2.0, 400)
    adaptation = adapt(margin[:200], wide[:200], PRIOR, DOSE)
    fair = left_out(margin[:200], wide[:200], PRIOR, DOSE)
    found = local_uncertainty(original, adaptation, ["race=white"] * 200, fair, wide[:200])
    low, high = found.interval(adaptation(margin[200:]), ["race=white"] * 200, 0.9)
    assert 0.84 < ((low <= wide[200:]) & (wide[200:] <= high)).mean() < 0.96


def test_band_of_a_probability_is_as_wide_as_the_site_is_unsure() -> None:
    margin, happened = _events(2000, 8, 0.0)
    original = CalibrationBand({"all": Calibrated.of(margin, happened)}, 40)
    local = _events(60, 9, 0.8)
    prior = SitePrior(0.5, 0.2, 1.8, 0.0, 10)
    adaptation = adapt(*local, prior, EVENT)
    found = local_uncertainty(original, adaptation, ["all"] * 60, left_out(*local, prior, EVENT), local[1])
    low, high = found.interval(adaptation(np.zeros(1)), ["all"], 0.95)
    one = adaptation.covariance[0]
    assert (high - low)[0] == pytest.approx(2 * 1.959964 * math.sqrt(one), rel=1e-6)
    events = 1 + int(local[1].sum())
    assert len(found.strata["all"].with_event) == 200
    assert 10 < events < 50
