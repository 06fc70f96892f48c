"""The schemas of looking closer at an answer: explained at several levels, and among similar patients."""

from __future__ import annotations

from serving.openapi_parts import TEXT, Schema, closed, list_of, or_null, ref
from serving.openapi_schemas import ANSWER, NAME, NOT_ALWAYS, PATIENT
from serving.request_schema import LEVEL, explain_schema
from serving.schemas import DEFAULT_TOP, LEVELS, MOST_TOP

_DRUG: Schema = NAME | {"description": "Needed where a study answers about several drugs."}
_REQUEST: Schema = {"study": NAME, "patient": PATIENT, "level": LEVEL, "drug": _DRUG}
_NOT_NEEDED = ("level", "explain", "drug")
_NUMBER: Schema = {"type": "number"}
_COUNT: Schema = {"type": "integer"}
_GROUP: Schema = {"name": TEXT, "block": or_null("string"), "n_features": _COUNT, "contribution": _NUMBER}
_NULL: Schema = {"type": "null"}


def _one_of(*schemas: Schema) -> Schema:
    return {"oneOf": list(schemas)}


CLOSER: dict[str, Schema] = {
    "ExplainRequest": closed(
        {
            **_REQUEST, "explain": explain_schema("top"),
            "top": _COUNT | {
                "minimum": 1, "maximum": MOST_TOP, "default": DEFAULT_TOP,
                "description": "Rows of each level at depth top; the rest is told in one sum.",
            },
            "levels": list_of({"enum": list(LEVELS)}) | {
                "minItems": 1, "description": "All of them where left out; blocks are always told.",
            },
        },
        optional=(*_NOT_NEEDED, "top", "levels"),
    ),
    "Explained": closed(
        {**ANSWER, "explanation": _one_of(ref("ExplanationByLevel"), ref("ExplanationByBlock"), _NULL)},
        optional=NOT_ALWAYS,
    ) | {"description": "The patient's answer, explained at the levels asked for."},
    "ExplanationByLevel": closed(
        {
            "scale": TEXT, "base": _NUMBER, "margin": _NUMBER, "levels": list_of({"enum": list(LEVELS)}),
            "features": list_of(ref("Contribution")), "other_features": _NUMBER,
            "genes": list_of(closed(_GROUP)), "other_genes": _NUMBER,
            "pathways": list_of(ref("PathwayContribution")), "other_pathways": _NUMBER,
            "blocks": list_of(closed(_GROUP)),
        },
        optional=("features", "other_features", "genes", "other_genes", "pathways", "other_pathways"),
    ) | {
        "description": "At each level base + contributions + other_... = margin; the largest come first, and "
        "a gene's block is null, as its features may be of several."
    },
    "PathwayContribution": closed(
        {
            "pathways": list_of(TEXT), "block": or_null("string"), "n_features": _COUNT,
            "contribution": _NUMBER,
        }
    ) | {
        "description": "Pathways are gene signatures, which overlap: each feature is counted once, under all "
        "the pathways that it belongs to together; what belongs to none stands by its block."
    },
    "SimilarRequest": closed({**_REQUEST, "explain": explain_schema("none")}, optional=_NOT_NEEDED),
    "Similar": closed(
        {
            **ANSWER, "similar": _one_of(ref("Neighbourhood"), _NULL),
            "similar_by_clinical_facts": _one_of(ref("Neighbourhood"), _NULL),
        },
        optional=(*NOT_ALWAYS, "similar"),
    ) | {
        "description": "The patient's answer, and patients trained on who are near: by every question, which "
        "callers without genomic access are not told, and by those of clinical facts and medications alone. "
        "Null where the model declines."
    },
    "Neighbourhood": closed(
        {
            "path": list_of(ref("NearnessStep")), "n": _COUNT,
            "of": _COUNT | {"description": "All patients trained on."},
            "outcome": _one_of(ref("Rate"), ref("Quartiles"), _NULL),
            "options": {
                "type": "object", "additionalProperties": _one_of(ref("Rate"), ref("Quartiles"), _NULL),
                "description": "By treatment, where the study compares some.",
            },
            "shares": {
                "type": "object",
                "additionalProperties": {"type": "object", "additionalProperties": or_null("number")},
                "description": "The share of each level of each attribute among them.",
            },
            "held_out": _one_of(ref("ErrorOfQuantity"), ref("ErrorOfProbability"), _NULL),
        }
    ) | {
        "description": "Sums over training patients, never rows. Null is what fewer than ten patients stand "
        "behind, or what would give such a number away."
    },
    "NearnessStep": closed(
        {
            "feature": TEXT, "label": TEXT, "unit": TEXT, "text": TEXT,
            "is": {"enum": ["below", "at_least", "not_recorded"]},
            "value": or_null("number"), "silence_is_no": {"type": "boolean"},
        }
    ) | {"description": "One question on the way to the group; what was not recorded goes its own way."},
    "Rate": closed({"rate": _NUMBER, "lower": _NUMBER, "upper": _NUMBER}) | {
        "description": "How often the event happened, with its 95% interval (Wilson)."
    },
    "Quartiles": closed(
        {"lower_quartile": or_null("number"), "median": _NUMBER, "upper_quartile": or_null("number")}
    ) | {"description": "Of the outcome, in its unit; each where ten patients lie beyond it."},
    "ErrorOfQuantity": closed({"mean_absolute_error": _NUMBER, "level": _NUMBER, "coverage": _NUMBER}) | {
        "description": "Of answers by models that had not seen the patient, in the outcome's unit."
    },
    "ErrorOfProbability": closed({"brier": _NUMBER, "level": _NUMBER, "coverage": _NUMBER}) | {
        "description": "Of answers by models that had not seen the patient."
    },
}  # fmt: skip
