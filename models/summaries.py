"""Outcomes and attributes of a group of patients, told only as far as no cell of fewer than ten is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from features.cohort import Texts
from models.reference import SMALLEST_CELL, quantiles

Numbers = NDArray[np.float64]
Index = NDArray[np.int64]
Counts = NDArray[np.int64]
OTHER = "other"
_Z = 1.96


def wilson(rate: float, n: float) -> tuple[float, float]:
    """The 95% interval of a share of `n` (doi:10.1080/01621459.1927.10502953).

    >>> wilson(0.5, 4.0)
    (0.150036, 0.849964)
    """
    centre = (rate + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z * np.sqrt(rate * (1 - rate) / n + _Z**2 / (4 * n**2)) / (1 + _Z**2 / n)
    return round(float(max(centre - half, 0.0)), 6), round(float(min(centre + half, 1.0)), 6)


def event_summary(observed: Numbers) -> dict[str, float] | None:
    """The rate of an event with its 95% interval; None unless ten had it and ten did not.

    >>> event_summary(np.repeat([0.0, 1.0], [30, 10]))
    {'rate': 0.25, 'lower': 0.141866, 'upper': 0.401942}
    """
    known = observed[~np.isnan(observed)]
    n, events = len(known), int((known == 1.0).sum())
    if min(events, n - events) < SMALLEST_CELL:
        return None
    lower, upper = wilson(events / n, n)
    return {"rate": round(events / n, 6), "lower": lower, "upper": upper}


def quantity_summary(observed: Numbers) -> dict[str, float | None] | None:
    """Median and quartiles, each where ten patients lie beyond it; None where not even the median may be."""
    told = quantiles(observed)["quantiles"]
    if not isinstance(told, dict) or "0.5" not in told:
        return None
    return {
        "lower_quartile": _rounded(told.get("0.25")),
        "median": _rounded(told["0.5"]),
        "upper_quartile": _rounded(told.get("0.75")),
    }


def _rounded(value: float | None) -> float | None:
    """Three digits: enough for a patient near others."""
    return None if value is None else float(f"{value:.3g}")


def counted(levels: Texts, groups: Sequence[Index]) -> tuple[tuple[str, ...], Counts]:
    """The levels of an attribute (n,), and how many patients of each group (rows) have each.

    Rare levels count together as `other`.
    """
    names, own = np.unique(_pooled(levels.astype(str)), return_inverse=True)
    counts = np.array([np.bincount(own[rows], minlength=len(names)) for rows in groups], dtype=np.int64)
    return tuple(map(str, names)), counts


def _pooled(levels: Texts) -> Texts:
    """Levels of fewer than ten patients in one, with the next smallest while that has too few."""
    names, counts = np.unique(levels, return_counts=True)
    order = np.argsort(counts, kind="stable")
    pooled, n_pooled = [], 0
    for place in order.tolist():
        if counts[place] >= SMALLEST_CELL and not 0 < n_pooled < SMALLEST_CELL:
            break
        pooled.append(names[place])
        n_pooled += int(counts[place])
    return np.where(np.isin(levels, pooled), OTHER, levels) if pooled else levels
