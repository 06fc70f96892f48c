"""Figures from sums are the figures from patients, and their intervals are as wide as they should be."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student
from sklearn.metrics import mean_absolute_error, r2_score

from training.statistics import clustered_figures, metrics, repeated_split_figures, tally

RNG = np.random.default_rng(7)
OBSERVED = RNG.uniform(10, 60, 200)
ANSWERED = OBSERVED + RNG.normal(0, 8, 200)
HELD = (np.abs(OBSERVED - ANSWERED) <= 12).astype(float)


def test_metrics_agree_with_a_second_computation() -> None:
    found = {name: value[0] for name, value in metrics(tally(OBSERVED, ANSWERED, HELD)).items()}
    assert found["mae"] == pytest.approx(mean_absolute_error(OBSERVED, ANSWERED))
    assert found["r2"] == pytest.approx(r2_score(OBSERVED, ANSWERED))
    assert found["within20"] == pytest.approx(100 * np.mean(np.abs(ANSWERED - OBSERVED) <= 0.2 * OBSERVED))
    assert found["coverage90"] == pytest.approx(100 * np.mean(np.abs(OBSERVED - ANSWERED) <= 12))


def test_without_intervals_there_is_no_coverage() -> None:
    assert "coverage90" not in clustered_figures(np.array([tally(OBSERVED, ANSWERED, None)] * 2))


def test_pooling_parts_is_the_whole() -> None:
    parts = [tally(OBSERVED[rows], ANSWERED[rows], None) for rows in np.array_split(np.arange(200), 7)]
    pooled = clustered_figures(np.array(parts))["mae"]
    assert pooled["value"] == pytest.approx(mean_absolute_error(OBSERVED, ANSWERED), abs=1e-6)
    assert pooled["lower"] < pooled["value"] < pooled["upper"]


def test_repeated_splits_use_the_corrected_variance() -> None:
    errors = np.array([8.0, 8.4, 8.1, 8.6])
    tallies = np.zeros((4, 7))
    tallies[:, 0], tallies[:, 1], tallies[:, 4] = 100, 100 * errors, 1e6
    found = repeated_split_figures(tallies, test_share=0.2)["mae"]
    half = student.ppf(0.975, 3) * np.sqrt((1 / 4 + 0.25) * errors.var(ddof=1))
    assert found["value"] == pytest.approx(errors.mean())
    assert found["upper"] == pytest.approx(errors.mean() + half, abs=1e-6)


def test_one_split_has_a_value_and_no_interval() -> None:
    found = repeated_split_figures(np.array([tally(OBSERVED, ANSWERED, None)]), 0.2)["mae"]
    assert found["value"] is not None
    assert (found["lower"], found["upper"]) == (None, None)
