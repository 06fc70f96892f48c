"""How the members are fitted: robust linear regression with site intercepts, and shallow boosted trees."""

from __future__ import annotations

from dataclasses import dataclass

import lightgbm
import numpy as np
from numpy.typing import NDArray

from models.huber import huber
from models.members import LinearMember, Numbers, TreeMember, absent_fill

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class LinearSettings:
    """Ridge penalty `alpha`, Huber's `epsilon`, and how freely a group's own intercept may move."""

    alpha: float = 1.0
    epsilon: float = 1.2
    group_scale: float = 0.3


@dataclass(frozen=True, slots=True)
class TreeSettings:
    """LightGBM's own names; few leaves and few bins, which is both quicker and better on few patients."""

    objective: str = "l2"
    num_leaves: int = 7
    n_trees: int = 300
    learning_rate: float = 0.05
    min_data_in_leaf: int = 40
    lambda_l2: float = 10.0
    feature_fraction: float = 0.5
    bagging_fraction: float = 0.7
    max_bin: int = 63
    seed: int = 0


def fit_linear(
    values: Numbers, margin: Numbers, groups: NDArray, settings: LinearSettings, absent: Mask
) -> LinearMember:
    """Huber regression of the margin (n,) on standardised, median-filled columns (n, p).

    Each group of `groups` (n,) has an intercept of its own, shrunken because its indicator column is
    only `group_scale` large; it keeps the slopes within groups and is dropped when answering. `absent`
    (p,) marks columns in which missing means 0. doi:10.1214/aoms/1177703732
    """
    fill = column_medians(values, absent)
    filled = np.where(np.isnan(values), fill, values)
    centre, spread = filled.mean(axis=0), filled.std(axis=0)
    spread = np.where(spread > 1e-12, spread, 1.0)
    indicators = (groups[:, None] == np.unique(groups)[None, :]) * settings.group_scale
    design = np.hstack([(filled - centre) / spread, indicators])
    slopes, level = huber(design, margin, settings.epsilon, settings.alpha)
    coefficients = slopes[: values.shape[1]] / spread
    intercept = float(level - (coefficients * centre).sum())
    return LinearMember(coefficients, intercept, centre, fill)


def fit_trees(values: Numbers, margin: Numbers, settings: TreeSettings, absent: Mask) -> TreeMember:
    """Boosted trees of the margin (n,) on the columns (n, p); the same inputs give the same text."""
    fill = absent_fill(values.shape[1], absent)
    columns = np.ascontiguousarray(np.where(np.isnan(values), fill, values))
    parameters = _parameters(settings)
    data = lightgbm.Dataset(columns, np.ascontiguousarray(margin), params=parameters)
    booster = lightgbm.train(parameters, data, num_boost_round=settings.n_trees, keep_training_booster=True)
    return TreeMember(booster.model_to_string(), fill)


def column_medians(values: Numbers, absent: Mask) -> Numbers:
    """The median of what was recorded in each column; 0 in `absent` columns and in empty ones."""
    nothing = absent | np.isnan(values).all(axis=0)
    return np.nanmedian(np.where(nothing, 0.0, values), axis=0)


def _parameters(settings: TreeSettings) -> dict[str, object]:
    return {
        "objective": settings.objective,
        "num_leaves": settings.num_leaves,
        "learning_rate": settings.learning_rate,
        "min_data_in_leaf": settings.min_data_in_leaf,
        "lambda_l2": settings.lambda_l2,
        "feature_fraction": settings.feature_fraction,
        "bagging_fraction": settings.bagging_fraction,
        "bagging_freq": 1,
        "max_bin": settings.max_bin,
        "seed": settings.seed,
        "num_threads": 1,
        "deterministic": True,
        "force_col_wise": True,
        "verbosity": -1,
    }
