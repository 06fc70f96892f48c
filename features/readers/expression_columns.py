"""Expression matrices as Parquet: texts are ids, the rest numbers; sizes are checked before reading."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import CohortError, DataError, Fault
from features.readers.byte_stream import refuse_unless_regular
from features.readers.expression_text import as_numbers, filler
from features.readers.raw_matrix import (
    ID_COLUMNS,
    LENGTH_COLUMNS,
    OTHER_COLUMNS,
    Table,
    refuse_too_many,
)

_LARGEST_BYTES_A_CELL = 64
_TEXTS = frozenset(kind.id for kind in (pa.string(), pa.large_string()))
_NUMBERS = frozenset(
    kind.id
    for kind in (
        pa.float64(), pa.float32(), pa.int8(), pa.int16(), pa.int32(), pa.int64(),
        pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(),
    )
)  # fmt: skip


def read_parquet(path: Path) -> Table:
    """The table of a Parquet file whose ids stand in columns of text, or in its index."""
    refuse_unless_regular(path)
    try:
        with pq.ParquetFile(path) as file:
            kinds = _kinds(path.name, file)
            wanted = None if kinds.n_other == 0 else [kinds.names[i] for i in kinds.wanted]
            columns = file.read(columns=wanted, use_pandas_metadata=False).columns
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        what = "not a Parquet file, or a damaged one"
        raise DataError(
            f"{path.name} cannot be read", [Fault(path.name, what, "obtain the whole file")]
        ) from error
    column_of = dict(zip(kinds.wanted, columns, strict=True))
    ids = [["" if i is None else i for i in column_of[place].to_pylist()] for place in kinds.texts]
    return Table(
        path.name,
        tuple(kinds.names[i] for i in kinds.numbers),
        tuple(i + 1 for i in kinds.numbers),
        tuple(zip(*ids, strict=True)),
        1,
        None if kinds.length is None else as_numbers(column_of[kinds.length]),
        filler([column_of[i] for i in kinds.numbers]),
    )


@dataclass(frozen=True)
class _Kinds:
    """The columns of a file, and the positions of those that hold ids, numbers and lengths."""

    names: list[str]
    texts: list[int]
    numbers: list[int]
    length: int | None

    @property
    def wanted(self) -> list[int]:
        """What is read, in the file's order."""
        return sorted([*self.texts, *self.numbers, *([] if self.length is None else [self.length])])

    @property
    def n_other(self) -> int:
        """How many columns are not read."""
        return len(self.names) - len(self.wanted)


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
