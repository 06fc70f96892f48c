"""What acting on the answers would do: net benefit over thresholds, and consequences for 100 patients.

Net benefit counts those rightly acted on, less those wrongly acted on at the odds of the threshold
(Vickers and Elkin 2006, doi:10.1177/0272989X06295361). Of quantities the consequences are how many answers
lie within 20% of what was observed, and how many are more than that too low or too high.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.holdout import MODEL
from training.redraw import SMALLEST_CELL, Rows, draws, figure, figures, redrawn

Numbers = NDArray[np.float64]
Mask = NDArray[np.bool_]
THRESHOLDS = np.round(np.arange(0.05, 0.825, 0.025), 3)
WITHIN = 0.2
_ROUND = 6


def net_benefit(observed: Numbers, acted: Mask, threshold: float) -> float:
    """Net benefit of acting (n,) or not, where what happened (n,) is 0 or 1.

    >>> net_benefit(np.array([1.0, 1.0, 0.0, 0.0]), np.array([True, False, True, False]), 0.2)
    0.1875
    """
    return float(_benefits(observed, acted[:, None], np.array([threshold])).mean(axis=0)[0])


def _benefits(observed: Numbers, acted: Mask, thresholds: Numbers) -> Numbers:
    """Each patient's part (n, thresholds) in the net benefit."""
    odds = thresholds / (1.0 - thresholds)
    return np.asarray(np.where(acted, np.where(observed[:, None] > 0.5, 1.0, -odds), 0.0))


def decision_section(rows: Rows, named: Sequence[float], comparator: str | None) -> dict[str, object]:
    """Of probabilities: `curve` over thresholds beside treating all, none and by `comparator`, and
    `consequences` at the thresholds `named`, or at the rate of the event where none is."""
    if rows.n_patients < SMALLEST_CELL:
        return {}
    drawn, rate = draws(rows.n), float(rows.observed.mean())
    asked = list(named) or [round(rate, 3)]
    curve = _curve(rows, drawn, comparator)
    told: dict[str, object] = {
        "n": rows.n_patients,
        "event_rate": round(rate, _ROUND),
        "comparator": comparator,
        "named_by_study": bool(named),
        "curve": curve,
    }
    return told | {"consequences": [_consequences(rows, drawn, threshold) for threshold in asked]}


def _curve(rows: Rows, drawn: Numbers, comparator: str | None) -> list[dict[str, object]]:
    def benefit(acted: Mask) -> Numbers:
        return redrawn(rows, _benefits(rows.observed, acted, THRESHOLDS), drawn)

    own = benefit(rows.answers[MODEL][:, None] >= THRESHOLDS)
    everybody = benefit(np.ones((len(rows.observed), len(THRESHOLDS)), dtype=bool))
    gain = own - np.maximum(everybody, 0.0)
    other = None if comparator is None else benefit(rows.answers[comparator][:, None] >= THRESHOLDS)
    points = []
    for i, threshold in enumerate(THRESHOLDS.tolist()):
        point: dict[str, object] = {
            "threshold": threshold,
            "model": figure(own[:, i]),
            "all": round(float(everybody[0, i]), _ROUND),
            "none": 0.0,
            "gain": figure(gain[:, i]),
        }
        if other is not None:
            point["comparator"] = round(float(other[0, i]), _ROUND)
        points.append(point)
    return points


def _consequences(rows: Rows, drawn: Numbers, threshold: float) -> dict[str, object]:
    """Of 100 patients, how many are acted on, rightly and wrongly, and how many events are missed."""
    event, acted = rows.observed > 0.5, rows.answers[MODEL] >= threshold
    cells = np.column_stack([acted, acted & event, acted & ~event, ~acted & event, ~acted & ~event])
    names = ("acted_on", "rightly", "wrongly", "missed", "rightly_spared")
    benefit = redrawn(rows, _benefits(rows.observed, acted[:, None], np.array([threshold])), drawn)
    told = figures(names, 100.0 * redrawn(rows, cells.astype(np.float64), drawn))
    return {"threshold": threshold, **told, "net_benefit": figure(benefit[:, 0])}


def dose_section(rows: Rows) -> dict[str, object]:
    """Of quantities, by who answered: percent of answers within 20%, more too low, and more too high."""
    if rows.n_patients < SMALLEST_CELL:
        return {}
    drawn, names = draws(rows.n), ("within", "too_low", "too_high")
    told = {}
    for who, answered in rows.answers.items():
        error, bound = answered - rows.observed, WITHIN * rows.observed
        cells = np.column_stack([np.abs(error) <= bound, error < -bound, error > bound])
        told[who] = figures(names, 100.0 * redrawn(rows, cells.astype(np.float64), drawn))
    return {"n": rows.n_patients, "by": told}
