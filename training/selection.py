"""Choices made on out-of-fold errors that do not chase noise: the one-standard-error rule.

Which link or weight errs least varies more from site to site than the errors differ, and following it
costs accuracy on unseen patients. So the simpler choice stands unless another is better by more than
one standard error, clustered by site (Breiman et al. 1984; doi:10.1201/9781315139470). Simple means
the study's first link, and weights as even as can be.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from features.cohort import Texts
from models.blend import best_weights, tenths
from models.outcome import Outcome

Numbers = NDArray[np.float64]


Choice = TypeVar("Choice", bound=Hashable)


def steady_choice(losses: Mapping[Choice, Numbers], groups: Texts) -> Choice:
    """The first choice whose losses (n,) are not clearly higher than the best's; simpler ones stand first."""
    best = min(losses.values(), key=lambda own: float(own.mean()))
    return next(choice for choice, own in losses.items() if not _is_clearly_worse(own, best, groups))


def steady_weights(margins: Numbers, observed: Numbers, outcome: Outcome, groups: Texts) -> tuple[float, ...]:
    """The most even weights, in tenths, that are not clearly worse than the best; margins are (n, m)."""

    def errors(weights: tuple[float, ...]) -> Numbers:
        return outcome.losses(margins @ np.array(weights), observed)

    n_members = margins.shape[1]
    least = errors(best_weights(margins, observed, outcome))
    even_first = sorted(
        tenths(n_members), key=lambda weights: sum((w - 1.0 / n_members) ** 2 for w in weights)
    )
    return next(weights for weights in even_first if not _is_clearly_worse(errors(weights), least, groups))


def _is_clearly_worse(errors: Numbers, reference: Numbers, groups: Texts) -> bool:
    difference = errors - reference
    return bool(difference.mean() > clustered_error(difference, groups))


def clustered_error(values: Numbers, groups: Texts) -> float:
    """Standard error of the mean of values (n,) when patients of one group are alike."""
    _, group = np.unique(groups.astype(str), return_inverse=True)
    sums = np.bincount(group, weights=values - values.mean())
    return float(np.sqrt(np.square(sums).sum()) / len(values))
