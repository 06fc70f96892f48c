"""A panel learned at once: gaps filled from what drugs share, blocks weighed by what they are worth."""

from __future__ import annotations

import numpy as np
import pytest

from models.panel_ridge import PanelSettings, complete_outcomes, fit_panel_ridge, normal_scores

pytestmark = pytest.mark.usefixtures("one_thread")

RNG = np.random.default_rng(17)
N, P, DRUGS = 160, 60, 30
BLOCKS = ["matters"] * 10 + ["noise"] * (P - 10)
NOTHING_ABSENT = np.zeros(P, dtype=bool)


def panel(seed: int, gaps: float = 0.4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, outcomes with gaps, and what the features alone say of each drug."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(N, P))
    effects = np.random.default_rng(1).normal(size=(3, 4)) @ np.random.default_rng(2).normal(size=(4, DRUGS))
    truth = 100 + 10 * values[:, :3] @ effects
    outcomes = truth + rng.normal(0, 25, truth.shape)
    outcomes[rng.random(truth.shape) < gaps] = np.nan
    return values, outcomes, truth


def test_it_answers_unseen_patients_better_than_a_ridge_for_each_drug() -> None:
    values, outcomes, _ = panel(3)
    fresh, _, truth = panel(4)
    together = fit_panel_ridge(values, outcomes, BLOCKS, PanelSettings(4), NOTHING_ABSENT)
    answered = np.column_stack([member.margin(fresh) for member in together.members])
    alone = np.empty_like(answered)
    for i, observed in enumerate(outcomes.T):
        known = ~np.isnan(observed)
        single = fit_panel_ridge(
            values[known], observed[known, None], BLOCKS, PanelSettings(), NOTHING_ABSENT
        )
        alone[:, i] = single.members[0].margin(fresh)
    correlations = [
        np.mean([np.corrcoef(a, t)[0, 1] for a, t in zip(each.T, truth.T, strict=True)])
        for each in (answered, alone)
    ]
    assert correlations[0] > correlations[1] + 0.02


def test_the_block_that_matters_weighs_more() -> None:
    values, outcomes, _ = panel(5)
    weights = fit_panel_ridge(values, outcomes, BLOCKS, PanelSettings(), NOTHING_ABSENT).weights
    assert weights["matters"] > 20 * weights["noise"]


def test_answers_are_in_the_outcomes_unit() -> None:
    values, outcomes, _ = panel(6)
    members = fit_panel_ridge(values, outcomes, BLOCKS, PanelSettings(), NOTHING_ABSENT).members
    answered = np.column_stack([member.margin(values) for member in members])
    np.testing.assert_allclose(answered.mean(axis=0), np.nanmean(outcomes, axis=0), atol=6.0)


def test_gaps_are_filled_nearer_the_truth_than_by_the_mean() -> None:
    factors = RNG.normal(size=(N, 2)) @ RNG.normal(size=(2, DRUGS))
    whole = (factors - factors.mean(axis=0)) / factors.std(axis=0) + RNG.normal(0, 0.4, factors.shape)
    gaps = RNG.random(whole.shape) < 0.3
    filled = complete_outcomes(np.where(gaps, np.nan, whole), 2)
    np.testing.assert_array_equal(filled[~gaps], whole[~gaps])
    assert np.square(filled - whole)[gaps].mean() < 0.4 * np.square(whole)[gaps].mean()


def test_without_gaps_nothing_is_changed() -> None:
    whole = RNG.normal(size=(20, 5))
    np.testing.assert_array_equal(complete_outcomes(whole, 3), whole)


def test_the_same_panel_gives_the_same_bytes() -> None:
    values, outcomes, _ = panel(8)
    one, other = (
        fit_panel_ridge(values, outcomes, BLOCKS, PanelSettings(), NOTHING_ABSENT) for _ in range(2)
    )
    assert [m.to_json() for m in one.members] == [m.to_json() for m in other.members]


def test_normal_scores_keep_order_and_gaps_and_lose_the_crowding() -> None:
    outcomes = np.array([[1.0], [2.0], [286.0], [np.nan], [2.0]])
    scores = normal_scores(outcomes)[:, 0]
    assert np.isnan(scores[3])
    assert scores[1] == scores[4]
    assert scores[0] < scores[1] < scores[2]
    np.testing.assert_allclose(np.nanmean(scores), 0.0, atol=1e-12)
