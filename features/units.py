"""Units of measurement, by UCUM code; conversion happens at the doors and nowhere else."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from features.errors import CohortError, Fault
from features.knowledge.tables import ClinicalVariable, clinical_variables

FACTORS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "a": {"a": 1.0, "mo": 1.0 / 12.0},
        "cm": {"cm": 1.0, "m": 100.0, "[in_i]": 2.54},
        "kg": {"kg": 1.0, "g": 0.001, "[lb_av]": 0.45359237},
        "1": {"1": 1.0, "{INR}": 1.0},
    }
)
"""By canonical unit, each accepted UCUM code and what one of it is in the canonical unit."""


def accepted_units(variable: str) -> tuple[str, ...]:
    """The UCUM codes a quantity may be sent in, the canonical one first."""
    return tuple(FACTORS[_quantity(variable).unit])


def to_canonical(variable: str, value: float, unit: str) -> float:
    """A quantity in its variable's canonical unit; refused when implausible in a living patient.

    >>> to_canonical("height", 1.75, "m")
    175.0
    """
    known = _quantity(variable)
    factor = FACTORS[known.unit].get(unit)
    if factor is None:
        raise _refusal(variable, "unit", "the unit is not known here", f"use {_one_of(FACTORS[known.unit])}")
    canonical = value * factor
    if not (math.isfinite(canonical) and known.low <= canonical <= known.high):
        what = f"not plausible: outside {known.low:g} to {known.high:g} {known.unit}"
        raise _refusal(variable, "value", what, "check the value and its unit")
    return canonical


def _quantity(variable: str) -> ClinicalVariable:
    known = clinical_variables().get(variable)
    if known is None or known.kind != "quantity":
        quantities = ", ".join(v.name for v in clinical_variables().values() if v.kind == "quantity")
        raise CohortError(f"'{variable[:64]}' is not a quantity known here; use one of {quantities}")
    return known


def _refusal(variable: str, where: str, what: str, remedy: str) -> CohortError:
    fault = Fault(f"/clinical/{variable}/{where}", what, remedy)
    return CohortError(f"clinical '{variable}' cannot be read", [fault])


def _one_of(units: Mapping[str, float]) -> str:
    return " or ".join(f"'{unit}'" for unit in units)
