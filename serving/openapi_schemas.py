"""What the service reads and answers with, as the schemas of its OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping

from models.outcome import DIRECTIONS
from serving.openapi_patient import bounded, patient_schemas
from serving.reporting import FEEDBACK_KINDS, LONGEST_DETAIL
from serving.request_schema import LEVEL, explain_schema
from serving.schemas import LONGEST_NAME, MOST_CHANGES, MOST_OPTIONS

Schema = dict[str, object]


def ref(name: str) -> Schema:
    """A schema of this file by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def closed(properties: Mapping[str, object], optional: tuple[str, ...] = ()) -> Schema:
    """An object of exactly these properties."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def list_of(items: Schema) -> Schema:
    """A list of such items."""
    return {"type": "array", "items": items}


def or_null(kind: str) -> Schema:
    """A value of this type, or null."""
    return {"type": [kind, "null"]}


TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number"}
_COUNT: Schema = {"type": "integer"}
_SUMS: Schema = {"type": "object", "additionalProperties": _NUMBER}
ANY: Schema = {"type": "object"}
NAME: Schema = {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME}
_PATIENT = ref("Patient")
_BETTER: Schema = {"description": "Which values help; the highest come first where it is not said."}
_QUESTION: Schema = {"description": "The variable whose values the options are; null where they are drugs."}
_BY_BLOCK: Schema = {"$ref": "#/components/schemas/ExplanationByBlock"}
_MAYBE_EXPLAINED: Schema = {
    "oneOf": [{"$ref": "#/components/schemas/Explanation"}, _BY_BLOCK, {"type": "null"}]
}
_POSSIBLE = (
    "The outcomes that cannot be ruled out at the level; only of a binary outcome, null when declined."
)
_ANSWERED: Schema = {
    "value": {"type": ["number", "null"]}, "unit": TEXT,
    "interval": {"oneOf": [{"$ref": "#/components/schemas/Interval"}, {"type": "null"}]},
    "possible": {"type": ["array", "null"], "items": TEXT, "description": _POSSIBLE},
    "declined": {"type": "boolean"},
    "notices": {"type": "array", "items": {"$ref": "#/components/schemas/Notice"}},
}  # fmt: skip
_ANSWER: Schema = {
    "id": TEXT, "study": TEXT, "patient_id": TEXT, "drug": TEXT, "outcome": TEXT, **_ANSWERED,
    "event": TEXT | {"description": "What the probability is of; only of a binary outcome."},
    "option": TEXT | {"description": "The treatment asked about, where the study has a question."},
    "explanation": _MAYBE_EXPLAINED, "basis": {"$ref": "#/components/schemas/Basis"}, "advice": TEXT,
}  # fmt: skip
_NOT_ALWAYS = ("event", "option", "possible")

SCHEMAS: dict[str, Schema] = {
    **patient_schemas(),
    "Problem": closed(
        {
            "type": TEXT, "title": TEXT, "status": _COUNT, "detail": TEXT,
            "faults": list_of(closed({"pointer": TEXT, "what": TEXT, "remedy": TEXT})),
        }
    ),
    "PredictRequest": closed(
        {
            "study": NAME, "patient": _PATIENT, "level": LEVEL, "explain": explain_schema("full"),
            "drug": NAME | {"description": "Needed where a study answers about several drugs."},
        },
        optional=("level", "explain", "drug"),
    ),
    "BatchLine": {
        "oneOf": [
            closed({"line": _COUNT, "answer": ref("Answer")}),
            closed({"line": _COUNT, "problem": ref("Problem")}),
            closed({"end": closed(
                {
                    "answered": _COUNT, "declined": _COUNT, "refused": _COUNT,
                    "complete": {"type": "boolean"},
                    "problem": ref("Problem"),
                },
                optional=("problem",),
            )}),
        ],
        "description": "One line of a batch's answer; the last one tells what came of all, and a body that "
        "ends without it was cut off.",
    },
    "OutcomeReport": closed(
        {
            "name": TEXT | {"description": "The outcome as the answer names it."},
            "value": bounded({"type": ["number", "boolean"]}), "unit": TEXT,
            "option": TEXT | {"description": "The drug or treatment had, where the study has several."},
            "observed": {"type": "string", "format": "date"},
        },
        optional=("option", "observed"),
    ),
    "Outcome": closed(
        {
            "id": TEXT, "time": TEXT, "prediction_id": TEXT, "name": TEXT, "value": _NUMBER, "unit": TEXT,
            "option": or_null("string"), "observed": or_null("string"), "by": TEXT,
        }
    ) | {"description": "An outcome is amended by another of the same name and option; the last one counts."},
    "FeedbackReport": closed(
        {"kind": {"enum": list(FEEDBACK_KINDS)}, "detail": TEXT | {"maxLength": LONGEST_DETAIL}},
        optional=("detail",),
    ),
    "Feedback": closed(
        {"id": TEXT, "time": TEXT, "prediction_id": TEXT, "kind": TEXT, "detail": TEXT, "by": TEXT}
    ),
    "SimulateRequest": closed(
        {
            "study": NAME, "patient": _PATIENT, "level": LEVEL, "explain": explain_schema("top"),
            "drug": NAME | {"description": "Needed where a study answers about several drugs."},
            "changes": list_of(ref("Change")) | {"minItems": 1, "maxItems": MOST_CHANGES},
        },
        optional=("level", "explain", "drug"),
    ),
    "Change": closed(
        {
            "name": NAME,
            "clinical": {"type": "object", "additionalProperties": {"oneOf": [ref("Fact"), {"type": "null"}]}}
            | {"description": "Facts by name, as in the patient; null takes one away."},
            "medications": list_of(ref("Medication"))
            | {"description": "Entries that replace those of the same drugs."},
        },
        optional=("clinical", "medications"),
    ) | {
        "description": "Only the study's changeable facts and medications may be changed.",
        "anyOf": [
            {"required": ["clinical"], "properties": {"clinical": {"minProperties": 1}}},
            {"required": ["medications"], "properties": {"medications": {"minItems": 1}}},
        ],
    },
    "RankRequest": closed(
        {
            "study": NAME, "patient": _PATIENT, "level": LEVEL, "explain": explain_schema("none"),
            "options": list_of(NAME) | {
                "minItems": 1, "maxItems": MOST_OPTIONS, "uniqueItems": True,
                "description": "Some of the study's drugs or treatments; all of them where left out.",
            },
        },
        optional=("level", "explain", "options"),
    ),
    "Interval": closed(
        {"level": _NUMBER, "lower": or_null("number"), "upper": or_null("number")}
    ) | {"description": "An end that is null is unbounded."},
    "Notice": closed(
        {
            "code": TEXT, "text": TEXT, "severity": {"enum": ["info", "caution", "decline"]},
            "feature": or_null("string"),
        }
    ),
    "Contribution": closed(
        {
            "name": TEXT, "label": TEXT, "block": TEXT, "gene": or_null("string"),
            "value": or_null("number"), "unit": TEXT, "contribution": _NUMBER,
        }
    ),
    "Explanation": closed(
        {
            "scale": TEXT, "base": _NUMBER, "margin": _NUMBER, "features": list_of(ref("Contribution")),
            "genes": _SUMS, "blocks": _SUMS, "other_features": _NUMBER, "other_genes": _NUMBER,
        },
        optional=("other_features", "other_genes"),
    ) | {
        "description": "base + contributions (+ other_features) = margin, on `scale`; of a probability that "
        "is log-odds. other_genes is what the genes that are not told sum up to."
    },
    "ExplanationByBlock": closed(
        {
            "scale": TEXT, "base": _NUMBER, "margin": _NUMBER, "blocks": _SUMS, "other_features": _NUMBER,
            "rounded_to": _NUMBER,
        },
        optional=("other_features",),
    ) | {"description": "What callers without genomic access get: sums of blocks, rounded to `rounded_to`."},
    "Basis": closed(
        {
            "inputs_used": list_of(TEXT), "missing": list_of(TEXT), "imputed": list_of(TEXT),
            "unrecorded_as_absent": list_of(TEXT), "model_version": _COUNT, "bundle_digest": TEXT,
            "population": closed({"n": _COUNT, "fingerprint": TEXT}), "trained_on": TEXT,
            "performance": ANY,
        }
    ),
    "Answer": closed(_ANSWER, optional=_NOT_ALWAYS),
    "Simulation": closed(
        {**_ANSWER, "simulated": list_of(ref("Simulated"))}, optional=_NOT_ALWAYS
    ) | {"description": "The patient's own answer, and what becomes of it after each change."},
    "Simulated": closed(
        {
            "name": TEXT, **_ANSWERED, "inputs_changed": list_of(TEXT),
            "difference": {"oneOf": [ref("Difference"), {"type": "null"}]},
            "difference_explained": {"oneOf": [ref("DifferenceExplained"), _BY_BLOCK, {"type": "null"}]},
        },
        optional=("possible",),
    ),
    "DifferenceExplained": closed(
        {
            "scale": TEXT, "base": _NUMBER, "margin": _NUMBER, "other_features": _NUMBER,
            "features": list_of(ref("ChangedContribution")),
        },
        optional=("other_features",),
    ) | {"description": "base + contributions (+ other_features) = the difference of the margins."},
    "ChangedContribution": closed(
        {
            "name": TEXT, "label": TEXT, "block": TEXT, "gene": or_null("string"), "unit": TEXT,
            "value": or_null("number"), "before": or_null("number"), "contribution": _NUMBER,
        }
    ),
    "Ranked": closed(
        {
            "place": _COUNT, "option": TEXT, **_ANSWERED,
            "difference": {"oneOf": [ref("Difference"), {"type": "null"}]}, "explanation": _MAYBE_EXPLAINED,
        },
        optional=("possible",),
    ),
    "Difference": closed(
        {"value": _NUMBER, "lower": or_null("number"), "upper": or_null("number")}
    ) | {
        "description": "From the first option's value, or from that before a change, with its own interval: "
        "the answers share patient and data, so that it is surer than theirs. Ends that are null were not "
        "learned."
    },
    "Ranking": closed(
        {
            "id": TEXT, "study": TEXT, "patient_id": TEXT, "outcome": TEXT, "event": TEXT,
            "better": {"enum": list(DIRECTIONS)} | _BETTER, "question": or_null("string") | _QUESTION,
            "level": _NUMBER, "ranked": list_of(ref("Ranked")),
            "notices": list_of(ref("Notice")) | {"description": "What is said of every option."},
            "basis": ref("Basis"), "advice": TEXT,
        },
        optional=("event",),
    ) | {"description": "The options, best first; declined ones last."},
    "Model": closed(
        {
            "study": TEXT, "drug": or_null("string"), "outcome": TEXT,
            "kind": {"enum": ["continuous", "binary"]}, "event": or_null("string"), "unit": TEXT,
            "better": {"enum": list(DIRECTIONS)}, "question": or_null("string"), "options": list_of(TEXT),
            "version": _COUNT, "digest": TEXT, "created": TEXT, "n_features": _COUNT, "basis": ANY,
            "card": ANY,
        },
        optional=("card",),
    ),
}  # fmt: skip
