"""What becomes of an answer when something about the patient that can be changed is changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from features.cohort import Cohort
from features.encode import FeatureSpec
from features.errors import CohortError, Fault
from features.readers.document import read_documents
from models.model_set import ModelSet
from serving.errors import RequestError
from serving.pointers import patient_faults
from serving.schemas import Change

PATIENT = "/patient"


@dataclass(frozen=True, slots=True)
class Otherwise:
    """A patient as they would be after one change, and what the change is called."""

    name: str
    cohort: Cohort


def otherwise(patient: dict[str, object], changes: Sequence[Change], models: ModelSet) -> list[Otherwise]:
    """The patient under each change; raises the 422 problem that tells every fault of every change."""
    faults: list[Fault] = []
    told = []
    for i, change in enumerate(changes):
        faults += _unchangeable(f"/changes/{i}", change, models)
        found = _read(f"/changes/{i}", changed(patient, change), models.spec, faults)
        told += [] if found is None else [Otherwise(change.name, found)]
    if faults:
        raise RequestError("invalid-request", f"{len(faults)} faults in the changes", faults)
    return told


def changed(patient: dict[str, object], change: Change) -> dict[str, object]:
    """The patient document after a change: null takes a fact away, a drug's entries replace its own.

    >>> changed({"clinical": {"weight": {"value": 80, "unit": "kg"}}}, Change("", {"weight": None}, ()))
    {'clinical': {}}
    """
    after = dict(patient)
    if change.clinical:
        before = patient.get("clinical", {})
        facts = {**before, **change.clinical} if isinstance(before, dict) else dict(change.clinical)
        after["clinical"] = {name: fact for name, fact in facts.items() if fact is not None}
    if change.medications:
        taken = patient.get("medications", [])
        drugs = [_drug(entry) for entry in change.medications]
        kept = [own for own in taken if _drug(own) not in drugs] if isinstance(taken, list) else []
        after["medications"] = [*change.medications, *kept]
    return after


def _drug(entry: object) -> object:
    return entry.get("drug") if isinstance(entry, dict) else None


def _unchangeable(where: str, change: Change, models: ModelSet) -> list[Fault]:
    """Facts that nobody can change, told by the words of the model alone."""
    known = models.changeable
    fixed = [name for name in change.clinical if name not in known]
    if not fixed:
        return []
    named = [name for name in fixed if name in models.spec.clinical_variables]
    strange = f"{len(fixed) - len(named)} unknown" if len(named) < len(fixed) else ""
    what = " and ".join(part for part in (", ".join(named), strange) if part)
    remedy = f"change only {', '.join(known)}, or medications" if known else "change only medications"
    return [Fault(f"{where}/clinical", f"what is no matter of choice is changed: {what}", remedy)]


def _read(where: str, document: dict[str, object], spec: FeatureSpec, faults: list[Fault]) -> Cohort | None:
    try:
        return read_documents([document], spec)
    except CohortError as error:
        told = patient_faults(error, spec, document)
        faults += [Fault(where + f.where.removeprefix(PATIENT), f.what, f.remedy) for f in told]
        return None
