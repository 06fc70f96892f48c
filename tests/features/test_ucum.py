"""Any UCUM unit at the doors of files, with the same bits as the small table wherever that has the unit."""

from __future__ import annotations

import contextlib
import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import ucum, units
from features.errors import CohortError
from features.knowledge.measurements import measurements
from features.knowledge.tables import clinical_variables


@pytest.mark.parametrize(
    ("variable", "value", "unit", "expected"),
    [
        ("creatinine", 88.42, "umol/L", 1.0002),
        ("bilirubin", 17.104, "umol/L", 1.0),
        ("glucose", 5.5507, "mmol/L", 100.0),
        ("hemoglobin", 8.6878, "mmol/L", 14.0),
        ("hemoglobin", 140.0, "g/L", 14.0),
        ("cholesterol", 5.0, "mmol/L", 193.325),
        ("platelets", 250.0, "10*3/uL", 250.0),
        ("platelets", 250000.0, "/uL", 250.0),
        ("temperature", 98.6, "[degF]", 37.0),
        ("systolic_pressure", 16.0, "kPa", 120.0099),
        ("weight", 12.0, "[stone_av]", 76.20352),
        ("age", 52.1785714, "wk", 1.0),
        ("alt", 30.0, "[IU]/L", 30.0),
        ("alt", 0.5, "ukat/L", 30.0),
        ("egfr", 90.0, "mL/min/1.73.m2", 90.0),
        ("inr", 2.5, "{INR}", 2.5),
        ("sleep_duration", 420.0, "min", 7.0),
    ],
)
def test_a_quantity_comes_in_its_canonical_unit(
    variable: str, value: float, unit: str, expected: float
) -> None:
    assert ucum.to_canonical(variable, value, unit) == pytest.approx(expected, rel=1e-4)


@given(value=st.floats(30.0, 120.0), data=st.data())
def test_the_small_table_decides_where_it_has_the_unit(value: float, data: st.DataObject) -> None:
    quantities = [v.name for v in clinical_variables().values() if v.kind == "quantity" and v.high > 120]
    variable = data.draw(st.sampled_from(quantities))
    unit = units.accepted_units(variable)[0]
    assert ucum.to_canonical(variable, value, unit) == units.to_canonical(variable, value, unit)


def test_pint_and_the_small_table_agree() -> None:
    for canonical, factors in units.FACTORS.items():
        for unit, factor in factors.items():
            assert ucum.convert(1.0, unit, canonical) == pytest.approx(factor, rel=1e-14)


def test_the_canonical_unit_changes_no_bit() -> None:
    for name, known in measurements().items():
        value = known.low + (known.high - known.low) / 3
        assert ucum.to_canonical(name, value, known.unit) == value
        assert all(ucum.to_canonical(name, value, same) == value for same in known.same_as)


@pytest.mark.parametrize(
    ("variable", "unit"),
    [
        ("hemoglobin_a1c", "mmol/mol"),
        ("albumin", "umol/L"),
        ("creatinine", "mol"),
        ("creatinine", "mg/dl "),
        ("creatinine", "lots"),
        ("creatinine", ""),
        ("creatinine", "{annotation}"),
        ("weight", "lb"),
        ("egfr", "mL/min"),
        ("alt", "(((("),
        ("creatinine", "10*99999999999/L"),
        ("creatinine", "10*999.10*999.10*999/L"),
        ("creatinine", "m" * 100_000),
        ("creatinine", "mg/dL\x00"),
    ],
)
def test_a_unit_that_does_not_convert_is_refused_with_the_one_that_serves(variable: str, unit: str) -> None:
    with pytest.raises(CohortError, match=f"use '{measurements()[variable].unit.replace('[', '.')}'"):
        ucum.to_canonical(variable, 1.0, unit)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0, 1e12])
def test_what_is_not_plausible_is_refused_without_repeating_it(value: float) -> None:
    with pytest.raises(CohortError, match=r"not plausible: outside 0\.05 to 40 mg/dL") as refused:
        ucum.to_canonical("creatinine", value, "mg/dL")
    assert repr(value) not in str(refused.value)


def test_micromoles_given_as_milligrams_are_caught() -> None:
    with pytest.raises(CohortError, match="not plausible"):
        ucum.to_canonical("creatinine", 88.4, "mg/dL")


@given(st.text(max_size=12))
def test_no_text_for_a_unit_is_a_crash(unit: str) -> None:
    with contextlib.suppress(CohortError):
        assert math.isfinite(ucum.convert(1.0, unit, "mg/dL", 100.0))


def test_a_single_request_never_loads_the_heavy_packages() -> None:
    code = (
        "import sys, features.encode, features.readers.document, features.synthetic as s\n"
        "from features.readers.document import read_documents\n"
        "read_documents(s.probe_documents())\n"
        "heavy = {'pint', 'ucumvert', 'lark', 'pandera', 'fhir', 'pandas', 'pyarrow'}\n"
        "print(sorted(heavy & {name.partition('.')[0] for name in sys.modules}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
