"""A study's training patients in aggregate, as its bundle tells of those near a patient."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from features.cohort import Cohort
from models.model_set import ModelSet
from models.near_patients import Population
from models.nearness import build_neighbourhood
from training.design import Design, outcome_name
from training.equity import levels_of
from training.evaluate import subgroup_levels
from training.study import Study


def neighbours(
    study: Study, models: ModelSet, cohort: Cohort, design: Design, held_out: NDArray[np.float64] | None
) -> dict[str, object]:
    """The neighbourhoods of the study's patients; `held_out` are margins (n,) by models that had not seen
    them."""
    name = study.outcome.name
    outcomes = {drug: outcome_name(study, drug) for drug in design.drugs} or {study.outcome.drug: name}
    population = Population.of(models, design.matrix, cohort, outcomes, _levels(study, cohort), held_out)
    with threadpool_limits(1):
        return build_neighbourhood(models, population)


def _levels(study: Study, cohort: Cohort) -> Mapping[str, NDArray]:
    """Each patient's group of every attribute that the study tells figures by, but for where they were."""
    asked = study.equity
    own = {n: levels_of(asked, cohort, n) for n in asked.attributes} if asked is not None else {}
    known = {**subgroup_levels(study, cohort), **own}
    return {name: levels for name, levels in known.items() if name not in cohort.groups}
