"""A plain table of patients, whichever way it is written: delimited text, or Parquet by its suffix."""

from __future__ import annotations

from pathlib import Path

from features.readers.parquet_table import ParquetTable
from features.readers.text_table import TextTable

PlainTable = TextTable | ParquetTable
PARQUET = ".parquet"


def open_table(path: Path, delimiter: str) -> PlainTable:
    """The table opened for one reading of its rows as texts; `delimiter` is of text only."""
    return ParquetTable(path) if path.suffix == PARQUET else TextTable(path, delimiter)
