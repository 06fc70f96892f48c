"""Star alleles as what they are made of: sites of the genome, and what stands at each on an allele.

A change is named as on GRCh38, `chromosome-position-reference-alternate`. An allele carries the changes
that define it, may carry a few more, and has the reference at every other site of its gene.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType

from features.knowledge.tables import alleles, snps

REFERENCE = "reference"
"""What stands at a site of GRCh38 when no change does."""

BUILDS = ("GRCh37", "GRCh38")


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the genome by its GRCh38 name; `position` and `reference` are as each build has them."""

    name: str
    chromosome: str
    positions: tuple[int, int]
    references: tuple[str, str]
    alternate: str

    @property
    def is_substitution(self) -> bool:
        """Whether one letter stands for another, with nothing put in or taken out."""
        return len(self.references[1]) == len(self.alternate) == 1


@dataclass(frozen=True, slots=True)
class Site:
    """A place where alleles of a gene differ: its changes, all anchored at one position."""

    gene: str
    rsid: str
    changes: tuple[Change, ...]

    @property
    def chromosome(self) -> str:
        """The chromosome's number, without `chr`."""
        return self.changes[0].chromosome

    def position(self, build: str) -> int:
        """The 1-based position of the first letter, in one of `BUILDS`."""
        return self.changes[0].positions[BUILDS.index(build)]

    def reference_letter(self, build: str) -> str:
        """The letter of this build at the position."""
        return self.changes[0].references[BUILDS.index(build)][0]

    def reference_state(self, build: str) -> str:
        """What the build's own sequence is, told in GRCh38's terms: `REFERENCE`, or the name of a change."""
        letter = self.reference_letter(build)
        if letter == self.reference_letter("GRCh38"):
            return REFERENCE
        return next(change.name for change in self.changes if change.alternate == letter)

    @property
    def is_substitution(self) -> bool:
        """Whether every change of the site puts one letter for another."""
        return all(change.is_substitution for change in self.changes)


@dataclass(frozen=True, slots=True)
class NamedAllele:
    """A star allele: the changes that it must carry, and those that it may."""

    name: str
    required: frozenset[str]
    optional: frozenset[str] = frozenset()


@dataclass(frozen=True)
class GeneDefinition:
    """A gene's sites and the alleles that small variants tell apart; `reference` is its first allele.

    `structural` names alleles (deletions, hybrids) that no small variant shows.
    """

    gene: str
    sites: tuple[Site, ...]
    alleles: tuple[NamedAllele, ...]
    structural: tuple[str, ...]

    @cached_property
    def reference(self) -> str:
        """The allele to which the others are compared."""
        return self.alleles[0].name

    @cached_property
    def states(self) -> Mapping[str, tuple[frozenset[str], ...]]:
        """By allele, what may stand at each site."""
        return {allele.name: tuple(_allowed(allele, site) for site in self.sites) for allele in self.alleles}


def _allowed(allele: NamedAllele, site: Site) -> frozenset[str]:
    names = frozenset(change.name for change in site.changes)
    return (names & allele.required) or frozenset({REFERENCE}) | (names & allele.optional)


@cache
def definitions() -> Mapping[str, GeneDefinition]:
    """Every gene whose star alleles small variants define, by symbol."""
    genes = dict.fromkeys(row["gene"] for row in _rows("star_alleles"))
    return MappingProxyType({gene: _definition(gene) for gene in genes})


@cache
def snp_sites() -> Mapping[str, Site]:
    """The SNPs of `snps.csv` as sites, by rsid."""
    return MappingProxyType({row["rsid"]: _snp_site(row) for row in _rows("snp_positions")})


def change(name: str, position37: int, reference37: str = "") -> Change:
    """A change by its GRCh38 name, and where GRCh37 has it.

    >>> change("10-94842866-A-G", 96602623, "G").references
    ('G', 'A')
    """
    chromosome, position, reference, alternate = name.split("-")
    positions = (position37, int(position))
    return Change(name, chromosome, positions, (reference37 or reference, reference), alternate)


def _definition(gene: str) -> GeneDefinition:
    rows = [row for row in _rows("star_alleles") if row["gene"] == gene]
    required = {row["allele"]: frozenset(row["variants"].split()) for row in rows if not row["structural"]}
    optional = _optional(gene, required)
    named = tuple(NamedAllele(name, required[name], optional.get(name, frozenset())) for name in required)
    structural = tuple(row["allele"] for row in rows if row["structural"])
    return GeneDefinition(gene, _sites(gene), named, structural)


def _sites(gene: str) -> tuple[Site, ...]:
    grouped: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in _rows("germline_variants"):
        if row["gene"] == gene:
            chromosome, position, *_ = row["variant"].split("-")
            grouped.setdefault((chromosome, position), []).append(row)
    return tuple(_site(gene, rows) for rows in grouped.values())


def _site(gene: str, rows: list[dict[str, str]]) -> Site:
    changes = tuple(change(r["variant"], int(r["position37"]), r["reference37"]) for r in rows)
    return Site(gene, rows[0]["rsid"], changes)


def _snp_site(row: Mapping[str, str]) -> Site:
    snp = snps()[row["rsid"]]
    name = "-".join((row["chromosome"], row["position38"], snp.reference, snp.alternate))
    return Site(snp.gene, snp.rsid, (change(name, int(row["position37"])),))


def _optional(gene: str, required: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """What an allele may carry beyond its definition: PharmVar's suballeles, and DPYD's milder variants."""
    found: dict[str, set[str]] = {}
    for row in _rows("suballeles"):
        if row["gene"] != gene:
            continue
        others = [name for name in required if required[name] and row["variant"] not in required[name]]
        for name in others if row["allele"] == "any" else [row["allele"]]:
            found.setdefault(name, set()).add(row["variant"])
    if gene == "DPYD":
        found = _milder(required)
    return {name: frozenset(variants) for name, variants in found.items()}


def _milder(required: Mapping[str, frozenset[str]]) -> dict[str, set[str]]:
    """CPIC names a DPYD haplotype by its least active variant, so an allele may carry any that is milder."""
    known = alleles("DPYD")
    order = sorted((name for name in required if required[name]), key=lambda name: known[name].activity)
    milder = {name: order[i + 1 :] for i, name in enumerate(order)}
    return {
        name: {variant for other in others for variant in required[other]} for name, others in milder.items()
    }


@cache
def _rows(name: str) -> tuple[dict[str, str], ...]:
    text = Path(__file__).with_name(f"{name}.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return tuple(csv.DictReader(lines, strict=True))
