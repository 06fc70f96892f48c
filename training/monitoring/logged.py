"""Patients whom the service answered, read back from its prediction log, and what became of them.

The log is sealed and its keys are the service's own, so a process of the service tells its rows; see
`training.service_log`.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from features.cohort import Cohort, Outcomes
from features.encode import FeatureSpec
from features.errors import CohortError, DataError, Fault
from features.readers.document import read_documents
from training.service_log import log_rows

_COLUMNS = ("patient_id", "value")
_MOST_FAULTS = 20


@dataclass(frozen=True)
class Logged:
    """Each patient once, as last asked about, in the order of the answers; `n_answers` counts all answers."""

    cohort: Cohort
    n_answers: int


def read_log(home: Path, study: str, spec: FeatureSpec) -> Logged:
    """Everybody whom `study` was asked about, with the outcomes that were reported to the service.

    Where several tenants asked, patients are named `tenant/patient`. Refuses a home without a log, or one
    without such patients.
    """
    latest: dict[tuple[str, str], dict[str, object]] = {}
    became: dict[tuple[str, str], dict[str, float]] = {}
    n_answers = 0
    for row in log_rows(home, "export", "--study", study):
        patient = json.loads(row["request"])["patient"]
        who = row["tenant"], patient["patient_id"]
        latest.pop(who, None)
        latest[who] = patient
        became.setdefault(who, {}).update({_name(own): own["value"] for own in row["outcomes"]})
        n_answers += 1
    if not latest:
        raise DataError(f"the prediction log holds no answer of '{study}'; serve it first, or name a folder")
    if len({tenant for tenant, _ in latest}) > 1:
        for (tenant, patient_id), patient in latest.items():
            patient["patient_id"] = f"{tenant}/{patient_id}"
    cohort = read_documents(list(latest.values()), spec)
    rows = [(i, name, value, math.nan) for i, who in enumerate(latest) for name, value in became[who].items()]
    return Logged(replace(cohort, outcomes=Outcomes.from_rows(rows)), n_answers)


def with_outcomes(cohort: Cohort, table: Path, name: str, unit_note: str) -> Cohort:
    """The cohort with the outcomes of a CSV table of `patient_id` and `value`; other patients keep theirs.

    A patient whom the cohort does not hold, one named twice, and what is no number are faults; `unit_note`
    says in the remedy what a value is.
    """
    place = {patient: i for i, patient in enumerate(cohort.patient_ids)}
    faults: list[Fault] = []
    found: dict[int, float] = {}
    for line, row in _table(table):
        patient = place.get(row["patient_id"])
        value = _number(row["value"])
        where = f"{table.name}: line {line}"
        if patient is None:
            faults.append(Fault(where, "names a patient who was never answered", "leave the line out"))
        elif patient in found:
            faults.append(Fault(where, "names a patient a second time", "keep one outcome a patient"))
        elif value is None:
            faults.append(Fault(f"{where}: value", "is no finite number", unit_note))
        else:
            found[patient] = value
    if faults:
        raise CohortError(f"{len(faults)} faults in the outcomes", faults[:_MOST_FAULTS])
    kept = [row for row in cohort.outcomes.rows if not (row[0] in found and row[1] == name)]
    rows = [*kept, *((patient, name, value, math.nan) for patient, value in sorted(found.items()))]
    return replace(cohort, outcomes=Outcomes.from_rows(rows))


def _name(outcome: dict) -> str:
    """An outcome's name in a cohort; that of a panel's drug is told with the drug."""
    return outcome["name"] if outcome["option"] is None else f"{outcome['name']}:{outcome['option']}"


def _table(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"'{path.name}' cannot be read as a UTF-8 table; write it again") from error
    rows = csv.DictReader(text.splitlines())
    missing = [name for name in _COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        remedy = "the first line must name patient_id and value"
        raise CohortError("the outcomes cannot be read", [Fault(path.name, f"has no {missing[0]}", remedy)])
    for row in rows:
        yield rows.line_num, {name: (row[name] or "").strip() for name in _COLUMNS}


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
