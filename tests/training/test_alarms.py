"""Alarms raise when a promise is broken, and hardly ever when it is kept, however often one looks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.monitoring.alarms import coverage_alarm, rate_alarm


def test_evidence_is_a_mean_of_likelihood_ratios() -> None:
    """Two patients missed and one held: each bet is paid bet/0.1 twice and (1-bet)/0.9 once."""
    bets = [0.1 + 0.9 * ((i + 1) / 41) ** 2 for i in range(40)]
    wealth = sum((b / 0.1) ** 2 * (1 - b) / 0.9 for b in bets) / 40
    before = sum((b / 0.1) ** 2 for b in bets) / 40
    found = coverage_alarm(np.array([0.0, 0.0, 1.0]), 0.9)
    assert found.evidence == pytest.approx(max(before, wealth))
    assert found.raised_after == next(
        (i for i, w in enumerate([sum(b / 0.1 for b in bets) / 40, before], start=1) if w >= 20), None
    )


@pytest.mark.parametrize("alarm", ["coverage", "rate"])
def test_a_kept_promise_rarely_raises_it_at_any_time(alarm: str) -> None:
    raised = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        if alarm == "coverage":
            raised += coverage_alarm((rng.random(1000) < 0.9) * 1.0, 0.9).raised
        else:
            p = rng.uniform(0.05, 0.95, 600)
            raised += rate_alarm((rng.random(600) < p) * 1.0, p).raised
    assert raised / 400 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 400)


def test_coverage_of_78_percent_is_found_within_200_outcomes() -> None:
    after = [
        coverage_alarm((np.random.default_rng(seed).random(200) < 0.78) * 1.0, 0.9).raised_after
        for seed in range(300)
    ]
    found = [n for n in after if n is not None]
    assert len(found) / 300 >= 0.9
    assert np.median(found) < 120


def test_odds_that_are_half_what_was_said_are_found() -> None:
    raised = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        p = rng.uniform(0.1, 0.9, 400)
        truth = 0.5 * p / (1 - p) / (1 + 0.5 * p / (1 - p))
        raised += rate_alarm((rng.random(400) < truth) * 1.0, p).raised
    assert raised >= 95


def test_nobody_is_no_evidence() -> None:
    found = coverage_alarm(np.zeros(0), 0.9)
    assert (found.evidence, found.raised) == (1.0, False)


def test_more_groups_ask_for_more_evidence() -> None:
    held = np.array([0.0] * 8 + [1.0] * 12)
    assert coverage_alarm(held, 0.9, 0.05).limit == pytest.approx(20.0)
    assert coverage_alarm(held, 0.9, 0.005).limit == pytest.approx(200.0)
