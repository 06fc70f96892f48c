"""Members averaged on the margin, so that their exact contributions average to exact contributions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from features.errors import StudyError
from models.members import Explained, Member, Numbers
from models.outcome import ContinuousOutcome


@dataclass(frozen=True)
class Blend:
    """Members and their weights, which are not negative and sum to 1; a weight of 0 is not computed."""

    members: tuple[Member, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        fits = len(self.members) == len(self.weights) and all(w >= 0.0 for w in self.weights)
        if not fits or abs(sum(self.weights) - 1.0) > 1e-9:
            raise StudyError("a blend needs one weight a member, none negative, and a sum of 1")

    def margin(self, values: Numbers) -> Numbers:
        """Each patient's answer on the margin, shape (n,)."""
        total = np.zeros(len(values))
        for member, weight in self._weighted:
            total = total + weight * member.margin(values)
        return total

    def contributions(self, values: Numbers) -> tuple[Numbers, float]:
        """Exact additive contributions (n, p), and the base they start from."""
        total, base = np.zeros(values.shape), 0.0
        for member, weight in self._weighted:
            own, own_base = member.contributions(values)
            total, base = total + weight * own, base + weight * own_base
        return total, base

    def explain(self, values: Numbers) -> Explained:
        """Margins and contributions in one pass, with the same bits as either alone."""
        margin, total, base = np.zeros(len(values)), np.zeros(values.shape), 0.0
        for member, weight in self._weighted:
            own = member.explain(values)
            margin = margin + weight * own.margin
            total, base = total + weight * own.contributions, base + weight * own.base
        return Explained(margin, total, base)

    @cached_property
    def _weighted(self) -> tuple[tuple[Member, float], ...]:
        """The members that are computed."""
        pairs = zip(self.members, self.weights, strict=True)
        return tuple((member, weight) for member, weight in pairs if weight)


def best_weights(margins: Numbers, observed: Numbers, outcome: ContinuousOutcome) -> tuple[float, ...]:
    """The weights, in tenths, with the least mean absolute error in the outcome's unit.

    `margins` (n, m) are out-of-fold answers of m members, `observed` (n,) what was measured. Of equals
    the first counts, which leans on the first member.
    """
    n_members = margins.shape[1]
    tenths = (t for t in product(range(10, -1, -1), repeat=n_members) if sum(t) == 10)
    candidates = [tuple(t / 10 for t in ts) for ts in tenths]
    return min(candidates, key=lambda w: _error(margins @ np.array(w), observed, outcome))


def _error(margin: Numbers, observed: Numbers, outcome: ContinuousOutcome) -> float:
    return float(np.abs(outcome.from_margin(margin) - observed).mean())
