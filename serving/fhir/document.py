"""An answer as one FHIR R4 Bundle: a pure function of the answer's document and the request it answers.

A dose is no observation and no chance, so a quantity is told as the output of a GuidanceResponse (Parameters
with UCUM quantities); the chance of an event stands in a RiskAssessment as well.
"""

from __future__ import annotations

import json

from serving import json_text
from serving.fhir.frame import Frame
from serving.fhir.guidance import guidance
from serving.fhir.implications import genomic_entries
from serving.fhir.numbers import parameters
from serving.fhir.risk import risk_assessment
from serving.fhir.terms import Json, identifier

MEDIA_TYPE = "application/fhir+json"


def fhir_document(answer: Json, request: Json, genomic: bool) -> Json:
    """The Bundle (type `collection`) of the document of a prediction, ranking or simulation.

    Without `genomic`, for an answer that is restricted already, it names no gene and holds no genotype.
    """
    answer = (
        answer | {"explanation": _summed(answer.get("explanation"))} if "ranked" not in answer else answer
    )
    frame = Frame.of(answer)
    genotypes, implications = genomic_entries(answer, request["patient"], frame) if genomic else ([], [])
    rests_on = [{"reference": one["fullUrl"], "type": "Observation"} for one in genotypes]
    risk = risk_assessment(answer, frame, rests_on)
    entries = [
        *guidance(answer, frame, genomic),
        parameters(answer, frame),
        *([] if risk is None else [risk]),
        *genotypes,
        *implications,
        frame.device(),
    ]
    return {
        "resourceType": "Bundle",
        "id": frame.prediction_id,
        "identifier": identifier("prediction", frame.prediction_id),
        "type": "collection",
        "timestamp": frame.time,
        "entry": entries,
    }


def _summed(explanation: Json | None) -> Json | None:
    """An explanation by levels as one of sums by name; what a level was not asked for is not told."""
    if explanation is None or "levels" not in explanation:
        return explanation
    rows = {name: explanation.get(name, ()) for name in ("genes", "blocks")}
    sums = {name: {one["name"]: one["contribution"] for one in told} for name, told in rows.items()}
    return {"features": [], **explanation, **sums}


def fhir_text(answer: str, request: str, genomic: bool) -> bytes:
    """The same of an answer and a request as they are kept."""
    return json_text.plain(fhir_document(json.loads(answer), json.loads(request), genomic)).encode()
