"""What a report is put together from: sections of panels, each a finding with a figure and a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from training.report_words import Figure, decimals, metric_name
from training.study import Study

Document = Mapping[str, Any]  # Any: a tree of JSON
_BESIDE = 6  # the columns that fit beside a figure


@dataclass(frozen=True)
class Table:
    """A table of text; the first cell of a row names it."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    @property
    def is_words(self) -> list[bool]:
        """Of each column whether it holds words, which read from the left, and not numbers."""
        columns = ([row[i] for row in self.rows if i < len(row)] for i in range(len(self.head)))
        return [any(cell[:1].isalpha() for cell in column) for column in columns]


@dataclass(frozen=True)
class Panel:
    """A finding as a title, the figure that shows it, how to read it, and the numbers behind it."""

    title: str
    figure: Markup | None = None
    caption: str = ""
    tables: Sequence[Table] = ()
    words: Sequence[str] = ()

    @property
    def is_wide(self) -> bool:
        """Whether a table needs the width of the page."""
        return any(len(table.head) > _BESIDE for table in self.tables)


@dataclass(frozen=True)
class Section:
    """A part of the report; `key` is its place on the page."""

    key: str
    heading: str
    lead: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Told:
    """The study and its evaluation, of which nothing is told of fewer than ten patients."""

    study: Study
    document: Document

    @property
    def leading(self) -> str:
        """The metric that is told first."""
        return str(self.document.get("leading", "mae"))

    @property
    def unit(self) -> str:
        """The outcome's unit, nothing where it has none."""
        return "" if self.study.outcome.unit == "1" else self.study.outcome.unit

    @property
    def is_error(self) -> bool:
        """Whether a lower value of the leading metric is better."""
        return self.leading == "mae"

    @property
    def places(self) -> int:
        """The leading metric's decimals."""
        return decimals(self.leading)

    @property
    def outcome(self) -> str:
        """What is predicted, with its unit."""
        name = self.study.outcome.event or self.study.outcome.name.replace("_", " ")
        return f"{name}, {self.unit}" if self.unit else name

    def metric(self, *, short: bool = False) -> str:
        """What the leading metric is called."""
        return metric_name(self.leading, self.unit or "in the outcome's unit", short=short)

    def protocols(self, key: str) -> list[tuple[str, Any]]:
        """What a section of the document says by protocol, without what is empty."""
        found = self.document.get(key)
        return [(name, own) for name, own in found.items() if own] if isinstance(found, Mapping) else []

    def figure(self, found: Mapping[str, Any] | None) -> Figure | None:
        """The leading figure among metrics, if it is told."""
        own = (found or {}).get(self.leading)
        return own if isinstance(own, Mapping) and own.get("value") is not None else None

    def known(self, points: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], Figure]]:
        """The points of a curve that tell the leading figure, each with it."""
        return [(point, own) for point in points if (own := self.figure(point)) is not None]


def protocol_words(study: Study, name: str) -> str:
    """How patients were held out, in words."""
    asked = next((p for p in study.protocols if p.name == name), None)
    if asked is None:
        return name.replace("_", " ")
    if asked.kind == "random":
        return f"{asked.splits} random splits, {100 * asked.test_share:.0f}% held out"
    if asked.kind == "folds":
        return (
            f"{asked.folds} folds, dealt {asked.splits} times" if asked.splits > 1 else f"{asked.folds} folds"
        )
    return f"each {asked.group} held out in turn"


def upper(words: str) -> str:
    """The words with a capital at their start."""
    return words[:1].upper() + words[1:]


def slug(name: str) -> str:
    """A name as it may stand in an id."""
    return "".join(letter if letter.isalnum() else "-" for letter in name)
