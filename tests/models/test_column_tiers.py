"""A wide block in tiers: few genes that decide are found among many, from training patients alone."""

from __future__ import annotations

import numpy as np
import pytest

from models.column_tiers import ENDS, of_blocks, strength, tiers
from models.panel_ridge import PanelSettings, fit_panel_ridge

pytestmark = pytest.mark.usefixtures("one_thread")
N, P, DRUGS = 300, 900, 12
CAUSAL = np.array([7, 100, 450, 611, 700, 899])


def sparse_panel(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features, and outcomes that six single features decide for all drugs, beside noise."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(N, P))
    effects = np.random.default_rng(99).normal(0.7, 0.5, (len(CAUSAL), DRUGS))
    signal = values[:, CAUSAL] @ effects
    return values, signal + 0.5 * signal.std(axis=0) * rng.normal(size=signal.shape)


def test_few_deciding_genes_are_learned_among_many_that_do_not() -> None:
    (values, outcomes), (fresh, truth) = sparse_panel(1), sparse_panel(2)
    fitted = fit_panel_ridge(
        values, outcomes, ["expression"] * P, PanelSettings(), np.zeros(P, dtype=np.bool_)
    )
    for member, column in zip(fitted.members, truth.T, strict=True):
        assert np.corrcoef(member.margin(fresh), column)[0, 1] > 0.75
    sizes = np.mean([np.abs(member.coefficients) for member in fitted.members], axis=0)
    assert set(np.argsort(-sizes)[: len(CAUSAL)]) == set(CAUSAL)


def test_answers_stay_exact_sums_over_features_and_weights_are_told_by_block() -> None:
    values, outcomes = sparse_panel(3)
    blocks = ["clinical"] * 5 + ["expression"] * (P - 5)
    fitted = fit_panel_ridge(values, outcomes, blocks, PanelSettings(), np.zeros(P, dtype=np.bool_))
    assert set(fitted.weights) <= {"clinical", "expression"}
    for member in fitted.members:
        contributions, base = member.contributions(values)
        np.testing.assert_allclose(base + contributions.sum(axis=1), member.margin(values), atol=1e-9)


def test_what_is_held_out_changes_no_tier() -> None:
    values, outcomes = sparse_panel(4)
    altered = outcomes.copy()
    altered[200:] = -altered[200:]
    answers = [
        fit_panel_ridge(values[:200], known[:200], ["e"] * P, PanelSettings(), np.zeros(P, dtype=np.bool_))
        for known in (outcomes, altered)
    ]
    assert [m.to_json() for m in answers[0].members] == [m.to_json() for m in answers[1].members]


def test_strength_is_the_mean_squared_correlation() -> None:
    rng = np.random.default_rng(5)
    design, outcomes = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
    design[:, 2] = 1.0
    naive = [
        np.mean([np.corrcoef(design[:, i], outcomes[:, k])[0, 1] ** 2 for k in range(2)]) for i in range(2)
    ]
    found = strength(design - design.mean(axis=0), outcomes - outcomes.mean(axis=0))
    np.testing.assert_allclose(found, [*naive, 0.0])


def test_only_a_wide_block_is_cut_and_ties_go_by_place() -> None:
    wide = ENDS[-1] + 1
    parts = tiers(["narrow"] * 4 + ["wide"] * wide, np.zeros(4 + wide))
    assert parts[:4] == ("narrow/0",) * 4
    assert parts[4:] == ("wide/0",) * 30 + ("wide/1",) * 70 + ("wide/2",) * 200 + ("wide/3",)


def test_a_block_is_worth_the_sum_of_its_tiers() -> None:
    assert of_blocks({"a/b/0": 0.25, "a/b/3": 0.5, "c/0": 1.0}) == {"a/b": 0.75, "c": 1.0}
