"""The patient of a request as far as every study reads it alike, as a schema of the OpenAPI document."""

from __future__ import annotations

from typing import Any

from features.encode import FeatureSpec
from features.readers.document import document_schema

Schema = dict[str, Any]

_ANY_STUDY = FeatureSpec(("clinical.age.value",))
_MOST = 10**15 - 1
"""Integers of more digits are refused, as other readers of JSON would round them."""

_MARK = "x-rxplain-"
_FACT: Schema = {
    "type": "object",
    "properties": {
        "value": {"type": ["number", "string", "boolean"]},
        "unit": {"type": "string", "description": "UCUM code; of quantities only"},
        "day": {"type": "number", "maximum": 0},
    },
    "required": ["value"],
    "additionalProperties": False,
    "description": "A fact that a study declares beyond these; see GET /v1/models/{study}/schema.",
}


def patient_schemas() -> dict[str, Schema]:
    """`Patient`, and its parts `Fact` and `Medication`; what a study alone knows is in its own schema."""
    patient: Schema = _plain(document_schema(_ANY_STUDY))
    parts = patient["properties"]
    medication = parts["medications"].pop("items")
    parts["medications"]["items"] = {"$ref": "#/components/schemas/Medication"}
    parts["clinical"]["additionalProperties"] = {"$ref": "#/components/schemas/Fact"}
    parts["medications"]["description"] = "what is taken, and what is known not to be"
    patient["description"] = "A study may know other facts; see GET /v1/models/{study}/schema."
    return {"Patient": patient, "Fact": bounded(_FACT), "Medication": medication}


def bounded(schema: Schema) -> Schema:
    """The schema with every number that has no bounds bounded by what this service reads exactly.

    >>> bounded({"type": "number", "minimum": 0})
    {'type': 'number', 'minimum': 0, 'maximum': 999999999999999}
    """
    told = {name: _within(value, bounded) for name, value in schema.items()}
    kinds = schema.get("type")
    if kinds == "number" or (isinstance(kinds, list) and "number" in kinds):
        low = {} if schema.keys() & {"minimum", "exclusiveMinimum"} else {"minimum": -_MOST}
        told |= low | ({} if "maximum" in schema else {"maximum": _MOST})
    return told


def _plain(schema: Schema) -> Schema:
    """Without what is of one study, and bounded."""
    kept = {name: value for name, value in schema.items() if not name.startswith((_MARK, "$", "examples"))}
    return bounded({name: _within(value, _plain) for name, value in kept.items()})


def _within(value: Any, change: Any) -> Any:
    if isinstance(value, dict):
        return change(value)
    return [_within(one, change) for one in value] if isinstance(value, list) else value
