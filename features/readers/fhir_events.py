"""What each FHIR resource says, as dated events; the day is the one on which it was known.

Left out and counted: what was entered in error, is not confirmed, is only proposed, gives no day, or gives a
value such as `<5`. A refuted condition and a statement of `not-taken` are a known no.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from features.knowledge.codes import CodedFact
from features.readers.facts import Place
from features.readers.fhir_genotypes import genotype_event
from features.readers.fhir_reading import Reading, Resource, coded, day_of, first_code, name_of, subject
from features.readers.timeline import GROUP, MEDICATION, OUTCOME, QUANTITY, STATED, TRAIT, Event

UCUM = "http://unitsofmeasure.org"

_FINAL = frozenset({"final", "amended", "corrected"})
_NO_GOAL = frozenset({"proposed", "cancelled", "entered-in-error", "rejected"})


def tell_patient(resource: Resource, full_url: str, place: Place, reading: Reading) -> None:
    """Sex, race, date of birth and site of a patient."""
    patient_id = resource.id or full_url.rpartition("/")[2].rpartition(":")[2]
    reading.patient_named(patient_id, full_url)
    birth = resource.birthDate
    reading.timeline.patient(patient_id, "" if birth is None else str(birth), place)
    traits = [("gender", resource.gender)] if resource.gender else []
    traits += [("race", code) for code in _races(resource)]
    for system, code in traits:
        for fact in reading.codes.answers("Patient", system, code).values():
            reading.tell(Event(patient_id, TRAIT, fact.subject, place, text=fact.value))
    site = resource.managingOrganization
    if site is not None and (site.reference or site.display):
        label = (site.reference or "").rpartition("/")[2] or site.display
        reading.tell(Event(patient_id, GROUP, "site", place, text=label))


def _races(resource: Resource) -> list[str]:
    """US Core's categories of race; of several, none is read."""
    found = [e for e in resource.extension or [] if (e.url or "").endswith("/us-core-race")]
    parts = [part for extension in found for part in extension.extension or [] if part.url == "ombCategory"]
    codes = [
        part.valueCoding.code for part in parts if part.valueCoding is not None and part.valueCoding.code
    ]
    return codes if len(codes) == 1 else []


def tell_observation(resource: Resource, _: str, place: Place, reading: Reading) -> None:
    """A measurement, an answer or a germline call, and those of the components."""
    patient = subject(resource)
    if patient is None or resource.status not in _FINAL:
        reading.pass_over("Observation: of no patient, or not final")
        return
    when = day_of(resource.effectiveDateTime or resource.effectiveInstant)
    if when is None and resource.effectivePeriod is not None:
        when = day_of(resource.effectivePeriod.end or resource.effectivePeriod.start)
    when = when or day_of(resource.issued)
    read = False
    for part in (resource, *(resource.component or [])):
        facts = coded(part.code, "Observation", reading.codes)
        if facts:
            read = True
            _measured(part, facts, Event(patient, STATED, "", place, when=when), reading, resource)
    if not read:
        reading.pass_over(f"Observation {name_of(resource.code)}: not mapped")


def _measured(
    part: Resource, facts: Mapping[str, CodedFact], event: Event, reading: Reading, whole: Resource
) -> None:
    any_answer = facts.get("")
    if any_answer is not None and any_answer.section == "genotypes":
        found = genotype_event(whole, event) if part is whole else None
        if found is not None:
            reading.tell(found)
        elif part is whole:
            reading.pass_over("Observation: no genotype of a gene known here")
        return
    answered = next((facts[a] for a in _answers(part) if a in facts), None)
    if answered is not None:
        reading.tell(_stating(answered, event))
    elif any_answer is None or part.valueQuantity is None or part.valueQuantity.value is None:
        reading.pass_over(f"Observation {name_of(part.code)}: an answer that is not mapped")
    else:
        _tell_quantity(part.valueQuantity, any_answer, event, reading)


def _tell_quantity(quantity: Resource, fact: CodedFact, event: Event, reading: Reading) -> None:
    if quantity.comparator:
        reading.pass_over(f"{fact.fact}: below or above a limit")
        return
    unit = (
        quantity.code if quantity.system == UCUM and quantity.code else quantity.unit or quantity.code or ""
    )
    number = float(quantity.value)
    kind = OUTCOME if fact.section == "outcomes" else QUANTITY
    reading.tell(replace(event, kind=kind, subject=fact.subject, number=number, unit=unit, wanted=fact.unit))


def _stating(fact: CodedFact, event: Event) -> Event:
    kind = {"medications": MEDICATION, "groups": GROUP}.get(fact.section, STATED)
    return replace(event, kind=kind, subject=fact.subject, text=fact.value, is_start_known=False)


def _answers(part: Resource) -> list[str]:
    """The codes that an answer is known by; a yes or no is `true` or `false`."""
    if part.valueCodeableConcept is not None:
        return [coding.code for coding in part.valueCodeableConcept.coding or [] if coding.code]
    if part.valueBoolean is not None:
        return ["true" if part.valueBoolean else "false"]
    return [part.valueString] if part.valueString else []


def tell_goal(resource: Resource, _: str, place: Place, reading: Reading) -> None:
    """A quantity aimed at, such as a target INR; of a range, its middle."""
    patient = subject(resource)
    if patient is None or resource.lifecycleStatus in _NO_GOAL:
        reading.pass_over("Goal: of no patient, or not agreed")
        return
    when = day_of(resource.startDate) or day_of(resource.statusDate)
    for target in resource.target or []:
        fact = coded(target.measure, "Goal", reading.codes).get("")
        quantity = target.detailQuantity
        both = target.detailRange
        if fact is not None and both is not None and both.low is not None and both.high is not None:
            middle = (both.low.value + both.high.value) / 2
            quantity = (
                both.low.model_copy(update={"value": middle}) if _unit(both.low) == _unit(both.high) else None
            )
        if fact is None or quantity is None or quantity.value is None:
            reading.pass_over(f"Goal {name_of(target.measure)}: not mapped, or no quantity")
        else:
            _tell_quantity(quantity, fact, Event(patient, QUANTITY, "", place, when=when), reading)


def _unit(quantity: Resource) -> tuple[str | None, str | None]:
    return quantity.code, quantity.unit


def tell_condition(resource: Resource, _: str, place: Place, reading: Reading) -> None:
    """A condition from the day it was known; refuted or ended, a known no."""
    patient = subject(resource)
    fact = coded(resource.code, "Condition", reading.codes).get("")
    if patient is None or fact is None:
        reading.pass_over(f"Condition {name_of(resource.code)}: not mapped")
        return
    status = first_code(resource.verificationStatus)
    if status not in (None, "confirmed", "refuted"):
        reading.pass_over(f"{fact.fact}: not confirmed")
        return
    recorded = day_of(resource.recordedDate)
    onset = day_of(resource.onsetDateTime) or (
        day_of(resource.onsetPeriod.start) if resource.onsetPeriod else None
    )
    known = max(filter(None, (recorded, onset)), default=None)
    no = "0" if fact.value == "1" else ""
    said = no if status == "refuted" else fact.value
    if said:
        reading.tell(Event(patient, STATED, fact.subject, place, text=said, when=known))
    ended = day_of(resource.abatementDateTime) or (
        day_of(resource.abatementPeriod.end) if resource.abatementPeriod else None
    )
    if ended is not None and known is not None and no and said != no and ended > known:
        reading.tell(Event(patient, STATED, fact.subject, place, text=no, when=ended))
