"""What a fitted model's answers are made of, in aggregate: importance, and how contributions are spread.

No patient is shown. A feature's contributions are counted in cells of a grid, each of ten patients or more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.matrix import Feature, FeatureMatrix
from models.model_set import ModelSet
from training.redraw import SMALLEST_CELL, draws, figure
from training.statistics import Figure

Numbers = NDArray[np.float64]
_TOP, _CELLS, _NEAR, _N_RESAMPLES, _THIRD = 15, 48, 3, 200, 1.0 / 3.0


@dataclass(frozen=True)
class Cell:
    """Patients whose contribution lies between two ends, how many there are for each step of the grid, and
    where their values of the feature lie from 0, the lowest, to 1; None where fewer than ten are recorded."""

    low: float
    high: float
    n: int
    density: float
    value: float | None


@dataclass(frozen=True)
class Spread:
    """One feature: its mean absolute contribution with a 95% interval, its cells, and the mean contribution
    of patients with a value in the lowest and in the highest third; None of fewer than ten."""

    feature: Feature
    importance: Figure
    cells: tuple[Cell, ...]
    low: float | None
    high: float | None


def spreads(matrix: FeatureMatrix, models: ModelSet) -> tuple[Spread, ...]:
    """The features that contribute most, the strongest first; nothing of a panel or of few patients.

    Intervals redraw patients; what refitting would add is not in them.
    """
    n = len(matrix.values)
    if len(models.models) > 1 or n < 2 * SMALLEST_CELL:
        return ()
    values = np.ascontiguousarray(matrix.values)
    contributions, _ = models.model.blend.contributions(values)
    sizes = np.abs(contributions)
    top = [i for i in np.argsort(-sizes.mean(axis=0), kind="stable")[:_TOP] if sizes[:, i].any()]
    means = draws(n, _N_RESAMPLES) @ sizes[:, top] / n
    low, high = _ends(contributions[:, top])
    found = []
    for column, i in enumerate(top):
        importance = figure(means[:, column])
        if importance is not None:
            cells = cells_of(contributions[:, i], values[:, i], np.linspace(low, high, _CELLS + 1))
            thirds = _thirds(contributions[:, i], _ranks(values[:, i]))
            found.append(Spread(matrix.features[i], importance, cells, *thirds))
    return tuple(found)


def _thirds(contributions: Numbers, ranks: Numbers) -> tuple[float | None, float | None]:
    """The mean contribution where the rank is in the lowest, and in the highest third."""
    ends = (contributions[ranks <= _THIRD], contributions[ranks >= 1.0 - _THIRD])
    low, high = (float(own.mean()) if len(own) >= SMALLEST_CELL else None for own in ends)
    return low, high


def _ends(contributions: Numbers) -> tuple[float, float]:
    """The grid's ends: the mean of the ten lowest and of the ten highest of the widest feature."""
    ordered = np.sort(contributions, axis=0)
    lowest, highest = ordered[:SMALLEST_CELL].mean(axis=0), ordered[-SMALLEST_CELL:].mean(axis=0)
    return float(min(lowest.min(), 0.0)), float(max(highest.max(), 0.0)) or 1e-9


def cells_of(contributions: Numbers, values: Numbers, edges: Numbers) -> tuple[Cell, ...]:
    """How contributions (n,) are spread over the grid; a cell of fewer than ten joins the nearest larger."""
    first = np.clip(np.searchsorted(edges, contributions, side="right") - 1, 0, len(edges) - 2)
    place = _joined(first)
    ranks = _ranks(values)
    cells = []
    for i in np.unique(place):
        own = place == i
        known = ranks[own][~np.isnan(ranks[own])]
        value = round(float(known.mean()), 3) if len(known) >= SMALLEST_CELL else None
        near = first[own & (np.abs(first - i) <= _NEAR)]
        low, high = int(near.min()), int(near.max()) + 1
        n = int(own.sum())
        cells.append(Cell(float(edges[low]), float(edges[high]), n, n / (high - low), value))
    return tuple(cells)


def _joined(place: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cells by patient (n,), the smallest moved into its nearest neighbour until each holds ten."""
    place = place.copy()
    while True:
        cells, counts = np.unique(place, return_counts=True)
        if counts.min() >= SMALLEST_CELL or len(cells) == 1:
            return place
        least = int(np.argmin(counts))
        others = np.delete(cells, least)
        place[place == cells[least]] = others[np.argmin(np.abs(others - cells[least]))]


def _ranks(values: Numbers) -> Numbers:
    """Where each recorded value lies between the lowest, 0, and the highest, 1, by distinct ranks."""
    ranks = np.full(len(values), np.nan)
    known = ~np.isnan(values)
    distinct, place = np.unique(values[known], return_inverse=True)
    if len(distinct) > 1:
        counts = np.bincount(place)
        middle = np.cumsum(counts) - counts / 2.0
        few = len(distinct) <= 5
        ranks[known] = place / (len(distinct) - 1) if few else middle[place] / known.sum()
    return ranks
