"""A source's table read by the declared list of its columns, and small tables beside it.

Columns may stand in any order, and one that is not listed is refused by name. Every fault of a table is told
together, with the file, the column and the first line, and without a value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from features.cohort import Clinical, Cohort, Outcomes, Texts
from features.errors import CohortError, DataError, Fault
from features.readers.checks import LONGEST_NAME, MOST_FAULTS, is_text
from features.readers.file_faults import number_of
from features.readers.text_table import TextTable
from training.datasets.source_columns import NOTHING, DeclaredColumn

NOT_STATED = "not_stated"
"""The label of a patient of whom a group is not recorded."""

MISSING = frozenset(("", "NA", "N/A", "NaN", "nan"))
"""How the sources write that nothing was recorded."""

Row = tuple[Any, ...]
Said = list[tuple[int, str]]


@dataclass(frozen=True)
class SourceRows:
    """A table's patients; `texts` holds each patient's text by column, empty where nothing was written."""

    ids: tuple[str, ...]
    clinical: Sequence[Row]
    outcomes: Sequence[Row]
    groups: Mapping[str, Texts]
    texts: Mapping[str, tuple[str, ...]]

    def cohort(
        self,
        facts: Sequence[Row] = (),
        outcomes: Sequence[Row] = (),
        groups: Mapping[str, Texts] | None = None,
    ) -> Cohort:
        """The patients, with these rows and groups beside the table's own."""
        return Cohort(
            self.ids,
            clinical=Clinical.from_rows([*self.clinical, *facts]),
            outcomes=Outcomes.from_rows([*self.outcomes, *outcomes]),
            groups={**self.groups, **(groups or {})},
        )


def read_source_table(path: Path, declared: Sequence[DeclaredColumn]) -> SourceRows:
    """The patients of a table; every fault of its columns and cells is told together."""
    with as_data_errors():
        lines, cells = _cells(path, declared)
    faults: list[Fault] = []
    ids = _patient_ids(path.name, declared, lines, cells, faults)
    read = [
        (d, _said(path.name, d, lines, cells[d.column], faults))
        for d in declared
        if d.column in cells and d.role in ("fact", "outcome", "group", "text")
    ]
    _refuse(path.name, faults)
    said = [(d, [(i, text) for i, text in found if text != NOTHING]) for d, found in read]
    return SourceRows(
        ids,
        [(i, d.name, *_worth(d, text), 0.0) for d, found in said if d.role == "fact" for i, text in found],
        [(i, d.name, float(t), math.nan) for d, found in said if d.role == "outcome" for i, t in found],
        {d.name: labels(len(ids), dict(found)) for d, found in said if d.role == "group"},
        {d.column: _spread(len(ids), found) for d, found in read if d.role in ("fact", "text")},
    )


def numbers_in(
    path: Path, columns: tuple[str, ...], key: tuple[str, ...], bounds: tuple[float, float]
) -> list[tuple[tuple[str, ...], tuple[float, ...]]]:
    """Of each row of a side table the texts under `key` and the numbers under `columns`, NaN where empty."""
    lowest, highest = bounds
    faults: list[Fault] = []
    found = []
    with as_data_errors(), TextTable(path, ",") as table:
        table.require([*key, *columns])
        keys, places = table.positions(key), table.positions(columns)
        for line, row in table.rows():
            numbers = tuple(math.nan if row[p] in MISSING else number_of(row[p]) for p in places)
            names = tuple(row[p].strip() for p in keys)
            where = f"{path.name} line {line}"
            if not all(names):
                faults.append(Fault(where, f"no {' or no '.join(key)}", "fill it, or leave the row out"))
            elif not all(n is not None and (n != n or lowest <= n <= highest) for n in numbers):
                what = f"a number under {' or '.join(columns)} is none, or not from {lowest:g} to {highest:g}"
                faults.append(Fault(where, what, "leave it empty where it is unknown"))
            found.append((names, tuple(math.nan if n is None else n for n in numbers)))
    _refuse(path.name, faults)
    return found


@contextmanager
def as_data_errors() -> Iterator[None]:
    """What a reader finds wrong with a file of a source is told as a fault of the source."""
    try:
        yield
    except CohortError as error:
        raise DataError(error.summary, error.faults) from error


def missing_file(folder: Path, file: str) -> str:
    """The problem of a folder that lacks its table, or an empty text."""
    if (folder / file).is_file():
        return ""
    return f"{file} is not in the folder '{folder.name}'; 'rxplain data list' says where it comes from"


def labels(n: int, said: Mapping[int, str]) -> Texts:
    """Each patient's label of a group, or `NOT_STATED`."""
    return np.array([said.get(i, NOT_STATED) for i in range(n)], dtype=object)


def _cells(path: Path, declared: Sequence[DeclaredColumn]) -> tuple[list[int], dict[str, list[str]]]:
    """The line of each patient, and by column the cells."""
    if not path.is_file():
        raise DataError(missing_file(path.parent, path.name))
    with TextTable(path, ",") as table:
        needed = tuple(dict.fromkeys(d.column for d in declared if d.needed))
        table.require(needed, tuple(d.column for d in declared if d.role != "beside"))
        rows = list(table.rows())
    if not rows:
        raise DataError(f"{path.name} holds no patient; give one row a patient")
    columns = zip(*(row for _, row in rows), strict=True)
    cells = {name: [c.strip() for c in column] for name, column in zip(table.columns, columns, strict=True)}
    return [line for line, _ in rows], cells


def _patient_ids(
    file: str,
    declared: Sequence[DeclaredColumn],
    lines: Sequence[int],
    cells: Mapping[str, Sequence[str]],
    faults: list[Fault],
) -> tuple[str, ...]:
    column = next(d.column for d in declared if d.role == "id")
    ids = cells[column]
    first = {patient: line for line, patient in reversed(list(zip(lines, ids, strict=True)))}
    faults += _fault_of(
        file,
        column,
        [
            line
            for line, patient in zip(lines, ids, strict=True)
            if patient in MISSING or not is_text(patient)
        ],
        ("hold no id of a patient", "name the patient"),
    ) or _fault_of(
        file,
        column,
        [line for line, patient in zip(lines, ids, strict=True) if first[patient] != line],
        ("repeat the id of an earlier row", "give each patient one row"),
    )
    return tuple(ids)


def _said(
    file: str, declared: DeclaredColumn, lines: Sequence[int], column: Sequence[str], faults: list[Fault]
) -> Said:
    """(position, our value) of each cell that is filled; what cannot be read is a fault."""
    read: Callable[[str], str | None] = declared.read
    found = [(i, read(cell)) for i, cell in enumerate(column) if cell not in MISSING]
    wrong = [lines[i] for i, said in found if said is None]
    told = f"are not {declared.expected}", "mend them, or leave them empty"
    faults += _fault_of(file, declared.column, wrong, told)
    return [(i, said) for i, said in found if said is not None]


def _worth(declared: DeclaredColumn, text: str) -> tuple[float, str | None]:
    """The value and the text of a clinical fact."""
    return (math.nan, text) if declared.kind == "category" else (float(text), None)


def _spread(n: int, found: Said) -> tuple[str, ...]:
    said = dict(found)
    return tuple(said.get(i, "") for i in range(n))


def _fault_of(file: str, column: str, lines: Sequence[int], told: tuple[str, str]) -> list[Fault]:
    if not lines:
        return []
    what, remedy = told
    count = f"{len(lines)} cells (the first in line {lines[0]})"
    return [Fault(f"{file} column '{column[:LONGEST_NAME]}'", f"{count} {what}", remedy)]


def _refuse(file: str, faults: Sequence[Fault]) -> None:
    if faults:
        count = f"{len(faults)} fault{'s' if len(faults) > 1 else ''}"
        raise DataError(f"{count} in {file}", faults[:MOST_FAULTS])
