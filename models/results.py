"""What a model answers: frozen, and refusing to exist when it contradicts itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.errors import IntegrityError
from features.matrix import Feature

ADDITIVITY_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Notice:
    """A doubt that stands beside an answer: a stable code, plain words, and how grave it is.

    `severity` is `info`, `caution`, or `decline` (no number is given).
    """

    code: str
    text: str
    severity: str = "caution"
    feature: str | None = None


@dataclass(frozen=True, slots=True)
class Interval:
    """Where the outcome lies with probability `level`; unbounded sides are -inf and inf."""

    level: float
    lower: float
    upper: float

    def __post_init__(self) -> None:
        if not self.lower <= self.upper:
            raise IntegrityError("an interval's lower end lies above its upper end")


@dataclass(frozen=True)
class Explanation:
    """Exact additive contributions on the margin: `base` + sum(contributions) = `margin`."""

    features: tuple[Feature, ...]
    values: NDArray[np.float64]
    contributions: NDArray[np.float64]
    base: float
    margin: float

    def __post_init__(self) -> None:
        total = self.base + float(np.sum(self.contributions))
        if not abs(total - self.margin) <= ADDITIVITY_TOLERANCE:
            raise IntegrityError("the contributions do not add up to the answer; no number is given")

    def by(self, level: str) -> Mapping[str, float]:
        """Sums by `feature`, `gene` (features of no gene go under their block) or `block`; additive."""
        sums: dict[str, float] = {}
        for feature, amount in zip(self.features, self.contributions.tolist(), strict=True):
            key = {"feature": feature.name, "gene": feature.gene or feature.block, "block": feature.block}[
                level
            ]
            sums[key] = sums.get(key, 0.0) + amount
        return sums


@dataclass(frozen=True)
class Prediction:
    """One patient's answer; `value` is None when the model declines, and then a notice says why.

    Of a binary outcome the value is a probability, and `possible` names what cannot be ruled out.
    """

    patient_id: str
    drug: str
    outcome: str
    unit: str
    value: float | None
    interval: Interval | None
    notices: tuple[Notice, ...] = ()
    explanation: Explanation | None = None
    possible: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.value is None:
            if not any(n.severity == "decline" for n in self.notices):
                raise IntegrityError("an answer without a number must say why it was declined")
            return
        if not math.isfinite(self.value):
            raise IntegrityError("an answer is not a finite number; it is withheld")
        if self.interval is None or not self.interval.lower <= self.value <= self.interval.upper:
            raise IntegrityError("an answer lies outside its own interval; it is withheld")

    @property
    def declined(self) -> bool:
        """Whether the model gives no number."""
        return self.value is None
