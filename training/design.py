"""A study's patients as arrays: encoded once, before any fold is cut, for fitting and for comparing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from features.cohort import Cohort, Texts
from features.encode import FeatureSpec, catalog, encode
from features.errors import CohortError, Fault
from features.matrix import FeatureMatrix
from models.response import strata_of
from training.late import refuse_late
from training.served import masks_of, served_spec
from training.study import Study

Numbers = NDArray[np.float64]
FORMULA_INPUTS = (
    "genotype.VKORC1.rs9923231_T_count",
    "genotype.CYP2C9.*2_count",
    "genotype.CYP2C9.*3_count",
    "clinical.age.value",
    "clinical.height.value",
    "clinical.weight.value",
    "clinical.sex.is_male",
    "clinical.race.is_asian",
    "clinical.race.is_black",
    "clinical.race.is_not_stated",
    "medication.cyp_inducer.taken",
    "medication.amiodarone.taken",
)


@dataclass(frozen=True)
class Design:
    """Arrays over n patients; nothing here was fitted.

    `matrix` holds the served features, `observed` (n,) the outcome (NaN only in a panel), `inner` (n,) the
    group that inner folds keep together, `strata` (n,) the conformal stratum, `within` (n,) what pairs of
    patients are compared within. `masks` are the features that may be missing altogether, by name. `formula`
    and `every` are for comparators that ask for them: the published formulas' inputs, and all that can be
    encoded with its missingness left visible. Of a panel `outcomes` (n, drugs) are NaN where not measured.
    """

    spec: FeatureSpec
    masks: Mapping[str, tuple[str, ...]]
    matrix: FeatureMatrix
    observed: Numbers
    inner: Texts
    strata: Texts
    within: Texts
    formula: Mapping[str, Numbers] = field(default_factory=dict)
    every: FeatureMatrix | None = None
    drugs: tuple[str, ...] = ()
    outcomes: Numbers | None = None


def build_design(study: Study, cohort: Cohort, spec: FeatureSpec | None = None) -> Design:
    """The study's population, encoded; refuses outcomes that cannot be learned from, and what is known late.

    Other patients than the study's own are encoded by its `spec`.
    """
    spec = served_spec(study, cohort) if spec is None else spec
    refuse_late(study, cohort, spec)
    matrix, masks = encode(cohort, spec), masks_of(study, spec)
    observed = cohort.outcome(study.outcome.name)
    drugs = panel_drugs(study, cohort)
    columns = [cohort.outcome(outcome_name(study, drug)) for drug in drugs]
    asked = study.outcome.outcome(study.links[0])
    faults = [fault for own in (columns if study.panel else [observed]) for fault in asked.faults(own)]
    if study.panel and not drugs:
        faults = [Fault("panel", f"no drug has {study.panel.min_patients} patients", "lower min_patients")]
    if faults:
        raise CohortError(f"{len(faults)} faults in the outcome of study '{study.name}'", faults)
    strata = strata_of(matrix, cohort, study.model.strata, masks)
    return Design(
        spec,
        masks,
        matrix,
        observed,
        inner_groups(study, cohort),
        np.array(strata, dtype=object),
        _within(study, cohort),
        _formula_inputs(cohort) if any(name.startswith("iwpc_") for name in study.comparators) else {},
        _every(study, cohort) if "site_recognizer" in study.comparators else None,
        drugs,
        np.column_stack(columns) if drugs else None,
    )


def outcome_name(study: Study, drug: str) -> str:
    """What a panel's outcome of one drug is called in the cohort."""
    return f"{study.outcome.name}:{drug}"


def panel_drugs(study: Study, cohort: Cohort) -> tuple[str, ...]:
    """The drugs of a panel with enough patients, by name; none where the study has no panel."""
    if study.panel is None:
        return ()
    prefix = outcome_name(study, "")
    names = sorted({name for name in cohort.outcomes.name.tolist() if name.startswith(prefix)})
    known = {name: int((~np.isnan(cohort.outcome(name))).sum()) for name in names}
    least = study.panel.min_patients
    return tuple(name.removeprefix(prefix) for name, n in known.items() if n >= least)


def inner_groups(study: Study, cohort: Cohort) -> Texts:
    """The label by which inner folds are cut; each patient alone where the cohort has no such group."""
    labels = cohort.groups.get(study.model.group)
    alone = cohort.patient_ids if labels is None else labels
    return np.array([str(label) for label in alone], dtype=object)


def _within(study: Study, cohort: Cohort) -> Texts:
    texts = cohort.texts(study.within) if study.within else np.full(len(cohort), "", dtype=object)
    return np.array([text or "not_recorded" for text in texts.tolist()], dtype=object)


def _formula_inputs(cohort: Cohort) -> dict[str, Numbers]:
    formula = encode(cohort, FeatureSpec(FORMULA_INPUTS))
    return dict(zip(formula.names, formula.values.T, strict=True))


def _every(study: Study, cohort: Cohort) -> FeatureMatrix:
    linked = study.spec.linked_snps
    return encode(cohort, FeatureSpec(tuple(catalog(linked)), linked))
