"""Ridge regression of many drugs at once, which learns what drugs share and what each block is worth.

Outcomes of a panel are incomplete and go together: cells that resist one inhibitor tend to resist its kin.
So each drug's outcomes are turned to normal scores, the gaps are filled by shrunken principal factors of
the panel (probabilistic PCA, doi:10.1111/1467-9868.00196), and all drugs are regressed at once on blocks
whose weights are shared (`models.block_weights`), wide ones in tiers (`models.column_tiers`). What comes out
is a plain coefficient for each feature and drug, so contributions stay exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import rankdata

from models.block_ridge import Standardised, standardise
from models.block_weights import block_weights
from models.column_tiers import of_blocks, strength, tiers
from models.members import LinearMember, Numbers

Mask = NDArray[np.bool_]
_ROUNDS, _SETTLED = 60, 1e-4
_TINY = 1e-12


@dataclass(frozen=True)
class PanelSettings:
    """How many factors of the panel carry what drugs have in common."""

    factors: int = 6


@dataclass(frozen=True)
class FittedPanel:
    """One linear member a drug, and the weight that each block's kernel was given (noise counts as 1),
    that of a block in tiers being their sum."""

    members: tuple[LinearMember, ...]
    weights: Mapping[str, float]


def fit_panel_ridge(
    values: Numbers, outcomes: Numbers, blocks: Sequence[str], settings: PanelSettings, absent: Mask
) -> FittedPanel:
    """Least squares of outcomes (n, drugs), NaN where not measured, on columns (n, p) of `blocks` (p,)."""
    mean, spread = np.nanmean(outcomes, axis=0), np.nanstd(outcomes, axis=0)
    complete = complete_outcomes(normal_scores(outcomes), settings.factors)
    level = complete.mean(axis=0)
    strong = strength(standardise(values, blocks, {}, absent).design, complete - level)
    parts = tiers(blocks, strong)
    ready = standardise(values, parts, {}, absent)
    weights = block_weights(ready.design, parts, complete - level)
    scaled = ready.design * np.sqrt([weights.get(part, 0.0) for part in parts])
    coefficients = _solved(scaled, complete - level) * spread
    ready = standardise(values, parts, {part: float(np.sqrt(w)) for part, w in weights.items()}, absent)
    return FittedPanel(_members(ready, coefficients, mean + spread * level), of_blocks(weights))


def _solved(scaled: Numbers, outcomes: Numbers) -> Numbers:
    """Ridge coefficients (p, drugs) under a penalty of 1, among patients or columns, whichever are fewer."""
    n, p = scaled.shape
    if p <= n:
        return np.asarray(np.linalg.solve(scaled.T @ scaled + np.eye(p), scaled.T @ outcomes))
    return scaled.T @ np.linalg.solve(scaled @ scaled.T + np.eye(n), outcomes)


def normal_scores(outcomes: Numbers) -> Numbers:
    """Outcomes (n, drugs) as standard normal scores of their ranks in each drug; NaN stays NaN.

    Dose-response areas crowd at their upper end; scores keep the order and lose the crowding
    (Blom 1958; ties share their mean rank).
    """
    scores = np.full(outcomes.shape, np.nan)
    for i, column in enumerate(outcomes.T):
        known = ~np.isnan(column)
        scores[known, i] = ndtri((rankdata(column[known]) - 0.375) / (known.sum() + 0.25))
    return scores


def _members(ready: Standardised, coefficients: Numbers, level: Numbers) -> tuple[LinearMember, ...]:
    pairs = zip(coefficients.T, level.tolist(), strict=True)
    return tuple(ready.member(own, intercept) for own, intercept in pairs)


def complete_outcomes(standardised: Numbers, n_factors: int) -> Numbers:
    """Outcomes (n, drugs) with the gaps filled from `n_factors` shrunken principal factors; 0 is the mean."""
    missing = np.isnan(standardised)
    filled = np.where(missing, 0.0, standardised)
    kept = min(n_factors, min(filled.shape) - 1)
    if kept < 1 or not missing.any():
        return filled
    for _ in range(_ROUNDS):
        level = filled.mean(axis=0)
        left, sizes, right = np.linalg.svd(filled - level, full_matrices=False)
        noise = np.square(sizes[kept:]).mean()
        shrunk = np.maximum(sizes[:kept] - noise / np.maximum(sizes[:kept], _TINY), 0.0)
        before, filled = filled, np.where(missing, (left[:, :kept] * shrunk) @ right[:kept] + level, filled)
        if np.abs(filled - before).max() < _SETTLED:
            break
    return filled
