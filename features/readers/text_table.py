"""Delimited text, plain or gzip, read as text: nothing is guessed, repaired or left out, in bounded memory.

`001` stays `001` and the gene `NA` stays `NA`. Refused: a repeated or missing column, a row of another
width, bytes that are not UTF-8, an embedded NUL, an over-long line or field, gzip that was cut off,
altered or grows out of all measure, and a last line without its end, since that is what a file that was
cut off looks like.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from features.errors import CohortError, Fault
from features.readers.byte_stream import ByteStream
from features.readers.checks import LONGEST_NAME, MOST_FAULTS

LONGEST_LINE = 8_000_000
"""Characters of one line; a matrix of 100,000 samples fits."""

_MOST_COMMENTS = 1_000
_BUFFER = 1 << 18
_NO_END = "a quoted field does not end, or is longer than 131,072 characters"

Row = tuple[int, tuple[str, ...]]


class TextTable:
    """One file, opened for one reading of its rows; use it in a `with`.

    Without a `delimiter` it is a laboratory's table: lines that begin with `#` above the header are kept as
    `comments`, and the header tells whether tabs part the fields (then nothing is quoted) or commas. Where
    `columns_are_patients`, a fault tells of a column by its number.
    """

    def __init__(self, path: Path, delimiter: str | None = None, columns_are_patients: bool = False) -> None:
        self.file = path.name
        self._columns_are_patients = columns_are_patients
        stream = cast(BinaryIO, io.BufferedReader(ByteStream(path, refuse_nul=False), _BUFFER))
        self._text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
        self._was_ended, self._line = True, 0
        self.comments: list[str] = []
        try:
            first = self._next_line() if delimiter else self._after_comments()
            self._reader = csv.reader(self._lines(first), **_dialect(delimiter, first))
            self.columns = self._read_header()
        except BaseException:
            self._text.close()
            raise

    def __enter__(self) -> TextTable:
        return self

    def __exit__(self, *_: object) -> None:
        self._text.close()

    def require(self, needed: Sequence[str], allowed: Sequence[str] | None = None) -> None:
        """Refuse a file that lacks a needed column, or, where `allowed` is given, has another."""
        require_columns(self.file, f"{self.file} line {self._line}", self.columns, needed, allowed)

    def positions(self, wanted: Sequence[str]) -> list[int]:
        """Positions of columns that are there."""
        return [self.columns.index(name) for name in wanted]

    def places(self, wanted: Mapping[str, Sequence[str]], needed: Sequence[str]) -> dict[str, int]:
        """By meaning, the position of the first spelling of its column that the file has.

        Every meaning that is `needed` must be there; the columns that are missing are told together.
        """
        found = {
            meaning: self.columns.index(name)
            for meaning, names in wanted.items()
            for name in [next((n for n in names if n in self.columns), None)]
            if name is not None
        }
        missing = [meaning for meaning in needed if meaning not in found]
        if missing:
            faults = [
                Fault(
                    f"{self.file} line {self._line}", f"no column holds the {m}", f"name it '{wanted[m][0]}'"
                )
                for m in missing
            ]
            raise CohortError(f"{self.file} has not the columns it needs", faults)
        return found

    def rows(self) -> Iterator[Row]:
        """Each row's first line (from 1) and its fields; a row of another width is refused."""
        width, line = len(self.columns), self._line + 1
        for fields in self._guarded():
            if len(fields) != width:
                what = f"{len(fields)} fields where the header names {width}"
                raise self._refusal(
                    line, what, "quote a field that holds the delimiter; check that the file is whole"
                )
            yield line, tuple(fields)
            line = self._line + 1
        if not self._was_ended:
            what = "the last line has no end, as in a file that was cut off"
            raise self._refusal(self._line, what, "obtain the whole file, or end its last line")

    def _after_comments(self) -> str:
        line = self._next_line()
        while line.startswith("#"):
            self.comments.append(line)
            if len(self.comments) > _MOST_COMMENTS:
                what = "no header among the first thousand lines"
                raise self._refusal(self._line, what, "name the columns")
            line = self._next_line()
        return line

    def _read_header(self) -> tuple[str, ...]:
        columns = next(self._guarded(), None)
        if not columns or not any(columns):
            what = "there is no header"
            raise self._refusal(max(self._line, 1), what, "name the columns in the first line")
        repeated = len(columns) - len(set(columns))
        if repeated or "" in columns:
            again = next(n for n, times in Counter(columns).most_common(1) if times > 1) if repeated else ""
            named = (
                columns.index(again) + 1
                if self._columns_are_patients and again
                else f"'{again[:LONGEST_NAME]}'"
            )
            what = f"the column {named} is repeated" if again else "a column has no name"
            raise self._refusal(self._line, what, "give each column a name of its own")
        return tuple(columns)

    def _lines(self, first: str) -> Iterator[str]:
        line = first
        while line:
            yield line
            line = self._next_line()

    def _next_line(self) -> str:
        try:
            line = self._text.readline(LONGEST_LINE)
        except UnicodeDecodeError as error:
            raise self._refusal(self._line + 1, "not UTF-8 text", "save the file as UTF-8") from error
        self._line += bool(line)
        if line:
            self._was_ended = line.endswith(("\n", "\r"))
        if "\0" in line:
            raise self._refusal(self._line, "an embedded NUL", "save the file as plain text")
        if not self._was_ended and len(line) >= LONGEST_LINE:
            raise self._refusal(
                self._line, f"the line is longer than {LONGEST_LINE:,} characters", "check the file"
            )
        return line

    def _guarded(self) -> Iterator[list[str]]:
        try:
            yield from self._reader
        except csv.Error as error:
            raise self._refusal(
                self._line, _NO_END, "check the quotes, and that the file is whole"
            ) from error

    def _refusal(self, line: int, what: str, remedy: str) -> CohortError:
        return CohortError(f"{self.file} cannot be read", [Fault(f"{self.file} line {line}", what, remedy)])


def require_columns(
    file: str, where: str, columns: Sequence[str], needed: Sequence[str], allowed: Sequence[str] | None
) -> None:
    """Refuse columns that lack a needed one, or, where `allowed` is given, hold another."""
    has = set(columns)
    missing = [Fault(where, f"the column '{n}' is missing", f"add '{n}'") for n in needed if n not in has]
    strange = [] if allowed is None else sorted(has - set(allowed))
    unknown = [
        Fault(where, f"the column '{name[:LONGEST_NAME]}' is not known here", "leave it out")
        for name in strange[:MOST_FAULTS]
    ]
    if missing or unknown:
        raise CohortError(f"{file} has not the columns it needs", [*missing, *unknown])


def _dialect(delimiter: str | None, header: str) -> dict[str, Any]:
    """What `csv` is told of the delimiter and the quotes."""
    if delimiter is None and "\t" in header:
        return {"delimiter": "\t", "quoting": csv.QUOTE_NONE}
    return {"delimiter": delimiter or ",", "strict": True}
