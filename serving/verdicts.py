"""What a reader may say of an answer that they inspected: a verdict, why, and in their own words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from features.errors import Fault
from serving.access.caller import Caller, Role
from serving.errors import RequestError
from serving.store.records import VerdictRecord, new_id

VERDICTS: Mapping[str, str] = {"agree": "Agree", "disagree": "Disagree", "unsure": "Unsure"}
"""The verdicts, and how a page says them."""

REASONS: Mapping[str, str] = {
    "fits-the-patient": "Fits what I know of the patient",
    "fits-the-guideline": "Fits the guideline",
    "input-wrong": "A recorded fact is wrong or out of date",
    "input-missing": "Something that matters was not recorded",
    "unlike-the-patients-trained-on": "This patient is unlike those it learned from",
    "too-uncertain": "The interval is too wide to act on",
    "against-the-guideline": "Contradicts the guideline",
    "against-the-patient": "Contradicts what I know of the patient",
    "explanation-implausible": "The reasons given are not plausible",
    "other": "Another reason, told below",
}
"""Codes of reasons, and how a page says them."""

LONGEST_COMMENT = 2000
_FIELDS = frozenset({"verdict", "reasons", "comment"})
_SIGNING = (Role.REVIEWER, Role.CLINICIAN)


def verdict_of(document: Mapping[str, object], prediction_id: str, caller: Caller) -> VerdictRecord:
    """The verdict that a document gives, in the caller's name; raises the 422 problem with every fault."""
    faults = []
    unknown = len(document.keys() - _FIELDS)
    if unknown:
        remedy = f"send only {', '.join(sorted(_FIELDS))}"
        faults.append(Fault("", f"{unknown} fields are not known here", remedy))
    verdict, comment = document.get("verdict"), document.get("comment", "")
    if not (isinstance(verdict, str) and verdict in VERDICTS):
        faults.append(Fault("/verdict", "is not known here", f"send one of {', '.join(VERDICTS)}"))
    reasons = _reasons(document.get("reasons", []), faults)
    if not isinstance(comment, str) or len(comment) > LONGEST_COMMENT or "\0" in comment:
        faults.append(Fault("/comment", f"is no text of at most {LONGEST_COMMENT} characters"))
    elif verdict != "agree" and not (reasons or comment.strip()):
        faults.append(Fault("/reasons", "say why", "give at least one reason, or a comment"))
    if faults:
        raise RequestError("invalid-request", f"{len(faults)} faults in the verdict", faults)
    role = next((role for role in _SIGNING if role in caller.roles), Role.CLINICIAN)
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    told = str(verdict), reasons, str(comment).strip()
    return VerdictRecord(new_id(), now, prediction_id, *told, caller.subject, role.value)


def _reasons(found: object, faults: list[Fault]) -> tuple[str, ...]:
    """The codes in their usual order."""
    if not (isinstance(found, list) and all(isinstance(code, str) for code in found)):
        faults.append(Fault("/reasons", "is no list of codes", f"send some of {', '.join(REASONS)}"))
        return ()
    strange = [i for i, code in enumerate(found) if code not in REASONS]
    remedy = f"send some of {', '.join(REASONS)}"
    faults += [Fault(f"/reasons/{i}", "is not known here", remedy) for i in strange]
    return tuple(code for code in REASONS if code in found)
