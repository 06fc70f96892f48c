"""Expression matrices as Parquet: texts are ids, the rest numbers; sizes are checked before reading."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import CohortError, DataError, Fault
from features.readers.byte_stream import refuse_unless_regular
from features.readers.expression_text import as_numbers, copy_columns
from features.readers.raw_matrix import (
    ID_COLUMNS,
    LENGTH_COLUMNS,
    OTHER_COLUMNS,
    Numbers,
    Table,
    refuse_too_many,
)

_LARGEST_BYTES_A_CELL = 64
_AT_ONCE, _TURNED, _THREADS = 1_000, 128, 2  # columns that are decoded, and copied, together
_TEXTS = frozenset(kind.id for kind in (pa.string(), pa.large_string()))
_NUMBERS = frozenset(
    kind.id
    for kind in (
        pa.float64(), pa.float32(), pa.int8(), pa.int16(), pa.int32(), pa.int64(),
        pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(),
    )
)  # fmt: skip


def read_parquet(path: Path) -> Table:
    """The table of a Parquet file whose ids stand in columns of text, or in its index.

    Its numbers are read when they are filled in, some columns at a time, so that they never lie there twice.
    """
    refuse_unless_regular(path)
    with _undamaged(path.name):
        file = pq.ParquetFile(path)
        kinds = _kinds(path.name, file)
        read = _reader(file)
        ids = [["" if i is None else i for i in column.to_pylist()] for column in read(kinds.texts)]
        lengths = None if kinds.length is None else as_numbers(read([kinds.length])[0])

    def fill(out: Numbers, transposed: bool) -> None:
        numbers = kinds.numbers
        with _undamaged(path.name), file, ThreadPoolExecutor(_THREADS) as pool:
            copied: list[Future[None]] = []
            for start in range(0, len(numbers), _AT_ONCE):
                columns = read(numbers[start : start + _AT_ONCE])
                for one in copied:  # the columns before, copied while these were decoded
                    one.result()
                copied = [
                    pool.submit(copy_columns, columns[i : i + _TURNED], out, start + i, transposed)
                    for i in range(0, len(columns), _TURNED)
                ]
            for one in copied:
                one.result()

    return Table(
        path.name,
        tuple(kinds.names[i] for i in kinds.numbers),
        tuple(i + 1 for i in kinds.numbers),
        tuple(zip(*ids, strict=True)),
        1,
        lengths,
        fill,
    )


@contextmanager
def _undamaged(name: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        what = "not a Parquet file, or a damaged one"
        raise DataError(f"{name} cannot be read", [Fault(name, what, "obtain the whole file")]) from error


def _reader(file: pq.ParquetFile) -> Callable[[Sequence[int]], list[pa.ChunkedArray]]:
    """What reads columns by their places in the schema; names would be taken for paths at their dots."""
    first = list(accumulate(map(_n_leaves, file.schema_arrow.types), initial=0))

    def read(places: Sequence[int]) -> list[pa.ChunkedArray]:
        table = file.reader.read_all(column_indices=[first[place] for place in places], use_threads=True)
        if table.num_rows != file.metadata.num_rows or table.num_columns != len(places):
            raise ValueError("columns are lacking, or differ in length")
        return list(table.itercolumns())

    return read


def _n_leaves(kind: pa.DataType) -> int:
    return sum(_n_leaves(kind.field(i).type) for i in range(kind.num_fields)) if kind.num_fields else 1


@dataclass(frozen=True)
class _Kinds:
    """The columns of a file, and the positions of those that hold ids, numbers and lengths."""

    names: list[str]
    texts: list[int]
    numbers: list[int]
    length: int | None


def _kinds(file_name: str, file: pq.ParquetFile) -> _Kinds:
    schema, meta = file.schema_arrow, file.metadata
    names = schema.names
    if len(set(names)) < len(names):
        raise _refusal(file_name, "a column is repeated", "give each column a name of its own")
    texts: list[int] = []
    numbers: list[int] = []
    lengths: list[int] = []
    wrong: list[int] = []
    for place, (name, kind) in enumerate(zip(names, schema.types, strict=True)):
        short = name.strip().lower()
        if kind.id in _TEXTS and (not texts or short in ID_COLUMNS):
            texts.append(place)
        elif kind.id in _NUMBERS and short in LENGTH_COLUMNS:
            lengths.append(place)
        elif short not in OTHER_COLUMNS:
            (numbers if kind.id in _NUMBERS else wrong).append(place)
    faults = [
        Fault(f"{file_name} column '{names[i][:64]}'", "neither an id nor numbers", "leave it out")
        for i in wrong[:100]
    ]
    if not texts or not numbers:
        faults.append(
            Fault(file_name, "a column of ids as text and columns of numbers are needed", "add them")
        )
    if faults:
        raise CohortError(f"{file_name} cannot be read", faults)
    refuse_too_many(file_name, meta.num_rows, len(numbers))
    size = sum(meta.row_group(i).total_byte_size for i in range(meta.num_row_groups))
    if size > _LARGEST_BYTES_A_CELL * (meta.num_rows + 1_000) * len(names):
        raise _refusal(file_name, f"{size:,} bytes are far more than its numbers need", "check the file")
    return _Kinds(names, texts, numbers, lengths[0] if lengths else None)


def _refusal(where: str, what: str, remedy: str) -> CohortError:
    return CohortError(f"{where} cannot be read", [Fault(where, what, remedy)])
