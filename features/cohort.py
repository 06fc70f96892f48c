"""A cohort: patients, what was recorded of them and when. A request is a cohort of one.

What is later than day 0 is kept for outcomes only and is never visible to an encoder. The tables
stand in `features.records`; their names can be imported from here too.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from types import MappingProxyType
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from features.errors import CohortError, Fault
from features.panel import NOT_READ, Panel
from features.records import (
    Clinical,
    Expression,
    Flags,
    Genotypes,
    Index,
    Medications,
    Numbers,
    Outcomes,
    Records,
    Texts,
    Variants,
)

__all__ = [
    "Clinical",
    "Cohort",
    "Expression",
    "Flags",
    "Genotypes",
    "Index",
    "Medications",
    "Numbers",
    "Outcomes",
    "Panel",
    "Records",
    "Texts",
    "Variants",
]

Table = TypeVar("Table", Genotypes, Clinical, Medications, Outcomes, Variants, Expression)

_NOTHING: Mapping = MappingProxyType({})


@dataclass(frozen=True)
class Cohort:
    """Patients by `patient_id` and what was recorded of them; frozen.

    `groups` holds administrative labels (such as the site) by which validation may split; no
    encoder reads them. `sequenced` names each patient's panel (a key of `panels`), None where no
    tumour was sequenced; what a panel does not read is unknown, never wild type.
    """

    patient_ids: tuple[str, ...]
    genotypes: Genotypes = field(default=Genotypes.from_rows([]))
    clinical: Clinical = field(default=Clinical.from_rows([]))
    medications: Medications = field(default=Medications.from_rows([]))
    outcomes: Outcomes = field(default=Outcomes.from_rows([]))
    groups: Mapping[str, Texts] = field(default_factory=dict)
    variants: Variants = field(default=Variants.from_rows([]))
    sequenced: Texts | None = None
    panels: Mapping[str, Panel] = field(default_factory=dict)
    expression: Expression | None = None

    def __post_init__(self) -> None:
        if self.sequenced is not None:
            object.__setattr__(self, "sequenced", np.asarray(self.sequenced, dtype=object))
        faults = _duplicate_patients(self.patient_ids)
        expression = () if self.expression is None else (self.expression,)
        for table in (*self._tables(), *expression):
            if not table.fits(len(self)):
                name = type(table).__name__.lower()
                faults.append(Fault(name, "a row belongs to no patient of the cohort"))
        for name, labels in self.groups.items():
            if len(labels) != len(self):
                faults.append(Fault(f"groups '{name}'", f"{len(labels)} labels for {len(self)} patients"))
        faults += _double_calls(self.genotypes)
        if self.panels or self.sequenced is not None or self.variants:
            faults += [*self.variants.faults(), *_sequencing(self)]
        if faults:
            raise CohortError(f"{len(faults)} faults in the cohort", faults)

    def __len__(self) -> int:
        return len(self.patient_ids)

    def _tables(self) -> tuple[Records, ...]:
        return self.genotypes, self.clinical, self.medications, self.outcomes, self.variants

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
            if not len(table):
                return table
            rows = np.flatnonzero(new_position[table.patient] >= 0)
            return table.select(rows, new_position[table.patient[rows]])

        return Cohort(
            tuple(self.patient_ids[i] for i in old),
            part(self.genotypes),
            part(self.clinical),
            part(self.medications),
            part(self.outcomes),
            {name: np.asarray(labels, dtype=object)[old] for name, labels in self.groups.items()},
            part(self.variants),
            None if self.sequenced is None else self.sequenced[old],
            self.panels,
            None if self.expression is None else part(self.expression),
        )

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

    def variant_rows(self, gene: str) -> Index:
        """Positions in `variants` of the findings in a gene; none says nothing about whether it was read."""
        return self.variants.rows_of(gene)

    @cached_property
    def patients_by_panel(self) -> Mapping[str, tuple[int, ...]]:
        """By panel, the positions of the patients whose tumour it read."""
        found: dict[str, list[int]] = {}
        for patient, panel in enumerate(() if self.sequenced is None else self.sequenced.tolist()):
            if panel is not None:
                found.setdefault(panel, []).append(patient)
        return {panel: tuple(patients) for panel, patients in found.items()}

    def is_sequenced(self, gene: str, reading: str = "mutations") -> Texts:
        """Whether each patient's panel read the gene: True or False, and None without a panel.

        `reading` is one of `features.panel.READINGS`.
        """
        answer: Texts = np.full(len(self), None, dtype=object)
        for panel, patients in self.patients_by_panel.items():
            answer[list(patients)] = self.panels[panel].holds(gene, reading)
        for patient, kind, *_ in self.variants.findings_in(gene):
            if kind == NOT_READ.get(reading):
                answer[patient] = False
        return answer

    @cached_property
    def _zeros(self) -> dict[tuple[str, ...], list[float]]:
        return {}

    def zeros_where_read(self, gene: str, reading: str) -> list[float]:
        """0 for each patient whose panel reads this of the gene, NaN for the others; a new list."""
        holding = tuple(p for p in self.patients_by_panel if self.panels[p].holds(gene, reading))
        if holding not in self._zeros:
            self._zeros[holding] = [math.nan] * len(self)
            for panel in holding:
                for patient in self.patients_by_panel[panel]:
                    self._zeros[holding][patient] = 0.0
        return self._zeros[holding].copy()

    def expression_of(self, gene: str) -> Numbers:
        """Each patient's log2(TPM + 1) of a gene; NaN where it was not measured."""
        answer = np.full(len(self), np.nan)
        table = self.expression
        if table is not None and gene in table.column_of:
            answer[table.patient] = table.values[:, table.column_of[gene]]
        return answer

    def has_expression(self) -> Flags:
        """Whether each patient's expression was measured at all."""
        answer = np.zeros(len(self), dtype=np.bool_)
        if self.expression is not None:
            answer[self.expression.patient] = True
        return answer

    def outcome(self, name: str) -> Numbers:
        """Each patient's recorded outcome, or NaN."""
        answer = np.full(len(self), np.nan)
        rows = self.outcomes.rows_of(name)
        answer[self.outcomes.patient[rows]] = self.outcomes.value[rows]
        return answer

    def fingerprint(self) -> str:
        """SHA-256 over every fact, the same whatever the order of patients, rows or genes."""
        lines = [f"patient\t{p}" for p in self.patient_ids]
        for table in self._tables():
            columns = [getattr(table, f.name).tolist() for f in fields(table)[1:]]
            kind = type(table).__name__
            for patient, *facts in zip(table.patient.tolist(), *columns, strict=True):
                lines.append(f"{kind}\t{self.patient_ids[patient]}\t" + "\t".join(map(repr, facts)))
        for name, labels in self.groups.items():
            lines += [f"{name}\t{p}\t{label!r}" for p, label in zip(self.patient_ids, labels, strict=True)]
        lines += [*_panel_lines(self), *_expression_lines(self)]
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


def _sequencing(cohort: Cohort) -> list[Fault]:
    """Contradictions between the findings, the patients' panels and what those read."""
    faults = [
        Fault(f"panels '{name}'", f"the panel calls itself '{panel.name}'", "use one name")
        for name, panel in cohort.panels.items()
        if panel.name != name
    ]
    n = 0 if cohort.sequenced is None else len(cohort.sequenced)
    if cohort.sequenced is not None and n != len(cohort):
        faults.append(Fault("sequenced", f"{n} entries for {len(cohort)} patients", "give each one entry"))
        return faults
    unknown = set(cohort.patients_by_panel) - set(cohort.panels)
    if unknown:
        what = f"{len(unknown)} panels are named that 'panels' does not hold"
        return [*faults, Fault("sequenced", what, "describe every panel that is named")]
    return [*faults, *_unread(cohort)]


def _unread(cohort: Cohort) -> list[Fault]:
    panel_of = dict(enumerate([] if cohort.sequenced is None else cohort.sequenced.tolist()))
    bare = outside = 0
    for patient, gene, kind, *_ in cohort.variants.rows:
        panel = panel_of.get(patient)
        bare += panel is None
        outside += panel is not None and not cohort.panels[panel].may_find(gene, kind)
    faults = []
    if bare:
        what = f"{bare} findings in patients who have no panel"
        faults.append(Fault("sequenced", what, "name the panel that found them"))
    if outside:
        what = f"{outside} findings that the patient's panel does not read"
        faults.append(Fault("panels", what, "list the gene, and what is read of it, in the panel"))
    return faults


def _panel_lines(cohort: Cohort) -> Iterator[str]:
    for sequenced_by, patients in cohort.patients_by_panel.items():
        yield from (f"sequenced\t{cohort.patient_ids[patient]}\t{sequenced_by!r}" for patient in patients)
    for name, panel in cohort.panels.items():
        genes = "all" if panel.genes is None else " ".join(sorted(panel.genes))
        yield f"panel\t{name!r}\t{panel.size_mb!r}\t{' '.join(sorted(panel.reads))}\t{genes}"


def _expression_lines(cohort: Cohort) -> Iterator[str]:
    table = cohort.expression
    if table is None:
        return
    order = sorted(range(len(table.genes)), key=table.genes.__getitem__)
    yield "expression\t" + "\t".join(table.genes[i] for i in order)
    for patient, row in zip(table.patient.tolist(), table.values, strict=True):
        known = np.where(np.isnan(row), np.nan, row + 0.0)[order]
        digest = hashlib.sha256(known.astype("<f8").tobytes()).hexdigest()
        yield f"expression\t{cohort.patient_ids[patient]}\t{digest}"
