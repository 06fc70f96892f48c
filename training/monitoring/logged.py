"""Patients whom the service answered, read back from its prediction log, and what became of them.

The log is read as a file, by its columns; the service may go on writing meanwhile.
"""

from __future__ import annotations

import csv
import json
import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from features.cohort import Cohort, Outcomes
from features.encode import FeatureSpec
from features.errors import CohortError, DataError, Fault
from features.readers.document import read_documents

LOG = "predictions.db"
_COLUMNS = ("patient_id", "value")
_MOST_FAULTS = 20


@dataclass(frozen=True)
class Logged:
    """Each patient once, as last asked about, in the order of the answers; `n_answers` counts all answers."""

    cohort: Cohort
    n_answers: int


def read_log(home: Path, study: str, spec: FeatureSpec) -> Logged:
    """Everybody whom `study` was asked about; refuses a home without a log, or one without such patients."""
    latest: dict[str, dict[str, object]] = {}
    n_answers = 0
    for request in _requests(home / LOG, study):
        patient = request["patient"]
        latest.pop(patient["patient_id"], None)
        latest[patient["patient_id"]] = patient
        n_answers += 1
    if not latest:
        raise DataError(f"the prediction log holds no answer of '{study}'; serve it first, or name a folder")
    return Logged(read_documents(list(latest.values()), spec), n_answers)


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


def _requests(path: Path, study: str) -> Iterator[dict]:
    if not path.is_file():
        raise DataError(f"no prediction log under {path.parent}; serve the study first, or name a folder")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as log:
        query = "SELECT request FROM predictions WHERE study = ? ORDER BY seq"
        for (request,) in log.execute(query, (study,)):
            yield json.loads(request)


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
