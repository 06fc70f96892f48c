"""The rows of OMOP CDM tables as texts, from CSV or Parquet, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import CohortError, Fault
from features.readers.byte_stream import refuse_unless_regular
from features.readers.text_table import TextTable

BATCH = 50_000

Row = tuple[int, dict[str, str]]
"""A row's line (in Parquet: its number, from 1) and its fields; an absent field is empty."""


class OmopFolder:
    """The tables of a folder, by their CDM names in any case, as `.csv` or `.parquet`."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise CohortError(f"'{folder.name}' is no folder; name the folder of the CDM tables")
        self._paths: dict[str, Path] = {}
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() in (".csv", ".parquet"):
                self._note(path.stem.lower(), path)

    def _note(self, table: str, path: Path) -> None:
        if table in self._paths:
            where = f"{self._paths[table].name} and {path.name}"
            raise CohortError(
                f"the table '{table[:64]}' is there twice",
                [Fault(where, "one table in two files", "keep one")],
            )
        refuse_unless_regular(path, follow=False)
        self._paths[table] = path

    def has(self, table: str) -> bool:
        """Whether the folder holds the table."""
        return table in self._paths

    def file(self, table: str) -> str:
        """The table's file name."""
        return self._paths[table].name

    def rows(self, table: str, needed: Sequence[str], others: Sequence[str] = ()) -> Iterator[Row]:
        """The rows of a table, with the needed columns and those others that it has; none without it."""
        path = self._paths.get(table)
        if path is None:
            return iter(())
        read = _parquet_rows if path.suffix.lower() == ".parquet" else _csv_rows
        return read(path, tuple(needed), tuple(others))


def _csv_rows(path: Path, needed: tuple[str, ...], others: tuple[str, ...]) -> Iterator[Row]:
    with TextTable(path, _delimiter(path)) as table:
        place = _places(table.columns, needed, path.name)
        wanted = [(name, place.get(name)) for name in (*needed, *others)]
        for line, fields in table.rows():
            yield line, {name: "" if i is None else fields[i] for name, i in wanted}


def _delimiter(path: Path) -> str:
    """A tab where the header holds one, as Athena writes; otherwise a comma."""
    refuse_unless_regular(path)
    with path.open("rb") as file:
        return "\t" if b"\t" in file.readline(100_000) else ","


def _parquet_rows(path: Path, needed: tuple[str, ...], others: tuple[str, ...]) -> Iterator[Row]:
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            place = _places(names, needed, path.name)
            wanted = {name: names[place[name]] for name in (*needed, *others) if name in place}
            number = 0
            for batch in file.iter_batches(BATCH, columns=list(wanted.values())):
                columns = {name: batch.column(original).to_pylist() for name, original in wanted.items()}
                for i in range(batch.num_rows):
                    number += 1
                    yield (
                        number,
                        {
                            name: _text(columns[name][i]) if name in columns else ""
                            for name in (*needed, *others)
                        },
                    )
    except (pa.ArrowException, OSError) as error:
        fault = Fault(path.name, "not a Parquet file, or a damaged one", "obtain the whole file")
        raise CohortError(f"{path.name} cannot be read", [fault]) from error


def _places(columns: Sequence[str], needed: tuple[str, ...], file: str) -> dict[str, int]:
    lower = [column.lower() for column in columns]
    if len(set(lower)) < len(lower):
        raise CohortError(
            f"{file} cannot be read", [Fault(file, "a column is repeated", "name each column once")]
        )
    missing = [
        Fault(file, f"the column '{name}' is missing", "it is one of CDM 5.4")
        for name in needed
        if name not in lower
    ]
    if missing:
        raise CohortError(f"{file} is no such table of OMOP CDM 5.4", missing)
    return {name: i for i, name in enumerate(lower)}


def _text(value: object) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value)
