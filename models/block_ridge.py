"""Ridge regression over blocks of features, each block with a scale of its own; linear and logistic.

A block of a thousand genes and one of five clinical facts cannot share a penalty: the wide one drowns the
narrow one. Each column is standardised and its block divided by the root of its number of columns, so that
blocks start out equal, then multiplied by the block's scale; 0 leaves the block out (multi-penalty ridge,
doi:10.1186/s12859-021-04423-x). With more columns than patients everything is solved in the patients' space
(n by n), never p by p.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from models.block_weights import block_weights
from models.estimators import column_medians
from models.members import LinearMember, Numbers

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class RidgeSettings:
    """The penalty on standardised columns, and each block's scale (1 where none is named)."""

    penalty: float
    scales: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Standardised:
    """Training columns filled, centred and scaled: `design` (n, p), and what turns coefficients back."""

    design: Numbers
    fill: Numbers
    centre: Numbers
    factor: Numbers

    def member(self, coefficients: Numbers, intercept: float) -> LinearMember:
        """The linear member on the columns as they were, from coefficients (p,) on `design`."""
        own = coefficients * self.factor
        return LinearMember(own, float(intercept - (own * self.centre).sum()), self.centre, self.fill)


def standardise(
    values: Numbers, blocks: Sequence[str], scales: Mapping[str, float], absent: Mask
) -> Standardised:
    """Columns (n, p) made comparable; a column that does not vary, or of scale 0, becomes 0."""
    fill = column_medians(values, absent)
    filled = np.where(np.isnan(values), fill, values)
    centre, spread = filled.mean(axis=0), filled.std(axis=0)
    varies = spread > 1e-12
    labels = np.array(blocks, dtype=object)
    weight = np.zeros(len(labels))
    for block in dict.fromkeys(blocks):
        own = (labels == block) & varies
        weight[own] = scales.get(block, 1.0) / np.sqrt(max(own.sum(), 1))
    factor = np.where(varies, weight / np.where(varies, spread, 1.0), 0.0)
    return Standardised((filled - centre) * factor, fill, centre, factor)


def fit_block_ridge(
    values: Numbers, margin: Numbers, blocks: Sequence[str], settings: RidgeSettings, absent: Mask
) -> LinearMember:
    """Least squares of the margin (n,) on the columns (n, p) of `blocks` (p,)."""
    ready = standardise(values, blocks, settings.scales, absent)
    basis, scores = _reduced(ready.design)
    mean = float(margin.mean())
    gram = scores.T @ scores + settings.penalty * np.eye(scores.shape[1])
    return ready.member(basis @ np.linalg.solve(gram, scores.T @ (margin - mean)), mean)


def fit_block_logistic(
    values: Numbers, happened: Numbers, blocks: Sequence[str], settings: RidgeSettings, absent: Mask
) -> LinearMember:
    """Logistic regression of what happened (n,), 0 or 1; the intercept is not penalised."""
    ready = standardise(values, blocks, settings.scales, absent)
    basis, scores = _reduced(ready.design)
    if scores.shape[1] == 0:
        rate = float(np.clip(happened.mean(), 1e-6, 1.0 - 1e-6))
        return ready.member(np.zeros(values.shape[1]), np.log(rate) - np.log1p(-rate))
    fitted = LogisticRegression(C=1.0 / settings.penalty, solver="newton-cholesky", tol=1e-8)
    fitted.fit(scores, happened > 0.5)
    return ready.member(basis @ fitted.coef_[0], float(fitted.intercept_[0]))


def learned_settings(
    values: Numbers, outcome: Numbers, blocks: Sequence[str], is_binary: bool, absent: Mask
) -> RidgeSettings:
    """The scale of each block that makes the outcome (n,) most likely, under a penalty of 1.

    Of a binary outcome the weights are those of its least-squares regression, brought to log-odds by the
    variance of the rate.
    """
    design = standardise(values, blocks, {}, absent).design
    weights = block_weights(design, blocks, (outcome - outcome.mean())[:, None])
    rate = float(np.clip(outcome.mean(), 1e-6, 1.0 - 1e-6))
    unit = rate * (1.0 - rate) if is_binary else 1.0
    scales = {block: float(np.sqrt(weights.get(block, 0.0) / unit)) for block in dict.fromkeys(blocks)}
    return RidgeSettings(1.0, scales)


def logistic_covariance(
    values: Numbers, margin: Numbers, blocks: Sequence[str], settings: RidgeSettings, absent: Mask
) -> Numbers:
    """Covariance (p, p) of the coefficients on the columns as they were, given the fitted margin (n,).

    Laplace's approximation with the ridge as the prior (doi:10.1162/neco.1992.4.3.448): what the patients
    did not decide stays as uncertain as the penalty assumed.
    """
    ready = standardise(values, blocks, settings.scales, absent)
    p = 1.0 / (1.0 + np.exp(-np.clip(margin, -700.0, 700.0)))
    weighted = ready.design * (p * (1.0 - p))[:, None]
    centred = ready.design - weighted.sum(axis=0) / max(float((p * (1.0 - p)).sum()), 1e-12)
    information = centred.T @ weighted + settings.penalty * np.eye(ready.design.shape[1])
    covariance = np.linalg.inv((information + information.T) / 2.0)
    return ready.factor[:, None] * covariance * ready.factor[None, :]


def _reduced(design: Numbers) -> tuple[Numbers, Numbers]:
    """An orthonormal basis (p, k) and scores (n, k) with the same ridge solution; k is at most n."""
    n, p = design.shape
    if p <= n:
        return np.eye(p), design
    gram = design @ design.T
    values, vectors = np.linalg.eigh(gram)
    kept = values > max(values[-1], 1e-300) * 1e-12
    roots = np.sqrt(values[kept])
    scores = vectors[:, kept] * roots
    return design.T @ (vectors[:, kept] / roots), scores
