"""Dated events of patients, as records hold them, turned into days from each patient's index date.

FHIR and OMOP both end here, so that the same patients give the same cohort whichever way they came.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from datetime import date

from features.errors import CohortError
from features.readers.facts import Facts, Imported, Place
from features.readers.file_faults import FileFaults
from features.readers.index_date import IndexDates, age_years, days_between

MOST_REASONS = 10_000
UNDATED = "on an unknown day"

QUANTITY, STATED, TRAIT, CALL = "quantity", "stated", "trait", "call"
MEDICATION, OUTCOME, GROUP = "medication", "outcome", "group"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing recorded of a patient: what, about which variable, locus or drug, when, and where it stands.

    `when` is the day it was known (None: not said, and then only a trait, a call and a group are read,
    since they hold at any time), `until` the end of a medication. `text` is a category, a call, or
    `1` and `0` of a flag or a medication; `wanted` the unit of a variable that is not known here.
    """

    patient: str
    kind: str
    subject: str
    place: Place
    number: float = math.nan
    unit: str = ""
    text: str = ""
    when: date | None = None
    until: date | None = None
    wanted: str = ""
    is_start_known: bool = True


class Timeline:
    """Collects patients, events and starts of the drug that sets day 0; `imported` makes the cohort."""

    def __init__(self, faults: FileFaults) -> None:
        self.faults = faults
        self.unread: Counter[str] = Counter()
        self.patients: dict[str, Place] = {}
        self.births: dict[str, str] = {}
        self._events: list[Event] = []
        self._starts: dict[str, date] = {}

    def patient(self, patient_id: str, birth: str, place: Place) -> None:
        """A patient and the date of birth, empty where it is not known."""
        if patient_id in self.patients:
            self.faults.at(
                place.file, place.line, place.column, "the id of an earlier patient", "give each one id"
            )
        self.patients[patient_id] = place
        if birth:
            self.births[patient_id] = birth

    def event(self, event: Event) -> None:
        """One more event."""
        self._events.append(event)

    def starts(self, patient_id: str, when: date) -> None:
        """The drug of treatment was begun; the earliest day counts."""
        self._starts[patient_id] = min(when, self._starts.get(patient_id, when))

    def pass_over(self, reason: str, count: int = 1) -> None:
        """Count something that is not read."""
        known = reason in self.unread or len(self.unread) < MOST_REASONS
        self.unread[reason if known else "others"] += count

    def imported(self, index: IndexDates, strict: bool, what: str) -> Imported:
        """The cohort of the patients with an index date; every fault at once when there was any."""
        dates = index.by_patient or self._starts
        strangers = sum(patient not in self.patients for patient in dates)
        if strangers:
            self.faults.at(
                "index dates", None, None, f"{strangers} patients that the source lacks", "leave them out"
            )
        facts = Facts(self.faults, strict)
        position = {p: facts.patient(p, place) for p, place in self.patients.items() if p in dates}
        self.pass_over("patients without an index date", len(self.patients) - len(position))
        aged = set()
        for event in self._events:
            if event.patient not in self.patients:
                self.faults.at(
                    event.place.file,
                    event.place.line,
                    event.place.column,
                    "of no patient here",
                    "add the patient",
                )
            elif event.patient in position:
                _tell(facts, event, position[event.patient], dates[event.patient], self)
                if event.subject == "age":
                    aged.add(event.patient)
        for patient in position.keys() - aged & self.births.keys():
            self._age(facts, patient, position[patient], dates[patient])
        cohort = facts.cohort(what)
        if not len(cohort):
            raise CohortError(
                f"the {what} hold no patient with an index date; check the drug's codes or the dates"
            )
        return Imported(cohort, dict(+(self.unread + facts.unread)))

    def _age(self, facts: Facts, patient: str, position: int, index: date) -> None:
        place = self.patients[patient]
        years = age_years(self.births[patient], index)
        if years is None:
            self.faults.at(
                place.file, place.line, place.column, "the date of birth is no date", "write YYYY-MM-DD"
            )
        else:
            facts.quantity(position, "age", years, "a", 0.0, place)


def _tell(facts: Facts, event: Event, patient: int, index: date, timeline: Timeline) -> None:
    day = math.nan if event.when is None else days_between(index, event.when)
    until = math.nan if event.until is None else days_between(index, event.until)
    if event.kind == CALL:
        facts.call(patient, event.subject, event.text, event.place)
    elif event.kind == TRAIT:
        facts.stated(patient, event.subject, event.text, 0.0, event.place)
    elif event.kind == GROUP:
        facts.group(patient, event.subject, event.text)
    elif event.when is None:
        timeline.pass_over(f"{event.subject}: {UNDATED}")
    elif event.kind == MEDICATION:
        _tell_medication(facts, event, patient, (day, until))
    elif event.kind == OUTCOME:
        facts.outcome(patient, event.subject, event.number, event.unit, day, event.place, event.wanted)
    elif event.kind == QUANTITY:
        facts.quantity(patient, event.subject, event.number, event.unit, day, event.place, event.wanted)
    else:
        facts.stated(patient, event.subject, event.text, day, event.place)


def _tell_medication(facts: Facts, event: Event, patient: int, days: tuple[float, float]) -> None:
    """A start that is not known is open, but what was said only after day 0 is left out all the same."""
    day, until = days
    if day > 0 or event.is_start_known:
        facts.medication(patient, event.subject, event.text == "1", day, until, event.place)
    else:
        facts.medication(patient, event.subject, event.text == "1", math.nan, until, event.place)
