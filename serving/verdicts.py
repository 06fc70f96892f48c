"""What a reader may say of what they inspected, an answer or a model: a verdict, why, and their own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from features.errors import Fault
from serving.access.caller import Caller, Role
from serving.errors import RequestError
from serving.store.records import ModelVerdictRecord, VerdictRecord, new_id

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
"""Codes of reasons for a verdict on an answer, and how a page says them."""

MODEL_REASONS: Mapping[str, str] = {
    "figures-good-enough": "Its figures are good enough for the use",
    "tested-on-patients-like-ours": "It was tested on patients like ours",
    "figures-too-weak": "Its figures are not good enough for the use",
    "worse-for-a-group": "It does worse for a group of patients",
    "unlike-our-patients": "It was trained on patients unlike ours",
    "not-better-than-the-champion": "It is no better than the version in service",
    "inputs-implausible": "What it reads is not plausible, or not at hand",
    "card-incomplete": "Its card leaves out what matters",
    "other": "Another reason, told below",
}
"""Codes of reasons for a verdict on a model version, and how a page says them."""

LONGEST_COMMENT = 2000
_FIELDS = frozenset({"verdict", "reasons", "comment"})
_SIGNING = (Role.REVIEWER, Role.CLINICIAN)
_Said = tuple[str, tuple[str, ...], str]


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a study's model that can be signed, and the digest of its bundle."""

    study: str
    version: int
    digest: str


def verdict_of(document: Mapping[str, object], prediction_id: str, caller: Caller) -> VerdictRecord:
    """The verdict that a document gives, in the caller's name; raises the 422 problem with every fault."""
    faults = _unknown(document, _FIELDS)
    told = _said(document, REASONS, faults)
    _refuse(faults)
    return VerdictRecord(new_id(), _now(), prediction_id, *told, caller.subject, _role(caller))


def model_verdict_of(
    document: Mapping[str, object], versions: Sequence[Version], caller: Caller
) -> ModelVerdictRecord:
    """The verdict that a document gives on one of these versions of a model; as `verdict_of` else."""
    faults = _unknown(document, _FIELDS | {"version"})
    asked = document.get("version")
    is_number = isinstance(asked, int) and not isinstance(asked, bool)
    of = next((one for one in versions if is_number and one.version == asked), None)
    if of is None:
        known = " or ".join(str(one.version) for one in versions)
        faults.append(Fault("/version", "is no version on the shelf", f"send {known}"))
    told = _said(document, MODEL_REASONS, faults)
    _refuse(faults)
    assert of is not None  # else refused
    who = caller.subject, _role(caller)
    return ModelVerdictRecord(new_id(), _now(), of.study, of.version, of.digest, *told, *who)


def _unknown(document: Mapping[str, object], fields: frozenset[str]) -> list[Fault]:
    n = len(document.keys() - fields)
    remedy = f"send only {', '.join(sorted(fields))}"
    return [Fault("", f"{n} fields are not known here", remedy)] if n else []


def _said(document: Mapping[str, object], codes: Mapping[str, str], faults: list[Fault]) -> _Said:
    """Verdict, reasons and comment as far as they can be meant; what cannot is added to the faults."""
    verdict, comment = document.get("verdict"), document.get("comment", "")
    if not (isinstance(verdict, str) and verdict in VERDICTS):
        faults.append(Fault("/verdict", "is not known here", f"send one of {', '.join(VERDICTS)}"))
    reasons = _reasons(document.get("reasons", []), codes, faults)
    if not isinstance(comment, str) or len(comment) > LONGEST_COMMENT or "\0" in comment:
        faults.append(Fault("/comment", f"is no text of at most {LONGEST_COMMENT} characters"))
    elif verdict != "agree" and not (reasons or comment.strip()):
        faults.append(Fault("/reasons", "say why", "give at least one reason, or a comment"))
    return str(verdict), reasons, str(comment).strip()


def _reasons(found: object, codes: Mapping[str, str], faults: list[Fault]) -> tuple[str, ...]:
    """The codes in their usual order."""
    remedy = f"send some of {', '.join(codes)}"
    if not (isinstance(found, list) and all(isinstance(code, str) for code in found)):
        faults.append(Fault("/reasons", "is no list of codes", remedy))
        return ()
    strange = [i for i, code in enumerate(found) if code not in codes]
    faults += [Fault(f"/reasons/{i}", "is not known here", remedy) for i in strange]
    return tuple(code for code in codes if code in found)


def _refuse(faults: list[Fault]) -> None:
    if faults:
        raise RequestError("invalid-request", f"{len(faults)} faults in the verdict", faults)


def _role(caller: Caller) -> str:
    return next((role for role in _SIGNING if role in caller.roles), Role.CLINICIAN).value


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
