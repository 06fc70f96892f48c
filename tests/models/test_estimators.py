"""Members: what is fitted, that it is additive, and that a row's bits do not depend on its company."""

from __future__ import annotations

import importlib
import warnings
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import HuberRegressor

from features.errors import FeatureError
from models.estimators import LinearSettings, TreeSettings, column_medians, fit_linear, fit_trees
from models.members import LinearMember, TreeMember
from tests.models.conftest import Trained


def members(trained: Trained) -> tuple[LinearMember, TreeMember]:
    linear, trees = trained.model.blend.members
    assert isinstance(linear, LinearMember)
    assert isinstance(trees, TreeMember)
    return linear, trees


def test_contributions_and_base_add_up_to_the_margin(trained: Trained) -> None:
    for member in members(trained):
        contributions, base = member.contributions(trained.matrix.values)
        assert np.allclose(contributions.sum(axis=1) + base, member.margin(trained.matrix.values), atol=1e-10)


@pytest.fixture(scope="module")
def shap() -> ModuleType:
    """The reference; its plots warn of matplotlib's future while they are imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("shap")


@pytest.mark.slow
def test_tree_contributions_are_those_of_shap(trained: Trained, shap: ModuleType) -> None:
    _, trees = members(trained)
    filled = np.where(np.isnan(trained.matrix.values), trees.fill, trained.matrix.values)[:50]
    explainer = shap.TreeExplainer(trees._booster)
    contributions, base = trees.contributions(trained.matrix.values[:50])
    assert np.allclose(contributions, explainer.shap_values(filled), atol=1e-12)
    assert base == pytest.approx(float(np.squeeze(explainer.expected_value)), abs=1e-12)


def test_linear_contributions_are_the_closed_form(trained: Trained) -> None:
    linear, _ = members(trained)
    contributions, _ = linear.contributions(trained.matrix.values[:20])
    for row, found in zip(trained.matrix.values[:20], contributions, strict=True):
        for j, value in enumerate(row):
            filled = linear.fill[j] if np.isnan(value) else value
            assert found[j] == linear.coefficients[j] * (filled - linear.centre[j])


def test_linear_finds_the_slopes_of_the_truth(trained: Trained) -> None:
    linear, _ = members(trained)
    slope = dict(zip(trained.matrix.names, linear.coefficients, strict=True))
    assert slope["clinical.age.value"] == pytest.approx(-0.025, abs=0.008)
    assert slope["genotype.VKORC1.rs9923231_T_count"] == pytest.approx(-0.85, abs=0.25)


def test_linear_is_sklearns_huber_mapped_back_to_raw_columns() -> None:
    rng = np.random.default_rng(3)
    values, groups = rng.normal(5.0, 2.0, (80, 3)), np.repeat(["a", "b"], 40)
    margin = values @ np.array([1.0, -2.0, 0.5]) + (groups == "a") + rng.standard_t(3, 80)
    fitted = fit_linear(values, margin, groups, LinearSettings(), np.zeros(3, dtype=bool))
    scaled = (values - values.mean(axis=0)) / values.std(axis=0)
    design = np.hstack([scaled, 0.3 * (groups[:, None] == np.array([["a", "b"]]))])
    huber = HuberRegressor(epsilon=1.2, alpha=1.0, max_iter=2000, tol=1e-6).fit(design, margin)
    assert np.allclose(fitted.margin(values), huber.intercept_ + scaled @ huber.coef_[:3], atol=1e-4)


def test_silence_is_zero_where_it_means_no_and_the_median_elsewhere() -> None:
    values = np.array([[1.0, np.nan, np.nan], [1.0, 4.0, np.nan], [1.0, 6.0, np.nan]])
    assert column_medians(values, np.array([True, False, False])).tolist() == [0.0, 5.0, 0.0]


def test_trees_learn_of_missing_unless_silence_means_no() -> None:
    values = np.where(np.random.default_rng(0).random((200, 1)) < 0.5, np.nan, 1.0)
    margin = np.isnan(values[:, 0]).astype(float)
    settings = TreeSettings(n_trees=5, min_data_in_leaf=5)
    assert np.isnan(fit_trees(values, margin, settings, np.array([False])).fill).all()
    member = fit_trees(values, margin, settings, np.array([True]))
    assert np.array_equal(member.margin(np.array([[np.nan]])), member.margin(np.array([[0.0]])))


def test_refitting_gives_the_same_bytes(trained: Trained) -> None:
    margin = trained.model.outcome.to_margin(trained.cohort.outcome("weekly_dose"))
    settings = TreeSettings(n_trees=10)
    values, absent, sites = trained.matrix.values, trained.absent_mask, trained.cohort.groups["site"]
    trees = [fit_trees(values, margin, settings, absent).model_text for _ in range(2)]
    linear = [fit_linear(values, margin, sites, LinearSettings(), absent).to_json() for _ in range(2)]
    assert trees[0] == trees[1]
    assert linear[0] == linear[1]


@given(st.lists(st.integers(0, 599), min_size=1, max_size=30))
def test_a_row_has_the_same_bits_alone_and_in_any_batch(trained: Trained, rows: list[int]) -> None:
    for member in members(trained):
        together = member.margin(np.asfortranarray(trained.matrix.values[rows]))
        contributions, _ = member.contributions(trained.matrix.values[rows])
        for position, row in enumerate(rows[:3]):
            alone = trained.matrix.values[row : row + 1]
            assert member.margin(alone)[0] == together[position]
            assert np.array_equal(member.contributions(alone)[0][0], contributions[position])


def test_linear_numbers_survive_json(trained: Trained) -> None:
    linear, _ = members(trained)
    again = LinearMember.from_json(linear.to_json())
    assert np.array_equal(again.margin(trained.matrix.values), linear.margin(trained.matrix.values))


def test_no_patients_give_no_answers(trained: Trained) -> None:
    nobody = trained.matrix.values[:0]
    for member in members(trained):
        contributions, base = member.contributions(nobody)
        assert (len(member.margin(nobody)), contributions.shape, np.isfinite(base)) == (0, nobody.shape, True)


def test_columns_too_many_or_too_few_are_refused(trained: Trained) -> None:
    for member in members(trained):
        with pytest.raises(FeatureError, match="is needed"):
            member.margin(trained.matrix.values[:, 1:])
