"""A Parquet table read row by row as the texts that a delimited table would hold, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import CohortError, Fault
from features.readers.byte_stream import refuse_unless_regular
from features.readers.text_table import Row, require_columns

_ROWS = 20_000


class ParquetTable:
    """One file, opened for one reading; a null is an empty text and a whole number has no decimal point."""

    def __init__(self, path: Path) -> None:
        refuse_unless_regular(path)
        self.file = path.name
        try:
            self._parquet = pq.ParquetFile(path)
        except (pa.ArrowInvalid, OSError) as error:
            raise self._refusal("not a Parquet file", "obtain the file again") from error
        self.columns = tuple(self._parquet.schema_arrow.names)
        if len(set(self.columns)) < len(self.columns):
            self._parquet.close()
            raise self._refusal("a column is repeated", "give each column a name of its own")

    def __enter__(self) -> ParquetTable:
        return self

    def __exit__(self, *_: object) -> None:
        self._parquet.close()

    def require(self, needed: Sequence[str], allowed: Sequence[str] | None = None) -> None:
        """Refuse a file that lacks a needed column, or, where `allowed` is given, has another."""
        require_columns(self.file, self.file, self.columns, needed, allowed)

    def rows(self) -> Iterator[Row]:
        """Each row's number (from 1) and its fields."""
        number = 0
        try:
            for batch in self._parquet.iter_batches(_ROWS, use_threads=False):
                for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    number += 1
                    yield number, tuple(map(self._text, row))
        except (pa.ArrowInvalid, OSError) as error:
            raise self._refusal("the data are altered or cut off", "obtain the file again") from error

    def _text(self, cell: object) -> str:
        if cell is None or cell != cell:
            return ""
        if isinstance(cell, float):
            return repr(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
        if isinstance(cell, str | bool | int | date):
            return str(cell)
        raise self._refusal("a column is neither text, number, date nor yes or no", "write it as text")

    def _refusal(self, what: str, remedy: str) -> CohortError:
        return CohortError(f"{self.file} cannot be read", [Fault(self.file, what, remedy)])
