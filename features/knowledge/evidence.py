"""What CPIC says of a gene and a drug: its level of evidence, and the guideline where there is one."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class GeneDrugPair:
    """A pair as CPIC lists it: `level` A (prescribing should follow genotype) to D, `guideline` a URL or
    nothing, `pmids` the guideline's publications."""

    gene: str
    drug: str
    level: str
    status: str
    guideline: str
    pmids: tuple[str, ...]


@cache
def cpic_pairs(gene: str) -> tuple[GeneDrugPair, ...]:
    """All drugs that CPIC lists with a gene, the best level first; empty for a gene it does not list."""
    return _by_gene().get(gene, ())


def cpic_evidence(gene: str, drug: str) -> tuple[GeneDrugPair, ...]:
    """The pair of this gene and drug, if CPIC lists it; else the gene's pairs that have a guideline."""
    own = tuple(pair for pair in cpic_pairs(gene) if pair.drug == drug)
    return own or tuple(pair for pair in cpic_pairs(gene) if pair.guideline)


@cache
def _by_gene() -> Mapping[str, tuple[GeneDrugPair, ...]]:
    text = Path(__file__).with_name("cpic_pairs.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    found: dict[str, list[GeneDrugPair]] = {}
    for row in csv.DictReader(lines, strict=True):
        pmids = tuple(row["pmids"].split(";")) if row["pmids"] else ()
        told = (row["gene"], row["drug"], row["level"], row["status"], row["guideline"], pmids)
        found.setdefault(row["gene"], []).append(GeneDrugPair(*told))
    ordered = {gene: tuple(sorted(own, key=lambda p: (p.level, p.drug))) for gene, own in found.items()}
    return MappingProxyType(ordered)
