"""A cohort: patients, what was recorded of them and when. A request is a cohort of one.

Records are stored long, one row a fact, so that whatever was not recorded has no row at all. Days
count from the index date (treatment start); what is later than day 0 is kept for outcomes only and
is never visible to an encoder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from types import MappingProxyType
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from features.errors import CohortError, Fault

Index = NDArray[np.int64]
Numbers = NDArray[np.float64]
Texts = NDArray[np.object_]
Flags = NDArray[np.bool_]

_KINDS = {"Index": np.int64, "Numbers": np.float64, "Texts": np.object_, "Flags": np.bool_}


@dataclass(frozen=True)
class Records:
    """Equal-length columns, one row a fact; `patient` is the position in the cohort's `patient_ids`.

    A table made from rows lays its columns out when one is first asked for: a request never asks.
    """

    patient: Index

    def __post_init__(self) -> None:
        for column in fields(self):
            array: NDArray = np.asarray(getattr(self, column.name), dtype=_KINDS[str(column.type)])
            if array.shape != (len(self.patient),):
                raise CohortError(
                    f"{type(self).__name__.lower()}: column '{column.name}' has {array.size} rows, "
                    f"'patient' has {len(self.patient)}; give every column the same length"
                )
            object.__setattr__(self, column.name, array)

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def from_rows(cls, rows: Iterable[tuple]) -> Self:
        """A table of rows given in the order of the fields."""
        table = cls.__new__(cls)
        table.__dict__["rows"] = tuple(rows)
        return table

    @cached_property
    def rows(self) -> tuple[tuple, ...]:
        """The facts one by one, in the order of the fields, as plain values."""
        columns = (getattr(self, column.name).tolist() for column in fields(self))
        return tuple(zip(*columns, strict=True))

    def __getattr__(self, name: str) -> NDArray:
        if name not in self.__dataclass_fields__ or "rows" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__} has no column '{name}'")
        columns = list(zip(*self.rows, strict=True)) or [()] * len(fields(self))
        for column, values in zip(fields(self), columns, strict=True):
            self.__dict__[column.name] = _column(values, column.type)
        return self.__dict__[name]

    @cached_property
    def rows_by_key(self) -> Mapping[str, Index]:
        """Positions of the facts about each subject, in the order they were given."""
        found: dict[str, list[int]] = {}
        for at, row in enumerate(self.rows):
            found.setdefault(row[1], []).append(at)
        return {key: np.array(rows, dtype=np.int64) for key, rows in found.items()}

    def rows_of(self, key: str) -> Index:
        """Positions of the facts about `key`; empty when nothing was recorded."""
        return self.rows_by_key.get(key, _NO_ROWS)

    def select(self, rows: Index, patient: Index) -> Self:
        """These rows, renumbered to other patient positions."""
        rest = (getattr(self, f.name)[rows] for f in fields(self)[1:])
        return type(self)(patient, *rest)


Table = TypeVar("Table", bound=Records)

_NO_ROWS: Index = np.array([], dtype=np.int64)
_NOTHING: Mapping = MappingProxyType({})


def _column(values: Sequence[object], kind: object) -> NDArray:
    array: NDArray = np.empty(len(values), dtype=_KINDS[str(kind)])
    array[:] = values
    return array


@dataclass(frozen=True)
class Genotypes(Records):
    """Germline calls: `locus` is a gene (`call` a diplotype, `*1/*3`) or an rsid (`call` two
    forward-strand GRCh38 alleles, `C/T`)."""

    locus: Texts
    call: Texts

    @cached_property
    def _calls(self) -> Mapping[str, Mapping[int, str]]:
        found: dict[str, dict[int, str]] = {}
        for patient, locus, call in self.rows:
            found.setdefault(locus, {})[patient] = call
        return found

    def calls_at(self, locus: str) -> Mapping[int, str]:
        """By patient position, the call at a gene or rsid."""
        return self._calls.get(locus, _NOTHING)

    def repeated(self) -> list[str]:
        """Loci at which some patient has more than one call."""
        if sum(map(len, self._calls.values())) == len(self):
            return []
        return [locus for locus, rows in self.rows_by_key.items() if len(rows) > len(self._calls[locus])]


@dataclass(frozen=True)
class Clinical(Records):
    """Quantities in the variable's canonical unit, flags as 0 or 1, categories as text; `day` from index."""

    name: Texts
    value: Numbers
    text: Texts
    day: Numbers

    @cached_property
    def _latest(self) -> Mapping[str, Mapping[int, tuple]]:
        found: dict[str, dict[int, tuple]] = {}
        for row in self.rows:
            patient, name, _, _, day = row
            if day <= 0:
                facts = found.setdefault(name, {})
                if patient not in facts or facts[patient][4] <= day:
                    facts[patient] = row
        return found

    def latest_of(self, name: str) -> Mapping[int, tuple]:
        """By patient position, the latest row up to day 0; on one day the last given."""
        return self._latest.get(name, _NOTHING)

    def values_of(self, name: str) -> Mapping[int, float]:
        """By patient position, the latest value up to day 0."""
        return {patient: value for patient, (_, _, value, _, _) in self.latest_of(name).items()}

    def texts_of(self, name: str) -> Mapping[int, str]:
        """By patient position, the latest text up to day 0."""
        return {patient: text for patient, (_, _, _, text, _) in self.latest_of(name).items()}


@dataclass(frozen=True)
class Medications(Records):
    """Co-medication: `taken` False says "known not to take it". Days from index; NaN is an open end."""

    drug: Texts
    taken: Flags
    start: Numbers
    stop: Numbers

    @cached_property
    def status(self) -> Mapping[str, Mapping[int, float]]:
        """By drug and patient position, 1 when taken on day 0 and 0 when known not to be."""
        found: dict[str, dict[int, float]] = {}
        for patient, drug, taken, start, stop in self.rows:
            active = float(taken and not start > 0 and not stop < 0)
            known = found.setdefault(drug, {})
            known[patient] = max(active, known.get(patient, 0.0))
        return found


@dataclass(frozen=True)
class Outcomes(Records):
    """What happened after treatment began, in the outcome's unit."""

    name: Texts
    value: Numbers
    day: Numbers


@dataclass(frozen=True)
class Cohort:
    """Patients by `patient_id` and what was recorded of them; frozen.

    `groups` holds administrative labels (such as the site) by which validation may split; no
    encoder reads them.
    """

    patient_ids: tuple[str, ...]
    genotypes: Genotypes = field(default=Genotypes.from_rows([]))
    clinical: Clinical = field(default=Clinical.from_rows([]))
    medications: Medications = field(default=Medications.from_rows([]))
    outcomes: Outcomes = field(default=Outcomes.from_rows([]))
    groups: Mapping[str, Texts] = field(default_factory=dict)

    def __post_init__(self) -> None:
        faults = _duplicate_patients(self.patient_ids)
        for table in self._tables():
            owners = {row[0] for row in table.rows}
            if owners and not (min(owners) >= 0 and max(owners) < len(self)):
                name = type(table).__name__.lower()
                faults.append(Fault(name, "a row belongs to no patient of the cohort"))
        for name, labels in self.groups.items():
            if len(labels) != len(self):
                faults.append(Fault(f"groups '{name}'", f"{len(labels)} labels for {len(self)} patients"))
        faults += _double_calls(self.genotypes)
        if faults:
            raise CohortError(f"{len(faults)} faults in the cohort", faults)

    def __len__(self) -> int:
        return len(self.patient_ids)

    def _tables(self) -> tuple[Records, ...]:
        return self.genotypes, self.clinical, self.medications, self.outcomes

    def take(self, patient_ids: Iterable[str]) -> Cohort:
        """The named patients, in the order asked for."""
        position = {p: i for i, p in enumerate(self.patient_ids)}
        wanted = tuple(patient_ids)
        unknown = sum(p not in position for p in wanted)
        if unknown:
            raise CohortError(f"{unknown} of {len(wanted)} patients asked for are not in the cohort")
        old = np.array([position[p] for p in wanted], dtype=np.int64)
        return self._at(old)

    def _at(self, old: Index) -> Cohort:
        new_position = np.full(len(self), -1, dtype=np.int64)
        new_position[old] = np.arange(len(old))

        def part(table: Table) -> Table:
            rows = np.flatnonzero(new_position[table.patient] >= 0)
            return table.select(rows, new_position[table.patient[rows]])

        tables = part(self.genotypes), part(self.clinical), part(self.medications), part(self.outcomes)
        groups = {name: np.asarray(labels, dtype=object)[old] for name, labels in self.groups.items()}
        return Cohort(tuple(self.patient_ids[i] for i in old), *tables, groups)

    def texts(self, name: str) -> Texts:
        """Each patient's latest text of a clinical variable up to day 0, or None."""
        return _spread(self.clinical.texts_of(name), np.full(len(self), None, dtype=object))

    def values(self, name: str) -> Numbers:
        """Each patient's latest value of a clinical variable up to day 0, or NaN."""
        return _spread(self.clinical.values_of(name), np.full(len(self), np.nan))

    def calls(self, locus: str) -> Texts:
        """Each patient's germline call at a gene or rsid, or None."""
        return _spread(self.genotypes.calls_at(locus), np.full(len(self), None, dtype=object))

    def taking(self, drug: str) -> Numbers:
        """1 if the patient takes the drug on day 0, 0 if known not to, NaN if nothing was recorded."""
        return _spread(self.medications.status.get(drug, _NOTHING), np.full(len(self), np.nan))

    def outcome(self, name: str) -> Numbers:
        """Each patient's recorded outcome, or NaN."""
        answer = np.full(len(self), np.nan)
        rows = self.outcomes.rows_of(name)
        answer[self.outcomes.patient[rows]] = self.outcomes.value[rows]
        return answer

    def fingerprint(self) -> str:
        """SHA-256 over every fact, the same whatever the order of patients or rows."""
        lines = [f"patient\t{p}" for p in self.patient_ids]
        for table in self._tables():
            columns = [getattr(table, f.name).tolist() for f in fields(table)[1:]]
            kind = type(table).__name__
            for patient, *facts in zip(table.patient.tolist(), *columns, strict=True):
                lines.append(f"{kind}\t{self.patient_ids[patient]}\t" + "\t".join(map(repr, facts)))
        for name, labels in self.groups.items():
            lines += [f"{name}\t{p}\t{label!r}" for p, label in zip(self.patient_ids, labels, strict=True)]
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def _spread(known: Mapping[int, object], answer: NDArray) -> NDArray:
    for patient, fact in known.items():
        answer[patient] = fact
    return answer


def _duplicate_patients(patient_ids: tuple[str, ...]) -> list[Fault]:
    repeated = len(patient_ids) - len(set(patient_ids))
    fault = Fault("patient_id", f"{repeated} ids are repeated", "give each patient one id")
    return [fault] if repeated else []


def _double_calls(genotypes: Genotypes) -> list[Fault]:
    what = "more than one call for one patient"
    return [Fault(f"genotypes '{locus}'", what, "keep one") for locus in genotypes.repeated()]
