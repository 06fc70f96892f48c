"""The tables of a cohort: one row a fact, so that whatever was not recorded has no row at all.

`patient` is always the position in the cohort's `patient_ids`. Days count from the index date
(treatment start). Expression alone is stored wide, because it is dense.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from types import MappingProxyType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from features.errors import CohortError, Fault
from features.panel import KINDS, is_name

Index = NDArray[np.int64]
Numbers = NDArray[np.float64]
Texts = NDArray[np.object_]
Flags = NDArray[np.bool_]

Finding = tuple[int, str, str | None, float, float]

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
        return len(self.rows if "rows" in self.__dict__ else self.patient)

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

    def fits(self, n_patients: int) -> bool:
        """Whether every row belongs to one of so many patients."""
        if "rows" not in self.__dict__:
            return _are_positions(self.patient, n_patients)
        owners = {row[0] for row in self.rows}
        return not owners or (min(owners) >= 0 and max(owners) < n_patients)

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


_NO_ROWS: Index = np.array([], dtype=np.int64)
_NOTHING: Mapping = MappingProxyType({})


def _are_positions(patient: Index, n_patients: int) -> bool:
    return bool(np.all((patient >= 0) & (patient < n_patients)))


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
class Variants(Records):
    """Somatic findings in a tumour, one row each; a gene without a row was only wild type if it was read.

    `kind` is one of `features.panel.KINDS`; `protein_change` is HGVS without the gene (`p.V600E`; for a
    promoter `c.-124C>T`) or None; `vaf` is the allele fraction (0 to 1) and `copy_number` the total
    copies, NaN where not given.
    """

    gene: Texts
    kind: Texts
    protein_change: Texts
    vaf: Numbers
    copy_number: Numbers

    @cached_property
    def _by_gene(self) -> Mapping[str, list[Finding]]:
        found: dict[str, list[Finding]] = {}
        for patient, gene, *finding in self.rows:
            found.setdefault(gene, []).append((patient, *finding))
        return found

    def findings_in(self, gene: str) -> Sequence[Finding]:
        """(patient, kind, protein change, VAF, copies) of each finding in a gene, in the order given."""
        return self._by_gene.get(gene, ())

    def faults(self) -> list[Fault]:
        """What no finding can be, counted by column."""
        rows, kinds = self.rows, ", ".join(sorted(KINDS))
        changes = [row[3] for row in rows]
        wrong = {
            "gene": (sum(not is_name(row[1]) for row in rows), "a gene symbol is a text"),
            "kind": (sum(row[2] not in KINDS for row in rows), f"use one of {kinds}"),
            "protein_change": (sum(not is_name(c) for c in changes if c is not None), "use text or None"),
            "vaf": (sum(_is_outside(row[4], 1.0) for row in rows), "use 0 to 1, or NaN where not given"),
            "copy_number": (sum(_is_outside(row[5], math.inf) for row in rows), "use 0 or more, or NaN"),
        }
        return [
            Fault(f"variants '{name}'", f"{count} rows hold what cannot be", remedy)
            for name, (count, remedy) in wrong.items()
            if count
        ]


def _is_outside(number: float, high: float) -> bool:
    return number < 0 or number > high or math.isinf(number)


@dataclass(frozen=True)
class Expression:
    """log2(TPM + 1) of a tumour: `values` (rows, genes) float64, one row a patient at `patient` (rows,).

    A patient without a row was not measured; NaN is a gene that was not measured in that patient.
    """

    patient: Index
    genes: tuple[str, ...]
    values: Numbers

    def __post_init__(self) -> None:
        object.__setattr__(self, "patient", np.asarray(self.patient, dtype=np.int64))
        object.__setattr__(self, "genes", tuple(self.genes))
        object.__setattr__(self, "values", np.asarray(self.values, dtype=np.float64))
        faults = []
        expected = (len(self.patient), len(self.genes))
        if self.patient.ndim != 1 or self.values.shape != expected:
            what = f"values are {self.values.shape} under {expected[0]} rows and {expected[1]} genes"
            faults.append(Fault("expression", what, "give one row a patient and one column a gene"))
        elif np.isinf(self.values).any():
            faults.append(Fault("expression", "a value is infinite", "use NaN for what was not measured"))
        if len(self.column_of) != len(self.genes):
            what = f"{len(self.genes) - len(self.column_of)} genes are repeated"
            faults.append(Fault("expression", what, "give each gene one column"))
        if not all(map(is_name, self.genes)):
            faults.append(Fault("expression", "a gene has no name", "name every gene"))
        if len(set(self.patient.tolist())) != len(self.patient):
            faults.append(Fault("expression", "a patient has more than one row", "keep one sample a patient"))
        if faults:
            raise CohortError(f"{len(faults)} faults in the expression", faults)

    def __len__(self) -> int:
        return len(self.patient)

    @cached_property
    def column_of(self) -> Mapping[str, int]:
        """By gene, its column."""
        return {gene: column for column, gene in enumerate(self.genes)}

    def fits(self, n_patients: int) -> bool:
        """Whether every row belongs to one of so many patients."""
        return _are_positions(self.patient, n_patients)

    def select(self, rows: Index, patient: Index) -> Expression:
        """These rows, renumbered to other patient positions."""
        return Expression(patient, self.genes, self.values[rows])
