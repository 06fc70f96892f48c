"""What a prediction request says: its envelope, checked before the patient document is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from features.errors import Fault
from serving.errors import RequestError

DEPTHS = ("none", "top", "full")
LOWEST_LEVEL, HIGHEST_LEVEL, DEFAULT_LEVEL = 0.5, 0.999, 0.9
_FIELDS = frozenset({"study", "patient", "level", "explain"})
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class PredictRequest:
    """One patient asked about: the study that answers, the interval's level, the explanation's depth."""

    study: str
    patient: dict[str, object]
    level: float = DEFAULT_LEVEL
    explain: str = "full"

    @classmethod
    def from_document(cls, document: dict[str, object]) -> PredictRequest:
        """The request in a JSON object; all faults of the envelope are told together."""
        faults = _faults(document)
        if faults:
            raise RequestError("invalid-request", f"{len(faults)} faults in the request", faults)
        checked: dict[str, Any] = document
        level, depth = float(checked.get("level", DEFAULT_LEVEL)), checked.get("explain", "full")
        return cls(checked["study"], checked["patient"], level, depth)


def _faults(document: dict[str, object]) -> list[Fault]:
    faults = []
    unknown = len(document.keys() - _FIELDS)
    if unknown:
        faults.append(
            Fault("", f"{unknown} fields are not known here", f"send only {', '.join(sorted(_FIELDS))}")
        )
    study = document.get("study")
    if not (isinstance(study, str) and 0 < len(study) <= _LONGEST_NAME):
        faults.append(Fault("/study", "must be the name of a study", "see GET /v1/models"))
    patient = document.get("patient")
    if isinstance(patient, dict) and patient.get("patient_id", "") is None:
        faults.append(Fault("/patient/patient_id", "must be a text"))
    if not isinstance(patient, dict):
        faults.append(Fault("/patient", "must be a patient document", "see GET /v1/models/{study}/schema"))
    if not _is_level(document.get("level", DEFAULT_LEVEL)):
        faults.append(Fault("/level", f"must be a number from {LOWEST_LEVEL} to {HIGHEST_LEVEL}"))
    if document.get("explain", "full") not in DEPTHS:
        faults.append(Fault("/explain", f"must be one of {', '.join(DEPTHS)}"))
    return faults


def _is_level(level: object) -> bool:
    if isinstance(level, bool) or not isinstance(level, (int, float)):
        return False
    return LOWEST_LEVEL <= level <= HIGHEST_LEVEL


def request_schema(study: str, patient: dict[str, object]) -> dict[str, object]:
    """JSON Schema 2020-12 of a prediction request to `study`, around the schema of its patients."""
    patient = {key: value for key, value in patient.items() if key != "$schema"}
    given = patient.get("examples")
    examples = [{"study": study, "patient": one} for one in given] if isinstance(given, list) else []
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"A prediction request to {study}",
        "type": "object",
        "additionalProperties": False,
        "required": ["study", "patient"],
        "properties": {"study": {"const": study}, "patient": patient, **OPTIONS},
        "examples": examples,
    }


OPTIONS: dict[str, object] = {
    "level": {
        "type": "number",
        "minimum": LOWEST_LEVEL,
        "maximum": HIGHEST_LEVEL,
        "default": DEFAULT_LEVEL,
        "description": "The probability with which the interval should hold the outcome.",
    },
    "explain": {
        "enum": list(DEPTHS),
        "default": "full",
        "description": "none, the ten largest contributions, or every feature's contribution.",
    },
}
