"""Blocks weigh what they explain, whichever way it is computed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import check_grad

from models import block_weights as weighing
from models.block_weights import block_weights

RNG = np.random.default_rng(23)


def simulated(n: int, p: int, drugs: int) -> tuple[np.ndarray, list[str], np.ndarray]:
    """A design whose first five columns explain half of every outcome's variance, and noise columns."""
    design = RNG.normal(size=(n, p)) / np.sqrt(np.where(np.arange(p) < 5, 5, max(p - 5, 1)))
    outcomes = design[:, :5] @ RNG.normal(size=(5, drugs)) + RNG.normal(size=(n, drugs))
    return design, ["few"] * 5 + ["many"] * (p - 5), outcomes - outcomes.mean(axis=0)


def test_the_block_that_explains_weighs_and_the_other_does_not() -> None:
    weights = block_weights(*simulated(200, 60, 40))
    assert weights["few"] == pytest.approx(1.0, rel=0.4)
    assert weights["many"] < 0.1 * weights["few"]


@pytest.mark.parametrize("drugs", [1, 7])
def test_columns_and_patients_give_the_same_terms(drugs: int) -> None:
    design, _, outcomes = simulated(30, 20, drugs)
    parts = [np.arange(5), np.arange(5, 20)]
    weights = np.array([0.7, 0.2])
    one = weighing._among_patients(design, parts, outcomes)(weights)
    other = weighing._among_columns(design, parts, outcomes)(weights)
    for name in ("log_determinant", "quadratic", "spent", "explained"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-9)


@pytest.mark.parametrize("p", [20, 90])
def test_the_optimiser_is_handed_the_values_own_slope(monkeypatch: pytest.MonkeyPatch, p: int) -> None:
    seen = {}

    def watched(function, start, *given, **rest):
        seen["error"] = check_grad(lambda w: function(w, 1.5)[0], lambda w: function(w, 1.5)[1], start)
        seen["size"] = np.abs(function(start, 1.5)[1]).max()
        return minimised(function, start, *given, **rest)

    minimised = weighing.minimize
    monkeypatch.setattr(weighing, "minimize", watched)
    block_weights(*simulated(40, p, 6))
    assert seen["error"] < 1e-4 * seen["size"]


def test_columns_that_never_vary_have_no_weight() -> None:
    design, blocks, outcomes = simulated(40, 20, 3)
    design[:, 5:] = 0.0
    assert set(block_weights(design, blocks, outcomes)) == {"few"}
    assert block_weights(np.zeros((40, 20)), blocks, outcomes) == {}
