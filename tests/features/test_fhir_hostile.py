"""Broken and hostile FHIR: a named error each, with its place and never a value; nothing read in part."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from features.errors import CohortError
from features.readers.facts import Imported
from features.readers.fhir import read_fhir
from features.readers.index_date import IndexDates

INDEX = IndexDates(by_patient={"p1": date(2021, 6, 15)})
LOINC = "http://loinc.org"
PATIENT = {"resourceType": "Patient", "id": "p1", "birthDate": "1950-06-16", "gender": "female"}
SECRET = "Jane-Doe-1951"


def _coded(system: str, code: str, text: str = "") -> dict:
    return {"coding": [{"system": system, "code": code}]} | ({"text": text} if text else {})


def _about(kind: str, **fields: object) -> dict:
    return {"resourceType": kind, "subject": {"reference": "Patient/p1"}} | fields


def _measured(loinc: str, value: object, unit: str, day: str = "2021-06-01", **more: object) -> dict:
    quantity = {"value": value, "system": "http://unitsofmeasure.org", "code": unit}
    said = {"status": "final", "code": _coded(LOINC, loinc), "effectiveDateTime": day}
    return _about("Observation", **(said | {"valueQuantity": quantity} | more))


def _read(tmp_path: Path, *resources: dict, index: IndexDates = INDEX, patient: dict = PATIENT) -> Imported:
    entries = [{"resource": resource} for resource in (*resources, patient)]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    (tmp_path / "bundle.json").write_text(json.dumps(bundle))
    return read_fhir([tmp_path / "bundle.json"], index)


def _text(text: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(text)


def _bundle(*resources: object, **fields: object) -> Callable[[Path], object]:
    entries = [{"resource": resource} for resource in resources]
    return lambda path: path.write_text(
        json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries} | fields)
    )


WEIGHT = _measured("29463-7", 80.5, "kg")
HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (_text(""), "not JSON"),
    "cut off": (_text('{"resourceType": "Bundle", "entry": ['), "not JSON"),
    "no object": (_text("[1, 2]"), "not a FHIR resource"),
    "XML": (_text("<Bundle/>"), "not JSON"),
    "wrong encoding": (lambda path: path.write_bytes('{"a": "é"}'.encode("latin-1")), "not UTF-8"),
    "deep": (_text('{"resourceType":' + "[" * 200_000), "nested too deeply|not JSON"),
    "repeated key": (_text('{"resourceType": "Bundle", "resourceType": "Patient"}'), "repeated key"),
    "not a number": (_text('{"resourceType": "Bundle", "x": NaN}'), "a number that is none"),
    "too large": (_text('{"resourceType": "Bundle", "x": 1e999}'), "a number that is none"),
    "huge integer": (_text('{"resourceType": "Bundle", "x": ' + "9" * 5000 + "}"), "a number that is none"),
    "entry no list": (_bundle(entry={}), "/entry: a list is needed"),
    "entry without resource": (_bundle(entry=[{"fullUrl": "x"}]), "/entry/0: an entry without a resource"),
    "unknown field": (
        _bundle(PATIENT, WEIGHT | {"valeu": 1}),
        r"/entry/1/resource/valeu: not valid .*extra_forbidden",
    ),
    "missing field": (
        _bundle(PATIENT, {k: v for k, v in WEIGHT.items() if k != "code"}),
        "/resource/code: not valid",
    ),
    "no date": (
        _bundle(PATIENT, WEIGHT | {"effectiveDateTime": "2021-13-45"}),
        "/resource/effectiveDateTime",
    ),
    "no day of the year": (
        _bundle(PATIENT, WEIGHT | {"effectiveDateTime": "2021-02-30"}),
        "effectiveDateTime",
    ),
    "boolean for a number": (_bundle(PATIENT, _measured("29463-7", True, "kg")), "/valueQuantity/value"),
    "no unit": (_bundle(PATIENT, WEIGHT | {"valueQuantity": {"value": 80.5}}), "unit is not known here"),
    "pounds by name": (_bundle(PATIENT, _measured("29463-7", 176, "lbs")), "unit is not known here"),
    "two patients of one id": (_bundle(PATIENT, PATIENT), "the id of an earlier patient"),
    "stranger": (
        _bundle(PATIENT, WEIGHT | {"subject": {"reference": "Patient/p9"}}),
        "/entry/1/resource: of no patient",
    ),
    "patient without id": (
        _bundle({k: v for k, v in PATIENT.items() if k != "id"}),
        "not a printable patient id|lacks",
    ),
    "no patients": (_bundle(WEIGHT), "patients that the source lacks"),
    "two calls": (
        _bundle(
            PATIENT,
            *(
                _about(
                    "Observation", status="final", code=_coded(LOINC, "84413-4"), valueString=f"CYP2C9 {call}"
                )
                for call in ("*1/*1", "*1/*2")
            ),
        ),
        "another call at CYP2C9",
    ),
    "contained nonsense": (_bundle(PATIENT, WEIGHT | {"extension": [{"url": 7}]}), "/extension/0/url"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_bundle_is_refused_by_name(case: str, tmp_path: Path) -> None:
    spoil, says = HOSTILE[case]
    spoil(tmp_path / "bundle.json")
    with pytest.raises(CohortError, match=says) as refused:
        read_fhir([tmp_path / "bundle.json"], INDEX)
    assert len(str(refused.value)) < 2_000


def test_faults_never_repeat_a_value(tmp_path: Path) -> None:
    wrong = (
        WEIGHT | {"effectiveDateTime": SECRET},
        WEIGHT | {"valueQuantity": {"value": SECRET}},
        _measured("29463-7", 80.5, SECRET),
        WEIGHT | {"subject": {"reference": f"Patient/{SECRET}"}},
        _about("Observation", status="final", code=_coded(LOINC, "84413-4"), valueString="CYP2C9 *1/*99999"),
    )
    with pytest.raises(CohortError) as refused:
        _read(tmp_path, *wrong)
    assert SECRET not in str(refused.value)
    assert SECRET not in repr(refused.value.__context__)
    other = _read(tmp_path, WEIGHT | {"code": {"text": SECRET}}, {"resourceType": SECRET})
    assert SECRET not in str(other.unread)


def test_a_thousand_faults_are_counted_and_a_hundred_told(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match=r"1000 faults.*900 are left out") as refused:
        _read(tmp_path, *[WEIGHT | {"valeu": 1}] * 1000)
    assert len(refused.value.faults) == 100


def test_a_bulk_export_is_read_line_by_line_and_must_be_whole(tmp_path: Path) -> None:
    lines = "".join(json.dumps(resource) + "\n" for resource in (WEIGHT, PATIENT))
    (tmp_path / "all.ndjson").write_text(lines)
    assert read_fhir([tmp_path / "all.ndjson"], INDEX).cohort.values("weight").tolist() == [80.5]
    (tmp_path / "all.ndjson").write_text(lines[:-1])
    with pytest.raises(CohortError, match=r"all.ndjson line 2: the last line has no end"):
        read_fhir([tmp_path / "all.ndjson"], INDEX)


def test_only_plain_files_are_opened(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="not a plain file"):
        read_fhir([tmp_path], INDEX)
    with pytest.raises(CohortError, match="no such file"):
        read_fhir([tmp_path / "absent.json"], INDEX)
