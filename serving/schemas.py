"""What a request says: its envelope, checked before the patient document is read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from features.errors import Fault
from serving.errors import RequestError

DEPTHS = ("none", "top", "full")
LEVELS = ("feature", "gene", "pathway", "block")
MOST_TOP, DEFAULT_TOP = 1000, 10
LOWEST_LEVEL, HIGHEST_LEVEL, DEFAULT_LEVEL = 0.5, 0.999, 0.9
MOST_OPTIONS = 1000
LONGEST_NAME = 100

_COMMON = frozenset({"study", "patient", "level", "explain"})
_PREDICT = _COMMON | {"drug"}
_RANK = _COMMON | {"options"}
_SIMULATE = _PREDICT | {"changes"}
_EXPLAIN = _PREDICT | {"top", "levels"}
_CHANGE = frozenset({"name", "clinical", "medications"})
MOST_CHANGES = 20


@dataclass(frozen=True, slots=True)
class PredictRequest:
    """One patient asked about: the study that answers, the interval's level, the explanation's depth.

    `drug` is needed where a study answers about several.
    """

    study: str
    patient: dict[str, object]
    level: float = DEFAULT_LEVEL
    explain: str = "full"
    drug: str | None = None

    @classmethod
    def from_document(cls, document: dict[str, object], depth: str = "full") -> PredictRequest:
        """The request in a JSON object; all faults of the envelope are told together."""
        faults = _faults(document, _PREDICT, depth) + _drug_faults(document)
        checked = _refuse(faults, document)
        return cls(*_common(checked, depth), checked.get("drug"))


@dataclass(frozen=True, slots=True)
class ExplainRequest:
    """One patient asked about, and at which levels the answer is explained; of depth `top` the `top` largest
    contributions of each."""

    study: str
    patient: dict[str, object]
    level: float
    explain: str
    drug: str | None
    top: int
    levels: tuple[str, ...]

    @classmethod
    def from_document(cls, document: dict[str, object]) -> ExplainRequest:
        """The request in a JSON object; all faults of the envelope are told together."""
        faults = _faults(document, _EXPLAIN, "top") + _drug_faults(document)
        top, levels = document.get("top", DEFAULT_TOP), document.get("levels", list(LEVELS))
        if not _is_whole(top) or not 1 <= top <= MOST_TOP:
            faults.append(Fault("/top", f"must be a whole number from 1 to {MOST_TOP}"))
        if not (
            isinstance(levels, list)
            and levels
            and all(isinstance(one, str) and one in LEVELS for one in levels)
        ):
            faults.append(Fault("/levels", f"must be a list of one or more of {', '.join(LEVELS)}"))
        checked = _refuse(faults, document)
        asked = {*checked.get("levels", LEVELS), "block"}
        told = tuple(one for one in LEVELS if one in asked)
        return cls(*_common(checked, "top"), checked.get("drug"), int(checked.get("top", DEFAULT_TOP)), told)


def _drug_faults(document: dict[str, object]) -> list[Fault]:
    if "drug" not in document or _is_name(document["drug"]):
        return []
    return [Fault("/drug", "must be the name of a drug", "see GET /v1/models/{study}")]


@dataclass(frozen=True, slots=True)
class RankRequest:
    """One patient asked about under several options, or under all of them when `options` is None."""

    study: str
    patient: dict[str, object]
    level: float = DEFAULT_LEVEL
    explain: str = "none"
    options: tuple[str, ...] | None = None

    @classmethod
    def from_document(cls, document: dict[str, object]) -> RankRequest:
        """The request in a JSON object; all faults of the envelope are told together."""
        faults = _faults(document, _RANK, "none")
        if "options" in document:
            faults += _option_faults(document["options"])
        checked = _refuse(faults, document)
        options = checked.get("options")
        return cls(*_common(checked, "none"), None if options is None else tuple(options))


@dataclass(frozen=True, slots=True)
class Change:
    """Facts, and entries of drugs, that take the place of the patient's own; None takes a fact away."""

    name: str
    clinical: Mapping[str, Any]
    medications: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class SimulateRequest:
    """One patient asked about as they are and after each of several changes."""

    study: str
    patient: dict[str, object]
    level: float
    explain: str
    drug: str | None
    changes: tuple[Change, ...]

    @classmethod
    def from_document(cls, document: dict[str, object]) -> SimulateRequest:
        """The request in a JSON object; all faults of the envelope are told together."""
        faults = _faults(document, _SIMULATE, "top") + _drug_faults(document)
        faults += _change_faults(document.get("changes"))
        checked = _refuse(faults, document)
        changes = tuple(
            Change(one["name"], one.get("clinical", {}), tuple(one.get("medications", ())))
            for one in checked["changes"]
        )
        return cls(*_common(checked, "top"), checked.get("drug"), changes)


def _change_faults(changes: object) -> list[Fault]:
    if not (isinstance(changes, list) and 0 < len(changes) <= MOST_CHANGES):
        remedy = 'as [{"name": "...", "clinical": {...}, "medications": [...]}]'
        return [Fault("/changes", f"must be a list of 1 to {MOST_CHANGES} changes", remedy)]
    faults, seen = [], set()
    for i, one in enumerate(changes):
        where = f"/changes/{i}"
        if not isinstance(one, dict) or one.keys() - _CHANGE:
            faults.append(Fault(where, f"must be an object of {', '.join(sorted(_CHANGE))}"))
            continue
        name = one.get("name")
        if not _is_name(name) or name in seen:
            faults.append(Fault(f"{where}/name", "must be a name that no other change has"))
        seen.add(name if isinstance(name, str) else None)
        if not isinstance(one.get("clinical", {}), dict):
            faults.append(
                Fault(f"{where}/clinical", "must be an object of facts, or null for one taken away")
            )
        if not isinstance(one.get("medications", []), list):
            faults.append(Fault(f"{where}/medications", "must be a list of entries"))
        if not (one.get("clinical") or one.get("medications")):
            faults.append(Fault(where, "changes nothing", "give clinical or medications"))
    return faults


def _refuse(faults: list[Fault], document: dict[str, object]) -> dict[str, Any]:
    if faults:
        raise RequestError("invalid-request", f"{len(faults)} faults in the request", faults)
    return document


def _common(checked: dict[str, Any], depth: str) -> tuple[str, dict[str, object], float, str]:
    level = float(checked.get("level", DEFAULT_LEVEL))
    return checked["study"], checked["patient"], level, checked.get("explain", depth)


def _faults(document: dict[str, object], known: Collection[str], depth: str) -> list[Fault]:
    faults = []
    unknown = len(document.keys() - known)
    if unknown:
        faults.append(
            Fault("", f"{unknown} fields are not known here", f"send only {', '.join(sorted(known))}")
        )
    if not _is_name(document.get("study")):
        faults.append(Fault("/study", "must be the name of a study", "see GET /v1/models"))
    patient = document.get("patient")
    if isinstance(patient, dict) and patient.get("patient_id", "") is None:
        faults.append(Fault("/patient/patient_id", "must be a text"))
    if not isinstance(patient, dict):
        faults.append(Fault("/patient", "must be a patient document", "see GET /v1/models/{study}/schema"))
    if not _is_level(document.get("level", DEFAULT_LEVEL)):
        faults.append(Fault("/level", f"must be a number from {LOWEST_LEVEL} to {HIGHEST_LEVEL}"))
    if document.get("explain", depth) not in DEPTHS:
        faults.append(Fault("/explain", f"must be one of {', '.join(DEPTHS)}"))
    return faults


def _option_faults(options: object) -> list[Fault]:
    remedy = "list some of the options in GET /v1/models/{study}, or leave the field out for all"
    if not (isinstance(options, list) and 0 < len(options) <= MOST_OPTIONS):
        return [Fault("/options", f"must be a list of 1 to {MOST_OPTIONS} names", remedy)]
    faults, seen = [], set()
    for i, option in enumerate(options):
        if not _is_name(option):
            faults.append(Fault(f"/options/{i}", "must be the name of an option", remedy))
        elif option in seen:
            faults.append(Fault(f"/options/{i}", "stands in the list already", "name each option once"))
        else:
            seen.add(option)
    return faults


def _is_name(name: object) -> bool:
    return isinstance(name, str) and 0 < len(name) <= LONGEST_NAME


def _is_whole(value: object) -> TypeGuard[float]:
    """A whole number, which JSON may spell `10.0`."""
    return not isinstance(value, bool) and isinstance(value, (int, float)) and float(value).is_integer()


def _is_level(level: object) -> bool:
    if isinstance(level, bool) or not isinstance(level, (int, float)):
        return False
    return LOWEST_LEVEL <= level <= HIGHEST_LEVEL
