"""The `[card]` section of a study: what a reader of the model card asks and no machine can know."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CardAsked:
    """Statements of whoever answers for the study; what is left out is told as not stated.

    `out_of_scope`, `setting` and `population` are of the intended use; `dates`, `treatments`, `ethics`,
    `outcome_assessment` and `predictor_assessment` of the patients learned from.
    """

    developer: str = ""
    contact: str = ""
    funding: str = ""
    conflicts: str = ""
    release_stage: str = ""
    availability: str = ""
    regulatory_status: str = ""
    intended_use: str = ""
    intended_users: str = ""
    decision_role: str = ""
    population: str = ""
    setting: str = ""
    out_of_scope: str = ""
    risk_level: str = ""
    risks: str = ""
    inequalities: str = ""
    fairness: str = ""
    data_rationale: str = ""
    dates: str = ""
    centres: str = ""
    treatments: str = ""
    outcome_assessment: str = ""
    predictor_assessment: str = ""
    sample_size: str = ""
    ethics: str = ""
    consent: str = ""
    protocol: str = ""
    registration: str = ""
    code: str = ""
    stakeholders: str = ""
    external_validation: str = ""
    outcome_studies: str = ""
    monitoring: str = ""
    updates: str = ""
    correction: str = ""
    security: str = ""
    next_steps: str = ""
    publications: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
