"""Many patients' answers as columns; each patient's `Prediction` is made, and checks itself, on asking."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from features.errors import IntegrityError
from features.matrix import Feature, FeatureMatrix
from models.outcome import ContinuousOutcome
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
    (n, p) the features as encoded, `contributions` (n, p) on the margin or None when not asked for.
    """

    outcome: ContinuousOutcome
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
    base: float

    @classmethod
    def assemble(
        cls,
        outcome: ContinuousOutcome,
        matrix: FeatureMatrix,
        level: float,
        margin: Numbers,
        ends: tuple[Numbers, Numbers],
        explanation: tuple[Numbers | None, float],
        notices: tuple[tuple[Notice, ...], ...],
    ) -> Self:
        """Answers from the margin, its interval and its contributions; declined patients lose theirs."""
        contributions, base = explanation
        if contributions is not None and not _adds_up(contributions, base, margin):
            raise IntegrityError("the contributions do not add up to the answer; no number is given")
        declined = [any(n.severity == "decline" for n in own) for own in notices]
        if any(declined):
            margin, lower, upper = (np.where(declined, np.nan, column) for column in (margin, *ends))
            if contributions is not None:
                contributions = np.where(np.array(declined)[:, None], np.nan, contributions)
        else:
            lower, upper = ends
        value, below, above = _in_unit(outcome, margin, lower, upper)
        who = outcome, matrix.features, matrix.patient_ids
        return cls(*who, level, margin, value, below, above, notices, matrix.values, contributions, base)

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
        return Prediction(*names, float(self.value[i]), interval, self.notices[i], self._explanation(i))

    def _explanation(self, i: int) -> Explanation | None:
        if self.contributions is None:
            return None
        margin = float(self.margin[i])
        return Explanation(self.features, self.values[i], self.contributions[i], self.base, margin)

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


def _adds_up(contributions: Numbers, base: float, margin: Numbers) -> bool:
    """Whether every patient's contributions sum to the margin; NaN never does."""
    return bool((np.abs(contributions.sum(axis=1) + base - margin) <= ADDITIVITY_TOLERANCE).all())


def _in_unit(outcome: ContinuousOutcome, margin: Numbers, lower: Numbers, upper: Numbers) -> Numbers:
    """Answers and their ends in the outcome's unit; what is unbounded on the margin stays unbounded."""
    margins = np.array([margin, lower, upper])
    values = outcome.from_margin(margins)
    unbounded = np.isinf(margins)
    return np.where(unbounded, margins, values) if unbounded.any() else values
