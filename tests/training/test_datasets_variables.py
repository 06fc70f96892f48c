"""What the lists of columns declare can be encoded, and covers every fact of the real cohorts."""

from __future__ import annotations

import pytest

from features.clinical import columns_of
from features.encode import FeatureSpec, declaration_faults
from features.knowledge.tables import clinical_variables
from tests.training.made_up_sources import real_folder
from training.datasets import catalog
from training.datasets.source_columns import declared_columns
from training.datasets.variables import source_variables

every_source = pytest.mark.parametrize("source", ["ispy2", "transneo", "imvigor210", "beataml"])


@every_source
def test_variables_of_the_source_can_be_declared_and_encoded(source: str) -> None:
    variables = source_variables(source)
    assert declaration_faults(variables) == []
    assert len(FeatureSpec(tuple(columns_of(variables)), variables=variables).features) >= len(variables)
    known = [d for d in declared_columns(source) if d.is_variable and d.name in clinical_variables()]
    for declared in known:
        variable = clinical_variables()[declared.name]
        assert (declared.kind, declared.unit) == (variable.kind, variable.unit or "1")
        assert set(declared.categories) <= set(variable.categories)


@every_source
def test_every_fact_of_a_real_cohort_is_a_variable_and_in_its_domain(source: str) -> None:
    cohort = catalog.load_folder(source, real_folder(source))
    known = {**clinical_variables(), **{v.name: v for v in source_variables(source)}}
    facts = [row for row in cohort.clinical.rows if not row[1].startswith("tumour_")]
    assert {row[1] for row in facts} <= set(known)
    for _, name, value, text, _ in facts:
        variable = known[name]
        if variable.kind == "category":
            assert text in variable.categories
        else:
            low, high = (0, 1) if variable.kind == "flag" else (variable.low, variable.high)
            assert low <= value <= high
