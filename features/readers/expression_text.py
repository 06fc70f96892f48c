"""Expression matrices as text: CSV, TSV and GCT (1.2, 1.3), plain or gzip, read by Arrow under our own rules.

The first column holds ids and stays text. Nothing is repaired: repeated columns, rows of another width,
numbers that are none and cut-off files are refused, and told by line and column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from features.errors import CohortError, Fault
from features.readers.byte_stream import ByteStream
from features.readers.raw_matrix import Numbers, Table, refuse_too_many
from features.readers.text_layout import (
    BLOCK,
    LONGEST_LINE,
    NO_NUMBER,
    Layout,
    buffered,
    layout_of,
    line_faults,
)

_TURNED = 32
_THREADS = 2


def read_text(path: Path) -> Table:
    """The table of a CSV, TSV or GCT file."""
    with ByteStream(path) as stream:
        text = buffered(stream)
        layout, first = layout_of(path.name, text)
        table = _parsed(layout, first, text)
    if table is None:
        raise CohortError(f"{path.name} cannot be read", line_faults(path, layout))
    n_lines, n_columns = table.num_rows, len(layout.numbers)
    if layout.expected is not None and layout.expected != (n_lines, n_columns):
        what = f"{n_lines} genes by {n_columns} samples, where line 2 announces {layout.expected}"
        raise _refusal(path.name, what, "obtain the whole file")
    refuse_too_many(path.name, n_lines, n_columns)
    column_of = dict(zip(layout.wanted, table.columns, strict=True))
    texts = [column_of[i].to_pylist() for i in layout.texts]
    return Table(
        path.name,
        tuple(layout.columns[i] for i in layout.numbers),
        tuple(i + 1 for i in layout.numbers),
        tuple(zip(*texts, strict=True)),
        layout.header_line + layout.skipped + 1,
        None if layout.length is None else as_numbers(column_of[layout.length]),
        filler([column_of[i] for i in layout.numbers]),
    )


def filler(columns: list[pa.ChunkedArray]) -> Callable[[Numbers, bool], None]:
    """What writes Arrow's columns into a matrix, as its columns or, transposed, as its rows."""

    def fill(out: Numbers, transposed: bool) -> None:
        def copy(start: int) -> None:
            copy_columns(columns[start : start + _TURNED], out, start, transposed)

        with ThreadPoolExecutor(_THREADS) as pool:  # numpy copies outside the interpreter's lock
            list(pool.map(copy, range(0, len(columns), _TURNED)))

    return fill


def copy_columns(columns: Sequence[pa.ChunkedArray], out: Numbers, start: int, transposed: bool) -> None:
    """Write Arrow's columns into those of a matrix from `start` on or, transposed, into its rows."""
    if transposed:
        for place, column in enumerate(columns, start):
            out[place] = as_numbers(column)
        return
    for first in range(0, len(columns), _TURNED):
        part = columns[first : first + _TURNED]
        place = start + first
        out[:, place : place + len(part)] = np.array([as_numbers(column) for column in part]).T


def as_numbers(column: pa.ChunkedArray) -> Numbers:
    """A column as float64, NaN where it is null."""
    return np.asarray(column.to_numpy(), dtype=np.float64)


def _parsed(layout: Layout, first: bytes, text: BinaryIO) -> pa.Table | None:
    """Ids as text and the rest as numbers, in the order of `wanted`; None when a line does not fit.

    Arrow is given blocks of whole lines that lie in memory, never a stream of ours: read in Arrow's threads,
    one that refuses its file brings the process down.
    """
    types = {str(i): pa.string() if i in layout.texts else pa.float64() for i in layout.wanted}
    names = [str(i) for i in range(len(layout.columns))]
    parse = arrow_csv.ParseOptions(delimiter=layout.delimiter, quote_char='"' if layout.quoted else False)
    convert = arrow_csv.ConvertOptions(
        column_types=types, include_columns=list(types), null_values=list(NO_NUMBER)
    )
    tables = []
    for block in _blocks(layout, first, text):
        read = arrow_csv.ReadOptions(block_size=len(block) + 1, column_names=names)
        try:
            tables.append(arrow_csv.read_csv(pa.BufferReader(block), read, parse, convert))
        except pa.ArrowInvalid:
            return None
    return pa.concat_tables(tables) if tables else None


def _blocks(layout: Layout, first: bytes, text: BinaryIO) -> Iterator[bytes]:
    """The data in blocks of whole lines."""
    left = first
    while chunk := text.read(BLOCK):
        left += chunk
        if len(left) > LONGEST_LINE + BLOCK:
            raise _refusal(layout.file, "a line is over-long", "check that lines end, and where")
        end = left.rfind(b"\n") + 1
        block, left = left[:end], left[end:]
        if block.strip():
            yield block
    if left.strip():
        if not left.endswith((b"\n", b"\r")):
            what = "the last line has no end, as in a file that was cut off"
            raise _refusal(layout.file, what, "obtain the whole file, or end its last line")
        yield left


def _refusal(file: str, what: str, remedy: str) -> CohortError:
    return CohortError(f"{file} cannot be read", [Fault(file, what, remedy)])
