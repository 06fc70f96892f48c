"""FHIR bundles: what is mapped is read on the day it was known, and what is broken is refused by name."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from features.cohort import Cohort
from features.errors import CohortError
from features.readers.facts import Imported
from features.readers.fhir import read_fhir
from features.readers.index_date import IndexDates

INDEX = IndexDates(by_patient={"p1": date(2021, 6, 15)})
WARFARIN = IndexDates(drug="warfarin", codes=frozenset({"11289"}))
LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
PATIENT = {"resourceType": "Patient", "id": "p1", "birthDate": "1950-06-16", "gender": "female"}


def _coded(system: str, code: str, text: str = "") -> dict:
    return {"coding": [{"system": system, "code": code}]} | ({"text": text} if text else {})


def _about(kind: str, **fields: object) -> dict:
    return {"resourceType": kind, "subject": {"reference": "Patient/p1"}} | fields


def _measured(loinc: str, value: object, unit: str, day: str = "2021-06-01", **more: object) -> dict:
    quantity = {"value": value, "system": "http://unitsofmeasure.org", "code": unit}
    said = {"status": "final", "code": _coded(LOINC, loinc), "effectiveDateTime": day}
    return _about("Observation", **(said | {"valueQuantity": quantity} | more))


def _taken(code: dict, status: str = "active", **more: object) -> dict:
    return _about("MedicationStatement", status=status, medicationCodeableConcept=code, **more)


def _read(tmp_path: Path, *resources: dict, index: IndexDates = INDEX, patient: dict = PATIENT) -> Imported:
    entries = [{"resource": resource} for resource in (*resources, patient)]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    (tmp_path / "bundle.json").write_text(json.dumps(bundle))
    return read_fhir([tmp_path / "bundle.json"], index)


def _cohort(tmp_path: Path, *resources: dict) -> Cohort:
    return _read(tmp_path, *resources).cohort


def test_age_is_of_completed_years_on_the_index_date(tmp_path: Path) -> None:
    assert _cohort(tmp_path).values("age").tolist() == [70.0]


def test_micromoles_and_milligrams_of_creatinine_are_one_quantity(tmp_path: Path) -> None:
    moles, mass = _measured("14682-9", 88.42, "umol/L"), _measured("2160-0", 1.0002, "mg/dL")
    found = [_cohort(tmp_path, resource).values("creatinine")[0] for resource in (moles, mass)]
    assert found[0] == pytest.approx(found[1], rel=1e-4)


def test_a_pressure_is_read_from_its_components(tmp_path: Path) -> None:
    quantity = {"value": 120, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}
    component = [{"code": _coded(LOINC, "8480-6"), "valueQuantity": quantity}]
    said = {"status": "final", "code": _coded(LOINC, "85354-9"), "effectiveDateTime": "2021-06-01"}
    assert _cohort(tmp_path, _about("Observation", **said, component=component)).values(
        "systolic_pressure"
    ) == [120.0]


@pytest.mark.parametrize("day", ["2021-06-16", "2021-06", "2021", "2021-06-16T00:00:00Z"])
def test_what_may_have_been_known_only_later_is_left_out(day: str, tmp_path: Path) -> None:
    found = _read(tmp_path, _measured("29463-7", 80.5, "kg", day))
    assert found.unread == {"known only after the index date": 1}
    assert "weight" not in found.cohort.clinical.rows_by_key


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"effectiveDateTime": None}, "weight: on an unknown day"),
        ({"status": "entered-in-error"}, "Observation: of no patient, or not final"),
        (
            {"valueQuantity": {"value": 9, "comparator": "<", "unit": "kg"}},
            "clinical/weight: below or above a limit",
        ),
        ({"code": {"coding": [{"system": LOINC, "code": "1-8"}]}}, "Observation loinc 1-8: not mapped"),
        ({"subject": {"reference": "Group/g"}}, "Observation: of no patient, or not final"),
    ],
)
def test_what_is_left_out_is_counted(change: dict, reason: str, tmp_path: Path) -> None:
    resource = {k: v for k, v in (_measured("29463-7", 80.5, "kg") | change).items() if v is not None}
    assert _read(tmp_path, resource).unread == {reason: 1}


@pytest.mark.parametrize(
    ("system", "answer", "expected"),
    [(SNOMED, "449868002", 1.0), (SNOMED, "8517006", 0.0), (LOINC, "LA18978-9", 0.0)],
)
def test_smoking_is_read_from_its_answer(system: str, answer: str, expected: float, tmp_path: Path) -> None:
    said = {"status": "final", "code": _coded(LOINC, "72166-2"), "effectiveDateTime": "2021-01-01"}
    resource = _about("Observation", **said, valueCodeableConcept=_coded(system, answer))
    assert _cohort(tmp_path, resource).values("smoker").tolist() == [expected]


def test_a_target_is_the_middle_of_its_range(tmp_path: Path) -> None:
    low, high = ({"value": value, "code": "{INR}"} for value in (2.0, 3.0))
    target = [{"measure": _coded(LOINC, "34714-6"), "detailRange": {"low": low, "high": high}}]
    goal = _about("Goal", lifecycleStatus="active", description={"text": "INR"}, target=target)
    assert _cohort(tmp_path, goal | {"startDate": "2021-06-10"}).values("target_inr").tolist() == [2.5]
    assert _read(tmp_path, goal | {"startDate": "2021-07-10"}).unread == {
        "known only after the index date": 1
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"recordedDate": "2021-05-01"}, 1.0),
        ({"recordedDate": "2021-05-01", "abatementDateTime": "2021-05-20"}, 0.0),
        ({"recordedDate": "2021-05-01", "abatementDateTime": "2021-07-20"}, 1.0),
        ({"recordedDate": "2021-05-01", "verificationStatus": _coded("x", "refuted")}, 0.0),
        ({"recordedDate": "2021-05-01", "verificationStatus": _coded("x", "provisional")}, None),
        ({"onsetDateTime": "1999", "recordedDate": "2021-07-01"}, None),
        ({"onsetDateTime": "1999"}, 1.0),
        ({}, None),
    ],
)
def test_a_condition_counts_from_the_day_it_was_known(
    fields: dict, expected: float | None, tmp_path: Path
) -> None:
    condition = _about("Condition", code=_coded("http://hl7.org/fhir/sid/icd-10-cm", "I48.91"), **fields)
    found = _cohort(tmp_path, condition).clinical.values_of("indication_atrial_fibrillation")
    assert found.get(0) == expected


@pytest.mark.parametrize(
    ("code", "text", "components", "locus", "call"),
    [
        ("84413-4", "CYP2C9 *3/*1", {}, "CYP2C9", "*1/*3"),
        ("84413-4", "*1/*2", {"48018-6": "CYP2C9"}, "CYP2C9", "*1/*2"),
        ("84413-4", "CYP2C9*2.001 / CYP2C9*1.001", {}, "CYP2C9", "*1/*2"),
        ("69548-6", "T|C", {"81255-2": "rs9923231", "48018-6": "VKORC1"}, "rs9923231", "C/T"),
        ("47998-0", "VKORC1 rs9923231 C/T", {}, "rs9923231", "C/T"),
        ("53037-8", "CYP2C9: *1/*1", {}, "CYP2C9", "*1/*1"),
    ],
)
def test_a_genotype_is_read_as_the_guide_writes_it(
    code: str, text: str, components: dict[str, str], locus: str, call: str, tmp_path: Path
) -> None:
    parts = [{"code": _coded(LOINC, c), "valueCodeableConcept": {"text": t}} for c, t in components.items()]
    said = {"status": "final", "code": _coded(LOINC, code), "valueCodeableConcept": {"text": text}}
    resource = _about("Observation", **said, **({"component": parts} if parts else {}))
    assert _cohort(tmp_path, resource).calls(locus).tolist() == [call]


def test_a_phenotype_is_no_genotype_and_a_call_of_the_other_strand_is_refused(tmp_path: Path) -> None:
    said = {"status": "final", "code": _coded(LOINC, "53037-8")}
    words = _about("Observation", **said, valueCodeableConcept={"text": "CYP2C9 poor metabolizer"})
    assert _read(tmp_path, words).unread == {"Observation: no genotype of a gene known here": 1}
    turned = _about("Observation", **said, valueCodeableConcept={"text": "rs9923231 A/G"})
    with pytest.raises(CohortError, match="letters are of the gene's strand"):
        _read(tmp_path, turned)


@pytest.mark.parametrize(
    ("code", "fields", "expected"),
    [
        (_coded(RXNORM, "703"), {"effectivePeriod": {"start": "2021-01-01"}}, 1.0),
        (_coded(RXNORM, "703"), {"effectivePeriod": {"start": "2021-01-01", "end": "2021-02-01"}}, 0.0),
        (_coded(RXNORM, "703"), {"effectivePeriod": {"start": "2021-01-01", "end": "2021-08-01"}}, 1.0),
        ({"text": "Amiodarone 200 mg"}, {"dateAsserted": "2021-06-01"}, 1.0),
        ({"text": "amiodarone"}, {"dateAsserted": "2021-06-01", "status": "not-taken"}, 0.0),
        ({"text": "amiodarone"}, {"dateAsserted": "2021-07-01"}, None),
        ({"text": "amiodarone"}, {"effectivePeriod": {"start": "2021-07-01"}}, None),
        ({"text": "amiodarone"}, {"effectivePeriod": {"start": "2021-01-01"}, "status": "stopped"}, None),
        ({"text": "amiodarone"}, {}, None),
        ({"text": "metformin"}, {"dateAsserted": "2021-06-01"}, None),
    ],
)
def test_a_drug_is_taken_when_its_days_hold_day_0(
    code: dict, fields: dict, expected: float | None, tmp_path: Path
) -> None:
    found = _cohort(tmp_path, _taken(code, **fields)).medications.status.get("amiodarone", {})
    assert found.get(0) == expected


def test_a_medication_may_stand_in_another_resource(tmp_path: Path) -> None:
    medication = {"resourceType": "Medication", "id": "m1", "code": _coded(RXNORM, "36567")}
    refers = _about("MedicationStatement", status="active", dateAsserted="2021-06-01")
    apart = refers | {"medicationReference": {"reference": "Medication/m1"}}
    within = refers | {"medicationReference": {"reference": "#m1"}, "contained": [medication]}
    for resources in ((apart, medication), (within,)):
        assert _cohort(tmp_path, *resources).taking("simvastatin").tolist() == [1.0]


def test_an_order_ends_with_its_supply(tmp_path: Path) -> None:
    supply = {"expectedSupplyDuration": {"value": 10, "code": "d"}}
    said = {"status": "completed", "intent": "order", "authoredOn": "2021-06-01", "dispenseRequest": supply}
    order = _about("MedicationRequest", medicationCodeableConcept={"text": "fluconazole"}, **said)
    assert _cohort(tmp_path, order).taking("fluconazole").tolist() == [0.0]
    assert _cohort(tmp_path, order | {"authoredOn": "2021-06-10"}).taking("fluconazole").tolist() == [1.0]
    assert "fluconazole" not in _cohort(tmp_path, order | {"intent": "plan"}).medications.status


def test_day_0_may_be_the_first_use_of_a_drug(tmp_path: Path) -> None:
    begun = [
        _taken(_coded(RXNORM, "11289"), effectivePeriod={"start": day})
        for day in ("2021-06-15", "2022-01-01")
    ]
    weight = _measured("29463-7", 80.5, "kg", "2021-06-10")
    found = _read(tmp_path, *begun, weight, index=WARFARIN).cohort
    assert found.clinical.day[found.clinical.rows_of("weight")].tolist() == [-5.0]
    with pytest.raises(CohortError, match="no patient with an index date"):
        _read(tmp_path, weight, index=WARFARIN)


def test_a_patient_without_an_index_date_is_no_patient_of_the_cohort(tmp_path: Path) -> None:
    found = _read(tmp_path, PATIENT | {"id": "p2"})
    assert found.cohort.patient_ids == ("p1",)
    assert found.unread == {"patients without an index date": 1}


def test_an_implausible_weight_is_refused_or_counted_as_asked(tmp_path: Path) -> None:
    pounds = _measured("29463-7", 80500, "kg")
    with pytest.raises(
        CohortError, match=r"bundle.json /entry/0/resource: not plausible: outside 1 to 400 kg"
    ):
        _read(tmp_path, pounds)
    found = read_fhir([tmp_path / "bundle.json"], INDEX, strict=False)
    assert found.unread == {"clinical/weight: implausible, or in an unknown unit": 1}
