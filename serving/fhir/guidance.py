"""An answer as a FHIR R4 GuidanceResponse: whether there is one, what it lacked, and what to be wary of.

`success`: answered from everything the model reads; `data-requested`: answered, and more data may make it
better; `data-required`: no number without what is missing; `failure`: declined for another reason.
"""

from __future__ import annotations

from collections.abc import Iterable

from serving.fhir.frame import Frame
from serving.fhir.terms import OWN, Json, coding, concept, identifier
from serving.fhir.wanted import requirements

_SEVERITY = {"info": "information", "caution": "warning", "decline": "error"}
_MISSING = "required_missing"
_PLAIN = ("clinical.", "medication.")
_IN_GENERAL = {
    "unrecorded_as_absent": "Some inputs were not recorded and are read as no.",
    "imputed": "A molecular input was not recorded; a typical value stands in.",
    "linked_snp": "A genotype was inferred from linked SNPs.",
}
_OF_MOLECULES = "A molecular input gives reason for doubt."


def guidance(answer: Json, frame: Frame, genomic: bool) -> list[Json]:
    """The entries of the response and of what it says in words."""
    notices = _notices(answer, genomic)
    missing = requirements(answer["basis"]["missing"], genomic)
    resource = {
        "requestIdentifier": identifier("prediction", frame.prediction_id),
        "identifier": [identifier("prediction", frame.prediction_id)],
        "moduleCodeableConcept": concept(
            coding(f"{OWN}:study", frame.study) | {"version": frame.version}, text=frame.study
        ),
        "status": _status(answer, notices, bool(missing)),
        "subject": frame.subject,
        "occurrenceDateTime": frame.time,
        "performer": frame.refer("model", "Device"),
        "note": [{"text": answer["advice"]}],
        "outputParameters": frame.refer("numbers", "Parameters"),
    }
    if missing:
        resource["dataRequirement"] = missing
    if not notices:
        return [frame.entry("guidance", "GuidanceResponse", resource)]
    resource["evaluationMessage"] = [frame.refer("notices", "OperationOutcome")]
    words = frame.entry("notices", "OperationOutcome", {"issue": [_issue(one) for one in notices]})
    return [frame.entry("guidance", "GuidanceResponse", resource), words]


def _status(answer: Json, notices: Iterable[Json], lacks: bool) -> str:
    rows = answer.get("ranked", [answer])
    if all(row["declined"] for row in rows):
        return "data-required" if any(one["code"] == _MISSING for one in notices) else "failure"
    return "data-requested" if lacks else "success"


def _notices(answer: Json, genomic: bool) -> list[Json]:
    """What is said of the answer and of its options, each thing once."""
    rows = [answer, *answer.get("ranked", ()), *answer.get("simulated", ())]
    told = (one if genomic else _general(one) for row in rows for one in row["notices"])
    return list({(one["code"], one["text"]): one for one in told}.values())


def _general(notice: Json) -> Json:
    """A notice without the name of a gene."""
    feature, code = notice["feature"], notice["code"]
    is_plain = feature is not None and feature.startswith(_PLAIN)
    if is_plain or (feature is None and code not in _IN_GENERAL):
        return notice
    return {**notice, "text": _IN_GENERAL.get(code, _OF_MOLECULES), "feature": None}


def _issue(notice: Json) -> Json:
    kinds = {"decline": "required" if notice["code"] == _MISSING else "business-rule"}
    details = concept(coding(f"{OWN}:notice", notice["code"]), text=notice["text"])
    kind = kinds.get(notice["severity"], "informational")
    return {"severity": _SEVERITY[notice["severity"]], "code": kind, "details": details}
