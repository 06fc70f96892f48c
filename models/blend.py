"""Members averaged on the margin, so that their exact contributions average to exact contributions.

Calibration is affine on the margin, so it stands in the weights and the shift and contributions stay exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from features.errors import StudyError
from models.members import Explained, Member, Numbers
from models.outcome import Outcome


@dataclass(frozen=True)
class Blend:
    """margin = `shift` + the weighted sum of the members' margins; a weight of 0 is not computed.

    Weights are not negative. They sum to 1 unless a calibration stretched or shrank them.
    """

    members: tuple[Member, ...]
    weights: tuple[float, ...]
    shift: float = 0.0

    def __post_init__(self) -> None:
        fits = len(self.members) == len(self.weights) and all(0.0 <= w < math.inf for w in self.weights)
        if not fits or not math.isfinite(self.shift):
            raise StudyError("a blend needs one finite weight a member, none negative, and a finite shift")

    def calibrated(self, shift: float, scale: float) -> Blend:
        """This blend with margin `shift` + `scale` times its own."""
        weights = tuple(scale * weight for weight in self.weights)
        return Blend(self.members, weights, shift + scale * self.shift)

    def margin(self, values: Numbers) -> Numbers:
        """Each patient's answer on the margin, shape (n,)."""
        total = np.full(len(values), self.shift)
        for member, weight in self._weighted:
            total = total + weight * member.margin(values)
        return total

    def joined(self, margins: Numbers) -> Numbers:
        """The margin (n,) of what the members have answered already, (n, m), with the bits of `margin`."""
        total = np.full(len(margins), self.shift)
        for own, weight in zip(margins.T, self.weights, strict=True):
            total = total + weight * own if weight else total
        return total

    def contributions(self, values: Numbers) -> tuple[Numbers, float]:
        """Exact additive contributions (n, p), and the base they start from."""
        total, base = np.zeros(values.shape), self.shift
        for member, weight in self._weighted:
            own, own_base = member.contributions(values)
            total, base = total + weight * own, base + weight * own_base
        return total, base

    def explain(self, values: Numbers) -> Explained:
        """Margins and contributions in one pass, with the same bits as either alone."""
        margin = np.full(len(values), self.shift)
        total, base = np.zeros(values.shape), self.shift
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


def best_weights(margins: Numbers, observed: Numbers, outcome: Outcome) -> tuple[float, ...]:
    """The weights, in tenths, with the least mean loss of the outcome.

    `margins` (n, m) are out-of-fold answers of m members, `observed` (n,) what was measured. Of equals
    the first counts, which leans on the first member.
    """
    candidates = tenths(margins.shape[1])
    return min(candidates, key=lambda w: float(outcome.losses(margins @ np.array(w), observed).mean()))


def tenths(n_members: int) -> list[tuple[float, ...]]:
    """Every choice of weights in tenths that sum to 1; those that lean on the first members first."""
    found = (t for t in product(range(10, -1, -1), repeat=n_members) if sum(t) == 10)
    return [tuple(t / 10 for t in ts) for ts in found]
