"""Figures of probabilities agree with scikit-learn's, pair by pair, and their intervals are honest."""

from __future__ import annotations

from statistics import mean

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from training.discrimination import HeldOutProbabilities, auc, probability_figures

RNG = np.random.default_rng(11)
N = 160
OBSERVED = (RNG.random(N) < 0.4).astype(float)
ANSWERED = 1 / (1 + np.exp(-(OBSERVED - 0.5 + RNG.normal(0, 1, N))))
ARMS = np.array(["a", "b", "c", "d"] * 40, dtype=object)


def held(rows: np.ndarray, arms: np.ndarray = ARMS) -> HeldOutProbabilities:
    """One split's patients; the sets hold the outcome of every other patient."""
    covered = (rows % 2 == 0).astype(float)
    return HeldOutProbabilities(rows, OBSERVED[rows], ANSWERED[rows], covered, covered, arms[rows])


FOLDS = [held(rows) for rows in np.array_split(np.arange(N), 4)]


def test_auc_is_scikit_learns_with_ties_counted_half() -> None:
    coarse = np.round(ANSWERED, 1)
    assert auc(OBSERVED, coarse) == pytest.approx(roc_auc_score(OBSERVED, coarse))
    assert np.isnan(auc(np.ones(3), ANSWERED[:3]))


def test_one_split_gives_scikit_learns_figures() -> None:
    found = {name: figure["value"] for name, figure in probability_figures([held(np.arange(N))], N).items()}
    assert found["auc"] == pytest.approx(roc_auc_score(OBSERVED, ANSWERED), abs=1e-6)
    assert found["brier"] == pytest.approx(brier_score_loss(OBSERVED, ANSWERED), abs=1e-6)
    assert found["log_loss"] == pytest.approx(log_loss(OBSERVED, ANSWERED), abs=1e-6)
    rate = OBSERVED.mean()
    assert found["brier_skill"] == pytest.approx(1 - found["brier"] / (rate * (1 - rate)), abs=1e-5)
    assert found["coverage90"] == 50.0


def test_pairs_are_compared_within_a_split_only() -> None:
    """Shifting one split's answers changes no order within it, so the AUC stays."""
    shifted = [held(h.patients) for h in FOLDS]
    object.__setattr__(shifted[0], "answered", shifted[0].answered * 0.01)
    before, after = (probability_figures(parts, N)["auc"]["value"] for parts in (FOLDS, shifted))
    assert before == after


def test_the_figure_within_arms_counts_pairs_of_one_arm_and_split() -> None:
    right = total = 0.0
    for fold in FOLDS:
        for one, other in ((i, j) for i in range(40) for j in range(40)):
            if fold.groups[one] == fold.groups[other] and fold.observed[one] > fold.observed[other]:
                total += 1
                right += fold.answered[one] > fold.answered[other]
    assert probability_figures(FOLDS, N)["auc_within"]["value"] == pytest.approx(right / total, abs=1e-6)


def test_one_group_has_no_figure_within_groups() -> None:
    alone = np.full(N, "only", dtype=object)
    assert "auc_within" not in probability_figures([held(np.arange(N), alone)], N)


def test_slope_of_answers_that_exaggerate_is_below_one() -> None:
    rng = np.random.default_rng(5)
    margin = rng.normal(0, 1, 3000)
    happened = (rng.random(3000) < 1 / (1 + np.exp(-margin))).astype(float)
    nothing = np.full(3000, np.nan)
    told = 1 / (1 + np.exp(-2 * margin))
    split = HeldOutProbabilities(np.arange(3000), happened, told, nothing, nothing, nothing.astype(object))
    figure = probability_figures([split], 3000)["slope"]
    assert figure["value"] == pytest.approx(0.5, abs=0.06)
    assert figure["lower"] < 0.5 < figure["upper"]


def test_the_interval_is_about_as_wide_as_fresh_patients_would_spread() -> None:
    spread = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        happened = (rng.random(N) < 0.4).astype(float)
        spread.append(auc(happened, happened + rng.normal(0, 1, N)))
    figure = probability_figures([held(np.arange(N))], N)["auc"]
    width = figure["upper"] - figure["lower"]
    assert width == pytest.approx(2 * 1.96 * np.std(spread), rel=0.35)


def test_nobody_held_out_is_no_figure() -> None:
    assert probability_figures([held(np.array([], dtype=int))], N) == {}
    assert mean(len(h.patients) for h in FOLDS) == 40
