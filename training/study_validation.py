"""How a study doubts itself: what is permuted, and what counts as too good to be true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from features.errors import Fault


@dataclass(frozen=True)
class RandomisationAsked:
    """How often labels are permuted, and which `blocks` are permuted over patients, each `draws` times."""

    permutations: int = 20
    blocks: tuple[str, ...] = ()
    draws: int = 5

    def faults(self) -> list[Fault]:
        """What cannot be meant."""
        if self.permutations > 0 and self.draws > 0:
            return []
        return [Fault("randomisation", "needs permutations and draws above 0")]


@dataclass(frozen=True)
class SuspicionsAsked:
    """What makes a feature too good to be true: an AUC or rank correlation of `too_good` by itself.

    `reasons` are why a feature may be as good as it is, or known after the index date, by its name; such a
    feature is told of no more.
    """

    too_good: float = 0.95
    reasons: Mapping[str, str] = field(default_factory=dict)

    def faults(self) -> list[Fault]:
        """What cannot be meant."""
        if 0.5 < self.too_good <= 1.0:
            return []
        return [Fault("suspicions.too_good", "is not between 0.5 and 1")]
