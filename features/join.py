"""One cohort of several that were read from different files of the same patients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np

from features.cohort import Cohort, Expression, Index, Panel, Records, Texts
from features.errors import CohortError, Fault

Table = TypeVar("Table", bound=Records)


def join(cohorts: Sequence[Cohort]) -> Cohort:
    """Every patient of the cohorts, by id in the order first met, with every fact of theirs.

    A patient whose tumour two assays read gets one panel of both (`exome + segments`). That needs
    either the same genes, or one assay that only states copies; otherwise what neither reads could not
    be told from what is not there, and the join is refused. Facts are not reconciled: two calls
    at one locus or two rows of expression for one patient are refused by `Cohort`.
    """
    ids = tuple(dict.fromkeys(p for cohort in cohorts for p in cohort.patient_ids))
    place = {p: i for i, p in enumerate(ids)}
    moves = [np.array([place[p] for p in cohort.patient_ids], dtype=np.int64) for cohort in cohorts]
    sequenced, panels = _sequencing(cohorts, moves, len(ids))
    parts = list(zip(cohorts, moves, strict=True))
    return Cohort(
        ids,
        _stacked(parts, lambda c: c.genotypes),
        _stacked(parts, lambda c: c.clinical),
        _stacked(parts, lambda c: c.medications),
        _stacked(parts, lambda c: c.outcomes),
        _groups(parts, len(ids)),
        _stacked(parts, lambda c: c.variants),
        sequenced,
        panels,
        _expression(parts),
    )


def joined_panel(first: Panel, second: Panel) -> Panel:
    """The panel of a patient whom both assays read."""
    if _facts(first) == _facts(second):
        return first
    stating = [p for p in (first, second) if p.reads == {"stated_copies"}]
    if first.genes != second.genes and not stating:
        what = f"'{first.name}' and '{second.name}' read different genes of one patient"
        remedy = "read the copy-number file for named genes (`genes=`), so that it only states copies"
        raise CohortError("the cohorts cannot be joined", [Fault("panels", what, remedy)])
    genes = next((p.genes for p in (first, second) if p not in stating), None)
    sizes = [p.size_mb for p in (first, second) if "mutations" in p.reads]
    size = sizes[0] if sizes else first.size_mb
    return Panel(f"{first.name} + {second.name}", genes, size, first.reads | second.reads)


Parts = Sequence[tuple[Cohort, Index]]


def _sequencing(
    cohorts: Sequence[Cohort], moves: Sequence[Index], n: int
) -> tuple[Texts | None, dict[str, Panel]]:
    panels = _panels(cohorts)
    if not panels:
        return None, {}
    answer: Texts = np.full(n, None, dtype=object)
    for cohort, move in zip(cohorts, moves, strict=True):
        for name, patients in cohort.patients_by_panel.items():
            for patient in move[list(patients)].tolist():
                both = (
                    panels[name]
                    if answer[patient] is None
                    else joined_panel(panels[answer[patient]], panels[name])
                )
                answer[patient] = both.name
                panels.setdefault(both.name, both)
    return answer, panels


def _panels(cohorts: Iterable[Cohort]) -> dict[str, Panel]:
    panels: dict[str, Panel] = {}
    for cohort in cohorts:
        for name, panel in cohort.panels.items():
            known = panels.setdefault(name, panel)
            if _facts(known) != _facts(panel):
                fault = Fault(f"panels '{name}'", "two different panels have this name", "give each its own")
                raise CohortError("the cohorts cannot be joined", [fault])
    return panels


def _facts(panel: Panel) -> tuple[object, ...]:
    """What two panels agree in when they are the same; an unknown size is an unknown size."""
    return panel.name, panel.genes, str(panel.size_mb), panel.reads


def _stacked(parts: Parts, table_of: Callable[[Cohort], Table]) -> Table:
    tables = [(table_of(cohort), move) for cohort, move in parts]
    kind = type(tables[0][0])
    columns = [f for f in tables[0][0].__dataclass_fields__ if f != "patient"]
    patient = np.concatenate([move[table.patient] for table, move in tables])
    return kind(patient, *(np.concatenate([getattr(table, f) for table, _ in tables]) for f in columns))


def _groups(parts: Parts, n: int) -> dict[str, Texts]:
    groups: dict[str, Texts] = {}
    for cohort, move in parts:
        for name, labels in cohort.groups.items():
            groups.setdefault(name, np.full(n, None, dtype=object))[move] = labels
    return groups


def _expression(parts: Parts) -> Expression | None:
    tables = [(cohort.expression, move) for cohort, move in parts if cohort.expression is not None]
    if not tables:
        return None
    genes = tuple(dict.fromkeys(gene for table, _ in tables for gene in table.genes))
    column = {gene: i for i, gene in enumerate(genes)}
    values = np.full((sum(len(table) for table, _ in tables), len(genes)), np.nan)
    first = 0
    for table, _ in tables:
        values[first : first + len(table), [column[gene] for gene in table.genes]] = table.values
        first += len(table)
    return Expression(np.concatenate([move[table.patient] for table, move in tables]), genes, values)
