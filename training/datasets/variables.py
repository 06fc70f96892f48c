"""The clinical variables that a source's columns declare beyond those known everywhere."""

from __future__ import annotations

from importlib import resources

from features.knowledge.tables import ClinicalVariable, clinical_variables
from training.datasets.source_columns import DeclaredColumn, declared_columns

_UNBOUNDED = 1e12


def source_variables(source: str) -> tuple[ClinicalVariable, ...]:
    """By the source's list of columns; none where it has no such list."""
    if not (resources.files("training") / "datasets" / f"{source}_columns.csv").is_file():
        return ()
    declared = (column for column in declared_columns(source) if column.is_variable)
    return tuple(_variable(column) for column in declared if column.name not in clinical_variables())


def _variable(column: DeclaredColumn) -> ClinicalVariable:
    low, high = max(column.lowest, -_UNBOUNDED), min(column.highest, _UNBOUNDED)
    named = column.name, column.kind, column.label, column.unit, low, high, column.categories
    return ClinicalVariable(*named, when_missing="", block=column.block, gene=column.gene or None)
