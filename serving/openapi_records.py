"""What is kept beside an answer, and of a patient, as schemas of the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping

from serving.openapi_parts import COUNT, NUMBER, TEXT, Schema, closed, list_of, or_null, ref
from serving.openapi_patient import bounded
from serving.reporting import FEEDBACK_KINDS, LONGEST_DETAIL
from serving.rights import LONGEST_REASON
from serving.store.verdicts import SPLIT
from serving.verdicts import LONGEST_COMMENT, MODEL_REASONS, REASONS, VERDICTS

_SAID: dict[str, Schema] = {
    "state": {
        "enum": ["", *VERDICTS, SPLIT],
        "description": "What all readers say by their last word; empty where nobody has.",
    },
    "readers": COUNT,
}
_VERSION: Schema = COUNT | {"minimum": 1, "maximum": 999_999_999}
_AMENDS = or_null("string") | {"description": "The same reader's verdict before."}
_COMMENT = TEXT | {"maxLength": LONGEST_COMMENT}


def _given(codes: Mapping[str, str], what: dict[str, Schema], more: str = "") -> Schema:
    reasons: Schema = {"type": "array", "items": {"enum": list(codes)}}
    fields = {**what, "verdict": {"enum": list(VERDICTS)}, "reasons": reasons, "comment": _COMMENT}
    told = {"description": f"Without a reason or a comment only agreement can be told.{more}"}
    return closed(fields, optional=("reasons", "comment")) | told


def _verdict(codes: Mapping[str, str], what: dict[str, Schema]) -> Schema:
    reasons: Schema = {"type": "array", "items": {"enum": list(codes)}}
    said: dict[str, Schema] = {"verdict": {"enum": list(VERDICTS)}, "reasons": reasons, "comment": TEXT}
    return closed({"id": TEXT, "time": TEXT, **what, **said, "by": TEXT, "role": TEXT, "amends": _AMENDS})


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
    "VerdictGiven": _given(REASONS, {}),
    "Verdict": _verdict(REASONS, {"prediction_id": TEXT}),
    "Verdicts": closed({**_SAID, "verdicts": list_of(ref("Verdict"))}),
    "ModelVerdictGiven": _given(
        MODEL_REASONS,
        {"version": _VERSION | {"description": "The version in service, or the one that waits."}},
        " The comment names no patient: erasing one leaves it.",
    ),
    "ModelVerdict": _verdict(MODEL_REASONS, {"study": TEXT, "version": COUNT, "digest": TEXT}),
    "ModelVerdicts": closed({"study": TEXT, "versions": list_of(ref("VersionVerdicts"))}),
    "VersionVerdicts": closed(
        {
            "version": COUNT, "digest": TEXT,
            "can_be_signed": {"type": "boolean", "description": "Whether it is in service, or waits."},
            **_SAID, "verdicts": list_of(ref("ModelVerdict")),
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
