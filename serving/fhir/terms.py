"""The codes and names that the FHIR documents use, and the small shapes made of them."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]  # Any: FHIR resources as plain JSON

UCUM = "http://unitsofmeasure.org"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
GENOMICS = "http://hl7.org/fhir/uv/genomics-reporting"
TO_BE_DEFINED = f"{GENOMICS}/CodeSystem/tbd-codes-cs"
GENOTYPE, IMPLICATION = (
    f"{GENOMICS}/StructureDefinition/{name}" for name in ("genotype", "therapeutic-implication")
)
RELATED_ARTIFACT = "http://hl7.org/fhir/StructureDefinition/workflow-relatedArtifact"
OWN = "urn:rxplain"
"""What we name ourselves: predictions, studies, bundles, notices and features."""


def coding(system: str, code: str, display: str | None = None) -> Json:
    """A Coding."""
    return {"system": system, "code": code} | ({} if display is None else {"display": display})


def concept(*codings: Json, text: str | None = None) -> Json:
    """A CodeableConcept."""
    given = {"coding": list(codings)} if codings else {}
    return given | ({} if text is None else {"text": text})


def quantity(value: float, unit: str) -> Json:
    """A Quantity; `unit` is a UCUM code."""
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def identifier(of: str, value: str) -> Json:
    """An Identifier of something that this service named."""
    return {"system": f"{OWN}:{of}", "value": value}
