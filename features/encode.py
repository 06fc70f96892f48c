"""Which numbers a model reads, and a cohort turned into them; nothing is fitted here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from types import MappingProxyType

import numpy as np

from features.clinical import clinical_columns, medication_columns
from features.cohort import Cohort
from features.column import Column
from features.errors import Fault, FeatureError
from features.genotype import genotype_columns
from features.matrix import Feature, FeatureMatrix


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
        known = catalog(self.linked_snps)
        return tuple(known[name] for name in self.names)

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
    columns = [column.numbers(cohort) for column in spec.columns]
    values = np.ascontiguousarray(np.array(columns, dtype=np.float64).T)
    return FeatureMatrix(cohort.patient_ids, spec.features, values)


@cache
def catalog(linked_snps: bool = True) -> Mapping[str, Column]:
    """Every feature this version can compute, by name."""
    return MappingProxyType(genotype_columns(linked_snps) | clinical_columns() | medication_columns())


def _faults(names: tuple[str, ...], linked_snps: bool) -> list[Fault]:
    known = catalog(linked_snps)
    faults = [Fault(str(n), "not a feature known here", _remedy(str(n))) for n in names if n not in known]
    repeated = sorted({n for n in names if n in known and names.count(n) > 1})
    faults += [Fault(name, "named more than once", "name it once") for name in repeated]
    if not names:
        faults.append(Fault("names", "no feature is named", "name at least one"))
    return faults


def _remedy(name: str) -> str:
    stem = name.rsplit(".", 1)[0] + "."
    near = [known for known in catalog() if known.startswith(stem)][:4]
    return f"names like it: {', '.join(near)}" if near else "features.encode.catalog() lists them all"
