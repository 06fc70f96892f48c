"""Medications in FHIR: what was ordered, stated to be taken, or stated not to be.

What ended on an unknown day, or says neither when it began nor when that was asserted, is left out and
counted: it may tell of days after the index.
"""

from __future__ import annotations

from datetime import date, timedelta

from features.readers.facts import Place
from features.readers.fhir_reading import Reading, Resource, day_of, subject
from features.readers.timeline import MEDICATION, Event

_ORDERED = frozenset({"order", "original-order", "reflex-order", "filler-order", "instance-order"})
_ENDED = frozenset({"completed", "stopped"})


def tell_medication(resource: Resource, full_url: str, place: Place, reading: Reading) -> None:
    """A medication that statements and orders refer to."""
    own = f"Medication/{resource.id}" if resource.id and "#" not in full_url else ""
    reading.medication_named(resource, (full_url, own))


def tell_statement(resource: Resource, _: str, place: Place, reading: Reading) -> None:
    """A statement; the day it was asserted dates one that gives no start."""
    patient, period = subject(resource), resource.effectivePeriod
    if patient is None or resource.status not in ("active", "not-taken", "completed", "stopped"):
        reading.pass_over("MedicationStatement: of no patient, or neither taken nor known not to be")
        return
    begun = day_of(resource.effectiveDateTime) or (day_of(period.start) if period is not None else None)
    until = day_of(period.end) if period is not None else None
    if resource.status in _ENDED and until is None:
        reading.pass_over("MedicationStatement: ended on an unknown day")
        return
    taken = resource.status != "not-taken"
    when = begun or day_of(resource.dateAsserted)
    event = Event(
        patient,
        MEDICATION,
        "",
        place,
        text="1" if taken else "0",
        when=when,
        until=until if taken else None,
        is_start_known=taken and begun is not None,
    )
    _tell_medication(resource, event, reading)


def tell_request(resource: Resource, _: str, place: Place, reading: Reading) -> None:
    """An order; it ends with its supply where that is said."""
    patient = subject(resource)
    is_order = resource.intent in _ORDERED and resource.status in ("active", "completed", "stopped")
    if patient is None or not is_order or resource.doNotPerform:
        reading.pass_over("MedicationRequest: of no patient, or no order")
        return
    begun = day_of(resource.authoredOn)
    until = _supplied_until(resource, begun)
    if resource.status in _ENDED and until is None:
        reading.pass_over("MedicationRequest: ended on an unknown day")
        return
    _tell_medication(
        resource, Event(patient, MEDICATION, "", place, text="1", when=begun, until=until), reading
    )


def _supplied_until(resource: Resource, begun: date | None) -> date | None:
    dispense = resource.dispenseRequest
    if dispense is None:
        return None
    supply = dispense.expectedSupplyDuration
    days = supply.value if supply is not None and supply.code == "d" else None
    if begun is not None and days is not None and 0 <= days <= 36525:
        return begun + timedelta(days=int(days))
    return day_of(dispense.validityPeriod.end) if dispense.validityPeriod is not None else None


def _tell_medication(resource: Resource, event: Event, reading: Reading) -> None:
    reference = (
        resource.medicationReference.reference or "" if resource.medicationReference is not None else ""
    )
    if reference.startswith("#"):
        reference = event.place.file + reference
    elif not reference.startswith("urn:"):
        reference = "Medication/" + reference.rpartition("/")[2] if reference else ""
    reading.tell_taken(resource.medicationCodeableConcept, reference, event)
