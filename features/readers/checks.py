"""The faults of a JSON document, gathered with RFC 6901 pointers; values are never repeated."""

from __future__ import annotations

import math
from typing import TypeGuard

from features.errors import CohortError, Fault

MOST_FAULTS = 100
LONGEST_NAME = 64
_LARGEST_NUMBER = 1e15

Path = tuple[str | int, ...]


class Faults:
    """Collects what is wrong with one or more documents; the first hundred are kept."""

    def __init__(self) -> None:
        self.found: list[Fault] = []
        self.unsaid = 0

    def add(self, path: Path, what: str, remedy: str = "") -> None:
        """One fault at a place in the document."""
        if len(self.found) < MOST_FAULTS:
            self.found.append(Fault(pointer(path), what, remedy))
        else:
            self.unsaid += 1

    @property
    def count(self) -> int:
        """How many were added so far."""
        return len(self.found) + self.unsaid

    def refuse(self, what: str) -> None:
        """Raise everything found, if anything was."""
        if self.found:
            more = f", of which {self.unsaid} are left out" if self.unsaid else ""
            noun = "fault" if self.count == 1 else "faults"
            raise CohortError(f"{self.count} {noun} in the {what}{more}", self.found)


def pointer(path: Path) -> str:
    """The RFC 6901 pointer of a place in a document; over-long names are cut off."""
    steps = (str(step)[:LONGEST_NAME].replace("~", "~0").replace("/", "~1") for step in path)
    return "".join(f"/{step}" for step in steps)


def has_fields(
    value: object, required: frozenset[str], allowed: frozenset[str], path: Path, faults: Faults
) -> TypeGuard[dict[str, object]]:
    """Whether the value is an object with the required fields and no other than the allowed."""
    if type(value) is not dict:
        faults.add(path, "an object is needed here")
        return False
    names = value.keys()
    if required <= names <= allowed:
        return True
    for name in sorted(required - names):
        faults.add(path, f"the field '{name}' is missing", f"add '{name}'")
    for name in sorted(map(str, names - allowed)):
        faults.add((*path, name), "the field is not known here", f"use {', '.join(sorted(allowed))}")
    return False


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a finite number of a sensible size; true and false are not numbers."""
    if type(value) is float:
        return math.isfinite(value)
    return type(value) is int and -_LARGEST_NUMBER <= value <= _LARGEST_NUMBER


def is_text(value: object, longest: int = LONGEST_NAME) -> TypeGuard[str]:
    """Whether a value is a printable text that is neither empty nor over-long."""
    return type(value) is str and 0 < len(value) <= longest and value.isprintable()
