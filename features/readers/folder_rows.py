"""The tables of a cohort folder, read for all patients or for some at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from operator import itemgetter
from pathlib import Path

from features.cohort import Records
from features.readers.file_faults import FileFaults
from features.readers.folder_patients import ID, PATIENTS
from features.readers.folder_tables import EXPECTED, TEXT, TableForm, meaning_faults, read_value
from features.readers.text_table import Row, TextTable

Where = Callable[[str], int | None]
"""A patient's position among all patients; None of who is none of them."""

OUT_OF_ORDER = (
    "the rows are not in the order of patients.csv",
    "sort them, or write the folder anew: rxplain import FOLDER --format cohort --out NEW",
)
_REMEMBERED = 10_000


def nobody(_patient_id: str) -> None:
    """The position of a patient who is not among those asked for, where they are all there are."""


class TableRows:
    """One table of a folder, its rows taken patient by patient; use it in a `with`."""

    def __init__(self, folder: Path, form: TableForm) -> None:
        self._form = form
        self._table = TextTable(folder / form.file, ",")
        try:
            self._table.require(form.header, form.header)
        except BaseException:
            self._table.__exit__()
            raise
        self._id = self._table.columns.index(ID)
        self._pick = itemgetter(*self._table.positions(form.header[1:]))
        self._rows: Iterator[Row] = self._table.rows()
        self._known: dict[tuple[str, ...], tuple] = {}

    def __enter__(self) -> TableRows:
        return self

    def __exit__(self, *_: object) -> None:
        self._table.__exit__()

    def take(
        self, position: Mapping[str, int], faults: FileFaults, where: Where = nobody, first: int = 0
    ) -> Records:
        """The facts of the patients at `position`, whose first is the `first` of all.

        The rows of patients who come later (`where`) are left for later; a row of a patient who came
        before, or of none, is a fault.
        """
        found: list[tuple] = []
        known, pick, place = self._known, self._pick, self._id
        for row in self._rows:
            patient = position.get(row[1][place])
            if patient is None:
                if self._is_later(row, where, first, faults):
                    self._rows = chain((row,), self._rows)
                    break
                continue
            fields = pick(row[1])
            values = known.get(fields)
            if values is None:
                values = self._read(row[0], fields, faults)
                if values is None:
                    continue
            found.append((patient, *values))
        return self._form.table.from_rows([] if faults.found else found)

    def _is_later(self, row: Row, where: Where, first: int, faults: FileFaults) -> bool:
        """Whether to stop here; a table that is out of order is not read on either."""
        line, fields = row
        position = where(fields[self._id])
        if position is None:
            faults.at(self._form.file, line, ID, f"no patient of {PATIENTS}", "add the patient there")
        elif position < first:
            faults.at(self._form.file, line, ID, *OUT_OF_ORDER)
        return position is not None

    def _read(self, line: int, fields: tuple[str, ...], faults: FileFaults) -> tuple | None:
        """A row's values, remembered, since most rows repeat one another; None, and its faults, if any."""
        form = self._form
        kinds = form.columns.items()
        values = tuple(read_value(kind, text) for (_, kind), text in zip(kinds, fields, strict=False))
        wrong = [c for (c, kind), value in zip(kinds, values, strict=True) if value is None and kind != TEXT]
        for column in wrong:
            faults.at(form.file, line, column, *EXPECTED[form.columns[column]])
        named = dict(zip(form.header[1:], fields, strict=True))
        meant = [] if wrong else meaning_faults(form, named)
        for column, what, remedy in meant:
            faults.at(form.file, line, column, what, remedy)
        if wrong or meant:
            return None
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[fields] = values
        return values
