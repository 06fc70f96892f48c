"""OMOP CDM 5.4 tables as a cohort: person, measurement, observation, drugs and conditions.

Concept ids are read by a declared map (features/knowledge/omop_map.csv and rows of the user's own); drugs
and conditions count for everything above them where the folder holds concept_ancestor. drug_era is read
instead of drug_exposure where it is there, since it closes the gaps between refills. What is not mapped
is counted. This is the form in which All of Us hands out its data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from features.errors import CohortError, Fault
from features.knowledge.codes import CodedFact, CodeMap, omop_map
from features.readers.facts import Imported, Place
from features.readers.file_faults import FileFaults, number_of
from features.readers.index_date import IndexDates, exact_date
from features.readers.omop_tables import OmopFolder
from features.readers.timeline import (
    CALL,
    GROUP,
    MEDICATION,
    OUTCOME,
    QUANTITY,
    STATED,
    TRAIT,
    Event,
    Timeline,
)

ID_COLUMNS = ("person_id", "person_source_value")
"""The columns of person that may be the patient's id."""

_EQUAL = frozenset({"", "0", "4172703"})
_VALUES = ("value_as_number", "value_as_concept_id", "value_as_string", "value_source_value")
_UNITS = ("unit_concept_id", "unit_source_value", "operator_concept_id")


@dataclass(frozen=True)
class _Source:
    """The folder, its map, and what has been read of it so far."""

    folder: OmopFolder
    codes: CodeMap
    index: IndexDates
    timeline: Timeline
    patient_of: dict[str, str]
    above: Mapping[str, frozenset[str]]

    def patient(self, row: Mapping[str, str], place: Place) -> str | None:
        """The id of a row's person; a row of nobody is a fault."""
        found = self.patient_of.get(_concept(row["person_id"]))
        if found is None:
            self.timeline.faults.at(place.file, place.line, "person_id", "no row of person", "add the person")
        return found

    def lineage(self, concept: str) -> tuple[str, ...]:
        """A concept and, of those that are mapped, everything above it."""
        return concept, *sorted(self.above.get(concept, frozenset()) - {concept})


def read_omop(
    folder: Path,
    index: IndexDates,
    more: Sequence[CodedFact] = (),
    patient_id: str = "person_id",
    strict: bool = True,
) -> Imported:
    """The persons of a folder of CDM tables as a cohort, in days from their index date.

    `more` are rows of a map of the user's own (`read_map`, system `omop`); `index` codes are concept
    ids, of ingredients where the folder holds concept_ancestor. With `strict` False an implausible or
    unconvertible quantity is left out and counted instead of refused.
    """
    if patient_id not in ID_COLUMNS:
        raise CohortError(f"a patient's id is one of {', '.join(ID_COLUMNS)}")
    tables, timeline = OmopFolder(folder), Timeline(FileFaults())
    if not tables.has("person"):
        raise CohortError(
            f"'{folder.name}' holds no OMOP tables", [Fault("person", "the table is missing", "add it")]
        )
    codes = omop_map().extended(more)
    source = _Source(tables, codes, index, timeline, {}, _above(tables, codes, index))
    _read_persons(source, patient_id)
    for table in ("measurement", "observation"):
        _read_values(source, table)
    _read_conditions(source)
    _read_drugs(source, "drug_era" if tables.has("drug_era") else "drug_exposure")
    return timeline.imported(index, strict, "OMOP tables")


def _above(tables: OmopFolder, codes: CodeMap, index: IndexDates) -> dict[str, frozenset[str]]:
    """By concept, the mapped drugs and conditions above it."""
    mapped = codes.codes("drug_exposure") | codes.codes("condition_occurrence") | index.codes
    found: dict[str, set[str]] = {}
    for _, row in tables.rows("concept_ancestor", ("ancestor_concept_id", "descendant_concept_id")):
        ancestor = _concept(row["ancestor_concept_id"])
        if ancestor in mapped:
            found.setdefault(_concept(row["descendant_concept_id"]), set()).add(ancestor)
    return {concept: frozenset(above) for concept, above in found.items()}


def _read_persons(source: _Source, id_column: str) -> None:
    sites = {
        _concept(row["care_site_id"]): row["care_site_source_value"] or row["care_site_name"]
        for _, row in source.folder.rows(
            "care_site", ("care_site_id",), ("care_site_source_value", "care_site_name")
        )
    }
    file = source.folder.file("person")
    others = ("month_of_birth", "day_of_birth", "birth_datetime", "care_site_id", *ID_COLUMNS[1:])
    needed = ("person_id", "gender_concept_id", "year_of_birth", "race_concept_id")
    for line, row in source.folder.rows("person", needed, others):
        person, place = _concept(row["person_id"]), Place(file, line, id_column)
        patient = person if id_column == "person_id" else row[id_column]
        source.patient_of[person] = patient
        source.timeline.patient(patient, _birth(row), place)
        for column in ("gender_concept_id", "race_concept_id"):
            for fact in source.codes.answers("person", "omop", _concept(row[column])).values():
                source.timeline.event(
                    Event(patient, TRAIT, fact.subject, Place(file, line, column), text=fact.value)
                )
        site = _concept(row["care_site_id"])
        if site not in ("", "0"):
            source.timeline.event(Event(patient, GROUP, "site", place, text=sites.get(site) or site))


def _birth(row: Mapping[str, str]) -> str:
    """The date of birth as far as it is given; the CDM's year alone where it is not."""
    if row["birth_datetime"]:
        return row["birth_datetime"]
    year, month, day = (_concept(row[name]) for name in ("year_of_birth", "month_of_birth", "day_of_birth"))
    parts = [year.zfill(4), month.zfill(2), day.zfill(2)]
    known = 0 if not year else 1 if not month else 2 if not day else 3
    return "-".join(parts[:known])


def _read_values(source: _Source, table: str) -> None:
    """Measurements and observations: numbers with a unit, coded answers, and calls as text."""
    concept, day = f"{table}_concept_id", f"{table}_date"
    file = source.folder.file(table) if source.folder.has(table) else table
    for line, row in source.folder.rows(table, ("person_id", concept, day), (*_VALUES, *_UNITS)):
        facts = source.codes.answers(table, "omop", _concept(row[concept]))
        if not facts:
            source.timeline.pass_over(f"{table} {_concept(row[concept])[:20]}: not mapped")
            continue
        place = Place(file, line, concept)
        patient = source.patient(row, place)
        when = _day(row[day], source, Place(file, line, day))
        if patient is not None and when is not None:
            _tell_value(source, row, facts, Event(patient, STATED, "", place, when=when))


def _tell_value(
    source: _Source, row: Mapping[str, str], facts: Mapping[str, CodedFact], event: Event
) -> None:
    answered, any_answer = facts.get(_concept(row["value_as_concept_id"]) or "0"), facts.get("")
    text = row["value_as_string"] or row["value_source_value"]
    if answered is not None:
        kind = MEDICATION if answered.section == "medications" else STATED
        event = replace(event, kind=kind, subject=answered.subject, text=answered.value, is_start_known=False)
        source.timeline.event(event)
    elif any_answer is None:
        source.timeline.pass_over("an answer that is not mapped")
    elif any_answer.section == "genotypes":
        source.timeline.event(replace(event, kind=CALL, subject=any_answer.subject, text=text))
    elif any_answer.value:
        source.timeline.event(replace(event, subject=any_answer.subject, text=any_answer.value))
    elif _concept(row["operator_concept_id"]) not in _EQUAL:
        source.timeline.pass_over(f"{any_answer.fact}: below or above a limit")
    elif not row["value_as_number"]:
        source.timeline.pass_over(f"{any_answer.fact}: no number")
    else:
        _tell_number(source, row, any_answer, event)


def _tell_number(source: _Source, row: Mapping[str, str], fact: CodedFact, event: Event) -> None:
    number = number_of(row["value_as_number"])
    if number is None:
        source.timeline.faults.at(
            event.place.file, event.place.line, "value_as_number", "not a finite number"
        )
        return
    unit = source.codes.answers("unit", "omop", _concept(row["unit_concept_id"])).get("")
    code = unit.unit if unit is not None else row["unit_source_value"]
    kind = OUTCOME if fact.section == "outcomes" else QUANTITY
    place = replace(event.place, column="value_as_number")
    event = replace(
        event, kind=kind, subject=fact.subject, number=number, unit=code, wanted=fact.unit, place=place
    )
    source.timeline.event(event)


def _read_conditions(source: _Source) -> None:
    table, concept, day = "condition_occurrence", "condition_concept_id", "condition_start_date"
    for line, row in source.folder.rows(table, ("person_id", concept, day)):
        lineage = source.lineage(_concept(row[concept]))
        facts = {f for c in lineage for f in source.codes.answers(table, "omop", c).values()}
        place = Place(source.folder.file(table), line, day)
        if not facts:
            source.timeline.pass_over(f"{table} {lineage[0][:20]}: not mapped")
            continue
        patient, when = source.patient(row, place), _day(row[day], source, place)
        for fact in (
            sorted(facts, key=lambda fact: fact.fact) if patient is not None and when is not None else ()
        ):
            source.timeline.event(
                Event(str(patient), STATED, fact.subject, place, text=fact.value, when=when)
            )


def _read_drugs(source: _Source, table: str) -> None:
    begin, end = f"{table}_start_date", f"{table}_end_date"
    for line, row in source.folder.rows(table, ("person_id", "drug_concept_id", begin), (end,)):
        lineage = source.lineage(_concept(row["drug_concept_id"]))
        facts = {
            f.subject for c in lineage for f in source.codes.answers("drug_exposure", "omop", c).values()
        }
        is_index = not source.index.by_patient and not source.index.codes.isdisjoint(lineage)
        if not facts:
            source.timeline.pass_over("drugs of no interaction class")
        if not (facts or is_index):
            continue
        place = Place(source.folder.file(table), line, begin)
        patient, when = source.patient(row, place), _day(row[begin], source, place)
        until = _day(row[end], source, replace(place, column=end)) if row[end] else None
        if patient is None or when is None:
            continue
        if is_index:
            source.timeline.starts(patient, when)
        for drug in sorted(facts):
            source.timeline.event(Event(patient, MEDICATION, drug, place, text="1", when=when, until=until))


def _day(text: str, source: _Source, place: Place) -> date | None:
    day = exact_date(text)
    if day is None:
        source.timeline.faults.at(place.file, place.line, place.column, "not a day", "write YYYY-MM-DD")
    return day


def _concept(text: str) -> str:
    """An id as text; `8507.0`, which spreadsheets write, is 8507."""
    return text.removesuffix(".0")
