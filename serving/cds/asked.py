"""What a record asks at a hook, checked: who, what was drafted, and what was prefetched."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from features.errors import Fault
from serving.cds.services import ORDER_SELECT, ORDER_SIGN, PATIENT_VIEW, REQUIRED, Service, is_of
from serving.errors import RequestError

LONGEST_ID = 64
_CONTEXT = {
    PATIENT_VIEW: ("userId", "patientId"),
    ORDER_SELECT: ("userId", "patientId", "selections", "draftOrders"),
    ORDER_SIGN: ("userId", "patientId", "draftOrders"),
}
Json = dict[str, Any]  # Any: FHIR resources as they were sent


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of one patient: whether the service's drug is drafted, and all that was prefetched."""

    patient_id: str
    is_drafted: bool
    resources: tuple[Json, ...]

    def bundle(self) -> bytes:
        """What was prefetched as one FHIR bundle."""
        entries = [{"resource": resource} for resource in self.resources]
        return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()


def asked_of(document: Mapping[str, Any], service: Service) -> Asked:
    """The request; raises a RequestError: 400 for one that is none, 412 without what must be prefetched."""
    faults: list[Fault] = []
    if document.get("hook") != service.hook:
        faults.append(Fault("/hook", "is not this service's hook", f"send {service.hook}"))
    if not _is_uuid(document.get("hookInstance")):
        faults.append(Fault("/hookInstance", "is no UUID", "send one for each time the hook is triggered"))
    context = document.get("context")
    context = context if isinstance(context, Mapping) else {}
    missing = [name for name in _CONTEXT[service.hook] if name not in context]
    faults += [Fault(f"/context/{name}", "is missing") for name in missing]
    patient_id = context.get("patientId")
    if "patientId" not in missing and not (isinstance(patient_id, str) and 0 < len(patient_id) <= LONGEST_ID):
        faults.append(Fault("/context/patientId", "is no id"))
    orders = _orders(context, faults) if "draftOrders" in context else []
    prefetched = document.get("prefetch", {})
    if not isinstance(prefetched, Mapping):
        faults.append(Fault("/prefetch", "is no object", "send the resources by the keys of discovery"))
    if faults:
        raise RequestError("malformed-hook", f"{len(faults)} faults in the request", faults)
    resources = _resources(prefetched)
    _check_patient(resources, str(patient_id))
    drafted = service.hook == PATIENT_VIEW or any(is_of(order, service.drug) for order in orders)
    return Asked(str(patient_id), drafted, tuple(resources))


def _orders(context: Mapping[str, Any], faults: list[Fault]) -> list[object]:
    """The draft orders; at order-select those just selected."""
    draft = context["draftOrders"]
    entries = draft.get("entry", []) if isinstance(draft, Mapping) else None
    if not isinstance(entries, list) or draft.get("resourceType") != "Bundle":
        faults.append(Fault("/context/draftOrders", "is no FHIR bundle"))
        return []
    orders = [entry.get("resource") for entry in entries if isinstance(entry, Mapping)]
    if "selections" not in context:
        return orders
    selected = context["selections"]
    if not isinstance(selected, list) or not all(isinstance(one, str) for one in selected):
        faults.append(Fault("/context/selections", "is no list of references"))
        return []
    return [order for order in orders if _reference(order) in selected]


def _reference(order: object) -> str:
    return f"{order.get('resourceType')}/{order.get('id')}" if isinstance(order, Mapping) else ""


def _resources(prefetched: Mapping[str, Any]) -> list[Json]:
    """Every resource prefetched, those of search results one by one; raises the 412 problem."""
    gone = [name for name in REQUIRED if not _is_resource(prefetched.get(name))]
    if gone:
        faults = [Fault(f"/prefetch/{name}", "is missing", "prefetch it as discovery asks") for name in gone]
        raise RequestError("prefetch-missing", "What must be prefetched is missing.", faults)
    found: list[Json] = []
    for told in prefetched.values():
        if _is_resource(told):
            found += _each(told)
    return found


def _is_resource(told: object) -> bool:
    """A resource; what a record could not fetch is null, or an OperationOutcome."""
    kind = told.get("resourceType") if isinstance(told, Mapping) else None
    return isinstance(kind, str) and kind != "OperationOutcome"


def _each(resource: Json) -> list[Json]:
    if resource["resourceType"] != "Bundle":
        return [resource]
    entries = resource.get("entry", [])
    told = entries if isinstance(entries, list) else []
    listed: list[Any] = [one.get("resource") for one in told if isinstance(one, Mapping)]
    return [one for one in listed if _is_resource(one)]


def _check_patient(resources: list[Json], patient_id: str) -> None:
    """Refuse what was prefetched of anybody but the patient of the context."""
    patients = [one.get("id") for one in resources if one["resourceType"] == "Patient"]
    if patients != [patient_id]:
        fault = Fault("/prefetch/patient", "is not the one patient of the context")
        raise RequestError("malformed-hook", "1 fault in the request", [fault])


def _is_uuid(told: object) -> bool:
    try:
        return isinstance(told, str) and len(told) == 36 and UUID(told) is not None
    except ValueError:
        return False
