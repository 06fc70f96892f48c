"""Codes of other vocabularies: every row of a map states something that a cohort can hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.errors import CohortError
from features.knowledge.codes import CodedFact, drug_of_rxnorm, drugs_named, fhir_map, omop_map
from features.knowledge.measurements import measurements
from features.knowledge.tables import clinical_variables, drugs, interaction_classes
from features.readers.code_map import read_map

HEADER = "resource,system,code,answer,fact,value,unit,label\n"


@pytest.mark.parametrize(
    "row", [*fhir_map().rows, *omop_map().rows], ids=lambda row: f"{row.code}-{row.answer}"
)
def test_a_row_states_a_fact_known_here(row: CodedFact) -> None:
    variable = clinical_variables().get(row.subject)
    if row.resource == "unit":
        assert row.unit
    elif row.section == "medications":
        assert row.subject in drugs()
    elif variable is not None and variable.kind != "quantity":
        assert row.value in (variable.categories or ("0", "1"))
    else:
        assert row.section == "genotypes" or row.subject in measurements()


def test_no_code_stands_twice() -> None:
    for codes in (fhir_map(), omop_map()):
        keys = [(row.resource, row.system, row.code, row.answer) for row in codes.rows]
        assert len(set(keys)) == len(keys)


def test_every_quantity_of_the_map_has_its_plausible_range() -> None:
    assert all(known.low < known.high for known in measurements().values())


def test_an_icd_code_is_what_it_lies_under() -> None:
    assert fhir_map().answers("Condition", "icd10", "I48.91")[""].subject == "indication_atrial_fibrillation"
    assert fhir_map().answers("Condition", "icd10", "I82.409")[""].subject == "indication_dvt"
    assert not fhir_map().answers("Condition", "icd10", "I82.9")
    assert not fhir_map().answers("Condition", "snomed", "732110091")


def test_a_class_has_a_verified_code_and_none_twice() -> None:
    by_code = drug_of_rxnorm()
    assert all(code.isdigit() for code in by_code)
    assert all(set(group.drugs) & set(by_code.values()) for group in interaction_classes().values())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Amiodarone 200 MG Oral Tablet [Pacerone]", ("amiodarone",)),
        ("amlodipine / atorvastatin", ("atorvastatin",)),
        ("Trimethoprim-Sulfamethoxazole 800-160 mg", ("trimethoprim_sulfamethoxazole",)),
        ("sulfamethoxazole", ("sulfamethoxazole",)),
        ("metformin", ()),
        ("nonaspirin", ()),
    ],
)
def test_a_product_is_known_by_whole_words(name: str, expected: tuple[str, ...]) -> None:
    assert drugs_named(name) == expected


def test_a_users_map_is_read_and_its_rows_count_first(tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_text(HEADER + "Observation,loinc,29463-7,,clinical/bmi,,,mine\n")
    more = fhir_map().extended(read_map(tmp_path / "map.csv"))
    assert more.answers("Observation", "loinc", "29463-7")[""].subject == "bmi"
    assert fhir_map().answers("Observation", "loinc", "29463-7")[""].subject == "weight"


def test_all_faults_of_a_users_map_are_told(tmp_path: Path) -> None:
    rows = (
        "Observation,loinc,1,,weight,,,no section\n",
        "Observation,loinc,2,,clinical/smoker,yes,,no flag\n",
        "Observation,loinc,3,,medications/warfarine,,,no drug\n",
        "Observation,loinc,4,,outcomes/dose,,,no unit\n",
        ",loinc,5,,clinical/unheard_of,,,no resource and no unit\n",
    )
    (tmp_path / "map.csv").write_text(HEADER + "".join(rows))
    with pytest.raises(CohortError) as refused:
        read_map(tmp_path / "map.csv")
    assert [fault.where for fault in refused.value.faults] == [
        "map.csv line 2 column 'fact'",
        "map.csv line 3 column 'value'",
        "map.csv line 4 column 'fact'",
        "map.csv line 5 column 'unit'",
        "map.csv line 6 column 'resource'",
        "map.csv line 6 column 'unit'",
    ]
