"""A feature that can be computed: its lineage, what it is read from, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from features.cohort import Cohort
from features.matrix import Feature

Numbers = list[float]


@dataclass(frozen=True, slots=True)
class Column:
    """One feature and its encoder; plain lists, since a single patient must cost next to nothing.

    `inputs` names what it is read from as `section/subject`, such as `clinical/age`,
    `genotypes/CYP2C9` or `medications/statin`.
    """

    feature: Feature
    inputs: tuple[str, ...]
    numbers: Callable[[Cohort], Numbers]
