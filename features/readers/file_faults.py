"""The faults of files, told with the file's name, the line (from 1) and the column; never a value."""

from __future__ import annotations

import math

from features.errors import CohortError, Fault
from features.readers.checks import LONGEST_NAME, MOST_FAULTS, Faults


class FileFaults(Faults):
    """Faults of files, told with the file's name, the line (from 1) and the column."""

    def at(self, file: str, line: int | None, column: str | None, what: str, remedy: str = "") -> None:
        """One fault at a place in a file."""
        where = file if line is None else f"{file} line {line}"
        where += "" if column is None else f" column '{column[:LONGEST_NAME]}'"
        if len(self.found) < MOST_FAULTS:
            self.found.append(Fault(where.strip(), what, remedy))
        else:
            self.unsaid += 1

    def take(self, file: str, line: int | None, column: str | None, error: CohortError) -> None:
        """The faults of a check that did not know its place."""
        for fault in error.faults:
            self.at(file, line, column, fault.what, fault.remedy)


def number_of(text: str) -> float | None:
    """A finite number as files write it; None when the text is not one.

    >>> number_of("80.5"), number_of("1e3"), number_of("nan"), number_of("1_000"), number_of(" 1")
    (80.5, 1000.0, None, None, None)
    """
    if not text or not set(text) <= _OF_NUMBERS:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


_OF_NUMBERS = frozenset("0123456789+-.eE")
