"""The published tables say where they come from and hold together."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from features.knowledge import tables

FILES = sorted(Path(tables.__file__).parent.glob("*.csv"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_table_opens_with_source_version_and_licence(file: Path) -> None:
    head = "\n".join(line for line in file.read_text().splitlines() if line.startswith("#"))
    assert all(f"# {word}: " in head for word in ("source", "version", "licence"))


def test_every_allele_of_the_iwpc_has_an_activity_value() -> None:
    known = tables.alleles("CYP2C9")
    seen = ("*1", "*2", "*3", "*5", "*6", "*11", "*13", "*14")
    assert all(not math.isnan(known[name].activity) for name in seen)


def test_function_and_activity_agree() -> None:
    expected = {"normal": 1.0, "decreased": 0.5, "none": 0.0}
    for allele in tables.alleles("CYP2C9").values():
        if allele.function in ("uncertain", "unknown"):
            assert math.isnan(allele.activity)
        else:
            assert allele.activity == expected[allele.function]


def test_every_sum_of_activities_has_a_phenotype() -> None:
    values = {a.activity for a in tables.alleles("CYP2C9").values() if not math.isnan(a.activity)}
    assert {x + y for x in values for y in values} == set(tables.phenotypes("CYP2C9"))


def test_linked_rules_use_letters_of_their_snps() -> None:
    known = tables.snps()
    for rule in tables.linked_snp_rules():
        assert set(rule.call.split("/")) <= set(known[rule.rsid].alleles)
        assert set(rule.inferred.split("/")) <= set(known[rule.target].alleles)
        assert set(rule.races) <= set(tables.clinical_variables()["race"].categories)


def test_a_drug_belongs_to_one_class_and_a_class_is_a_drug() -> None:
    classes = tables.interaction_classes()
    assert sum(len(group.drugs) for group in classes.values()) == len(tables.drugs())
    assert all(name in group.drugs for name, group in classes.items())
    assert {"rifampin", "rifampicin"} <= set(classes["cyp_inducer"].drugs)


def test_variables_have_what_their_kind_needs() -> None:
    for variable in tables.clinical_variables().values():
        assert (variable.low < variable.high) == bool(variable.unit) == (variable.kind == "quantity")
        assert bool(variable.categories) == (variable.kind == "category")
        assert variable.when_missing in ("", *variable.categories)
