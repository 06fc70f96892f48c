"""The published tables as frozen rows; each file opens with its source, version and licence."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

COMPLEMENT: Mapping[str, str] = MappingProxyType({"A": "T", "C": "G", "G": "C", "T": "A"})


@dataclass(frozen=True, slots=True)
class Allele:
    """An allele, its CPIC clinical function, and its activity value (NaN when CPIC gives none)."""

    gene: str
    name: str
    function: str
    activity: float


@dataclass(frozen=True, slots=True)
class Snp:
    """A single-nucleotide variant in forward-strand (GRCh38) letters, and its name on the gene's strand."""

    rsid: str
    gene: str
    reference: str
    alternate: str
    strand: str
    gene_strand_name: str

    @property
    def alleles(self) -> tuple[str, str]:
        """The two forward-strand letters, the reference first."""
        return self.reference, self.alternate


@dataclass(frozen=True, slots=True)
class LinkedSnpRule:
    """A published inference of one SNP's call from another's; `races` is empty where any will do."""

    target: str
    rsid: str
    call: str
    inferred: str
    races: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InteractionClass:
    """Drugs that act alike on the treatment; the class's own name, a drug too, means any of them."""

    name: str
    label: str
    drugs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClinicalVariable:
    """A clinical fact: a `quantity` in its canonical UCUM unit, a `category`, or a `flag`.

    `when_missing` names the category that an unrecorded value belongs to, where there is one. A study's own
    variable may belong to another `block` than clinical, and to a gene. What is `changeable` may be asked
    about otherwise than it is: a treatment or a way of life can move it.
    """

    name: str
    kind: str
    label: str
    unit: str
    low: float
    high: float
    categories: tuple[str, ...]
    when_missing: str
    block: str = "clinical"
    gene: str | None = None
    changeable: bool = False


def _rows(name: str) -> list[dict[str, str]]:
    text = Path(__file__).with_name(f"{name}.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines, strict=True))


def _number(text: str) -> float:
    return float(text) if text else math.nan


@cache
def alleles(gene: str) -> Mapping[str, Allele]:
    """A gene's star alleles by name, in the order of their numbers; empty for a gene without any here."""
    rows = [r for r in _rows("alleles") if r["gene"] == gene]
    found = [Allele(gene, r["allele"], r["function"], _number(r["activity"])) for r in rows]
    return MappingProxyType({allele.name: allele for allele in found})


@cache
def star_allele_genes() -> tuple[str, ...]:
    """The genes whose calls are diplotypes."""
    return tuple(dict.fromkeys(r["gene"] for r in _rows("alleles")))


@cache
def other_alleles() -> tuple[str, ...]:
    """Names of alleles that are not stars (DPYD's), in the order of their tables."""
    names = (r["allele"] for r in _rows("alleles"))
    return tuple(dict.fromkeys(name for name in names if not name.startswith("*")))


@cache
def phenotypes(gene: str) -> Mapping[float, str]:
    """A gene's metabolizer phenotype by activity score; empty for a gene that CPIC does not score."""
    rows = [r for r in _rows("phenotypes") if r["gene"] == gene]
    return MappingProxyType({float(r["activity_score"]): r["phenotype"] for r in rows})


@cache
def function_phenotypes(gene: str) -> Mapping[frozenset[str], str]:
    """A gene's phenotype by the functions of the two alleles; what CPIC calls indeterminate is left out."""
    rows = [r for r in _rows("function_phenotypes") if r["gene"] == gene]
    return MappingProxyType({frozenset((r["function_1"], r["function_2"])): r["phenotype"] for r in rows})


@cache
def snps() -> Mapping[str, Snp]:
    """The SNPs known here, by rsid."""
    return MappingProxyType({r["rsid"]: Snp(**r) for r in _rows("snps")})


@cache
def linked_snp_rules() -> tuple[LinkedSnpRule, ...]:
    """The published inferences, in the order in which they are tried."""
    return tuple(
        LinkedSnpRule(
            r["target"],
            r["rsid"],
            r["call"],
            r["inferred"],
            () if r["races"] == "any" else tuple(r["races"].split()),
        )
        for r in _rows("linked_snps")
    )


@cache
def interaction_classes() -> Mapping[str, InteractionClass]:
    """Interaction classes by name."""
    members: dict[str, list[str]] = {}
    labels: dict[str, str] = {}
    for row in _rows("interactions"):
        members.setdefault(row["class"], [row["class"]]).append(row["drug"])
        labels[row["class"]] = row["label"]
    groups = (InteractionClass(name, labels[name], tuple(dict.fromkeys(m))) for name, m in members.items())
    return MappingProxyType({group.name: group for group in groups})


@cache
def drugs() -> frozenset[str]:
    """Every drug name a patient document may hold."""
    return frozenset(drug for group in interaction_classes().values() for drug in group.drugs)


@cache
def clinical_variables() -> Mapping[str, ClinicalVariable]:
    """Clinical variables by name."""
    return MappingProxyType({r["name"]: _clinical_variable(r) for r in _rows("clinical_variables")})


def _clinical_variable(row: dict[str, str]) -> ClinicalVariable:
    return ClinicalVariable(
        name=row["name"],
        kind=row["kind"],
        label=row["label"],
        unit=row["unit"],
        low=_number(row["low"]),
        high=_number(row["high"]),
        categories=tuple(row["categories"].split()),
        when_missing=row["when_missing"],
        changeable=row["changeable"] == "yes",
    )
