"""FHIR R4 bundles and bulk exports (NDJSON), read by a declared map of codes; the one door of fhir.resources.

Each resource is validated by fhir.resources' R4B models (it ships no others for R4; the resources read
here are the same in both), then told as dated events by `features.readers.fhir_events`. What is not
mapped is counted, not read. A reference is resolved by `fullUrl` or by its last part, within the files
given and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from fhir.resources.R4B.condition import Condition
from fhir.resources.R4B.fhirresourcemodel import FHIRResourceModel
from fhir.resources.R4B.goal import Goal
from fhir.resources.R4B.medication import Medication
from fhir.resources.R4B.medicationrequest import MedicationRequest
from fhir.resources.R4B.medicationstatement import MedicationStatement
from fhir.resources.R4B.observation import Observation
from fhir.resources.R4B.patient import Patient
from pydantic import ValidationError

from features.errors import CohortError, Fault
from features.knowledge.codes import CodedFact, fhir_map
from features.readers.checks import pointer
from features.readers.facts import Imported, Place
from features.readers.fhir_events import tell_condition, tell_goal, tell_observation, tell_patient
from features.readers.fhir_medications import tell_medication, tell_request, tell_statement
from features.readers.fhir_reading import Reading, Resource
from features.readers.file_faults import FileFaults
from features.readers.index_date import IndexDates
from features.readers.strict_json import read_json, read_ndjson
from features.readers.timeline import Timeline

Tell = Callable[[Resource, str, Place, Reading], None]

READ: Mapping[str, tuple[type[FHIRResourceModel], Tell]] = MappingProxyType(
    {
        "Patient": (Patient, tell_patient),
        "Observation": (Observation, tell_observation),
        "Condition": (Condition, tell_condition),
        "Goal": (Goal, tell_goal),
        "Medication": (Medication, tell_medication),
        "MedicationRequest": (MedicationRequest, tell_request),
        "MedicationStatement": (MedicationStatement, tell_statement),
    }
)
"""The resources that are read, each by its model, and how it is told."""

_UNREAD_PARTS = frozenset({"text", "contained"})
_REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        "missing": "add the field",
        "extra_forbidden": "no field of this resource in R4; take it out",
    }
)

Found = tuple[Place, str, dict[str, object]]
"""Where a resource stands, its fullUrl (or nothing), and the resource."""


def read_fhir(
    paths: Iterable[Path], index: IndexDates, more: Sequence[CodedFact] = (), strict: bool = True
) -> Imported:
    """The patients of bundles (`.json`) and bulk exports (`.ndjson`) as one cohort, in days from index.

    `more` are rows of a map of the user's own (`read_map`); `index` codes are RxCUIs. With `strict`
    False an implausible or unconvertible quantity is left out and counted instead of refused.
    """
    faults = FileFaults()
    reading = Reading(Timeline(faults), fhir_map().extended(more), index)
    for path in paths:
        for place, full_url, raw in _resources(path, faults):
            _read(place, full_url, raw, reading)
    reading.resolve()
    return reading.timeline.imported(index, strict, "FHIR resources")


def _read(place: Place, full_url: str, raw: dict[str, object], reading: Reading) -> None:
    kind = raw.get("resourceType")
    if not isinstance(kind, str) or kind not in READ:
        named = kind[:64] if isinstance(kind, str) and kind.isalpha() else "without a known type"
        reading.timeline.pass_over(f"{named}: a resource that is not read")
        return
    for contained in _contained(raw):
        _read(
            replace(place, file=f"{place.file}/contained"),
            f"{place.file}#{contained.get('id', '')}",
            contained,
            reading,
        )
    resource = _validated(place, kind, raw, reading.timeline.faults)
    if resource is not None:
        READ[kind][1](resource, full_url, place, reading)


def _contained(raw: Mapping[str, object]) -> list[dict[str, object]]:
    parts = raw.get("contained")
    found = parts if isinstance(parts, list) else []
    return [part for part in found if isinstance(part, dict) and part.get("resourceType") == "Medication"]


def _validated(
    place: Place, kind: str, raw: Mapping[str, object], faults: FileFaults
) -> FHIRResourceModel | None:
    try:
        return READ[kind][0].model_validate(
            {name: part for name, part in raw.items() if name not in _UNREAD_PARTS}
        )
    except ValidationError as error:
        for found in error.errors(include_url=False, include_context=False, include_input=False):
            where = pointer(found["loc"])
            what = f"not valid in FHIR R4's {kind} ({found['type']})"
            faults.at(place.file + where, None, None, what, _REMEDIES.get(found["type"], "mend the resource"))
    except (LookupError, RecursionError):
        faults.at(place.file, None, None, f"not valid in FHIR R4's {kind}", "mend the resource")
    return None


def _resources(path: Path, faults: FileFaults) -> Iterator[Found]:
    if path.suffix.lower() == ".ndjson":
        for line, document in read_ndjson(path):
            yield from _one(document, f"{path.name} line {line} ")
    else:
        document = read_json(path)
        is_bundle = isinstance(document, dict) and document.get("resourceType") == "Bundle"
        yield from _entries(document, path.name) if is_bundle else _one(document, f"{path.name} ")


def _one(document: object, where: str) -> Iterator[Found]:
    if not isinstance(document, dict) or "resourceType" not in document:
        raise CohortError(
            f"{where}cannot be read", [Fault(where.strip(), "not a FHIR resource", "send R4 JSON")]
        )
    yield Place(where), "", document


def _entries(bundle: object, file: str) -> Iterator[Found]:
    entries = bundle.get("entry", []) if isinstance(bundle, dict) else None
    if not isinstance(entries, list):
        raise CohortError(
            f"{file} cannot be read", [Fault(f"{file} /entry", "a list is needed", "send an R4 bundle")]
        )
    for i, entry in enumerate(entries):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        full_url = entry.get("fullUrl", "") if isinstance(entry, dict) else ""
        if not isinstance(resource, dict) or not isinstance(full_url, str):
            what = "an entry without a resource"
            raise CohortError(
                f"{file} cannot be read",
                [Fault(f"{file} /entry/{i}", what, "send a collection or searchset")],
            )
        yield Place(f"{file} /entry/{i}/resource"), full_url, resource
