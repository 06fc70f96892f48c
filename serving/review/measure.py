"""How an outcome's numbers are said: a quantity in its unit, or a probability in percent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serving.review.words import number, percent, signed, spoken, unit


@dataclass(frozen=True, slots=True)
class Measure:
    """The outcome of an answer: its name, its UCUM unit, and the event if it is a probability."""

    outcome: str
    code: str
    event: str | None = None

    @classmethod
    def of(cls, answer: Mapping[str, Any], unit_code: str) -> Measure:
        """The measure of a recorded answer or ranking."""
        return cls(answer["outcome"], unit_code, answer.get("event"))

    @property
    def is_probability(self) -> bool:
        """Whether the values are probabilities of an event."""
        return self.event is not None

    @property
    def name(self) -> str:
        """What is estimated, in words."""
        return f"chance of {spoken(self.event)}" if self.event else spoken(self.outcome)

    @property
    def unit(self) -> str:
        """The unit in words; none for a bare number and for percent."""
        return unit(self.code)

    def figure(self, value: float) -> str:
        """A value without its unit."""
        return percent(value) if self.is_probability else number(value)

    def said(self, value: float) -> str:
        """A value with its unit."""
        return f"{self.figure(value)} {self.unit}".strip()

    def reached(self, value: float) -> str:
        """A value along the way, always with as many decimals, so that a column of them lines up."""
        return percent(value) if self.is_probability else f"{value:.1f}"

    def interval(self, lower: float | None, upper: float | None) -> str:
        """An interval in words; an end of None is unbounded."""
        match lower, upper:
            case None, None:
                return "unbounded"
            case None, float() | int() as end:
                return f"up to {self.said(end)}"
            case float() | int() as end, None:
                return f"{self.said(end)} or more"
        return f"{self.figure(lower)} to {self.said(upper)}"  # type: ignore[arg-type]

    def difference(self, value: float) -> str:
        """A difference with its sign; of probabilities in percentage points."""
        return signed(100.0 * value if self.is_probability else value, 0 if self.is_probability else 1)

    @property
    def difference_unit(self) -> str:
        """What differences are counted in."""
        return "percentage points" if self.is_probability else self.unit

    def possible(self, outcomes: Sequence[str] | None, level: float) -> str:
        """What the set of possible outcomes says; nothing where there is none."""
        if outcomes is None or self.event is None:
            return ""
        at = f"At {100 * level:g}%"
        if len(outcomes) > 1:
            return f"{at} neither outcome can be ruled out."
        if not outcomes:
            return f"{at} neither outcome fits: hardly any patient trained on was answered like this one."
        return f"{at} only this remains possible: {spoken(outcomes[0])}."
