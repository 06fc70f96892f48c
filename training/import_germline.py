"""Germline sources of an import: VCF, PharmCAT, diplotypes, and polygenic scores from PLINK files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from features.knowledge.definitions import BUILDS, definitions, snp_sites
from features.knowledge.measurements import measurements
from features.knowledge.tables import clinical_variables
from features.readers.diplotypes import read_diplotypes
from features.readers.pharmcat import read_pharmcat
from features.readers.plink import read_polygenic_scores
from features.readers.vcf import read_vcf
from training.import_options import Reading, Source
from training.import_parts import counted, files_in

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, kw_only=True)
class Vcf(Source):
    """Germline VCF, plain or bgzip: star alleles and SNPs of the genes known here; each sample a patient."""

    path: Annotated[Path, "the file"]
    build: Annotated[str | None, "the build, where the head does not tell it", BUILDS] = None
    assume_reference: Annotated[
        tuple[str, ...],
        "sites (rsid or GRCh38 name) taken for the reference where the file is silent, or all",
    ] = ()
    accept_filters: Annotated[tuple[str, ...], "FILTER values to be used besides PASS"] = ()
    genes: Annotated[tuple[str, ...] | None, "the genes to call; without, all"] = None
    simplest: Annotated[bool, "of several diplotypes that fit, take the one with fewest variants"] = False

    def contradictions(self) -> Iterator[tuple[str, str, str]]:
        """Genes that are not known here."""
        known = {*definitions(), *(site.gene for site in snp_sites().values())}
        if self.genes is not None and not set(self.genes) <= known:
            yield "genes", "names a gene that is not called here", f"use {', '.join(sorted(known))}"

    def read(self) -> Reading:
        """Every call that is decided."""
        found = read_vcf(self.path, self.build, self.assume_reference, self.accept_filters, self.genes)
        return counted(found.imported(self.simplest))


@dataclass(frozen=True, kw_only=True)
class PharmCat(Source):
    """PharmCAT's report.json or phenotype.json, one file a patient: the diplotypes it called."""

    path: Annotated[tuple[Path, ...], "the files, or folders of them"]

    def read(self) -> Reading:
        """The calls at every gene known here."""
        return counted(read_pharmcat(files_in(self.path, (".report.json", ".phenotype.json"))))


@dataclass(frozen=True, kw_only=True)
class Diplotypes(Source):
    """A table of patient_id, gene (or rsid), diplotype: calls of a laboratory or of any caller."""

    path: Annotated[Path, "the table, CSV or TSV"]

    def read(self) -> Reading:
        """The calls at every gene known here."""
        return counted(read_diplotypes(self.path))


@dataclass(frozen=True, kw_only=True)
class Plink(Source):
    """A PLINK file set (.bed, .bim, .fam) and published weights: a polygenic score as a clinical variable."""

    path: Annotated[Path, "the .bed; .bim and .fam lie beside it"]
    weights: Annotated[Path, "the table of variant, effect_allele, other_allele, weight"]
    name: Annotated[str, "the variable's name, such as prs_ldl"]
    least_share: Annotated[float, "the share of the weights' variants that must be there"] = 0.9

    def contradictions(self) -> Iterator[tuple[str, str, str]]:
        """A name that is taken or none, a share that is none."""
        taken = self.name in measurements() or self.name in clinical_variables()
        if taken or not _NAME.fullmatch(self.name):
            yield "name", "is taken, or is not a name", "use lower case letters, digits and '_'"
        if not 0.0 < self.least_share <= 1.0:
            yield "least_share", "is not above 0 and at most 1", "such as 0.9"

    def read(self) -> Reading:
        """The scores, in the units of the weights."""
        scores = read_polygenic_scores(self.path, self.weights, self.least_share)
        found = counted(scores.imported(self.name))
        read = f"{scores.n_read:,} of the {scores.n_asked:,} variants of the score were read"
        return Reading(found.cohort, (read, *found.notes))
