"""Quantities beyond the few of the patient document: laboratory values, vital signs, wearables, lifestyle."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from features.knowledge.codes import published
from features.knowledge.tables import clinical_variables


@dataclass(frozen=True, slots=True)
class Measurement:
    """A quantity, its canonical UCUM unit, and what is plausible of it in a living patient.

    `molar_mass` (g/mol) turns moles into mass; NaN where the two are not exchanged. `same_as` are
    codes that mean the canonical unit; `fixed` refuses every other unit.
    """

    name: str
    label: str
    unit: str
    low: float
    high: float
    molar_mass: float = math.nan
    same_as: frozenset[str] = frozenset()
    fixed: bool = False


@cache
def measurements() -> Mapping[str, Measurement]:
    """Every quantity known by name, those of the patient document included.

    >>> measurements()["creatinine"].unit
    'mg/dL'
    """
    document = [v for v in clinical_variables().values() if v.kind == "quantity"]
    found = {v.name: Measurement(v.name, v.label, v.unit, v.low, v.high) for v in document}
    more = {row["name"]: _measurement(row) for row in published("measurements")}
    return MappingProxyType(more | found)


def _measurement(row: dict[str, str]) -> Measurement:
    return Measurement(
        row["name"],
        row["label"],
        row["unit"],
        float(row["low"]),
        float(row["high"]),
        float(row["molar_mass"]) if row["molar_mass"] else math.nan,
        frozenset(row["same_as"].split()),
        row["fixed"] == "yes",
    )
