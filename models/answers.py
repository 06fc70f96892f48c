"""Many patients' answers as columns; each patient's `Prediction` is made, and checks itself, on asking."""

from __future__ import annotations

from collections.abc import Iterator
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
        value = outcome.from_margin(margin)
        below, above = _end(outcome, lower), _end(outcome, upper)
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

    def inputs(self, i: int, absent: Names) -> Inputs:
        """What one patient's answer rests on, in column order; `absent` is the model's."""
        missing = np.isnan(self.values[i]).tolist()
        names = [f.name for f in self.features]
        used = tuple(n for n, gone in zip(names, missing, strict=True) if not gone)
        gone = [n for n, gone in zip(names, missing, strict=True) if gone]
        silent = set(absent)
        return Inputs(used, tuple(n for n in gone if n not in silent), tuple(n for n in gone if n in silent))


def _adds_up(contributions: Numbers, base: float, margin: Numbers) -> bool:
    """Whether every patient's contributions sum to the margin; NaN never does."""
    return bool((np.abs(contributions.sum(axis=1) + base - margin) <= ADDITIVITY_TOLERANCE).all())


def _end(outcome: ContinuousOutcome, margin: Numbers) -> Numbers:
    """An interval's end in the outcome's unit; one that is unbounded on the margin stays unbounded."""
    ends = outcome.from_margin(margin)
    return np.where(np.isinf(margin), margin, ends)
