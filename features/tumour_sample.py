"""A tumour as a whole: how many findings, per megabase of what was read, and values of the sample.

Burdens are NaN where the assay does not read what is counted. A panel that reports known and
likely variants only (as Foundation's calls in IMvigor210) undercounts; give its `size_mb` as NaN, so
that nothing is divided, and carry the reported burden as the value `tmb` of the sample.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from types import MappingProxyType

from features.cohort import Cohort
from features.column import Column, Numbers
from features.matrix import Feature
from features.panel import ALTERING, PROTEIN_CHANGES, STRUCTURES, TRUNCATING

_COUNTED: Mapping[str, tuple[str, str, frozenset[str]]] = MappingProxyType(
    {
        "n_nonsynonymous": ("nonsynonymous mutations", "mutations", frozenset(PROTEIN_CHANGES)),
        "n_missense": ("missense mutations", "mutations", frozenset({"missense"})),
        "n_truncating": ("truncating mutations", "mutations", TRUNCATING),
        "n_frameshift": ("frameshift mutations", "mutations", frozenset({"frameshift"})),
        "n_amplified": ("amplified genes", "copy_number", frozenset({"amplification"})),
        "n_deleted": ("homozygously deleted genes", "copy_number", frozenset({"deletion"})),
        "n_fused": ("fused or rearranged genes", "fusions", frozenset(STRUCTURES)),
        "n_altered_genes": ("altered genes", "mutations", ALTERING),
    }
)
_GENES_NOT_FINDINGS = frozenset({"n_amplified", "n_deleted", "n_fused", "n_altered_genes"})

BURDENS: Mapping[str, str] = MappingProxyType(
    {"per_mb": "nonsynonymous mutations per megabase read"} | {m: row[0] for m, row in _COUNTED.items()}
)
"""What can be asked of all genes together, and its label."""

SAMPLE_VALUES: Mapping[str, tuple[str, str, float]] = MappingProxyType(
    {
        "purity": ("1", "tumour purity", 1.0),
        "ploidy": ("1", "mean copies over the genome", 20.0),
        "fraction_altered": ("1", "fraction of the genome off its ploidy", 1.0),
        "loh_fraction": ("1", "fraction of the genome with loss of heterozygosity", 1.0),
        "ctdna_fraction": ("1", "tumour fraction of cell-free DNA", 1.0),
        "ctdna_max_vaf": ("1", "highest allele fraction in cell-free DNA", 1.0),
        "hrd_score": ("1", "homologous recombination deficiency score", 300.0),
        "tmb": ("1/Mb", "mutational burden as reported", 5000.0),
    }
)
"""Values of the whole sample that are listed, with unit, label and highest value; others are read too.

Each is the clinical fact `tumour_<name>`, as `tumour_purity`; so liquid biopsies, HRD scores and
mutational signatures that come as columns are carried through unchanged.
"""

VALUE_NAME = re.compile(r"[a-z][a-z0-9_]{0,50}")
"""How a value of the sample may be named."""


def tumour_columns() -> dict[str, Column]:
    """The tumour's features that name no gene: burdens and listed values of the sample, by name."""
    asked = [("burden", measure) for measure in BURDENS] + [("sample", name) for name in SAMPLE_VALUES]
    columns = (sample_column(subject, measure) for subject, measure in asked)
    return {column.feature.name: column for column in columns if column is not None}


def sample_column(subject: str, measure: str) -> Column | None:
    """`tumour.burden.<measure>` or `tumour.sample.<name>`, or None when there is no such feature."""
    if subject == "burden" and measure in BURDENS:
        return _burden_column(measure)
    if subject == "sample" and VALUE_NAME.fullmatch(measure):
        return _value_column(measure)
    return None


def _burden_column(measure: str) -> Column:
    unit = "1/Mb" if measure == "per_mb" else "1"
    feature = Feature(f"tumour.burden.{measure}", "tumour", None, unit, f"tumour: {BURDENS[measure]}")
    if measure == "per_mb":
        return Column(feature, ("variants/*",), _per_mb)
    return Column(feature, ("variants/*",), lambda cohort: _counts(cohort, measure))


def _counts(cohort: Cohort, measure: str) -> Numbers:
    _, reading, kinds = _COUNTED[measure]
    answer = _zeros(cohort, reading)
    table = cohort.variants
    seen: set[tuple[int, str]] = set()
    for patient, gene, kind in zip(
        *(c.tolist() for c in (table.patient, table.gene, table.kind)), strict=True
    ):
        if kind not in kinds or (measure in _GENES_NOT_FINDINGS and (patient, gene) in seen):
            continue
        seen.add((patient, gene))
        answer[patient] += 1.0
    return answer


def _zeros(cohort: Cohort, reading: str) -> Numbers:
    """0 where the assay reads this of its genes, NaN elsewhere."""
    readings = {reading} if reading != "copy_number" else {reading, "stated_copies"}
    answer = [math.nan] * len(cohort)
    for panel, patients in cohort.patients_by_panel.items():
        if not readings.isdisjoint(cohort.panels[panel].reads):
            for patient in patients:
                answer[patient] = 0.0
    return answer


def _per_mb(cohort: Cohort) -> Numbers:
    answer = _counts(cohort, "n_nonsynonymous")
    for panel, patients in cohort.patients_by_panel.items():
        for patient in patients:
            answer[patient] /= cohort.panels[panel].size_mb
    return answer


def _value_column(name: str) -> Column:
    unit, label, _ = SAMPLE_VALUES.get(name, ("1", name.replace("_", " "), math.inf))
    fact = f"tumour_{name}"

    def numbers(cohort: Cohort) -> Numbers:
        answer = [math.nan] * len(cohort)
        for patient, value in cohort.clinical.values_of(fact).items():
            answer[patient] = value
        return answer

    feature = Feature(f"tumour.sample.{name}", "tumour", None, unit, f"tumour: {label}")
    return Column(feature, (f"clinical/{fact}",), numbers)
