"""Tumour findings as numbers: the status of a gene, hotspots, allele fractions, copies, burden.

NaN says that the gene was not read (no panel, a panel without it, a reading the panel does not
make); 0 says that it was read and nothing was found. A panel that reads small variants only makes
`amplified` NaN, never 0.

Names are `tumour.<GENE>.<measure>` for any gene, `tumour.burden.<measure>` over all genes, and
`tumour.sample.<name>` for what was given of the whole sample (clinical fact `tumour_<name>`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType

from features.cohort import Cohort
from features.column import Column, Numbers
from features.knowledge.hotspots import hotspot_genes, is_hotspot
from features.matrix import Feature
from features.panel import ALTERING, COPY_NUMBERS, KINDS, MUTATIONS, NOT_READ, STRUCTURES, TRUNCATING
from features.tumour_sample import BURDENS, SAMPLE_VALUES, sample_column, tumour_columns

__all__ = ["BURDENS", "KINDS", "MEASURES", "SAMPLE_VALUES", "column_for", "tumour_columns"]


MEASURES: Mapping[str, str] = MappingProxyType(
    {
        "altered": "altered in any way (mutation, amplification, deletion, fusion)",
        "mutated": "mutated (protein-changing or promoter)",
        "truncating": "truncating mutation",
        "missense": "missense mutation",
        "inframe": "in-frame insertion or deletion",
        "hotspot": "hotspot mutation",
        "n_mutations": "mutations",
        "max_vaf": "highest allele fraction of a mutation",
        "amplified": "amplified",
        "gained": "gained or amplified",
        "lost": "lost or deleted",
        "deleted": "homozygously deleted",
        "copy_number": "total copies",
        "loh": "loss of heterozygosity",
        "fused": "fused or rearranged",
    }
)
"""What can be asked of a gene, and its label."""

_GENE = re.compile(r"[A-Z0-9][A-Za-z0-9._@-]{0,62}")


@lru_cache(maxsize=65536)
def column_for(name: str) -> Column | None:
    """The feature of this name for whichever gene it names, or None when it is not one of the tumour's.

    >>> column_for("tumour.TP53.truncating").feature.gene
    'TP53'
    >>> column_for("tumour.TP53.happiness") is None
    True
    """
    block, _, rest = name.partition(".")
    subject, _, measure = rest.rpartition(".")
    if block != "tumour" or not subject:
        return None
    if subject in ("burden", "sample"):
        return sample_column(subject, measure)
    known = measure in MEASURES and _GENE.fullmatch(subject) is not None
    without = measure == "hotspot" and subject not in hotspot_genes()
    return _gene_column(subject, measure) if known and not without else None


def _gene_column(gene: str, measure: str) -> Column:
    feature = Feature(f"tumour.{gene}.{measure}", "tumour", gene, "1", f"{gene} {MEASURES[measure]}")
    number = _NUMBERS[measure]
    return Column(feature, (f"variants/{gene}",), lambda cohort: number(cohort, gene))


def _zeros(cohort: Cohort, gene: str, reading: str) -> Numbers:
    """0 where the gene was read and nothing is known yet, NaN where it was not."""
    answer = cohort.zeros_where_read(gene, reading)
    not_read = NOT_READ[reading]
    for patient, kind, *_ in cohort.variants.findings_in(gene):
        if kind == not_read:
            answer[patient] = math.nan
    return answer


def _flag(kinds: Iterable[str], reading: str) -> Callable[[Cohort, str], Numbers]:
    """1 with a finding of these kinds, else 0 where the gene was read."""
    wanted = frozenset(kinds)

    def numbers(cohort: Cohort, gene: str) -> Numbers:
        answer = _zeros(cohort, gene, reading)
        for patient, kind, *_ in cohort.variants.findings_in(gene):
            if kind in wanted:
                answer[patient] = 1.0
        return answer

    return numbers


def _copies_flag(kinds: Iterable[str]) -> Callable[[Cohort, str], Numbers]:
    """As `_flag`; besides, a gene whose copies are stated was read, whatever the panel says."""
    wanted = frozenset(kinds)

    def numbers(cohort: Cohort, gene: str) -> Numbers:
        answer = _zeros(cohort, gene, "copy_number")
        for patient, kind, *_ in cohort.variants.findings_in(gene):
            if kind in wanted:
                answer[patient] = 1.0
            elif kind in COPY_NUMBERS and answer[patient] != 1.0:
                answer[patient] = 0.0
        return answer

    return numbers


def _hotspot(cohort: Cohort, gene: str) -> Numbers:
    answer = _zeros(cohort, gene, "mutations")
    for patient, kind, change, *_ in cohort.variants.findings_in(gene):
        if change is not None and is_hotspot(gene, kind, change):
            answer[patient] = 1.0
    return answer


def _mutation_count(cohort: Cohort, gene: str) -> Numbers:
    answer = _zeros(cohort, gene, "mutations")
    for patient, kind, *_ in cohort.variants.findings_in(gene):
        if kind in MUTATIONS:
            answer[patient] = 1.0 if math.isnan(answer[patient]) else answer[patient] + 1.0
    return answer


def _max_vaf(cohort: Cohort, gene: str) -> Numbers:
    """The highest known allele fraction among the mutations; NaN when none of theirs was given."""
    answer = _zeros(cohort, gene, "mutations")
    highest: dict[int, float] = {}
    for patient, kind, _, vaf, _ in cohort.variants.findings_in(gene):
        if kind in MUTATIONS:
            known = highest.get(patient, math.nan)
            highest[patient] = known if math.isnan(vaf) or vaf <= known else vaf
    for patient, vaf in highest.items():
        answer[patient] = vaf
    return answer


def _copies(cohort: Cohort, gene: str) -> Numbers:
    """Total copies where they were stated; of several the highest."""
    answer = [math.nan] * len(cohort)
    for patient, _, _, _, copies in cohort.variants.findings_in(gene):
        if not (math.isnan(copies) or copies <= answer[patient]):
            answer[patient] = copies
    return answer


def _loh(cohort: Cohort, gene: str) -> Numbers:
    answer = [math.nan] * len(cohort)
    for patient, kind, *_ in cohort.variants.findings_in(gene):
        if kind in ("loh", "heterozygous") and answer[patient] != 1.0:
            answer[patient] = float(kind == "loh")
    return answer


_NUMBERS: Mapping[str, Callable[[Cohort, str], Numbers]] = {
    "altered": _flag(ALTERING, "mutations"),
    "mutated": _flag(MUTATIONS, "mutations"),
    "truncating": _flag(TRUNCATING, "mutations"),
    "missense": _flag(("missense",), "mutations"),
    "inframe": _flag(("inframe",), "mutations"),
    "hotspot": _hotspot,
    "n_mutations": _mutation_count,
    "max_vaf": _max_vaf,
    "amplified": _copies_flag(("amplification",)),
    "gained": _copies_flag(("amplification", "gain")),
    "lost": _copies_flag(("loss", "deletion")),
    "deleted": _copies_flag(("deletion",)),
    "copy_number": _copies,
    "loh": _loh,
    "fused": _flag(STRUCTURES, "fusions"),
}
