"""Germline calls as numbers, against tables worked by hand from CPIC and the IWPC's appendix."""

from __future__ import annotations

import math

import pytest

from features.calls import canonical_diplotype, canonical_snp_call, forward_snp_call, is_gene_strand_call
from features.cohort import Clinical, Cohort, Genotypes
from features.encode import FeatureSpec, encode
from features.genotype import (
    activity_score,
    allele_count,
    allele_count_forward,
    linked_rs9923231,
    phenotype,
    split_diplotype,
    unknown_alleles,
)
from features.knowledge.tables import snps

NAN = float("nan")


@pytest.mark.parametrize(
    ("diplotype", "score", "expected"),
    [
        ("*1/*1", 2.0, "normal_metabolizer"),
        ("*1/*2", 1.5, "intermediate_metabolizer"),
        ("*1/*3", 1.0, "intermediate_metabolizer"),
        ("*2/*2", 1.0, "intermediate_metabolizer"),
        ("*2/*3", 0.5, "poor_metabolizer"),
        ("*3/*3", 0.0, "poor_metabolizer"),
        ("*1/*5", 1.5, "intermediate_metabolizer"),
        ("*1/*6", 1.0, "intermediate_metabolizer"),
        ("*1/*11", 1.5, "intermediate_metabolizer"),
        ("*1/*13", 1.0, "intermediate_metabolizer"),
        ("*1/*14", 1.5, "intermediate_metabolizer"),
    ],
)
def test_score_and_phenotype_are_cpics(diplotype: str, score: float, expected: str) -> None:
    assert activity_score("CYP2C9", diplotype) == score
    assert phenotype("CYP2C9", diplotype) == expected


@pytest.mark.parametrize("diplotype", ["*1/*7", "*1/*999", "*999/*999"])
def test_unknown_function_is_missing_not_zero(diplotype: str) -> None:
    assert math.isnan(activity_score("CYP2C9", diplotype))
    assert phenotype("CYP2C9", diplotype) is None


def test_unknown_alleles_are_told_once_each() -> None:
    assert unknown_alleles("CYP2C9", "*1/*999") == ("*999",)
    assert unknown_alleles("CYP2C9", "*999/*999") == ("*999",)
    assert unknown_alleles("CYP2C9", "*1/*7") == ()


def test_alleles_are_counted_whole() -> None:
    assert split_diplotype("*1/*13") == ("*1", "*13")
    assert allele_count("*13/*13", "*1") == 0.0
    assert allele_count_forward("T/T", "T") == 2.0
    assert math.isnan(allele_count_forward("*1/*2", "T"))


def test_a_call_is_spelled_one_way() -> None:
    assert canonical_diplotype("*10/*2") == "*2/*10"
    assert canonical_snp_call("rs2884737", "C/A") == "A/C"


@pytest.mark.parametrize(
    "text", ["*1", "*1/*2/*3", "1/2", "*/*1", "*x/*1", "*1/*12345", "*1 /*2", "*²/*1", ""]
)
def test_what_is_no_diplotype_is_not_read_as_one(text: str) -> None:
    assert canonical_diplotype(text) is None


@pytest.mark.parametrize("snp", list(snps().values()), ids=lambda snp: snp.rsid)
def test_vkorc1_forward_letters_complement_the_named_change(snp) -> None:
    before, after = snp.gene_strand_name.lstrip("-0123456789").split(">")
    forward = {"A": "T", "C": "G", "G": "C", "T": "A"}
    assert snp.alleles == (forward[before], forward[after])
    assert forward_snp_call(snp.rsid, f"{after}/{before}") == "/".join(snp.alleles)
    palindromic = {before, after} in ({"A", "T"}, {"C", "G"})
    assert is_gene_strand_call(snp.rsid, f"{before}/{after}") is not palindromic


def _patient(calls: dict[str, str], race: str | None) -> Cohort:
    facts = [] if race is None else [(0, "race", NAN, race, 0.0)]
    rows = [(0, rsid, call) for rsid, call in calls.items()]
    return Cohort(("p",), Genotypes.from_rows(rows), Clinical.from_rows(facts))


@pytest.mark.parametrize(
    ("calls", "race", "expected"),
    [
        ({"rs9923231": "C/T", "rs9934438": "A/A"}, "white", "C/T"),
        ({"rs2359612": "G/G"}, "asian", "C/C"),
        ({"rs2359612": "A/A"}, "white", "T/T"),
        ({"rs2359612": "A/A"}, "black", None),
        ({"rs2359612": "A/A"}, "not_stated", None),
        ({"rs2359612": "A/A"}, None, None),
        ({"rs2359612": "G/A"}, "white", None),
        ({"rs9934438": "G/G"}, "black", "C/C"),
        ({"rs9934438": "A/A"}, None, "T/T"),
        ({"rs9934438": "A/G"}, "black", "C/T"),
        ({"rs8050894": "C/C"}, "white", "C/C"),
        ({"rs8050894": "G/G"}, "asian", "T/T"),
        ({"rs8050894": "G/C"}, "white", "C/T"),
        ({"rs8050894": "G/G"}, "black", None),
        ({"rs2359612": "G/G", "rs9934438": "A/A"}, "white", "C/C"),
        ({"rs2359612": "G/G", "rs9934438": "A/A"}, "black", "T/T"),
        ({"rs7294": "T/T"}, "white", None),
    ],
)
def test_linked_snps_are_read_as_published(
    calls: dict[str, str], race: str | None, expected: str | None
) -> None:
    assert linked_rs9923231(_patient(calls, race)).tolist() == [expected]


def test_linked_snps_are_left_alone_when_the_spec_says_so() -> None:
    name, patient = "genotype.VKORC1.rs9923231_T_count", _patient({"rs9934438": "A/A"}, None)
    assert encode(patient, FeatureSpec((name,))).values.tolist() == [[2.0]]
    assert math.isnan(encode(patient, FeatureSpec((name,), linked_snps=False)).values[0, 0])
