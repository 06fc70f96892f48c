"""What is kept beside an answer, and of a patient, as schemas of the OpenAPI document."""

from __future__ import annotations

from serving.openapi_parts import COUNT, NUMBER, TEXT, Schema, closed, list_of, or_null, ref
from serving.openapi_patient import bounded
from serving.reporting import FEEDBACK_KINDS, LONGEST_DETAIL
from serving.rights import LONGEST_REASON
from serving.store.verdicts import SPLIT
from serving.verdicts import LONGEST_COMMENT, REASONS, VERDICTS

RECORDS: dict[str, Schema] = {
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
            "id": TEXT, "time": TEXT, "prediction_id": TEXT, "name": TEXT, "value": NUMBER, "unit": TEXT,
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
    "VerdictGiven": closed(
        {
            "verdict": {"enum": list(VERDICTS)},
            "reasons": {"type": "array", "items": {"enum": list(REASONS)}},
            "comment": TEXT | {"maxLength": LONGEST_COMMENT},
        },
        optional=("reasons", "comment"),
    ) | {"description": "Without a reason or a comment only agreement can be told."},
    "Verdict": closed(
        {
            "id": TEXT, "time": TEXT, "prediction_id": TEXT, "verdict": {"enum": list(VERDICTS)},
            "reasons": {"type": "array", "items": {"enum": list(REASONS)}}, "comment": TEXT, "by": TEXT,
            "role": TEXT,
            "amends": or_null("string") | {"description": "The same reader's verdict before."},
        }
    ),
    "Verdicts": closed(
        {
            "state": {
                "enum": ["", *VERDICTS, SPLIT],
                "description": "What all readers say by their last word; empty where nobody has.",
            },
            "readers": COUNT, "verdicts": list_of(ref("Verdict")),
        }
    ),
    "PatientRequest": closed(
        {"patient_id": TEXT | {"minLength": 1}, "reason": TEXT | {"maxLength": LONGEST_REASON}},
        optional=("reason",),
    ),
    "PatientRow": {
        "type": "object", "required": ["row", "tenant", "id"],
        "properties": {
            "row": {"enum": ["prediction", "outcome", "verdict", "feedback"]}, "tenant": TEXT, "id": TEXT,
        },
        "description": "A row of the record in plain, with everything that is kept in it.",
    },
    "Erasure": closed(
        {
            "id": TEXT, "time": TEXT, "tenant": TEXT, "cause": {"enum": ["patient"]}, "by": TEXT,
            "n_predictions": COUNT, "n_others": COUNT, "traces": list_of(TEXT),
        }
    ) | {"description": "`traces` says where something could not be cleared; empty when nothing is left."},
}  # fmt: skip
