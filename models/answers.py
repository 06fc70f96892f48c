"""Many patients' answers as columns; each patient's `Prediction` is made, and checks itself, on asking."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from features.errors import IntegrityError
from features.matrix import Feature, FeatureMatrix
from models.outcome import BinaryOutcome, Outcome
from models.results import ADDITIVITY_TOLERANCE, Explanation, Interval, Notice, Prediction

Numbers = NDArray[np.float64]
Names = tuple[str, ...]


@dataclass(frozen=True)
class Inputs:
    """Which features an answer rests on: recorded, filled with a typical value, or silence read as no."""

    used: Names
    imputed: Names
    unrecorded_as_absent: Names


@dataclass(frozen=True)
class Answers:
    """Columns over n patients; all numbers of a declined patient are NaN.

    `margin` (n,) is on the link scale, `value`, `lower`, `upper` (n,) in the outcome's unit, `values`
    (n, p) the features as encoded, `contributions` (n, p) on the margin or None when not asked for, and
    `base` (n,) where they start. `possible` says of a binary outcome whether it, and whether its absence,
    cannot be ruled out.
    """

    outcome: Outcome
    features: tuple[Feature, ...]
    patient_ids: Names
    level: float
    margin: Numbers
    value: Numbers
    lower: Numbers
    upper: Numbers
    notices: tuple[tuple[Notice, ...], ...]
    values: Numbers
    contributions: Numbers | None
    base: Numbers
    possible: tuple[tuple[bool, bool], ...] | None = None

    @classmethod
    def assemble(
        cls,
        outcome: Outcome,
        matrix: FeatureMatrix,
        level: float,
        margin: Numbers,
        ends: tuple[Numbers, Numbers],
        explanation: tuple[Numbers | None, Numbers],
        notices: tuple[tuple[Notice, ...], ...],
        possible: tuple[tuple[bool, bool], ...] | None = None,
    ) -> Self:
        """Answers from the margin, its interval and its contributions; declined patients lose theirs."""
        contributions, base = explanation
        if contributions is not None and not adds_up(contributions, base, margin):
            raise IntegrityError("the contributions do not add up to the answer; no number is given")
        declined = [any(n.severity == "decline" for n in own) for own in notices]
        if any(declined):
            margin, lower, upper = (np.where(declined, np.nan, column) for column in (margin, *ends))
            if contributions is not None:
                contributions = np.where(np.array(declined)[:, None], np.nan, contributions)
        else:
            lower, upper = ends
        value, below, above = in_unit(outcome, margin, lower, upper)
        who = outcome, matrix.features, matrix.patient_ids
        numbers = margin, value, below, above
        return cls(*who, level, *numbers, notices, matrix.values, contributions, base, possible)

    def __len__(self) -> int:
        return len(self.patient_ids)

    def __iter__(self) -> Iterator[Prediction]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, i: int) -> Prediction:
        """One patient's answer, which refuses to exist if it contradicts itself."""
        names = self.patient_ids[i], self.outcome.drug, self.outcome.name, self.outcome.unit
        if self.is_declined(i):
            return Prediction(*names, None, None, self.notices[i])
        interval = Interval(self.level, float(self.lower[i]), float(self.upper[i]))
        rest = self.notices[i], self._explanation(i), self._possible(i)
        return Prediction(*names, float(self.value[i]), interval, *rest)

    def _possible(self, i: int) -> tuple[str, ...] | None:
        if self.possible is None or not isinstance(self.outcome, BinaryOutcome):
            return None
        labels = self.outcome.event, f"no {self.outcome.event}"
        return tuple(label for label, can_be in zip(labels, self.possible[i], strict=True) if can_be)

    def _explanation(self, i: int) -> Explanation | None:
        if self.contributions is None:
            return None
        margin = float(self.margin[i])
        return Explanation(self.features, self.values[i], self.contributions[i], float(self.base[i]), margin)

    def is_declined(self, i: int) -> bool:
        """Whether a notice withholds this patient's number."""
        return any(n.severity == "decline" for n in self.notices[i])

    def inputs(self, i: int, absent: Collection[str]) -> Inputs:
        """What one patient's answer rests on, in column order; `absent` is the model's."""
        pairs = zip(self.features, self.values[i].tolist(), strict=True)
        known = [(feature.name, value == value) for feature, value in pairs]
        gone = [name for name, is_known in known if not is_known]
        return Inputs(
            tuple([name for name, is_known in known if is_known]),
            tuple([name for name in gone if name not in absent]),
            tuple([name for name in gone if name in absent]),
        )


def adds_up(contributions: Numbers, base: Numbers, margin: Numbers) -> bool:
    """Whether every patient's contributions sum to the margin; NaN never does."""
    return bool((np.abs(contributions.sum(axis=1) + base - margin) <= ADDITIVITY_TOLERANCE).all())


def in_unit(outcome: Outcome, margin: Numbers, lower: Numbers, upper: Numbers) -> Numbers:
    """Answers (n,) and their ends in the outcome's unit; what is unbounded on the margin stays unbounded."""
    margins = np.array([margin, lower, upper])
    values = outcome.from_margin(margins)
    unbounded = np.isinf(margins)
    return np.where(unbounded, margins, values) if unbounded.any() else values
