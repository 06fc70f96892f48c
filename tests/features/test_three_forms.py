"""The same thirty synthetic patients as FHIR, as OMOP tables and as CSV: one cohort, bit for bit."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.cohort import Clinical, Cohort
from features.encode import FeatureSpec, catalog, encode
from features.readers.clinical_table import read_clinical_table
from features.readers.code_map import read_map
from features.readers.fhir import read_fhir
from features.readers.folder import read_folder, write_folder
from features.readers.index_date import IndexDates, read_index_dates
from features.readers.omop import read_omop
from features.readers.table_schema import schema_of
from features.synthetic import synthetic_cohort
from tests.features.clinical_forms import (
    AFTER,
    CONDITIONS,
    FHIR_MAP,
    INDEX,
    MAP_HEADER,
    OMOP_MAP,
    coded,
    observation,
    quantity,
    table_and_schema,
    write_fhir,
    write_omop,
)


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    """Patients whose drugs have starts and, some of them, stops before or after day 0."""
    whole = synthetic_cohort(30, seed=7)
    table, row = whole.medications, np.arange(len(whole.medications))
    start = np.where(table.taken, -30.0 - row % 7, math.nan)
    stop = np.where(table.taken, np.array([math.nan, 20.0, -2.0])[row % 3], math.nan)
    day = np.where(np.isin(whole.clinical.name, ("weight", "height", "smoker", *CONDITIONS)), -3.0, 0.0)
    clinical = replace(whole.clinical, day=day)
    return replace(whole, clinical=clinical, medications=replace(table, start=start, stop=stop))


@pytest.fixture
def index(tmp_path: Path, cohort: Cohort) -> IndexDates:
    rows = "".join(f"{patient},{INDEX}\n" for patient in cohort.patient_ids)
    (tmp_path / "index.csv").write_text("patient_id,index_date\n" + rows)
    return read_index_dates(tmp_path / "index.csv")


def test_fhir_gives_the_cohort_that_it_was_written_from(
    tmp_path: Path, cohort: Cohort, index: IndexDates
) -> None:
    (tmp_path / "map.csv").write_text(MAP_HEADER + FHIR_MAP)
    found = read_fhir(write_fhir(cohort, tmp_path), index, read_map(tmp_path / "map.csv"))
    assert found.cohort.fingerprint() == cohort.fingerprint()
    assert found.unread == {}


def test_omop_gives_the_cohort_that_it_was_written_from(
    tmp_path: Path, cohort: Cohort, index: IndexDates
) -> None:
    (tmp_path / "map.csv").write_text(MAP_HEADER + OMOP_MAP)
    tables = tmp_path / "cdm"
    tables.mkdir()
    write_omop(cohort, tables)
    found = read_omop(tables, index, read_map(tmp_path / "map.csv"), "person_source_value")
    assert found.cohort.fingerprint() == cohort.fingerprint()
    assert found.unread == {}


def test_a_table_gives_the_cohort_that_it_was_written_from(tmp_path: Path, cohort: Cohort) -> None:
    schema = schema_of(table_and_schema(cohort, tmp_path / "table.csv"))
    found = read_clinical_table(tmp_path / "table.csv", schema)
    assert found.cohort.fingerprint() == cohort.fingerprint()
    assert found.unread == {}


def test_the_folder_gives_the_cohort_that_it_was_written_from(tmp_path: Path, cohort: Cohort) -> None:
    write_folder(cohort, tmp_path / "cohort")
    again = read_folder(tmp_path / "cohort")
    assert again.fingerprint() == cohort.fingerprint()
    assert again.patient_ids == cohort.patient_ids


def test_whatever_the_form_the_features_have_the_same_bits(
    tmp_path: Path, cohort: Cohort, index: IndexDates
) -> None:
    (tmp_path / "map.csv").write_text(MAP_HEADER + FHIR_MAP + OMOP_MAP)
    (tmp_path / "cdm").mkdir()
    write_omop(cohort, tmp_path / "cdm")
    schema, more = (
        schema_of(table_and_schema(cohort, tmp_path / "table.csv")),
        read_map(tmp_path / "map.csv"),
    )
    forms = (
        read_fhir(write_fhir(cohort, tmp_path), index, more),
        read_omop(tmp_path / "cdm", index, more, "person_source_value"),
        read_clinical_table(tmp_path / "table.csv", schema),
    )
    spec = FeatureSpec(tuple(catalog()))
    expected = encode(cohort, spec).values.tobytes()
    for form in forms:
        assert encode(form.cohort.take(cohort.patient_ids), spec).values.tobytes() == expected


def test_what_came_after_the_index_changes_nothing(tmp_path: Path, cohort: Cohort, index: IndexDates) -> None:
    patient = cohort.patient_ids[0]
    weight = observation(
        patient, coded("http://loinc.org", "29463-7"), {"valueQuantity": quantity(60.5, "kg")}, AFTER
    )
    (tmp_path / "later.ndjson").write_text(json.dumps(weight) + "\n")
    (tmp_path / "map.csv").write_text(MAP_HEADER + FHIR_MAP)
    paths = [*write_fhir(cohort, tmp_path), tmp_path / "later.ndjson"]
    found = read_fhir(paths, index, read_map(tmp_path / "map.csv"))
    assert found.cohort.fingerprint() == cohort.fingerprint()
    assert found.unread == {"known only after the index date": 1}


def test_the_order_of_the_records_does_not_matter(tmp_path: Path, cohort: Cohort, index: IndexDates) -> None:
    (tmp_path / "map.csv").write_text(MAP_HEADER + FHIR_MAP)
    bulk, bundle = write_fhir(cohort, tmp_path)
    lines = bulk.read_text().splitlines(keepends=True)
    bulk.write_text("".join([*reversed(lines), *lines[:5]]))
    again = read_fhir([bundle, bulk], index, read_map(tmp_path / "map.csv")).cohort
    assert again.fingerprint() == cohort.fingerprint()
    assert isinstance(again.clinical, Clinical)
