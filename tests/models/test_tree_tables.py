"""Looked-up trees say what LightGBM says of the same trees, missing values included."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest

from models.tree_tables import TreeTables, _shapley

RNG = np.random.default_rng(7)
VALUES = RNG.normal(size=(800, 6)).round(1)
VALUES[RNG.random(VALUES.shape) < 0.1] = np.nan
VALUES[:, 5] = RNG.integers(0, 3, 800)
DOSE = np.nan_to_num(VALUES[:, 0]) + np.nan_to_num(VALUES[:, 1]) * VALUES[:, 5] + RNG.normal(size=800) + 5


def _grown(**settings: object) -> lightgbm.Booster:
    parameters = {"num_leaves": 7, "min_data_in_leaf": 10, "num_threads": 1, "verbosity": -1, **settings}
    return lightgbm.train(parameters, lightgbm.Dataset(VALUES, DOSE), 40)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"num_leaves": 2},
        {"num_leaves": 9, "bagging_fraction": 0.6, "bagging_freq": 1},
        {"use_missing": False},
        {"objective": "l1", "boost_from_average": False},
    ],
)
def test_looked_up_trees_equal_lightgbm(settings: dict[str, object]) -> None:
    booster = _grown(**settings)
    tables = TreeTables.of(booster.model_to_string())
    assert tables is not None
    both = booster.predict(VALUES, pred_contrib=True)
    assert np.array_equal(tables.margin(VALUES), booster.predict(VALUES))
    assert np.abs(tables.contributions(VALUES) - both[:, :-1]).max() < 1e-11
    assert abs(tables.base - both[0, -1]) < 1e-11


def test_a_row_alone_has_the_bits_of_the_same_row_in_a_batch() -> None:
    tables = TreeTables.of(_grown().model_to_string())
    assert tables is not None
    together, margins = tables.contributions(VALUES), tables.margin(VALUES)
    for i in range(0, 800, 37):
        assert np.array_equal(tables.contributions(VALUES[i : i + 1])[0], together[i])
        assert tables.margin(VALUES[i : i + 1])[0] == margins[i]


def test_trees_that_never_split_answer_their_mean() -> None:
    constant = lightgbm.train({"verbosity": -1}, lightgbm.Dataset(VALUES, np.full(800, 3.0)), 2)
    tables = TreeTables.of(constant.model_to_string())
    assert tables is not None
    assert np.array_equal(tables.margin(VALUES), constant.predict(VALUES))
    assert not tables.contributions(VALUES).any()


def test_large_categorical_and_zero_missing_trees_are_left_to_lightgbm() -> None:
    assert TreeTables.of(_grown(num_leaves=31).model_to_string()) is None
    assert TreeTables.of(_grown(zero_as_missing=True).model_to_string()) is None
    by_code = (VALUES[:, 5] == 1) * 10.0
    codes = lightgbm.Dataset(VALUES, by_code, categorical_feature=[5], params={"min_data_per_group": 5})
    told = lightgbm.train({"num_leaves": 4, "max_cat_to_onehot": 1, "verbosity": -1}, codes, 5)
    assert TreeTables.of(told.model_to_string()) is None


def test_shapley_values_of_a_path_worked_by_hand() -> None:
    """The features let 0.5 and 0.2 through: of nothing, either and both known 0.1, 0.2, 0.5 and 1 pass."""
    by_hand = [0.5 * ((0.2 - 0.1) + (1.0 - 0.5)), 0.5 * ((0.5 - 0.1) + (1.0 - 0.2))]
    assert np.allclose(_shapley(np.ones((1, 2)), np.array([0.5, 0.2])), [by_hand])
