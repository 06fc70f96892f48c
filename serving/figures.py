"""What is counted of an answer: coarse figures from which no patient's number can be had back."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

from models.answers import Answers

WIDTHS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)
"""Widths of intervals that are told apart, in the outcome's unit."""

SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Shares of features not recorded that are told apart."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The codes of an answer's notices, its interval's width and the share of its features not recorded.

    `width` and `missing` are ends of classes, never the number itself: a sum of them tells nobody's number.
    """

    codes: frozenset[str]
    width: float | None
    missing: float


def figures_of(answers: Answers, patient: int = 0) -> Figures:
    """What is counted of one patient's answer; `width` is None where no number was given.

    >>> classed(3.2, WIDTHS), classed(0.0, SHARES), classed(1e9, WIDTHS)
    (5.0, 0.0, 1000.0)
    """
    values = answers.values[patient]
    width = float(answers.upper[patient] - answers.lower[patient])
    return Figures(
        frozenset([notice.code for notice in answers.notices[patient]]),
        None if math.isnan(width) else classed(width, WIDTHS),
        classed(np.count_nonzero(np.isnan(values)) / max(len(values), 1), SHARES),
    )


def classed(number: float, ends: tuple[float, ...]) -> float:
    """The upper end of the class that a number falls into; above the last, twice the last."""
    place = bisect_left(ends, number)
    return ends[place] if place < len(ends) else 2 * ends[-1]
