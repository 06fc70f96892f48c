"""The JSON patient document: what an app sends, what a cohort of one is written back as.

    {"patient_id": "p1",
     "genotypes": [{"gene": "CYP2C9", "diplotype": "*1/*3"},
                   {"gene": "VKORC1", "rsid": "rs9923231", "alleles": "C/T"}],
     "clinical": {"age": {"value": 63, "unit": "a"}, "sex": {"value": "female"}, "smoker": {"value": true}},
     "medications": [{"drug": "amiodarone", "taken": true, "start_day": -30, "stop_day": null}],
     "tumour": {"assay": {"name": "panel", "genes": ["TP53"], "size_mb": null, "reads": ["mutations"]},
                "variants": [{"gene": "TP53", "kind": "missense", "protein_change": "p.R175H", "vaf": 0.31}]},
     "expression": {"scale": "log2(TPM+1)", "values": {"CD8A": 3.1}}}

Days count from the start of treatment. What is left out was not recorded, which is not the same as no:
without `tumour` none was sequenced, and without `expression` none was measured.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from features.cohort import Clinical, Cohort, Genotypes, Medications, Panel, Records, Texts, Variants
from features.encode import FeatureSpec
from features.errors import CohortError
from features.knowledge.tables import ClinicalVariable, drugs, snps, star_allele_genes
from features.readers.checks import Faults, Path, has_fields, is_text
from features.readers.expression_section import (
    MeasuredGenes,
    expression_entry,
    expression_table,
    measured_genes,
)
from features.readers.schema import patient_schema
from features.readers.sections import clinical_rows, genotype_rows, medication_rows
from features.readers.tumour_section import Tumour, sequenced_tumour, tumour_entry
from features.readers.vocabulary import Vocabulary, vocabulary_of

LONGEST_ID = 200

_REQUIRED = frozenset({"patient_id"})
_ALLOWED = _REQUIRED | {"genotypes", "clinical", "medications", "tumour", "expression"}


@dataclass
class _Read:
    """What was read so far; rows and parts by the patient's position."""

    ids: list[str] = field(default_factory=list)
    genotypes: list[tuple] = field(default_factory=list)
    clinical: list[tuple] = field(default_factory=list)
    medications: list[tuple] = field(default_factory=list)
    tumours: list[tuple[int, Tumour]] = field(default_factory=list)
    expression: list[tuple[int, MeasuredGenes]] = field(default_factory=list)


def read_documents(documents: Sequence[object], spec: FeatureSpec | None = None) -> Cohort:
    """A cohort of the documents' patients, in their order; every fault of every document told together.

    With a specification the clinical variables that its study declares are known too. A fault's `where` is an
    RFC 6901 pointer into the document, or into the list when there are several.
    """
    faults, single, vocabulary = Faults(), len(documents) == 1, vocabulary_of(spec)
    read = _Read()
    for i, document in enumerate(documents):
        root: Path = () if single else (i,)
        has_fields(document, _REQUIRED, _ALLOWED, root, faults)
        if type(document) is dict:
            _read_one(document, i, root, vocabulary, read, faults)
    _note_repeated(read.ids, faults)
    panels = _panels(read.tumours, single, faults)
    faults.refuse("patient document" if single else "patient documents")
    return Cohort(
        tuple(read.ids),
        Genotypes.from_rows(read.genotypes),
        Clinical.from_rows(read.clinical),
        Medications.from_rows(read.medications),
        variants=Variants.from_rows((i, *row) for i, tumour in read.tumours for row in tumour.variants),
        sequenced=_sequenced(len(read.ids), read.tumours),
        panels=panels,
        expression=expression_table(read.expression),
    )


def to_document(cohort: Cohort, patient_id: str, spec: FeatureSpec | None = None) -> dict[str, object]:
    """One patient as a document that reads back the same: what encoders may see, in canonical units.

    Clinical variables that a study declares are written when its specification is given.
    """
    if patient_id not in cohort.patient_ids:
        raise CohortError("the patient asked for is not in the cohort; ask for one of its patient_ids")
    patient = cohort.patient_ids.index(patient_id)
    document: dict[str, object] = {"patient_id": patient_id}
    sections = {
        "genotypes": _genotype_entries(cohort, patient),
        "clinical": _clinical_entries(cohort, patient, vocabulary_of(spec)),
        "medications": _medication_entries(cohort, patient),
        "tumour": tumour_entry(cohort, patient),
        "expression": expression_entry(cohort, patient),
    }
    return document | {name: entries for name, entries in sections.items() if entries}


def document_schema(spec: FeatureSpec) -> dict[str, object]:
    """JSON Schema (2020-12) of a patient document, telling which parts the specification reads."""
    return patient_schema(spec, LONGEST_ID)


def _read_one(
    document: dict, i: int, root: Path, vocabulary: Vocabulary, read: _Read, faults: Faults
) -> None:
    read.ids.append(_patient_id(document.get("patient_id"), root, faults))
    if "genotypes" in document:
        calls = genotype_rows(document["genotypes"], (*root, "genotypes"), faults)
        read.genotypes += [(i, *row) for row in calls]
    if "clinical" in document:
        facts = clinical_rows(document["clinical"], (*root, "clinical"), faults, vocabulary)
        read.clinical += [(i, *row) for row in facts]
    if "medications" in document:
        taken = medication_rows(document["medications"], (*root, "medications"), faults)
        read.medications += [(i, *row) for row in taken]
    if "tumour" in document:
        tumour = sequenced_tumour(document["tumour"], (*root, "tumour"), faults)
        read.tumours += [] if tumour is None else [(i, tumour)]
    if "expression" in document:
        measured = measured_genes(document["expression"], (*root, "expression"), faults, vocabulary)
        read.expression += [] if measured is None else [(i, measured)]


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


def _panels(tumours: list[tuple[int, Tumour]], single: bool, faults: Faults) -> dict[str, Panel]:
    """The assays by name; one name must mean one assay."""
    found: dict[str, Panel] = {}
    for i, tumour in tumours:
        if found.setdefault(tumour.panel.name, tumour.panel) != tumour.panel:
            path: Path = () if single else (i,)
            what = "an earlier document has another assay of this name"
            faults.add((*path, "tumour", "assay"), what, "give each assay a name of its own")
    return found


def _sequenced(n: int, tumours: list[tuple[int, Tumour]]) -> Texts | None:
    if not tumours:
        return None
    names: Texts = np.full(n, None, dtype=object)
    for i, tumour in tumours:
        names[i] = tumour.panel.name
    return names


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


def _clinical_entries(cohort: Cohort, patient: int, vocabulary: Vocabulary) -> dict[str, Mapping]:
    table, latest = cohort.clinical, {}
    rows = [row for row in _rows_of(table, patient) if table.day[row] <= 0]
    for row in sorted(rows, key=lambda row: table.day[row]):
        latest[table.name[row]] = row
    known = vocabulary.clinical
    return {name: _clinical_entry(table, row, known[name]) for name, row in latest.items() if name in known}


def _clinical_entry(table: Clinical, row: int, variable: ClinicalVariable) -> dict[str, object]:
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
