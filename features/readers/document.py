"""The JSON patient document: what an app sends, what a cohort of one is written back as.

    {"patient_id": "p1",
     "genotypes": [{"gene": "CYP2C9", "diplotype": "*1/*3"},
                   {"gene": "VKORC1", "rsid": "rs9923231", "alleles": "C/T"}],
     "clinical": {"age": {"value": 63, "unit": "a"}, "sex": {"value": "female"}, "smoker": {"value": true}},
     "medications": [{"drug": "amiodarone", "taken": true, "start_day": -30, "stop_day": null}]}

Days count from the start of treatment. What is left out was not recorded, which is not the same as no.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from features.cohort import Clinical, Cohort, Genotypes, Medications, Records
from features.encode import FeatureSpec
from features.errors import CohortError
from features.knowledge.tables import clinical_variables, drugs, snps, star_allele_genes
from features.readers.checks import Faults, Path, has_fields, is_text
from features.readers.schema import patient_schema
from features.readers.sections import clinical_rows, genotype_rows, medication_rows

LONGEST_ID = 200

_REQUIRED = frozenset({"patient_id"})
_SECTIONS: Mapping[str, Callable[[object, Path, Faults], list]] = {
    "genotypes": genotype_rows,
    "clinical": clinical_rows,
    "medications": medication_rows,
}
_ALLOWED = _REQUIRED | _SECTIONS.keys()


def read_documents(documents: Sequence[object]) -> Cohort:
    """A cohort of the documents' patients, in their order; every fault of every document told together.

    A fault's `where` is an RFC 6901 pointer into the document, or into the list when there are several.
    """
    faults, single = Faults(), len(documents) == 1
    ids: list[str] = []
    rows: dict[str, list[tuple]] = {name: [] for name in _SECTIONS}
    for i, document in enumerate(documents):
        root: Path = () if single else (i,)
        has_fields(document, _REQUIRED, _ALLOWED, root, faults)
        if type(document) is not dict:
            continue
        ids.append(_patient_id(document.get("patient_id"), root, faults))
        for name, read in _SECTIONS.items():
            if name in document:
                rows[name] += [(i, *row) for row in read(document[name], (*root, name), faults)]
    _note_repeated(ids, faults)
    faults.refuse("patient document" if single else "patient documents")
    return Cohort(
        tuple(ids),
        Genotypes.from_rows(rows["genotypes"]),
        Clinical.from_rows(rows["clinical"]),
        Medications.from_rows(rows["medications"]),
    )


def to_document(cohort: Cohort, patient_id: str) -> dict[str, object]:
    """One patient as a document that reads back the same: what encoders may see, in canonical units."""
    if patient_id not in cohort.patient_ids:
        raise CohortError("the patient asked for is not in the cohort; ask for one of its patient_ids")
    patient = cohort.patient_ids.index(patient_id)
    document: dict[str, object] = {"patient_id": patient_id}
    sections = {
        "genotypes": _genotype_entries(cohort, patient),
        "clinical": _clinical_entries(cohort, patient),
        "medications": _medication_entries(cohort, patient),
    }
    return document | {name: entries for name, entries in sections.items() if entries}


def document_schema(spec: FeatureSpec) -> dict[str, object]:
    """JSON Schema (2020-12) of a patient document, telling which parts the specification reads."""
    return patient_schema(spec, LONGEST_ID)


def _patient_id(value: object, root: Path, faults: Faults) -> str:
    if value is not None and not is_text(value, LONGEST_ID):
        faults.add((*root, "patient_id"), "not a printable text", f"send 1 to {LONGEST_ID} characters")
    return value if type(value) is str else ""


def _note_repeated(ids: list[str], faults: Faults) -> None:
    if len(set(ids)) == len(ids):
        return
    seen: set[str] = set()
    for i, patient_id in enumerate(ids):
        if patient_id in seen and patient_id:
            faults.add((i, "patient_id"), "the id stands for an earlier patient", "give each patient one id")
        seen.add(patient_id)


def _rows_of(table: Records, patient: int) -> list[int]:
    return np.flatnonzero(table.patient == patient).tolist()


def _genotype_entries(cohort: Cohort, patient: int) -> list[dict[str, str]]:
    table, entries = cohort.genotypes, []
    for row in _rows_of(table, patient):
        locus, call = table.locus[row], table.call[row]
        if locus in snps():
            entries.append({"gene": snps()[locus].gene, "rsid": locus, "alleles": call})
        elif locus in star_allele_genes():
            entries.append({"gene": locus, "diplotype": call})
    return entries


def _clinical_entries(cohort: Cohort, patient: int) -> dict[str, dict[str, object]]:
    table, latest = cohort.clinical, {}
    rows = [row for row in _rows_of(table, patient) if table.day[row] <= 0]
    for row in sorted(rows, key=lambda row: table.day[row]):
        latest[table.name[row]] = row
    known = clinical_variables()
    return {name: _clinical_entry(table, row) for name, row in latest.items() if name in known}


def _clinical_entry(table: Clinical, row: int) -> dict[str, object]:
    variable = clinical_variables()[table.name[row]]
    value, day = float(table.value[row]), float(table.day[row])
    shapes: dict[str, dict[str, object]] = {
        "quantity": {"value": value, "unit": variable.unit},
        "flag": {"value": value == 1.0},
        "category": {"value": table.text[row]},
    }
    return shapes[variable.kind] | ({"day": day} if day else {})


def _medication_entries(cohort: Cohort, patient: int) -> list[dict[str, object]]:
    table, entries = cohort.medications, []
    for row in _rows_of(table, patient):
        if table.drug[row] not in drugs():
            continue
        days = {"start_day": float(table.start[row]), "stop_day": float(table.stop[row])}
        known = {name: day for name, day in days.items() if not math.isnan(day)}
        entries.append({"drug": table.drug[row], "taken": bool(table.taken[row])} | known)
    return entries
