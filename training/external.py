"""Patients of other datasets, put behind the study's own, to be answered by what those taught."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from features.cohort import Cohort
from features.errors import CohortError
from features.join import join
from features.matrix import FeatureMatrix
from training.design import Design, build_design
from training.kin import kin_groups
from training.population import select_population
from training.splits import Split
from training.study import Study
from training.study_cohort import study_cohort


@dataclass(frozen=True)
class Surroundings:
    """Each cohort of which answers are judged, the study's own first, and all of them as one design.

    `splits` hold out the external ones; `left_out` counts, by protocol, external patients who are also here.
    """

    cohorts: tuple[Cohort, ...]
    design: Design
    splits: tuple[Split, ...]
    left_out: Mapping[str, int]


def external_cohorts(study: Study, data_dir: Path, home: Path) -> dict[str, Cohort]:
    """By protocol, the patients of its dataset who are of the study's population."""
    asked = {protocol.name: protocol.dataset for protocol in study.protocols if protocol.kind == "external"}
    return {
        name: select_population(study, study_cohort(replace(study, dataset=dataset), data_dir, home)).cohort
        for name, dataset in asked.items()
    }


def surrounded(study: Study, cohort: Cohort, design: Design, others: Mapping[str, Cohort]) -> Surroundings:
    """The study's patients and the others', encoded alike; whoever is of both is only one of the study's."""
    cohorts, splits, left_out = [cohort], [], {}
    everybody = np.arange(len(cohort))
    for name, other in others.items():
        strangers = _strangers(cohort, other)
        left_out[name] = len(other) - len(strangers)
        if not len(strangers):
            raise CohortError(f"protocol '{name}': every patient of its dataset is one of the study's own")
        own = build_design(study, strangers, design.spec)
        splits.append(Split(name, "external", everybody, len(design.observed) + np.arange(len(strangers))))
        cohorts.append(strangers)
        design = _stacked(design, own)
    return Surroundings(tuple(cohorts), design, tuple(splits), left_out)


def _strangers(cohort: Cohort, other: Cohort) -> Cohort:
    """The patients who are not in the cohort, under their own or another id, and no kin of anybody there."""
    known = set(cohort.patient_ids)
    strangers = other.take([patient for patient in other.patient_ids if patient not in known])
    kin = kin_groups(join([cohort, strangers]))
    new = ~np.isin(kin[len(cohort) :], kin[: len(cohort)])
    return strangers.take(np.array(strangers.patient_ids, dtype=object)[new].tolist())


def _stacked(one: Design, other: Design) -> Design:
    def below(first: FeatureMatrix, second: FeatureMatrix) -> FeatureMatrix:
        ids = (*first.patient_ids, *second.patient_ids)
        return FeatureMatrix(ids, first.features, np.vstack([first.values, second.values]))

    every = None if one.every is None or other.every is None else below(one.every, other.every)
    return replace(
        one,
        matrix=below(one.matrix, other.matrix),
        observed=np.concatenate([one.observed, other.observed]),
        inner=np.concatenate([one.inner, other.inner]),
        strata=np.concatenate([one.strata, other.strata]),
        within=np.concatenate([one.within, other.within]),
        formula={name: np.concatenate([own, other.formula[name]]) for name, own in one.formula.items()},
        every=every,
    )
