"""Germline calls as numbers: allele counts, activity scores, metabolizer phenotypes, linked SNPs.

A diplotype is two star alleles (`*1/*3`); a SNP call is two forward-strand GRCh38 letters (`C/T`).
A call that is not recorded is NaN or None, never the reference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np

from features.calls import is_star_allele, parts_of
from features.cohort import Cohort, Texts
from features.column import Column, Numbers
from features.knowledge.tables import (
    LinkedSnpRule,
    Snp,
    alleles,
    function_phenotypes,
    linked_snp_rules,
    phenotypes,
    snps,
    star_allele_genes,
)
from features.matrix import Feature

LINKED_TARGET = "rs9923231"


@lru_cache(maxsize=4096)
def split_diplotype(diplotype: str) -> tuple[str, str]:
    """The two alleles of a call such as `*1/*3` or `C/T`."""
    first, second = diplotype.split("/")
    return first, second


def allele_count(call: str, allele: str) -> float:
    """How many of the two alleles of a call are this one: 0, 1 or 2.

    >>> allele_count("*2/*2", "*2"), allele_count("*1/*3", "*2")
    (2.0, 0.0)
    """
    first, second = split_diplotype(call)
    return float(first == allele) + float(second == allele)


def allele_count_forward(call: str, allele: str) -> float:
    """How often a forward-strand letter stands in a SNP call; NaN when the call has another alphabet.

    >>> allele_count_forward("C/T", "T")
    1.0
    """
    letters = split_diplotype(call)
    return allele_count(call, allele) if all(letter in "ACGT" for letter in letters) else math.nan


@lru_cache(maxsize=4096)
def unknown_alleles(gene: str, call: str) -> tuple[str, ...]:
    """The alleles of a diplotype that the table of the gene does not hold."""
    known = alleles(gene)
    carried = dict.fromkeys(split_diplotype(call))
    return tuple(a for a in carried if not all(name in known for name, _ in _parts(gene, a)))


@lru_cache(maxsize=4096)
def activity_score(gene: str, diplotype: str) -> float:
    """Sum of the two alleles' activity values (CPIC; source in the table's header).

    NaN when either allele's function is unknown, which is not the same as 0.

    >>> activity_score("CYP2C9", "*1/*3"), activity_score("CYP2D6", "*1x2/*4")
    (1.0, 2.0)
    """
    known = alleles(gene)
    parts = [part for allele in split_diplotype(diplotype) for part in _parts(gene, allele)]
    return sum(copies * known[name].activity if name in known else math.nan for name, copies in parts)


def _parts(gene: str, allele: str) -> tuple[tuple[str, int], ...]:
    """An allele of the table as it stands; another by its copies (CYP2D6 `*1x2`, `*36+*10`)."""
    return ((allele, 1),) if allele in alleles(gene) else parts_of(allele)


def phenotype(gene: str, diplotype: str) -> str | None:
    """The phenotype CPIC assigns to the activity score, or to the two alleles' functions; None when unknown.

    >>> phenotype("CYP2C9", "*2/*3"), phenotype("CYP2C19", "*1/*17")
    ('poor_metabolizer', 'rapid_metabolizer')
    """
    if phenotypes(gene):
        return phenotypes(gene).get(activity_score(gene, diplotype))
    if unknown_alleles(gene, diplotype):
        return None
    functions = frozenset(alleles(gene)[a].function for a in split_diplotype(diplotype))
    return function_phenotypes(gene).get(functions)


def linked_rs9923231(cohort: Cohort) -> Texts:
    """Each patient's VKORC1 rs9923231 (-1639G>A) call: as measured, else inferred from linked SNPs.

    The IWPC's published rules (doi:10.1056/NEJMoa0809329, supplementary appendix), in their order;
    those that do not hold in every ancestry ask for a recorded race.
    """
    answer = np.full(len(cohort), None, dtype=object)
    for patient, call in _linked_calls(cohort).items():
        answer[patient] = call
    return answer


def _linked_calls(cohort: Cohort) -> Mapping[int, str]:
    table = cohort.genotypes
    found = dict(table.calls_at(LINKED_TARGET))
    if len(found) == len(cohort):
        return found
    races = cohort.clinical.texts_of("race")
    for rule, spellings in _rules_with_both_spellings():
        for patient, seen in table.calls_at(rule.rsid).items():
            if patient in found or seen not in spellings:
                continue
            if not rule.races or races.get(patient) in rule.races:
                found[patient] = rule.inferred
    return found


@lru_cache(maxsize=1)
def _rules_with_both_spellings() -> tuple[tuple[LinkedSnpRule, tuple[str, str]], ...]:
    rules = linked_snp_rules()
    return tuple((rule, (rule.call, "/".join(split_diplotype(rule.call)[::-1]))) for rule in rules)


def genotype_columns(linked_snps: bool) -> dict[str, Column]:
    """Every genotype feature that can be computed, by name; `linked_snps` infers a missing rs9923231."""
    columns = [column for gene in star_allele_genes() for column in _gene_columns(gene)]
    columns += [_snp_column(snp, allele, linked_snps) for snp in snps().values() for allele in snp.alleles]
    return {column.feature.name: column for column in columns}


def _gene_columns(gene: str) -> list[Column]:
    def column(measure: str, label: str, number: Callable[[str], float]) -> Column:
        feature = Feature(f"genotype.{gene}.{measure}", "genotype", gene, "1", f"{gene} {label}")
        return Column(feature, (f"genotypes/{gene}",), _from_calls(gene, number))

    stars = [a for a in alleles(gene) if is_star_allele(a)]
    found = [column(f"{a}_count", f"{a} alleles", _counter(a)) for a in stars]
    if phenotypes(gene):
        found.append(column("activity_score", "activity score", lambda call: activity_score(gene, call)))
    kinds = dict.fromkeys((*phenotypes(gene).values(), *function_phenotypes(gene).values()))
    indicators = (column(f"is_{k}", k.replace("_", " "), _phenotype_indicator(gene, k)) for k in kinds)
    return [*found, *indicators]


def _snp_column(snp: Snp, allele: str, linked_snps: bool) -> Column:
    name = f"genotype.{snp.gene}.{snp.rsid}_{allele}_count"
    label = f"{snp.gene} {snp.rsid} ({snp.gene_strand_name}) {allele} alleles"
    feature = Feature(name, "genotype", snp.gene, "1", label)
    number = lru_cache(maxsize=64)(lambda call: allele_count_forward(call, allele))
    if not (linked_snps and snp.rsid == LINKED_TARGET):
        return Column(feature, (f"genotypes/{snp.rsid}",), _from_calls(snp.rsid, number))
    sources = dict.fromkeys(rule.rsid for rule in linked_snp_rules())
    inputs = (f"genotypes/{snp.rsid}", *(f"genotypes/{rsid}" for rsid in sources), "clinical/race")
    return Column(feature, inputs, lambda cohort: _spread(len(cohort), _linked_calls(cohort), number))


def _counter(allele: str) -> Callable[[str], float]:
    return lambda call: allele_count(call, allele)


def _phenotype_indicator(gene: str, kind: str) -> Callable[[str], float]:
    def number(diplotype: str) -> float:
        found = phenotype(gene, diplotype)
        return math.nan if found is None else float(found == kind)

    return number


def _from_calls(locus: str, number: Callable[[str], float]) -> Callable[[Cohort], Numbers]:
    remembered = lru_cache(maxsize=4096)(number)
    return lambda cohort: _spread(len(cohort.patient_ids), cohort.genotypes.calls_at(locus), remembered)


def _spread(n: int, calls: Mapping[int, str], number: Callable[[str], float]) -> Numbers:
    answer = [math.nan] * n
    for patient, call in calls.items():
        answer[patient] = number(call)
    return answer
