"""The JSON Schema of a prediction request to one study, with an example that it answers."""

from __future__ import annotations

import copy
from typing import Any

from features.readers.document import document_schema
from models.model_set import ModelSet, Question
from serving.schemas import DEFAULT_LEVEL, DEPTHS, HIGHEST_LEVEL, LOWEST_LEVEL

Schema = dict[str, Any]

LEVEL: Schema = {
    "type": "number",
    "minimum": LOWEST_LEVEL,
    "maximum": HIGHEST_LEVEL,
    "default": DEFAULT_LEVEL,
    "description": "The probability with which the interval should hold the outcome.",
}


def explain_schema(default: str) -> Schema:
    """How much is explained when nothing is said."""
    told = "none, the ten largest contributions, or every feature's contribution."
    return {"enum": list(DEPTHS), "default": default, "description": told}


def request_schema(study: str, models: ModelSet) -> Schema:
    """JSON Schema 2020-12 of a prediction request to `study`, around the schema of its patients."""
    patient: Schema = copy.deepcopy(document_schema(models.spec))
    patient.pop("$schema", None)
    asked: Schema = {"study": {"const": study}, "patient": patient}
    fixed: Schema = {"study": study}
    if len(models.models) > 1:
        about = "The drug asked about; POST /v1/rank answers about all of them at once."
        asked["drug"] = {"enum": list(models.drugs), "description": about}
        fixed["drug"] = models.drugs[0]
    if models.question is not None:
        _require_treatment(patient, models.question)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"A prediction request to {study}",
        "type": "object",
        "additionalProperties": False,
        "required": list(asked),
        "properties": {**asked, "level": LEVEL, "explain": explain_schema("full")},
        "examples": [{**fixed, "patient": one} for one in patient.get("examples", [])],
    }


def _require_treatment(patient: Schema, question: Question) -> None:
    """Have the schema ask for the treatment that the answer is about, and its examples name one."""
    clinical = patient["properties"]["clinical"]
    patient["required"] = [*patient.get("required", []), "clinical"]
    clinical["required"] = [*clinical.get("required", []), question.variable]
    variable = clinical["properties"].get(question.variable, {})
    if "value" in variable.get("properties", {}):
        variable["properties"]["value"] = {"enum": list(question.options)}
    for example in patient.get("examples", []):
        example.setdefault("clinical", {})[question.variable] = {"value": question.options[0]}
