"""The allele definitions hold together, and agree with the tables they were read from."""

from __future__ import annotations

import csv
import gzip
import math
import os
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

from features.calls import canonical_diplotype
from features.genotype import activity_score, phenotype, unknown_alleles
from features.knowledge.definitions import REFERENCE, change, definitions, snp_sites
from features.knowledge.tables import alleles, function_phenotypes, phenotypes, snps, star_allele_genes

DATA = Path(os.environ.get("RXPLAIN_DATA", Path(__file__).parents[3] / "shared" / "data"))
CHECKED = DATA / "pharmcat" / "allele_definitions.csv.gz"


def _table(name: str) -> list[dict[str, str]]:
    try:
        file = distribution("pypgx").locate_file(f"pypgx/api/data/{name}-table.csv")
    except PackageNotFoundError:
        if "tables" in os.environ.get("RXPLAIN_REQUIRE", "").split(","):
            raise
        pytest.skip("pypgx is not installed: pip install --no-deps --requirement .ci/tables.txt")
    rows = csv.DictReader(Path(str(file)).read_text(encoding="utf-8").splitlines())
    return [row for row in rows if row["Gene"] in {*definitions(), "CYP2D6"}]


@pytest.mark.parametrize("gene", definitions())
def test_every_change_has_a_site_and_every_site_an_allele(gene: str) -> None:
    definition = definitions()[gene]
    of_sites = {c.name for site in definition.sites for c in site.changes}
    of_alleles = {name for allele in definition.alleles for name in allele.required}
    assert of_sites == of_alleles
    assert all(allele.optional <= of_sites for allele in definition.alleles)
    assert len({s.position("GRCh38") for s in definition.sites}) == len(definition.sites)


@pytest.mark.parametrize("gene", definitions())
def test_no_two_alleles_are_defined_alike(gene: str) -> None:
    required = [allele.required for allele in definitions()[gene].alleles]
    assert len(set(required)) == len(required)


@pytest.mark.parametrize("gene", definitions())
def test_both_builds_are_one_shift_apart_within_a_gene(gene: str) -> None:
    shifts = {s.position("GRCh38") - s.position("GRCh37") for s in definitions()[gene].sites}
    assert len(shifts) == 1


def test_the_builds_differ_in_three_letters() -> None:
    sites = [site for definition in definitions().values() for site in definition.sites]
    turned = {site.rsid for site in sites if site.reference_state("GRCh37") != REFERENCE}
    assert turned == {"rs3758581", "rs776746", "rs1801265"}
    assert all(site.reference_state("GRCh38") == REFERENCE for site in sites)


def test_vkorc1_positions_follow_from_the_names() -> None:
    """AY587020 counts from the start codon, without a 0; the gene lies on the minus strand."""
    for rsid, site in snp_sites().items():
        if site.gene == "VKORC1":
            named = int(snps()[rsid].gene_strand_name.split(">")[0].rstrip("ACGT"))
            from_start = named if named > 0 else named + 1
            assert site.position("GRCh37") == 31107689 - (from_start - (-1639 + 1))
            assert site.position("GRCh38") == site.position("GRCh37") - 11321


def test_the_two_spellings_of_cyp2b6_17_are_one_sequence() -> None:
    """GACCG from 19:40991387, turned by pypgx's insertion and deletion and by the substitutions used here."""
    before, start = "GACCG", 40991387
    by_pypgx = "GGC" + before[1:2] + "C" + before[5:]
    (allele,) = (a for a in definitions()["CYP2B6"].alleles if a.name == "*17")
    letters = list(before)
    for name in allele.required:
        _, position, reference, alternate = name.split("-")
        if int(position) >= start:
            assert letters[int(position) - start] == reference
            letters[int(position) - start] = alternate
    assert "".join(letters) == by_pypgx


def test_a_change_knows_its_place_on_both_builds() -> None:
    found = change("7-99672916-T-C", 99270539, "C")
    assert (found.positions, found.references, found.is_substitution) == (
        (99270539, 99672916),
        ("C", "T"),
        True,
    )


def test_definitions_are_pypgxs_but_for_what_the_header_says() -> None:
    theirs = {
        (r["Gene"], r["StarAllele"]): frozenset(
            () if r["GRCh38Core"] == "N/A" else r["GRCh38Core"].split(",")
        )
        for r in _table("allele")
        if r["SV"] == "FALSE" and r["Gene"] != "CYP2D6"
    }
    ours = {(g, a.name): a.required for g, d in definitions().items() for a in d.alleles}
    retired = {("CYP3A5", "*2"), ("CYP3A5", "*4"), ("CYP3A5", "*5")}
    unread = {("IFNL3", "rs8099917"), ("IFNL3", "rs12980275")}
    assert theirs.keys() - ours.keys() == retired | unread
    assert {key for key in ours if ours[key] != theirs[key]} == {("CYP2B6", "*17")}


def test_positions_are_pypgxs() -> None:
    theirs = {r["GRCh38Name"]: r for r in _table("variant")}
    for definition in definitions().values():
        for site in definition.sites:
            for found in site.changes:
                row = theirs.get(found.name)
                if row is not None:
                    assert found.positions == (int(row["GRCh37Position"]), int(row["GRCh38Position"]))
                    assert found.references == (row["GRCh37Allele"], row["GRCh38Allele"])


def test_functions_and_activities_are_pypgxs() -> None:
    words = {"normal": "Normal", "decreased": "Decreased", "none": "No", "increased": "Increased"}
    rows = [r for r in _table("allele") if r["Gene"] in star_allele_genes() and r["StarAllele"] != "*DEL"]
    for row in rows:
        allele = alleles(row["Gene"])[row["StarAllele"]]
        assert row["Function"] == f"{words.get(allele.function, allele.function.capitalize())} Function"
        expected = float("nan") if row["ActivityScore"] == "N/A" else float(row["ActivityScore"])
        assert allele.activity == expected or math.isnan(allele.activity) == math.isnan(expected)


def test_every_phenotype_is_cpics() -> None:
    """All diplotypes of pypgx's table whose two alleles are known here, by function or by score."""
    n_seen = 0
    for row in _table("diplotype"):
        gene, diplotype = row["Gene"], row["Diplotype"]
        if gene in star_allele_genes() and not unknown_alleles(gene, diplotype):
            expected = row["Phenotype"].lower().replace(" ", "_")
            assert phenotype(gene, diplotype) == (None if expected == "indeterminate" else expected)
            n_seen += 1
    assert n_seen > 3000


@pytest.mark.parametrize(
    ("gene", "diplotype", "score", "expected"),
    [
        ("DPYD", "Reference/c.557A>G", 1.5, "intermediate_metabolizer"),
        ("DPYD", "c.1905+1G>A (*2A)/c.2846A>T", 0.5, "poor_metabolizer"),
        ("CYP2D6", "*1/*4", 1.0, "intermediate_metabolizer"),
        ("CYP2D6", "*1/*2x2", 3.0, "ultrarapid_metabolizer"),
        ("CYP2D6", "*4x2/*41", 0.5, "intermediate_metabolizer"),
        ("CYP2D6", "*10/*36+*10", 0.5, "intermediate_metabolizer"),
        ("CYP2D6", "*1/*1x≥3", 4.0, "ultrarapid_metabolizer"),
        ("CYP2D6", "*5/*5", 0.0, "poor_metabolizer"),
    ],
)
def test_activity_scores_are_cpics(gene: str, diplotype: str, score: float, expected: str) -> None:
    assert activity_score(gene, diplotype) == score
    assert phenotype(gene, diplotype) == expected
    assert canonical_diplotype(diplotype) == diplotype


@pytest.mark.parametrize("gene", star_allele_genes())
def test_a_gene_is_judged_by_score_or_by_function(gene: str) -> None:
    assert not (phenotypes(gene) and function_phenotypes(gene))
    assert bool(phenotypes(gene) or function_phenotypes(gene)) == (gene != "CYP4F2")


@pytest.mark.skipif(not CHECKED.is_file(), reason=f"no {CHECKED}: set RXPLAIN_DATA to the folder of the data")
def test_definitions_agree_with_pharmcats_table() -> None:
    """Where both define an allele by single letters they ask for the same, but for what is told here."""
    theirs: dict[tuple[str, str], set[str]] = {}
    for row in csv.DictReader(gzip.decompress(CHECKED.read_bytes()).decode().splitlines()):
        if row["is_reference"] == "False" and len(row["base"]) == 1 and row["base"] in "ACGT":
            theirs.setdefault((row["gene"], row["allele"]), set()).add(f"{row['pos_grch38']}-{row['base']}")
    differ = set()
    for gene, definition in definitions().items():
        for allele in definition.alleles:
            ours = {
                f"{n.split('-')[1]}-{n.split('-')[3]}" for n in allele.required if len(n.split("-")[3]) == 1
            }
            told = theirs.get((gene, allele.name))
            if told is not None and told - {"94842866-G"} != ours - {"94842866-G"}:
                differ.add((gene, allele.name))
    assert differ == set(_DIFFERENT)


_DIFFERENT = {
    ("CYP2C9", "*25"): "a deletion: the letter before it is another, the sequence is the same",
    ("CYP2C19", "*1"): "there it is told by every letter, because *38 is the reference",
}
"""Alleles in both tables that are told otherwise, and why."""
