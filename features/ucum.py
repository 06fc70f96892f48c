"""Any UCUM unit, and moles as well as mass, for the readers of files; the one door of pint and ucumvert.

The small table of `features.units` decides wherever it holds the unit, so that a quantity has the
same bits whichever way it came. A single request never comes here.
"""

from __future__ import annotations

import math
import re
from functools import cache, lru_cache

from lark.exceptions import LarkError
from pint.errors import PintError
from pint.facets.plain import PlainQuantity
from ucumvert import PintUcumRegistry

from features import units
from features.errors import CohortError, Fault
from features.knowledge.measurements import Measurement, measurements
from features.knowledge.tables import clinical_variables

_CODE = re.compile(r"(?!.*\d{4})[A-Za-z0-9*./\[\]{}%'\"()_+-]{1,40}")
"""What a code may look like: no long exponents, over which an interpreter could hang."""

_ANNOTATION = re.compile(r"\{[^{}]*\}")


def to_canonical(variable: str, value: float, unit: str) -> float:
    """A quantity in its canonical unit, mass and moles exchanged; refused when implausible.

    >>> round(to_canonical("creatinine", 88.4, "umol/L"), 4)
    1.0
    """
    known = _measurement(variable)
    if variable in clinical_variables() and unit in units.accepted_units(variable):
        return units.to_canonical(variable, value, unit)
    canonical = _converted(value, unit, known)
    if not (math.isfinite(canonical) and known.low <= canonical <= known.high):
        what = f"not plausible: outside {known.low:g} to {known.high:g} {known.unit}"
        raise _refusal(variable, "value", what, "check the value and its unit")
    return canonical


def convert(value: float, unit: str, wanted: str, molar_mass: float = math.nan) -> float:
    """A quantity in another UCUM unit; `molar_mass` (g/mol) allows moles and mass to be exchanged.

    >>> convert(5.0, "mg/d", "mg/wk")
    35.0
    """
    if unit == wanted:
        return float(value)
    line = _line(unit, wanted, molar_mass)
    if line is None:
        fault = Fault("unit", "the unit is no UCUM code that can be converted", f"use '{wanted}'")
        raise CohortError("a quantity cannot be read", [fault])
    scale, offset = line
    return value * scale + offset


def _converted(value: float, unit: str, known: Measurement) -> float:
    if unit == known.unit or unit in known.same_as:
        return float(value)
    line = None if known.fixed else _line(unit, known.unit, known.molar_mass)
    if line is None:
        others = "" if known.fixed else ", or a UCUM code that converts to it"
        remedy = f"use '{known.unit}'{others}"
        raise _refusal(known.name, "unit", "the unit is not known here for this quantity", remedy)
    scale, offset = line
    return value * scale + offset


@lru_cache(maxsize=1024)
def _line(unit: str, wanted: str, molar_mass: float) -> tuple[float, float] | None:
    """Slope and offset of a conversion; None where there is none."""
    try:
        here, there = _quantity(unit), _quantity(wanted)
        if here.dimensionality != there.dimensionality:
            here = _exchanged(here, there, molar_mass)
        zero, one = (_of(here, number).to(there.units).magnitude / there.magnitude for number in (0.0, 1.0))
    except (LarkError, PintError, ArithmeticError, ValueError, TypeError):
        return None
    scale = float(one - zero)
    return (scale, float(zero)) if math.isfinite(scale) and math.isfinite(zero) else None


def _quantity(unit: str) -> PlainQuantity:
    if not _CODE.fullmatch(unit):
        raise ValueError("no UCUM code")
    bare = _ANNOTATION.sub("", unit)
    return _registry().from_ucum({"": "1", "/": "1"}.get(bare, bare))


def _of(here: PlainQuantity, number: float) -> PlainQuantity:
    return type(here)(number * here.magnitude, here.units)


def _exchanged(here: PlainQuantity, there: PlainQuantity, molar_mass: float) -> PlainQuantity:
    if math.isnan(molar_mass):
        raise ValueError("no molar mass")
    mass = molar_mass * _quantity("g/mol")
    for exchanged in (here * mass, here / mass):
        if exchanged.dimensionality == there.dimensionality:
            return exchanged
    raise ValueError("not mass and moles")


@cache
def _registry() -> PintUcumRegistry:
    return PintUcumRegistry()


def _measurement(variable: str) -> Measurement:
    known = measurements().get(variable)
    if known is None:
        raise CohortError(
            f"'{variable[:64]}' is not a quantity known here; see features/knowledge/measurements.csv"
        )
    return known


def _refusal(variable: str, where: str, what: str, remedy: str) -> CohortError:
    fault = Fault(f"/clinical/{variable}/{where}", what, remedy)
    return CohortError(f"clinical '{variable}' cannot be read", [fault])
