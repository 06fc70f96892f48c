"""Clinical tables as users have them, read by a declared schema; the one door of pandera.

The schema (`features.readers.table_schema`) becomes a pandera schema over texts, which finds every malformed
field of a chunk at once; what is well formed then passes the same checks as any other source. Values are
never repeated in a fault.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path

import pandas as pd
import pandera.pandas as pa

from features.errors import CohortError
from features.knowledge.codes import drug_of_rxnorm, drugs_named
from features.readers.facts import Facts, Imported, Place
from features.readers.file_faults import FileFaults, number_of
from features.readers.index_date import IndexDates, days_between, exact_date
from features.readers.plain_table import PlainTable, open_table
from features.readers.table_schema import ANY_OTHER, NOTHING, DeclaredFact, TableSchema

CHUNK = 20_000
"""Rows that are held at a time."""

_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
_EMPTY = "not_nullable"
_REMEDIES: Mapping[str, str] = {
    "not a finite number": "write it with a decimal point, without a unit, or add the text to 'missing'",
    "not a value that the schema lists": "add it to 'values' or to 'missing'",
    "the id of an earlier row": "give each patient one row, or declare the table as long",
}

Fields = Mapping[str, str | None]
Row = tuple[int, dict[str, str | None]]


def read_clinical_table(
    path: Path, schema: TableSchema, index: IndexDates | None = None, strict: bool = True
) -> Imported:
    """The facts of a table (text or Parquet); every fault told together, and then nothing else.

    `index` is needed where the table gives dates instead of days. With `strict` False an implausible
    quantity is left out and counted.
    """
    faults = FileFaults()
    facts = Facts(faults, strict)
    read = {"wide": _wide_row, "long": _long_row, "medications": _medication_row}[schema.shape]
    days = _Days(schema, index, facts)
    with open_table(path, schema.delimiter) as table:
        table.require(schema.columns, (*schema.columns, *schema.ignore))
        check, seen = frame_schema(schema), set[str]()
        for chunk in _chunks(table, schema):
            bad = _malformed(chunk, check, table.file, faults)
            for line, row in chunk:
                patient_id = row[schema.patient_id]
                if schema.shape == "wide" and patient_id in seen:
                    what = "the id of an earlier row"
                    faults.at(table.file, line, schema.patient_id, what, _REMEDIES[what])
                elif patient_id is not None:
                    seen.add(patient_id)
                    patient = facts.patient(patient_id, Place(table.file, line, schema.patient_id))
                    read(row, patient, Place(table.file, line), bad, days)
    return Imported(facts.cohort(f"clinical table {path.name}"), dict(facts.unread))


def frame_schema(schema: TableSchema) -> pa.DataFrameSchema:
    """The declared schema as pandera has it: every column a text, absent where not recorded."""
    columns = {name: pa.Column(str, nullable=True, required=False) for name in schema.ignore}
    columns |= {name: pa.Column(str, nullable=True) for name in schema.columns}
    columns[schema.patient_id] = pa.Column(str)
    if schema.shape == "wide":
        columns |= {name: pa.Column(str, _checks(fact), nullable=True) for name, fact in schema.facts.items()}
    columns |= {name: pa.Column(str, [_number()], nullable=True) for name in schema.day_columns}
    return pa.DataFrameSchema(columns, strict=True, unique_column_names=True)


@dataclass(frozen=True, slots=True)
class _Said:
    """What a field says of a fact: its text, unit and day, and the days of a medication."""

    text: str
    unit: str
    day: float
    place: Place
    start: float = math.nan
    stop: float = math.nan


class _Days:
    """Days of a row, from a column of days or of dates."""

    def __init__(self, schema: TableSchema, index: IndexDates | None, facts: Facts) -> None:
        self.schema, self.facts = schema, facts
        self._dates = {} if index is None else index.by_patient
        if index is None and any(role in schema.roles for role in ("date", "start_date", "stop_date")):
            raise CohortError("the table gives dates; give the patients' index dates beside it")

    def of(self, row: Fields, role: str, date_role: str, place: Place) -> float:
        """The day in the role's column; NaN where it is empty, and where its date was refused."""
        column, dates = self.schema.roles.get(role, ""), self.schema.roles.get(date_role, "")
        if column and row[column] is not None:
            return number_of(str(row[column])) or 0.0
        text = row[dates] if dates else None
        if text is None:
            return math.nan
        return self._from(self._dates.get(str(row[self.schema.patient_id])), text, dates, place)

    def between(self, row: Fields, column: str, place: Place) -> float:
        """Days from the row's index date to the date in a column; NaN where it is empty or was refused."""
        text, index = row[column], row[self.schema.index_date]
        return math.nan if text is None else self._from(exact_date(index or ""), text, column, place)

    def _from(self, start: date | None, text: str, dates: str, place: Place) -> float:
        day = exact_date(text)
        if start is None or day is None:
            what = "not a day" if day is None else "the patient has no index date"
            remedy = "write YYYY-MM-DD" if day is None else "add it to the index dates"
            self.facts.faults.at(place.file, place.line, dates, what, remedy)
            return math.nan
        return days_between(start, day)


def _chunks(table: PlainTable, schema: TableSchema) -> Iterator[list[Row]]:
    names, comma = table.columns, schema.number_columns if schema.decimal == "," else frozenset()

    def read(name: str, text: str) -> str | None:
        if text in schema.missing:
            return None
        return text.replace(",", ".") if name in comma else text

    rows = (
        (line, {name: read(name, text) for name, text in zip(names, texts, strict=True)})
        for line, texts in table.rows()
    )
    while chunk := list(islice(rows, CHUNK)):
        yield chunk


def _malformed(
    chunk: list[Row], check: pa.DataFrameSchema, file: str, faults: FileFaults
) -> set[tuple[int, str]]:
    """The line and column of every field that the schema refuses; each is told as a fault."""
    frame = pd.DataFrame([row for _, row in chunk], index=[line for line, _ in chunk], dtype=object)
    try:
        check.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
        bad = set()
        for column, what, line in zip(cases["column"], cases["check"], cases["index"], strict=True):
            said = "empty" if what == _EMPTY else str(what)
            faults.at(file, int(line), str(column), said, _REMEDIES.get(said, "fill it"))
            bad.add((int(line), str(column)))
        return bad
    return set()


def _number() -> pa.Check:
    return pa.Check.str_matches(f"^{_NUMBER}$", error="not a finite number")


def _checks(fact: DeclaredFact) -> list[pa.Check]:
    if ANY_OTHER in fact.values:
        return []
    if fact.values:
        return [pa.Check.isin(list(fact.values), error="not a value that the schema lists")]
    return [_number()] if fact.is_number else []


def _wide_row(row: Fields, patient: int, place: Place, bad: set, days: _Days) -> None:
    for column, fact in days.schema.facts.items():
        text = row[column]
        beside = (column, fact.day_column, fact.start_column, fact.stop_column)
        if text is None or any((place.line, name) in bad for name in beside):
            continue
        if fact.day_column and row[fact.day_column] is None:
            days.facts.faults.at(place.file, place.line, fact.day_column, "empty", "fill it")
            continue
        day, start, stop = (_number_in(row, name) for name in beside[1:])
        if fact.date_column:
            day = days.between(row, fact.date_column, place)
            if math.isnan(day):
                continue
        unit = (row[fact.unit_column] or "") if fact.unit_column else fact.unit
        at = Place(place.file, place.line, column)
        has_day = bool(fact.day_column or fact.date_column)
        said = _Said(text, unit, day if has_day else float(fact.day), at, start, stop)
        _state(days.facts, patient, fact, said)


def _number_in(row: Fields, column: str) -> float:
    found = number_of(row[column] or "") if column else None
    return math.nan if found is None else found


def _long_row(row: Fields, patient: int, place: Place, bad: set, days: _Days) -> None:
    roles, facts = days.schema.roles, days.facts
    name, text = row[roles["name"]], row[roles["value"]]
    fact = days.schema.facts.get(name or "")
    if fact is None:
        facts.unread["names that are not declared"] += 1
        return
    at = Place(place.file, place.line, roles["value"])
    if text is None or any(line == place.line for line, _ in bad):
        return
    has_days = "day" in roles or "date" in roles
    day = days.of(row, "day", "date", place) if has_days else fact.day
    if math.isnan(day):
        facts.unread[f"{fact.fact}: on no day"] += 1
        return
    unit = (row[roles["unit"]] or "") if "unit" in roles else ""
    _state(facts, patient, fact, _Said(text, unit or fact.unit, day, at))


def _medication_row(row: Fields, patient: int, place: Place, bad: set, days: _Days) -> None:
    facts, name = days.facts, row[days.schema.roles["drug"]]
    if any(line == place.line for line, _ in bad):
        return
    listed = drug_of_rxnorm().get(name or "")
    found = (listed,) if listed else drugs_named(name or "")
    if not found:
        facts.unread["drugs of no interaction class"] += 1
    start, stop = days.of(row, "start", "start_date", place), days.of(row, "stop", "stop_date", place)
    for drug in found:
        facts.medication(patient, drug, True, start, stop, place)


def _state(facts: Facts, patient: int, fact: DeclaredFact, field: _Said) -> None:
    found, at = fact.said(field.text), field.place
    said = found or ""
    number, kept = number_of(said), fact.kept_unit or fact.unit
    if fact.values and found == NOTHING:
        return
    if found is None:
        _refuse(facts, at, "not a value that the schema lists")
    elif fact.section == "groups":
        facts.group(patient, fact.subject, said)
    elif fact.section == "genotypes":
        facts.call(patient, fact.subject, said, at, fact.strand == "gene")
    elif fact.section == "medications" and said in ("0", "1"):
        facts.medication(patient, fact.subject, said == "1", field.start, field.stop, at)
    elif fact.section == "medications":
        _refuse(facts, at, "not a yes or no", "map it to 1 or 0 in 'values'")
    elif fact.is_number and number is None:
        _refuse(facts, at, "not a finite number")
    elif fact.section == "outcomes":
        facts.outcome(patient, fact.subject, number or 0.0, field.unit, field.day, at, kept)
    elif fact.is_number:
        facts.quantity(patient, fact.subject, number or 0.0, field.unit, field.day, at, kept)
    else:
        facts.stated(patient, fact.subject, said, field.day, at)


def _refuse(facts: Facts, at: Place, what: str, remedy: str = "") -> None:
    facts.faults.at(at.file, at.line, at.column, what, remedy or _REMEDIES[what])
