"""Intervals: the ranks of the theory, coverage in each group, and honesty where patients are few."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import SettingsError, StudyError
from models.conformal import ConformalScores

NINETEEN = np.arange(1.0, 20.0) - 10.0


def test_ends_are_the_residuals_of_the_finite_sample_ranks() -> None:
    """(19 + 1) x 0.95 = 19th from below, and 19th from above."""
    scores = ConformalScores({"all": NINETEEN}, minimum=1)
    lower, upper = scores.interval(np.array([5.0]), ["all"], 0.9)
    assert (lower[0], upper[0]) == (5.0 - 9.0, 5.0 + 9.0)


def test_too_few_residuals_for_a_level_give_an_unbounded_interval() -> None:
    scores = ConformalScores({"all": NINETEEN}, minimum=1)
    lower, upper = scores.interval(np.array([5.0]), ["all"], 0.91)
    assert (lower[0], upper[0]) == (-math.inf, math.inf)


def test_small_or_unknown_strata_are_answered_for_by_all() -> None:
    scores = ConformalScores({"all": NINETEEN, "large": 3 * NINETEEN, "small": 5 * NINETEEN[:9]}, minimum=10)
    assert [scores.source(s) for s in ("large", "small", "never seen")] == ["large", "all", "all"]
    _, upper = scores.interval(np.zeros(3), ["large", "small", "never seen"], 0.9)
    assert upper.tolist() == [27.0, 9.0, 9.0]


def test_each_group_is_covered_at_its_level() -> None:
    rng = np.random.default_rng(5)
    spread = {"narrow": 1.0, "wide": 4.0}
    drawn = {name: rng.normal(0.3, s, 2000) for name, s in spread.items()}
    scores = ConformalScores({"all": np.concatenate(list(drawn.values())), **drawn}, minimum=50)
    for name, s in spread.items():
        fresh = rng.normal(0.3, s, 20_000)
        lower, upper = scores.interval(np.zeros(1), [name], 0.9)
        assert np.mean((fresh >= lower) & (fresh <= upper)) == pytest.approx(0.9, abs=0.015)


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=40), st.floats(-10, 10), st.floats(0.01, 0.98))
def test_intervals_hold_the_answer_and_widen_with_the_level(
    residuals: list[float], margin: float, level: float
) -> None:
    scores = ConformalScores({"all": np.array(residuals)}, minimum=1)
    ends = [scores.interval(np.array([margin]), ["all"], lv) for lv in (level, level + 0.01)]
    (low, high), (lower, higher) = ((a[0], b[0]) for a, b in ends)
    assert lower <= low <= margin <= high <= higher


def test_scores_survive_json() -> None:
    scores = ConformalScores({"all": NINETEEN, "b": NINETEEN / 3}, minimum=5)
    again = ConformalScores.from_json(scores.to_json())
    assert again.minimum == 5
    assert all(np.array_equal(again.scores[name], scores.scores[name]) for name in ("all", "b"))


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, 90.0, math.nan])
def test_a_level_that_is_no_probability_is_refused(level: float) -> None:
    with pytest.raises(SettingsError, match="between 0 and 1"):
        ConformalScores({"all": NINETEEN}, 1).interval(np.zeros(1), ["all"], level)


@pytest.mark.parametrize("scores", [{"race=white": NINETEEN}, {"all": np.array([np.nan])}])
def test_scores_that_cannot_answer_are_refused(scores: dict) -> None:
    with pytest.raises(StudyError):
        ConformalScores(scores, 1)
