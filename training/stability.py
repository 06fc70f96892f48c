"""Which features are chosen again and again on halves of the patients: stability selection.

On each half least angle regression (doi:10.1214/009053604000000067) takes features in one after another, as a
lasso does that drops none, until `n_chosen` are in. A feature taken in on more
than a share `threshold` of the halves is selected; of features without any bearing on the outcome at most

    n_chosen^2 / ((2 threshold - 1) n_features)

are selected on average, if they are exchangeable (Meinshausen and Buehlmann 2010,
doi:10.1111/j.1467-9868.2010.00740.x). Halves come in pairs (doi:10.1111/j.1467-9868.2011.01034.x).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import lars_path
from threadpoolctl import threadpool_limits

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Stability:
    """On which share of the halves each feature (p,) was chosen; what was asked, and the error bound."""

    frequency: Numbers
    n_chosen: int
    n_halves: int
    threshold: float
    bound: float

    @property
    def selected(self) -> NDArray[np.int64]:
        """Positions of the selected features, the most often chosen first."""
        order = np.argsort(-self.frequency, kind="stable")
        return order[self.frequency[order] > self.threshold]


def n_chosen_for(n_features: int, threshold: float, false_selections: float = 1.0) -> int:
    """How many features a half may choose so that at most so many are selected falsely on average."""
    return max(1, math.floor(math.sqrt(false_selections * (2.0 * threshold - 1.0) * n_features)))


def stability_selection(
    design: Numbers, target: Numbers, n_halves: int, threshold: float, seed: int
) -> Stability:
    """Selection frequencies of standardised features (n, p) for a target (n,); `n_halves` is even.

    The target is a margin, or 0 and 1, which least squares ranks well enough to choose by.
    """
    n, p = design.shape
    n_chosen = n_chosen_for(p, threshold)
    counts = np.zeros(p)
    rng = np.random.default_rng([seed, 2])
    with threadpool_limits(1):
        for _ in range(n_halves // 2):
            order = rng.permutation(n)
            for half in (order[: n // 2], order[n // 2 : 2 * (n // 2)]):
                counts[_first_chosen(design[half], target[half], n_chosen)] += 1.0
    pairs = n_halves // 2
    bound = n_chosen**2 / ((2.0 * threshold - 1.0) * p)
    return Stability(counts / (2 * pairs), n_chosen, 2 * pairs, threshold, bound)


def _first_chosen(design: Numbers, target: Numbers, n_chosen: int) -> NDArray[np.int64]:
    """The features that are taken in first; fewer where the half has no more to give."""
    centred = design - design.mean(axis=0)
    norms = np.sqrt(np.square(centred).sum(axis=0))
    varies = np.flatnonzero(norms > 1e-9)
    columns = centred[:, varies] / norms[varies]
    _, active, _ = lars_path(
        columns, target - target.mean(), method="lar", max_iter=n_chosen, Gram=False, return_path=False
    )
    return varies[np.array(active[:n_chosen], dtype=np.int64)]
