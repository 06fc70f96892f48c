"""Whom a study is about: its rules applied one after another, and how many each left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.cohort import Cohort
from features.errors import CohortError
from training.horizon import censored_before
from training.study import Study
from training.study_parts import OutcomeAsked

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Selection:
    """The study's population, in the source's order, and (rule, patients it left out) in turn."""

    cohort: Cohort
    exclusions: tuple[tuple[str, int], ...]


def select_population(study: Study, cohort: Cohort) -> Selection:
    """The patients the study is about; refuses a cohort that holds none of them."""
    kept = np.ones(len(cohort), dtype=bool)
    exclusions = []
    for rule, passes in _rules(study, cohort):
        exclusions.append((rule, int((kept & ~passes).sum())))
        kept &= passes
    if not kept.any():
        raise CohortError(f"none of the {len(cohort)} patients is of the population of study '{study.name}'")
    ids = (patient for patient, keep in zip(cohort.patient_ids, kept, strict=True) if keep)
    return Selection(cohort.take(ids), tuple(exclusions))


def censoring_rule(asked: OutcomeAsked) -> str:
    """What the rule is called that leaves out patients censored before the horizon."""
    return f"not censored before {asked.horizon:g} {asked.horizon_unit}"


def _rules(study: Study, cohort: Cohort) -> list[tuple[str, Mask]]:
    asked = study.population
    rules = [(f"{name} is recorded", ~np.isnan(cohort.outcome(name))) for name in asked.require_outcomes]
    rules += [(f"{name} is recorded", _recorded(cohort, name)) for name in asked.require]
    for names in asked.require_any:
        any_recorded = np.any([_recorded(cohort, name) for name in names], axis=0)
        rules.append((f"{' or '.join(names)} is recorded", any_recorded))
    dose = _observed(study, cohort)
    if asked.outcome_below is not None:
        rules.append(
            (f"{study.outcome.name} is below {asked.outcome_below:g}", ~(dose >= asked.outcome_below))
        )
    for locus, calls in asked.exclude_calls.items():
        rare = np.isin(cohort.calls(locus).astype(str), calls)
        rules.append((f"{locus} is none of {', '.join(calls)}", ~rare))
    if study.outcome.has_horizon:
        rules.append((censoring_rule(study.outcome), ~censored_before(study.outcome, cohort)))
    return [*rules, (f"{study.outcome.name} is known", ~np.isnan(dose))]


def _observed(study: Study, cohort: Cohort) -> NDArray[np.float64]:
    """The outcome (n,); of a panel any drug's, since one is enough to learn from a patient."""
    if study.panel is None:
        return cohort.outcome(study.outcome.name)
    prefix = f"{study.outcome.name}:"
    found = np.full(len(cohort), np.nan)
    rows = np.array([name.startswith(prefix) for name in cohort.outcomes.name.tolist()], dtype=bool)
    found[cohort.outcomes.patient[rows]] = cohort.outcomes.value[rows]
    return found


def _recorded(cohort: Cohort, name: str) -> Mask:
    has_text = np.array([bool(text) for text in cohort.texts(name).tolist()], dtype=bool)
    return has_text | ~np.isnan(cohort.values(name))
