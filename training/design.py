"""A study's patients as arrays: encoded once, before any fold is cut, for fitting and for comparing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.cohort import Cohort, Texts
from features.encode import FeatureSpec, catalog, encode
from features.matrix import FeatureMatrix
from models.response import strata_of
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

    `matrix` holds the served features, `observed` (n,) the outcome, `inner` (n,) the group that inner
    folds keep together, `strata` (n,) the conformal stratum. `formula` and `every` are for comparators:
    the published formulas' inputs, and all that can be encoded with its missingness left visible.
    """

    matrix: FeatureMatrix
    observed: Numbers
    inner: Texts
    strata: Texts
    formula: Mapping[str, Numbers]
    every: FeatureMatrix


def build_design(study: Study, cohort: Cohort) -> Design:
    """The study's population, encoded."""
    matrix = encode(cohort, FeatureSpec(study.features, study.spec.linked_snps))
    formula = encode(cohort, FeatureSpec(FORMULA_INPUTS))
    every = encode(cohort, FeatureSpec(tuple(catalog(study.spec.linked_snps)), study.spec.linked_snps))
    strata = strata_of(matrix, cohort, study.model.strata, study.model.masks)
    return Design(
        matrix,
        cohort.outcome(study.outcome.name),
        inner_groups(study, cohort),
        np.array(strata, dtype=object),
        dict(zip(formula.names, formula.values.T, strict=True)),
        every,
    )


def inner_groups(study: Study, cohort: Cohort) -> Texts:
    """The label by which inner folds are cut; each patient alone where the cohort has no such group."""
    labels = cohort.groups.get(study.model.group)
    alone = cohort.patient_ids if labels is None else labels
    return np.array([str(label) for label in alone], dtype=object)
