"""Ridge over blocks: scikit-learn where it has the same, and wide blocks that do not drown narrow ones."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from models.block_ridge import (
    RidgeSettings,
    fit_block_logistic,
    fit_block_ridge,
    logistic_covariance,
    standardise,
)

pytestmark = pytest.mark.usefixtures("one_thread")

RNG = np.random.default_rng(3)


def table(n: int, p: int) -> tuple[np.ndarray, np.ndarray, list[str], np.ndarray]:
    """Values with gaps, a margin of the first two columns, blocks, and that silence means nothing."""
    values = RNG.normal(size=(n, p)) * RNG.uniform(0.1, 20, p)
    margin = values[:, 0] / values[:, 0].std() - values[:, 1] / values[:, 1].std() + RNG.normal(size=n)
    values[RNG.random((n, p)) < 0.05] = np.nan
    blocks = ["few"] * 5 + ["many"] * (p - 5)
    return values, margin, blocks, np.zeros(p, dtype=bool)


@pytest.mark.parametrize("p", [12, 400])
def test_it_is_scikit_learns_ridge_on_the_scaled_columns(p: int) -> None:
    values, margin, blocks, absent = table(80, p)
    settings = RidgeSettings(0.7, {"many": 0.5})
    member = fit_block_ridge(values, margin, blocks, settings, absent)
    design = standardise(values, blocks, settings.scales, absent).design
    known = Ridge(alpha=0.7).fit(design, margin).predict(design)
    np.testing.assert_allclose(member.margin(values), known, atol=1e-9)


@pytest.mark.parametrize("p", [12, 400])
def test_it_is_scikit_learns_logistic_regression_on_the_scaled_columns(p: int) -> None:
    values, margin, blocks, absent = table(80, p)
    settings = RidgeSettings(0.7, {"many": 0.5})
    member = fit_block_logistic(values, (margin > 0) * 1.0, blocks, settings, absent)
    design = standardise(values, blocks, settings.scales, absent).design
    known = LogisticRegression(C=1 / 0.7, tol=1e-10, max_iter=10_000).fit(design, margin > 0)
    np.testing.assert_allclose(member.margin(values), known.decision_function(design), atol=1e-4)


def test_a_block_of_scale_0_is_left_out() -> None:
    values, margin, blocks, absent = table(80, 30)
    member = fit_block_ridge(values, margin, blocks, RidgeSettings(1.0, {"many": 0.0}), absent)
    assert not member.coefficients[5:].any()
    assert member.coefficients[:5].any()


def test_with_every_block_left_out_the_rate_is_answered() -> None:
    values, margin, blocks, absent = table(80, 400)
    settings = RidgeSettings(1.0, {"few": 0.0, "many": 0.0})
    member = fit_block_logistic(values, (margin > 0) * 1.0, blocks, settings, absent)
    rate = (margin > 0).mean()
    np.testing.assert_allclose(member.margin(values), np.log(rate / (1 - rate)), atol=1e-9)


def test_a_thousand_columns_of_noise_do_not_drown_five_that_matter() -> None:
    """Joined without blocks the ridge spreads its coefficients over noise; with blocks it keeps them."""
    values, margin, blocks, absent = table(150, 1000)
    fresh, truth, *_ = table(400, 1000)
    apart = fit_block_ridge(values, margin, blocks, RidgeSettings(0.3), absent).margin(fresh)
    joined = fit_block_ridge(values, margin, ["all"] * 1000, RidgeSettings(0.3), absent).margin(fresh)
    assert np.corrcoef(apart, truth)[0, 1] > np.corrcoef(joined, truth)[0, 1] + 0.2


def test_a_column_that_never_varies_counts_for_nothing() -> None:
    values, margin, blocks, absent = table(60, 10)
    values[:, 3] = 4.0
    assert fit_block_ridge(values, margin, blocks, RidgeSettings(1.0), absent).coefficients[3] == 0.0


def test_the_coefficients_covariance_is_what_refitting_on_other_patients_shows() -> None:
    """With patients enough the spread of refitted coefficients is the covariance's diagonal."""
    truth, n, p = np.array([1.0, -0.5, 0.0]), 400, 3
    blocks, absent, settings = ["all"] * p, np.zeros(p, dtype=bool), RidgeSettings(0.01)
    found = []
    for _ in range(150):
        values = RNG.normal(size=(n, p))
        happened = (RNG.random(n) < 1 / (1 + np.exp(-values @ truth))).astype(float)
        member = fit_block_logistic(values, happened, blocks, settings, absent)
        found.append(member.coefficients)
    covariance = logistic_covariance(values, member.margin(values), blocks, settings, absent)
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), np.std(found, axis=0), rtol=0.25)


def test_an_unlearned_coefficient_is_as_unsure_as_the_penalty_says() -> None:
    values = np.hstack([RNG.normal(size=(50, 1)), np.zeros((50, 1))])
    covariance = logistic_covariance(
        values, np.zeros(50), ["a", "a"], RidgeSettings(2.0), np.zeros(2, dtype=bool)
    )
    assert covariance[1].any() == np.False_
    assert 0.0 < covariance[0, 0] < 0.5
