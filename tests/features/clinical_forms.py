"""A cohort written as FHIR, as OMOP tables and as a clinical table, as other systems would send it."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from features.cohort import Cohort
from features.knowledge.codes import drug_of_rxnorm

INDEX, BEFORE, AFTER = "2021-06-15", "2021-06-12", "2021-06-16"
DOSE_DAY = "2021-09-13"
LOCAL = "http://example.org/codes"
QUANTITIES = {"height": ("8302-2", "cm", 3036277, 8582), "weight": ("29463-7", "kg", 3025315, 9529)}
CONDITIONS = {
    "diabetes": ("73211009", 201820),
    "indication_dvt": ("128053003", 4133004),
    "indication_atrial_fibrillation": ("49436004", 313217),
}
RXNORM = {drug: code for code, drug in drug_of_rxnorm().items()}
CONCEPTS = {"amiodarone": 1309944, "carbamazepine": 740275, "simvastatin": 1539403, "aspirin": 1112807}
MAP_HEADER = "resource,system,code,answer,fact,value,unit,label\n"
FHIR_MAP = f"Observation,{LOCAL},stable-dose,,outcomes/weekly_dose,,mg/wk,stable dose\n"
OMOP_MAP = "".join(
    (
        "measurement,omop,2000000001,,outcomes/weekly_dose,,mg/wk,stable dose\n",
        "measurement,omop,2000000002,,clinical/target_inr,,,target INR\n",
        "observation,omop,2000000003,,genotypes/CYP2C9,,,CYP2C9 diplotype\n",
        "observation,omop,2000000004,,genotypes/rs9923231,,,VKORC1 rs9923231\n",
        *(
            f"observation,omop,{2000000100 + i},4188540,clinical/{n},0,,no\n"
            for i, n in enumerate(CONDITIONS)
        ),
        *(
            f"observation,omop,{2000000200 + i},4188540,medications/{d},0,,no\n"
            for i, d in enumerate(CONCEPTS)
        ),
    )
)


def _clinical(cohort: Cohort) -> Iterable[tuple[str, str, float, str | None]]:
    table = cohort.clinical
    for patient, name, value, text in zip(table.patient, table.name, table.value, table.text, strict=True):
        yield cohort.patient_ids[patient], name, float(value), text


def _drugs(cohort: Cohort) -> Iterable[tuple[str, str, bool, float, float]]:
    table = cohort.medications
    columns = (table.patient, table.drug, table.taken, table.start, table.stop)
    for patient, drug, taken, start, stop in zip(*(column.tolist() for column in columns), strict=True):
        yield cohort.patient_ids[patient], drug, taken, start, stop


def _date(day: float) -> str:
    return "" if math.isnan(day) else (date.fromisoformat(INDEX) + timedelta(days=day)).isoformat()


def _calls(cohort: Cohort) -> Iterable[tuple[str, str, str]]:
    table = cohort.genotypes
    for patient, locus, call in zip(table.patient, table.locus, table.call, strict=True):
        yield cohort.patient_ids[patient], locus, call


def _birth(age: float) -> str:
    return f"{2021 - int(age)}-03-02"


def coded(system: str, code: str, text: str | None = None) -> dict:
    """A codeable concept of one coding."""
    return {"coding": [{"system": system, "code": code}]} | ({"text": text} if text else {})


def observation(patient: str, code: dict, value: dict, day: str = BEFORE) -> dict:
    """An Observation of a patient on a day."""
    about = {"subject": {"reference": f"Patient/{patient}"}, "effectiveDateTime": f"{day}T08:00:00+02:00"}
    return {"resourceType": "Observation", "status": "final", "code": code} | about | value


def quantity(value: float, unit: str) -> dict:
    """A quantity in a UCUM unit."""
    return {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}


def _fhir_patients(cohort: Cohort) -> dict[str, dict]:
    race_url = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
    codes = {"white": "2106-3", "asian": "2028-9", "black": "2054-5"}
    found: dict[str, dict] = {}
    for patient, site in zip(cohort.patient_ids, cohort.groups["site"], strict=True):
        place = {"reference": f"Organization/{site}"}
        found[patient] = {"resourceType": "Patient", "id": patient, "managingOrganization": place}
    for patient, name, value, text in _clinical(cohort):
        if name == "age":
            found[patient]["birthDate"] = _birth(value)
        elif name == "sex":
            found[patient]["gender"] = text
        elif name == "race":
            coding = {"system": "urn:oid:2.16.840.1.113883.6.238", "code": codes[str(text)]}
            part = {"url": "ombCategory", "valueCoding": coding}
            found[patient]["extension"] = [{"url": race_url, "extension": [part]}]
    return found


def _fhir_clinical(patient: str, name: str, value: float) -> dict | None:
    loinc, snomed, about = "http://loinc.org", "http://snomed.info/sct", {"reference": f"Patient/{patient}"}
    if name in QUANTITIES:
        code, unit, _, _ = QUANTITIES[name]
        return observation(patient, coded(loinc, code), {"valueQuantity": quantity(value, unit)})
    if name == "smoker":
        answer = "449868002" if value else "266919005"
        said = {"valueCodeableConcept": coded(snomed, answer)}
        return observation(patient, coded(loinc, "72166-2"), said)
    if name == "target_inr":
        low, high = quantity(value - 0.5, "{INR}"), quantity(value + 0.5, "{INR}")
        target = [{"measure": coded(loinc, "6301-6"), "detailRange": {"low": low, "high": high}}]
        goal = {"resourceType": "Goal", "lifecycleStatus": "active", "subject": about, "target": target}
        return goal | {"description": {"text": "INR goal"}, "startDate": INDEX}
    if name in CONDITIONS:
        status = coded("http://terminology.hl7.org/x", "confirmed" if value else "refuted")
        return {
            "resourceType": "Condition",
            "subject": about,
            "code": coded(snomed, CONDITIONS[name][0]),
            "verificationStatus": status,
            "recordedDate": BEFORE,
        }
    return None


def write_fhir(cohort: Cohort, folder: Path) -> list[Path]:
    """The cohort as a bundle and a bulk export, events before the patients they are of."""
    patients = _fhir_patients(cohort)
    resources = [r for p, name, value, _ in _clinical(cohort) if (r := _fhir_clinical(p, name, value))]
    for patient, drug, taken, start, stop in _drugs(cohort):
        statement = {"resourceType": "MedicationStatement", "status": "active" if taken else "not-taken"}
        concept = coded("http://www.nlm.nih.gov/research/umls/rxnorm", RXNORM[drug])
        about = {"subject": {"reference": f"urn:uuid:{patient}"}, "dateAsserted": INDEX}
        period = {name: day for name, day in (("start", _date(start)), ("end", _date(stop))) if day}
        about |= {"effectivePeriod": period} if period else {}
        resources.append(statement | about | {"medicationCodeableConcept": concept})
    for patient, locus, call in _calls(cohort):
        gene = {"code": coded("http://loinc.org", "48018-6"), "valueCodeableConcept": {"text": "VKORC1"}}
        rsid = {"code": coded("http://loinc.org", "81255-2"), "valueCodeableConcept": {"text": locus}}
        is_snp = locus.startswith("rs")
        text = call if is_snp else f"{locus} {call}"
        said = {"valueCodeableConcept": {"text": text}, "component": [gene, rsid] if is_snp else []}
        said = {name: part for name, part in said.items() if part}
        resources.append(observation(patient, coded("http://loinc.org", "84413-4"), said))
    for patient, dose in zip(cohort.patient_ids, cohort.outcome("weekly_dose").tolist(), strict=True):
        value = {"valueQuantity": quantity(dose, "mg/wk")}
        resources.append(observation(patient, coded(LOCAL, "stable-dose"), value, DOSE_DAY))
    entries = [{"fullUrl": f"urn:uuid:{p}", "resource": patient} for p, patient in patients.items()]
    half = len(resources) // 2
    bundle = {"resourceType": "Bundle", "type": "collection"}
    first, second = folder / "bundle.json", folder / "bulk.ndjson"
    first.write_text(json.dumps(bundle | {"entry": [{"resource": r} for r in resources[:half]] + entries}))
    second.write_text("".join(json.dumps(r) + "\n" for r in resources[half:]))
    return [second, first]


def _write_csv(path: Path, rows: list[Mapping[str, object]]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(rows)


def _omop_persons(cohort: Cohort) -> dict[str, dict[str, object]]:
    races = {"white": 8527, "asian": 8515, "black": 8516}
    found: dict[str, dict[str, object]] = {}
    for i, (patient, site) in enumerate(zip(cohort.patient_ids, cohort.groups["site"], strict=True)):
        empty = {"gender_concept_id": 0, "race_concept_id": 0, "year_of_birth": ""}
        numbers = {"person_id": 1000 + i, "care_site_id": int(site.removeprefix("site-"))}
        found[patient] = empty | numbers | {"person_source_value": patient}
    for patient, name, value, text in _clinical(cohort):
        if name == "age":
            born = {"year_of_birth": 2021 - int(value), "month_of_birth": 3, "day_of_birth": 2}
            found[patient] |= born
        elif name == "sex":
            found[patient]["gender_concept_id"] = {"male": 8507, "female": 8532}[str(text)]
        elif name == "race":
            found[patient]["race_concept_id"] = races[str(text)]
    return found


def write_omop(cohort: Cohort, folder: Path) -> None:
    """The cohort as CDM tables, one of them in Parquet."""
    persons = _omop_persons(cohort)
    person = {patient: row["person_id"] for patient, row in persons.items()}
    measured, observed, conditions, exposures = [], [], [], []

    def observe(patient: str, concept: int, **said: object) -> None:
        row = {"observation_concept_id": concept, "observation_date": BEFORE}
        observed.append({"person_id": person[patient]} | row | said)

    def measure(patient: str, concept: int, value: float, unit: int | str, day: str = BEFORE) -> None:
        units = {"unit_source_value": unit} if isinstance(unit, str) else {"unit_concept_id": unit}
        row = {"person_id": person[patient], "measurement_concept_id": concept, "measurement_date": day}
        measured.append(row | {"value_as_number": repr(value)} | units)

    for patient, name, value, _ in _clinical(cohort):
        if name in QUANTITIES:
            measure(patient, QUANTITIES[name][2], value, QUANTITIES[name][3])
        elif name == "target_inr":
            measure(patient, 2000000002, value, "{INR}", INDEX)
        elif name == "smoker":
            observe(patient, 43054909, value_as_concept_id=45881517 if value else 45879404)
        elif name in CONDITIONS and value:
            row = {"condition_concept_id": 9000000 + CONDITIONS[name][1], "condition_start_date": BEFORE}
            conditions.append({"person_id": person[patient]} | row)
        elif name in CONDITIONS:
            observe(patient, 2000000100 + list(CONDITIONS).index(name), value_as_concept_id=4188540)
    for patient, drug, taken, start, stop in _drugs(cohort):
        if taken:
            row = {"drug_concept_id": CONCEPTS[drug], "drug_exposure_start_date": _date(start)}
            exposures.append({"person_id": person[patient]} | row | {"drug_exposure_end_date": _date(stop)})
        else:
            observe(patient, 2000000200 + list(CONCEPTS).index(drug), value_as_concept_id=4188540)
    for patient, locus, call in _calls(cohort):
        observe(patient, 2000000004 if locus.startswith("rs") else 2000000003, value_as_string=call)
    for patient, dose in zip(cohort.patient_ids, cohort.outcome("weekly_dose").tolist(), strict=True):
        measure(patient, 2000000001, dose, "mg/wk", DOSE_DAY)
    _write_csv(folder / "person.csv", list(persons.values()))
    _write_csv(folder / "OBSERVATION.csv", observed)
    _write_csv(folder / "condition_occurrence.csv", conditions)
    _write_csv(folder / "drug_exposure.csv", exposures)
    _write_csv(
        folder / "care_site.csv",
        [{"care_site_id": k, "care_site_source_value": f"site-{k}"} for k in range(9)],
    )
    ancestry = [
        {"ancestor_concept_id": c, "descendant_concept_id": 9000000 + c} for _, c in CONDITIONS.values()
    ]
    _write_csv(folder / "concept_ancestor.csv", ancestry)
    columns = dict.fromkeys(name for row in measured for name in row)
    table = {name: [row.get(name) for row in measured] for name in columns}
    table["value_as_number"] = [float(text) for text in table["value_as_number"]]
    table["measurement_date"] = [date.fromisoformat(day) for day in table["measurement_date"]]
    pq.write_table(pa.table(table), folder / "measurement.parquet")


def table_and_schema(cohort: Cohort, path: Path) -> dict:
    """The cohort as a wide table, and the schema that declares it."""
    rows: dict[str, dict[str, object]] = {p: {"ID": p} for p in cohort.patient_ids}
    for patient, name, value, text in _clinical(cohort):
        rows[patient][name] = text or repr(value)
    for patient, drug, taken, start, stop in _drugs(cohort):
        rows[patient][drug] = "yes" if taken else "no"
        days = {f"{drug} from": start, f"{drug} to": stop}
        rows[patient] |= {name: "" if math.isnan(day) else repr(day) for name, day in days.items()}
    turned = {"C/C": "G/G", "C/T": "A/G", "T/T": "A/A"}
    for patient, locus, call in _calls(cohort):
        rows[patient][locus] = turned.get(call, call)
    for patient, dose in zip(cohort.patient_ids, cohort.outcome("weekly_dose").tolist(), strict=True):
        rows[patient] |= {"dose": repr(dose)}
    for patient, site in zip(cohort.patient_ids, cohort.groups["site"], strict=True):
        rows[patient]["site"] = site
    _write_csv(path, list(rows.values()))
    units = {"age": "a", "height": "cm", "weight": "kg", "target_inr": "1"}
    flags = ("smoker", *CONDITIONS)
    facts = {name: {"fact": f"clinical/{name}", "unit": unit} for name, unit in units.items()}
    facts |= {name: {"fact": f"clinical/{name}"} for name in ("sex", "race")}
    facts |= {name: {"fact": f"clinical/{name}", "values": {"1.0": "1", "0.0": "0"}} for name in flags}
    facts |= {name: facts[name] | {"day": -3} for name in (*QUANTITIES, *flags)}
    facts |= {d: {"fact": f"medications/{d}", "values": {"yes": "1", "no": "0"}} for d in CONCEPTS}
    facts |= {d: facts[d] | {"start_column": f"{d} from", "stop_column": f"{d} to"} for d in CONCEPTS}
    facts |= {"CYP2C9": {"fact": "genotypes/CYP2C9"}}
    facts |= {"rs9923231": {"fact": "genotypes/rs9923231", "strand": "gene"}}
    facts |= {
        "dose": {"fact": "outcomes/weekly_dose", "unit": "mg/wk", "day": 90},
        "site": {"fact": "groups/site"},
    }
    return {"shape": "wide", "patient_id": "ID", "facts": facts}
