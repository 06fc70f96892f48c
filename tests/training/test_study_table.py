"""A table described in a study is read in the study's units and words, or every fault of it is told."""

from __future__ import annotations

import pytest

from features.errors import StudyError
from tests.training.own_study import TEXT, changed
from training.study import read_study


def test_faults_of_table_variables_and_outcome_are_told_together() -> None:
    text = changed(
        ('unit = "[in_i]"', 'unit = "?"'),
        ('fact = "clinical/smoker"', 'fact = "clinical/smokes_pipe"'),
        ('categories = ["early", "late"]', "categories = []"),
        ('links = ["identity"]', 'links = ["cubic"]'),
        ("inner_folds = 2", "inner_folds = 1"),
        ('drug = "A"', 'drug = "?"'),
        ("seed = 1", 'seed = "one"'),
        ('file = "patients.csv"', 'file = "../patients.csv"'),
    )
    with pytest.raises(StudyError) as refused:
        read_study(text)
    assert {fault.where for fault in refused.value.faults} >= {
        "table.facts.Size",
        "table.facts.Smokes",
        "variable 'stage'",
        "outcome.links",
        "model.inner_folds",
        "outcome.drug",
        "study.seed",
        "table.file",
    }


@pytest.mark.parametrize(
    ("found", "wanted", "where", "what"),
    [
        ('unit = "umol/L"\n', 'unit = "kg"\n', "table.facts.Crea", "unit"),
        ('unit = "umol/L"\n', 'unit = "?"\n', "table.facts.Crea", "not settled"),
        ('unit = "mg/dL"', 'unit = "?"', "variable 'creatinine'", "not settled"),
        ('unit = "mg/dL"', 'unit = "g/L"', "variable 'creatinine'", "kept in mg/dL"),
        ('unit = "mg/d"\n', 'unit = "kg"\n', "table.facts.Dose", "unit"),
        ('"*" = "late"', '"*" = "?"', "table.facts.Stage", "what it means"),
        ('"*" = "late"', '"*" = "tardy"', "table.facts.Stage", "no category"),
        (
            'fact = "clinical/smoker"',
            'fact = "clinical/smoker"\nday = 30',
            "table.facts.Smokes",
            "after the index",
        ),
        (
            'fact = "outcomes/dose"',
            'fact = "outcomes/amount"',
            "table.facts",
            "no column holds the outcome 'dose'",
        ),
        ('fact = "groups/site"', 'fact = "clinical/stage"', "table.facts", "stated by two columns"),
        ('index_date = "Start"\n', "", "table.facts.Crea", "index date"),
        ('decimal = ","', 'decimal = ";"', "table.decimal", "decimal sign"),
        ('kind = "folds"', 'kind = "group"\ngroup = "ward"', "protocols[0].group", "no column"),
    ],
)
def test_each_fault_names_its_field(found: str, wanted: str, where: str, what: str) -> None:
    with pytest.raises(StudyError) as refused:
        read_study(changed((found, wanted)))
    assert [what in fault.what for fault in refused.value.faults if fault.where == where] == [True]


def test_to_answer_neither_outcomes_nor_groups_are_needed() -> None:
    table = read_study(TEXT).table
    assert table is not None
    assert set(table.schema.columns) - set(table.known_before.columns) == {"Dose", "Site"}
    assert {"Dose", "Site"} <= table.known_before.ignore
