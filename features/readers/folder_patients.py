"""patients.csv of a cohort folder: ids, panels and groups, read whole or some at a time."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from features.cohort import Index, Texts
from features.readers.file_faults import FileFaults
from features.readers.text_table import TextTable

PATIENTS = "patients.csv"
ID, SEQUENCED = "patient_id", "sequenced"

_WHAT, _REMEDY = "empty, or the id of an earlier patient", "give each patient one id"


@dataclass(frozen=True)
class Patients:
    """Some patients, `first` the position of the first of them in the file; by id, the position here."""

    first: int
    position: dict[str, int]
    sequenced: Texts | None = None
    groups: dict[str, Texts] = field(default_factory=dict)

    @property
    def is_panelled(self) -> bool:
        """Whether the tumour of any of them was sequenced."""
        return self.sequenced is not None and any(panel is not None for panel in self.sequenced)


class PatientRows:
    """The patients of a file in its order; use it in a `with`."""

    def __init__(self, path: Path) -> None:
        self._file = path.name
        self._table = TextTable(path, ",")
        try:
            self._table.require((ID,))
        except BaseException:
            self._table.__exit__()
            raise
        names = [name for name in self._table.columns if name != ID]
        self._id, self._names = self._table.columns.index(ID), names
        self._places = self._table.positions(names)
        self._rows = self._table.rows()
        self._n_read = 0

    def __enter__(self) -> PatientRows:
        return self

    def __exit__(self, *_: object) -> None:
        self._table.__exit__()

    def take(self, n: int | None, faults: FileFaults) -> Patients:
        """The next `n` patients (None: all that are left), fewer at the end; a repeated id is a fault."""
        first, position = self._n_read, dict[str, int]()
        labels: list[list[str | None]] = []
        for line, fields in islice(self._rows, n):
            patient_id = fields[self._id]
            if not patient_id or patient_id in position:
                faults.at(self._file, line, ID, _WHAT, _REMEDY)
            position[patient_id] = len(labels)
            labels.append([fields[i] or None for i in self._places])
        self._n_read += len(labels)
        columns = {name: _texts([row[k] for row in labels]) for k, name in enumerate(self._names)}
        return Patients(first, position, columns.pop(SEQUENCED, None), columns)


class PatientOrder:
    """Where each patient stands in a file, in 16 bytes a patient; repeated ids are faults."""

    def __init__(self, path: Path, faults: FileFaults) -> None:
        hashes = array("q")
        with TextTable(path, ",") as table:
            table.require((ID,))
            place = table.columns.index(ID)
            for line, fields in table.rows():
                hashes.append(hash(fields[place]))
                if not fields[place]:
                    faults.at(path.name, line, ID, _WHAT, _REMEDY)
        found = np.frombuffer(hashes, dtype=np.int64) if hashes else np.array([], dtype=np.int64)
        self._order: Index = np.argsort(found, kind="stable")
        self._sorted: Index = found[self._order]
        again = self._sorted[1:][self._sorted[1:] == self._sorted[:-1]]
        if len(again):
            _tell_repeated(path, set(again.tolist()), faults)

    def __len__(self) -> int:
        return len(self._sorted)

    def of(self, patient_id: str) -> int | None:
        """A patient's position; None of who is not there."""
        wanted = hash(patient_id)
        place = int(np.searchsorted(self._sorted, wanted))
        if place == len(self._sorted) or self._sorted[place] != wanted:
            return None
        return int(self._order[place])


def _tell_repeated(path: Path, hashes: set[int], faults: FileFaults) -> None:
    """A fault for each id that truly repeats, among those whose hashes do."""
    seen: set[str] = set()
    with TextTable(path, ",") as table:
        place = table.columns.index(ID)
        for line, fields in table.rows():
            patient_id = fields[place]
            if hash(patient_id) in hashes:
                if patient_id in seen:
                    faults.at(path.name, line, ID, _WHAT, _REMEDY)
                seen.add(patient_id)


def _texts(values: Sequence[str | None]) -> Texts:
    array_: Texts = np.empty(len(values), dtype=object)
    array_[:] = values
    return array_
