"""Huber regression: at the minimum of a loss written plainly, and where there is no scale to be found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.linear_model import HuberRegressor

from models import huber as module
from models.huber import huber

Numbers = NDArray[np.float64]
EPSILON, ALPHA = 1.2, 1.0


def patients(seed: int, n: int = 120, freedom: float = 2.0) -> tuple[Numbers, Numbers]:
    """Columns, one of them twice, and a target with heavy tails."""
    rng = np.random.default_rng(seed)
    design = rng.normal(size=(n, 3))
    design = np.column_stack([design, design[:, 0]])
    return design, design @ np.array([1.0, -2.0, 0.0, 0.5]) + 7.0 + rng.standard_t(freedom, n)


def plain_loss(design: Numbers, target: Numbers, slopes: Numbers, level: float) -> float:
    """The loss at the best scale, patient by patient."""

    def at(scale: float) -> float:
        total = ALPHA * float(slopes @ slopes)
        for row, y in zip(design, target, strict=True):
            z = abs(y - float(row @ slopes) - level) / scale
            total += scale + scale * (z * z if z <= EPSILON else 2.0 * EPSILON * z - EPSILON**2)
        return total

    found = minimize_scalar(at, bounds=(1e-3, 50.0), method="bounded", options={"xatol": 1e-11})
    return float(found.fun)


@pytest.mark.parametrize("seed", range(3))
def test_no_small_step_from_the_answer_lowers_the_plain_loss(seed: int) -> None:
    design, target = patients(seed, n=40)
    slopes, level = huber(design, target, EPSILON, ALPHA)
    least = plain_loss(design, target, slopes, level)
    for k in range(4):
        for step in (-1e-3, 1e-3):
            assert plain_loss(design, target, slopes + step * np.eye(4)[k], level) > least
    assert plain_loss(design, target, slopes, level + 1e-3) > least
    assert plain_loss(design, target, slopes, level - 1e-3) > least


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), freedom=st.floats(1.0, 30.0))
def test_it_is_scikit_learns_answer_up_to_where_that_stops(seed: int, freedom: float) -> None:
    design, target = patients(seed, freedom=freedom)
    slopes, level = huber(design, target, EPSILON, ALPHA)
    reference = HuberRegressor(epsilon=EPSILON, alpha=ALPHA, max_iter=5000, tol=1e-8).fit(design, target)
    spread = float(np.abs(target - np.median(target)).mean())
    answers = design @ reference.coef_ + reference.intercept_
    assert np.allclose(design @ slopes + level, answers, atol=1e-3 * spread)


def test_newton_needs_no_search_where_there_is_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HuberRegressor", None)
    for seed in range(20):
        huber(*patients(seed), EPSILON, ALPHA)


def test_most_patients_fitted_exactly_are_still_answered() -> None:
    design = np.linspace(-1.0, 1.0, 30)[:, None]
    target = np.full(30, 4.0)
    slopes, level = huber(design, target, EPSILON, ALPHA)
    assert abs(slopes[0]) < 1e-6
    assert level == pytest.approx(4.0, abs=1e-6)


def test_a_wild_patient_hardly_moves_the_line() -> None:
    design, target = patients(5, freedom=30.0)
    wild = target.copy()
    wild[0] += 1e4
    calm, moved = huber(design, target, EPSILON, ALPHA), huber(design, wild, EPSILON, ALPHA)
    assert np.abs(design @ calm[0] + calm[1] - design @ moved[0] - moved[1]).max() < 1.0
