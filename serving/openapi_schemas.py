"""What the service reads and answers with, as the schemas of its OpenAPI document."""

from __future__ import annotations

from models.outcome import DIRECTIONS
from serving.openapi_parts import ANY, COUNT, NUMBER, SUMS, TEXT, Schema, closed, list_of, or_null, ref
from serving.openapi_patient import patient_schemas
from serving.openapi_records import RECORDS
from serving.request_schema import LEVEL, explain_schema
from serving.schemas import LONGEST_NAME, MOST_CHANGES, MOST_OPTIONS

NAME: Schema = {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME}
PATIENT = ref("Patient")
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
ANSWER: Schema = {
    "id": TEXT, "study": TEXT, "patient_id": TEXT, "drug": TEXT, "outcome": TEXT, **_ANSWERED,
    "event": TEXT | {"description": "What the probability is of; only of a binary outcome."},
    "option": TEXT | {"description": "The treatment asked about, where the study has a question."},
    "explanation": _MAYBE_EXPLAINED, "basis": {"$ref": "#/components/schemas/Basis"}, "advice": TEXT,
}  # fmt: skip
NOT_ALWAYS = ("event", "option", "possible")

SCHEMAS: dict[str, Schema] = {
    **patient_schemas(),
    **RECORDS,
    "Problem": closed(
        {
            "type": TEXT, "title": TEXT, "status": COUNT, "detail": TEXT,
            "faults": list_of(closed({"pointer": TEXT, "what": TEXT, "remedy": TEXT})),
        }
    ),
    "FhirBundle": {
        "type": "object", "required": ["resourceType", "type", "entry"],
        "properties": {"resourceType": {"const": "Bundle"}, "type": {"const": "collection"}},
        "description": "The same answer as a FHIR R4 Bundle, for whoever asks for application/fhir+json.",
    },
    "OperationOutcome": {
        "type": "object", "properties": {"resourceType": {"const": "OperationOutcome"}},
        "required": ["resourceType", "issue"], "description": "The same problem for a client of FHIR.",
    },
    "PredictRequest": closed(
        {
            "study": NAME, "patient": PATIENT, "level": LEVEL, "explain": explain_schema("full"),
            "drug": NAME | {"description": "Needed where a study answers about several drugs."},
        },
        optional=("level", "explain", "drug"),
    ),
    "BatchLine": {
        "oneOf": [
            closed({"line": COUNT, "answer": ref("Answer")}),
            closed({"line": COUNT, "problem": ref("Problem")}),
            closed({"end": closed(
                {
                    "answered": COUNT, "declined": COUNT, "refused": COUNT,
                    "complete": {"type": "boolean"},
                    "problem": ref("Problem"),
                },
                optional=("problem",),
            )}),
        ],
        "description": "One line of a batch's answer; the last one tells what came of all, and a body that "
        "ends without it was cut off.",
    },
    "SimulateRequest": closed(
        {
            "study": NAME, "patient": PATIENT, "level": LEVEL, "explain": explain_schema("top"),
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
            "study": NAME, "patient": PATIENT, "level": LEVEL, "explain": explain_schema("none"),
            "options": list_of(NAME) | {
                "minItems": 1, "maxItems": MOST_OPTIONS, "uniqueItems": True,
                "description": "Some of the study's drugs or treatments; all of them where left out.",
            },
        },
        optional=("level", "explain", "options"),
    ),
    "Interval": closed(
        {"level": NUMBER, "lower": or_null("number"), "upper": or_null("number")}
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
            "value": or_null("number"), "unit": TEXT, "contribution": NUMBER,
        }
    ),
    "Explanation": closed(
        {
            "scale": TEXT, "base": NUMBER, "margin": NUMBER, "features": list_of(ref("Contribution")),
            "genes": SUMS, "blocks": SUMS, "other_features": NUMBER, "other_genes": NUMBER,
        },
        optional=("other_features", "other_genes"),
    ) | {
        "description": "base + contributions (+ other_features) = margin, on `scale`; of a probability that "
        "is log-odds. other_genes is what the genes that are not told sum up to."
    },
    "ExplanationByBlock": closed(
        {
            "scale": TEXT, "base": NUMBER, "margin": NUMBER, "blocks": SUMS, "other_features": NUMBER,
            "rounded_to": NUMBER,
        },
        optional=("other_features",),
    ) | {"description": "What callers without genomic access get: sums of blocks, rounded to `rounded_to`."},
    "Basis": closed(
        {
            "inputs_used": list_of(TEXT), "missing": list_of(TEXT), "imputed": list_of(TEXT),
            "unrecorded_as_absent": list_of(TEXT), "model_version": COUNT, "bundle_digest": TEXT,
            "population": closed({"n": COUNT, "fingerprint": TEXT}), "trained_on": TEXT,
            "performance": ANY, "subgroups": list_of(ref("OwnGroup")), "evidence": list_of(ref("Evidence")),
        }
    ),
    "OwnGroup": closed(
        {"variable": TEXT, "group": TEXT, "protocol": TEXT, "n": or_null("integer"), "figures": ANY}
    ) | {"description": "How well the model did for held-out patients of a group that this patient is of."},
    "Evidence": closed(
        {"gene": TEXT, "drug": TEXT, "level": TEXT, "guideline": or_null("string")}
    ) | {"description": "What CPIC lists of a gene that is read and a drug that is answered about."},
    "Answer": closed(ANSWER, optional=NOT_ALWAYS),
    "Simulation": closed(
        {**ANSWER, "simulated": list_of(ref("Simulated"))}, optional=NOT_ALWAYS
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
            "scale": TEXT, "base": NUMBER, "margin": NUMBER, "other_features": NUMBER,
            "features": list_of(ref("ChangedContribution")),
        },
        optional=("other_features",),
    ) | {"description": "base + contributions (+ other_features) = the difference of the margins."},
    "ChangedContribution": closed(
        {
            "name": TEXT, "label": TEXT, "block": TEXT, "gene": or_null("string"), "unit": TEXT,
            "value": or_null("number"), "before": or_null("number"), "contribution": NUMBER,
        }
    ),
    "Ranked": closed(
        {
            "place": COUNT, "option": TEXT, **_ANSWERED,
            "difference": {"oneOf": [ref("Difference"), {"type": "null"}]}, "explanation": _MAYBE_EXPLAINED,
        },
        optional=("possible",),
    ),
    "Difference": closed(
        {"value": NUMBER, "lower": or_null("number"), "upper": or_null("number")}
    ) | {
        "description": "From the first option's value, or from that before a change, with its own interval: "
        "the answers share patient and data, so that it is surer than theirs. Ends that are null were not "
        "learned."
    },
    "Ranking": closed(
        {
            "id": TEXT, "study": TEXT, "patient_id": TEXT, "outcome": TEXT, "event": TEXT,
            "better": {"enum": list(DIRECTIONS)} | _BETTER, "question": or_null("string") | _QUESTION,
            "level": NUMBER, "ranked": list_of(ref("Ranked")),
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
            "version": COUNT, "digest": TEXT, "created": TEXT, "n_features": COUNT, "basis": ANY,
            "card": ANY,
        },
        optional=("card",),
    ),
}  # fmt: skip
