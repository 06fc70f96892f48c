"""What a patient document may name: clinical variables, their units, and genes known without a look-up."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from features.encode import FeatureSpec
from features.knowledge.tables import ClinicalVariable, clinical_variables
from features.tumour_sample import SAMPLE_VALUES
from features.units import FACTORS

SAMPLE_PREFIX = "tumour_"
_LARGEST = 1e12
_MOST_NAMED = 60


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Clinical variables by name, by quantity what its units are in the canonical one, the model's genes."""

    clinical: Mapping[str, ClinicalVariable]
    units: Mapping[str, Mapping[str, float]]
    genes: frozenset[str]

    def clinical_names(self) -> str:
        """The variables as a sentence's end, cut off where a model declares very many."""
        more = len(self.clinical) - _MOST_NAMED
        shown = ", ".join(list(self.clinical)[:_MOST_NAMED])
        return f"{shown} and {more} more (the model's schema has them all)" if more > 0 else shown


@lru_cache(maxsize=64)
def vocabulary_of(spec: FeatureSpec | None = None) -> Vocabulary:
    """What documents for these features may name; None allows what this version knows for any model.

    Beside the variables known here and declared by the study these are values of the tumour's sample
    (`tumour_purity`): the listed ones, and any that the specification reads.
    """
    known = clinical_variables() if spec is None else spec.clinical_variables
    read = () if spec is None else tuple({source for own in spec.inputs.values() for source in own})
    clinical = {variable.name: variable for variable in (*known.values(), *_sample_variables(read, known))}
    quantities = (variable for variable in clinical.values() if variable.kind == "quantity")
    return Vocabulary(
        MappingProxyType(clinical),
        MappingProxyType({variable.name: _factors(variable) for variable in quantities}),
        frozenset(_subjects(read, "expression")),
    )


def reads_of(spec: FeatureSpec) -> dict[str, list[str]]:
    """By input (`clinical/age`, `expression/CD8A`), the features that are read from it."""
    used: dict[str, list[str]] = {}
    for feature, inputs in spec.inputs.items():
        for source in inputs:
            used.setdefault(source, []).append(feature)
    return used


def _sample_variables(read: tuple[str, ...], known: Container[str]) -> Iterator[ClinicalVariable]:
    asked = sorted(name for name in _subjects(read, "clinical") if name.startswith(SAMPLE_PREFIX))
    for fact in dict.fromkeys((*(SAMPLE_PREFIX + name for name in SAMPLE_VALUES), *asked)):
        name = fact.removeprefix(SAMPLE_PREFIX)
        if fact not in known:
            unit, label, high = SAMPLE_VALUES.get(name, ("1", name.replace("_", " "), _LARGEST))
            low = 0.0 if name in SAMPLE_VALUES else -_LARGEST
            yield ClinicalVariable(
                fact, "quantity", f"tumour: {label}", unit, low, high, (), "", block="tumour"
            )


def _subjects(read: tuple[str, ...], section: str) -> Iterator[str]:
    return (subject for part, _, subject in (source.partition("/") for source in read) if part == section)


def _factors(variable: ClinicalVariable) -> Mapping[str, float]:
    """Each accepted UCUM code and what one of it is in the variable's unit, which comes first.

    `{INR}` and the like say what is counted, so only variables known here take them.
    """
    factors = FACTORS.get(variable.unit, {})
    is_known = variable.name in clinical_variables()
    others = {code: factor for code, factor in factors.items() if is_known or not code.startswith("{")}
    return MappingProxyType({variable.unit: 1.0, **others})


def is_within(number: float, variable: ClinicalVariable) -> bool:
    """Whether a quantity in its canonical unit is finite and not outside the variable's bounds."""
    return math.isfinite(number) and not (number < variable.low or number > variable.high)
