"""One item of a reporting list: what is asked, what is answered, and where more is to be found."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

NOT_APPLICABLE = "Not applicable, because "
NOT_STATED = "Not stated by the study"


class Answer(NamedTuple):
    """An answer and where it comes from or can be read at length."""

    text: str
    where: str


@dataclass(frozen=True, slots=True)
class Item:
    """An item as listed, with its answer."""

    reference: str
    topic: str
    asked: str
    answer: str
    where: str

    @property
    def status(self) -> str:
        """`answered`, `not applicable` (which says why) or `not stated`."""
        if self.answer.startswith(NOT_APPLICABLE):
            return "not applicable"
        return "not stated" if self.answer.startswith(NOT_STATED) else "answered"

    def document(self) -> dict[str, str]:
        """The item as plain data."""
        return {**asdict(self), "status": self.status}


def not_applicable(because: str) -> str:
    """The answer to an item that does not apply."""
    return f"{NOT_APPLICABLE}{because}"


def read_items(table: str, answers: Mapping[str, Answer]) -> tuple[Item, ...]:
    """Every item of a table beside this file, with its answer; KeyError where one has none."""
    lines = (Path(__file__).parent / table).read_text(encoding="utf-8").splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return tuple(Item(**row, answer=(own := answers[row["reference"]]).text, where=own.where) for row in rows)
