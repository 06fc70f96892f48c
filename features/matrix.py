"""A feature's lineage, and the numbers of many patients under those features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from features.errors import FeatureError


@dataclass(frozen=True, slots=True)
class Feature:
    """Where one column comes from: `block.subject.measure`, its gene if any, its unit, its label."""

    name: str
    block: str
    gene: str | None
    unit: str
    label: str


@dataclass(frozen=True)
class FeatureMatrix:
    """Patients by features, float64; NaN says "not recorded", which is never the same as 0."""

    patient_ids: tuple[str, ...]
    features: tuple[Feature, ...]
    values: NDArray[np.float64]

    def __post_init__(self) -> None:
        expected = (len(self.patient_ids), len(self.features))
        if self.values.shape != expected or self.values.dtype != np.float64:
            raise FeatureError(
                f"a matrix of {self.values.dtype} {self.values.shape} stands under "
                f"{expected[0]} patients and {expected[1]} features; float64 {expected} is needed"
            )

    def __len__(self) -> int:
        return len(self.patient_ids)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The features' names, in column order."""
        return tuple(feature.name for feature in self.features)

    def rows(self, index: Sequence[int] | NDArray[np.int64]) -> FeatureMatrix:
        """The patients at these positions, in this order."""
        chosen = np.asarray(index, dtype=np.int64)
        ids = tuple(self.patient_ids[i] for i in chosen)
        return FeatureMatrix(ids, self.features, self.values[chosen])
