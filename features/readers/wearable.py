"""Series of a wearable (steps, heart rate, glucose), summarised over the baseline window, with their wear.

A long CSV file of `patient_id, series, value, unit` and `day` (days from the index date, the fraction the
time of day) or `time` (ISO 8601, with index dates). Only days from `first_day` up to the one before day 0
are read: the index day itself may already lie under treatment. A patient who wore it on too few days has
no summary, which is not the same as no steps.

Glucose after the consensus on continuous monitoring (time in 70 to 180 mg/dL; doi:10.2337/dci19-0028).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

import numpy as np

from features import ucum
from features.cohort import Numbers
from features.errors import CohortError
from features.readers.facts import AFTER_INDEX, Facts, Imported, Place
from features.readers.file_faults import FileFaults, number_of
from features.readers.index_date import IndexDates, days_between
from features.readers.text_table import TextTable


@dataclass(frozen=True)
class BaselineWindow:
    """Days from `first_day` to -1, of which at least `fewest_days` must have been worn."""

    first_day: int = -28
    fewest_days: int = 7

    def __post_init__(self) -> None:
        if not (-3660 <= self.first_day < 0 and 1 <= self.fewest_days <= -self.first_day):
            raise CohortError(
                "a baseline window begins before day 0 and holds the fewest days that it asks for"
            )


@dataclass(frozen=True, slots=True)
class _Series:
    """A kind of series: the quantity and unit its values are checked as, and the facts it gives."""

    quantity: str
    summaries: Mapping[str, Callable[[Mapping[int, Numbers]], float]]
    unit: str


def _mean_of_daily_sums(days: Mapping[int, Numbers]) -> float:
    return float(np.mean([np.sum(values) for values in days.values()]))


def _median_of_daily_lows(days: Mapping[int, Numbers]) -> float:
    return float(np.median([np.percentile(values, 5) for values in days.values()]))


def _mean(days: Mapping[int, Numbers]) -> float:
    return float(np.mean(_all(days)))


def _variation(days: Mapping[int, Numbers]) -> float:
    values = _all(days)
    return float(100.0 * np.std(values) / np.mean(values))


def _in_range(days: Mapping[int, Numbers]) -> float:
    values = _all(days)
    return float(100.0 * np.mean((values >= 70.0) & (values <= 180.0)))


def _all(days: Mapping[int, Numbers]) -> Numbers:
    return np.concatenate([days[day] for day in sorted(days)])


SERIES: Mapping[str, _Series] = MappingProxyType(
    {
        "steps": _Series("", {"steps_per_day": _mean_of_daily_sums}, "1"),
        "heart_rate": _Series("heart_rate", {"resting_heart_rate": _median_of_daily_lows}, "/min"),
        "glucose": _Series(
            "glucose",
            {"glucose_mean": _mean, "glucose_cv": _variation, "glucose_in_range": _in_range},
            "mg/dL",
        ),
    }
)
"""By the name of a series, what it is summarised to (units in features/knowledge/measurements.csv)."""

_UNIT_OF = {"steps_per_day": "/d", "resting_heart_rate": "/min", "glucose_mean": "mg/dL"}
_STEPS = frozenset({"1", "{steps}", "{step}"})
_MOST_STEPS = 100_000.0

Days = dict[int, list[float]]


def read_wearables(path: Path, window: BaselineWindow, index: IndexDates | None = None) -> Imported:
    """A cohort of the summaries of each patient's series; all faults told together."""
    faults = FileFaults()
    facts, places = Facts(faults), dict[tuple[str, str], Place]()
    found: dict[tuple[str, str], Days] = {}
    with TextTable(path, ",") as table:
        when = "day" if "day" in table.columns else "time"
        columns = ("patient_id", "series", "value", "unit", when)
        table.require(columns, columns)
        order = table.positions(columns)
        if when == "time" and index is None:
            raise CohortError("the series give times; give the patients' index dates beside them")
        for line, fields in table.rows():
            patient, name, text, unit, moment = (fields[place] for place in order)
            place = Place(table.file, line)
            facts.patient(patient, place)
            day = _day(moment, when, patient, index, place, faults)
            value = _value(name, text, unit, place, faults)
            if day is None or value is None:
                continue
            if not window.first_day <= day < 0:
                facts.unread[AFTER_INDEX if day >= 0 else "before the baseline window"] += 1
                continue
            found.setdefault((patient, name), {}).setdefault(int(np.floor(day)), []).append(value)
            places.setdefault((patient, name), place)
    for (patient, name), days in found.items():
        _summarise(facts, (patient, name), days, window, places[patient, name])
    return Imported(facts.cohort(f"series of {path.name}"), dict(facts.unread))


def _summarise(facts: Facts, key: tuple[str, str], days: Days, window: BaselineWindow, place: Place) -> None:
    patient, name = key
    if len(days) < window.fewest_days:
        facts.unread[f"{name}: worn on fewer than {window.fewest_days} days"] += 1
        return
    arrays = {day: np.sort(np.array(values)) for day, values in days.items()}
    position, last = facts.patient(patient, place), float(max(days))
    for fact, summary in SERIES[name].summaries.items():
        facts.quantity(position, fact, summary(arrays), _UNIT_OF.get(fact, "%"), last, place)


def _value(name: str, text: str, unit: str, place: Place, faults: FileFaults) -> float | None:
    known, number = SERIES.get(name), number_of(text)
    if known is None:
        faults.at(place.file, place.line, "series", "not known here", f"use one of {', '.join(SERIES)}")
    elif number is None:
        faults.at(place.file, place.line, "value", "not a finite number", "write it with a decimal point")
    elif not known.quantity:
        if unit in _STEPS and 0 <= number <= _MOST_STEPS:
            return number
        faults.at(place.file, place.line, "value", "not a count of steps", "give steps with the unit {steps}")
    else:
        try:
            return ucum.to_canonical(known.quantity, number, unit)
        except CohortError as error:
            faults.take(place.file, place.line, "value", error)
    return None


def _day(
    text: str, when: str, patient: str, index: IndexDates | None, place: Place, faults: FileFaults
) -> float | None:
    if when == "day":
        day = number_of(text)
        if day is None:
            faults.at(place.file, place.line, when, "not a day", "write days from the index date")
        return day
    start = index.by_patient.get(patient) if index is not None else None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        faults.at(place.file, place.line, when, "not a time", "write it as ISO 8601")
        return None
    if start is None:
        faults.at(
            place.file, place.line, "patient_id", "the patient has no index date", "add it to the index dates"
        )
        return None
    return days_between(start, moment.date())
