"""A cohort folder as it is written, some patients at a time: rows patient after patient, every bit kept."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import numpy as np

from features.cohort import Cohort, Records, Texts
from features.errors import CohortError
from features.readers.expression_parquet import ExpressionWriter
from features.readers.folder_panels import PANELS, write_panels
from features.readers.folder_patients import ID, PATIENTS, SEQUENCED
from features.readers.folder_tables import TABLES, TableForm, text_of, unit_of

EXPRESSION = "expression.parquet"

_LINE_ENDS = frozenset("\0\r\n")


@dataclass
class FolderWriter:
    """The files of a folder, open, to which parts of a cohort are added; size and digest of each part."""

    folder: Path
    written: list[tuple[int, str]] = field(default_factory=list)
    layout: tuple[object, ...] = ()
    files: dict[str, _TableWriter] = field(default_factory=dict)
    matrix: ExpressionWriter | None = None

    def __enter__(self) -> FolderWriter:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self.files.values():
            file.__exit__()
        if self.matrix is not None:
            self.matrix.__exit__()

    def write(self, cohort: Cohort) -> None:
        """One more part."""
        genes = None if cohort.expression is None else cohort.expression.genes
        panels = {name: repr(panel) for name, panel in cohort.panels.items()}
        layout = tuple(cohort.groups), cohort.sequenced is not None, panels, genes
        if not self.written:
            self._open(cohort)
            self.layout = layout
        elif layout != self.layout:
            raise CohortError(
                "the parts of a cohort have not all the same groups, panels and genes; fill them"
            )
        self.files[PATIENTS].write(_patient_lines(cohort.patient_ids, cohort.sequenced, dict(cohort.groups)))
        for form in TABLES:
            self.files[form.file].write(_rows(cohort, form))
        if self.matrix is not None and cohort.expression is not None:
            self.matrix.write(cohort.expression, cohort.patient_ids)
        self.written.append((len(cohort), cohort.fingerprint()))

    def _open(self, cohort: Cohort) -> None:
        columns = [ID] if cohort.sequenced is None else [ID, SEQUENCED]
        for name in cohort.groups:
            if name in columns:
                raise CohortError(f"a group is called '{name}', a column of its own in {PATIENTS}; rename it")
            columns.append(name)
        self.files[PATIENTS] = _TableWriter(self.folder / PATIENTS, tuple(columns))
        for form in TABLES:
            self.files[form.file] = _TableWriter(self.folder / form.file, form.header)
        write_panels(cohort.panels, self.folder / PANELS)
        if cohort.expression is not None:
            self.matrix = ExpressionWriter(self.folder / EXPRESSION, cohort.expression.genes)


class _TableWriter:
    """A CSV file that is written some rows at a time; a text that would not read back is refused."""

    def __init__(self, path: Path, header: tuple[str, ...]) -> None:
        self._name = path.name
        self._file: TextIO = path.open("x", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self.write([header])

    def __enter__(self) -> _TableWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, rows: Iterable[tuple[str | None, ...]]) -> None:
        """More rows; an absent text becomes an empty field."""
        listed = [tuple("" if text is None else text for text in row) for row in rows]
        for texts in map(set, zip(*listed, strict=True)):
            if not all(isinstance(text, str) for text in texts):
                raise CohortError(
                    f"{self._name} cannot be written: a label is no text; turn labels into texts"
                )
            if any(not _LINE_ENDS.isdisjoint(text) for text in texts):
                raise CohortError(
                    f"{self._name} cannot be written: a text holds a line end or NUL; take it out"
                )
        self._writer.writerows(listed)


def _rows(cohort: Cohort, form: TableForm) -> Iterator[tuple[str, ...]]:
    """The table's rows as texts in the order of the file's header, patient after patient."""
    table: Records = getattr(cohort, form.name)
    if not len(table):
        return iter(())
    order = np.argsort(table.patient, kind="stable")
    names = list(table.__dataclass_fields__)[1:]
    columns = [
        [text_of(kind, value) for value in getattr(table, name)[order].tolist()]
        for name, kind in zip(names, form.columns.values(), strict=True)
    ]
    units = [list(map(unit_of, columns[0]))] if "unit" in form.extra else []
    ids = [cohort.patient_ids[patient] for patient in table.patient[order].tolist()]
    return zip(ids, *columns, *units, strict=True)


def _patient_lines(ids: Sequence[str], sequenced: Texts | None, groups: dict[str, Texts]) -> Iterator[tuple]:
    """Each patient's fields, in the order id, panel (where there are panels), groups."""
    columns: list[Sequence[object]] = [ids]
    if sequenced is not None:
        columns.append(sequenced.tolist())
    columns += [
        labels.tolist() if isinstance(labels, np.ndarray) else list(labels) for labels in groups.values()
    ]
    return zip(*columns, strict=True)
