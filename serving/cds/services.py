"""The services of CDS Hooks that are offered: for each study whose facts a record can send, at three moments.

Written against the 3.0 ballot of the specification and its release 2.0 (cds-hooks.hl7.org): what is asked and
answered here is the same in both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from features.knowledge.codes import fhir_map
from serving.repository import Served
from serving.review.words import sentence, spoken

PATIENT_VIEW, ORDER_SELECT, ORDER_SIGN = "patient-view", "order-select", "order-sign"
HOOKS: Mapping[str, str] = {
    PATIENT_VIEW: "when the record of a patient is opened who was genotyped",
    ORDER_SELECT: "when the drug is selected for an order",
    ORDER_SIGN: "when an order of the drug is about to be signed",
}
REQUIRED = ("patient", "observations")
"""Prefetched resources without which nothing can be said (412)."""

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
INGREDIENTS: Mapping[str, frozenset[str]] = {
    "warfarin": frozenset({"11289"}),
    "trastuzumab": frozenset({"224905"}),
    "atezolizumab": frozenset({"1792776"}),
    "pembrolizumab": frozenset({"1547545"}),
}
"""RxCUI of ingredients (RxNorm, US National Library of Medicine); a drug is also known by its name."""

_SENT = frozenset({"genotype", "clinical", "medication", "interaction"})
_WHOSE = "patient={{context.patientId}}"


@dataclass(frozen=True, slots=True)
class Service:
    """One service: a study's drug at one hook."""

    hook: str
    study: str
    drug: str

    @property
    def id(self) -> str:
        """The last part of its address."""
        return f"{self.study}-{self.hook}"

    def told(self) -> dict[str, object]:
        """The service as discovery tells it."""
        drug = spoken(self.drug)
        return {
            "hook": self.hook,
            "id": self.id,
            "title": f"{sentence(drug)}: predicted response",
            "description": f"Estimates the response to {drug}, with its interval, {HOOKS[self.hook]}. "
            "It informs and does not order.",
            "prefetch": prefetch(),
            "usageRequirements": "Answers from what is prefetched alone, and asks no other server.",
        }


def services_of(current: Iterable[Served]) -> dict[str, Service]:
    """By id, the services for models of one drug whose every input can stand in a record."""
    found = {}
    for served in current:
        models = served.bundle.models
        blocks = {feature.block for feature in models.models[0].features}
        if len(models.drugs) == 1 and models.question is None and blocks <= _SENT:
            for hook in HOOKS:
                service = Service(hook, served.study, models.drugs[0])
                found[service.id] = service
    return found


def prefetch() -> dict[str, str]:
    """The queries by which a record fetches what the readers of FHIR know."""
    codes = ",".join(sorted(fhir_map().codes("Observation")))
    return {
        "patient": "Patient/{{context.patientId}}",
        "observations": f"Observation?{_WHOSE}&code={codes}&_sort=-date",
        "conditions": f"Condition?{_WHOSE}",
        "medications": f"MedicationRequest?{_WHOSE}&status=active&_include=MedicationRequest:medication",
        "statements": f"MedicationStatement?{_WHOSE}&status=active&_include=MedicationStatement:medication",
        "goals": f"Goal?{_WHOSE}",
    }


def is_of(order: object, drug: str) -> bool:
    """Whether a draft order is of a drug: by an ingredient's RxCUI, or by a whole word of its name."""
    if not isinstance(order, Mapping) or order.get("resourceType") != "MedicationRequest":
        return False
    concept = order.get("medicationCodeableConcept")
    if not isinstance(concept, Mapping):
        return False
    codings = concept.get("coding")
    listed = [one for one in codings if isinstance(one, Mapping)] if isinstance(codings, list) else []
    codes = {one.get("code") for one in listed if one.get("system") == RXNORM}
    names = [concept.get("text"), *(one.get("display") for one in listed)]
    words = {word for name in names if isinstance(name, str) for word in _words(name)}
    return not codes.isdisjoint(INGREDIENTS.get(drug, frozenset())) or drug.lower() in words


def _words(name: str) -> list[str]:
    return "".join(c if c.isalnum() else " " for c in name.lower()).split()
