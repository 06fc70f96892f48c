"""Units are converted at the doors, by factors fixed by definition."""

from __future__ import annotations

import math

import pytest

from features.errors import CohortError
from features.knowledge.tables import clinical_variables
from features.units import FACTORS, accepted_units, to_canonical


@pytest.mark.parametrize(
    ("variable", "value", "unit", "expected"),
    [
        ("weight", 80.0, "kg", 80.0),
        ("weight", 80000.0, "g", 80.0),
        ("weight", 176.0, "[lb_av]", 79.83225712),
        ("height", 1.75, "m", 175.0),
        ("height", 70.0, "[in_i]", 177.8),
        ("age", 63.0, "a", 63.0),
        ("age", 18.0, "mo", 1.5),
        ("target_inr", 2.5, "1", 2.5),
        ("target_inr", 2.5, "{INR}", 2.5),
    ],
)
def test_a_quantity_comes_in_its_canonical_unit(
    variable: str, value: float, unit: str, expected: float
) -> None:
    assert to_canonical(variable, value, unit) == pytest.approx(expected, rel=1e-12)


def test_the_canonical_unit_changes_no_bit() -> None:
    assert to_canonical("weight", 80.1, "kg") == 80.1


@pytest.mark.parametrize("unit", ["lb", "KG", "", "cm", "kg "])
def test_an_unknown_unit_is_refused_with_those_that_serve(unit: str) -> None:
    with pytest.raises(CohortError, match=r"use 'kg' or 'g' or '\[lb_av\]'"):
        to_canonical("weight", 80.0, unit)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0, 401.0, 0.0])
def test_what_no_patient_weighs_is_refused_without_repeating_it(value: float) -> None:
    with pytest.raises(CohortError, match="not plausible: outside 1 to 400 kg") as refused:
        to_canonical("weight", value, "kg")
    assert "401" not in str(refused.value)


@pytest.mark.parametrize("variable", ["sex", "smoker", "shoe_size"])
def test_only_quantities_have_units(variable: str) -> None:
    with pytest.raises(CohortError, match="not a quantity"):
        to_canonical(variable, 1.0, "1")


def test_every_quantity_has_its_canonical_unit_first() -> None:
    for variable in clinical_variables().values():
        if variable.kind == "quantity":
            assert accepted_units(variable.name)[0] == variable.unit
            assert FACTORS[variable.unit][variable.unit] == 1.0
