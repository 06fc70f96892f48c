"""What FHIR resources share: coded concepts, dates, and references resolved once everything was met."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from features.knowledge.codes import SYSTEMS, CodedFact, CodeMap, drug_of_rxnorm, drugs_named
from features.readers.index_date import IndexDates, last_date
from features.readers.timeline import Event, Timeline

Resource = Any
"""A validated model of fhir.resources: its fields differ by resource and are typed by the package."""


class Reading:
    """What was gathered so far: the timeline, and the names by which resources may be referred to."""

    def __init__(self, timeline: Timeline, codes: CodeMap, index: IndexDates) -> None:
        self.timeline = timeline
        self.codes = codes
        self.index = index
        self._patient_of: dict[str, str] = {}
        self._medication_of: dict[str, Resource] = {}
        self._waiting: list[Event] = []
        self._taken: list[tuple[Resource, str, Event]] = []

    def patient_named(self, patient_id: str, full_url: str) -> None:
        """A patient may be referred to by fullUrl as well as by id."""
        if full_url:
            self._patient_of[full_url] = patient_id

    def medication_named(self, medication: Resource, names: Iterable[str]) -> None:
        """A medication may be referred to by fullUrl or id."""
        self._medication_of |= {name: medication.code for name in names if name}

    def tell(self, event: Event) -> None:
        """An event whose patient is still a reference."""
        self._waiting.append(event)

    def tell_taken(self, medication: Resource, reference: str, event: Event) -> None:
        """A medication whose code may stand in another resource."""
        self._taken.append((medication, reference, event))

    def pass_over(self, reason: str) -> None:
        """Count something that is not read."""
        self.timeline.pass_over(reason)

    def resolve(self) -> None:
        """Give every event its patient and every medication its drugs, once all resources are known."""
        for medication, reference, event in self._taken:
            self._tell_drugs(medication or self._medication_of.get(reference), event)
        for event in self._waiting:
            self.timeline.event(replace(event, patient=self._patient(event.patient)))
        self._taken, self._waiting = [], []

    def _patient(self, reference: str) -> str:
        return self._patient_of.get(reference) or reference.rpartition("/")[2]

    def _tell_drugs(self, concept: Resource, event: Event) -> None:
        begins = event.text == "1" and event.is_start_known
        if begins and event.when is not None and is_index_drug(concept, self.index):
            self.timeline.starts(self._patient(event.patient), event.when)
        drugs = drugs_of(concept, self.codes)
        if not drugs:
            self.pass_over("drugs of no interaction class")
        for drug in drugs:
            self.tell(replace(event, subject=drug))


def coded(concept: Resource, resource: str, codes: CodeMap) -> Mapping[str, CodedFact]:
    """What the first mapped code of a concept states, by answer."""
    for coding in (concept.coding or []) if concept is not None else []:
        found = codes.answers(
            resource, SYSTEMS.get(coding.system or "", coding.system or ""), coding.code or ""
        )
        if found:
            return found
    return {}


def name_of(concept: Resource) -> str:
    """A concept's first code, for the list of what was not read; never its text, which may be anything."""
    codings = (concept.coding or []) if concept is not None else []
    named = next((c for c in codings if c.system in SYSTEMS and c.code and len(c.code) <= 20), None)
    return f"{SYSTEMS[named.system]} {named.code}" if named is not None else "of another system"


def first_code(concept: Resource) -> str | None:
    """The first code of a concept that has one."""
    return (
        next((coding.code for coding in (concept.coding or []) if coding.code), None)
        if concept is not None
        else None
    )


def subject(resource: Resource) -> str | None:
    """The patient referred to; None of a group, a device or a location."""
    reference = resource.subject.reference if resource.subject is not None else None
    if not reference:
        return None
    return reference if reference.startswith("urn:") or "Patient/" in reference else None


def day_of(when: object) -> date | None:
    """The calendar day as written; of a partial date, the last it may mean."""
    if isinstance(when, datetime):
        return when.date()
    if isinstance(when, date):
        return when
    return last_date(when) if isinstance(when, str) else None


def drugs_of(concept: Resource, codes: CodeMap) -> tuple[str, ...]:
    """The drugs of an ingredient's RxCUI or of a map's code; failing those, of the names given."""
    if concept is None:
        return ()
    codings = [(SYSTEMS.get(c.system or "", c.system or ""), c.code or "") for c in concept.coding or []]
    mapped = [fact.subject for s, code in codings for fact in codes.answers("Medication", s, code).values()]
    mapped += [drug_of_rxnorm()[code] for s, code in codings if s == "rxnorm" and code in drug_of_rxnorm()]
    names = [concept.text, *(coding.display for coding in concept.coding or [])]
    named = [drug for name in names if name for drug in drugs_named(name)]
    return tuple(dict.fromkeys(mapped or named))


def is_index_drug(concept: Resource, index: IndexDates) -> bool:
    """Whether a concept is the drug of treatment, by a code or by a whole word of its name."""
    if concept is None or index.by_patient:
        return False
    names = " ".join(filter(None, (concept.text, *(c.display for c in concept.coding or [])))).lower()
    words = "".join(c if c.isalnum() else " " for c in names).split()
    ingredients = {c.code for c in concept.coding or [] if SYSTEMS.get(c.system or "") == "rxnorm"}
    return not index.codes.isdisjoint(ingredients) or (bool(index.drug) and index.drug.lower() in words)
