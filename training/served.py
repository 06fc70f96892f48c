"""The features that a study serves, once its cohort is known: `*` stands for genes, blocks for modalities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from itertools import combinations

import numpy as np

from features.clinical import columns_of
from features.cohort import Cohort
from features.column import Column
from features.derived import parts_of
from features.encode import FeatureSpec, column_for
from features.errors import CohortError
from features.expression import signature_columns
from models.response import MISSING, mask_name
from training.datasets.variables import source_variables
from training.study import Study

_GENOTYPE = "genotype"
_MADE_OF = {"expression": ("signature",)}  # who lacks the one lacks what is computed from it


def served_spec(study: Study, cohort: Cohort) -> FeatureSpec:
    """The study's specification, with each `*` replaced by the genes that enough patients have.

    Which genes these are depends on what was measured and found, never on the outcome. Of a block of declared
    variables `*` stands for every variable.
    """
    declared = {variable.name: variable for variable in source_variables(study.dataset)}
    declared |= {asked.name: asked.variable() for asked in study.variables}
    columns = columns_of(declared.values())
    least = study.spec.least_patients
    names = [found for name in study.spec.names for found in _expanded(name, cohort, least, columns)]
    read = {source for name in names for source in _sources(name, columns)}
    used = tuple(variable for name, variable in declared.items() if f"clinical/{name}" in read)
    return FeatureSpec(tuple(dict.fromkeys(names)), study.spec.linked_snps, used)


def _sources(name: str, columns: Mapping[str, Column]) -> list[str]:
    """What a feature of declared variables is read from, or both factors of a product."""
    factors = (*parts_of(name), name)
    return [source for factor in factors if factor in columns for source in columns[factor].inputs]


def masks_of(study: Study, spec: FeatureSpec) -> Mapping[str, tuple[str, ...]]:
    """What may be missing altogether: the study's masks by name, and every combination of its blocks.

    A block of which the cohort has nothing to serve is no loss to anybody and has no mask.
    """
    masks = {mask_name(mask): mask for mask in study.model.masks}
    blocks = {feature.name: feature.block for feature in spec.features}
    served = sorted(set(study.model.mask_blocks) & set(blocks.values()))
    for size in range(1, len(served) + 1):
        for lacking in combinations(served, size):
            gone = {*lacking, *(made for block in lacking for made in _MADE_OF.get(block, ()))}
            named = tuple(name for name, block in blocks.items() if block in gone)
            masks[MISSING + "+".join(lacking)] = named
    return masks


def unknown_without(spec: FeatureSpec, mask: Iterable[str]) -> tuple[str, ...]:
    """A mask's features and every product that one of them is a factor of."""
    gone = frozenset(mask)
    return tuple(name for name in spec.names if name in gone or not gone.isdisjoint(parts_of(name)))


def _expanded(name: str, cohort: Cohort, least: int, columns: Mapping[str, Column]) -> list[str]:
    block, _, measure = name.partition(".*")
    if ".*" not in name or block.partition(".")[0] == _GENOTYPE:
        return [name]
    found = {"expression": _measured, "tumour": _carried, "signature": _scored}.get(block)
    if found is None:
        listed = [known for known in columns if fnmatchcase(known, name.replace("[", "[[]"))]
        if not listed:
            raise CohortError(f"feature '{name}': no declared variable is named like it; check [[variables]]")
        return listed
    names = [name.replace("*", subject, 1) for subject in found(cohort, measure.lstrip("."), least)]
    return [known for known in names if column_for(known) is not None]


def _measured(cohort: Cohort, _measure: str, least: int) -> list[str]:
    if cohort.expression is None:
        return []
    known = (~np.isnan(cohort.expression.values)).sum(axis=0) >= least
    return [gene for gene, enough in zip(cohort.expression.genes, known.tolist(), strict=True) if enough]


def _carried(cohort: Cohort, measure: str, least: int) -> list[str]:
    genes = Counter(gene for gene in cohort.variants.gene.tolist())
    often = sorted(gene for gene, n in genes.items() if n >= least)
    found = []
    for gene in often:
        column = column_for(f"tumour.{gene}.{measure}")
        if column is not None and np.nansum(np.array(column.numbers(cohort)) > 0) >= least:
            found.append(gene)
    return found


def _scored(cohort: Cohort, measure: str, least: int) -> list[str]:
    found = []
    for name, column in signature_columns().items():
        _, subject, own = name.split(".", 2)
        if own == measure and (~np.isnan(np.array(column.numbers(cohort)))).sum() >= least:
            found.append(subject)
    return found
