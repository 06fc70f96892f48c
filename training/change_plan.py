"""What may change from one champion to the next without anybody deciding anew: a study's change plan.

A predetermined change control plan, declared before the change; whatever lies outside it needs a person.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from features.errors import Fault

LINK, LEARNERS, OPTIONS = "link", "learners", "options"
POPULATION, SOURCE, SIZE = "population", "data source", "cohort size"
MAY_CHANGE = (LINK, LEARNERS, OPTIONS, POPULATION, SOURCE, SIZE)
"""Clauses that a plan may lift; outcome and unit it may not."""


@dataclass(frozen=True)
class ChangePlanAsked:
    """How far a candidate may lie from the champion.

    `largest_fall` is by how much the leading figure may be worse under the same protocol on the same splits,
    `largest_golden_change` by how much the answer to a golden patient may move, in the outcome's unit. Added
    and removed features are name patterns (`*` stands for anything); `may_change` lifts clauses by name.
    `signed_by` readers must have signed a version off, and none against it; 0 asks nobody.
    """

    largest_fall: float
    largest_golden_change: float
    features_added: tuple[str, ...] = ()
    features_removed: tuple[str, ...] = ()
    may_change: tuple[str, ...] = ()
    signed_by: int = 0

    def faults(self) -> list[Fault]:
        """What cannot be meant."""
        bounds = {"largest_fall": self.largest_fall, "largest_golden_change": self.largest_golden_change}
        faults = [
            Fault(f"change_plan.{name}", "is not 0 or more")
            for name, bound in bounds.items()
            if not bound >= 0.0
        ]
        if self.signed_by < 0:
            faults.append(Fault("change_plan.signed_by", "is not 0 or more"))
        remedy = f"use {', '.join(MAY_CHANGE)}"
        strange = [name for name in self.may_change if name not in MAY_CHANGE]
        return faults + [Fault("change_plan.may_change", f"'{s}' is no such clause", remedy) for s in strange]


def unlisted(names: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """The names that no pattern lists, sorted."""
    listed = [pattern.replace("[", "[[]") for pattern in patterns]
    return sorted(name for name in names if not any(fnmatchcase(name, own) for own in listed))
