"""The index date, from which days are counted, and dates as days from it.

Dates are calendar dates as written; times of day and time zones are not read. A date that names no day
(`2020-05`) is taken as its last day, so that it never counts as earlier than it was.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from features.errors import CohortError
from features.readers.file_faults import FileFaults
from features.readers.text_table import TextTable

_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](.*))?)?)?")


@dataclass(frozen=True)
class IndexDates:
    """Where day 0 comes from: a date of each patient, or each patient's first use of a drug.

    `by_patient` names the patients of the cohort. Otherwise the drug of treatment is found by any of
    its `codes` (RxCUI in FHIR, concept ids in OMOP, ingredients) or, in FHIR, by `drug` as a whole
    word of a name; a patient who never used it is no patient of the cohort.
    """

    by_patient: Mapping[str, date] = field(default_factory=dict)
    drug: str = ""
    codes: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if bool(self.by_patient) == bool(self.drug or self.codes):
            raise CohortError(
                "give an index date of each patient, or the drug whose first use is day 0; not both"
            )


def read_index_dates(path: Path) -> IndexDates:
    """The dates in a CSV file of `patient_id,index_date` (ISO 8601 days)."""
    faults, found = FileFaults(), dict[str, date]()
    with TextTable(path, ",") as table:
        table.require(("patient_id", "index_date"), ("patient_id", "index_date"))
        places = table.positions(("patient_id", "index_date"))
        for line, fields in table.rows():
            patient, text = (fields[place] for place in places)
            day = exact_date(text)
            if day is None:
                faults.at(table.file, line, "index_date", "not a day", "write YYYY-MM-DD")
            elif not patient or patient in found:
                faults.at(
                    table.file, line, "patient_id", "empty, or given before", "give each patient one line"
                )
            else:
                found[patient] = day
    faults.refuse("index dates")
    return IndexDates(by_patient=found)


def exact_date(text: str) -> date | None:
    """A whole calendar date, with or without a time; None when the text is not one.

    >>> exact_date("2020-02-30"), exact_date("2020-02"), exact_date("2020-02-03 10:00")
    (None, None, datetime.date(2020, 2, 3))
    """
    found = _DATE.fullmatch(text)
    return _day(found) if found and found.group(3) else None


def last_date(text: str) -> date | None:
    """The last calendar date that a date of any precision may mean; None when the text is no date.

    >>> last_date("2020-02"), last_date("2020")
    (datetime.date(2020, 2, 29), datetime.date(2020, 12, 31))
    """
    found = _DATE.fullmatch(text)
    return _day(found) if found else None


def days_between(index: date, day: date) -> float:
    """Days from the index date, negative before it.

    >>> days_between(date(2020, 3, 1), date(2020, 2, 28))
    -2.0
    """
    return float((day - index).days)


def age_years(birth: str, index: date) -> float | None:
    """Completed years at the index date; from a year or month of birth alone, the years between.

    >>> age_years("1950-06-15", date(2020, 6, 14)), age_years("1950", date(2020, 6, 14))
    (69.0, 70.0)
    """
    found = _DATE.fullmatch(birth)
    if found is None or _day(found) is None:
        return None
    year, month, day = int(found.group(1)), int(found.group(2) or 0), int(found.group(3) or 0)
    if not month:
        return float(index.year - year)
    return float(index.year - year - ((index.month, index.day if day else 0) < (month, day)))


def _day(found: re.Match[str]) -> date | None:
    year, month = int(found.group(1)), int(found.group(2) or 12)
    if not (year >= 1 and 1 <= month <= 12):
        return None
    last = calendar.monthrange(year, month)[1]
    day = int(found.group(3) or last)
    return date(year, month, day) if 1 <= day <= last else None
