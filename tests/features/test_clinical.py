"""Clinical facts and medications as numbers; what was not recorded stays apart from no."""

from __future__ import annotations

import math

import pytest

from features.clinical import body_surface_area
from features.encode import FeatureSpec, encode
from features.readers.document import read_documents


def _number(feature: str, **sections: object) -> float:
    cohort = read_documents([{"patient_id": "p", **sections}])
    return float(encode(cohort, FeatureSpec((feature,))).values[0, 0])


def _same(found: float, expected: float) -> bool:
    return found == expected or (math.isnan(found) and math.isnan(expected))


def test_body_surface_is_mostellers() -> None:
    assert body_surface_area(170.0, 70.0) == pytest.approx(1.8181, abs=1e-4)
    whole = {"height": {"value": 180, "unit": "cm"}, "weight": {"value": 80, "unit": "kg"}}
    assert _number("clinical.body_surface_area.value", clinical=whole) == 2.0


@pytest.mark.parametrize("left", ["height", "weight"])
def test_half_a_body_has_no_surface(left: str) -> None:
    facts = {"height": {"value": 180, "unit": "cm"}, "weight": {"value": 80, "unit": "kg"}}
    assert math.isnan(_number("clinical.body_surface_area.value", clinical={left: facts[left]}))


@pytest.mark.parametrize(
    ("race", "asian", "not_stated"),
    [("asian", 1.0, 0.0), ("white", 0.0, 0.0), ("not_stated", 0.0, 1.0), (None, 0.0, 1.0)],
)
def test_an_unrecorded_race_is_not_stated(race: str | None, asian: float, not_stated: float) -> None:
    clinical = {} if race is None else {"race": {"value": race}}
    assert _number("clinical.race.is_asian", clinical=clinical) == asian
    assert _number("clinical.race.is_not_stated", clinical=clinical) == not_stated


def test_an_unrecorded_sex_is_missing() -> None:
    assert math.isnan(_number("clinical.sex.is_male"))
    assert _number("clinical.sex.is_male", clinical={"sex": {"value": "female"}}) == 0.0


@pytest.mark.parametrize(
    ("dvt", "pe", "expected"),
    [
        (True, None, 1.0),
        (None, True, 1.0),
        (False, True, 1.0),
        (False, False, 0.0),
        (None, False, 0.0),
        (None, None, math.nan),
    ],
)
def test_dvt_or_pe_is_either(dvt: bool | None, pe: bool | None, expected: float) -> None:
    facts = {"indication_dvt": dvt, "indication_pe": pe}
    clinical = {name: {"value": value} for name, value in facts.items() if value is not None}
    assert _same(_number("clinical.indication.dvt_pe", clinical=clinical), expected)


@pytest.mark.parametrize(
    ("drugs", "expected"),
    [
        ({}, math.nan),
        ({"phenytoin": False}, 0.0),
        ({"rifampin": True}, 1.0),
        ({"rifampicin": True, "phenytoin": False}, 1.0),
        ({"cyp_inducer": True}, 1.0),
        ({"amiodarone": True}, math.nan),
    ],
)
def test_a_class_is_taken_when_any_member_is(drugs: dict[str, bool], expected: float) -> None:
    medications = [{"drug": drug, "taken": taken} for drug, taken in drugs.items()]
    assert _same(_number("medication.cyp_inducer.taken", medications=medications), expected)


def test_a_stopped_drug_is_known_not_to_be_taken() -> None:
    stopped = [{"drug": "simvastatin", "taken": True, "start_day": -90, "stop_day": -1}]
    assert _number("medication.statin.taken", medications=stopped) == 0.0
