"""Clinical facts as numbers: quantities, body size, categories, flags, interaction classes.

What was not recorded is NaN, except where a category says that itself (`race` `not_stated`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

from features.cohort import Cohort
from features.column import Column, Numbers
from features.knowledge.tables import (
    ClinicalVariable,
    InteractionClass,
    clinical_variables,
    interaction_classes,
)
from features.matrix import Feature


def body_surface_area(height_cm: float, weight_kg: float) -> float:
    """Body surface area in m2 (Mosteller, doi:10.1056/NEJM198710223171717).

    >>> round(body_surface_area(180.0, 80.0), 6)
    2.0
    """
    return math.sqrt(height_cm * weight_kg / 3600.0)


def clinical_columns() -> dict[str, Column]:
    """Every clinical feature that can be computed, by name."""
    columns = columns_of(clinical_variables().values())
    derived = (_surface_column(), _dvt_pe_column())
    return columns | {column.feature.name: column for column in derived}


def columns_of(variables: Iterable[ClinicalVariable]) -> dict[str, Column]:
    """The features of these variables, by name; also for variables that a study declares itself."""
    columns = (column for variable in variables for column in _COLUMNS_OF[variable.kind](variable))
    return {column.feature.name: column for column in columns}


def medication_columns() -> dict[str, Column]:
    """One feature for each interaction class, by name."""
    columns = [_class_column(group) for group in interaction_classes().values()]
    return {column.feature.name: column for column in columns}


def _value_column(variable: ClinicalVariable) -> list[Column]:
    feature = _feature_of(variable, "value", variable.unit, variable.label)
    return [Column(feature, (f"clinical/{variable.name}",), _values(variable.name))]


def _flag_column(variable: ClinicalVariable) -> list[Column]:
    feature = _feature_of(variable, "flag", "1", variable.label)
    return [Column(feature, (f"clinical/{variable.name}",), _values(variable.name))]


def _category_columns(variable: ClinicalVariable) -> list[Column]:
    return [_category_column(variable, category) for category in variable.categories]


def _category_column(variable: ClinicalVariable, category: str) -> Column:
    label = f"{variable.label}: {category.replace('_', ' ')}"
    feature = _feature_of(variable, f"is_{category}", "1", label)
    name = variable.name
    absent = float(category == variable.when_missing) if variable.when_missing else math.nan

    def numbers(cohort: Cohort) -> Numbers:
        answer = [absent] * len(cohort.patient_ids)
        for patient, (_, _, _, text, _) in cohort.clinical.latest_of(name).items():
            answer[patient] = float(text == category)
        return answer

    return Column(feature, (f"clinical/{variable.name}",), numbers)


_COLUMNS_OF: Mapping[str, Callable[[ClinicalVariable], list[Column]]] = {
    "quantity": _value_column,
    "category": _category_columns,
    "flag": _flag_column,
}


def _surface_column() -> Column:
    feature = _feature("body_surface_area.value", "m2", "body surface area (Mosteller)")

    def numbers(cohort: Cohort) -> Numbers:
        answer = [math.nan] * len(cohort)
        weights = cohort.clinical.values_of("weight")
        for patient, height in cohort.clinical.values_of("height").items():
            if patient in weights:
                answer[patient] = body_surface_area(height, weights[patient])
        return answer

    return Column(feature, ("clinical/height", "clinical/weight"), numbers)


def _dvt_pe_column() -> Column:
    feature = _feature("indication.dvt_pe", "1", "indication: deep vein thrombosis or pulmonary embolism")
    names = ("indication_dvt", "indication_pe")

    def numbers(cohort: Cohort) -> Numbers:
        return _any_of(len(cohort), (cohort.clinical.values_of(name) for name in names))

    return Column(feature, tuple(f"clinical/{name}" for name in names), numbers)


def _class_column(group: InteractionClass) -> Column:
    members = frozenset(group.drugs)
    feature = Feature(f"medication.{group.name}.taken", "medication", None, "1", f"takes {group.label}")

    def numbers(cohort: Cohort) -> Numbers:
        recorded = cohort.medications.status
        return _any_of(len(cohort), [recorded[drug] for drug in members & recorded.keys()])

    return Column(feature, (f"medications/{group.name}",), numbers)


def _any_of(n: int, sources: Iterable[Mapping[int, float]]) -> Numbers:
    answer = [math.nan] * n
    for source in sources:
        for patient, number in source.items():
            if not answer[patient] >= number:
                answer[patient] = number
    return answer


def _values(name: str) -> Callable[[Cohort], Numbers]:
    def numbers(cohort: Cohort) -> Numbers:
        answer = [math.nan] * len(cohort.patient_ids)
        for patient, (_, _, value, _, _) in cohort.clinical.latest_of(name).items():
            answer[patient] = value
        return answer

    return numbers


def _feature(name: str, unit: str, label: str) -> Feature:
    return Feature(f"clinical.{name}", "clinical", None, unit, label)


def _feature_of(variable: ClinicalVariable, measure: str, unit: str, label: str) -> Feature:
    return Feature(f"{variable.block}.{variable.name}.{measure}", variable.block, variable.gene, unit, label)
