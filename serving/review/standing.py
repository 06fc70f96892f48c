"""Where a patient's value lies among the patients trained on, by the bundle's histograms of ten or more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from markupsafe import Markup

from serving.review.words import feature_value

_FEW, _MANY_ALIKE = 5, 0.25
"""So few inner edges, or so large a cell, tell of counts, scores and flags and not of percentiles."""

_WIDTH, _HEIGHT = 60, 6
Json = Mapping[str, Any]  # Any: a bundle's histogram, whose version may be older


@dataclass(frozen=True, slots=True)
class Standing:
    """The share of patients below the value's cell of the histogram, and up to its end; both in words."""

    below: float
    up_to: float
    words: str
    usual: str = ""

    @property
    def picture(self) -> Markup:
        """All patients as a strip, with the patient's cell marked; the words say the same."""
        left = round(_WIDTH * self.below, 1)
        width = max(round(_WIDTH * (self.up_to - self.below), 1), 2.0)
        return Markup(
            '<svg class="strip" viewBox="0 0 {0} {1}" aria-hidden="true"><rect class="pop-wide" width="{0}" '
            'height="{1}" rx="2"/><rect class="here" x="{2:g}" width="{3:g}" height="{1}" rx="2"/></svg>'
        ).format(_WIDTH, _HEIGHT, min(left, _WIDTH - 2.0), width)


@dataclass(frozen=True, slots=True)
class Context:
    """What is known beside an explanation: histograms by feature, and what stands in for the unrecorded."""

    histograms: Json = field(default_factory=dict)
    filled: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()

    def standing(self, name: str, value: float | None, code: str) -> Standing | None:
        """Where a recorded value of a feature lies; None where the training patients do not tell."""
        found = self.histograms.get(name)
        return None if found is None or value is None else standing_of(found, value, name, code)

    def instead(self, name: str) -> str:
        """What stands in for a feature that was not recorded."""
        if name in self.silent:
            return "read as no"
        return "typical value stands in" if name in self.filled else ""


def standing_of(histogram: Json, value: float, name: str = "", code: str = "1") -> Standing | None:
    """Where a value lies in a histogram; None where the histogram has too few patients to tell.

    >>> standing_of({"edges": [0.5], "shares": [0.8, 0.2]}, 1.0).words
    '20% alike'
    """
    edges, shares = histogram["edges"], histogram["shares"]
    if not shares:
        return None
    cell = sum(value > edge for edge in edges)
    ends = [0.0, *accumulate(shares)]
    below, up_to = min(ends[cell], 1.0), min(ends[cell + 1], 1.0)
    is_few = len(edges) < _FEW or max(shares) > _MANY_ALIKE
    if is_few and all((4.0 * edge).is_integer() for edge in edges):
        return Standing(below, up_to, f"{100 * (up_to - below):.0f}% alike")
    low, high = (feature_value(name, edge, code) for edge in (edges[0], edges[-1]))
    middle = f"{100 * (1.0 - shares[0] - shares[-1]):.0f}%"
    usual = f"The middle {middle} of patients trained on: {low} to {high}"
    return Standing(below, up_to, _percentiles(cell, len(edges), below, up_to), usual)


def _percentiles(cell: int, last: int, below: float, up_to: float) -> str:
    if cell == 0:
        return f"lowest {100 * up_to:.0f}%"
    if cell == last:
        return f"highest {100 * (1.0 - below):.0f}%"
    return f"above {100 * below:.0f}\N{EN DASH}{100 * up_to:.0f}%"
