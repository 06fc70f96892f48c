"""How a text matrix is laid out (delimiter, header, id columns, sizes), and what is wrong with its lines."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, cast

from features.errors import CohortError, Fault
from features.readers.byte_stream import ByteStream
from features.readers.file_faults import number_of
from features.readers.raw_matrix import ID_COLUMNS, LENGTH_COLUMNS, OTHER_COLUMNS

BLOCK = 1 << 24
LONGEST_LINE = 64_000_000
MOST_COLUMNS = 200_000
MOST_FAULTS = 100
NO_NUMBER = ("", "NA", "N/A", "NaN", "nan", "null", "NULL")
"""What stands where nothing was measured."""

_MOST_COMMENTS = 1_000


@dataclass(frozen=True)
class Layout:
    """How the lines of a file are to be read; `skipped` lines stand between the header and the data."""

    file: str
    delimiter: str
    quoted: bool
    columns: tuple[str, ...]
    meta: frozenset[int]
    header_line: int
    skipped: int
    expected: tuple[int, int] | None

    @cached_property
    def texts(self) -> tuple[int, ...]:
        """The columns that hold ids, the first one first."""
        return (0, *(i for i, c in enumerate(self.columns) if i and c.strip().lower() in ID_COLUMNS))

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """The columns of the matrix itself."""
        beside = OTHER_COLUMNS | LENGTH_COLUMNS
        rest = (
            set(self.texts)
            | self.meta
            | {i for i, c in enumerate(self.columns) if c.strip().lower() in beside}
        )
        return tuple(i for i in range(len(self.columns)) if i not in rest)

    @cached_property
    def wanted(self) -> tuple[int, ...]:
        """The columns that are read, in the file's order."""
        return tuple(sorted({*self.texts, *self.numbers, *([] if self.length is None else [self.length])}))

    @cached_property
    def length(self) -> int | None:
        """The column of the transcripts' lengths, if there is one."""
        return next(
            (i for i, c in enumerate(self.columns) if i and c.strip().lower() in LENGTH_COLUMNS), None
        )


def layout_of(file: str, text: BinaryIO) -> tuple[Layout, bytes]:
    """The layout of a text, and what was read beyond its header."""
    line, number = _line(file, text, 1), 1
    version = line.strip()
    if version in ("#1.2", "#1.3"):
        return _gct_layout(file, text, version)
    while line.startswith("#"):
        number += 1
        if number > _MOST_COMMENTS:
            raise _refusal(
                f"{file} line {number}", "no header among the first thousand lines", "name the columns"
            )
        line = _line(file, text, number)
    delimiter = "\t" if "\t" in line else ","
    _refuse_too_wide(f"{file} line {number}", line.count(delimiter))
    columns = _fields(file, line, delimiter, True, number)
    first = _bytes(file, text, number + 1)
    width = len(_fields(file, _decoded(file, first, number + 1), delimiter, True, number + 1))
    if width == len(columns) + 1:  # R leaves out the name of the row names
        columns = ["", *columns]
    return _checked(Layout(file, delimiter, True, tuple(columns), frozenset(), number, 0, None)), first


def _gct_layout(file: str, text: BinaryIO, version: str) -> tuple[Layout, bytes]:
    parts = _line(file, text, 2).split()
    counts = [int(p) for p in parts if p.isascii() and p.isdigit() and len(p) < 10]
    if len(counts) != len(parts) or len(counts) != (2 if version == "#1.2" else 4):
        raise _refusal(
            f"{file} line 2", "the sizes of a GCT matrix are missing", "write rows and columns there"
        )
    n_genes, n_samples, n_row_meta, n_column_meta = counts if len(counts) == 4 else (*counts, 1, 0)
    header = _line(file, text, 3)
    _refuse_too_wide(f"{file} line 3", header.count("\t"))
    columns = tuple(_fields(file, header, "\t", False, 3))
    for skipped in range(n_column_meta):
        _line(file, text, 4 + skipped)
    meta = frozenset(range(1, 1 + n_row_meta))
    layout = Layout(file, "\t", False, columns, meta, 3, n_column_meta, (n_genes, n_samples))
    return _checked(layout), b""


def _checked(layout: Layout) -> Layout:
    where = f"{layout.file} line {layout.header_line}"
    if len(layout.columns) < 2 or not layout.numbers:
        raise _refusal(where, "no column of numbers is named", "separate columns with commas or tabs")
    seen: dict[str, int] = {}
    faults = []
    for place, name in enumerate(layout.columns, 1):
        if name in seen:
            what = f"column {place} has the name of column {seen[name]}"
            faults.append(Fault(where, what, "give each column a name of its own"))
        seen.setdefault(name, place)
    if faults:
        raise CohortError(f"{layout.file} cannot be read", faults[:MOST_FAULTS])
    return layout


def _refuse_too_wide(where: str, n_delimiters: int) -> None:
    """Refuse a header of too many columns before they are told apart."""
    if n_delimiters >= MOST_COLUMNS:
        raise _refusal(where, f"more than {MOST_COLUMNS:,} columns", "split the matrix")


def buffered(stream: ByteStream) -> BinaryIO:
    """A stream that is read by lines and blocks."""
    return cast(BinaryIO, io.BufferedReader(stream, BLOCK))


def line_faults(path: Path, layout: Layout) -> list[Fault]:
    """What is wrong with the lines of a file that Arrow refused, found again slowly."""
    faults: list[Fault] = []
    with ByteStream(path) as stream:
        lines = buffered(stream)
        for number, fields in _rows(layout, lines):
            if len(fields) != len(layout.columns):
                what = f"{len(fields)} fields where the header names {len(layout.columns)}"
                faults.append(Fault(f"{path.name} line {number}", what, "check that the line is whole"))
            else:
                faults += [
                    Fault(
                        f"{path.name} line {number} column {i + 1}",
                        "not a number",
                        "leave empty what is unknown",
                    )
                    for i in layout.numbers
                    if not _is_number(fields[i])
                ]
            if len(faults) >= MOST_FAULTS:
                break
    unknown = Fault(
        path.name, "the text is not a table of numbers", "write one line a gene or patient, in UTF-8"
    )
    return faults[:MOST_FAULTS] or [unknown]


def _rows(layout: Layout, lines: BinaryIO) -> Iterator[tuple[int, list[str]]]:
    before = layout.header_line + layout.skipped
    number = 0
    while line := lines.readline(LONGEST_LINE):
        number += 1
        if number > before and line.strip():
            text = _decoded(layout.file, line, number)
            yield number, _fields(layout.file, text, layout.delimiter, layout.quoted, number)


def _is_number(text: str) -> bool:
    return text in NO_NUMBER or number_of(text.strip()) is not None


def _fields(file: str, line: str, delimiter: str, quoted: bool, number: int) -> list[str]:
    try:
        return next(
            csv.reader(
                [line],
                delimiter=delimiter,
                quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
                strict=quoted,
            ),
            [],
        )
    except csv.Error as error:
        raise _refusal(
            f"{file} line {number}", "a quoted field does not end, or is over-long", "check it"
        ) from error


def _line(file: str, text: BinaryIO, number: int) -> str:
    return _decoded(file, _bytes(file, text, number), number).rstrip("\r\n")


def _bytes(file: str, text: BinaryIO, number: int) -> bytes:
    line = text.readline(LONGEST_LINE)
    if len(line) >= LONGEST_LINE or not line:
        what = "the line is over-long" if line else "the file ends before its data"
        raise _refusal(f"{file} line {number}", what, "give a header line and lines of numbers")
    return line


def _decoded(file: str, line: bytes, number: int) -> str:
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise _refusal(f"{file} line {number}", "not UTF-8 text", "save the file as UTF-8") from error


def _refusal(where: str, what: str, remedy: str) -> CohortError:
    return CohortError(f"{where.split(' line ')[0]} cannot be read", [Fault(where, what, remedy)])
