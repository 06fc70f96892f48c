"""A small electronic record: one synthetic patient in FHIR R4, who fills what is to be prefetched."""

from __future__ import annotations

import re
import uuid
from typing import Any
from urllib.parse import parse_qs

RXNORM, LOINC = "http://www.nlm.nih.gov/research/umls/rxnorm", "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
WHO = {"reference": "Patient/p1"}
Json = dict[str, Any]


def quantity(code: str, value: float, unit: str) -> Json:
    """A measurement."""
    return {
        "resourceType": "Observation", "id": f"o-{code}", "status": "final", "subject": WHO,
        "effectiveDateTime": "2026-05-01", "code": {"coding": [{"system": LOINC, "code": code}]},
        "valueQuantity": {"value": value, "unit": unit, "system": UCUM, "code": unit},
    }  # fmt: skip


def genotype(gene: str, diplotype: str) -> Json:
    """A genotype as the Genomics Reporting guide tells it."""
    return {
        "resourceType": "Observation", "id": f"g-{gene}", "status": "final", "subject": WHO,
        "effectiveDateTime": "2026-04-01", "code": {"coding": [{"system": LOINC, "code": "84413-4"}]},
        "valueCodeableConcept": {"text": f"{gene} {diplotype}"},
        "component": [
            {
                "code": {"coding": [{"system": LOINC, "code": "48018-6"}]},
                "valueCodeableConcept": {"text": gene},
            }
        ],
    }  # fmt: skip


def order(name: str = "Warfarin Sodium 5 MG Oral Tablet", code: str = "855332", order_id: str = "m1") -> Json:
    """A draft order."""
    concept = {"coding": [{"system": RXNORM, "code": code, "display": name}]}
    return {
        "resourceType": "MedicationRequest", "id": order_id, "status": "draft", "intent": "order",
        "subject": WHO, "medicationCodeableConcept": concept,
    }  # fmt: skip


PATIENT: Json = {"resourceType": "Patient", "id": "p1", "gender": "male", "birthDate": "1960-02-03"}
OBSERVATIONS = (
    quantity("29463-7", 81.5, "kg"),
    quantity("8302-2", 178.0, "cm"),
    genotype("CYP2C9", "*1/*3"),
)


def fetched(template: str) -> Json:
    """What the record answers to a prefetch template."""
    query = template.replace("{{context.patientId}}", "p1")
    assert "{{" not in query
    if re.fullmatch(r"Patient/p1", query):
        return PATIENT
    kind, _, search = query.partition("?")
    asked = parse_qs(search)
    assert asked["patient"] == ["p1"]
    codes = asked.get("code", [""])[0].split(",")
    found = [
        one for one in OBSERVATIONS if kind == "Observation" and one["code"]["coding"][0]["code"] in codes
    ]
    entries = [{"resource": one, "search": {"mode": "match"}} for one in found]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(found), "entry": entries}


def request(service: Json, *orders: Json, selections: list[str] | None = None) -> Json:
    """What the record sends to a service, its prefetch filled."""
    context: Json = {"userId": "Practitioner/d1", "patientId": "p1"}
    if service["hook"] != "patient-view":
        entries = [{"resource": one} for one in orders]
        context["draftOrders"] = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    if service["hook"] == "order-select":
        context["selections"] = selections or [f"MedicationRequest/{one['id']}" for one in orders]
    prefetch = {key: fetched(template) for key, template in service["prefetch"].items()}
    return {
        "hook": service["hook"], "hookInstance": str(uuid.uuid4()), "context": context, "prefetch": prefetch
    }  # fmt: skip
