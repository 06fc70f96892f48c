"""Which numbers a model reads, and a cohort turned into them; nothing is fitted here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from types import MappingProxyType

import numpy as np

from features import derived
from features.clinical import clinical_columns, columns_of, medication_columns
from features.cohort import Cohort, Index
from features.column import Column
from features.errors import Fault, FeatureError
from features.expression import column_for as expression_column_for
from features.expression import fill_genes, gene_of
from features.genotype import genotype_columns
from features.knowledge.tables import ClinicalVariable, clinical_variables
from features.matrix import Feature, FeatureMatrix
from features.variants import column_for as tumour_column_for

OPEN_BLOCKS: tuple[Callable[[str], Column | None], ...] = (tumour_column_for, expression_column_for)
"""Blocks that resolve a feature from its name alone, because any gene may be its subject; tried in order."""

KINDS = ("quantity", "flag", "category")
_TAKEN = frozenset(
    {"genotype", "medication", "tumour", "expression", "signature", derived.BLOCK, derived.LOG2}
)
_VARIABLE = re.compile(r"[a-z0-9][a-z0-9_]{0,63}")


@dataclass(frozen=True)
class FeatureSpec:
    """The features of a model, in column order; plain data that travels with the model.

    `linked_snps` lets a missing VKORC1 rs9923231 be inferred from linked SNPs (IWPC 2009). `variables` are
    clinical variables besides those known here, as a study declares them.

    >>> FeatureSpec(("clinical.age.value",)).features[0].unit
    'a'
    """

    names: tuple[str, ...]
    linked_snps: bool = True
    variables: tuple[ClinicalVariable, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "variables", tuple(self.variables))
        faults = declaration_faults(self.variables) or self._faults()
        if faults:
            raise FeatureError(f"{len(faults)} faults in the feature specification", faults)

    def __reduce__(self) -> tuple[type[FeatureSpec], tuple]:
        """Copied to another process as plain data; encoders are found again there."""
        return FeatureSpec, (self.names, self.linked_snps, self.variables)

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The encoders, in column order."""
        return tuple(self._known.values())

    @cached_property
    def clinical_variables(self) -> Mapping[str, ClinicalVariable]:
        """Every clinical variable that a patient may be described by, by name: known here or declared."""
        declared = {variable.name: variable for variable in self.variables}
        return MappingProxyType({**clinical_variables(), **declared}) if declared else clinical_variables()

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
        document: dict[str, object] = {"names": list(self.names), "linked_snps": self.linked_snps}
        return document | {"variables": [_plain(variable) for variable in self.variables]}

    @classmethod
    def from_json(cls, document: object) -> FeatureSpec:
        """The specification in plain data; anything else there is refused."""
        if not isinstance(document, dict) or set(document) != {"names", "linked_snps", "variables"}:
            raise FeatureError("a feature specification holds exactly names, linked_snps and variables")
        names, linked = document["names"], document["linked_snps"]
        texts = isinstance(names, list) and all(isinstance(name, str) for name in names)
        if not (texts and isinstance(linked, bool)):
            raise FeatureError("a specification's 'names' lists texts and its 'linked_snps' is true or false")
        return cls(tuple(names), linked, tuple(map(_variable, document["variables"])))

    def column_for(self, name: str) -> Column | None:
        """The feature of this name: known here, of a declared variable, or derived from these; else None."""
        found = self._declared.get(name) or column_for(name, self.linked_snps)
        return found or derived.column_of(name, self._factor)

    def _factor(self, name: str) -> Column | None:
        return self._declared.get(name) or column_for(name, self.linked_snps)

    @cached_property
    def _declared(self) -> Mapping[str, Column]:
        return columns_of(self.variables)

    @cached_property
    def _known(self) -> dict[str, Column]:
        columns = {name: self.column_for(name) for name in self.names if isinstance(name, str)}
        return {name: column for name, column in columns.items() if column is not None}

    def _faults(self) -> list[Fault]:
        known = self._known
        strange = [str(name) for name in self.names if name not in known]
        faults = [Fault(name, "not a feature known here", _remedy(name)) for name in strange]
        repeated = sorted(n for n, count in Counter(self.names).items() if n in known and count > 1)
        faults += [Fault(name, "named more than once", "name it once") for name in repeated]
        if not self.names:
            faults.append(Fault("names", "no feature is named", "name at least one"))
        return faults


def declaration_faults(variables: Iterable[ClinicalVariable]) -> list[Fault]:
    """What is wrong with variables that a study declares."""
    faults, listed = [], tuple(variables)
    for variable in listed:
        where = f"variable '{variable.name}'"
        if not _VARIABLE.fullmatch(variable.name):
            faults.append(Fault(where, "is not a name", "use lower case letters, digits and '_'"))
        if variable.name in clinical_variables():
            faults.append(Fault(where, "is known here already", "leave it out, or choose another name"))
        if not _VARIABLE.fullmatch(variable.block) or variable.block in _TAKEN:
            faults.append(Fault(where, "is of a block that is taken", "use clinical or a name of your own"))
        if variable.kind not in KINDS:
            faults.append(Fault(where, "is of no known kind", f"use one of {', '.join(KINDS)}"))
        if (variable.kind == "category") != bool(variable.categories):
            faults.append(Fault(where, "has categories and is none, or is one without them", "list them"))
        if not all(_VARIABLE.fullmatch(category) for category in variable.categories):
            faults.append(Fault(where, "has a category that is not a name", "use letters, digits and '_'"))
    repeated = [name for name, n in Counter(v.name for v in listed).items() if n > 1]
    return faults + [Fault(f"variable '{name}'", "is declared twice", "keep one") for name in repeated]


def _plain(variable: ClinicalVariable) -> dict[str, object]:
    return {name: value for name, value in asdict(variable).items() if name != "changeable" or value}


def _variable(document: object) -> ClinicalVariable:
    try:
        fields: dict = dict(document)  # type: ignore[call-overload]
        return ClinicalVariable(**fields | {"categories": tuple(fields["categories"])})
    except (TypeError, ValueError, KeyError) as error:
        raise FeatureError("a specification's variable is not as it was written") from error


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


def _remedy(name: str) -> str:
    stem = name.rsplit(".", 1)[0] + "."
    near = [known for known in catalog() if known.startswith(stem)][:4]
    return f"names like it: {', '.join(near)}" if near else "features.encode.catalog() lists them all"
