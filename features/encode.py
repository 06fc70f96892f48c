"""Which numbers a model reads, and a cohort turned into them; nothing is fitted here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from types import MappingProxyType

import numpy as np

from features.clinical import clinical_columns, medication_columns
from features.cohort import Cohort, Index
from features.column import Column
from features.errors import Fault, FeatureError
from features.expression import column_for as expression_column_for
from features.expression import fill_genes, gene_of
from features.genotype import genotype_columns
from features.matrix import Feature, FeatureMatrix
from features.variants import column_for as tumour_column_for

OPEN_BLOCKS: tuple[Callable[[str], Column | None], ...] = (tumour_column_for, expression_column_for)
"""Blocks that resolve a feature from its name alone, because any gene may be its subject; tried in order."""


@dataclass(frozen=True)
class FeatureSpec:
    """The features of a model, in column order; plain data that travels with the model.

    `linked_snps` lets a missing VKORC1 rs9923231 be inferred from linked SNPs (IWPC 2009).

    >>> FeatureSpec(("clinical.age.value",)).features[0].unit
    'a'
    """

    names: tuple[str, ...]
    linked_snps: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        faults = _faults(self.names, self.linked_snps)
        if faults:
            raise FeatureError(f"{len(faults)} faults in the feature specification", faults)

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The encoders, in column order."""
        return tuple(_known(self.names, self.linked_snps).values())

    @cached_property
    def layout(self) -> tuple[tuple[str, ...], Index, Index]:
        """Genes whose expression is read in one pass, their places among the columns, the other places."""
        genes = [gene_of(name) for name in self.names]
        wide = [place for place, gene in enumerate(genes) if gene is not None]
        narrow = [place for place, gene in enumerate(genes) if gene is None]
        found = tuple(gene for gene in genes if gene is not None)
        return found, np.array(wide, dtype=np.int64), np.array(narrow, dtype=np.int64)

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """The columns' lineage, in column order."""
        return tuple(column.feature for column in self.columns)

    @cached_property
    def inputs(self) -> Mapping[str, tuple[str, ...]]:
        """By feature, what it is read from: `clinical/age`, `genotypes/CYP2C9`, `medications/statin`."""
        return MappingProxyType({column.feature.name: column.inputs for column in self.columns})

    def to_json(self) -> dict[str, object]:
        """Plain data that `from_json` reads back."""
        return {"names": list(self.names), "linked_snps": self.linked_snps}

    @classmethod
    def from_json(cls, document: object) -> FeatureSpec:
        """The specification in plain data; anything else there is refused."""
        if not isinstance(document, dict) or set(document) != {"names", "linked_snps"}:
            raise FeatureError("a feature specification holds exactly 'names' and 'linked_snps'")
        names, linked = document["names"], document["linked_snps"]
        texts = isinstance(names, list) and all(isinstance(name, str) for name in names)
        if not (texts and isinstance(linked, bool)):
            raise FeatureError("a specification's 'names' lists texts and its 'linked_snps' is true or false")
        return cls(tuple(names), linked)


def encode(cohort: Cohort, spec: FeatureSpec) -> FeatureMatrix:
    """The specification's numbers for every patient, NaN where nothing was recorded.

    A patient's row depends on that patient alone: alone or in a batch, bit for bit.
    """
    genes, wide, narrow = spec.layout
    columns = [spec.columns[place].numbers(cohort) for place in narrow]
    values = np.array(columns, dtype=np.float64).reshape(len(narrow), len(cohort)).T
    if not genes:
        return FeatureMatrix(cohort.patient_ids, spec.features, np.ascontiguousarray(values))
    whole = np.empty((len(cohort), len(spec.names)))
    whole[:, narrow] = values
    fill_genes(cohort, genes, wide, whole)
    return FeatureMatrix(cohort.patient_ids, spec.features, whole)


@cache
def catalog(linked_snps: bool = True) -> Mapping[str, Column]:
    """Every feature this version lists, by name; `column_for` adds those whose subject is open-ended."""
    return MappingProxyType(genotype_columns(linked_snps) | clinical_columns() | medication_columns())


def column_for(name: str, linked_snps: bool = True) -> Column | None:
    """The feature of this name: from the catalog, else from a block whose subjects are open-ended.

    None where no block can compute it.
    """
    listed = catalog(linked_snps).get(name)
    if listed is not None:
        return listed
    found = (resolve(name) for resolve in OPEN_BLOCKS)
    return next((column for column in found if column is not None), None)


def _known(names: tuple[str, ...], linked_snps: bool) -> dict[str, Column]:
    columns = {name: column_for(name, linked_snps) for name in names}
    return {name: column for name, column in columns.items() if column is not None}


def _faults(names: tuple[str, ...], linked_snps: bool) -> list[Fault]:
    known = _known(tuple(n for n in names if isinstance(n, str)), linked_snps)
    faults = [Fault(str(n), "not a feature known here", _remedy(str(n))) for n in names if n not in known]
    repeated = sorted(n for n, count in Counter(names).items() if n in known and count > 1)
    faults += [Fault(name, "named more than once", "name it once") for name in repeated]
    if not names:
        faults.append(Fault("names", "no feature is named", "name at least one"))
    return faults


def _remedy(name: str) -> str:
    stem = name.rsplit(".", 1)[0] + "."
    near = [known for known in catalog() if known.startswith(stem)][:4]
    return f"names like it: {', '.join(near)}" if near else "features.encode.catalog() lists them all"
