"""The columns of a cohort that nobody has described yet: of a plain table, or of a cohort folder's facts."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from features.cohort import Cohort
from features.errors import CohortError, Fault
from features.readers.byte_stream import refuse_unless_regular
from features.readers.folder import is_cohort_folder, read_folder
from features.readers.plain_table import PARQUET, open_table

MISSING_WORDS = frozenset(
    {
        "NA", "N/A", "n/a", "na", "NaN", "nan", "NULL", "null", "-", "--", ".", "?", "unknown", "Unknown",
        "UNKNOWN", "missing", "ND", "nd", "k.A.", "#N/A",
    }
)  # fmt: skip
"""Texts that are taken to say that nothing was recorded, where they are found."""

CLINICAL, OUTCOME, GROUP = "clinical", "outcomes", "groups"
_SUFFIXES = (".csv", ".tsv", ".txt", PARQUET)
_LONGEST_HEADER = 1_000_000
_DELIMITERS = ",;\t|"
_COMMA = re.compile(r"[+-]?\d+,\d+")


@dataclass(frozen=True)
class FoundColumn:
    """A column's name and its cells, one a patient, None where nothing was recorded.

    Of a cohort folder `section` is the table that holds it; of a plain table it is empty.
    """

    name: str
    cells: tuple[str | None, ...]
    section: str = ""

    @property
    def known(self) -> list[str]:
        """The cells that hold something."""
        return [cell for cell in self.cells if cell is not None]


@dataclass(frozen=True)
class FoundTable:
    """A cohort's columns, and how its file is written; `cohort` is there when it was a cohort folder."""

    folder: Path
    file: str
    delimiter: str
    decimal: str
    missing: tuple[str, ...]
    columns: tuple[FoundColumn, ...]
    n: int
    cohort: Cohort | None = None


def find_columns(path: Path) -> FoundTable:
    """The columns of a cohort folder, of a folder's one table, or of a table."""
    if not path.is_dir():
        return _of_table(path)
    tables = sorted(file for file in path.iterdir() if file.is_file() and file.suffix in _SUFFIXES)
    if is_cohort_folder(path) and len(tables) > 1:
        return _of_cohort(path, read_folder(path))
    return _of_table(_only(path, tables))


def _only(folder: Path, tables: list[Path]) -> Path:
    if len(tables) != 1:
        what = f"it holds {len(tables)} tables ({', '.join(_SUFFIXES)}) and no patients.csv"
        remedy = "name the table itself, or put several together with rxplain import"
        raise CohortError(f"the folder '{folder.name}' cannot be read", [Fault(folder.name, what, remedy)])
    return tables[0]


def _of_table(path: Path) -> FoundTable:
    delimiter = "," if path.suffix == PARQUET else _delimiter(path)
    with open_table(path, delimiter) as table:
        names = table.columns
        rows = [row for _, row in table.rows()]
    if not rows:
        raise CohortError(f"{path.name} holds no patient; give one row a patient")
    said = list(zip(*rows, strict=True))
    missing = tuple(sorted({cell for column in said for cell in column if cell in MISSING_WORDS}))
    decimal = "," if delimiter != "," and any(map(_has_commas, said)) else "."
    columns = tuple(
        FoundColumn(name, tuple(_cell(cell, decimal) for cell in column))
        for name, column in zip(names, said, strict=True)
    )
    return FoundTable(path.parent, path.name, delimiter, decimal, missing, columns, len(rows))


def _delimiter(path: Path) -> str:
    """The delimiter that parts the header into most columns."""
    refuse_unless_regular(path)
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        header = file.readline(_LONGEST_HEADER)
    return max(_DELIMITERS, key=lambda sign: len(next(csv.reader([header], delimiter=sign))))


def _has_commas(column: Sequence[str]) -> bool:
    known = [cell for cell in column if cell and cell not in MISSING_WORDS]
    return bool(known) and sum(bool(_COMMA.fullmatch(cell)) for cell in known) > 0.5 * len(known)


def _cell(text: str, decimal: str) -> str | None:
    if text == "" or text in MISSING_WORDS:
        return None
    return text.replace(",", ".") if decimal == "," and _COMMA.fullmatch(text) else text


def _of_cohort(folder: Path, cohort: Cohort) -> FoundTable:
    names = Counter(row[1] for row in cohort.clinical.rows)
    columns = [_clinical(cohort, name) for name in names]
    for name in dict.fromkeys(cohort.outcomes.name.tolist()):
        values = (None if value != value else repr(value) for value in cohort.outcome(name).tolist())
        columns.append(FoundColumn(name, tuple(values), OUTCOME))
    columns += [FoundColumn(name, tuple(labels), GROUP) for name, labels in cohort.groups.items()]
    return FoundTable(folder, "", ",", ".", (), tuple(columns), len(cohort), cohort)


def _clinical(cohort: Cohort, name: str) -> FoundColumn:
    texts, values = cohort.texts(name).tolist(), cohort.values(name).tolist()
    pairs = zip(texts, values, strict=True)
    cells = tuple(text or (None if value != value else f"{value:g}") for text, value in pairs)
    return FoundColumn(name, cells, CLINICAL)
