"""Quantities that seem to be in another unit at one site than everywhere else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.cohort import Cohort
from training.design import Design
from training.study import Study

Numbers = NDArray[np.float64]

FACTORS = (2.2046, 2.54, 10.0, 17.104, 18.016, 38.67, 88.42, 100.0, 1000.0)
"""kg and lb; cm and inches; powers of ten; bilirubin, glucose, cholesterol, creatinine in mg/dL or mol/L."""

_CELL, _NEAR, _OUTSIDE, _BETWEEN = 10, 0.15, 0.5, 4.0
_MOST_LEVELS = 500


@dataclass(frozen=True)
class Swapped:
    """A feature whose values at one `level` of a `group` are about `factor` times those of the others."""

    feature: str
    group: str
    level: str
    factor: float
    n: int

    @property
    def sentence(self) -> str:
        """What to tell of it."""
        times = f"{self.factor:g} times" if self.factor > 1 else f"1/{1 / self.factor:g} of"
        return (
            f"{self.feature} at {self.group} {self.level} ({self.n} patients) is about {times} what it is "
            "elsewhere; see whether its unit is another there."
        )

    def document(self) -> dict[str, object]:
        """As JSON."""
        told = {"feature": self.feature, "group": self.group, "level": self.level}
        return {**told, "factor": round(self.factor, 6), "n": self.n}


def swapped_units(study: Study, cohort: Cohort, design: Design) -> tuple[Swapped, ...]:
    """Positive quantities of the design that a constant of `FACTORS` sets apart at one level of a group.

    The level's median must lie near that factor from the median elsewhere, farther than levels differ anyway,
    and half of its values where hardly any others are (outside 1% to 99%).
    """
    values, names = design.matrix.values, design.matrix.names
    columns = [j for j, name in enumerate(names) if name.endswith(".value") and _is_positive(values[:, j])]
    found = []
    for group, given in cohort.groups.items():
        labels = np.array([str(label) if label else "" for label in np.asarray(given).tolist()])
        levels = [level for level in sorted(set(labels.tolist()) - {""}) if (labels == level).sum() >= _CELL]
        if 2 <= len(levels) <= _MOST_LEVELS:
            for j in columns:
                if names[j] not in study.suspicions.reasons:
                    found += list(_of_column(names[j], np.log(values[:, j]), group, labels, levels))
    return tuple(found)


def _is_positive(column: Numbers) -> bool:
    known = column[~np.isnan(column)]
    return len(np.unique(known[:200])) > 5 and bool((known > 0).all())


def _of_column(
    name: str, logs: Numbers, group: str, labels: NDArray[np.str_], levels: list[str]
) -> Iterator[Swapped]:
    known = ~np.isnan(logs)
    own = {level: logs[known & (labels == level)] for level in levels}
    medians = {level: float(np.median(logged)) for level, logged in own.items() if len(logged) >= _CELL}
    for level, median in medians.items():
        elsewhere = logs[known & (labels != level)]
        if len(elsewhere) < _CELL:
            continue
        shift = median - float(np.median(elsewhere))
        factor = _factor(shift)
        rest = np.array([other for name_, other in medians.items() if name_ != level])
        between = 1.4826 * float(np.median(np.abs(rest - np.median(rest)))) if len(rest) > 2 else 0.0
        low, high = np.quantile(elsewhere, [0.01, 0.99])
        outside = float(((own[level] < low) | (own[level] > high)).mean())
        if factor and abs(shift) > _BETWEEN * between and outside >= _OUTSIDE:
            yield Swapped(name, group, level, factor, len(own[level]))


def _factor(shift: float) -> float | None:
    """The constant that a shift of logarithms is near, or its inverse; None if it is near none."""
    signed = [sign * float(np.log(f)) for f in FACTORS for sign in (1.0, -1.0)]
    nearest = min(signed, key=lambda log: abs(log - shift))
    return float(np.exp(nearest)) if abs(nearest - shift) <= _NEAR else None
